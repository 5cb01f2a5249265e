/* signals.c - see signals.h. */
#include "cli/output/signals.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/sys/io.h"
#include "base/sys/temporary.h"
#include "cli/output/errors.h"

enum { OUTPUTS_MAX = 4 };

static struct {
    pthread_mutex_t lock;
    const char *outputs[OUTPUTS_MAX], *what, *where;
    int output_count;
    bool json;
} guard = {.lock = PTHREAD_MUTEX_INITIALIZER, .what = "stopped", .where = "octavo"};

/* Temporaries of `output` that this process made: it holds them, so nobody else may. */
static void remove_temporaries(const char *output) {
    char *trimmed = strdup(output);
    for (size_t n = trimmed ? strlen(trimmed) : 0; n > 1 && trimmed[n - 1] == '/'; n--) {
        trimmed[n - 1] = 0;
    }
    char *parent = trimmed ? oc_path_parent(trimmed) : NULL;
    DIR *folder = parent ? opendir(parent) : NULL;
    uint32_t process;
    for (const struct dirent *entry; folder && (entry = readdir(folder));) {
        bool ours = oc_temporary_is_of(entry->d_name, oc_path_name(trimmed), &process) &&
                    process == (uint32_t)getpid();
        char *path = ours ? oc_path_join(parent, entry->d_name) : NULL;
        if (path) {
            oc_temporary_remove(path);
        }
        free(path);
    }
    if (folder) {
        closedir(folder);
    }
    free(parent);
    free(trimmed);
}

static void remove_unfinished(void) {
    for (int i = 0; i < guard.output_count; i++) {
        remove_temporaries(guard.outputs[i]);
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

void oc_cli_guard_nothing(void) {
    pthread_mutex_lock(&guard.lock);
    guard.output_count = 0;
    pthread_mutex_unlock(&guard.lock);
}
