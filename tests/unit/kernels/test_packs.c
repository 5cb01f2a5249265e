// links: test_support api engine runtime backends_cuda
/* test_packs.c - packs of compiled kernels: what is written reads as the same, what is damaged is
 * refused, and what a pack holds is all that an engine needs.  Cards are of paper. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/objects.h"
#include "backends/cuda/cache.h"
#include "backends/cuda/compiler.h"
#include "backends/cuda/cuda.h"
#include "backends/cuda/device.h"
#include "backends/cuda/pack/layout.h"
#include "base/limits.h"
#include "base/sys/output.h"
#include "support/cuda/fake_driver.h"
#include "support/engines.h"

static char folder[OC_TEST_PATH];
static int32_t compilations;

static octavo_status compile_name(const char *name, const char *defines, const char *architecture,
                                  void **image, size_t *bytes, octavo_error *error) {
    (void)error;
    compilations++;
    *bytes = strlen(name) + strlen(defines) + strlen(architecture);
    *image = malloc(*bytes + 1);
    assert_non_null(*image);
    snprintf(*image, *bytes + 1, "%s%s%s", name, defines, architecture);
    return OCTAVO_OK;
}

static octavo_status compile_never(const char *name, const char *defines, const char *architecture,
                                   void **image, size_t *bytes, octavo_error *error) {
    (void)defines;
    (void)bytes;
    compilations++;
    *image = NULL;
    return oc_fail(error, OCTAVO_UNAVAILABLE, OCTAVO_NO_OFFSET, __FILE__, __LINE__,
                   "kernel %s has to be compiled for %s: there is no compiler", name, architecture);
}

/* -- the file -------------------------------------------------------------------------------- */

static const char *const images[] = {"one", "the machine code of two", "3", "the fourth of them"};

/* Four kernels, in an order that depends on `first`. */
static void save_four(int32_t first, const char *path) {
    static const char *const names[] = {"norm.cu", "gemm.cu", "gemm.cu", "norm.cu"};
    static const char *const defines[] = {"#define N 1\n", "", "#define K 2\n#define N 3\n", "#\n"};
    oc_pack_list list;
    octavo_error error;
    oc_pack_list_init(&list);
    for (int32_t i = 0; i < 4; i++) {
        int32_t k = (first + i) % 4;
        oc_pack_kernel kernel = {.architecture = k == 3 ? "sm_80" : "sm_90a",
                                 .kernel = names[k],
                                 .defines = defines[k],
                                 .key = {{(uint64_t)k * 77, 5}},
                                 .image = images[k],
                                 .bytes = strlen(images[k])};
        assert_int_equal(oc_pack_list_add(&list, &kernel, &error), OCTAVO_OK);
    }
    assert_int_equal(oc_pack_save(&list, path, &error), OCTAVO_OK);
    oc_pack_list_free(&list);
}

static void load_file(const char *path, char **bytes, size_t *size) {
    assert_int_equal(oc_file_load(path, 1 << 20, bytes, size, NULL), OCTAVO_OK);
}

static void reads_what_was_written(void **state) {
    const char *path = oc_test_path(folder, "four"), *other = oc_test_path(folder, "other");
    char *bytes, *again;
    size_t size, again_size;
    oc_pack pack;
    octavo_error error;
    (void)state;
    save_four(0, path);
    load_file(path, &bytes, &size);
    for (int32_t first = 1; first < 4; first++) {
        save_four(first, other);
        load_file(other, &again, &again_size);
        assert_int_equal(size, again_size);
        assert_memory_equal(bytes, again, size);
        free(again);
    }
    free(bytes);
    assert_int_equal(oc_pack_open(path, &pack, &error), OCTAVO_OK);
    assert_int_equal(pack.count, 4);
    assert_string_equal(pack.entries[0].architecture, "sm_80");
    for (uint64_t k = 0; k < 4; k++) {
        const oc_pack_entry *entry = oc_pack_find(&pack, (oc_cuda_key){{k * 77, 5}});
        void *image = NULL;
        assert_non_null(entry);
        assert_int_equal(oc_pack_load(&pack, entry, &image, &error), OCTAVO_OK);
        assert_int_equal(entry->bytes, strlen(images[k]));
        assert_memory_equal(image, images[k], entry->bytes);
        free(image);
    }
    assert_string_equal(oc_pack_defines(&pack, oc_pack_find(&pack, (oc_cuda_key){{77, 5}})), "");
    assert_null(oc_pack_find(&pack, (oc_cuda_key){{77, 6}}));
    oc_pack_close(&pack);
}

/* Opens bytes and loads all machine code; the first status that is not OK. */
static octavo_status open_all(const char *bytes, size_t size, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_file file;
    oc_pack pack;
    oc_error_clear(error);
    OC_TRY(oc_file_of_memory(bytes, size, "memory", &file, error));
    OC_TRY(oc_pack_of_file(&file, &pack, error));
    for (uint32_t i = 0; i < pack.count && status == OCTAVO_OK; i++) {
        void *image = NULL;
        status = oc_pack_load(&pack, &pack.entries[i], &image, error);
        free(image);
    }
    oc_pack_close(&pack);
done:
    return status;
}

/* Cut at every byte, or with a bit of any byte turned, it is refused: every byte counts. */
static void refuses_damage(void **state) {
    char *bytes;
    size_t size;
    octavo_error error;
    (void)state;
    save_four(0, oc_test_path(folder, "four"));
    load_file(oc_test_path(folder, "four"), &bytes, &size);
    assert_int_equal(open_all(bytes, size, &error), OCTAVO_OK);
    for (size_t at = 0; at < size; at++) {
        char *cut = malloc(at + 1); /* so that a sanitizer sees what is read behind it */
        memcpy(cut, bytes, at);
        assert_int_equal(open_all(cut, at, &error), OCTAVO_CORRUPT);
        free(cut);
        bytes[at] ^= 1;
        octavo_status status = open_all(bytes, size, &error);
        assert_true(status == OCTAVO_CORRUPT || status == OCTAVO_UNSUPPORTED);
        assert_true(error.message[0] != '\0');
        bytes[at] ^= 1;
    }
    free(bytes);
}

/* What a hostile writer would do: checksums are right, the rest is not. */
static void refuses_lies(void **state) {
    char *bytes;
    size_t size;
    octavo_error error;
    (void)state;
    save_four(0, oc_test_path(folder, "four"));
    load_file(oc_test_path(folder, "four"), &bytes, &size);
    oc_pack_head good;
    memcpy(&good, bytes, sizeof good);
    size_t front = sizeof good + 4 * sizeof(oc_pack_entry) + (size_t)good.text_bytes;
    char *copy = malloc(size);
    oc_pack_head *head = (oc_pack_head *)(void *)copy;
    oc_pack_entry *entries = (oc_pack_entry *)(void *)(copy + sizeof *head);
    for (int32_t lie = 0; lie <= 14; lie++) {
        octavo_status wanted = OCTAVO_CORRUPT;
        memcpy(copy, bytes, size);
        switch (lie) {
        case 0:
            entries[1].offset = UINT64_MAX - 4;
            break;
        case 1:
            entries[1].bytes = UINT64_MAX - 4;
            break;
        case 2:
            entries[3].bytes = 0;
            break;
        case 3:
            entries[3].bytes++;
            break;
        case 4:
            entries[1].offset = entries[0].offset;
            break;
        case 5:
            entries[2].text = UINT32_MAX;
            break;
        case 6:
            entries[2].text_bytes = UINT32_MAX;
            break;
        case 7:
            entries[2].text_bytes--;
            break;
        case 8:
            memset(entries[0].kernel, 'x', sizeof entries[0].kernel);
            break;
        case 9:
            entries[0].architecture[0] = '\0';
            break;
        case 10:
            entries[0].kernel[20] = 'x'; /* behind its zero */
            break;
        case 11:
            entries[3].key = entries[2].key;
            memcpy(entries[3].kernel, entries[2].kernel, sizeof entries[2].kernel);
            break;
        case 12:
            head->count = OC_LIMIT_KERNELS + 1;
            wanted = OCTAVO_UNSUPPORTED;
            break;
        case 13:
            head->count = 3;
            break;
        default:
            head->text_bytes = UINT64_MAX - 100;
            break;
        }
        uint64_t checksum[2];
        oc_pack_head_checksum(copy, front, checksum);
        memcpy(head->checksum, checksum, sizeof checksum);
        octavo_status status = open_all(copy, size, &error);
        if (status != wanted) {
            print_error("lie %d: %d, %s\n", lie, status, error.message);
        }
        assert_int_equal(status, wanted);
    }
    free(copy);
    free(bytes);
}

static void keeps_limits(void **state) {
    oc_pack_list list;
    octavo_error error;
    char defines[OC_LIMIT_KERNEL_TEXT + 2];
    oc_pack_kernel kernel = {.architecture = "sm_90a",
                             .kernel = "a kernel whose name is longer than forty characters.cu",
                             .defines = "",
                             .image = "x",
                             .bytes = 1};
    (void)state;
    oc_pack_list_init(&list);
    oc_error_clear(&error);
    assert_int_equal(oc_pack_list_add(&list, &kernel, &error), OCTAVO_UNSUPPORTED);
    kernel.kernel = "short.cu";
    memset(defines, '#', sizeof defines - 1);
    defines[sizeof defines - 1] = '\0';
    kernel.defines = defines;
    oc_error_clear(&error);
    assert_int_equal(oc_pack_list_add(&list, &kernel, &error), OCTAVO_UNSUPPORTED);
    defines[sizeof defines - 2] = '\0';
    assert_int_equal(oc_pack_list_add(&list, &kernel, &error), OCTAVO_OK);
    oc_pack_list_free(&list);
}

/* -- of engines ------------------------------------------------------------------------------ */

static void pack_engine(const char *architectures, const char *path, char **report) {
    octavo_error error;
    octavo_tool_pack_options options = {
        .architectures = architectures, .batches = "3,5,1", .threads = 1};
    octavo_status status = octavo_tool_kernels_pack(oc_test_engine_path("modelopt-fp8"), path,
                                                    &options, report, &error);
    if (status != OCTAVO_OK) {
        fail_msg("%s", error.message);
    }
}

/* On a card that does nothing: canaries are made ready, though they fail; then sessions. */
static void use_engine(octavo_status expected, const char *words) {
    octavo_engine *engine = oc_test_engine("modelopt-fp8");
    octavo_error error;
    octavo_model_options options = {.struct_size = sizeof options, .device = "cuda", .threads = 1};
    octavo_model *failed = NULL;
    oc_model *model = NULL;
    oc_error_clear(&error);
    octavo_status status = octavo_model_load(engine, &options, &failed, &error);
    if (status != expected || strstr(error.message, words) == NULL) {
        fail_msg("%d: %s", status, error.message);
    }
    if (expected != OCTAVO_CORRUPT) {
        return;
    }
    oc_weight_source source = oc_engine_source(engine);
    oc_model_options load = {.backend = &oc_backend_cuda, .threads = 1};
    assert_int_equal(oc_savings_parse(NULL, &load.savings, &error), OCTAVO_OK);
    assert_int_equal(oc_model_load(&engine->graph, &source, &load, &model, &error), OCTAVO_OK);
    static const int32_t batches[] = {1, 3, 5};
    for (size_t i = 0; i < OC_COUNT(batches); i++) {
        oc_session_options one = {.batch_max = batches[i], .threads = 1};
        oc_session *session = NULL;
        assert_int_equal(oc_session_create(model, &one, &session, &error), OCTAVO_OK);
        oc_session_free(session);
    }
    assert_int_equal(((oc_cuda_device *)oc_model_device(model))->compiled, compilations);
    oc_model_release(model);
}

/* What a card needs is in its pack; another card's is not, and without a compiler that is told. */
static void needs_no_compiler(void **state) {
    const char *path = oc_test_path(folder, "sm_90a");
    char *report = NULL;
    (void)state;
    oc_cuda_compiler_replace(compile_name);
    compilations = 0;
    pack_engine("sm_90a", path, &report);
    print_message("%d kernels\n%s\n", compilations, report);
    assert_true(compilations > 10);
    assert_non_null(strstr(report, "H100 PCIe"));
    octavo_free(report);

    oc_fake_driver *fake = oc_fake_driver_begin();
    oc_cuda_compiler_replace(compile_never);
    setenv("OCTAVO_KERNELS", path, 1);
    compilations = 0;
    use_engine(OCTAVO_CORRUPT, "canary"); /* the card computes nothing */
    assert_int_equal(compilations, 0);

    char *bytes;
    size_t size;
    load_file(path, &bytes, &size);
    bytes[size - 1] ^= 1; /* of the last kernel's machine code */
    assert_int_equal(oc_file_save(oc_test_path(folder, "damaged"), bytes, size, NULL), OCTAVO_OK);
    free(bytes);
    setenv("OCTAVO_KERNELS", oc_test_path(folder, "damaged"), 1);
    use_engine(OCTAVO_UNAVAILABLE, "has a damaged or unfit kernel tokens.cu for sm_90a; ");
    setenv("OCTAVO_KERNELS", path, 1);
    fake->major = 8;
    use_engine(OCTAVO_UNAVAILABLE, "lacks kernel");
    use_engine(OCTAVO_UNAVAILABLE, "for sm_80; kernel");
    assert_true(compilations > 0);
    assert_int_equal(fake->alive, 0);
    assert_int_equal(fake->wrong, 0);
    oc_fake_driver_end();
}

/* The same pack from the same engine, and from several architectures at once. */
static void packs_alike(void **state) {
    char *bytes[2], *report = NULL;
    size_t sizes[2];
    octavo_error error;
    octavo_tool_pack_options options = {.architectures = "sm_90a,sm_12", .batches = "1"};
    (void)state;
    oc_cuda_compiler_replace(compile_name);
    for (int32_t i = 0; i < 2; i++) {
        const char *path = oc_test_path(folder, i == 0 ? "first" : "second");
        pack_engine(i == 0 ? "sm_80,sm_120" : "sm_120,sm_80", path, NULL);
        load_file(path, &bytes[i], &sizes[i]);
    }
    assert_int_equal(sizes[0], sizes[1]);
    assert_memory_equal(bytes[0], bytes[1], sizes[0]);
    free(bytes[0]);
    free(bytes[1]);
    assert_int_equal(octavo_tool_kernels_pack(oc_test_engine_path("modelopt-fp8"),
                                              oc_test_path(folder, "third"), &options, &report,
                                              &error),
                     OCTAVO_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "\"sm_12\"; there are sm_80,"));
    assert_null(report);
    oc_cuda_compiler_replace(NULL);
}

static void refuses_a_bad_pack(void **state) {
    const char *path = oc_test_path(folder, "bad");
    FILE *file = fopen(path, "w");
    (void)state;
    assert_non_null(file);
    fputs("not a pack, though it is as long as one would have to be, which is 64 bytes", file);
    fclose(file);
    oc_fake_driver_begin();
    setenv("OCTAVO_KERNELS", path, 1);
    octavo_engine *engine = oc_test_engine("modelopt-fp8");
    octavo_error error;
    octavo_model_options options = {.struct_size = sizeof options, .device = "cuda", .threads = 1};
    octavo_model *model = NULL;
    assert_int_equal(octavo_model_load(engine, &options, &model, &error), OCTAVO_CORRUPT);
    assert_non_null(strstr(error.message, "no pack of kernels"));
    oc_fake_driver_end();
}

/* Machine code of the real compiler, where there is one. */
static void packs_machine_code(void **state) {
    const char *path = oc_test_path(folder, "real");
    char about[256];
    oc_pack pack;
    octavo_error error;
    (void)state;
    oc_cuda_compiler_replace(NULL);
    if (!oc_cuda_compiler_describe(about, sizeof about)) {
        print_message("SKIPPED: no kernel is really compiled: %s\n", about);
        skip();
    }
    octavo_tool_pack_options options = {.architectures = "sm_90a", .batches = "1", .threads = 1};
    assert_int_equal(
        octavo_tool_kernels_pack(oc_test_engine_path("modelopt-fp8"), path, &options, NULL, &error),
        OCTAVO_OK);
    assert_int_equal(oc_pack_open(path, &pack, &error), OCTAVO_OK);
    for (uint32_t i = 0; i < pack.count; i++) {
        void *image = NULL;
        assert_int_equal(oc_pack_load(&pack, &pack.entries[i], &image, &error), OCTAVO_OK);
        assert_memory_equal(image,
                            "\x7f"
                            "ELF",
                            4);
        free(image);
    }
    print_message("%u kernels by %s\n", pack.count, about);
    oc_pack_close(&pack);
}

/* -- the cache ------------------------------------------------------------------------------- */

/* What a card compiled is listed and removed; what else lies there stays. */
static void lists_and_clears(void **state) {
    const char *cache = oc_test_path(folder, "cache");
    const char *foreign = oc_test_path(cache, "0123456789abcdef.kernel");
    char *report = NULL, line[64];
    octavo_error error;
    (void)state;
    oc_fake_driver_begin();
    setenv("OCTAVO_KERNELS", cache, 1);
    oc_cuda_compiler_replace(compile_name);
    assert_int_equal(octavo_tool_kernels_list(NULL, &report, &error), OCTAVO_OK);
    assert_non_null(strstr(report, "\"count\": 0"));
    octavo_free(report);
    compilations = 0;
    octavo_engine *engine = oc_test_engine("modelopt-fp8");
    octavo_model_options options = {.struct_size = sizeof options, .device = "cuda", .threads = 1};
    octavo_model *model = NULL;
    assert_int_equal(octavo_model_load(engine, &options, &model, &error), OCTAVO_CORRUPT);
    FILE *file = fopen(foreign, "w");
    assert_non_null(file);
    fclose(file);
    assert_int_equal(octavo_tool_kernels_list(NULL, &report, &error), OCTAVO_OK);
    snprintf(line, sizeof line, "\"count\": %d", compilations);
    assert_non_null(strstr(report, line));
    assert_non_null(strstr(report, "\"norm.cu\""));
    assert_non_null(strstr(report, "\"current\": true"));
    assert_null(strstr(report, "\"current\": false"));
    octavo_free(report);
    assert_int_equal(octavo_tool_kernels_clear(&report, &error), OCTAVO_OK);
    snprintf(line, sizeof line, "\"removed\": %d", compilations);
    assert_non_null(strstr(report, line));
    assert_non_null(strstr(report, "\"left\": 1"));
    octavo_free(report);
    assert_true(oc_is_file(foreign));
    assert_true(
        oc_cuda_cache_is_rest(".00112233445566778899aabbccddeeff.kernel.0123456789abcdef.tmp"));
    assert_false(oc_cuda_cache_is_rest(".00112233445566778899aabbccddeeff.kernels"));
    assert_false(oc_cuda_cache_is_entry("00112233445566778899aabbccddeefg.kernel"));
    oc_fake_driver_end();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_was_written), cmocka_unit_test(refuses_damage),
        cmocka_unit_test(refuses_lies),           cmocka_unit_test(keeps_limits),
        cmocka_unit_test(needs_no_compiler),      cmocka_unit_test(packs_alike),
        cmocka_unit_test(refuses_a_bad_pack),     cmocka_unit_test(packs_machine_code),
        cmocka_unit_test(lists_and_clears),
    };
    snprintf(folder, sizeof folder, "%s", "/tmp/octavo-packs-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return 1;
    }
    setenv("XDG_CACHE_HOME", folder, 1);
    int failed = cmocka_run_group_tests(tests, NULL, oc_test_engines_free);
    char command[OC_TEST_PATH + 16];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return failed + system(command) != 0;
}
