/* step_program.c - see step_program.h. */
#include "support/step_program.h"

#include <stdlib.h>
#include <string.h>

/* As a float 3.4e38, as a code NaN: far from zero, whatever it is taken for. */
enum { SENTINEL = 0x7f, GAP = 64 };

/* Rows of the step's view number v in this run. */
static int32_t rows_of(const oc_step *step, const oc_run *run, int32_t v) {
    if ((step->kind == OC_STEP_ATTENTION && v >= 2) || (step->kind == OC_STEP_PICK && v == 1)) {
        return run->rows[step->keys];
    }
    if (step->kind == OC_STEP_LOGITS && v == 2) {
        return run->rows[OC_ROWS_TEXTS];
    }
    return run->rows[step->rows];
}

static size_t element_bytes(const oc_view *view) {
    return oc_dtype_bytes(view->dtype);
}

/* -- constants ---------------------------------------------------------------------------- */

static octavo_status read_floats(void *source, int32_t first, int32_t count, void *rows,
                                 octavo_error *error) {
    (void)error;
    (void)first;
    memcpy(rows, ((const oc_constant *)source)->data, ((const oc_constant *)source)->bytes);
    return count == 1 ? OCTAVO_OK : OCTAVO_INTERNAL;
}

/* A host constant becomes one of the device. */
static octavo_status carry(oc_step_program *p, const oc_constant **constant, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    if (*constant != NULL) {
        oc_matrix matrix = {.n = 1,
                            .k = (int32_t)((*constant)->bytes / sizeof(float)),
                            .dtype = OCTAVO_F32,
                            .use = OC_USE_FLOATS,
                            .read = read_floats,
                            .source = (void *)*constant};
        oc_constant **made = &p->constants[p->constant_count];
        OC_TRY(p->device->backend->constant_create(p->device, &matrix, made, error));
        p->constant_count++;
        *constant = *made;
    }
done:
    return status;
}

static octavo_status carry_constants(oc_step_program *p, oc_step *step, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    switch (step->kind) {
    case OC_STEP_GEMM:
        OC_TRY(carry(p, &step->u.gemm.column_scale, error));
        OC_TRY(carry(p, &step->u.gemm.bias, error));
        OC_TRY(carry(p, &step->u.gemm.table, error));
        OC_TRY(carry(p, &step->u.gemm.block_scale, error));
        break;
    case OC_STEP_PATCHES:
        OC_TRY(carry(p, &step->u.patches.mean, error));
        OC_TRY(carry(p, &step->u.patches.std, error));
        break;
    case OC_STEP_TOKENS:
        OC_TRY(carry(p, &step->u.tokens.position, error));
        break;
    case OC_STEP_NORM:
        OC_TRY(carry(p, &step->u.norm.gamma, error));
        OC_TRY(carry(p, &step->u.norm.beta, error));
        break;
    case OC_STEP_POINTWISE:
        OC_TRY(carry(p, &step->u.pointwise.table, error));
        break;
    default:
        break;
    }
done:
    return status;
}

/* -- making ------------------------------------------------------------------------------- */

static oc_plan_limits limits_of(const oc_step *step, const oc_run *run) {
    oc_plan_limits limits = {.image_size = 0};
    for (int32_t set = 0; set < OC_ROWS_COUNT; set++) {
        limits.rows_max[set] = limits.sequence_max[set] = run->rows[set];
    }
    if (step->kind == OC_STEP_ATTENTION) {
        limits.sequence_max[step->keys] = oc_longest_sequence(run, step->keys);
    }
    return limits;
}

octavo_dtype oc_step_stored(const oc_step *step, int32_t index, octavo_dtype dtype,
                            octavo_dtype buffers) {
    bool is_scale =
        (step->kind == OC_STEP_NORM && index == 1) || (step->kind == OC_STEP_GEMM && index == 3);
    bool stays = dtype != OCTAVO_F32 || is_scale || step->kind == OC_STEP_UNIT ||
                 step->kind == OC_STEP_LOGITS;
    return stays ? dtype : buffers;
}

/* Where a view lies in a matrix that q, k and v of an attention share on the host: they then share
 * a buffer on the device, as in plans.  *columns: of that matrix; false: it is alone. */
static bool is_merged(const oc_step *step, const oc_view *view, int32_t *column, int32_t *columns) {
    const oc_step_attention *a = &step->u.attention;
    const oc_view *all[] = {&a->q, &a->k, &a->v};
    const char *first = view->data;
    int32_t others = 0;
    if (step->kind != OC_STEP_ATTENTION || view == &a->out || view->data == NULL) {
        return false;
    }
    int64_t bytes = view->stride * (int64_t)element_bytes(view);
    for (size_t i = 0; i < OC_COUNT(all); i++) {
        int64_t apart = (const char *)all[i]->data - (const char *)view->data;
        if (all[i] != view && all[i]->stride == view->stride && apart > -bytes && apart < bytes) {
            first = apart < 0 && (const char *)all[i]->data < first ? all[i]->data : first;
            others++;
        }
    }
    *column = (int32_t)(((const char *)view->data - first) / (int64_t)element_bytes(view));
    *columns = view->columns * (others + 1);
    return others > 0;
}

/* Each view gets a buffer, but q, k and v that are one matrix share it, and so does a residual that
 * lies where the output does shares it. */
static void make_buffers(oc_step_program *p, oc_step *step, const oc_run *run) {
    oc_view *views[OC_STEP_VIEWS] = {0};
    int32_t count = oc_step_views(step, views);
    const oc_step host = *step;
    const void *out = views[0]->data;
    int32_t shared_by = -1; /* the buffer of q, k and v */
    octavo_dtype buffers = p->device->backend->traits(p->device).buffers;
    size_t at = GAP;
    for (int32_t v = 0; v < count; v++) {
        oc_view *view = views[v];
        int32_t column = 0, columns = view->columns;
        if (view->columns == 0) {
            continue;
        }
        const oc_view *original =
            (const oc_view *)((const char *)&host + ((const char *)view - (const char *)step));
        bool merged = is_merged(&host, original, &column, &columns);
        bool residual = v > 0 && view == &step->u.gemm.residual && step->kind == OC_STEP_GEMM &&
                        out != NULL && view->data == out;
        bool shared = residual || (merged && shared_by >= 0);
        view->dtype = oc_step_stored(step, v, view->dtype, buffers);
        view->buffer = residual ? views[0]->buffer : shared ? shared_by : p->plan.buffer_count;
        view->column = column;
        if (!shared) {
            shared_by = merged ? view->buffer : shared_by;
            oc_plan_buffer *buffer = &p->buffers[p->plan.buffer_count++];
            int64_t stride = p->device->backend->stride(p->device, columns, view->dtype);
            *buffer = (oc_plan_buffer){
                .columns = columns, .dtype = view->dtype, .stride = stride, .offset = at};
            buffer->bytes = (size_t)stride * (size_t)rows_of(step, run, v) * element_bytes(view);
            at = (at + buffer->bytes + 2 * GAP) / GAP * GAP;
        }
        view->data = NULL;
        view->stride = 0;
    }
    p->plan.buffers = p->buffers;
    p->plan.arena_bytes = at;
}

octavo_status oc_step_program_create(oc_device *device, int32_t threads, const oc_step *step,
                                     const oc_run *run, oc_step_program *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_step_program *p = out;
    memset(p, 0, sizeof *p);
    p->device = device;
    p->threads = threads;
    p->step = *step;
    p->plan.limits = limits_of(step, run);
    make_buffers(p, &p->step, run);
    OC_TRY(carry_constants(p, &p->step, error));
    OC_TRY(device->backend->choose(device, &p->step, &p->plan.limits, &p->plan.scratch, error));
    p->plan.steps = &p->step;
    p->plan.step_count = 1;
    OC_TRY(device->backend->queue_create(device, threads, oc_plan_bytes(&p->plan, threads),
                                         &p->queue, error));
    OC_TRY(device->backend->compile(p->queue, &p->plan, &p->program, error));
done:
    if (status != OCTAVO_OK) {
        oc_step_program_free(p);
    }
    return status;
}

octavo_status oc_step_program_take(oc_step_program *p, int32_t tactic, octavo_error *error) {
    p->device->backend->program_free(p->program);
    p->program = NULL;
    p->step.tactic = tactic;
    return p->device->backend->compile(p->queue, &p->plan, &p->program, error);
}

void oc_step_program_free(oc_step_program *p) {
    if (p->device != NULL) {
        p->device->backend->program_free(p->program);
        p->device->backend->queue_free(p->queue);
        for (int32_t i = 0; i < p->constant_count; i++) {
            p->device->backend->constant_free(p->device, p->constants[i]);
        }
    }
    memset(p, 0, sizeof *p);
}

/* -- running ------------------------------------------------------------------------------ */

/* Host rows of a view to the device's, or back: at once where they lie densely, and on devices
 * whose memory is not the host's by way of a dense copy. */
static octavo_status move(oc_step_program *p, const oc_view *host, const oc_view *own, int32_t rows,
                          bool back, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_backend *backend = p->device->backend;
    size_t element = element_bytes(host), step = (size_t)host->stride * element;
    size_t width = (size_t)host->columns * element;
    bool is_dense = backend->memory(p->queue) == NULL;
    char *dense = is_dense ? malloc(width * (size_t)rows + 1) : NULL;
    if (is_dense && back) {
        OC_TRY(backend->read(p->queue, &p->plan, own, 0, NULL, rows, dense, error));
    }
    for (int32_t r = 0; r < rows; r++) {
        char *at = (char *)host->data + (size_t)r * step;
        if (is_dense) {
            char *copy = dense + (size_t)r * width;
            memcpy(back ? at : copy, back ? copy : at, width);
        } else if (back) {
            OC_TRY(backend->read(p->queue, &p->plan, own, r, NULL, 1, at, error));
        } else {
            OC_TRY(backend->write(p->queue, &p->plan, own, r, 1, at, error));
        }
    }
    if (is_dense && !back) {
        OC_TRY(backend->write(p->queue, &p->plan, own, 0, rows, dense, error));
    }
done:
    free(dense);
    return status;
}

/* What no view of this run covers is as it was before. */
static bool is_untouched(const oc_step_program *p, const int32_t rows[OC_STEP_VIEWS],
                         const uint8_t *memory) {
    size_t at = 0;
    for (int32_t b = 0; b <= p->plan.buffer_count; b++) {
        const oc_plan_buffer *buffer = &p->buffers[b];
        bool last = b == p->plan.buffer_count;
        size_t next = last ? p->plan.arena_bytes : buffer->offset;
        for (; at < next; at++) {
            if (memory[at] != SENTINEL) {
                return false;
            }
        }
        size_t element = last ? 1 : oc_dtype_bytes(buffer->dtype);
        for (int32_t r = 0; !last && r < rows[b]; r++) {
            at += (size_t)buffer->columns * element;
            next = buffer->offset + (size_t)(r + 1) * (size_t)buffer->stride * element;
            for (; at < next; at++) {
                if (memory[at] != SENTINEL) {
                    return false;
                }
            }
        }
    }
    return memory[oc_plan_bytes(&p->plan, p->threads)] == SENTINEL;
}

/* Whether an input is what the host gave. */
static bool is_equal(const oc_step_program *p, const uint8_t *memory, const oc_view *own,
                     const oc_view *host, int32_t rows) {
    size_t element = element_bytes(host);
    size_t own_step = (size_t)p->buffers[own->buffer].stride * element;
    for (int32_t r = 0; r < rows; r++) {
        const char *at = (const char *)host->data + (size_t)r * (size_t)host->stride * element;
        if (memcmp(memory + oc_plan_offset(&p->plan, own) + (size_t)r * own_step, at,
                   (size_t)host->columns * element) != 0) {
            return false;
        }
    }
    return true;
}

octavo_status oc_step_program_run(oc_step_program *p, const oc_step *step, const oc_run *run,
                                  oc_step_report *report, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_backend *backend = p->device->backend;
    oc_step host = *step;
    oc_view *views[OC_STEP_VIEWS] = {0}, *own[OC_STEP_VIEWS] = {0};
    int32_t count = oc_step_views(&host, views), rows[OC_STEP_VIEWS] = {0};
    uint8_t *memory = backend->memory(p->queue);
    oc_ticket ticket;
    oc_step_views(&p->step, own);
    if (memory != NULL) { /* scratch too: nothing may be taken to be zero */
        memset(memory, SENTINEL, oc_plan_bytes(&p->plan, p->threads) + 1);
    }
    for (int32_t v = count - 1; v >= 0; v--) {
        if (views[v]->columns == 0) {
            continue;
        }
        rows[own[v]->buffer] = rows_of(&host, run, v);
        bool in_place = v == 0 && step->kind == OC_STEP_GEMM && views[2]->columns != 0 &&
                        own[2]->buffer == own[0]->buffer;
        if (v >= oc_step_outputs(&host) || in_place) {
            OC_TRY(move(p, in_place ? views[2] : views[v], own[v], rows[own[v]->buffer], false,
                        error));
        }
    }
    /* What is timed may run several times, and add its result to its residual as often. */
    uint32_t reported = memory != NULL ? OC_REPORT_TIME | OC_REPORT_CODES : OC_REPORT_CODES;
    OC_TRY(backend->submit(p->queue, p->program, run, report == NULL ? 0 : reported, report,
                           &ticket, error));
    OC_TRY(backend->wait(p->queue, ticket, 0, error));
    oc_view out = *own[0];
    out.columns = views[0]->columns; /* of logits: of the texts that there are */
    OC_TRY(move(p, views[0], &out, rows[out.buffer], true, error));
    for (int32_t v = 1; v < oc_step_outputs(&host); v++) {
        if (views[v]->columns != 0) {
            OC_TRY(move(p, views[v], own[v], rows[own[v]->buffer], true, error));
        }
    }
    for (int32_t v = oc_step_outputs(&host); memory != NULL && v < count; v++) {
        if (views[v]->columns != 0 && own[v]->buffer != own[0]->buffer &&
            !is_equal(p, memory, own[v], views[v], rows[own[v]->buffer])) {
            OC_FAIL(error, OCTAVO_INTERNAL, OCTAVO_NO_OFFSET, "an input is overwritten");
        }
    }
    if (report != NULL && memory == NULL) {
        oc_step_report times;
        OC_TRY(backend->submit(p->queue, p->program, run, OC_REPORT_TIME, &times, &ticket, error));
        OC_TRY(backend->wait(p->queue, ticket, 0, error));
        report->seconds = times.seconds;
    }
    if (memory != NULL && !is_untouched(p, rows, memory)) {
        OC_FAIL(error, OCTAVO_INTERNAL, OCTAVO_NO_OFFSET,
                "bytes around a buffer, or behind the scratch, are overwritten");
    }
done:
    return status;
}
