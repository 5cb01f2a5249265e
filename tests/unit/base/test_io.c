// links: base
/* test_io.c - reading files, writing them whole or not at all, listing folders. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/sys/io.h"
#include "base/sys/output.h"

static char root[64];

/* A path in the test's own folder; good until the fourth call after. */
static const char *at(const char *name) {
    static char paths[4][512];
    static int turn;
    turn = (turn + 1) % 4;
    snprintf(paths[turn], sizeof paths[0], "%s/%s", root, name);
    return paths[turn];
}

static int setup(void **state) {
    (void)state;
    strcpy(root, "/tmp/octavo-test-io-XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    return system(command);
}

static void put(const char *name, const char *text) {
    octavo_error error;
    oc_error_clear(&error);
    if (oc_file_save(at(name), text, strlen(text), &error)) {
        fail_msg("%s", error.message);
    }
}

static void expect_content(const char *path, const char *text) {
    char *bytes;
    size_t size;
    assert_int_equal(oc_file_load(path, 1 << 20, &bytes, &size, NULL), OCTAVO_OK);
    assert_int_equal(size, strlen(text));
    assert_string_equal(bytes, text);
    free(bytes);
}

/* Files, hidden ones counted. */
static uint32_t count_files(void) {
    oc_listing listing;
    assert_int_equal(oc_folder_list(root, OC_LIST_DEEP, 1000, &listing, NULL), OCTAVO_OK);
    uint32_t count = listing.count;
    oc_listing_free(&listing);
    return count;
}

/* A file comes whole and terminated; one over the cap is refused with both sizes. */
static void test_load(void **state) {
    (void)state;
    put("a", "hello");
    put("empty", "");
    expect_content(at("a"), "hello");
    expect_content(at("empty"), "");
    char *bytes = (char *)1;
    size_t size = 1;
    octavo_error error;
    oc_error_clear(&error);
    assert_int_equal(oc_file_load(at("a"), 4, &bytes, &size, &error), OCTAVO_UNSUPPORTED);
    assert_non_null(strstr(error.message, "has 5 bytes, the limit is 4"));
    assert_string_equal(error.path, at("a"));
    assert_null(bytes);
    assert_int_equal(size, 0);
}

/* What is missing is NOT_FOUND; what is no regular file is refused at once, a pipe without a
 * writer too. */
static void test_load_refusals(void **state) {
    (void)state;
    char *bytes;
    size_t size;
    octavo_error error;
    put("a", "hello");
    oc_error_clear(&error);
    assert_int_equal(oc_file_load(at("none"), 9, &bytes, &size, &error), OCTAVO_NOT_FOUND);
    assert_non_null(strstr(error.message, "No such file"));
    assert_int_equal(oc_file_load(at("a/b"), 9, &bytes, &size, NULL), OCTAVO_NOT_FOUND);
    oc_error_clear(&error);
    assert_int_equal(oc_file_load(root, 9, &bytes, &size, &error), OCTAVO_IO);
    assert_non_null(strstr(error.message, "is a folder"));
    assert_int_equal(mkfifo(at("pipe"), 0600), 0);
    assert_int_equal(oc_file_load(at("pipe"), 9, &bytes, &size, NULL), OCTAVO_IO);
    assert_int_equal(oc_file_load("/dev/null", 9, &bytes, &size, NULL), OCTAVO_IO);
}

/* Parts are read exactly; a part that is not all there is an error that says from where. */
static void test_read_at(void **state) {
    (void)state;
    put("a", "0123456789");
    oc_file file;
    octavo_error error;
    char bytes[4] = "";
    oc_error_clear(&error);
    assert_int_equal(oc_file_open(at("a"), &file, &error), OCTAVO_OK);
    assert_int_equal(file.size, 10);
    assert_int_equal(oc_file_read(&file, 6, bytes, 4, &error), OCTAVO_OK);
    assert_memory_equal(bytes, "6789", 4);
    assert_int_equal(oc_file_read(&file, 10, bytes, 0, &error), OCTAVO_OK);
    assert_int_equal(oc_file_read(&file, 7, bytes, 4, &error), OCTAVO_CORRUPT);
    assert_int_equal(error.offset, 7);
    assert_non_null(strstr(error.message, "ends at byte 10, 4 bytes were expected from byte 7"));
    assert_null(strstr(error.message, "cut short"));
    assert_int_equal(truncate(at("a"), 3), 0); /* while it is open */
    oc_error_clear(&error);
    assert_int_equal(oc_file_read(&file, 6, bytes, 4, &error), OCTAVO_IO);
    assert_non_null(strstr(error.message, "ends at byte 3, 4 bytes were expected from byte 6: it "
                                          "was cut short while it was read"));
    assert_int_equal(oc_file_read(&file, UINT64_MAX, bytes, 4, NULL), OCTAVO_CORRUPT);
    assert_int_equal(oc_file_read(&file, INT64_MAX, bytes, 4, NULL), OCTAVO_CORRUPT);
    oc_file_close(&file);
    oc_file_close(&file);
}

/* Nothing shows under the final name before the commit; afterwards all of it, and no temporary. */
static void test_output_commit(void **state) {
    (void)state;
    put("a", "old");
    uint32_t before = count_files();
    oc_output output;
    assert_int_equal(oc_output_open(at("a"), &output, NULL), OCTAVO_OK);
    assert_int_equal(oc_output_append(&output, "head", 4, NULL), OCTAVO_OK);
    assert_int_equal(oc_output_append(&output, "tail", 4, NULL), OCTAVO_OK);
    assert_int_equal(oc_output_write_at(&output, 1, "EA", 2, NULL), OCTAVO_OK);
    assert_int_equal(oc_output_write_at(&output, 9, "!", 1, NULL), OCTAVO_OK);
    assert_int_equal(output.size, 10);
    expect_content(at("a"), "old");
    assert_int_equal(oc_output_commit(&output, NULL), OCTAVO_OK);
    oc_output_abort(&output);
    char *bytes;
    size_t size;
    assert_int_equal(oc_file_load(at("a"), 99, &bytes, &size, NULL), OCTAVO_OK);
    assert_int_equal(size, 10);
    assert_memory_equal(bytes, "hEAdtail\0!", 10);
    free(bytes);
    assert_int_equal(count_files(), before);
}

/* An abort leaves the old file and nothing else. */
static void test_output_abort(void **state) {
    (void)state;
    put("a", "old");
    uint32_t before = count_files();
    oc_output output;
    assert_int_equal(oc_output_open(at("a"), &output, NULL), OCTAVO_OK);
    assert_int_equal(oc_output_append(&output, "new", 3, NULL), OCTAVO_OK);
    oc_output_abort(&output);
    oc_output_abort(&output);
    expect_content(at("a"), "old");
    assert_int_equal(count_files(), before);
}

/* Two writers of one name do not disturb each other: the last commit wins whole. */
static void test_output_two_writers(void **state) {
    (void)state;
    oc_output one, two;
    assert_int_equal(oc_output_open(at("both"), &one, NULL), OCTAVO_OK);
    assert_int_equal(oc_output_open(at("both"), &two, NULL), OCTAVO_OK);
    assert_int_equal(oc_output_append(&one, "one", 3, NULL), OCTAVO_OK);
    assert_int_equal(oc_output_append(&two, "second", 6, NULL), OCTAVO_OK);
    assert_int_equal(oc_output_commit(&two, NULL), OCTAVO_OK);
    assert_int_equal(oc_output_commit(&one, NULL), OCTAVO_OK);
    expect_content(at("both"), "one");
}

/* Places where no file can be are refused before anything is written; devices are not replaced. */
static void test_output_refusals(void **state) {
    (void)state;
    octavo_error error;
    oc_output output;
    oc_error_clear(&error);
    assert_int_equal(oc_output_open(at("no/such/folder"), &output, &error), OCTAVO_CANNOT_CREATE);
    assert_non_null(strstr(error.message, "No such file"));
    assert_string_equal(error.path, at("no/such/folder"));
    oc_error_clear(&error);
    assert_int_equal(oc_output_open(root, &output, &error), OCTAVO_CANNOT_CREATE);
    assert_non_null(strstr(error.message, "a folder"));
    assert_int_equal(oc_output_open("/dev/null", &output, NULL), OCTAVO_CANNOT_CREATE);
    assert_int_equal(oc_output_open("", &output, NULL), OCTAVO_CANNOT_CREATE);
    assert_int_equal(oc_output_open(at("x/"), &output, NULL), OCTAVO_CANNOT_CREATE);
    assert_int_equal(output.fd, -1);
    put("a", "kept");
    assert_int_equal(oc_output_open(at("a/b"), &output, NULL), OCTAVO_CANNOT_CREATE);
    expect_content(at("a"), "kept");
}

/* A disk that is full (here: a cap on file size) is IO, and leaves the old file. */
static void test_output_disk_full(void **state) {
    (void)state;
    put("a", "old");
    uint32_t before = count_files();
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct rlimit limit = {1000, 1000};
        char block[4096] = "";
        octavo_error error;
        oc_error_clear(&error);
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &limit);
        octavo_status status = oc_file_save(at("a"), block, sizeof block, &error);
        _exit(status == OCTAVO_IO && strstr(error.message, "cannot write") ? 0 : 1);
    }
    int result;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_int_equal(result, 0);
    expect_content(at("a"), "old");
    assert_int_equal(count_files(), before);
}

/* A writer killed at a random moment leaves the old or the new file, never a part. */
static void test_output_killed(void **state) {
    (void)state;
    enum { SIZE = 1 << 16 };
    char *content = malloc(SIZE);
    memset(content, 'n', SIZE);
    put("a", "old");
    for (unsigned round = 0; round < 20; round++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            for (;;) {
                oc_output output;
                if (oc_output_open(at("a"), &output, NULL)) {
                    _exit(1);
                }
                for (size_t i = 0; i < SIZE; i += 64) {
                    if (oc_output_append(&output, content + i, 64, NULL)) {
                        _exit(1);
                    }
                }
                if (oc_output_commit(&output, NULL)) {
                    _exit(1);
                }
            }
        }
        usleep(500 + round * 700);
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, NULL, 0), child);
        char *bytes;
        size_t size;
        assert_int_equal(oc_file_load(at("a"), SIZE, &bytes, &size, NULL), OCTAVO_OK);
        assert_true((size == 3 && memcmp(bytes, "old", 3) == 0) ||
                    (size == SIZE && memcmp(bytes, content, SIZE) == 0));
        free(bytes);
    }
    free(content);
}

static void write_into(const oc_output_folder *folder, const char *name, const char *text) {
    char *path = oc_path_join(folder->temporary, name);
    assert_int_equal(oc_file_save(path, text, strlen(text), NULL), OCTAVO_OK);
    free(path);
}

/* A folder of files appears with all of them, over nothing or an empty folder. */
static void test_output_folder(void **state) {
    (void)state;
    assert_int_equal(mkdir(at("empty-folder"), 0777), 0);
    static const char *const names[] = {"fresh", "empty-folder", "slashed///"};
    for (size_t i = 0; i < OC_COUNT(names); i++) {
        oc_output_folder folder;
        char inside[64];
        assert_int_equal(oc_output_folder_open(at(names[i]), &folder, NULL), OCTAVO_OK);
        write_into(&folder, "model.safetensors", "weights");
        write_into(&folder, "config.json", "{}");
        snprintf(inside, sizeof inside, "%s/config.json", names[i]);
        assert_false(oc_is_file(at(inside)));
        assert_int_equal(oc_output_folder_commit(&folder, NULL), OCTAVO_OK);
        oc_output_folder_abort(&folder);
        expect_content(at(inside), "{}");
    }
}

/* A folder that holds something, or is none, is left alone; aborting removes every file. */
static void test_output_folder_refusals(void **state) {
    (void)state;
    octavo_error error;
    oc_output_folder folder;
    assert_int_equal(mkdir(at("full"), 0777), 0);
    put("full/precious", "kept");
    put("a", "file");
    oc_error_clear(&error);
    assert_int_equal(oc_output_folder_open(at("full"), &folder, &error), OCTAVO_CANNOT_CREATE);
    assert_non_null(strstr(error.message, "not empty (precious)"));
    assert_int_equal(oc_output_folder_open(at("a"), &folder, NULL), OCTAVO_CANNOT_CREATE);
    assert_int_equal(oc_output_folder_open(at("no/where"), &folder, NULL), OCTAVO_CANNOT_CREATE);
    assert_int_equal(oc_output_folder_open("", &folder, NULL), OCTAVO_CANNOT_CREATE);
    assert_int_equal(oc_output_folder_open(".", &folder, NULL), OCTAVO_CANNOT_CREATE);
    assert_int_equal(oc_output_folder_open("/", &folder, NULL), OCTAVO_CANNOT_CREATE);
    uint32_t before = count_files();
    assert_int_equal(oc_output_folder_open(at("late"), &folder, NULL), OCTAVO_OK);
    write_into(&folder, "x", "x");
    oc_output_folder_abort(&folder);
    assert_int_equal(count_files(), before);
    /* Someone fills the place while we write: theirs stays. */
    assert_int_equal(oc_output_folder_open(at("late"), &folder, NULL), OCTAVO_OK);
    write_into(&folder, "x", "x");
    assert_int_equal(mkdir(at("late"), 0777), 0);
    put("late/theirs", "kept");
    assert_int_equal(oc_output_folder_commit(&folder, NULL), OCTAVO_CANNOT_CREATE);
    expect_content(at("late/theirs"), "kept");
    assert_int_equal(count_files(), before + 1);
}

/* Listings are sorted, follow links to files, and enter each folder once, loops or not. */
static void test_list(void **state) {
    (void)state;
    static const char *const folders[] = {"t", "t/b", "t/b/c", "t/e"};
    static const char *const files[] = {"t/z", "t/B", "t/b/2", "t/b/10", "t/b/c/x", "t/.h"};
    for (size_t i = 0; i < OC_COUNT(folders); i++) {
        assert_int_equal(mkdir(at(folders[i]), 0777), 0);
    }
    for (size_t i = 0; i < OC_COUNT(files); i++) {
        put(files[i], "");
    }
    assert_int_equal(symlink("..", at("t/b/loop")), 0);
    assert_int_equal(symlink("b/c", at("t/again")), 0);
    assert_int_equal(symlink("nowhere", at("t/dangling")), 0);
    assert_int_equal(symlink("z", at("t/link")), 0);
    assert_int_equal(mkfifo(at("t/fifo"), 0600), 0);
    static const char *const deep[] = {".h", "B", "again/x", "b/10", "b/2", "link", "z"};
    static const char *const flat[] = {".h", "B", "link", "z"};
    oc_listing listing;
    assert_int_equal(oc_folder_list(at("t"), OC_LIST_DEEP, 100, &listing, NULL), OCTAVO_OK);
    assert_int_equal(listing.count, OC_COUNT(deep));
    for (size_t i = 0; i < OC_COUNT(deep); i++) {
        assert_string_equal(listing.paths[i], deep[i]);
    }
    oc_listing_free(&listing);
    assert_int_equal(oc_folder_list(at("t"), 0, 4, &listing, NULL), OCTAVO_OK);
    assert_int_equal(listing.count, OC_COUNT(flat));
    for (size_t i = 0; i < OC_COUNT(flat); i++) {
        assert_string_equal(listing.paths[i], flat[i]);
    }
    oc_listing_free(&listing);
    /* links to nothing on request; to open one says where it leads */
    static const char *const dangling[] = {".h", "B", "dangling", "link", "z"};
    assert_int_equal(oc_folder_list(at("t"), OC_LIST_DANGLING, 5, &listing, NULL), OCTAVO_OK);
    assert_int_equal(listing.count, OC_COUNT(dangling));
    for (size_t i = 0; i < OC_COUNT(dangling); i++) {
        assert_string_equal(listing.paths[i], dangling[i]);
    }
    oc_listing_free(&listing);
    octavo_error error;
    oc_file file;
    oc_error_clear(&error);
    assert_int_equal(oc_file_open(at("t/dangling"), &file, &error), OCTAVO_CORRUPT);
    assert_non_null(strstr(error.message, "it is a link to nowhere, which is not there"));
    oc_error_clear(&error);
    assert_int_equal(oc_folder_list(at("t"), 0, 3, &listing, &error), OCTAVO_UNSUPPORTED);
    assert_non_null(strstr(error.message, "more than 3"));
    assert_int_equal(listing.count, 0);
    oc_listing_free(&listing);
    assert_int_equal(oc_folder_list(at("none"), OC_LIST_DEEP, 3, &listing, NULL), OCTAVO_NOT_FOUND);
    assert_int_equal(oc_folder_list(at("t/z"), OC_LIST_DEEP, 3, &listing, NULL), OCTAVO_NOT_FOUND);
    assert_int_equal(oc_folder_list(at("t/e"), OC_LIST_DEEP, 3, &listing, NULL), OCTAVO_OK);
    assert_int_equal(listing.count, 0);
    oc_listing_free(&listing);
}

/* Paths are joined and split without doubled or lost slashes. */
static void test_paths(void **state) {
    (void)state;
    static const char *const cases[][3] = {
        {"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"", "b", "b"}, {"/", "b", "/b"}};
    for (size_t i = 0; i < OC_COUNT(cases); i++) {
        char *path = oc_path_join(cases[i][0], cases[i][1]);
        assert_string_equal(path, cases[i][2]);
        assert_string_equal(oc_path_name(path), "b");
        free(path);
    }
    assert_string_equal(oc_path_name("a/"), "");
    assert_true(oc_is_folder(root) && !oc_is_file(root) && !oc_is_folder(at("missing")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_load, setup, teardown),
        cmocka_unit_test_setup_teardown(test_load_refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_read_at, setup, teardown),
        cmocka_unit_test_setup_teardown(test_output_commit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_output_abort, setup, teardown),
        cmocka_unit_test_setup_teardown(test_output_two_writers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_output_refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_output_disk_full, setup, teardown),
        cmocka_unit_test_setup_teardown(test_output_killed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_output_folder, setup, teardown),
        cmocka_unit_test_setup_teardown(test_output_folder_refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_list, setup, teardown),
        cmocka_unit_test_setup_teardown(test_paths, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
