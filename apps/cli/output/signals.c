/* signals.c - see signals.h. */
#include "cli/output/signals.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/sys/io.h"
#include "cli/output/errors.h"

enum {
    OUTPUTS_MAX = 4,
    HEX_DIGITS = 16 /* of a temporary's name: ".NAME.XXXXXXXXXXXXXXXX.tmp" */
};

static struct {
    pthread_mutex_t lock;
    const char *outputs[OUTPUTS_MAX], *folder, *what, *where;
    int output_count;
    bool json;
    time_t started;
} guard = {.lock = PTHREAD_MUTEX_INITIALIZER, .what = "stopped", .where = "octavo"};

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *at) {
    (void)info;
    (void)type;
    (void)at;
    remove(path);
    return 0;
}

void oc_cli_remove_folder(const char *path) {
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static bool is_temporary_of(const char *entry, const char *name) {
    size_t length = strnlen(name, 200); /* longer ones are cut */
    return entry[0] == '.' && strncmp(entry + 1, name, length) == 0 && entry[1 + length] == '.' &&
           strspn(entry + length + 2, "0123456789abcdef") == HEX_DIGITS &&
           strcmp(entry + length + 2 + HEX_DIGITS, ".tmp") == 0;
}

/* Temporaries of `output` that are no older than this process. */
static void remove_temporaries(const char *output) {
    char *trimmed = strdup(output), *folder = NULL;
    for (size_t n = trimmed ? strlen(trimmed) : 0; n > 1 && trimmed[n - 1] == '/'; n--) {
        trimmed[n - 1] = 0;
    }
    const char *name = trimmed ? oc_path_name(trimmed) : "";
    folder = trimmed && name > trimmed ? strndup(trimmed, (size_t)(name - trimmed)) : strdup(".");
    DIR *entries = folder && name[0] ? opendir(folder) : NULL;
    for (struct dirent *entry; entries && (entry = readdir(entries));) {
        struct stat info;
        char *path =
            is_temporary_of(entry->d_name, name) ? oc_path_join(folder, entry->d_name) : NULL;
        if (path && lstat(path, &info) == 0 && info.st_ctime >= guard.started) {
            oc_cli_remove_folder(path); /* of a file: the file */
        }
        free(path);
    }
    if (entries) {
        closedir(entries);
    }
    free(folder);
    free(trimmed);
}

static void remove_unfinished(void) {
    for (int i = 0; i < guard.output_count; i++) {
        remove_temporaries(guard.outputs[i]);
    }
    if (guard.folder) {
        oc_cli_remove_folder(guard.folder);
    }
}

static void *watch(void *context) {
    const sigset_t *set = context;
    octavo_error error;
    int number;
    do {
        number = sigwaitinfo(set, NULL);
    } while (number < 0);
    pthread_mutex_lock(&guard.lock);
    oc_error_clear(&error);
    oc_fail(&error, OCTAVO_CANCELLED, OCTAVO_NO_OFFSET, __FILE__, __LINE__, "stopped by SIG%s",
            sigabbrev_np(number));
    oc_cli_report(guard.what, guard.where, guard.json, &error);
    remove_unfinished(); /* last, since other threads still run */
    _exit(128 + number);
}

octavo_status oc_cli_signals_start(octavo_error *error) {
    static const int ends[] = {SIGINT, SIGTERM, SIGHUP};
    static sigset_t set;
    octavo_status status = OCTAVO_OK;
    struct sigaction action;
    pthread_t thread;
    guard.started = time(NULL);
    sigemptyset(&set);
    for (size_t i = 0; i < OC_COUNT(ends); i++) {
        if (sigaction(ends[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN) {
            sigaddset(&set, ends[i]); /* what is ignored, as nohup does, stays so */
        }
    }
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    int code = pthread_create(&thread, NULL, watch, &set);
    if (code) {
        OC_FAIL(error, OCTAVO_EXHAUSTED, OCTAVO_NO_OFFSET, "cannot start a thread: %s",
                strerror(code));
    }
    pthread_detach(thread);
done:
    return status;
}

void oc_cli_signals_about(const char *what, const char *where, bool json) {
    pthread_mutex_lock(&guard.lock);
    guard.what = what;
    guard.where = where;
    guard.json = json;
    pthread_mutex_unlock(&guard.lock);
}

void oc_cli_guard_output(const char *path) {
    pthread_mutex_lock(&guard.lock);
    if (path && guard.output_count < OUTPUTS_MAX) {
        guard.outputs[guard.output_count++] = path;
    }
    pthread_mutex_unlock(&guard.lock);
}

void oc_cli_guard_folder(const char *path) {
    pthread_mutex_lock(&guard.lock);
    guard.folder = path;
    pthread_mutex_unlock(&guard.lock);
}

void oc_cli_guard_nothing(void) {
    pthread_mutex_lock(&guard.lock);
    guard.output_count = 0;
    guard.folder = NULL;
    pthread_mutex_unlock(&guard.lock);
}
