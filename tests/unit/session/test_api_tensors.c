// links: api
/* test_api_tensors.c - where a tensor may lie, what its reserved members must be, and what octavo
 * calls its statuses and dtypes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/engines.h"

enum { SIZE = 32, DIM = 64 };

static uint8_t pixels[2 * SIZE * SIZE * 3];
static float embeds[2][2 * DIM];
static octavo_session *session;

static octavo_argument input(void) {
    return (octavo_argument){
        .name = "pixels",
        .tensor = {
            .dtype = OCTAVO_U8, .rank = 4, .shape = {2, SIZE, SIZE, 3}, .const_data = pixels}};
}

static octavo_argument output(int32_t i) {
    return (octavo_argument){
        .name = "image_embeds",
        .tensor = {.dtype = OCTAVO_F32, .rank = 2, .shape = {2, DIM}, .data = embeds[i]}};
}

static octavo_status run(octavo_argument in, octavo_argument out, octavo_error *error) {
    return octavo_session_run(session, &in, 1, &out, 1, NULL, error);
}

static void refused(octavo_argument in, octavo_argument out, const char *message) {
    octavo_error error;
    octavo_status status = run(in, out, &error);
    if (status != OCTAVO_INVALID_ARGUMENT || strstr(error.message, message) == NULL) {
        fail_msg("'%s': %d, %s", message, status, status == OCTAVO_OK ? "" : error.message);
    }
}

/* Memory, device, flags and strides that are not taken are refused by name, of inputs and of
 * outputs; nothing is written. */
static void wrong_places_are_refused(void **state) {
    (void)state;
    octavo_argument in = input(), out = output(0);
    memset(embeds, 0, sizeof embeds);
    in.tensor.memory = OCTAVO_MEMORY_CUDA;
    refused(in, out, "pixels lies in memory 1 of device 0, the device cpu takes the host's");
    in = input();
    in.tensor.memory = (octavo_memory)-1;
    refused(in, out, "pixels lies in memory -1");
    in = input();
    in.tensor.device = 3;
    refused(in, out, "pixels lies in memory 0 of device 3");
    in = input();
    in.tensor.flags = 0x80;
    refused(in, out, "pixels has flags 0x80, none is known");
    in = input();
    out.tensor.strides[0] = 2 * DIM;
    out.tensor.strides[1] = 1;
    refused(in, out, "image_embeds has stride 128 in dimension 0, dense rows have 64");
    out = output(0);
    out.tensor.strides[1] = 1; /* one row for all */
    refused(in, out, "image_embeds has stride 0 in dimension 0, dense rows have 64");
    out = output(0);
    out.tensor.strides[0] = -DIM;
    out.tensor.strides[1] = 1;
    refused(in, out, "image_embeds has stride -64 in dimension 0");
    out = output(0);
    out.tensor.memory = OCTAVO_MEMORY_CUDA;
    refused(in, out, "image_embeds lies in memory 1");
    for (int32_t i = 0; i < DIM; i++) {
        assert_true(embeds[0][i] == 0);
    }
}

/* Dense strides may be given; what a dimension of one row has does not matter. */
static void dense_strides_are_taken(void **state) {
    (void)state;
    octavo_error error;
    octavo_argument in = input(), out = output(1);
    for (size_t i = 0; i < sizeof pixels; i++) {
        pixels[i] = (uint8_t)(i * 31 >> 3);
    }
    memset(embeds, 0, sizeof embeds);
    assert_int_equal(run(in, output(0), &error), OCTAVO_OK);
    const int64_t dense[] = {SIZE * SIZE * 3, SIZE * 3, 3, 1};
    memcpy(in.tensor.strides, dense, sizeof dense);
    out.tensor.strides[0] = DIM;
    out.tensor.strides[1] = 1;
    assert_int_equal(run(in, out, &error), OCTAVO_OK);
    assert_memory_equal(embeds[0], embeds[1], sizeof embeds[0]);
    in.tensor.shape[0] = out.tensor.shape[0] = 1;
    in.tensor.strides[0] = 7;
    out.tensor.strides[0] = 0;
    memset(embeds[1], 0, sizeof embeds[1]);
    assert_int_equal(run(in, out, &error), OCTAVO_OK);
    assert_memory_equal(embeds[0], embeds[1], DIM * sizeof(float));
}

/* Members kept for later versions are zero, so that these can give them a meaning. */
static void reserved_members_are_zero(void **state) {
    (void)state;
    for (size_t i = 0; i < OC_COUNT(((octavo_tensor *)NULL)->reserved); i++) {
        octavo_argument in = input(), out = output(0);
        char message[64];
        snprintf(message, sizeof message, "pixels has 5 in reserved member %zu", i);
        in.tensor.reserved[i] = 5;
        refused(in, out, message);
        in = input();
        out.tensor.reserved[i] = 1;
        snprintf(message, sizeof message, "image_embeds has 1 in reserved member %zu", i);
        refused(in, out, message);
    }
    for (size_t i = 0; i < OC_COUNT(((octavo_argument *)NULL)->reserved); i++) {
        octavo_argument in = input(), out = output(0);
        in.reserved[i] = 1;
        refused(in, out, "input pixels has reserved members that are not 0");
        in = input();
        out.reserved[i] = UINT64_MAX;
        refused(in, out, "output image_embeds has reserved members that are not 0");
    }
}

/* -- names
 * ------------------------------------------------------------------------------------------- */

/* What programs write into logs and answers stays what it is. */
static void names_are_fixed(void **state) {
    (void)state;
    static const struct {
        int32_t value, http;
        const char *name;
    } statuses[] = {
        {0, 200, "OK"},
        {1, 499, "CANCELLED"},
        {3, 400, "INVALID_ARGUMENT"},
        {4, 504, "DEADLINE_EXCEEDED"},
        {5, 404, "NOT_FOUND"},
        {8, 429, "EXHAUSTED"},
        {9, 409, "BAD_STATE"},
        {12, 501, "UNSUPPORTED"},
        {13, 500, "INTERNAL"},
        {14, 503, "UNAVAILABLE"},
        {15, 500, "CORRUPT"},
        {17, 500, "IO"},
        {18, 500, "CANNOT_CREATE"},
    };
    static const struct {
        octavo_dtype value;
        const char *name;
        size_t bytes;
    } dtypes[] = {
        {1, "F32", 4},     {2, "F16", 2}, {3, "BF16", 2}, {4, "F8_E4M3", 1}, {5, "F8_E5M2", 1},
        {6, "F8_E8M0", 1}, {7, "U8", 1},  {8, "I32", 4},  {9, "I64", 8},
    };
    size_t known = 0;
    for (int32_t value = -2; value < 300; value++) {
        const char *name = octavo_status_name((octavo_status)value);
        const octavo_error error = {.status = (octavo_status)value};
        if (name == NULL) {
            assert_int_equal(octavo_error_http(&error), 500);
            continue;
        }
        assert_true(known < OC_COUNT(statuses));
        assert_int_equal(value, statuses[known].value);
        assert_string_equal(name, statuses[known].name);
        assert_int_equal(octavo_error_http(&error), statuses[known].http);
        known++;
    }
    assert_int_equal(known, OC_COUNT(statuses));
    known = 0;
    for (int32_t value = -2; value < 300; value++) {
        const char *name = octavo_dtype_name((octavo_dtype)value);
        if (name == NULL) {
            assert_int_equal(octavo_dtype_bytes((octavo_dtype)value), 0);
            continue;
        }
        assert_true(known < OC_COUNT(dtypes));
        assert_int_equal(value, dtypes[known].value);
        assert_string_equal(name, dtypes[known].name);
        assert_int_equal(octavo_dtype_bytes((octavo_dtype)value), dtypes[known].bytes);
        known++;
    }
    assert_int_equal(known, OC_COUNT(dtypes));
    assert_null(octavo_status_name(OCTAVO_STATUS_MAX_));
    assert_null(octavo_dtype_name(OCTAVO_DTYPE_MAX_));
    assert_int_equal(octavo_version(), 0 << 16 | 2 << 8 | 0);
}

/* An image that is damaged or of another kind is its sender's fault; a file of the house is not. */
static void bad_images_are_their_senders(void **state) {
    (void)state;
    static const struct {
        const char *file;
        size_t keep; /* of 100 bytes */
        octavo_status status;
        int32_t http;
    } cases[] = {
        {"jpeg_444.jpg", 60, OCTAVO_CORRUPT, 400},    {"size_7x3.png", 60, OCTAVO_CORRUPT, 400},
        {"webp_lossy.webp", 60, OCTAVO_CORRUPT, 400}, {"gif.gif", 100, OCTAVO_UNSUPPORTED, 415},
        {"jpeg_444.jpg", 0, OCTAVO_CORRUPT, 400},
    };
    octavo_engine *engine = oc_test_engine("modelopt-fp8"), *other = NULL;
    octavo_error error;
    for (size_t i = 0; i < OC_COUNT(cases); i++) {
        char path[OC_TEST_PATH];
        size_t size;
        snprintf(path, sizeof path, "%s/preprocess/%s", TEST_DATA, cases[i].file);
        char *bytes = oc_test_read(path, &size);
        size = size * cases[i].keep / 100;
        const char *cut = oc_test_path(oc_test_engine_folder, "cut");
        oc_test_write(cut, bytes, size);
        for (int32_t from_file = 0; from_file < 2; from_file++) {
            octavo_status status = from_file
                                       ? octavo_preprocess_file(engine, cut, pixels, &error)
                                       : octavo_preprocess(engine, bytes, size, pixels, &error);
            if (status != cases[i].status || error.cause != OCTAVO_CAUSE_INPUT ||
                octavo_error_http(&error) != cases[i].http) {
                fail_msg("%s: %d, cause %d, %s", cases[i].file, status, error.cause, error.message);
            }
        }
        free(bytes);
    }
    assert_int_equal(octavo_preprocess_file(engine, "/nowhere", pixels, &error), OCTAVO_NOT_FOUND);
    assert_int_equal(error.cause, OCTAVO_CAUSE_NONE);
    assert_int_equal(octavo_engine_open_memory(pixels, sizeof pixels, NULL, &other, &error),
                     OCTAVO_CORRUPT);
    assert_int_equal(error.cause, OCTAVO_CAUSE_NONE);
    assert_int_equal(octavo_error_http(&error), 500);
}

static int open_all(void **state) {
    (void)state;
    session = oc_test_session(oc_test_engine("modelopt-fp8"), (oc_test_device){"cpu", NULL, "cpu"},
                              (oc_test_options){.threads = 1});
    return 0;
}

static int close_all(void **state) {
    octavo_session_free(session);
    return oc_test_engines_free(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_places_are_refused),     cmocka_unit_test(dense_strides_are_taken),
        cmocka_unit_test(reserved_members_are_zero),    cmocka_unit_test(names_are_fixed),
        cmocka_unit_test(bad_images_are_their_senders),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
