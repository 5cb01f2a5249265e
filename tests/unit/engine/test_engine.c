// links: engine
/* Engine files: what is written comes back, byte for byte and the same every time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

#include "engine/records/describe.h"
#include "engine/records/model.h"
#include "engine/verify.h"
#include "support/engine_reseal.h"
#include "support/engine_sample.h"

static char folder[] = "/tmp/octavo-engine-XXXXXX";
static char path[64], other[64];

static int make_folder(void **state) {
    (void)state;
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(path, sizeof path, "%s/a.octavo", folder);
    snprintf(other, sizeof other, "%s/b.octavo", folder);
    return 0;
}

static int remove_folder(void **state) {
    (void)state;
    unlink(path);
    unlink(other);
    return rmdir(folder); /* fails if a temporary is left */
}

static oc_engine_file *open_sample(void) {
    octavo_error error = {0};
    oc_engine_file *file = NULL;
    if (sample_write(path, 4096, &error) != OCTAVO_OK ||
        oc_engine_file_open(path, &file, &error) != OCTAVO_OK) {
        fail_msg("%s", error.message);
    }
    return file;
}

/* Every tensor and section comes back as it was written, and the whole file verifies. */
static void test_round_trip(void **state) {
    (void)state;
    octavo_error error = {0};
    size_t bytes = 0;
    oc_engine_file *file = open_sample();
    assert_string_equal(oc_engine_file_path(file), path);
    assert_int_equal(oc_engine_tensor_count(file), SAMPLE_TENSORS);
    for (int32_t i = 0; i < SAMPLE_TENSORS; i++) {
        const sample_tensor *wanted = &sample_tensors[i];
        const oc_engine_tensor *tensor = oc_engine_tensor_at(file, i);
        uint8_t *written = sample_bytes(i), *read = malloc(wanted->bytes);
        assert_string_equal(tensor->name, wanted->name);
        assert_int_equal(oc_engine_tensor_find(file, wanted->name), i);
        assert_int_equal(tensor->dtype, wanted->dtype);
        assert_int_equal(tensor->rank, wanted->rank);
        assert_memory_equal(tensor->shape, wanted->shape, sizeof tensor->shape);
        assert_int_equal(tensor->bytes, wanted->bytes);
        assert_int_equal(tensor->offset % OC_FORMAT_ALIGNMENT, 0);
        assert_int_equal(oc_engine_read_tensor(file, i, read, &error), OCTAVO_OK);
        assert_memory_equal(read, written, wanted->bytes);
        free(written);
        free(read);
    }
    assert_int_equal(oc_engine_tensor_find(file, "fc"), -1);
    assert_string_equal(oc_engine_section(file, OC_SECTION_CARD, &bytes), SAMPLE_CARD);
    assert_int_equal(bytes, strlen(SAMPLE_CARD));
    assert_string_equal(oc_engine_section(file, OC_SECTION_GRAPH, &bytes), SAMPLE_GRAPH);
    assert_null(oc_engine_section(file, OC_SECTION_TOKENIZER, &bytes));
    assert_int_equal(bytes, 0);
    assert_null(oc_engine_section(file, OC_SECTION_WEIGHTS, &bytes));
    assert_int_equal(oc_engine_verify(file, NULL, NULL, &error), OCTAVO_OK);
    oc_engine_file_close(file);
}

/* The same contents give the same bytes, however they are cut and in whatever order sections come.
 */
static void test_deterministic(void **state) {
    (void)state;
    octavo_error error = {0};
    size_t bytes = 0, again_bytes = 0;
    assert_int_equal(sample_write(path, SIZE_MAX / 2, &error), OCTAVO_OK);
    uint8_t *first = sample_load(path, &bytes);
    const size_t pieces[] = {1, 1000, 16384, 16385};
    for (size_t i = 0; i < OC_COUNT(pieces); i++) {
        assert_int_equal(sample_write(other, pieces[i], &error), OCTAVO_OK);
        uint8_t *again = sample_load(other, &again_bytes);
        assert_int_equal(again_bytes, bytes);
        assert_memory_equal(again, first, bytes);
        free(again);
    }
    free(first);
}

/* The bytes that docs/engine-format.md shows are those of the file that it takes apart. */
static void test_document(void **state) {
    (void)state;
    size_t bytes = 0, text_bytes = 0, shown = 0;
    uint8_t *file = sample_load(TEST_DATA "/corpus/engine/tiny.octavo", &bytes);
    FILE *text = fopen(PROJECT_DIR "/docs/engine-format.md", "r");
    char *line = NULL;
    assert_non_null(file);
    assert_non_null(text);
    while (getline(&line, &text_bytes, text) > 0) {
        char *at = line;
        size_t offset = strtoul(line, &at, 16);
        if (at - line != 8 || strchr(line, '|') == NULL) {
            continue;
        }
        for (char *end; *at != '|'; at = end + strspn(end, " ")) {
            unsigned long byte = strtoul(at, &end, 16);
            assert_true(offset < bytes);
            assert_int_equal(byte, file[offset++]);
            shown++;
        }
    }
    assert_int_equal(shown, 24 * 16 + 10);
    free(line);
    fclose(text);
    free(file);
}

/* The writer still makes the bytes of the committed file: the format has not moved. */
static void test_golden(void **state) {
    (void)state;
    octavo_error error = {0};
    oc_engine_writer *writer = NULL;
    size_t golden_bytes = 0, bytes = 0;
    const float scale = 2.5f;
    const uint8_t codes[6] = {0x38, 0x40, 0x44, 0xb8, 0xc0, 0xc4};
    const int64_t shape[2] = {2, 3};
    assert_int_equal(oc_engine_writer_create(path, &writer, &error), OCTAVO_OK);
    assert_int_equal(oc_engine_writer_begin_tensor(writer, "w", OCTAVO_F8_E4M3, 2, shape, &error),
                     OCTAVO_OK);
    assert_int_equal(oc_engine_writer_append(writer, codes, 6, &error), OCTAVO_OK);
    assert_int_equal(oc_engine_writer_end_tensor(writer, &error), OCTAVO_OK);
    assert_int_equal(oc_engine_writer_begin_tensor(writer, "w_scale", OCTAVO_F32, 0, NULL, &error),
                     OCTAVO_OK);
    assert_int_equal(oc_engine_writer_append(writer, &scale, 4, &error), OCTAVO_OK);
    assert_int_equal(oc_engine_writer_end_tensor(writer, &error), OCTAVO_OK);
    assert_int_equal(oc_engine_writer_section(writer, OC_SECTION_META, "{}", 2, &error), OCTAVO_OK);
    assert_int_equal(
        oc_engine_writer_section(writer, OC_SECTION_GRAPH, "octavo graph 1\n", 15, &error),
        OCTAVO_OK);
    assert_int_equal(oc_engine_writer_finish(writer, &error), OCTAVO_OK);
    oc_engine_writer_free(writer);
    uint8_t *made = sample_load(path, &bytes);
    uint8_t *golden = sample_load(TEST_DATA "/corpus/engine/tiny.octavo", &golden_bytes);
    assert_non_null(golden);
    assert_int_equal(bytes, golden_bytes);
    assert_memory_equal(made, golden, bytes);
    free(made);
    free(golden);
}

/* Any range of rows is what was written there; ranges outside are refused. */
static void test_rows(void **state) {
    (void)state;
    oc_engine_file *file = open_sample();
    for (int32_t i = 0; i < SAMPLE_TENSORS; i++) {
        const oc_engine_tensor *tensor = oc_engine_tensor_at(file, i);
        uint8_t *all = sample_bytes(i), *rows = malloc(tensor->bytes);
        octavo_error error = {0};
        for (int64_t first = 0; first <= tensor->rows; first++) {
            for (int64_t count = 0; count <= tensor->rows - first; count++) {
                size_t bytes = (size_t)count * tensor->row_bytes;
                assert_int_equal(oc_engine_read_rows(file, i, first, count, rows, &error),
                                 OCTAVO_OK);
                assert_memory_equal(rows, all + (size_t)first * tensor->row_bytes, bytes);
            }
        }
        const int64_t wrong[][2] = {{-1, 1},           {0, -1},        {0, tensor->rows + 1},
                                    {tensor->rows, 1}, {1, INT64_MAX}, {INT64_MAX, 1}};
        for (size_t w = 0; w < OC_COUNT(wrong); w++) {
            error = (octavo_error){0};
            assert_int_equal(oc_engine_read_rows(file, i, wrong[w][0], wrong[w][1], rows, &error),
                             OCTAVO_INVALID_ARGUMENT);
            assert_non_null(strstr(error.message, tensor->name));
        }
        free(all);
        free(rows);
    }
    oc_engine_file_close(file);
}

/* A flipped bit in the weights is found by every read that touches its chunk, and by no other. */
static void test_damaged_chunk(void **state) {
    (void)state;
    oc_engine_file *file = open_sample();
    const oc_engine_tensor *tensor = oc_engine_tensor_at(file, SAMPLE_FC);
    uint64_t byte = sizeof(oc_format_front) + tensor->offset + 20 * tensor->row_bytes + 7;
    int descriptor = open(path, O_RDWR | O_CLOEXEC);
    uint8_t value = 0, rows[40 * 1024];
    assert_int_equal(pread(descriptor, &value, 1, (off_t)byte), 1);
    value ^= 0x10;
    assert_int_equal(pwrite(descriptor, &value, 1, (off_t)byte), 1);
    for (int64_t row = 0; row < tensor->rows; row++) {
        octavo_error error = {0};
        bool damaged = row / 16 == 1;
        assert_int_equal(oc_engine_read_rows(file, SAMPLE_FC, row, 1, rows, &error),
                         damaged ? OCTAVO_CORRUPT : OCTAVO_OK);
        if (damaged) {
            assert_non_null(strstr(error.message, "tensor fc.weight, rows 16 to 31: checksum 0x"));
            assert_string_equal(error.path, path);
        }
    }
    octavo_error error = {0};
    assert_int_equal(oc_engine_read_tensor(file, SAMPLE_FC, rows, &error), OCTAVO_CORRUPT);
    error = (octavo_error){0};
    assert_int_equal(oc_engine_verify(file, NULL, NULL, &error), OCTAVO_CORRUPT);
    /* Opening does not read the weights. */
    oc_engine_file *again = NULL;
    error = (octavo_error){0};
    assert_int_equal(oc_engine_file_open(path, &again, &error), OCTAVO_OK);
    oc_engine_file_close(again);
    /* A file cut short while it is open is an error too, not a fault. */
    assert_int_equal(ftruncate(descriptor, 2000), 0);
    assert_int_equal(oc_engine_read_tensor(file, SAMPLE_LONG, rows, &error), OCTAVO_IO);
    close(descriptor);
    oc_engine_file_close(file);
}

typedef struct racer {
    pthread_t thread;
    const oc_engine_file *file;
    const uint8_t *wanted;
    uint32_t seed;
    int wrong;
} racer;

static void *race(void *context) {
    racer *self = context;
    static _Thread_local uint8_t rows[40 * 1024];
    for (int i = 0; i < 2000; i++) {
        self->seed = self->seed * 1664525u + 1013904223u;
        int64_t first = self->seed >> 8 & 31, count = 1 + (self->seed >> 16) % 9;
        self->wrong +=
            oc_engine_read_rows(self->file, SAMPLE_FC, first, count, rows, NULL) != OCTAVO_OK ||
            memcmp(rows, self->wanted + first * 1024, (size_t)count * 1024) != 0;
    }
    return NULL;
}

/* Threads read one file at once without getting in each other's way. */
static void test_threads(void **state) {
    (void)state;
    oc_engine_file *file = open_sample();
    uint8_t *wanted = sample_bytes(SAMPLE_FC);
    racer racers[4];
    for (uint32_t i = 0; i < OC_COUNT(racers); i++) {
        racers[i] = (racer){.file = file, .wanted = wanted, .seed = i};
        assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
    }
    for (size_t i = 0; i < OC_COUNT(racers); i++) {
        pthread_join(racers[i].thread, NULL);
        assert_int_equal(racers[i].wrong, 0);
    }
    free(wanted);
    oc_engine_file_close(file);
}

static int32_t count_progress(void *user, const char *what, uint64_t done, uint64_t total) {
    uint64_t *latest = user;
    assert_string_equal(what, "verify");
    assert_true(done > latest[0] && done <= total);
    latest[0] = done;
    latest[1] = total;
    return 0;
}

/* The figures for `inspect` add up to the file, and verifying says how far it is. */
static void test_describe(void **state) {
    (void)state;
    oc_engine_file *file = open_sample();
    octavo_error error = {0};
    oc_engine_facts facts;
    uint64_t latest[2] = {0, 0}, wanted = 0;
    oc_engine_describe(file, &facts);
    for (int32_t i = 0; i < SAMPLE_TENSORS; i++) {
        wanted += sample_tensors[i].bytes;
    }
    assert_int_equal(facts.major, OC_FORMAT_MAJOR);
    assert_int_equal(facts.tensor_bytes, wanted);
    assert_int_equal(facts.section_count, 6);
    assert_string_equal(facts.sections[0].kind->name, "WEIGHTS");
    assert_int_equal(facts.dtype_count, 4);
    assert_int_equal(facts.dtypes[0].dtype, OCTAVO_F32);
    assert_int_equal(facts.dtypes[0].tensors, 2);
    assert_int_equal(facts.dtypes[0].bytes, 40004);
    uint64_t padding = facts.file_bytes - facts.model_bytes - facts.record_bytes;
    assert_true(padding < 64 * 6);
    assert_int_equal(oc_engine_verify(file, count_progress, latest, &error), OCTAVO_OK);
    assert_int_equal(latest[0], wanted);
    assert_int_equal(latest[1], wanted);
    oc_engine_file_close(file);
}

/* The stored graph comes with its constants tied to tensors of the same type, or not at all. */
static void test_graph(void **state) {
    (void)state;
    oc_engine_file *file = open_sample();
    octavo_error error = {0};
    oc_graph graph;
    size_t bytes = 0;
    oc_graph_init(&graph);
    if (oc_engine_graph(file, &graph, &error) != OCTAVO_OK) {
        fail_msg("%s", error.message);
    }
    assert_int_equal(graph.tensor_count, 1);
    assert_int_equal(graph.tensors[0].source, 1);
    oc_graph_free(&graph);
    oc_engine_file_close(file);

    static const struct {
        const char *from, *to, *message;
    } cases[] = {
        {"\"fc.bias\" F16[5]", "\"fc.bias\" F16[6]", "tensor fc.bias is F16[5], the graph wants"},
        {"\"fc.bias\" F16[5]", "\"fc.biaz\" F16[5]", "the graph names tensor fc.biaz"},
        {"octavo graph", "octavo grape", "graph text"},
    };
    for (size_t i = 0; i < OC_COUNT(cases); i++) {
        assert_int_equal(sample_write(path, 4096, &error), OCTAVO_OK);
        uint8_t *data = sample_load(path, &bytes);
        char *at = memmem(data, bytes, SAMPLE_GRAPH, strlen(SAMPLE_GRAPH));
        at = strstr(at, cases[i].from);
        memcpy(at, cases[i].to, strlen(cases[i].to));
        if (i == 0) {
            memcpy(strstr(at, "F16[5] \"bias\""), "F16[6]", 6);
        }
        engine_reseal(data, bytes);
        FILE *out = fopen(path, "wb");
        assert_int_equal(fwrite(data, 1, bytes, out), bytes);
        fclose(out);
        free(data);
        assert_int_equal(oc_engine_file_open(path, &file, &error), OCTAVO_OK);
        octavo_error wrong = {0};
        assert_int_equal(oc_engine_graph(file, &graph, &wrong), OCTAVO_CORRUPT);
        assert_non_null(strstr(wrong.message, cases[i].message));
        assert_int_equal(graph.node_count, 0);
        oc_engine_file_close(file);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_deterministic),
        cmocka_unit_test(test_golden),     cmocka_unit_test(test_document),
        cmocka_unit_test(test_rows),       cmocka_unit_test(test_damaged_chunk),
        cmocka_unit_test(test_threads),    cmocka_unit_test(test_describe),
        cmocka_unit_test(test_graph),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
