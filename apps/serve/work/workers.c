/* workers.c - see workers.h. */
#include "serve/work/workers.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct oc_srv_workers {
    pthread_mutex_t lock;
    pthread_cond_t bell;
    oc_srv_task *first, **last;
    bool closing;
    int32_t count;
    pthread_t threads[];
};

octavo_status oc_srv_thread_start(pthread_t *thread, const char *name, void *(*body)(void *),
                                  void *context, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int code = pthread_create(thread, NULL, body, context);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (code) {
        OC_FAIL(error, OCTAVO_EXHAUSTED, OCTAVO_NO_OFFSET, "cannot start the thread %s: %s", name,
                strerror(code));
    }
    pthread_setname_np(*thread, name);
done:
    return status;
}

static void *work(void *context) {
    oc_srv_workers *workers = context;
    pthread_mutex_lock(&workers->lock);
    for (;;) {
        oc_srv_task *task = workers->first;
        if (task) {
            workers->first = task->next;
            if (!workers->first) {
                workers->last = &workers->first;
            }
            pthread_mutex_unlock(&workers->lock);
            task->run(task);
            pthread_mutex_lock(&workers->lock);
        } else if (workers->closing) {
            break;
        } else {
            pthread_cond_wait(&workers->bell, &workers->lock);
        }
    }
    pthread_mutex_unlock(&workers->lock);
    return NULL;
}

octavo_status oc_srv_workers_create(int32_t threads, oc_srv_workers **out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    size_t bytes = sizeof(oc_srv_workers) + (size_t)threads * sizeof(pthread_t);
    oc_srv_workers *workers = calloc(1, bytes);
    char name[32];
    *out = NULL;
    if (!workers) {
        OC_NO_MEMORY(error, bytes);
    }
    pthread_mutex_init(&workers->lock, NULL);
    pthread_cond_init(&workers->bell, NULL);
    workers->last = &workers->first;
    for (int32_t i = 0; i < threads; i++) {
        snprintf(name, sizeof name, "worker-%d", i);
        OC_TRY(oc_srv_thread_start(&workers->threads[i], name, work, workers, error));
        workers->count++;
    }
    *out = workers;
done:
    if (status) {
        oc_srv_workers_free(workers);
    }
    return status;
}

void oc_srv_workers_free(oc_srv_workers *workers) {
    if (!workers) {
        return;
    }
    pthread_mutex_lock(&workers->lock);
    workers->closing = true;
    pthread_cond_broadcast(&workers->bell);
    pthread_mutex_unlock(&workers->lock);
    for (int32_t i = 0; i < workers->count; i++) {
        pthread_join(workers->threads[i], NULL);
    }
    pthread_cond_destroy(&workers->bell);
    pthread_mutex_destroy(&workers->lock);
    free(workers);
}

void oc_srv_workers_add(oc_srv_workers *workers, oc_srv_task *tasks) {
    if (!tasks) {
        return;
    }
    pthread_mutex_lock(&workers->lock);
    *workers->last = tasks;
    for (; tasks; tasks = tasks->next) {
        workers->last = &tasks->next;
        pthread_cond_signal(&workers->bell);
    }
    pthread_mutex_unlock(&workers->lock);
}
