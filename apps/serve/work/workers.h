/* workers.h - threads that decode images, tokenize and read large bodies, beside the devices.
 *
 * Tasks are taken in the order they came.  The list has no cap of its own: what is put there was
 * admitted before, by a model's queue or by the budget of bodies.
 */
#ifndef OC_SERVE_WORKERS_H
#define OC_SERVE_WORKERS_H

#include <pthread.h>

#include "base/status.h"

typedef struct oc_srv_task {
    struct oc_srv_task *next;
    void (*run)(struct oc_srv_task *task); /* on a worker; may free the task */
} oc_srv_task;

typedef struct oc_srv_workers oc_srv_workers;

octavo_status oc_srv_workers_create(int32_t threads, oc_srv_workers **out, octavo_error *error);
/* Runs what is left, then ends the threads. */
void oc_srv_workers_free(oc_srv_workers *workers);

/* Any thread.  Tasks are linked by `next`, NULL at the end. */
void oc_srv_workers_add(oc_srv_workers *workers, oc_srv_task *tasks);

/* A named thread that takes no signals: they are the main thread's. */
octavo_status oc_srv_thread_start(pthread_t *thread, const char *name, void *(*body)(void *),
                                  void *context, octavo_error *error);

#endif
