// links: engine
/* Writing engine files: wrong calls, full disks and sudden death leave nothing behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "engine/verify.h"
#include "support/engine_sample.h"

static char folder[] = "/tmp/octavo-engine-XXXXXX";
static char path[64];

static int make_folder(void **state) {
    (void)state;
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(path, sizeof path, "%s/a.octavo", folder);
    return 0;
}

/* Removes what is in the folder and returns how many files that were. */
static int empty_folder(void) {
    DIR *listing = opendir(folder);
    int count = 0;
    assert_non_null(listing);
    for (const struct dirent *entry; (entry = readdir(listing)) != NULL;) {
        count += unlinkat(dirfd(listing), entry->d_name, 0) == 0;
    }
    closedir(listing);
    return count;
}

static int remove_folder(void **state) {
    (void)state;
    empty_folder();
    return rmdir(folder);
}

static oc_engine_writer *writer_with_sections(void) {
    oc_engine_writer *writer = NULL;
    octavo_error error = {0};
    if (oc_engine_writer_create(path, &writer, &error) != OCTAVO_OK ||
        sample_sections(writer, &error) != OCTAVO_OK) {
        fail_msg("%s", error.message);
    }
    return writer;
}

/* Adds a tensor of `bytes` bytes of a shape that wants 8. */
static octavo_status add_tensor(oc_engine_writer *writer, const char *name, size_t bytes,
                                octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const int64_t shape[2] = {2, 4};
    *error = (octavo_error){0};
    OC_TRY(oc_engine_writer_begin_tensor(writer, name, OCTAVO_U8, 2, shape, error));
    OC_TRY(oc_engine_writer_append(writer, "01234567890123456789", bytes, error));
    OC_TRY(oc_engine_writer_end_tensor(writer, error));
done:
    return status;
}

/* The writer is freed, and nothing is left in the folder. */
static void drop(oc_engine_writer *writer) {
    oc_engine_writer_free(writer);
    assert_int_equal(empty_folder(), 0);
}

/* Tensors with too many or too few bytes, bad names and shapes are refused with both values. */
static void test_wrong_tensors(void **state) {
    (void)state;
    octavo_error error = {0};
    const int64_t bad[2] = {2, 0}, huge[5] = {INT64_MAX, 2, 1, 1, 1}, fine[1] = {3};
    oc_engine_writer *writer = writer_with_sections();
    assert_int_equal(add_tensor(writer, "a", 9, &error), OCTAVO_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "9 bytes come for tensor 1, which has room for 8"));
    drop(writer);
    writer = writer_with_sections();
    assert_int_equal(add_tensor(writer, "a", 7, &error), OCTAVO_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "tensor 1 ends after 7 bytes, its shape wants 8"));
    error = (octavo_error){0};
    assert_int_equal(oc_engine_writer_begin_tensor(writer, "b", OCTAVO_U8, 1, fine, &error),
                     OCTAVO_BAD_STATE);
    assert_int_equal(oc_engine_writer_finish(writer, &error), OCTAVO_BAD_STATE);
    drop(writer);
    writer = writer_with_sections();
    assert_int_equal(oc_engine_writer_append(writer, "x", 1, &error), OCTAVO_INVALID_ARGUMENT);
    assert_int_equal(oc_engine_writer_end_tensor(writer, &error), OCTAVO_INVALID_ARGUMENT);
    const char *names[] = {"", "two words", "tab\there", "\xc3\xa4"};
    for (size_t i = 0; i < OC_COUNT(names); i++) {
        assert_int_equal(
            oc_engine_writer_begin_tensor(writer, names[i], OCTAVO_U8, 1, fine, &error),
            OCTAVO_INVALID_ARGUMENT);
    }
    assert_int_equal(oc_engine_writer_begin_tensor(writer, "a", OCTAVO_U8, 2, bad, &error),
                     OCTAVO_CORRUPT);
    assert_int_equal(oc_engine_writer_begin_tensor(writer, "a", OCTAVO_U8, 2, huge, &error),
                     OCTAVO_CORRUPT);
    assert_int_equal(oc_engine_writer_begin_tensor(writer, "a", OCTAVO_U8, 5, huge, &error),
                     OCTAVO_CORRUPT);
    assert_int_equal(oc_engine_writer_begin_tensor(writer, "a", OCTAVO_U8, -1, huge, &error),
                     OCTAVO_CORRUPT);
    assert_int_equal(oc_engine_writer_begin_tensor(writer, "a", (octavo_dtype)99, 1, fine, &error),
                     OCTAVO_UNSUPPORTED);
    drop(writer);
}

/* What a reader would refuse is never put in place. */
static void test_refused_by_reader(void **state) {
    (void)state;
    octavo_error error = {0};
    oc_engine_writer *writer = writer_with_sections();
    assert_int_equal(add_tensor(writer, "twice", 8, &error), OCTAVO_OK);
    assert_int_equal(add_tensor(writer, "twice", 8, &error), OCTAVO_OK);
    assert_int_equal(oc_engine_writer_finish(writer, &error), OCTAVO_CORRUPT);
    assert_non_null(strstr(error.message, "tensors 0 and 1 are both called twice"));
    drop(writer);

    error = (octavo_error){0};
    writer = writer_with_sections();
    assert_int_equal(oc_engine_writer_finish(writer, &error), OCTAVO_CORRUPT);
    assert_non_null(strstr(error.message, "lists 0 tensors"));
    drop(writer);

    assert_int_equal(oc_engine_writer_create(path, &writer, &error), OCTAVO_OK);
    assert_int_equal(add_tensor(writer, "a", 8, &error), OCTAVO_OK);
    assert_int_equal(oc_engine_writer_finish(writer, &error), OCTAVO_CORRUPT);
    assert_non_null(strstr(error.message, "no section META"));
    drop(writer);
}

/* Sections are given once, whole, and not those that the writer makes. */
static void test_wrong_sections(void **state) {
    (void)state;
    octavo_error error = {0};
    oc_engine_writer *writer = writer_with_sections();
    const struct {
        oc_section_type type;
        size_t bytes;
    } cases[] = {{OC_SECTION_META, 2},      {OC_SECTION_TOKENIZER, 0},
                 {OC_SECTION_TENSORS, 2},   {OC_SECTION_WEIGHTS, 2},
                 {(oc_section_type)(0), 2}, {(oc_section_type)(OC_SECTION_KNOWN + 1), 2}};
    for (size_t i = 0; i < OC_COUNT(cases); i++) {
        assert_int_equal(
            oc_engine_writer_section(writer, cases[i].type, "{}", cases[i].bytes, &error),
            OCTAVO_INVALID_ARGUMENT);
    }
    drop(writer);
}

/* Places where no file can be made are CANNOT_CREATE, at once. */
static void test_unwritable(void **state) {
    (void)state;
    const char *places[] = {"/no/such/folder/a.octavo", "/proc/a.octavo", "/tmp", "/dev/full", ""};
    for (size_t i = 0; i < OC_COUNT(places); i++) {
        octavo_error error = {0};
        oc_engine_writer *writer = NULL;
        assert_int_equal(oc_engine_writer_create(places[i], &writer, &error), OCTAVO_CANNOT_CREATE);
        assert_null(writer);
        assert_string_equal(error.path, places[i]);
    }
}

/* A disk that is full after `limit` bytes, in a child process. */
static int write_with_limit(rlim_t limit) {
    pid_t child = fork();
    if (child == 0) {
        octavo_error error = {0};
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){limit, limit});
        octavo_status status = sample_write(path, 1000, &error);
        _exit(status == OCTAVO_IO && strcmp(error.path, path) == 0 ? 1
              : status == OCTAVO_OK                                ? 0
                                                                   : 2);
    }
    int result = 0;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFEXITED(result));
    return WEXITSTATUS(result);
}

/* A full disk is IO, wherever it strikes, and leaves neither the file nor a temporary. */
static void test_full_disk(void **state) {
    (void)state;
    size_t size = 0;
    assert_int_equal(sample_write(path, 4096, NULL), OCTAVO_OK);
    free(sample_load(path, &size));
    assert_int_equal(empty_folder(), 1);
    const rlim_t limits[] = {0, 1023, 1024, 1025, 30000, size - 1000, size - 1};
    for (size_t i = 0; i < OC_COUNT(limits); i++) {
        assert_int_equal(write_with_limit(limits[i]), 1);
        assert_int_equal(empty_folder(), 0);
    }
    assert_int_equal(write_with_limit(size), 0);
    assert_int_equal(empty_folder(), 1);
}

/* Killed at any moment, the final name is absent or leads to a whole file. */
static void test_killed(void **state) {
    (void)state;
    int absent = 0;
    unsigned delay_us = 0;
    for (int i = 0; i < 60; i++) {
        pid_t child = fork();
        if (child == 0) {
            _exit(sample_write(path, 64, NULL) == OCTAVO_OK ? 0 : 1);
        }
        usleep(delay_us);
        kill(child, SIGKILL);
        int result = 0;
        assert_int_equal(waitpid(child, &result, 0), child);
        assert_true(WIFSIGNALED(result) || WEXITSTATUS(result) == 0);
        if (access(path, F_OK) != 0) {
            assert_true(WIFSIGNALED(result));
            absent++;
            delay_us += 300;
        } else {
            oc_engine_file *file = NULL;
            assert_int_equal(oc_engine_file_open(path, &file, NULL), OCTAVO_OK);
            assert_int_equal(oc_engine_verify(file, NULL, NULL, NULL), OCTAVO_OK);
            oc_engine_file_close(file);
            delay_us /= 2;
        }
        empty_folder();
    }
    assert_true(absent > 0);
}

/* An engine that is written anew is replaced in one moment: the old one stays until then. */
static void test_replace(void **state) {
    (void)state;
    octavo_error error = {0};
    assert_int_equal(sample_write(path, 4096, &error), OCTAVO_OK);
    oc_engine_writer *writer = writer_with_sections();
    assert_int_equal(add_tensor(writer, "only", 8, &error), OCTAVO_OK);
    oc_engine_file *file = NULL;
    assert_int_equal(oc_engine_file_open(path, &file, &error), OCTAVO_OK);
    assert_int_equal(oc_engine_tensor_count(file), SAMPLE_TENSORS);
    assert_int_equal(oc_engine_writer_finish(writer, &error), OCTAVO_OK);
    oc_engine_writer_free(writer);
    /* The one that is open still reads the old bytes. */
    assert_int_equal(oc_engine_verify(file, NULL, NULL, &error), OCTAVO_OK);
    oc_engine_file_close(file);
    assert_int_equal(oc_engine_file_open(path, &file, &error), OCTAVO_OK);
    assert_int_equal(oc_engine_tensor_count(file), 1);
    oc_engine_file_close(file);
    assert_int_equal(empty_folder(), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wrong_tensors),  cmocka_unit_test(test_refused_by_reader),
        cmocka_unit_test(test_wrong_sections), cmocka_unit_test(test_unwritable),
        cmocka_unit_test(test_full_disk),      cmocka_unit_test(test_killed),
        cmocka_unit_test(test_replace),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
