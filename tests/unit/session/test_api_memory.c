// links: api
/* test_api_memory.c - an engine from memory is the engine from its file, and is refused wherever
 * it is cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/format.h"
#include "support/engines.h"

enum { SIZE = 32, DIM = 64, LENGTH = 6 };

typedef struct answer {
    float image[DIM], text[DIM];
    int32_t ids[64], count;
} answer;

/* Everything that an engine is asked for. */
static answer ask(octavo_engine *engine) {
    static uint8_t pixels[SIZE * SIZE * 3];
    static const int32_t ids[LENGTH] = {1022, 5, 6, 7, 8, 1023};
    answer out = {.count = 0};
    octavo_error error;
    for (size_t i = 0; i < sizeof pixels; i++) {
        pixels[i] = (uint8_t)(i * 41 >> 4);
    }
    const octavo_argument inputs[] = {
        {.name = "pixels",
         .tensor =
             {.dtype = OCTAVO_U8, .rank = 4, .shape = {1, SIZE, SIZE, 3}, .const_data = pixels}},
        {.name = "input_ids",
         .tensor = {.dtype = OCTAVO_I32, .rank = 2, .shape = {1, LENGTH}, .const_data = ids}},
    };
    const octavo_argument outputs[] = {
        {.name = "image_embeds",
         .tensor = {.dtype = OCTAVO_F32, .rank = 2, .shape = {1, DIM}, .data = out.image}},
        {.name = "text_embeds",
         .tensor = {.dtype = OCTAVO_F32, .rank = 2, .shape = {1, DIM}, .data = out.text}},
    };
    octavo_session *session = oc_test_session(engine, (oc_test_device){"cpu", NULL, "cpu"},
                                              (oc_test_options){.threads = 1});
    oc_test_run(session, inputs, 2, outputs, 2);
    octavo_session_free(session);
    if (octavo_tokenize(engine, "a bee", 5, out.ids, &out.count, NULL, &error) != OCTAVO_OK) {
        fail_msg("%s", error.message);
    }
    return out;
}

/* Embeddings, ids and description are the file's. */
static void memory_equals_file(void **state) {
    (void)state;
    octavo_engine *file = oc_test_engine("modelopt-fp8"), *memory = NULL;
    octavo_error error;
    size_t size;
    char *bytes = oc_test_read(oc_test_engine_path("modelopt-fp8"), &size);
    if (octavo_engine_open_memory(bytes, size, "a name", &memory, &error) != OCTAVO_OK) {
        fail_msg("%s", error.message);
    }
    answer a = ask(file), b = ask(memory);
    assert_memory_equal(&a, &b, sizeof a);
    const octavo_engine_info *x = octavo_engine_describe(file), *y = octavo_engine_describe(memory);
    assert_int_equal(x->towers, y->towers);
    assert_int_equal(x->tokens_max, y->tokens_max);
    assert_true(x->logit_scale == y->logit_scale);
    assert_string_equal(x->name, y->name);
    assert_string_equal(x->precision, y->precision);
    octavo_engine_free(memory);
    free(bytes);
}

/* Cut within the front at each length, behind it at many: CORRUPT by the name that was given, from
 * a block that ends just there. */
static void cut_memory_is_refused(void **state) {
    (void)state;
    size_t size;
    char *bytes = oc_test_read(oc_test_engine_path("modelopt-fp8"), &size);
    for (size_t cut = 0; cut < size;
         cut += cut < sizeof(oc_format_front) + 64 ? 1 : 1 + size / 97) {
        octavo_engine *engine = NULL;
        octavo_error error;
        char *part = malloc(cut == 0 ? 1 : cut);
        assert_non_null(part);
        memcpy(part, bytes, cut);
        octavo_status status = octavo_engine_open_memory(part, cut, "a name", &engine, &error);
        if (status != OCTAVO_CORRUPT || engine != NULL || strcmp(error.path, "a name") != 0) {
            fail_msg("cut at %zu: %d, %s: %s", cut, status, error.path, error.message);
        }
        assert_int_equal(octavo_engine_open_memory(part, cut, NULL, &engine, &error),
                         OCTAVO_CORRUPT);
        assert_string_equal(error.path, "(memory)");
        free(part);
    }
    free(bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_equals_file),
        cmocka_unit_test(cut_memory_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, oc_test_engines_free);
}
