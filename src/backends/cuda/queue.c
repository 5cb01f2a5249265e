/* queue.c - see queue.h.
 *
 * What a run brings (row counts, starts, ids ...) is laid into one block of pinned memory and
 * copied to the card in one piece; kernels read their row counts there, so that one graph serves
 * every run up to its plan's limits.  So does the address of the pixels: they are the queue's own,
 * uploaded, or the caller's, where they lie. */
#include "backends/cuda/queue.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backends/cuda/kernels/args.h"
#include "backends/cuda/measure/prefixes.h"
#include "base/size.h"
#include "device/host.h"

enum {
    ALIGN = 256,
    COUNTS = 4, /* of codes: all, saturated, zeros, largest */
    POLL_NS = 20000
};

/* Bytes from the beginning of a program's block. */
typedef struct block_layout {
    size_t pixels, rows, starts[2], ends, ids, positions, mask, bytes;
} block_layout;

struct oc_program {
    oc_cuda_queue *queue; /* borrowed */
    oc_plan_limits limits;
    oc_cu_address pixels; /* in the queue's memory, where those of the host go */
    size_t pixel_bytes;   /* of an image; 0: none is taken */
    oc_step *steps;
    int32_t step_count;
    oc_cuda_launch *launches;
    int32_t launch_count;
    block_layout layout;
    char *block; /* pinned, as the card's */
    oc_cu_address block_address, counts;
    uint64_t *host_counts; /* pinned */
    oc_cu_graph_exec graph;
    oc_cu_graph_exec counting;  /* counts codes too; NULL until a run is to tell of them */
    oc_cuda_prefixes *prefixes; /* NULL until a run is to tell its steps' times */
    oc_cu_event copied;         /* the block of the last run has left pinned memory */
    bool is_copying;
};

/* -- queues --------------------------------------------------------------------------------- */

void oc_cuda_queue_free(oc_queue *base) {
    oc_cuda_queue *queue = (oc_cuda_queue *)base;
    if (queue == NULL) {
        return;
    }
    const oc_cu_driver *cu = queue->device->driver;
    (void)oc_cuda_enter(queue->device, NULL); /* what can be given back is, in any case */
    if (queue->stream != NULL) {
        cu->stream_wait(queue->stream);
    }
    for (int32_t i = 0; i < OC_CUDA_RUNS; i++) {
        if (queue->done[i] != NULL) {
            cu->event_free(queue->done[i]);
        }
    }
    const oc_cu_event events[] = {queue->arriving, queue->began, queue->ended, queue->caller};
    for (size_t i = 0; i < OC_COUNT(events); i++) {
        if (events[i] != NULL) {
            cu->event_free(events[i]);
        }
    }
    oc_cuda_staging_free(queue->staging);
    if (queue->stream != NULL) {
        cu->stream_free(queue->stream);
    }
    if (queue->memory != 0) {
        cu->memory_free(queue->memory);
    }
    if (queue->rows != NULL) {
        cu->host_free(queue->rows);
    }
    free(queue);
}

octavo_status oc_cuda_queue_create(oc_device *base, int32_t threads, size_t bytes, oc_queue **out,
                                   octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_cuda_device *device = (oc_cuda_device *)base;
    const oc_cu_driver *cu = device->driver;
    oc_cuda_queue *queue = calloc(1, sizeof *queue);
    *out = NULL;
    if (queue == NULL) {
        OC_NO_MEMORY(error, sizeof *queue);
    }
    queue->base.backend = base->backend;
    queue->device = device;
    queue->threads = threads;
    queue->bytes = oc_round_up(bytes + 1, ALIGN);
    OC_TRY(oc_cuda_enter(device, error));
    OC_CU(cu, stream_create(&queue->stream, OC_CU_STREAM_NON_BLOCKING), "make a stream", error);
    OC_TRY(oc_cuda_memory(device, queue->bytes, &queue->memory, error));
    OC_CU(cu, host_create((void **)&queue->rows, OC_CUDA_ROWS, 0), "give pinned memory", error);
    for (int32_t i = 0; i < OC_CUDA_RUNS; i++) {
        OC_CU(cu, event_create(&queue->done[i], OC_CU_EVENT_NO_TIMING), "make an event", error);
    }
    OC_CU(cu, event_create(&queue->arriving, 0), "make an event", error);
    OC_CU(cu, event_create(&queue->began, 0), "make an event", error);
    OC_CU(cu, event_create(&queue->ended, 0), "make an event", error);
    OC_CU(cu, event_create(&queue->caller, OC_CU_EVENT_NO_TIMING), "make an event", error);
    OC_TRY(oc_cuda_kernel_get(device, "count.cu", "count_codes", "", 0, &queue->count, error));
    *out = &queue->base;
    queue = NULL;
done:
    oc_cuda_queue_free((oc_queue *)queue);
    return status;
}

void *oc_cuda_queue_memory(oc_queue *queue) {
    (void)queue;
    return NULL;
}

/* -- programs -------------------------------------------------------------------------------- */

static size_t place(size_t *at, size_t bytes) {
    size_t here = *at;
    *at = oc_round_up(here + bytes, 64);
    return here;
}

static block_layout lay_out(const oc_plan_limits *limits) {
    block_layout layout = {0};
    size_t at = 0, word = sizeof(int32_t);
    size_t images = (size_t)limits->rows_max[OC_ROWS_IMAGES];
    size_t texts = (size_t)limits->rows_max[OC_ROWS_TEXTS];
    size_t tokens = (size_t)limits->rows_max[OC_ROWS_TEXT_TOKENS];
    layout.pixels = place(&at, sizeof(oc_cu_address));
    layout.rows = place(&at, OC_ROWS_COUNT * word);
    layout.starts[0] = place(&at, (images + 1) * word);
    layout.starts[1] = place(&at, (texts + 1) * word);
    layout.ends = place(&at, texts * word);
    layout.ids = place(&at, tokens * word);
    layout.positions = place(&at, tokens * word);
    layout.mask = place(&at, tokens + 1);
    layout.bytes = at;
    return layout;
}

static oc_cuda_inputs inputs_of(const oc_program *program) {
    const block_layout *layout = &program->layout;
    oc_cu_address block = program->block_address;
    return (oc_cuda_inputs){
        .rows = block + layout->rows,
        .starts = {[OC_ROWS_IMAGE_TOKENS] = block + layout->starts[0],
                   [OC_ROWS_TEXT_TOKENS] = block + layout->starts[1]},
        .ends = block + layout->ends,
        .ids = block + layout->ids,
        .positions = block + layout->positions,
        .mask = block + layout->mask,
        .pixels = block + layout->pixels,
    };
}

static octavo_status launch(const oc_program *program, oc_cuda_launch *l, octavo_error *error) {
    return oc_cuda_launch_start(program->queue->device->driver, program->queue->stream, l, error);
}

/* Counts the codes of a step's result, where it is codes. */
static octavo_status launch_count(const oc_program *program, int32_t step, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_step *of = &program->steps[step];
    oc_view *views[OC_STEP_VIEWS] = {0};
    oc_cuda_launch count = {.function = program->queue->count,
                            .grid = {264, 1, 1},
                            .threads = 256,
                            .parameter_count = 1};
    oc_step_views(of, views);
    if (!oc_is_codes(views[0]->dtype)) {
        goto done;
    }
    oc_count_args args = {.rows = program->block_address + program->layout.rows +
                                  (size_t)of->rows * sizeof(int32_t),
                          .codes = oc_cuda_at(views[0]),
                          .counts = program->counts + (size_t)step * COUNTS * sizeof(uint64_t),
                          .stride = views[0]->stride,
                          .columns = views[0]->columns};
    memcpy(count.args, &args, sizeof args);
    OC_TRY(launch(program, &count, error));
done:
    return status;
}

/* The first steps; with `counts`, codes are counted behind each. */
static octavo_status launch_first(const oc_program *program, int32_t steps, bool counts,
                                  octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int32_t next = 0;
    for (int32_t i = 0; i < steps; i++) {
        for (; next < program->launch_count && program->launches[next].step == i; next++) {
            OC_TRY(launch(program, &program->launches[next], error));
        }
        if (counts) {
            OC_TRY(launch_count(program, i, error));
        }
    }
done:
    return status;
}

/* A graph of the launches of the first steps: one call starts them. */
static octavo_status capture(const oc_program *program, int32_t steps, bool counts,
                             oc_cu_graph_exec *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_cu_driver *cu = program->queue->device->driver;
    oc_cu_stream stream = program->queue->stream;
    oc_cu_graph graph = NULL;
    OC_CU(cu, capture_begin(stream, OC_CU_CAPTURE_THREAD_LOCAL), "record a graph", error);
    octavo_status launched = launch_first(program, steps, counts, error);
    int32_t ended = cu->capture_end(stream, &graph); /* in any case: else the stream is lost */
    OC_TRY(launched);
    if (ended != OC_CU_SUCCESS) {
        status = oc_cu_fail(cu, ended, "record a graph", error, __FILE__, __LINE__);
        goto done;
    }
    OC_CU(cu, graph_instantiate(out, graph, 0), "make a graph", error);
done:
    if (graph != NULL) {
        cu->graph_free(graph);
    }
    return status;
}

void oc_cuda_program_free(oc_program *program) {
    if (program == NULL) {
        return;
    }
    const oc_cu_driver *cu = program->queue->device->driver;
    (void)oc_cuda_enter(program->queue->device, NULL);
    cu->stream_wait(program->queue->stream);
    if (program->counting != NULL) {
        cu->graph_exec_free(program->counting);
    }
    if (program->graph != NULL) {
        cu->graph_exec_free(program->graph);
    }
    oc_cuda_prefixes_free(program->prefixes);
    if (program->copied != NULL) {
        cu->event_free(program->copied);
    }
    if (program->block_address != 0) {
        cu->memory_free(program->block_address);
    }
    if (program->counts != 0) {
        cu->memory_free(program->counts);
    }
    if (program->block != NULL) {
        cu->host_free(program->block);
    }
    if (program->host_counts != NULL) {
        cu->host_free(program->host_counts);
    }
    free(program->steps);
    free(program->launches);
    free(program);
}

static octavo_status make_memory(oc_program *program, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_cuda_device *device = program->queue->device;
    const oc_cu_driver *cu = device->driver;
    size_t counts = ((size_t)program->step_count + 1) * COUNTS * sizeof(uint64_t);
    program->layout = lay_out(&program->limits);
    OC_CU(cu, host_create((void **)&program->block, program->layout.bytes, 0), "give pinned memory",
          error);
    memset(program->block, 0, program->layout.bytes);
    OC_TRY(oc_cuda_memory(device, program->layout.bytes, &program->block_address, error));
    OC_CU(cu, host_create((void **)&program->host_counts, counts, 0), "give pinned memory", error);
    OC_TRY(oc_cuda_memory(device, counts, &program->counts, error));
    OC_CU(cu, event_create(&program->copied, OC_CU_EVENT_NO_TIMING), "make an event", error);
done:
    return status;
}

static octavo_status make_launches(oc_program *program, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    size_t bytes = (size_t)program->step_count * OC_CUDA_LAUNCHES * sizeof(oc_cuda_launch);
    program->launches = aligned_alloc(64, bytes + 64);
    if (program->launches == NULL) {
        OC_NO_MEMORY(error, bytes);
    }
    oc_cuda_maker maker = {.device = program->queue->device,
                           .limits = &program->limits,
                           .inputs = inputs_of(program),
                           .launches = program->launches};
    for (int32_t i = 0; i < program->step_count; i++) {
        int32_t first = maker.count;
        OC_TRY(oc_cuda_make(&maker, program->steps, program->step_count, i, error));
        for (int32_t j = first; j < maker.count; j++) {
            maker.launches[j].step = i;
        }
    }
    program->launch_count = maker.count;
done:
    return status;
}

/* Bytes of the image that a plan's patches are cut from. */
static size_t pixel_bytes(const oc_plan *plan) {
    for (int32_t i = 0; i < plan->step_count; i++) {
        const oc_step_patches *patches = &plan->steps[i].u.patches;
        if (plan->steps[i].kind == OC_STEP_PATCHES) {
            size_t side = (size_t)patches->image_size;
            return side * side * 3 * (patches->from_bytes ? 1 : sizeof(float));
        }
    }
    return 0;
}

octavo_status oc_cuda_compile_plan(oc_queue *base, const oc_plan *plan, oc_program **out,
                                   octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_cuda_queue *queue = (oc_cuda_queue *)base;
    oc_program *program = calloc(1, sizeof *program);
    *out = NULL;
    if (program == NULL) {
        OC_NO_MEMORY(error, sizeof *program);
    }
    program->queue = queue;
    program->limits = plan->limits;
    program->pixels = queue->memory + plan->arena_bytes;
    program->pixel_bytes = pixel_bytes(plan);
    program->step_count = plan->step_count;
    OC_TRY(oc_cuda_enter(queue->device, error));
    OC_TRY(oc_host_fits(plan, 1, queue->bytes, error));
    if (program->pixel_bytes != 0 && queue->staging == NULL) {
        OC_TRY(oc_cuda_staging_create(queue->device, queue->threads, &queue->staging, error));
    }
    OC_TRY(oc_host_steps(plan, (void *)(uintptr_t)queue->memory, &program->steps, error));
    OC_TRY(make_memory(program, error));
    OC_TRY(make_launches(program, error));
    OC_TRY(capture(program, program->step_count, false, &program->graph, error));
    *out = program;
    program = NULL;
done:
    oc_cuda_program_free(program);
    return status;
}

/* -- running --------------------------------------------------------------------------------- */

static void copy_words(char *to, const int32_t *from, int32_t count) {
    if (from != NULL && count > 0) {
        memcpy(to, from, (size_t)count * sizeof *from);
    }
}

/* The run's arrays into the block, and the block and the pixels to the card. */
static octavo_status bring_in(oc_program *program, const oc_run *run, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_cuda_queue *queue = program->queue;
    const oc_cu_driver *cu = queue->device->driver;
    const block_layout *layout = &program->layout;
    const oc_plan_limits *limits = &program->limits;
    int32_t tokens = run->rows[OC_ROWS_TEXT_TOKENS], texts = run->rows[OC_ROWS_TEXTS];
    int32_t images = run->rows[OC_ROWS_IMAGES];
    bool brings_pixels = program->pixel_bytes != 0 && run->pixels != NULL && images > 0;
    oc_cu_address pixels =
        run->pixels_are_there ? (oc_cu_address)(uintptr_t)run->pixels : program->pixels;
    size_t used = layout->starts[1];
    for (int32_t set = 0; set < OC_ROWS_COUNT; set++) {
        if (run->rows[set] > limits->rows_max[set]) {
            OC_FAIL(error, OCTAVO_INTERNAL, OCTAVO_NO_OFFSET,
                    "a run of %d rows of set %d, its plan has room for %d", run->rows[set], set,
                    limits->rows_max[set]);
        }
    }
    if (program->is_copying) {
        OC_CU(cu, event_wait(program->copied), "wait for a copy", error);
    }
    memcpy(program->block + layout->pixels, &pixels, sizeof pixels);
    copy_words(program->block + layout->rows, run->rows, OC_ROWS_COUNT);
    copy_words(program->block + layout->starts[0], run->starts[OC_ROWS_IMAGE_TOKENS],
               run->starts[OC_ROWS_IMAGE_TOKENS] == NULL ? 0 : images + 1);
    if (run->starts[OC_ROWS_TEXT_TOKENS] != NULL) {
        used = layout->bytes;
        copy_words(program->block + layout->starts[1], run->starts[OC_ROWS_TEXT_TOKENS], texts + 1);
        copy_words(program->block + layout->ends, run->ends, texts);
        copy_words(program->block + layout->ids, run->ids, tokens);
        copy_words(program->block + layout->positions, run->positions, tokens);
        if (run->key_mask != NULL) {
            memcpy(program->block + layout->mask, run->key_mask, (size_t)tokens);
        } else {
            memset(program->block + layout->mask, 1, (size_t)tokens);
        }
    }
    OC_CU(cu, upload_async(program->block_address, program->block, used, queue->stream),
          "copy a run's numbers", error);
    OC_CU(cu, event_record(program->copied, queue->stream), "record an event", error);
    program->is_copying = true;
    if (brings_pixels && !run->pixels_are_there) {
        OC_TRY(oc_cuda_upload(queue->staging, program->pixels, run->pixels,
                              (size_t)images * program->pixel_bytes, queue->stream, error));
    }
done:
    return status;
}

static octavo_status capture_prefix(void *program, int32_t steps, oc_cu_graph_exec *out,
                                    octavo_error *error) {
    return capture(program, steps, false, out, error);
}

/* What each step takes of the run whose numbers are on the card. */
static octavo_status time_steps(oc_program *program, oc_step_report *reports, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    if (program->prefixes == NULL) {
        OC_TRY(oc_cuda_prefixes_create(program->queue->device->driver, program->queue->stream,
                                       program->step_count, capture_prefix, program,
                                       &program->prefixes, error));
    }
    OC_TRY(oc_cuda_prefixes_time(program->prefixes, reports, error));
done:
    return status;
}

/* All steps, codes counted behind each if asked for. */
static octavo_status run_all(oc_program *program, uint32_t report, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_cu_driver *cu = program->queue->device->driver;
    oc_cu_stream stream = program->queue->stream;
    oc_cu_graph_exec graph = program->graph;
    size_t bytes = ((size_t)program->step_count + 1) * COUNTS * sizeof(uint64_t);
    if ((report & OC_REPORT_CODES) != 0) {
        if (program->counting == NULL) {
            OC_TRY(capture(program, program->step_count, true, &program->counting, error));
        }
        OC_CU(cu, set_bytes(program->counts, 0, bytes, stream), "clear counts", error);
        graph = program->counting;
    }
    OC_CU(cu, graph_launch(graph, stream), "start a graph", error);
done:
    return status;
}

/* What run_all counted. */
static octavo_status read_codes(oc_program *program, oc_step_report *reports, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_cuda_queue *queue = program->queue;
    const oc_cu_driver *cu = queue->device->driver;
    size_t bytes = ((size_t)program->step_count + 1) * COUNTS * sizeof(uint64_t);
    oc_cu_copy copy = {.from_type = 2,
                       .from_device = program->counts,
                       .from_pitch = bytes,
                       .to_type = 1,
                       .to_host = program->host_counts,
                       .to_pitch = bytes,
                       .width_bytes = bytes,
                       .height = 1};
    OC_CU(cu, copy_2d(&copy, queue->stream), "copy counts", error);
    OC_CU(cu, stream_wait(queue->stream), "finish a run", error);
    for (int32_t i = 0; i < program->step_count; i++) {
        const uint64_t *counts = program->host_counts + (size_t)i * COUNTS;
        reports[i].codes = counts[0];
        reports[i].saturated = counts[1];
        reports[i].zeros = counts[2];
        reports[i].largest = (int32_t)counts[3];
    }
done:
    return status;
}

/* What the reports ask for; the whole run comes last, so that its results are what is left. */
static octavo_status run_reported(oc_program *program, uint32_t report, oc_step_report *reports,
                                  octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    memset(reports, 0, (size_t)program->step_count * sizeof *reports);
    if ((report & OC_REPORT_TIME) != 0) {
        OC_TRY(time_steps(program, reports, error));
    }
    OC_TRY(run_all(program, report, error));
    if ((report & OC_REPORT_CODES) != 0) {
        OC_TRY(read_codes(program, reports, error));
    }
done:
    return status;
}

/* Notes a moment of the stream, where somebody asked for times. */
static octavo_status note(const oc_cuda_queue *queue, oc_cu_event moment, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    if (queue->is_timed) {
        OC_CU(queue->device->driver, event_record(moment, queue->stream), "record an event", error);
    }
done:
    return status;
}

octavo_status oc_cuda_submit(oc_queue *base, oc_program *program, const oc_run *run,
                             uint32_t report, oc_step_report *reports, oc_ticket *ticket,
                             octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_cuda_queue *queue = (oc_cuda_queue *)base;
    const oc_cu_driver *cu = queue->device->driver;
    *ticket = ++queue->submitted;
    OC_TRY(oc_run_check(run, 0, program->step_count, error));
    OC_TRY(oc_cuda_enter(queue->device, error));
    if (run->stream != NULL) { /* ahead of the moments: the caller's work is none of the run's */
        OC_CU(cu, event_record(queue->caller, run->stream), "note what a run waits for", error);
        OC_CU(cu, stream_wait_event(queue->stream, queue->caller, 0), "wait for a stream", error);
    }
    OC_TRY(note(queue, queue->arriving, error));
    OC_TRY(bring_in(program, run, error));
    OC_TRY(note(queue, queue->began, error));
    queue->read_ns = 0;
    if (report == 0) {
        OC_CU(cu, graph_launch(program->graph, queue->stream), "start a graph", error);
    } else {
        OC_TRY(run_reported(program, report, reports, error));
    }
    OC_TRY(note(queue, queue->ended, error));
    OC_CU(cu, event_record(queue->done[*ticket % OC_CUDA_RUNS], queue->stream), "record an event",
          error);
done:
    if (status != OCTAVO_OK) { /* what was begun reads the caller's memory */
        cu->stream_wait(queue->stream);
    }
    return status;
}

octavo_status oc_cuda_wait(oc_queue *base, oc_ticket ticket, uint64_t deadline_ns,
                           octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_cuda_queue *queue = (oc_cuda_queue *)base;
    const oc_cu_driver *cu = queue->device->driver;
    oc_cu_event event = queue->done[ticket % OC_CUDA_RUNS];
    OC_TRY(oc_cuda_enter(queue->device, error));
    if (deadline_ns == 0) {
        OC_CU(cu, event_wait(event), "finish a run", error);
        goto done;
    }
    for (;;) {
        int32_t result = cu->event_query(event);
        if (result == OC_CU_SUCCESS) {
            break;
        }
        if (result != OC_CU_NOT_READY) {
            status = oc_cu_fail(cu, result, "finish a run", error, __FILE__, __LINE__);
            goto done;
        }
        if (oc_clock_ns() > deadline_ns) {
            OC_FAIL(error, OCTAVO_DEADLINE_EXCEEDED, OCTAVO_NO_OFFSET,
                    "the time allowed was over while the GPU worked");
        }
        nanosleep(&(struct timespec){.tv_nsec = POLL_NS}, NULL);
    }
done:
    return status;
}

static double between(const oc_cuda_queue *queue, oc_cu_event from, oc_cu_event to) {
    float milliseconds = 0;
    bool is_told = queue->device->driver->event_elapsed(&milliseconds, from, to) == OC_CU_SUCCESS;
    return is_told ? 1e-3 * (double)milliseconds : -1;
}

oc_times oc_cuda_times(oc_queue *base) {
    oc_cuda_queue *queue = (oc_cuda_queue *)base;
    oc_times times = {-1, -1, -1};
    if (queue->is_timed && oc_cuda_enter(queue->device, NULL) == OCTAVO_OK) {
        times = (oc_times){.to_device = between(queue, queue->arriving, queue->began),
                           .device = between(queue, queue->began, queue->ended),
                           .from_device = 1e-9 * (double)queue->read_ns};
    }
    queue->is_timed = true;
    return times;
}
