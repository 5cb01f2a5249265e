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
    int32_t packed, unpacked, chosen;
} oc_null_device;

struct oc_packed {
    int32_t n, k;
};

static inline octavo_status oc_null_pack(oc_device *device, const oc_matrix *matrix,
                                         oc_packed **out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    size_t row_bytes = (size_t)matrix->k * oc_dtype_bytes(matrix->dtype);
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
    OC_TRY(matrix->read(matrix->source, 0, 1, row, error));
    OC_TRY(matrix->read(matrix->source, matrix->n - 1, 1, row, error));
    *out = malloc(sizeof **out);
    if (*out == NULL) {
        OC_NO_MEMORY(error, sizeof **out);
    }
    **out = (oc_packed){matrix->n, matrix->k};
    ((oc_null_device *)device)->packed++;
done:
    free(row);
    return status;
}

static inline void oc_null_unpack(oc_device *device, oc_packed *packed) {
    ((oc_null_device *)device)->unpacked++;
    free(packed);
}

static inline size_t oc_null_packed_bytes(const oc_packed *packed) {
    return sizeof *packed;
}

static inline octavo_status oc_null_choose(oc_device *device, oc_step *step, int32_t rows_max,
                                           int32_t keys_max, size_t *scratch_bytes,
                                           octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_step_gemm *gemm = &step->u.gemm;
    if (rows_max < 0 || keys_max < 0 || step->name == NULL) {
        OC_FAIL(error, OCTAVO_INTERNAL, OCTAVO_NO_OFFSET, "a step of %d rows and %d keys", rows_max,
                keys_max);
    }
    if (step->kind == OC_STEP_GEMM &&
        (gemm->a.columns != gemm->weight->k || gemm->out.columns != gemm->weight->n)) {
        OC_FAIL(error, OCTAVO_INTERNAL, OCTAVO_NO_OFFSET, "a product of %d columns with %d x %d",
                gemm->a.columns, gemm->weight->n, gemm->weight->k);
    }
    ((oc_null_device *)device)->chosen++;
    *scratch_bytes += 64;
    step->kernel = "null";
done:
    return status;
}

static inline void oc_null_device_init(oc_null_device *device) {
    static const oc_backend backend = {.name = "null",
                                       .pack = oc_null_pack,
                                       .unpack = oc_null_unpack,
                                       .packed_bytes = oc_null_packed_bytes,
                                       .choose = oc_null_choose};
    *device = (oc_null_device){.base = {&backend}};
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

#define OC_NULL_ARENA ((uintptr_t)4096) /* nothing is read or written there */

/* -- a plan against its arena ---------------------------------------------------------------- */

/* Bytes from the view's first to its last element. */
static inline size_t oc_null_extent(const oc_view *view, int32_t rows) {
    size_t elements = (size_t)(rows - 1) * (size_t)view->stride + (size_t)view->columns;
    return rows == 0 ? 0 : elements * (view->is_codes ? 1 : sizeof(float));
}

/* Whether `rows` rows of the view lie in the arena of so many bytes at OC_NULL_ARENA. */
static inline bool oc_null_view_fits(const oc_view *view, int32_t rows, size_t bytes) {
    size_t at = (size_t)((uintptr_t)view->data - OC_NULL_ARENA);
    return view->columns >= 1 && view->columns <= view->stride && at <= bytes &&
           oc_null_extent(view, rows) <= bytes - at && (view->is_codes || at % sizeof(float) == 0);
}

/* The views of a step: out last. */
static inline int32_t oc_null_views(const oc_step *step, const oc_view *views[5], oc_rows rows[5]) {
    int32_t count = 0;
#define VIEW(member, set) (views[count] = &step->u.member, rows[count++] = (set))
    switch (step->kind) {
    case OC_STEP_PATCHES:
        VIEW(patches.out, step->rows);
        break;
    case OC_STEP_TOKENS:
        VIEW(tokens.out, step->rows);
        break;
    case OC_STEP_NORM:
        VIEW(norm.x, step->rows);
        VIEW(norm.out, step->rows);
        break;
    case OC_STEP_GEMM:
        VIEW(gemm.a, step->rows);
        if (step->u.gemm.residual.data != NULL) {
            VIEW(gemm.residual, step->rows);
        }
        VIEW(gemm.out, step->rows);
        break;
    case OC_STEP_ATTENTION:
        VIEW(attention.q, step->rows);
        VIEW(attention.k, step->keys);
        VIEW(attention.v, step->keys);
        VIEW(attention.out, step->rows);
        break;
    case OC_STEP_PICK:
        VIEW(pick.x, step->keys);
        VIEW(pick.out, step->rows);
        break;
    case OC_STEP_POINTWISE:
        VIEW(pointwise.x, step->rows);
        if (step->u.pointwise.y.data != NULL) {
            VIEW(pointwise.y, step->rows);
        }
        VIEW(pointwise.out, step->rows);
        break;
    case OC_STEP_UNIT:
        VIEW(unit.x, step->rows);
        VIEW(unit.out, step->rows);
        break;
    case OC_STEP_LOGITS:
        VIEW(logits.image, OC_ROWS_IMAGES);
        VIEW(logits.text, OC_ROWS_TEXTS);
        VIEW(logits.out, step->rows);
        break;
    case OC_STEP_COUNT:
        break;
    }
#undef VIEW
    return count;
}

static inline bool oc_null_overlap(const oc_view *a, int32_t a_rows, const oc_view *b,
                                   int32_t b_rows) {
    uintptr_t a0 = (uintptr_t)a->data, a1 = a0 + oc_null_extent(a, a_rows);
    uintptr_t b0 = (uintptr_t)b->data, b1 = b0 + oc_null_extent(b, b_rows);
    return a0 < b1 && b0 < a1;
}

/* What is wrong with the plan, or NULL: a view that leaves the arena, an output that lies on one of
 * its step's operands (but for a product's residual, which it may replace exactly).  The plan must
 * not be run any more. */
static inline const char *oc_null_check_plan(oc_plan *plan, const oc_plan_limits *limits) {
    oc_plan_bind(plan, (void *)OC_NULL_ARENA);
    for (int32_t i = 0; i < plan->step_count; i++) {
        const oc_step *step = &plan->steps[i];
        const oc_view *views[5];
        oc_rows sets[5];
        int32_t count = oc_null_views(step, views, sets);
        for (int32_t v = 0; v < count; v++) {
            if (!oc_null_view_fits(views[v], limits->rows_max[sets[v]], plan->arena_bytes)) {
                return "a view leaves the arena";
            }
        }
        for (int32_t v = 0; v + 1 < count; v++) {
            const oc_view *out = views[count - 1];
            bool replaced = step->kind == OC_STEP_GEMM && views[v] == &step->u.gemm.residual &&
                            views[v]->data == out->data && views[v]->stride == out->stride &&
                            views[v]->is_codes == out->is_codes;
            if (!replaced && oc_null_overlap(views[v], limits->rows_max[sets[v]], out,
                                             limits->rows_max[sets[count - 1]])) {
                return "an output lies on its operand";
            }
        }
    }
    for (int32_t i = 0; i < plan->output_count; i++) {
        const oc_plan_port *a = &plan->outputs[i];
        if (!oc_null_view_fits(&a->view, limits->rows_max[a->rows], plan->arena_bytes)) {
            return "an output leaves the arena";
        }
    }
    return NULL;
}

#endif
