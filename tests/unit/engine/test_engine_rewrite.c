// links: engine
/* An engine file with one section replaced: all else is byte for byte what it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>

#include "engine/rewrite.h"
#include "engine/verify.h"
#include "support/engine_reseal.h"
#include "support/engine_sample.h"
#include "support/files.h"

static char folder[OC_TEST_PATH];

static int begin(void **state) {
    (void)state;
    oc_test_folder(folder);
    return 0;
}

static int end(void **state) {
    (void)state;
    oc_test_folder_remove(folder);
    return 0;
}

static int32_t files_in_folder(void) {
    int32_t count = 0;
    DIR *at = opendir(folder);
    assert_non_null(at);
    for (const struct dirent *entry; (entry = readdir(at)) != NULL;) {
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    }
    closedir(at);
    return count;
}

static octavo_status rewrite(const char *from, const char *to, const char *text,
                             octavo_progress progress, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_engine_file *file = NULL;
    oc_output output = OC_OUTPUT_CLOSED;
    OC_TRY(oc_engine_file_open(from, &file, error));
    OC_TRY(oc_output_open(to, &output, error));
    OC_TRY(oc_engine_rewrite(file, OC_SECTION_TUNED, text, strlen(text), &output, progress, NULL,
                             error));
    OC_TRY(oc_output_commit(&output, error));
done:
    oc_output_abort(&output);
    oc_engine_file_close(file);
    return status;
}

static oc_engine_file *open_file(const char *path) {
    oc_engine_file *file = NULL;
    octavo_error error = {0};
    if (oc_engine_file_open(path, &file, &error) != OCTAVO_OK) {
        fail_msg("%s", error.message);
    }
    assert_int_equal(oc_engine_verify(file, NULL, NULL, &error), OCTAVO_OK);
    return file;
}

/* Every section of a is in b with the same bytes, in the same order; b may have one more. */
static void keeps_sections(const char *a, const char *b) {
    oc_engine_file *from = open_file(a), *to = open_file(b);
    const oc_format_front *old = oc_engine_file_front(from), *new = oc_engine_file_front(to);
    for (uint32_t i = 0; i < old->header.section_count; i++) {
        const oc_format_section *x = &old->sections[i], *y = &new->sections[i];
        assert_int_equal(x->type, y->type);
        if (x->type == OC_SECTION_TUNED) {
            continue;
        }
        assert_int_equal(x->flags, y->flags);
        assert_int_equal(x->bytes, y->bytes);
        assert_int_equal(x->checksum, y->checksum);
        uint8_t *left = malloc(x->bytes), *right = malloc(x->bytes);
        assert_int_equal(oc_engine_read_raw(from, x->offset, left, x->bytes, NULL), OCTAVO_OK);
        assert_int_equal(oc_engine_read_raw(to, y->offset, right, x->bytes, NULL), OCTAVO_OK);
        assert_memory_equal(left, right, x->bytes);
        free(left);
        free(right);
    }
    oc_engine_file_close(from);
    oc_engine_file_close(to);
}

static void holds(const char *path, const char *text) {
    oc_engine_file *file = open_file(path);
    size_t bytes;
    const void *section = oc_engine_section(file, OC_SECTION_TUNED, &bytes);
    assert_int_equal(bytes, strlen(text));
    assert_memory_equal(section, text, bytes);
    oc_engine_file_close(file);
}

/* A section comes behind the others, is replaced where it is, in another file and in the same, by
 * longer and shorter ones; a section that nobody knows stays. */
static void test_replaced(void **state) {
    (void)state;
    octavo_error error = {0};
    const char *first = oc_test_path(folder, "first"), *second = oc_test_path(folder, "second");
    assert_int_equal(sample_write(first, 4096, &error), OCTAVO_OK);
    size_t size = 0;
    uint8_t *bytes = sample_load(first, &size);
    oc_format_front front;
    memcpy(&front, bytes, sizeof front);
    for (uint32_t i = 0; i < front.header.section_count; i++) {
        if (front.sections[i].type == OC_SECTION_CARD) {
            front.sections[i].type = 77;
        }
    }
    memcpy(bytes, &front, sizeof front);
    engine_reseal(bytes, size);
    assert_int_equal(oc_file_save(first, bytes, size, &error), OCTAVO_OK);
    assert_int_equal(rewrite(first, second, "{\"runs\":[]}", NULL, &error), OCTAVO_OK);
    keeps_sections(first, second);
    holds(second, "{\"runs\":[]}");
    uint8_t *again = sample_load(first, &size); /* the first is as it was */
    assert_memory_equal(bytes, again, size);
    free(again);
    free(bytes);
    char longer[400];
    memset(longer, ' ', sizeof longer);
    memcpy(longer, "{\"runs\":[]}", 11);
    longer[sizeof longer - 1] = '\0';
    assert_int_equal(rewrite(second, second, longer, NULL, &error), OCTAVO_OK);
    keeps_sections(first, second);
    holds(second, longer);
    assert_int_equal(rewrite(second, second, "{}", NULL, &error), OCTAVO_OK);
    keeps_sections(first, second);
    holds(second, "{}");
    assert_int_equal(files_in_folder(), 2);
}

/* The same file as a writer makes that is given the section from the start. */
static void test_canonical(void **state) {
    (void)state;
    octavo_error error = {0};
    const char *first = oc_test_path(folder, "first"), *second = oc_test_path(folder, "second");
    const char *third = oc_test_path(folder, "third");
    size_t sizes[2] = {0};
    assert_int_equal(sample_write(first, 4096, &error), OCTAVO_OK);
    assert_int_equal(rewrite(first, second, "{}", NULL, &error), OCTAVO_OK);
    oc_engine_writer *writer = NULL;
    assert_int_equal(oc_engine_writer_create(third, &writer, &error), OCTAVO_OK);
    for (int32_t i = 0; i < SAMPLE_TENSORS; i++) {
        const sample_tensor *tensor = &sample_tensors[i];
        uint8_t *bytes = sample_bytes(i);
        assert_int_equal(oc_engine_writer_begin_tensor(writer, tensor->name, tensor->dtype,
                                                       tensor->rank, tensor->shape, &error),
                         OCTAVO_OK);
        assert_int_equal(oc_engine_writer_append(writer, bytes, tensor->bytes, &error), OCTAVO_OK);
        assert_int_equal(oc_engine_writer_end_tensor(writer, &error), OCTAVO_OK);
        free(bytes);
    }
    assert_int_equal(oc_engine_writer_section(writer, OC_SECTION_TUNED, "{}", 2, &error),
                     OCTAVO_OK);
    assert_int_equal(sample_sections(writer, &error), OCTAVO_OK);
    assert_int_equal(oc_engine_writer_finish(writer, &error), OCTAVO_OK);
    oc_engine_writer_free(writer);
    uint8_t *a = sample_load(second, &sizes[0]), *b = sample_load(third, &sizes[1]);
    assert_int_equal(sizes[0], sizes[1]);
    assert_memory_equal(a, b, sizes[0]);
    free(a);
    free(b);
}

static int32_t stop(void *user, const char *what, uint64_t done, uint64_t total) {
    (void)user;
    (void)what;
    return done * 2 > total;
}

/* What is stopped or cannot be written leaves the old file, and nothing beside it. */
static void test_interrupted(void **state) {
    (void)state;
    octavo_error error = {0};
    const char *first = oc_test_path(folder, "first");
    size_t sizes[2] = {0};
    assert_int_equal(sample_write(first, 4096, &error), OCTAVO_OK);
    uint8_t *before = sample_load(first, &sizes[0]);
    assert_int_equal(rewrite(first, first, "{}", stop, &error), OCTAVO_CANCELLED);
    uint8_t *after = sample_load(first, &sizes[1]);
    assert_int_equal(sizes[0], sizes[1]);
    assert_memory_equal(before, after, sizes[0]);
    assert_int_equal(files_in_folder(), 1);
    assert_int_equal(rewrite(first, oc_test_path(folder, "no/such"), "{}", NULL, &error),
                     OCTAVO_CANNOT_CREATE);
    free(before);
    free(after);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_replaced, begin, end),
        cmocka_unit_test_setup_teardown(test_canonical, begin, end),
        cmocka_unit_test_setup_teardown(test_interrupted, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
