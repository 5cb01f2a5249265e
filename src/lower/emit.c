/* emit.c - places of values and steps of a plan, as the walk makes them. */
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "lower/lowering.h"

oc_rows oc_rows_of(const oc_type *type) {
    bool images = type->dims[0] == OC_DIM_IMAGES;
    return type->rank == 3 ? (images ? OC_ROWS_IMAGE_TOKENS : OC_ROWS_TEXT_TOKENS)
                           : (images ? OC_ROWS_IMAGES : OC_ROWS_TEXTS);
}

/* What floats are stored as: 16-bit devices keep embeddings, what becomes one, and logits in F32.
 * They are a row an image or a text, and the caller sees them. */
static octavo_dtype float_dtype(const oc_lowering *l, oc_value value, const oc_type *type) {
    const oc_graph *graph = l->graph;
    oc_rows rows = oc_rows_of(type);
    bool is_node = value < graph->node_count;
    oc_op user = is_node && l->user[value] >= 0 ? graph->nodes[l->user[value]].op : OC_OP_COUNT;
    oc_op op = is_node ? graph->nodes[value].op : OC_OP_COUNT;
    if (rows == OC_ROWS_IMAGE_TOKENS || rows == OC_ROWS_TEXT_TOKENS) {
        return l->traits.buffers;
    }
    return op == OC_OP_INPUT || op == OC_OP_L2_NORMALIZE || op == OC_OP_LOGITS ||
                   user == OC_OP_L2_NORMALIZE || user == OC_OP_LOGITS
               ? OCTAVO_F32
               : l->traits.buffers;
}

octavo_status oc_lower_place(oc_lowering *l, oc_value value, const oc_type *type, bool codes,
                             float scale) {
    octavo_status status = OCTAVO_OK;
    oc_plan *plan = l->plan;
    oc_place *place = &l->places[value];
    oc_plan_buffer *buffer = &plan->buffers[plan->buffer_count];
    octavo_dtype dtype = codes ? OCTAVO_F8_E4M3 : float_dtype(l, value, type);
    int64_t columns = type->dims[type->rank - 1];
    /* logits have a column a text, and there can be as many as a run takes */
    if (columns < 0) {
        columns = plan->limits.rows_max[OC_ROWS_TEXTS];
    }
    place->rows = oc_rows_of(type);
    place->view = (oc_view){
        .buffer = plan->buffer_count, .columns = (int32_t)columns, .dtype = dtype, .scale = scale};
    *buffer = (oc_plan_buffer){
        .rows = place->rows,
        .columns = (int32_t)columns,
        .dtype = dtype,
        .stride = l->device->backend->stride(l->device, (int32_t)columns, dtype),
        .first = plan->step_count,
        .last = plan->step_count,
    };
    if (!oc_mul_size((size_t)buffer->stride * oc_dtype_bytes(dtype),
                     (size_t)plan->limits.rows_max[place->rows], &buffer->bytes)) {
        OC_FAIL(l->error, OCTAVO_EXHAUSTED, OCTAVO_NO_OFFSET,
                "an activation of %lld columns and %d rows does not fit in memory",
                (long long)columns, plan->limits.rows_max[place->rows]);
    }
    buffer->bytes = buffer->bytes == 0 ? 64 : buffer->bytes;
    plan->buffer_count++;
done:
    return status;
}

octavo_status oc_lower_step(oc_lowering *l, const oc_step *step, const oc_lower_view *views,
                            int32_t view_count) {
    octavo_status status = OCTAVO_OK;
    oc_plan *plan = l->plan;
    if (plan->step_count == l->step_capacity) {
        int32_t capacity = l->step_capacity == 0 ? 256 : l->step_capacity * 2;
        oc_step *steps = realloc(plan->steps, (size_t)capacity * sizeof *steps);
        if (steps == NULL) {
            OC_NO_MEMORY(l->error, (size_t)capacity * sizeof *steps);
        }
        plan->steps = steps;
        l->step_capacity = capacity;
    }
    oc_step *new_step = &plan->steps[plan->step_count];
    *new_step = *step;
    new_step->name = oc_arena_text(&plan->memory, step->name, strlen(step->name));
    if (new_step->name == NULL) {
        OC_NO_MEMORY(l->error, strlen(step->name));
    }
    for (int32_t i = 0; i < view_count; i++) {
        const oc_view *view = &l->places[views[i].value].view;
        memcpy((char *)new_step + views[i].view_offset, view, sizeof *view);
        plan->buffers[view->buffer].last = plan->step_count;
    }
    plan->step_count++;
done:
    return status;
}
