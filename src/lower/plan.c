/* plan.c - the walk, the memory and the choice of kernels; steps.c knows the operations. */
#include "lower/plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "lower/lowering.h"

oc_rows oc_rows_of(const oc_type *type) {
    bool images = type->dims[0] == OC_DIM_IMAGES;
    return type->rank == 3 ? (images ? OC_ROWS_IMAGE_TOKENS : OC_ROWS_TEXT_TOKENS)
                           : (images ? OC_ROWS_IMAGES : OC_ROWS_TEXTS);
}

octavo_status oc_lower_place(oc_lowering *l, oc_value value, const oc_type *type, bool codes,
                             float scale) {
    octavo_status status = OCTAVO_OK;
    oc_place *place = &l->places[value];
    int64_t columns = type->dims[type->rank - 1];
    size_t bytes;
    /* logits have a column a text, and there can be as many as a run takes */
    if (columns < 0) {
        columns = l->limits->rows_max[OC_ROWS_TEXTS];
    }
    place->rows = oc_rows_of(type);
    place->view = (oc_view){.stride = oc_activation_stride((int32_t)columns),
                            .columns = (int32_t)columns,
                            .is_codes = codes,
                            .scale = scale};
    if (codes) {
        place->view.stride = (int64_t)oc_round_up((size_t)place->view.stride, 64);
        place->view.stride += place->view.stride % 1024 == 0 ? 64 : 0;
    }
    if (!oc_mul_size((size_t)place->view.stride * (codes ? 1 : sizeof(float)),
                     (size_t)l->limits->rows_max[place->rows], &bytes)) {
        OC_FAIL(l->error, OCTAVO_EXHAUSTED, OCTAVO_NO_OFFSET,
                "an activation of %lld columns and %d rows does not fit in memory",
                (long long)columns, l->limits->rows_max[place->rows]);
    }
    place->buffer = l->buffer_count;
    place->offset = 0;
    l->buffers[l->buffer_count++] = (oc_plan_buffer){.bytes = bytes == 0 ? 64 : bytes,
                                                     .first = l->plan->step_count,
                                                     .last = l->plan->step_count};
done:
    return status;
}

static octavo_status add_fixup(oc_lowering *l, const oc_plan_fixup *fixup) {
    octavo_status status = OCTAVO_OK;
    oc_plan *plan = l->plan;
    if (plan->fixup_count == l->fixup_capacity) {
        int32_t capacity = l->fixup_capacity == 0 ? 256 : l->fixup_capacity * 2;
        oc_plan_fixup *fixups = realloc(plan->fixups, (size_t)capacity * sizeof *fixups);
        if (fixups == NULL) {
            OC_NO_MEMORY(l->error, (size_t)capacity * sizeof *fixups);
        }
        plan->fixups = fixups;
        l->fixup_capacity = capacity;
    }
    plan->fixups[plan->fixup_count++] = *fixup;
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
        const oc_place *place = &l->places[views[i].value];
        oc_plan_buffer *buffer = &l->buffers[place->buffer];
        memcpy((char *)new_step + views[i].view_offset, &place->view, sizeof place->view);
        buffer->last = plan->step_count > buffer->last ? plan->step_count : buffer->last;
        OC_TRY(add_fixup(l, &(oc_plan_fixup){plan->step_count, 0, views[i].view_offset,
                                             place->buffer, place->offset}));
    }
    plan->step_count++;
done:
    return status;
}

/* Uses of every value, and the last node that uses it. */
static void count_uses(oc_lowering *l) {
    for (oc_value v = 0; v < l->graph->node_count; v++) {
        l->places[v].buffer = -1;
        l->user[v] = -1;
        for (int32_t j = 0; j < l->graph->nodes[v].input_count; j++) {
            l->uses[l->graph->nodes[v].inputs[j]]++;
            l->user[l->graph->nodes[v].inputs[j]] = v;
        }
    }
    for (int32_t i = 0; i < l->graph->output_count; i++) {
        l->uses[l->graph->outputs[i]]++;
    }
}

static octavo_status new_port(oc_lowering *l, oc_value value, int32_t side, oc_plan_port *port,
                              int32_t index) {
    octavo_status status = OCTAVO_OK;
    const oc_place *place = &l->places[value];
    const char *name = l->graph->nodes[value].name;
    *port = (oc_plan_port){.rows = place->rows, .view = place->view};
    port->name = oc_arena_text(&l->plan->memory, name, strlen(name));
    if (port->name == NULL) {
        OC_NO_MEMORY(l->error, strlen(name));
    }
    OC_TRY(add_fixup(l, &(oc_plan_fixup){side, index, 0, place->buffer, place->offset}));
done:
    return status;
}

/* Inputs that are activations: the caller fills them before the first step. */
static octavo_status make_inputs(oc_lowering *l) {
    octavo_status status = OCTAVO_OK;
    for (oc_value v = 0; v < l->graph->node_count; v++) {
        const oc_node *node = &l->graph->nodes[v];
        bool image = node->type.rank == 4;
        if (node->op != OC_OP_INPUT || node->type.dtype == OCTAVO_I32) {
            continue;
        }
        if (image) {
            l->plan->takes_pixels |= node->type.dtype == OCTAVO_U8;
            l->plan->takes_values |= node->type.dtype != OCTAVO_U8;
            continue;
        }
        OC_TRY(oc_lower_place(l, v, &node->type, false, 1.0f));
        OC_TRY(new_port(l, v, -1, &l->plan->inputs[l->plan->input_count], l->plan->input_count));
        l->plan->input_count++;
    }
done:
    return status;
}

static octavo_status make_outputs(oc_lowering *l) {
    octavo_status status = OCTAVO_OK;
    for (int32_t i = 0; i < l->graph->output_count; i++) {
        oc_value value = l->graph->outputs[i];
        const oc_place *place = &l->places[value];
        if (place->buffer < 0 || place->view.is_codes) {
            OC_FAIL(l->error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                    "%s is not an activation that can be an output", l->graph->nodes[value].name);
        }
        l->buffers[place->buffer].last = l->plan->step_count; /* alive to the end */
        OC_TRY(new_port(l, value, -2, &l->plan->outputs[i], i));
        l->plan->output_count++;
    }
done:
    return status;
}

static octavo_status choose_kernels(oc_lowering *l) {
    octavo_status status = OCTAVO_OK;
    const oc_backend *backend = l->device->backend;
    for (int32_t i = 0; i < l->plan->step_count; i++) {
        oc_step *step = &l->plan->steps[i];
        size_t scratch = 0;
        OC_TRY(backend->choose(l->device, step, l->limits->rows_max[step->rows],
                               l->limits->sequence_max[step->keys], &scratch, l->error));
        if (scratch > l->plan->scratch_bytes) {
            l->plan->scratch_bytes = oc_round_up(scratch, 64);
        }
    }
done:
    return status;
}

octavo_status oc_plan_create(oc_device *device, oc_weights *weights, const oc_graph *graph,
                             const oc_plan_limits *limits, oc_plan *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    size_t count = (size_t)graph->node_count + 1;
    oc_lowering l = {.graph = graph,
                     .device = device,
                     .weights = weights,
                     .limits = limits,
                     .plan = out,
                     .error = error};
    memset(out, 0, sizeof *out);
    oc_arena_init(&out->memory);
    l.places = calloc(count, sizeof *l.places);
    l.uses = calloc(count, sizeof *l.uses);
    l.user = calloc(count, sizeof *l.user);
    l.taken = calloc(count, sizeof *l.taken);
    l.buffers = calloc(count * 2, sizeof *l.buffers);
    out->inputs = calloc(count, sizeof *out->inputs);
    out->outputs = calloc((size_t)graph->output_count + 1, sizeof *out->outputs);
    if (l.places == NULL || l.uses == NULL || l.user == NULL || l.taken == NULL ||
        l.buffers == NULL || out->inputs == NULL || out->outputs == NULL) {
        OC_NO_MEMORY(error, count * sizeof *l.places);
    }
    count_uses(&l);
    OC_TRY(make_inputs(&l));
    for (oc_value v = 0; v < graph->node_count; v++) {
        if (!l.taken[v]) {
            OC_TRY(oc_lower_node(&l, v));
        }
    }
    OC_TRY(make_outputs(&l));
    OC_TRY(choose_kernels(&l));
    OC_TRY(oc_plan_memory(l.buffers, l.buffer_count, &out->arena_bytes, error));
    for (int32_t i = 0; i < out->fixup_count; i++) {
        out->fixups[i].offset += l.buffers[out->fixups[i].buffer].offset;
    }
done:
    free(l.places);
    free(l.uses);
    free(l.user);
    free(l.taken);
    free(l.buffers);
    if (status != OCTAVO_OK) {
        oc_plan_free(out);
    }
    return status;
}

void oc_plan_free(oc_plan *plan) {
    free(plan->steps);
    free(plan->inputs);
    free(plan->outputs);
    free(plan->fixups);
    oc_arena_free(&plan->memory);
    memset(plan, 0, sizeof *plan);
}

void oc_plan_bind(oc_plan *plan, void *arena) {
    for (int32_t i = 0; i < plan->fixup_count; i++) {
        const oc_plan_fixup *fixup = &plan->fixups[i];
        oc_view *view =
            fixup->step == -1 ? &plan->inputs[fixup->port].view
            : fixup->step == -2
                ? &plan->outputs[fixup->port].view
                : (oc_view *)(void *)((char *)&plan->steps[fixup->step] + fixup->view_offset);
        view->data = (char *)arena + fixup->offset;
    }
}
