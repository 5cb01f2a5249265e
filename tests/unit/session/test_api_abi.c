// links: api
/* test_api_abi.c - what programs that are built already rely on: the symbols of liboctavo.so, the
 * declarations of octavo.h, where the members of its structs lie, and its numbers.  They are
 * written to build/abi.txt and held against tests/data/abi.txt. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ctype.h>

#include "octavo.h"
#include "support/allocations.h"
#include "support/files.h"

/* -- structs and numbers --------------------------------------------------------------------------
 */

#define STRUCT(type)                                                                               \
    fprintf(out, "struct " #type ": %zu bytes, aligned to %zu\n", sizeof(type), _Alignof(type))
#define MEMBER(type, member)                                                                       \
    fprintf(out, "    " #member ": at %zu, %zu bytes\n", offsetof(type, member),                   \
            sizeof(((type *)NULL)->member))
#define VALUE(name) fprintf(out, #name " = %lld\n", (long long)(name))

static void write_structs(FILE *out) {
    STRUCT(octavo_error);
    MEMBER(octavo_error, status);
    MEMBER(octavo_error, cause);
    MEMBER(octavo_error, offset);
    MEMBER(octavo_error, source);
    MEMBER(octavo_error, line);
    MEMBER(octavo_error, reserved);
    MEMBER(octavo_error, path);
    MEMBER(octavo_error, message);
    STRUCT(octavo_tensor);
    MEMBER(octavo_tensor, dtype);
    MEMBER(octavo_tensor, rank);
    MEMBER(octavo_tensor, shape);
    MEMBER(octavo_tensor, data);
    MEMBER(octavo_tensor, const_data);
    MEMBER(octavo_tensor, strides);
    MEMBER(octavo_tensor, memory);
    MEMBER(octavo_tensor, device);
    MEMBER(octavo_tensor, flags);
    MEMBER(octavo_tensor, reserved);
    STRUCT(octavo_build_options);
    MEMBER(octavo_build_options, struct_size);
    MEMBER(octavo_build_options, precision);
    MEMBER(octavo_build_options, strict);
    MEMBER(octavo_build_options, threads);
    MEMBER(octavo_build_options, verify);
    MEMBER(octavo_build_options, keep);
    MEMBER(octavo_build_options, progress);
    MEMBER(octavo_build_options, progress_user);
    STRUCT(octavo_engine_info);
    MEMBER(octavo_engine_info, towers);
    MEMBER(octavo_engine_info, image_size);
    MEMBER(octavo_engine_info, embed_dim);
    MEMBER(octavo_engine_info, tokens_max);
    MEMBER(octavo_engine_info, pad_id);
    MEMBER(octavo_engine_info, logit_scale);
    MEMBER(octavo_engine_info, name);
    MEMBER(octavo_engine_info, precision);
    STRUCT(octavo_model_options);
    MEMBER(octavo_model_options, struct_size);
    MEMBER(octavo_model_options, device);
    MEMBER(octavo_model_options, tier);
    MEMBER(octavo_model_options, disable);
    MEMBER(octavo_model_options, towers);
    MEMBER(octavo_model_options, threads);
    MEMBER(octavo_model_options, flags);
    MEMBER(octavo_model_options, reserved);
    MEMBER(octavo_model_options, progress);
    MEMBER(octavo_model_options, progress_user);
    STRUCT(octavo_model_info);
    MEMBER(octavo_model_info, towers);
    MEMBER(octavo_model_info, flags);
    MEMBER(octavo_model_info, weight_bytes);
    MEMBER(octavo_model_info, canary_share);
    MEMBER(octavo_model_info, device);
    MEMBER(octavo_model_info, device_about);
    STRUCT(octavo_session_options);
    MEMBER(octavo_session_options, struct_size);
    MEMBER(octavo_session_options, batch_max);
    MEMBER(octavo_session_options, tokens_max);
    MEMBER(octavo_session_options, threads);
    MEMBER(octavo_session_options, towers);
    STRUCT(octavo_session_info);
    MEMBER(octavo_session_info, towers);
    MEMBER(octavo_session_info, batch_max);
    MEMBER(octavo_session_info, tokens_max);
    MEMBER(octavo_session_info, threads);
    MEMBER(octavo_session_info, bytes);
    STRUCT(octavo_binding);
    MEMBER(octavo_binding, name);
    MEMBER(octavo_binding, is_output);
    MEMBER(octavo_binding, rank);
    MEMBER(octavo_binding, shape);
    MEMBER(octavo_binding, dtypes);
    STRUCT(octavo_argument);
    MEMBER(octavo_argument, name);
    MEMBER(octavo_argument, tensor);
    MEMBER(octavo_argument, reserved);
    STRUCT(octavo_run_options);
    MEMBER(octavo_run_options, struct_size);
    MEMBER(octavo_run_options, timeout_us);
    MEMBER(octavo_run_options, stream);
}

static void write_values(FILE *out) {
#define XX(name, value, ...) VALUE(OCTAVO_##name);
    OCTAVO_STATUS_MAP(XX)
    OCTAVO_DTYPE_MAP(XX)
#undef XX
    VALUE(OCTAVO_CAUSE_NONE);
    VALUE(OCTAVO_CAUSE_CANARY);
    VALUE(OCTAVO_CAUSE_INPUT);
    VALUE(OCTAVO_MEMORY_HOST);
    VALUE(OCTAVO_MEMORY_CUDA);
    VALUE(OCTAVO_AS_CHECKPOINT);
    VALUE(OCTAVO_PRECISION_F16);
    VALUE(OCTAVO_PRECISION_BF16);
    VALUE(OCTAVO_IMAGE);
    VALUE(OCTAVO_TEXT);
    VALUE(OCTAVO_KEEP_HIDDEN);
    VALUE(OCTAVO_MAX_RANK);
    VALUE((int64_t)OCTAVO_NO_OFFSET);
    VALUE(sizeof(octavo_status));
    VALUE(sizeof(octavo_dtype));
    VALUE(sizeof(octavo_progress));
}

/* -- functions
 * -------------------------------------------------------------------------------------- */

/* Declarations of the header in its order, a line each, without white space that varies. */
static void write_functions(FILE *out, const char *header) {
    const char *mark = "\nOCTAVO_API ";
    for (const char *at = header; (at = strstr(at, mark)) != NULL;) {
        bool gap = false;
        for (at += strlen(mark); *at != ';' && *at != '\0'; at++) {
            if (isspace((unsigned char)*at)) {
                gap = true;
            } else {
                fprintf(out, "%s%c", gap ? " " : "", *at);
                gap = false;
            }
        }
        fprintf(out, ";\n");
    }
}

static bool is_declared(const char *abi, const char *name) {
    char call[256];
    snprintf(call, sizeof call, "%s(", name);
    const char *at = strstr(abi, call);
    return at != NULL && at > abi && (at[-1] == ' ' || at[-1] == '*');
}

/* -- the test
 * ---------------------------------------------------------------------------------------- */

#define REMEDY                                                                                     \
    "Programs that are built already rely on it: a struct grows at its end or takes reserved "     \
    "members, a value gets a new number, a function a new name. If the change is meant all the "   \
    "same, raise the version (octavo.h, CMakeLists.txt), say so in CHANGELOG.md, and\n"            \
    "    cp build/abi.txt tests/data/abi.txt"

/* The ABI is the one that was published. */
static void abi_is_as_published(void **state) {
    (void)state;
    size_t size, now_size;
    char *header = oc_test_read(PROJECT_DIR "/include/octavo.h", &size);
    char *text = calloc(1, size + 1); /* ended by a zero */
    assert_non_null(text);
    memcpy(text, header, size);
    FILE *out = fopen("abi.txt", "w");
    assert_non_null(out);
    write_functions(out, text);
    write_structs(out);
    write_values(out);
    assert_int_equal(fclose(out), 0);
    char *want = oc_test_read(PROJECT_DIR "/tests/data/abi.txt", &size);
    char *have = oc_test_read("abi.txt", &now_size);
    size_t same = 0, line = 1;
    while (same < size && same < now_size && want[same] == have[same]) {
        line += want[same++] == '\n';
    }
    if (same < size || same < now_size) {
        fail_msg("line %zu of build/abi.txt is not that of tests/data/abi.txt.\n%s", line, REMEDY);
    }
    /* every struct of the header is listed */
    for (const char *at = text; (at = strstr(at, "\ntypedef struct ")) != NULL;) {
        char name[128], entry[160];
        at += strlen("\ntypedef struct ");
        assert_int_equal(sscanf(at, "%100[a-z_0-9]", name), 1);
        snprintf(entry, sizeof entry, "struct %s:", name);
        if (at[strlen(name)] == ' ' && at[strlen(name) + 1] == '{' &&
            memmem(want, size, entry, strlen(entry)) == NULL) {
            fail_msg("%s has no lines in this test", name);
        }
    }
    free(header);
    free(text);
    free(want);
    free(have);
}

/* The library shows the functions of octavo.h and nothing else. */
static void symbols_are_those_declared(void **state) {
    (void)state;
    size_t size;
    int32_t count = 0, declared = 0;
    char line[256], name[200], kind;
    if (OC_UNDER_ASAN || OC_UNDER_TSAN) {
        skip(); /* sanitizers add their own */
    }
    char *abi = oc_test_read(PROJECT_DIR "/tests/data/abi.txt", &size);
    char *text = calloc(1, size + 1);
    assert_non_null(text);
    memcpy(text, abi, size);
    FILE *symbols = popen("nm -D --defined-only liboctavo.so", "r");
    assert_non_null(symbols);
    while (fgets(line, sizeof line, symbols) != NULL) {
        assert_int_equal(sscanf(line, "%*s %c %199s", &kind, name), 2);
        if (!is_declared(text, name)) {
            fail_msg("liboctavo.so shows %s, which octavo.h does not declare.\n%s", name, REMEDY);
        }
        count++;
    }
    assert_int_equal(pclose(symbols), 0);
    for (const char *at = text; (at = strstr(at, ");\n")) != NULL; at++) {
        declared++;
    }
    assert_int_equal(count, declared);
    free(abi);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(abi_is_as_published),
        cmocka_unit_test(symbols_are_those_declared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
