/* streams.c - see streams.h. */
#include "cli/bench/streams.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "api/tool.h"
#include "base/sys/clock.h"

enum { NAP_NS = 1000000 };

/* What the threads of a measurement share. */
typedef struct common {
    const oc_cli_job *job;
    atomic_int warm; /* threads that have run once */
    atomic_bool over;
} common;

typedef struct stream {
    common *common;
    oc_cli_model model; /* as the job's, with a session of its own */
    oc_cli_job job;
    _Atomic uint64_t runs; /* ended */
    octavo_status status;
    octavo_error error;
    pthread_t thread;
} stream;

/* Runs until all have enough; the first error ends it for this one. */
static void *run_stream(void *user) {
    stream *s = user;
    s->status = oc_cli_job_run(&s->model, &s->job, &s->error); /* warm */
    atomic_fetch_add(&s->common->warm, 1);
    while (s->status == OCTAVO_OK && !atomic_load(&s->common->over)) {
        s->status = oc_cli_job_run(&s->model, &s->job, &s->error);
        atomic_fetch_add(&s->runs, 1);
    }
    return NULL;
}

/* A session on the card, and room for its results. */
static octavo_status open_stream(const oc_cli_model *model, octavo_model *card, common *with,
                                 stream *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    octavo_session_options session = {
        .struct_size = sizeof session, .batch_max = model->batch, .threads = model->threads};
    out->common = with;
    out->model = *model;
    out->model.session = NULL;
    out->job = *with->job;
    out->job.output =
        calloc((size_t)with->job->batch * (size_t)model->info->embed_dim, sizeof(float));
    if (out->job.output == NULL) {
        OC_NO_MEMORY(error, sizeof(float));
    }
    OC_TRY(octavo_session_create(card, &session, &out->model.session, error));
done:
    return status;
}

octavo_status oc_cli_rate(const oc_cli_options *options, const oc_cli_model *model,
                          const oc_cli_job *job, int32_t streams, double *rows_per_s,
                          octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int32_t count = model->cards * streams, started = 0;
    stream *all = calloc((size_t)count, sizeof *all);
    common with = {.job = job};
    uint64_t runs = 0, before = 0;
    *rows_per_s = 0;
    atomic_init(&with.over, false);
    atomic_init(&with.warm, 0);
    if (all == NULL) {
        OC_NO_MEMORY(error, (size_t)count * sizeof *all);
    }
    for (int32_t i = 0; i < count; i++) {
        OC_TRY(open_stream(model, model->models[i / streams], &with, &all[i], error));
    }
    while (started < count &&
           pthread_create(&all[started].thread, NULL, run_stream, &all[started]) == 0) {
        started++;
    }
    while (atomic_load(&with.warm) < started) {
        nanosleep(&(struct timespec){.tv_nsec = NAP_NS}, NULL);
    }
    for (int32_t i = 0; i < started; i++) {
        before += atomic_load(&all[i].runs);
    }
    uint64_t start = oc_clock_ns(), wanted = (uint64_t)(options->duration * 1e9);
    while (oc_clock_ns() - start < wanted) {
        nanosleep(&(struct timespec){.tv_nsec = NAP_NS}, NULL);
    }
    double seconds = 1e-9 * (double)(oc_clock_ns() - start);
    for (int32_t i = 0; i < started; i++) {
        runs += atomic_load(&all[i].runs);
    }
    atomic_store(&with.over, true);
    for (int32_t i = 0; i < started; i++) {
        pthread_join(all[i].thread, NULL);
    }
    if (started < count) {
        OC_FAIL(error, OCTAVO_EXHAUSTED, OCTAVO_NO_OFFSET, "%d threads are not to be had", count);
    }
    *rows_per_s = (double)(runs - before) * job->batch / seconds;
    for (int32_t i = 0; i < count; i++) {
        if (all[i].status != OCTAVO_OK) {
            OC_FAIL(error, all[i].status, OCTAVO_NO_OFFSET, "%s", all[i].error.message);
        }
    }
done:
    for (int32_t i = 0; all != NULL && i < count; i++) {
        octavo_session_free(all[i].model.session);
        free(all[i].job.output);
    }
    free(all);
    return status;
}
