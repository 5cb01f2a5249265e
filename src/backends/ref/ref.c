/* ref.c - the referee's device: opening, packing, choosing and running.
 * What a step computes is in the file of its family. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/ref/ref_kernels.h"
#include "base/format.h"
#include "base/size.h"
#include "device/host.h"

enum { ALIGN = 64 };

static const oc_ref_family *const families[OC_STEP_COUNT] = {
#define XX(kind, member, text) [OC_STEP_##kind] = &oc_ref_##member,
    OC_STEP_MAP(XX)
#undef XX
};

static const struct {
    const char *name;
    octavo_dtype storage;
} tiers[] = {{"f32", OCTAVO_F32}, {"f16", OCTAVO_F16}, {"bf16", OCTAVO_BF16}};

static void ref_close(oc_device *device) {
    free(device);
}

static octavo_status ref_open(const oc_device_options *options, oc_device **out,
                              octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_ref_device *ref = NULL;
    const char *tier = options->tier != NULL ? options->tier : tiers[0].name;
    size_t i = 0;
    *out = NULL;
    while (i < OC_COUNT(tiers) && strcmp(tier, tiers[i].name) != 0) {
        i++;
    }
    if (i == OC_COUNT(tiers)) {
        OC_FAIL(error, OCTAVO_UNAVAILABLE, OCTAVO_NO_OFFSET,
                "device ref has no tier \"%s\"; it has f32, f16 and bf16", tier);
    }
    ref = calloc(1, sizeof *ref);
    if (ref == NULL) {
        OC_NO_MEMORY(error, sizeof *ref);
    }
    ref->base.backend = &oc_backend_ref;
    ref->storage = tiers[i].storage;
    for (int32_t code = 0; code < 256; code++) {
        ref->e4m3[code] = oc_e4m3_to_f32((uint8_t)code);
    }
    *out = &ref->base;
    ref = NULL;
done:
    ref_close((oc_device *)ref);
    return status;
}

static void ref_describe(const oc_device *device, char *text, size_t bytes) {
    const oc_ref_device *ref = (const oc_ref_device *)device;
    const char *tier = tiers[0].name;
    for (size_t i = 0; i < OC_COUNT(tiers); i++) {
        tier = tiers[i].storage == ref->storage ? tiers[i].name : tier;
    }
    snprintf(text, bytes, "%s", tier);
}

static oc_traits ref_traits(const oc_device *device) {
    return (oc_traits){.storage = ((const oc_ref_device *)device)->storage,
                       .buffers = OCTAVO_F32,
                       .fuses = OC_FUSE_ALL,
                       .host_memory = true};
}

static bool is_stored(octavo_dtype dtype) {
    return dtype == OCTAVO_F32 || dtype == OCTAVO_F16 || dtype == OCTAVO_BF16 ||
           dtype == OCTAVO_F8_E4M3;
}

static octavo_status ref_constant_create(oc_device *device, const oc_matrix *matrix,
                                         oc_constant **out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_ref_matrix *packed = NULL;
    size_t bytes = is_stored(matrix->dtype) ? oc_dtype_bytes(matrix->dtype) : 0;
    (void)device;
    *out = NULL;
    if (bytes == 0) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                "device ref has no matrices of dtype %d, only F32, F16, BF16 and F8_E4M3",
                (int)matrix->dtype);
    }
    if (matrix->n < 1 || matrix->k < 1 || !oc_mul_size(bytes, (size_t)matrix->n, &bytes) ||
        !oc_mul_size(bytes, (size_t)matrix->k, &bytes)) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "a matrix of %d x %d cannot be packed", matrix->n, matrix->k);
    }
    size_t total;
    if (!oc_add_size(bytes, sizeof *packed, &total) || (packed = malloc(total)) == NULL) {
        OC_NO_MEMORY(error, bytes);
    }
    packed->n = matrix->n;
    packed->k = matrix->k;
    packed->head = (oc_constant){.dtype = matrix->dtype, .bytes = bytes, .data = packed->rows};
    OC_TRY(matrix->read(matrix->source, 0, matrix->n, packed->rows, error));
    *out = &packed->head;
    packed = NULL;
done:
    free(packed);
    return status;
}

static void ref_constant_free(oc_device *device, oc_constant *constant) {
    (void)device;
    free(constant);
}

static int64_t ref_stride(const oc_device *device, int32_t columns, octavo_dtype dtype) {
    (void)device;
    (void)dtype;
    return ((int64_t)columns + 7) / 8 * 8; /* rows of floats begin at whole doubles */
}

void oc_ref_decode_row(const oc_ref_device *device, const oc_ref_matrix *matrix, int32_t row,
                       double *out) {
    size_t k = (size_t)matrix->k, at = (size_t)row * k;
    const uint8_t *codes = matrix->rows + at;
    const uint16_t *halves = (const uint16_t *)(const void *)matrix->rows + at;
    const float *floats = (const float *)(const void *)matrix->rows + at;
    switch ((int)matrix->head.dtype) {
    case OCTAVO_F8_E4M3:
        for (size_t i = 0; i < k; i++) {
            out[i] = device->e4m3[codes[i]];
        }
        break;
    case OCTAVO_F16:
        for (size_t i = 0; i < k; i++) {
            out[i] = oc_f16_to_f32(halves[i]);
        }
        break;
    case OCTAVO_BF16:
        for (size_t i = 0; i < k; i++) {
            out[i] = oc_bf16_to_f32(halves[i]);
        }
        break;
    default:
        for (size_t i = 0; i < k; i++) {
            out[i] = floats[i];
        }
        break;
    }
}

static octavo_status ref_choose(oc_device *device, oc_step *step, const oc_plan_limits *limits,
                                oc_scratch *scratch, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_ref_family *family;
    (void)device;
    if ((uint32_t)step->kind >= OC_STEP_COUNT) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                "device ref knows %d kinds of step, this one has number %d", OC_STEP_COUNT,
                (int)step->kind);
    }
    family = families[step->kind];
    if (family->scratch != NULL) {
        family->scratch(step, limits->sequence_max[step->keys], scratch);
    }
    step->kernel = family->kernel;
    step->why[0] = '\0';
done:
    return status;
}

/* -- queues ------------------------------------------------------------------------------ */

typedef struct ref_queue {
    oc_queue base;
    const oc_ref_device *device; /* borrowed */
    oc_pool *pool;
    char *memory;
    size_t bytes;
    oc_ticket submitted;
} ref_queue;

struct oc_program {
    oc_step *steps;
    int32_t count;
    size_t shared; /* byte of the queue's memory where the scratch begins */
    oc_scratch scratch;
};

static void ref_queue_free(oc_queue *base) {
    ref_queue *queue = (ref_queue *)base;
    if (queue != NULL) {
        oc_pool_free(queue->pool);
        free(queue->memory);
        free(queue);
    }
}

static octavo_status ref_queue_create(oc_device *device, int32_t threads, size_t bytes,
                                      oc_queue **out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    ref_queue *queue = calloc(1, sizeof *queue);
    *out = NULL;
    if (queue == NULL) {
        OC_NO_MEMORY(error, sizeof *queue);
    }
    queue->base.backend = device->backend;
    queue->device = (const oc_ref_device *)device;
    queue->bytes = oc_round_up(bytes + 1, ALIGN);
    queue->memory = aligned_alloc(ALIGN, queue->bytes);
    if (queue->memory == NULL) {
        OC_NO_MEMORY(error, queue->bytes);
    }
    OC_TRY(oc_pool_create(threads, &queue->pool, error));
    *out = &queue->base;
    queue = NULL;
done:
    ref_queue_free((oc_queue *)queue);
    return status;
}

static void *ref_memory(oc_queue *queue) {
    return ((ref_queue *)queue)->memory;
}

static void ref_program_free(oc_program *program) {
    if (program != NULL) {
        free(program->steps);
        free(program);
    }
}

static octavo_status ref_compile(oc_queue *base, const oc_plan *plan, oc_program **out,
                                 octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    ref_queue *queue = (ref_queue *)base;
    oc_program *program = calloc(1, sizeof *program);
    *out = NULL;
    if (program == NULL) {
        OC_NO_MEMORY(error, sizeof *program);
    }
    OC_TRY(oc_host_fits(plan, oc_pool_threads(queue->pool), queue->bytes, error));
    OC_TRY(oc_host_steps(plan, queue->memory, &program->steps, error));
    program->count = plan->step_count;
    program->shared = plan->arena_bytes;
    program->scratch = plan->scratch;
    *out = program;
    program = NULL;
done:
    ref_program_free(program);
    return status;
}

static octavo_status ref_submit(oc_queue *base, oc_program *program, const oc_run *run,
                                uint32_t report, oc_step_report *reports, oc_ticket *ticket,
                                octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    ref_queue *queue = (ref_queue *)base;
    *ticket = ++queue->submitted;
    for (int32_t i = 0; i < program->count; i++) {
        const oc_step *step = &program->steps[i];
        uint64_t start = oc_clock_ns();
        oc_ref_job job = {
            .device = queue->device,
            .pool = queue->pool,
            .step = step,
            .run = run,
            .rows = run->rows[step->rows],
            .shared = queue->memory + program->shared,
            .local = queue->memory + program->shared + program->scratch.shared,
            .local_bytes = program->scratch.local,
        };
        OC_TRY(oc_run_check(run, i, program->count, error));
        families[step->kind]->run(&job);
        if ((report & OC_REPORT_TIME) != 0) {
            reports[i].seconds = 1e-9 * (double)(oc_clock_ns() - start);
        }
        if ((report & OC_REPORT_CODES) != 0) {
            oc_host_count_codes(step, run, &reports[i]);
        }
    }
done:
    return status;
}

static octavo_status ref_wait(oc_queue *queue, oc_ticket ticket, uint64_t deadline_ns,
                              octavo_error *error) {
    (void)queue;
    (void)ticket;
    (void)deadline_ns;
    (void)error;
    return OCTAVO_OK;
}

static octavo_status ref_write(oc_queue *queue, const oc_plan *plan, const oc_view *view,
                               int32_t first, int32_t count, const void *rows,
                               octavo_error *error) {
    (void)error;
    oc_host_write(((ref_queue *)queue)->memory, plan, view, first, count, rows);
    return OCTAVO_OK;
}

static octavo_status ref_read(oc_queue *queue, const oc_plan *plan, const oc_view *view,
                              int32_t first, const int32_t *index, int32_t count, void *rows,
                              octavo_error *error) {
    (void)error;
    oc_host_read(((ref_queue *)queue)->memory, plan, view, first, index, count, rows);
    return OCTAVO_OK;
}

const oc_backend oc_backend_ref = {
    .name = "ref",
    .open = ref_open,
    .close = ref_close,
    .describe = ref_describe,
    .traits = ref_traits,
    .constant_create = ref_constant_create,
    .constant_free = ref_constant_free,
    .stride = ref_stride,
    .choose = ref_choose,
    .queue_create = ref_queue_create,
    .queue_free = ref_queue_free,
    .memory = ref_memory,
    .compile = ref_compile,
    .program_free = ref_program_free,
    .submit = ref_submit,
    .wait = ref_wait,
    .write = ref_write,
    .read = ref_read,
};
