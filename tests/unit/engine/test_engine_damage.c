// links: engine
/* Engine files that are cut, flipped, forged or from the future: each gets one clear sentence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/mman.h>
#include <sys/stat.h>

#include "engine/verify.h"
#include "support/engine_reseal.h"
#include "support/engine_sample.h"

/* The sample in memory, and a memory file under a name for what tests make of it. */
static uint8_t *sample;
static size_t sample_size;
static int descriptor = -1;
static char path[32];

static int make_sample(void **state) {
    (void)state;
    char folder[] = "/tmp/octavo-engine-XXXXXX", name[64];
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(name, sizeof name, "%s/a.octavo", folder);
    if (sample_write(name, 4096, NULL) == OCTAVO_OK) {
        sample = sample_load(name, &sample_size);
    }
    unlink(name);
    rmdir(folder);
    descriptor = memfd_create("engine", MFD_CLOEXEC);
    snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
    return sample == NULL || descriptor < 0 ? -1 : 0;
}

static int free_sample(void **state) {
    (void)state;
    close(descriptor);
    free(sample);
    return 0;
}

static void put(const uint8_t *data, size_t bytes) {
    assert_int_equal(ftruncate(descriptor, 0), 0);
    assert_int_equal(pwrite(descriptor, data, bytes, 0), (ssize_t)bytes);
}

/* Opens and verifies what is in the memory file. */
static octavo_status check_file(octavo_error *error) {
    oc_engine_file *file = NULL;
    *error = (octavo_error){0};
    octavo_status status = oc_engine_file_open(path, &file, error);
    if (status == OCTAVO_OK) {
        status = oc_engine_verify(file, NULL, NULL, error);
    } else {
        assert_null(file);
    }
    oc_engine_file_close(file);
    if (status != OCTAVO_OK) {
        assert_int_equal(error->status, status);
        assert_string_equal(error->path, path);
        assert_int_not_equal(error->message[0], 0);
    }
    return status;
}

/* A copy of the sample to be changed, its front as a struct. */
static uint8_t *copy_sample(void) {
    uint8_t *copy = malloc(sample_size);
    assert_non_null(copy);
    memcpy(copy, sample, sample_size);
    return copy;
}

static oc_format_front *front_of(uint8_t *file) {
    return (oc_format_front *)(void *)file;
}

static oc_format_section *section_of(uint8_t *file, oc_section_type type) {
    oc_format_section *section = front_of(file)->sections;
    while (section->type != type) {
        section++;
    }
    return section;
}

static oc_format_tensors *tensors_of(uint8_t *file) {
    return (oc_format_tensors *)(void *)(file + section_of(file, OC_SECTION_TENSORS)->offset);
}

static oc_format_tensor *tensor_of(uint8_t *file, int32_t index) {
    return (oc_format_tensor *)(tensors_of(file) + 1) + index;
}

static char *names_of(uint8_t *file) {
    oc_format_tensors *head = tensors_of(file);
    return (char *)tensor_of(file, (int32_t)head->count) + head->chunk_count * sizeof(uint64_t);
}

/* Seals the changed copy, frees it, and wants the status and sentence that it must get. */
static void expect(uint8_t *file, octavo_status status, const char *message) {
    octavo_error error;
    engine_reseal(file, sample_size);
    put(file, sample_size);
    free(file);
    octavo_status got = check_file(&error);
    if (got != status || strstr(error.message, message) == NULL) {
        fail_msg("got status %d '%s', wanted %d '%s'", got, error.message, status, message);
    }
}

/* The tool of these tests changes nothing in a sound file. */
static void test_reseal(void **state) {
    (void)state;
    uint8_t *file = copy_sample();
    engine_reseal(file, sample_size);
    assert_memory_equal(file, sample, sample_size);
    expect(file, OCTAVO_OK, "");
}

/* Every shorter file is refused, and behind the front the sentence has both sizes. */
static void test_truncation(void **state) {
    (void)state;
    octavo_error error;
    char both[64];
    for (size_t bytes = 0; bytes < sample_size; bytes += bytes < 1100 ? 1 : 97) {
        put(sample, bytes);
        assert_int_equal(check_file(&error), OCTAVO_CORRUPT);
        if (bytes >= sizeof(oc_format_front)) {
            snprintf(both, sizeof both, "cut short: header says %zu bytes, file has %zu",
                     sample_size, bytes);
            assert_non_null(strstr(error.message, both));
        }
    }
    put(sample, sample_size);
    assert_int_equal(pwrite(descriptor, "x", 1, (off_t)sample_size), 1);
    assert_int_equal(check_file(&error), OCTAVO_CORRUPT);
    assert_non_null(strstr(error.message, "too long"));
}

/* Every flipped bit of front, tables, padding and small sections is found, and of the weights
 * every bit that is tried. */
static void test_flips(void **state) {
    (void)state;
    const oc_format_section *weights = section_of(sample, OC_SECTION_WEIGHTS);
    octavo_error error;
    put(sample, sample_size);
    for (size_t at = 0; at < sample_size; at++) {
        bool in_weights =
            at >= weights->offset && at < weights->offset + weights->bytes; /* 81 KB of them */
        for (int bit = 0; bit < 8; bit++) {
            if (in_weights && (at % 97 != 0 || bit != 5)) {
                continue;
            }
            uint8_t flipped = sample[at] ^ (uint8_t)(1 << bit);
            assert_int_equal(pwrite(descriptor, &flipped, 1, (off_t)at), 1);
            octavo_status status = check_file(&error);
            if (status != OCTAVO_CORRUPT && status != OCTAVO_UNSUPPORTED) {
                fail_msg("bit %d of byte %zu: status %d '%s'", bit, at, status, error.message);
            }
            assert_int_equal(pwrite(descriptor, &sample[at], 1, (off_t)at), 1);
        }
    }
    assert_int_equal(check_file(&error), OCTAVO_OK);
}

/* What is no engine, or no file, is told from a damaged one. */
static void test_other_files(void **state) {
    (void)state;
    octavo_error error = {0};
    oc_engine_file *file = NULL;
    put((const uint8_t *)"{\"model_type\": \"clip\"}", 22);
    assert_int_equal(check_file(&error), OCTAVO_CORRUPT);
    assert_non_null(strstr(error.message, "is not an engine file but a JSON text"));
    error = (octavo_error){0};
    put((const uint8_t *)"ABCDEFGH more", 13);
    assert_int_equal(check_file(&error), OCTAVO_CORRUPT);
    assert_non_null(strstr(error.message, "is not an engine file: it begins with 41 42 43"));
    error = (octavo_error){0};
    assert_int_equal(oc_engine_file_open("/no/such/file.octavo", &file, &error), OCTAVO_NOT_FOUND);
    assert_string_equal(error.path, "/no/such/file.octavo");
    error = (octavo_error){0};
    assert_int_equal(oc_engine_file_open("/tmp", &file, &error), OCTAVO_IO);
    assert_null(file);
}

/* A newer version is UNSUPPORTED and names both, whatever else it changed; an old one that is not
 * read any more says what to do. */
static void test_versions(void **state) {
    (void)state;
    uint8_t *file = copy_sample();
    front_of(file)->header.minor = OC_FORMAT_MINOR + 1;
    expect(file, OCTAVO_UNSUPPORTED, "has format 1.2, octavo 0.2.0 reads format 1 up to 1.1");
    file = copy_sample();
    front_of(file)->header.minor = 0;
    expect(file, OCTAVO_UNSUPPORTED,
           "has format 1.0, octavo 0.2.0 reads 1.1 and later: build it again");
    file = copy_sample();
    front_of(file)->header.major = 2;
    memset(file + 16, 0xee, 1000);
    put(file, sample_size);
    free(file);
    octavo_error error;
    assert_int_equal(check_file(&error), OCTAVO_UNSUPPORTED);
    assert_non_null(strstr(error.message, "has format 2.1, octavo 0.2.0 reads format 1 up to 1.1"));
}

/* Unknown sections: those that may be ignored are, but verified; others are UNSUPPORTED. */
static void test_unknown_sections(void **state) {
    (void)state;
    uint8_t *file = copy_sample();
    uint64_t card = section_of(file, OC_SECTION_CARD)->offset;
    section_of(file, OC_SECTION_CARD)->type = 77;
    expect(file, OCTAVO_OK, "");
    uint8_t flipped = sample[card] ^ 1;
    octavo_error error;
    assert_int_equal(pwrite(descriptor, &flipped, 1, (off_t)card), 1);
    assert_int_equal(check_file(&error), OCTAVO_CORRUPT);
    assert_non_null(strstr(error.message, "section of type 77: checksum 0x"));

    file = copy_sample();
    section_of(file, OC_SECTION_CARD)->flags = 0;
    section_of(file, OC_SECTION_CARD)->type = 78;
    expect(file, OCTAVO_UNSUPPORTED, "type 78 (flags 0x0) is not known to octavo 0.2.0");
}

/* A section table against the rules, sealed or not, is refused with the values that disagree. */
static void test_section_table(void **state) {
    (void)state;
    uint8_t *file = copy_sample();
    front_of(file)->sections[2].offset -= 64; /* into the section before */
    expect(file, OCTAVO_CORRUPT, "its place is byte");
    file = copy_sample();
    front_of(file)->sections[2].offset += 64; /* a gap */
    expect(file, OCTAVO_CORRUPT, "its place is byte");
    file = copy_sample();
    front_of(file)->sections[2].offset += 1;
    expect(file, OCTAVO_CORRUPT, "its place is byte");
    file = copy_sample();
    front_of(file)->sections[0].bytes += 64; /* over the next one's beginning */
    expect(file, OCTAVO_CORRUPT, "its place is byte");
    file = copy_sample();
    section_of(file, OC_SECTION_CANARIES)->bytes = UINT64_MAX - 100;
    expect(file, OCTAVO_CORRUPT, "bytes from byte");
    file = copy_sample();
    section_of(file, OC_SECTION_CANARIES)->bytes -= 1;
    expect(file, OCTAVO_CORRUPT, "the sections end at byte");
    file = copy_sample();
    front_of(file)->sections[5].bytes = 0;
    expect(file, OCTAVO_CORRUPT, "has 0 bytes");
    file = copy_sample();
    front_of(file)->header.section_count = 0;
    expect(file, OCTAVO_CORRUPT, "lists 0 sections, 1 to 30 can be");
    file = copy_sample();
    front_of(file)->header.section_count = UINT32_MAX;
    expect(file, OCTAVO_CORRUPT, "lists 4294967295 sections");
    file = copy_sample();
    front_of(file)->header.section_count = 7; /* the seventh entry is empty */
    expect(file, OCTAVO_UNSUPPORTED, "type 0");
    file = copy_sample();
    section_of(file, OC_SECTION_CARD)->type = OC_SECTION_META;
    expect(file, OCTAVO_CORRUPT, "flags 0x1, 0x0 is wanted");
    file = copy_sample();
    section_of(file, OC_SECTION_CANARIES)->type = OC_SECTION_META;
    expect(file, OCTAVO_CORRUPT, "are both of type 1");
    file = copy_sample();
    section_of(file, OC_SECTION_GRAPH)->type = OC_SECTION_TOKENIZER;
    expect(file, OCTAVO_CORRUPT, "no section GRAPH");
    file = copy_sample();
    section_of(file, OC_SECTION_GRAPH)->flags = OC_FORMAT_IGNORABLE;
    expect(file, OCTAVO_CORRUPT, "section GRAPH has flags 0x1");
    file = copy_sample();
    front_of(file)->header.zero = 1;
    expect(file, OCTAVO_CORRUPT, "byte 28 of the front is 0x01");
    file = copy_sample();
    front_of(file)->zero[23] = 9;
    expect(file, OCTAVO_CORRUPT, "byte 1015 of the front is 0x09");
    file = copy_sample();
    front_of(file)->sections[6].checksum = 1;
    expect(file, OCTAVO_CORRUPT, "of the front is 0x01");
}

/* Padding between sections and between tensors is zero: there is one file for given contents. */
static void test_padding(void **state) {
    (void)state;
    uint8_t *file = copy_sample();
    const oc_format_section *meta = section_of(file, OC_SECTION_META);
    assert_int_not_equal((meta->offset + meta->bytes) % OC_FORMAT_ALIGNMENT, 0);
    file[meta->offset + meta->bytes] = 1;
    expect(file, OCTAVO_CORRUPT, "of the padding is 0x01");
    file = copy_sample();
    file[section_of(file, OC_SECTION_WEIGHTS)->offset + 4] = 1; /* behind logit_scale */
    expect(file, OCTAVO_CORRUPT, "byte 1028 of the padding is 0x01");
}

/* A tensor table against the rules is refused, the tensor named. */
static void test_tensor_table(void **state) {
    (void)state;
    uint8_t *file = copy_sample();
    tensors_of(file)->count = 0;
    expect(file, OCTAVO_CORRUPT, "lists 0 tensors");
    file = copy_sample();
    tensors_of(file)->count = UINT32_MAX;
    expect(file, OCTAVO_CORRUPT, "lists 4294967295 tensors");
    file = copy_sample();
    tensors_of(file)->count -= 1;
    expect(file, OCTAVO_CORRUPT, "do not fill it");
    file = copy_sample();
    tensors_of(file)->chunk_count = UINT64_MAX / 8 + 1;
    expect(file, OCTAVO_CORRUPT, "do not fill it");
    file = copy_sample();
    tensor_of(file, 2)->dtype = 99;
    expect(file, OCTAVO_UNSUPPORTED, "tensor fc.weight has dtype 99");
    file = copy_sample();
    tensor_of(file, 2)->rank = 5;
    expect(file, OCTAVO_CORRUPT, "tensor fc.weight has rank 5, the limit is 4");
    file = copy_sample();
    tensor_of(file, 2)->shape[1] = -1024;
    expect(file, OCTAVO_CORRUPT, "tensor fc.weight of rank 2 has dimension 1 = -1024");
    file = copy_sample();
    tensor_of(file, 2)->shape[3] = 1;
    expect(file, OCTAVO_CORRUPT, "tensor fc.weight of rank 2 has dimension 3 = 1");
    file = copy_sample();
    tensor_of(file, 2)->shape[0] = INT64_MAX / 2;
    expect(file, OCTAVO_CORRUPT, "does not fit 63 bits");
    file = copy_sample();
    tensor_of(file, 2)->shape[0] += 1;
    expect(file, OCTAVO_CORRUPT, "is said to have 40960 bytes, its shape wants 41984");
    file = copy_sample();
    tensor_of(file, 2)->offset -= 64;
    expect(file, OCTAVO_CORRUPT, "of WEIGHTS, its place is byte");
    file = copy_sample();
    tensor_of(file, 2)->shape[0] = 1; /* fewer chunks, the next tensor elsewhere */
    tensor_of(file, 2)->bytes = 1024;
    expect(file, OCTAVO_CORRUPT, "tensor long is said to be at byte");
    file = copy_sample();
    tensor_of(file, 4)->shape[0] = 2; /* the last one ends too early */
    tensor_of(file, 4)->bytes = 48;
    expect(file, OCTAVO_CORRUPT, "section WEIGHTS has");
    file = copy_sample();
    tensor_of(file, 4)->rank = 1; /* of a size that only a sum over 63 bits betrays */
    memset(tensor_of(file, 4)->shape, 0, 32);
    tensor_of(file, 4)->shape[0] = INT64_MAX / 2;
    tensor_of(file, 4)->bytes = INT64_MAX / 2 * 2;
    expect(file, OCTAVO_CORRUPT, "larger than a file can be");
    file = copy_sample();
    memcpy(tensor_of(file, 4)->shape, (int64_t[]){9000, 1, 2, 2}, 32); /* 3 chunks, 1 hash left */
    tensor_of(file, 4)->bytes = 72000;
    expect(file, OCTAVO_CORRUPT, "hashes are left for 1");
    file = copy_sample();
    memcpy(names_of(file), "fc.bias\0\0\0\0", 11);
    expect(file, OCTAVO_CORRUPT, "the name of tensor 1");
    file = copy_sample();
    names_of(file)[3] = '\n';
    expect(file, OCTAVO_CORRUPT, "the name of tensor 0 is not 1 to 512 printable characters");
    file = copy_sample();
    memcpy(strstr(names_of(file) + 12, "fc.bias"), "AAAAAAA", 7);
    memcpy(names_of(file) + 12 + 8, "AAAAAAA\0", 8);
    expect(file, OCTAVO_CORRUPT, "are both called AAAAAAA");
}

/* Wrong checksums are reported with both values and the byte. */
static void test_checksums(void **state) {
    (void)state;
    octavo_error error;
    uint64_t graph = section_of(sample, OC_SECTION_GRAPH)->offset;
    char place[32];
    put(sample, sample_size);
    assert_int_equal(pwrite(descriptor, "X", 1, (off_t)graph), 1);
    assert_int_equal(check_file(&error), OCTAVO_CORRUPT);
    assert_non_null(strstr(error.message, "section GRAPH: checksum 0x"));
    snprintf(place, sizeof place, "(byte %llu)", (unsigned long long)graph);
    assert_non_null(strstr(error.message, place));
    assert_int_equal(error.offset, graph);
}

/* A file may claim much and be sparse: what is kept in memory has a cap. */
static void test_memory_cap(void **state) {
    (void)state;
    octavo_error error;
    uint8_t *file = copy_sample();
    oc_format_section *last = section_of(file, OC_SECTION_CARD);
    uint64_t size = last->offset + (300u << 20);
    front_of(file)->header.section_count = 5; /* without the canaries */
    memset(last + 1, 0, sizeof *last);
    last->bytes = size - last->offset;
    front_of(file)->header.file_bytes = size;
    front_of(file)->seal = XXH3_64bits(file, offsetof(oc_format_front, seal));
    put(file, sample_size);
    free(file);
    assert_int_equal(ftruncate(descriptor, (off_t)size), 0);
    assert_int_equal(check_file(&error), OCTAVO_CORRUPT);
    assert_non_null(strstr(error.message, "the limit is 268435456"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reseal),        cmocka_unit_test(test_truncation),
        cmocka_unit_test(test_flips),         cmocka_unit_test(test_other_files),
        cmocka_unit_test(test_versions),      cmocka_unit_test(test_unknown_sections),
        cmocka_unit_test(test_section_table), cmocka_unit_test(test_padding),
        cmocka_unit_test(test_tensor_table),  cmocka_unit_test(test_checksums),
        cmocka_unit_test(test_memory_cap),
    };
    return cmocka_run_group_tests(tests, make_sample, free_sample);
}
