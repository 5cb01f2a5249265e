/* null_backend.h - a device that packs nothing and runs nothing, but looks at what it is given:
 * graphs can be lowered without weights, and what comes out can be held against the arena. */
#ifndef OC_TESTS_NULL_BACKEND_H
#define OC_TESTS_NULL_BACKEND_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device/device.h"
#include "lower/plan.h"

typedef struct oc_null_device {
    oc_device base;
    int32_t packed, unpacked; /* matrices; vectors are not counted */
    int32_t chosen;
    uint32_t fuses;
} oc_null_device;

typedef struct oc_null_constant {
    oc_constant head; /* data: the first row */
    oc_use use;
    int32_t n, k;
} oc_null_constant;

static inline octavo_status oc_null_constant_create(oc_device *device, const oc_matrix *matrix,
                                                    oc_constant **out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    size_t row_bytes = (size_t)matrix->k * oc_dtype_bytes(matrix->dtype);
    oc_null_constant *made = NULL;
    uint8_t *row = NULL;
    *out = NULL;
    if (matrix->n < 1 || matrix->k < 1 || row_bytes == 0) {
        OC_FAIL(error, OCTAVO_INTERNAL, OCTAVO_NO_OFFSET, "a matrix of %d x %d", matrix->n,
                matrix->k);
    }
    row = malloc(row_bytes);
    if (row == NULL) {
        OC_NO_MEMORY(error, row_bytes);
    }
    OC_TRY(matrix->read(matrix->source, matrix->n - 1, 1, row, error));
    OC_TRY(matrix->read(matrix->source, 0, 1, row, error));
    made = calloc(1, sizeof *made);
    if (made == NULL) {
        OC_NO_MEMORY(error, sizeof *made);
    }
    *made =
        (oc_null_constant){{matrix->dtype, sizeof *made, row}, matrix->use, matrix->n, matrix->k};
    row = NULL;
    *out = &made->head;
    ((oc_null_device *)device)->packed += matrix->use != OC_USE_FLOATS;
done:
    free(row);
    return status;
}

static inline void oc_null_constant_free(oc_device *device, oc_constant *constant) {
    ((oc_null_device *)device)->unpacked +=
        ((const oc_null_constant *)constant)->use != OC_USE_FLOATS;
    free(constant->data);
    free(constant);
}

static inline oc_traits oc_null_traits(const oc_device *device) {
    return (oc_traits){.storage = OCTAVO_F32,
                       .buffers = OCTAVO_F32,
                       .fuses = ((const oc_null_device *)device)->fuses};
}

static inline int64_t oc_null_stride(const oc_device *device, int32_t columns, octavo_dtype dtype) {
    (void)device;
    (void)dtype;
    return columns;
}

static inline octavo_status oc_null_choose(oc_device *device, oc_step *step,
                                           const oc_plan_limits *limits, oc_scratch *scratch,
                                           octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_step_gemm *gemm = &step->u.gemm;
    const oc_null_constant *weight = (const oc_null_constant *)gemm->weight;
    if (limits->rows_max[step->rows] < 0 || limits->sequence_max[step->keys] < 0 ||
        step->name == NULL) {
        OC_FAIL(error, OCTAVO_INTERNAL, OCTAVO_NO_OFFSET, "a step of %d rows and %d keys",
                limits->rows_max[step->rows], limits->sequence_max[step->keys]);
    }
    if (step->kind == OC_STEP_GEMM &&
        (gemm->a.columns != weight->k || gemm->out.columns != weight->n)) {
        OC_FAIL(error, OCTAVO_INTERNAL, OCTAVO_NO_OFFSET, "a product of %d columns with %d x %d",
                gemm->a.columns, weight->n, weight->k);
    }
    ((oc_null_device *)device)->chosen++;
    oc_scratch_raise(scratch, 64, 0);
    step->kernel = "null";
done:
    return status;
}

static inline void oc_null_device_init(oc_null_device *device) {
    static const oc_backend backend = {.name = "null",
                                       .traits = oc_null_traits,
                                       .constant_create = oc_null_constant_create,
                                       .constant_free = oc_null_constant_free,
                                       .stride = oc_null_stride,
                                       .choose = oc_null_choose};
    *device = (oc_null_device){.base = {&backend}, .fuses = OC_FUSE_ALL};
}

/* -- weights out of thin air ----------------------------------------------------------------- */

/* The tensors of `graph`, all ones; reads of more than `most` bytes are refused. */
typedef struct oc_null_source {
    const oc_graph *graph;
    size_t most;
} oc_null_source;

static inline octavo_status oc_null_read(void *context, uint64_t source, int64_t first,
                                         int64_t count, void *dst, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    static const struct {
        octavo_dtype dtype;
        uint8_t one[4];
    } ones[] = {{OCTAVO_F32, {0, 0, 0x80, 0x3f}}, /* little-endian 1 */
                {OCTAVO_F16, {0, 0x3c}},
                {OCTAVO_BF16, {0x80, 0x3f}},
                {OCTAVO_F8_E4M3, {0x38}}};
    const oc_null_source *from = context;
    const oc_tensor *tensor = &from->graph->tensors[source];
    size_t bytes = oc_dtype_bytes(tensor->dtype), total;
    const uint8_t *one = NULL;
    for (size_t i = 0; i < OC_COUNT(ones); i++) {
        one = ones[i].dtype == tensor->dtype ? ones[i].one : one;
    }
    total = bytes;
    for (int32_t d = tensor->rank >= 2; d < tensor->rank && total <= from->most; d++) {
        total =
            (uint64_t)tensor->shape[d] > from->most ? SIZE_MAX : total * (size_t)tensor->shape[d];
    }
    int64_t rows = tensor->rank >= 2 ? tensor->shape[0] : 1;
    if (first < 0 || count < 1 || count > rows || first > rows - count) {
        OC_FAIL(error, OCTAVO_INTERNAL, OCTAVO_NO_OFFSET, "rows %lld to %lld of %lld are read",
                (long long)first, (long long)(first + count), (long long)rows);
    }
    if (one == NULL || total > from->most || (uint64_t)count > from->most / total) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET, "tensor %s is not to be had",
                tensor->name);
    }
    for (size_t i = 0; i < total * (size_t)count; i++) {
        ((uint8_t *)dst)[i] = one[i % bytes];
    }
done:
    return status;
}

/* -- a plan against its arena ---------------------------------------------------------------- */

/* Bytes of the arena from `from` on that the view covers in `rows` rows. */
static inline size_t oc_null_extent(const oc_plan *plan, const oc_view *view, int32_t rows,
                                    size_t *from) {
    size_t stride = (size_t)plan->buffers[view->buffer].stride;
    size_t elements = (size_t)(rows - 1) * stride + (size_t)view->columns;
    *from = oc_plan_offset(plan, view);
    return rows == 0 ? 0 : elements * oc_dtype_bytes(view->dtype);
}

/* Whether `rows` rows of the view lie in its buffer, and this in the arena. */
static inline bool oc_null_view_fits(const oc_plan *plan, const oc_view *view, int32_t rows) {
    size_t from, bytes;
    if (view->buffer < 0 || view->buffer >= plan->buffer_count || view->data != NULL) {
        return false;
    }
    const oc_plan_buffer *buffer = &plan->buffers[view->buffer];
    bytes = oc_null_extent(plan, view, rows, &from);
    return view->columns >= 1 && view->column >= 0 &&
           view->columns <= buffer->stride - view->column &&
           oc_is_codes(view->dtype) == oc_is_codes(buffer->dtype) &&
           from + bytes <= buffer->offset + buffer->bytes &&
           buffer->offset + buffer->bytes <= plan->arena_bytes && buffer->offset % 64 == 0;
}

/* The row set of a step's view number v. */
static inline oc_rows oc_null_rows(const oc_step *step, int32_t v) {
    bool keys = (step->kind == OC_STEP_ATTENTION && v >= 2) ||
                (step->kind == OC_STEP_PICK && v == 1) || (step->kind == OC_STEP_LOGITS && v == 2);
    return keys ? step->keys : step->rows;
}

/* What is wrong with the plan, or NULL: a view that leaves the arena, an output that lies on one of
 * its step's operands (but for a product's residual, which it may replace exactly). */
static inline const char *oc_null_check_plan(const oc_plan *plan, const oc_plan_limits *limits) {
    for (int32_t i = 0; i < plan->step_count; i++) {
        oc_step *step = &plan->steps[i];
        oc_view *views[OC_STEP_VIEWS] = {0};
        int32_t count = oc_step_views(step, views);
        size_t out_from,
            out_bytes = oc_null_extent(plan, views[0], limits->rows_max[step->rows], &out_from);
        for (int32_t v = 0; v < count; v++) {
            size_t from, bytes;
            int32_t rows = limits->rows_max[oc_null_rows(step, v)];
            if (views[v]->columns == 0) {
                continue;
            }
            if (!oc_null_view_fits(plan, views[v], rows)) {
                return "a view leaves the arena";
            }
            bool replaced = step->kind == OC_STEP_GEMM && v == 2 &&
                            views[v]->buffer == views[0]->buffer &&
                            views[v]->column == views[0]->column;
            bytes = oc_null_extent(plan, views[v], rows, &from);
            if (v > 0 && !replaced && from < out_from + out_bytes && out_from < from + bytes) {
                return "an output lies on its operand";
            }
        }
    }
    for (int32_t i = 0; i < plan->output_count; i++) {
        const oc_plan_port *a = &plan->outputs[i];
        if (!oc_null_view_fits(plan, &a->view, limits->rows_max[a->rows])) {
            return "an output leaves the arena";
        }
    }
    return NULL;
}

#endif
