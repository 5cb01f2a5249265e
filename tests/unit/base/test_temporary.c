// links: base
/* test_temporary.c - what killed processes left is removed by the next; what lives never is. */
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
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/sys/output.h"
#include "base/sys/temporary.h"

static char root[64];

static int setup(void **state) {
    (void)state;
    strcpy(root, "/tmp/octavo-test-tmp-XXXXXX");
    return mkdtemp(root) && chdir(root) == 0 ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    oc_temporary_remove(root);
    return 0;
}

static bool exists(const char *path) {
    struct stat info;
    return lstat(path, &info) == 0;
}

static void touch(const char *path) {
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
}

/* A child that writes a file and a folder and is killed in the midst of it. */
static void be_killed(void) {
    pid_t child = fork();
    if (child == 0) {
        oc_output output;
        oc_output_folder folder;
        if (oc_output_open("file", &output, NULL) == OCTAVO_OK &&
            oc_output_folder_open("folder", &folder, NULL) == OCTAVO_OK) {
            char inner[600];
            snprintf(inner, sizeof inner, "%s/model.safetensors", folder.temporary);
            (void)oc_file_save(inner, "x", 1, NULL);
            kill(getpid(), SIGKILL);
        }
        _exit(1);
    }
    int status;
    assert_true(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
}

/* How many temporaries of `name` lie here. */
static int count(const char *name) {
    char command[128];
    int number = -1;
    snprintf(command, sizeof command, "ls -d .%s.*.tmp 2>/dev/null | wc -l", name);
    FILE *pipe = popen(command, "r");
    assert_true(pipe && fscanf(pipe, "%d", &number) == 1);
    pclose(pipe);
    return number;
}

static void test_names(void **state) {
    (void)state;
    uint32_t process = 0;
    char long_name[300] = "", *name = oc_temporary_name("some/where/out.octavo");
    assert_non_null(name);
    assert_true(strncmp(name, "some/where/.out.octavo.", 23) == 0);
    assert_true(oc_temporary_is_of(name + 11, "out.octavo", &process));
    assert_int_equal(process, getpid());
    assert_false(oc_temporary_is_of(name + 11, "out.octav", &process));
    assert_false(oc_temporary_is_of("out.octavo", "out.octavo", &process));
    assert_false(oc_temporary_is_of(".out.octavo.0123456789abcdef.tmp.gz", "out.octavo", &process));
    assert_false(oc_temporary_is_of(".out.octavo.0123456789ABCDEF.tmp", "out.octavo", &process));
    free(name);
    memset(long_name, 'n', 250); /* so long that the temporary's name is cut */
    name = oc_temporary_name(long_name);
    assert_true(name && strlen(name) <= 255 && oc_temporary_is_of(name, long_name, &process));
    free(name);
}

/* The next who writes there finds it and removes it. */
static void test_left_behind(void **state) {
    (void)state;
    oc_output output;
    oc_output_folder folder;
    be_killed();
    assert_true(count("file") == 1 && count("folder") == 1);
    assert_int_equal(oc_output_open("other", &output, NULL), OCTAVO_OK);
    oc_output_abort(&output);
    assert_true(count("file") == 1 && count("folder") == 1); /* not others' */
    assert_int_equal(oc_output_open("file", &output, NULL), OCTAVO_OK);
    assert_int_equal(count("file"), 1); /* its own */
    assert_int_equal(oc_output_commit(&output, NULL), OCTAVO_OK);
    assert_true(count("file") == 0 && exists("file"));
    assert_int_equal(oc_output_folder_open("folder", &folder, NULL), OCTAVO_OK);
    assert_int_equal(count("folder"), 1);
    assert_int_equal(oc_output_folder_commit(&folder, NULL), OCTAVO_OK);
    assert_true(count("folder") == 0 && exists("folder"));
}

/* Two that write to one place leave each other alone; the later commit stands. */
static void test_alive(void **state) {
    (void)state;
    oc_output one, two;
    oc_output_folder left, right;
    assert_int_equal(oc_output_open("both", &one, NULL), OCTAVO_OK);
    assert_int_equal(oc_output_open("both", &two, NULL), OCTAVO_OK);
    assert_int_equal(count("both"), 2);
    assert_int_equal(oc_output_append(&one, "one", 3, NULL), OCTAVO_OK);
    assert_int_equal(oc_output_commit(&one, NULL), OCTAVO_OK);
    assert_int_equal(oc_output_commit(&two, NULL), OCTAVO_OK);
    assert_int_equal(count("both"), 0);
    assert_int_equal(oc_output_folder_open("sides", &left, NULL), OCTAVO_OK);
    assert_int_equal(oc_output_folder_open("sides", &right, NULL), OCTAVO_OK);
    assert_int_equal(count("sides"), 2);
    oc_output_folder_abort(&left);
    oc_output_folder_abort(&right);
    assert_int_equal(count("sides"), 0);
}

/* Only files and folders by their exact names, and never what a link leads to. */
static void test_strangers(void **state) {
    (void)state;
    oc_output output;
    const char *kept[] = {".out.backup.tmp", ".out.0123456789abcdef.tmp~",
                          "out.0123456789abcdef.tmp", ".out.2.0123456789abcdef.tmp", "target"};
    for (size_t i = 0; i < OC_COUNT(kept); i++) {
        touch(kept[i]);
    }
    assert_int_equal(symlink("target", ".out.00000000000000aa.tmp"), 0);
    assert_int_equal(mkfifo(".out.00000000000000bb.tmp", 0600), 0);
    touch(".out.00000000000000cc.tmp");
    assert_int_equal(oc_output_open("out", &output, NULL), OCTAVO_OK);
    oc_output_abort(&output);
    for (size_t i = 0; i < OC_COUNT(kept); i++) {
        assert_true(exists(kept[i]));
    }
    assert_true(exists(".out.00000000000000aa.tmp") && exists(".out.00000000000000bb.tmp"));
    assert_false(exists(".out.00000000000000cc.tmp"));
}

/* What was taken for left behind before it could be locked is noticed. */
static void test_swept(void **state) {
    (void)state;
    const char *name = ".new.00000000000000dd.tmp";
    int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    oc_temporary_sweep("new");
    assert_false(exists(name));
    assert_false(oc_temporary_hold(fd, name));
    close(fd);
    fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(oc_temporary_hold(fd, name));
    assert_int_equal(oc_temporary_claim(name), -1);
    close(fd);
    fd = oc_temporary_claim(name);
    assert_true(fd >= 0);
    close(fd);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names), cmocka_unit_test(test_left_behind),
        cmocka_unit_test(test_alive), cmocka_unit_test(test_strangers),
        cmocka_unit_test(test_swept),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
