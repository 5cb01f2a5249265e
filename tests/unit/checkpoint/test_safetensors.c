// links: checkpoint
/* test_safetensors.c - the .safetensors reader on good and hostile files, and the writer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "checkpoint/files/safetensors_write.h"
#include "checkpoint/files/scan.h"
#include "support/files.h"

/* Reads a copy that is exactly as long, so that a sanitizer sees reading past it. */
static octavo_status read_bytes(const char *bytes, size_t size, oc_safetensors *out,
                                octavo_error *error) {
    char *copy = malloc(size ? size : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    oc_error_clear(error);
    octavo_status status = oc_safetensors_read(copy, size, size, out, error);
    free(copy);
    return status;
}

static void expect_refused(const char *bytes, size_t size, octavo_status wanted, const char *part) {
    oc_safetensors header;
    octavo_error error;
    octavo_status status = read_bytes(bytes, size, &header, &error);
    if (status != wanted || !strstr(error.message, part)) {
        fail_msg("expected status %d and \"%s\", got %d: %s", wanted, part, status, error.message);
    }
    assert_null(header.tensors);
    oc_safetensors_free(&header);
}

/* What a good file says comes out: order by bytes, scalars, empty tensors, metadata, dtypes that
 * octavo has no use for. */
static void test_reads_header(void **state) {
    (void)state;
    oc_safetensors header;
    octavo_error error;
    size_t size;
    char *bytes =
        oc_test_safetensors("{\"b\":{\"dtype\":\"F16\",\"shape\":[2,3],\"data_offsets\":[8,20]},"
                            "\"a\\u0062\":{\"shape\":[],\"data_offsets\":[0,8],\"dtype\":\"F64\"},"
                            "\"none\":{\"dtype\":\"F32\",\"shape\":[4,0],\"data_offsets\":[8,8]},"
                            "\"__metadata__\":{\"format\":\"pt\",\"x\":\"\\\"\\u00e9\"}}   ",
                            20, &size);
    assert_int_equal(read_bytes(bytes, size, &header, &error), OCTAVO_OK);
    assert_int_equal(header.tensor_count, 3);
    const oc_st_tensor *t = header.tensors;
    assert_string_equal(t[0].name, "ab");
    assert_string_equal(t[0].dtype_name, "F64");
    assert_int_equal(t[0].dtype, 0);
    assert_int_equal(t[0].rank, 0);
    assert_string_equal(t[1].name, "none");
    assert_int_equal(t[1].bytes, 0);
    assert_string_equal(t[2].name, "b");
    assert_int_equal(t[2].dtype, OCTAVO_F16);
    assert_int_equal(t[2].shape[1], 3);
    assert_int_equal(t[2].offset, size - 12);
    assert_int_equal(header.metadata_count, 2);
    assert_string_equal(oc_safetensors_metadata(&header, "format"), "pt");
    assert_string_equal(oc_safetensors_metadata(&header, "x"), "\"\xc3\xa9");
    assert_null(oc_safetensors_metadata(&header, "y"));
    oc_safetensors_free(&header);
    free(bytes);
}

#define ENTRY(dtype, shape, begin, end)                                                            \
    "{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" begin "," end "]}"

/* Everything that breaks the format is refused by one sentence that names it. */
static void test_refuses_hostile_headers(void **state) {
    (void)state;
    static const struct {
        const char *header;
        size_t data_bytes;
        octavo_status status;
        const char *part;
    } cases[] = {
        {"{\"a\":" ENTRY("F32", "[2]", "0", "8") ",\"b\":" ENTRY("F32", "[2]", "4", "12") "}", 12,
         OCTAVO_CORRUPT, "tensors a and b overlap"},
        {"{\"a\":" ENTRY("F32", "[2]", "0", "8") ",\"b\":" ENTRY("F32", "[0]", "4", "4") "}", 8,
         OCTAVO_CORRUPT, "overlap"},
        {"{\"a\":" ENTRY("F32", "[2]", "0", "8") ",\"b\":" ENTRY("F32", "[1]", "12", "16") "}", 16,
         OCTAVO_CORRUPT, "before tensor b belong to no tensor"},
        {"{\"a\":" ENTRY("F32", "[2]", "4", "12") "}", 12, OCTAVO_CORRUPT, "belong to no tensor"},
        {"{\"a\":" ENTRY("F32", "[2]", "0", "8") "}", 9, OCTAVO_CORRUPT, "the tensors end at"},
        {"{\"a\":" ENTRY("F32", "[2]", "0", "8") "}", 7, OCTAVO_CORRUPT,
         "a ends at byte 8 of the data, which has 7"},
        {"{\"a\":" ENTRY("F32", "[2]", "0", "9223372036854775807") "}", 8, OCTAVO_CORRUPT,
         "which has 8 bytes"},
        {"{\"a\":" ENTRY("F32", "[2]", "0", "9223372036854775808") "}", 8, OCTAVO_CORRUPT,
         "expected an integer"},
        {"{\"a\":" ENTRY("F32", "[2]", "8", "0") "}", 8, OCTAVO_CORRUPT, "[begin, end]"},
        {"{\"a\":" ENTRY("F32", "[2]", "-8", "0") "}", 8, OCTAVO_CORRUPT, "expected an integer"},
        {"{\"a\":" ENTRY("F32", "[2]", "0", "8,9") "}", 8, OCTAVO_CORRUPT, "[begin, end]"},
        {"{\"a\":" ENTRY("F32", "[3]", "0", "8") "}", 8, OCTAVO_CORRUPT,
         "a is F32 [3], but its offsets span 8 bytes"},
        {"{\"a\":" ENTRY("F32", "[4294967296,4294967296]", "0", "0") "}", 0, OCTAVO_CORRUPT,
         "[4294967296,4294967296], but its offsets span 0"},
        {"{\"a\":" ENTRY("F32", "[-2,-1]", "0", "8") "}", 8, OCTAVO_CORRUPT, "a.shape[0]"},
        {"{\"a\":" ENTRY("F32", "[2.0]", "0", "8") "}", 8, OCTAVO_CORRUPT, "a.shape[0]"},
        {"{\"a\":" ENTRY("F4", "[3]", "0", "1") "}", 1, OCTAVO_CORRUPT, "a is F4 [3]"},
        {"{\"a\":" ENTRY("F32", "[1,1,1,1,1,1,1,1,1]", "0", "4") "}", 4, OCTAVO_UNSUPPORTED,
         "more than 8 dimensions"},
        {"{\"a\":" ENTRY("F33", "[2]", "0", "8") "}", 8, OCTAVO_UNSUPPORTED,
         "tensor a has dtype \"F33\""},
        {"{\"a\":" ENTRY("f32", "[2]", "0", "8") "}", 8, OCTAVO_UNSUPPORTED, "dtype \"f32\""},
        {"{\"a\":" ENTRY("F32", "[0]", "0", "0") ",\"a\":" ENTRY("F32", "[0]", "0", "0") "}", 0,
         OCTAVO_CORRUPT, "a: this key comes twice"},
        {"{\"a\":" ENTRY("F32", "[0]", "0", "0") ",\"\\u0061\":" ENTRY("F32", "[0]", "0", "0") "}",
         0, OCTAVO_CORRUPT, "a: this key comes twice"},
        {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, OCTAVO_CORRUPT, "comes twice"},
        {"{\"__metadata__\":{\"a\":1}}", 0, OCTAVO_CORRUPT, "__metadata__.a"},
        {"{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\"}}", 0, OCTAVO_CORRUPT, "comes twice"},
        {"{\"a\":{\"shape\":[0],\"data_offsets\":[0,0]}}", 0, OCTAVO_CORRUPT, "a has no dtype"},
        {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,0]}}", 0, OCTAVO_CORRUPT, "a has no shape"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[0]}}", 0, OCTAVO_CORRUPT, "a has no data_offsets"},
        {"{\"a\":{\"dtype\":\"F32\",\"strides\":[0]}}", 0, OCTAVO_CORRUPT, "a has no shape"},
        {"{\"a\":{\"dtype\":\"F32\",\"x\":[}}", 0, OCTAVO_CORRUPT, "a.x"},
        {"{\"a\":null}", 0, OCTAVO_CORRUPT, "a: expected"},
        {"{\"__metadata__\":[]}", 0, OCTAVO_CORRUPT, "__metadata__"},
        {"{\"__metadata__\":{\"a\":null}}", 0, OCTAVO_CORRUPT, "__metadata__.a"},
        {"{\"a\":[]}", 0, OCTAVO_CORRUPT, "a: expected"},
        {"{\"\":" ENTRY("F32", "[0]", "0", "0") "}", 0, OCTAVO_UNSUPPORTED, "name of 0 bytes"},
        {"{\"a\\u0000b\":" ENTRY("F32", "[0]", "0", "0") "}", 0, OCTAVO_CORRUPT,
         "control character 0x00"},
        {"{\"a\\nb\":" ENTRY("F32", "[0]", "0", "0") "}", 0, OCTAVO_CORRUPT,
         "control character 0x0a"},
        {"\v{}", 0, OCTAVO_CORRUPT, "does not begin with '{' (byte 8)"},
        {"\xef\xbb\xbf{}", 0, OCTAVO_CORRUPT, "does not begin with '{' (byte 8)"},
        {"  []", 0, OCTAVO_CORRUPT, "does not begin with '{' (byte 10)"},
        {"", 0, OCTAVO_CORRUPT, "does not begin with '{' (byte 8)"},
        {"   ", 0, OCTAVO_CORRUPT, "does not begin with '{' (byte 11)"},
        {"{} x", 0, OCTAVO_CORRUPT, "more follows"},
        {"{\"a\":", 0, OCTAVO_CORRUPT, "breaks off"},
        {"{\"a\xff\":{}}", 0, OCTAVO_CORRUPT, "UTF-8"},
    };
    for (size_t i = 0; i < OC_COUNT(cases); i++) {
        size_t size;
        char *bytes = oc_test_safetensors(cases[i].header, cases[i].data_bytes, &size);
        expect_refused(bytes, size, cases[i].status, cases[i].part);
        free(bytes);
    }
}

/* What the format's own library (0.8) reads is read: white space around the header, metadata that
 * is null, members of an entry that nobody knows. */
static void test_reads_loose_headers(void **state) {
    (void)state;
#define A "\"a\":" ENTRY("F32", "[2]", "0", "8")
    static const char *const headers[] = {
        "   {" A "}",
        "\t\r\n {" A "}\n\t\r ",
        "{\"__metadata__\":null," A "}",
        "{\"a\":{\"x\":{\"y\":[1,{}]},\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
        "{\"a\":{\"strides\":null,\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
    };
#undef A
    for (size_t i = 0; i < OC_COUNT(headers); i++) {
        size_t size;
        octavo_error error;
        oc_safetensors header;
        char *bytes = oc_test_safetensors(headers[i], 8, &size);
        oc_error_clear(&error);
        if (read_bytes(bytes, size, &header, &error)) {
            fail_msg("%s: %s", headers[i], error.message);
        }
        assert_int_equal(header.tensor_count, 1);
        assert_int_equal(header.metadata_count, 0);
        assert_int_equal(header.tensors[0].shape[0], 2);
        assert_int_equal(header.tensors[0].offset, size - 8);
        oc_safetensors_free(&header);
        free(bytes);
    }
}

/* A file that is something else is called by its name, with what to do about it. */
static void test_names_other_kinds(void **state) {
    (void)state;
    static const struct {
        const char *begins, *part;
    } cases[] = {
        {"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "git lfs pull"},
        {"<!DOCTYPE html><html></html>", "a web page"},
        {"<HTML><body>Sign in</body>", "a web page"},
        {"<?xml version=\"1.0\"?><Error>", "an XML document"},
        {"PK\003\004\001\002\003\004archive/data.pkl", "zip archive, such as torch.save"},
        {"\x80\002}q\001(X\005vision", "a Python pickle"},
        {"\x93NUMPY\001\002{'descr'", "a NumPy array"},
        {"GGUF\003\001\001\001\001\001\001", "a GGUF file"},
        {"{\"metadata\": {}}", "a JSON text"},
        {"Invalid username or password.\n", "a text, such as a server's message"},
    };
    for (size_t i = 0; i < OC_COUNT(cases); i++) {
        expect_refused(cases[i].begins, strlen(cases[i].begins), OCTAVO_CORRUPT, cases[i].part);
        expect_refused(cases[i].begins, strlen(cases[i].begins), OCTAVO_CORRUPT,
                       "this is not a .safetensors file but ");
    }
}

/* The length in front is not believed: beyond the file, over the cap, or cut off itself. */
static void test_refuses_header_length(void **state) {
    (void)state;
    char bytes[16] = {9, 0, 0, 0, 0, 0, 0, 0, '{', '}', ' ', ' ', ' ', ' ', ' ', ' '};
    expect_refused(bytes, 16, OCTAVO_CORRUPT, "should have 9 bytes, but the file has 8");
    memset(bytes, 0xff, 8);
    expect_refused(bytes, 16, OCTAVO_CORRUPT, "18446744073709551615 bytes");
    for (size_t size = 1; size < 8; size++) {
        expect_refused(bytes, size, OCTAVO_CORRUPT, "begins with 8 bytes of length");
    }
    expect_refused(bytes, 0, OCTAVO_CORRUPT, "the file is empty");
    size_t large = (size_t)OC_LIMIT_SAFETENSORS_HEADER + 1;
    char *file = calloc(1, large + 8); /* untouched pages cost nothing */
    assert_non_null(file);
    for (size_t i = 0; i < 8; i++) {
        file[i] = (char)(large >> (8 * i));
    }
    octavo_error error;
    oc_safetensors header;
    oc_error_clear(&error);
    assert_int_equal(oc_safetensors_read(file, large + 8, large + 8, &header, &error),
                     OCTAVO_UNSUPPORTED);
    assert_non_null(strstr(error.message, "100000001 bytes, the limit is 100000000"));
    free(file);
}

/* Every truncation of a real file's header, and a flipped bit in each of its bytes, is read as
 * something else or refused; nothing crashes, nothing is refused without a sentence. */
static void test_damaged_headers(void **state) {
    (void)state;
    size_t size, refused = 0;
    char *bytes = oc_test_read(TEST_DATA "/tiny-clip/modelopt-fp8/model.safetensors", &size);
    size_t end = 8 + (size_t)(unsigned char)bytes[0] + 256 * (size_t)(unsigned char)bytes[1];
    oc_safetensors header;
    octavo_error error;
    assert_int_equal(read_bytes(bytes, size, &header, &error), OCTAVO_OK);
    oc_safetensors_free(&header);
    for (size_t cut = 0; cut <= end; cut += cut < 64 ? 1 : 7) {
        assert_int_equal(read_bytes(bytes, cut, &header, &error), OCTAVO_CORRUPT);
        assert_true(error.message[0] != 0);
    }
    char *data = malloc(size);
    assert_non_null(data);
    memcpy(data, bytes, size);
    for (size_t at = 0; at < end; at += 3) {
        data[at] ^= (char)(1 << (at / 3 % 8));
        oc_error_clear(&error);
        octavo_status status = oc_safetensors_read(data, size, size, &header, &error);
        if (status == OCTAVO_OK) {
            assert_int_equal(header.tensor_count, 126);
        } else {
            assert_true(error.message[0] != 0);
            refused++;
        }
        oc_safetensors_free(&header);
        data[at] = bytes[at];
    }
    assert_true(refused > end / 3 / 2);
    free(data);
    free(bytes);
}

/* A file of the format's own library, read and written again, comes out byte for byte. */
static void test_writes_as_the_library_does(void **state) {
    (void)state;
    static const char *const files[] = {"modelopt-fp8/model.safetensors",
                                        "modelopt-fp8-mixed/model.safetensors",
                                        "f16/model.safetensors", "f32/reference.safetensors"};
    char folder[OC_TEST_PATH];
    oc_test_folder(folder);
    for (size_t f = 0; f < OC_COUNT(files); f++) {
        octavo_error error;
        oc_safetensors header;
        size_t size, written_size;
        char *bytes = oc_test_read(oc_test_path(TEST_DATA "/tiny-clip", files[f]), &size);
        const char *path = oc_test_path(folder, "again.safetensors");
        oc_error_clear(&error);
        assert_int_equal(oc_safetensors_read(bytes, size, size, &header, &error), OCTAVO_OK);
        octavo_argument *tensors = calloc((size_t)header.tensor_count, sizeof *tensors);
        assert_non_null(tensors);
        for (int32_t i = 0; i < header.tensor_count; i++) {
            /* backwards: the order given is not the order written */
            const oc_st_tensor *from = &header.tensors[header.tensor_count - 1 - i];
            assert_true(from->rank <= OCTAVO_MAX_RANK);
            tensors[i].name = from->name;
            tensors[i].tensor = (octavo_tensor){
                .dtype = from->dtype, .rank = from->rank, .data = bytes + from->offset};
            memcpy(tensors[i].tensor.shape, from->shape, sizeof tensors[i].tensor.shape);
        }
        int32_t metadata_count = header.metadata_count > 1 ? 0 : header.metadata_count;
        octavo_status status = oc_safetensors_save(path, tensors, header.tensor_count,
                                                   header.metadata, metadata_count, &error);
        if (status) {
            fail_msg("%s", error.message);
        }
        char *written = oc_test_read(path, &written_size);
        if (metadata_count == header.metadata_count) {
            assert_int_equal(written_size, size);
            assert_memory_equal(written, bytes, size);
        } else { /* the library has no order for several metadata entries: compare the data */
            size_t data = size - (size_t)header.tensors[0].offset;
            assert_true(written_size > data);
            assert_memory_equal(written + written_size - data, bytes + size - data, data);
        }
        free(written);
        free(tensors);
        oc_safetensors_free(&header);
        free(bytes);
    }
    oc_test_folder_remove(folder);
}

/* The streaming writer takes a tensor in pieces, skips empty ones, knows what comes next, and
 * leaves no file where bytes are missing or too many. */
static void test_writer_stream(void **state) {
    (void)state;
    char folder[OC_TEST_PATH];
    octavo_error error;
    oc_st_writer writer;
    static const octavo_argument tensors[] = {
        {.name = "codes", .tensor = {.dtype = OCTAVO_U8, .rank = 1, .shape = {3}, .data = NULL}},
        {.name = "empty",
         .tensor = {.dtype = OCTAVO_F32, .rank = 2, .shape = {0, 5}, .data = NULL}},
        {.name = "b", .tensor = {.dtype = OCTAVO_F32, .rank = 0, .shape = {0}, .data = NULL}},
        {.name = "a", .tensor = {.dtype = OCTAVO_F32, .rank = 1, .shape = {1}, .data = NULL}},
    };
    static const oc_st_text metadata[] = {{"z", "1"}, {"a", "2"}};
    oc_test_folder(folder);
    const char *path = oc_test_path(folder, "x.safetensors");
    oc_error_clear(&error);
    assert_int_equal(oc_st_writer_open(path, tensors, 4, metadata, 2, &writer, &error), OCTAVO_OK);
    assert_int_equal(oc_st_writer_next(&writer), 3);
    assert_int_equal(oc_st_writer_append(&writer, "aa", 2, &error), OCTAVO_OK);
    assert_int_equal(oc_st_writer_next(&writer), 3);
    assert_int_equal(oc_st_writer_append(&writer, "aaa", 3, &error), OCTAVO_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "3 bytes come for a, which takes 2 more"));
    oc_error_clear(&error);
    assert_int_equal(oc_st_writer_append(&writer, "AA", 2, &error), OCTAVO_OK);
    assert_int_equal(oc_st_writer_next(&writer), 2);
    assert_int_equal(oc_st_writer_append(&writer, "bbbb", 4, &error), OCTAVO_OK);
    assert_int_equal(oc_st_writer_next(&writer), 0);
    assert_int_equal(oc_st_writer_commit(&writer, &error), OCTAVO_BAD_STATE);
    assert_non_null(strstr(error.message, "3 bytes of tensor codes are still missing"));
    assert_int_not_equal(access(path, F_OK), 0);
    oc_error_clear(&error);
    assert_int_equal(oc_st_writer_append(&writer, "ccc", 3, &error), OCTAVO_OK);
    assert_int_equal(oc_st_writer_next(&writer), -1);
    assert_int_equal(oc_st_writer_commit(&writer, &error), OCTAVO_OK);
    oc_st_writer_abort(&writer);
    size_t size;
    char *bytes = oc_test_read(path, &size);
    assert_int_equal(bytes[0] % 8, 0);
    assert_non_null(strstr(bytes + 8, "{\"__metadata__\":{\"z\":\"1\",\"a\":\"2\"},\"a\":{"));
    assert_memory_equal(bytes + size - 11, "aaAAbbbbccc", 11);
    free(bytes);
    oc_test_folder_remove(folder);
}

/* What cannot be read back is not written. */
static void test_writer_refuses(void **state) {
    (void)state;
    static const octavo_argument cases[][2] = {
        {{.name = "a", .tensor = {.dtype = OCTAVO_U8, .rank = 1, .shape = {1}, .data = NULL}},
         {.name = "a", .tensor = {.dtype = OCTAVO_U8, .rank = 1, .shape = {1}, .data = NULL}}},
        {{.name = "a", .tensor = {.dtype = OCTAVO_U8, .rank = 1, .shape = {1}, .data = NULL}},
         {.name = "", .tensor = {.dtype = OCTAVO_U8, .rank = 1, .shape = {1}, .data = NULL}}},
        {{.name = "a", .tensor = {.dtype = OCTAVO_U8, .rank = 1, .shape = {1}, .data = NULL}},
         {.name = "b\n", .tensor = {.dtype = OCTAVO_U8, .rank = 1, .shape = {1}, .data = NULL}}},
        {{.name = "a", .tensor = {.dtype = OCTAVO_U8, .rank = 1, .shape = {1}, .data = NULL}},
         {.name = "__metadata__",
          .tensor = {.dtype = OCTAVO_U8, .rank = 1, .shape = {1}, .data = NULL}}},
        {{.name = "a", .tensor = {.dtype = OCTAVO_U8, .rank = 1, .shape = {1}, .data = NULL}},
         {.name = "b", .tensor = {.dtype = OCTAVO_U8, .rank = 1, .shape = {-1}, .data = NULL}}},
        {{.name = "a", .tensor = {.dtype = OCTAVO_U8, .rank = 1, .shape = {1}, .data = NULL}},
         {.name = "b", .tensor = {.dtype = OCTAVO_U8, .rank = 5, .shape = {1}, .data = NULL}}},
        {{.name = "a", .tensor = {.dtype = OCTAVO_U8, .rank = 1, .shape = {1}, .data = NULL}},
         {.name = "b", .tensor = {.dtype = (octavo_dtype)77, .rank = 1, .shape = {1}}}},
        {{.name = "a", .tensor = {.dtype = OCTAVO_U8, .rank = 1, .shape = {1}, .data = NULL}},
         {.name = "b",
          .tensor = {.dtype = OCTAVO_F32, .rank = 2, .shape = {1L << 40, 1L << 40}, .data = NULL}}},
        {{.name = "a", .tensor = {.dtype = OCTAVO_U8, .rank = 1, .shape = {1}, .data = NULL}},
         {.name = "b",
          .tensor = {.dtype = OCTAVO_U8, .rank = 1, .shape = {INT64_MAX}, .data = NULL}}},
    };
    char folder[OC_TEST_PATH];
    oc_test_folder(folder);
    for (size_t i = 0; i < OC_COUNT(cases); i++) {
        octavo_error error;
        oc_st_writer writer;
        const char *path = oc_test_path(folder, "x.safetensors");
        oc_error_clear(&error);
        assert_int_equal(oc_st_writer_open(path, cases[i], 2, NULL, 0, &writer, &error),
                         OCTAVO_INVALID_ARGUMENT);
        assert_true(error.message[0] != 0);
    }
    assert_int_equal(rmdir(folder), 0); /* nothing is left in it */
}

/* Whatever stands anywhere in values of any float type is found if, and only if, it is infinite or
 * NaN; nothing is read beyond the end. */
static void test_finds_what_is_not_finite(void **state) {
    (void)state;
    static const struct {
        octavo_dtype dtype;
        uint32_t good[4], bad[4];
    } cases[] = {
        {OCTAVO_F8_E4M3, {0, 0x7e, 0xfe, 0x80}, {0x7f, 0xff, 0x7f, 0xff}},
        {OCTAVO_F8_E5M2, {0, 0x7b, 0xfb, 0x80}, {0x7c, 0x7d, 0xfc, 0xff}},
        {OCTAVO_F16, {0, 0x7bff, 0xfbff, 0x8000}, {0x7c00, 0xfc00, 0x7c01, 0xffff}},
        {OCTAVO_BF16, {0, 0x7f7f, 0xff7f, 0x8000}, {0x7f80, 0xff80, 0x7f81, 0xffff}},
        {OCTAVO_F32,
         {0, 0x7f7fffff, 0xff7fffff, 0x80000000},
         {0x7f800000, 0xff800000, 0x7f800001, 0xffffffff}},
    };
    enum { MOST = 150 };
    for (size_t c = 0; c < OC_COUNT(cases); c++) {
        size_t size = (size_t)oc_st_dtype_bytes(cases[c].dtype);
        for (size_t count = 0; count <= MOST; count++) {
            char *exact = malloc(count * size + 1), *values = exact + 1; /* not aligned */
            assert_non_null(exact);
            for (size_t i = 0; i < count; i++) {
                memcpy(values + i * size, &cases[c].good[i % 4], size);
            }
            assert_int_equal(oc_find_not_finite(cases[c].dtype, values, count), count);
            for (size_t i = count; i-- > 0;) {
                memcpy(values + i * size, &cases[c].bad[i % 4], size);
                assert_int_equal(oc_find_not_finite(cases[c].dtype, values, count), i);
            }
            free(exact);
        }
    }
    assert_int_equal(oc_find_not_finite(OCTAVO_U8, "\xff\xff", 2), 2);
    assert_int_equal(oc_find_not_finite(OCTAVO_I32, "\xff\xff\xff\xff", 1), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_header),
        cmocka_unit_test(test_refuses_hostile_headers),
        cmocka_unit_test(test_reads_loose_headers),
        cmocka_unit_test(test_names_other_kinds),
        cmocka_unit_test(test_refuses_header_length),
        cmocka_unit_test(test_damaged_headers),
        cmocka_unit_test(test_writes_as_the_library_does),
        cmocka_unit_test(test_writer_stream),
        cmocka_unit_test(test_writer_refuses),
        cmocka_unit_test(test_finds_what_is_not_finite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
