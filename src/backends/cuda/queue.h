/* queue.h - oc_backend's queues and programs on a card: a stream, an arena, pinned staging; a
 * captured graph a program. */
#ifndef OC_BACKENDS_CUDA_QUEUE_H
#define OC_BACKENDS_CUDA_QUEUE_H

#include "backends/cuda/copy/staging.h"
#include "backends/cuda/kernels.h"

enum {
    OC_CUDA_ROWS = 1 << 20, /* bytes of pinned memory that rows to and from the host go through */
    OC_CUDA_RUNS = 8        /* runs of one queue that can be told apart while they are under way */
};

typedef struct oc_cuda_queue {
    oc_queue base;
    oc_cuda_device *device; /* borrowed */
    oc_cu_stream stream;
    oc_cu_address memory;
    size_t bytes;
    int32_t threads;          /* of the host's, that it may use */
    char *rows;               /* pinned */
    oc_cuda_staging *staging; /* NULL: no program takes pixels */
    oc_cu_event done[OC_CUDA_RUNS];
    oc_cu_event caller; /* what the caller's stream had to do before the last run */
    /* Once somebody asked for times: before the last run's copies, and around its graph. */
    oc_cu_event arriving, began, ended;
    bool is_timed;
    uint64_t read_ns; /* that rows of the last run took to the host */
    oc_cu_function count;
    oc_ticket submitted;
} oc_cuda_queue;

octavo_status oc_cuda_queue_create(oc_device *device, int32_t threads, size_t bytes, oc_queue **out,
                                   octavo_error *error);
void oc_cuda_queue_free(oc_queue *queue);
void *oc_cuda_queue_memory(oc_queue *queue);
octavo_status oc_cuda_compile_plan(oc_queue *queue, const oc_plan *plan, oc_program **out,
                                   octavo_error *error);
void oc_cuda_program_free(oc_program *program);
octavo_status oc_cuda_submit(oc_queue *queue, oc_program *program, const oc_run *run,
                             uint32_t report, oc_step_report *reports, oc_ticket *ticket,
                             octavo_error *error);
octavo_status oc_cuda_wait(oc_queue *queue, oc_ticket ticket, uint64_t deadline_ns,
                           octavo_error *error);
oc_times oc_cuda_times(oc_queue *queue);
octavo_status oc_cuda_write(oc_queue *queue, const oc_plan *plan, const oc_view *view,
                            int32_t first, int32_t count, const void *rows, octavo_error *error);
octavo_status oc_cuda_copy_rows(oc_queue *queue, const oc_plan *plan, const oc_view *view,
                                int32_t first, const int32_t *index, int32_t count, void *rows,
                                octavo_error *error);
octavo_status oc_cuda_read(oc_queue *queue, const oc_plan *plan, const oc_view *view, int32_t first,
                           const int32_t *index, int32_t count, void *rows, octavo_error *error);

/* The launches of step `index` (cuda.c). */
octavo_status oc_cuda_make(oc_cuda_maker *maker, const oc_step *steps, int32_t count, int32_t index,
                           octavo_error *error);

#endif
