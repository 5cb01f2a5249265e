/* queue.c - threads with memory, and plans made ready to run on them: each step with its kernel and
 * its addresses.  Submitting runs the steps; when it returns they are done. */
#include "backends/cpu/queue.h"

#include <stdlib.h>
#include <string.h>

#include "backends/cpu/cut.h"
#include "backends/cpu/memory.h"
#include "base/size.h"
#include "base/sys/threads.h"
#include "device/host.h"

enum { ALIGN = 64 };

typedef struct cpu_queue {
    oc_queue base;
    oc_device *device; /* borrowed */
    const oc_cpu_tier *tier;
    oc_pool *pool;
    uint8_t *memory;
    size_t bytes;
    oc_step_report *counts; /* of each thread */
    oc_ticket submitted;
} cpu_queue;

struct oc_program {
    oc_step *steps;
    const oc_cpu_kernel **kernels; /* of each step */
    int32_t count;
    uint8_t *shared, *local;
    size_t local_bytes; /* of a thread */
};

octavo_status oc_cpu_queue_create(oc_device *device, int32_t threads, size_t bytes, oc_queue **out,
                                  octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    cpu_queue *queue = calloc(1, sizeof *queue);
    *out = NULL;
    if (queue == NULL) {
        OC_NO_MEMORY(error, sizeof *queue);
    }
    queue->base.backend = device->backend;
    queue->device = device;
    queue->bytes = oc_round_up(bytes + 1, ALIGN);
    queue->memory = oc_cpu_block(queue->bytes);
    if (queue->memory == NULL) {
        OC_NO_MEMORY(error, queue->bytes);
    }
    queue->tier = oc_cpu_tier_of(device);
    OC_TRY(oc_pool_create_hooked(threads, (oc_pool_hooks){queue->tier->enter, queue->tier->leave},
                                 &queue->pool, error));
    queue->counts = calloc((size_t)oc_pool_threads(queue->pool), sizeof *queue->counts);
    if (queue->counts == NULL) {
        OC_NO_MEMORY(error, (size_t)oc_pool_threads(queue->pool) * sizeof *queue->counts);
    }
    *out = &queue->base;
    queue = NULL;
done:
    oc_cpu_queue_free((oc_queue *)queue);
    return status;
}

void oc_cpu_queue_free(oc_queue *base) {
    cpu_queue *queue = (cpu_queue *)base;
    if (queue != NULL) {
        oc_pool_free(queue->pool);
        free(queue->memory);
        free(queue->counts);
        free(queue);
    }
}

void *oc_cpu_queue_memory(oc_queue *base) {
    return ((cpu_queue *)base)->memory;
}

octavo_status oc_cpu_compile(oc_queue *base, const oc_plan *plan, oc_program **out,
                             octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    cpu_queue *queue = (cpu_queue *)base;
    oc_program *program = calloc(1, sizeof *program);
    *out = NULL;
    if (program == NULL) {
        OC_NO_MEMORY(error, sizeof *program);
    }
    OC_TRY(oc_host_fits(plan, oc_pool_threads(queue->pool), queue->bytes, error));
    OC_TRY(oc_host_steps(plan, queue->memory, &program->steps, error));
    program->count = plan->step_count;
    program->shared = queue->memory + plan->arena_bytes;
    program->local = program->shared + plan->scratch.shared;
    program->local_bytes = plan->scratch.local;
    program->kernels = calloc((size_t)plan->step_count + 1, sizeof(oc_cpu_kernel *));
    if (program->kernels == NULL) {
        OC_NO_MEMORY(error, ((size_t)plan->step_count + 1) * sizeof(oc_cpu_kernel *));
    }
    for (int32_t i = 0; i < program->count; i++) {
        program->kernels[i] = oc_cpu_kernel_of(queue->device, &program->steps[i]);
    }
    *out = program;
    program = NULL;
done:
    oc_cpu_program_free(program);
    return status;
}

void oc_cpu_program_free(oc_program *program) {
    if (program != NULL) {
        free(program->steps);
        free(program->kernels);
        free(program);
    }
}

typedef struct cpu_phase {
    const oc_cpu_job *job;
    const oc_program *program;
    void (*task)(const oc_cpu_job *job, int32_t index, void *local);
} cpu_phase;

static void run_task(void *context, int32_t index, int32_t thread) {
    const cpu_phase *phase = context;
    const oc_program *program = phase->program;
    phase->task(phase->job, index, program->local + (size_t)thread * program->local_bytes);
}

/* -- codes --------------------------------------------------------------------------------- */

typedef struct count_job {
    const oc_cpu_tier *tier;
    oc_view result;
    int32_t rows;
    oc_step_report *counts;
} count_job;

static void count_task(void *context, int32_t index, int32_t thread) {
    const count_job *job = context;
    const oc_view *result = &job->result;
    oc_cut cut = oc_cut_rows(job->rows, result->columns, index);
    oc_step_report counted = job->counts[thread];
    for (int32_t r = cut.first; r < cut.end; r++) {
        job->tier->count((const uint8_t *)result->data + r * result->stride, result->columns,
                         &counted);
    }
    job->counts[thread] = counted;
}

/* The codes of a step that has just been made, while they are near. */
static void count_codes(cpu_queue *queue, const oc_step *step, int32_t rows, oc_step_report *out) {
    count_job job = {queue->tier, oc_host_result(step), rows, queue->counts};
    int32_t threads = oc_pool_threads(queue->pool);
    out->codes = out->saturated = out->zeros = 0;
    out->largest = 0;
    if (!oc_is_codes(job.result.dtype)) {
        return;
    }
    memset(queue->counts, 0, (size_t)threads * sizeof *queue->counts);
    oc_pool_run(queue->pool, oc_cut_count(rows, job.result.columns), count_task, &job);
    out->codes = (uint64_t)rows * (uint64_t)job.result.columns;
    for (int32_t t = 0; t < threads; t++) {
        out->saturated += queue->counts[t].saturated;
        out->zeros += queue->counts[t].zeros;
        out->largest =
            queue->counts[t].largest > out->largest ? queue->counts[t].largest : out->largest;
    }
}

octavo_status oc_cpu_submit(oc_queue *base, oc_program *program, const oc_run *run, uint32_t report,
                            oc_step_report *reports, oc_ticket *ticket, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    cpu_queue *queue = (cpu_queue *)base;
    *ticket = ++queue->submitted;
    if (queue->tier->enter != NULL) {
        queue->tier->enter();
    }
    for (int32_t i = 0; i < program->count; i++) {
        const oc_step *step = &program->steps[i];
        const oc_cpu_kernel *kernel = program->kernels[i];
        uint64_t start = (report & OC_REPORT_TIME) == 0 ? 0 : oc_clock_ns();
        oc_cpu_job job = {
            .step = step,
            .run = run,
            .rows = run->rows[step->rows],
            .threads = oc_pool_threads(queue->pool),
            .shared = program->shared,
        };
        cpu_phase phase = {.job = &job, .program = program};
        OC_TRY(oc_run_check(run, i, program->count, error));
        for (size_t j = 0; j < OC_COUNT(kernel->phases); j++) {
            phase.task = kernel->phases[j].task;
            int32_t tasks = phase.task == NULL ? 0 : kernel->phases[j].tasks(&job);
            if (tasks > 0) {
                oc_pool_run(queue->pool, tasks, run_task, &phase);
            }
        }
        if ((report & OC_REPORT_TIME) != 0) {
            reports[i].seconds = (double)(oc_clock_ns() - start) * 1e-9;
        }
        if ((report & OC_REPORT_CODES) != 0) {
            count_codes(queue, step, job.rows, &reports[i]);
        }
    }
done:
    if (queue->tier->leave != NULL) {
        queue->tier->leave();
    }
    return status;
}

octavo_status oc_cpu_wait(oc_queue *queue, oc_ticket ticket, uint64_t deadline_ns,
                          octavo_error *error) {
    (void)queue;
    (void)ticket;
    (void)deadline_ns;
    (void)error;
    return OCTAVO_OK;
}

octavo_status oc_cpu_write(oc_queue *queue, const oc_plan *plan, const oc_view *view, int32_t first,
                           int32_t count, const void *rows, octavo_error *error) {
    (void)error;
    oc_host_write(((cpu_queue *)queue)->memory, plan, view, first, count, rows);
    return OCTAVO_OK;
}

octavo_status oc_cpu_read(oc_queue *queue, const oc_plan *plan, const oc_view *view, int32_t first,
                          const int32_t *index, int32_t count, void *rows, octavo_error *error) {
    (void)error;
    oc_host_read(((cpu_queue *)queue)->memory, plan, view, first, index, count, rows);
    return OCTAVO_OK;
}
