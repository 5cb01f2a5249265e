/* plan.c - the walk, the memory and the choice of kernels; steps.c knows the operations. */
#include "lower/plan.h"

#include <stdlib.h>
#include <string.h>

#include "lower/lowering.h"
#include "lower/memory.h"

/* Uses of every value, and the last node that uses it. */
static void count_uses(oc_lowering *l) {
    for (oc_value v = 0; v < l->graph->node_count; v++) {
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

static octavo_status new_port(oc_lowering *l, oc_value value, oc_plan_port *port) {
    octavo_status status = OCTAVO_OK;
    const oc_place *place = &l->places[value];
    const char *name = l->graph->nodes[value].name;
    *port = (oc_plan_port){.rows = place->rows, .view = place->view};
    port->name = oc_arena_text(&l->plan->memory, name, strlen(name));
    if (port->name == NULL) {
        OC_NO_MEMORY(l->error, strlen(name));
    }
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
        OC_TRY(new_port(l, v, &l->plan->inputs[l->plan->input_count]));
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
        if (place->view.columns == 0 || oc_is_codes(place->view.dtype)) {
            OC_FAIL(l->error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                    "%s is not an activation that can be an output", l->graph->nodes[value].name);
        }
        l->plan->buffers[place->view.buffer].last = l->plan->step_count; /* alive to the end */
        OC_TRY(new_port(l, value, &l->plan->outputs[i]));
        l->plan->output_count++;
    }
done:
    return status;
}

static octavo_status choose_kernels(oc_lowering *l) {
    octavo_status status = OCTAVO_OK;
    oc_plan *plan = l->plan;
    for (int32_t i = 0; i < plan->step_count; i++) {
        OC_TRY(l->device->backend->choose(l->device, &plan->steps[i], &plan->limits, &plan->scratch,
                                          l->error));
    }
done:
    return status;
}

/* Gives back what the walk did not need; a block that cannot become smaller stays. */
static void *trim(void *block, int32_t count, size_t bytes) {
    void *smaller = realloc(block, ((size_t)count + 1) * bytes);
    return smaller == NULL ? block : smaller;
}

octavo_status oc_plan_create(oc_weights *weights, const oc_graph *graph,
                             const oc_plan_limits *limits, oc_plan *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    size_t count = (size_t)graph->node_count + 1;
    oc_lowering l = {.graph = graph,
                     .weights = weights,
                     .device = oc_weights_device(weights),
                     .plan = out,
                     .error = error};
    l.traits = l.device->backend->traits(l.device);
    memset(out, 0, sizeof *out);
    out->limits = *limits;
    oc_arena_init(&out->memory);
    l.places = calloc(count, sizeof *l.places);
    l.uses = calloc(count, sizeof *l.uses);
    l.user = calloc(count, sizeof *l.user);
    l.taken = calloc(count, sizeof *l.taken);
    out->buffers = calloc(count * 2, sizeof *out->buffers);
    out->inputs = calloc(count, sizeof *out->inputs);
    out->outputs = calloc((size_t)graph->output_count + 1, sizeof *out->outputs);
    if (l.places == NULL || l.uses == NULL || l.user == NULL || l.taken == NULL ||
        out->buffers == NULL || out->inputs == NULL || out->outputs == NULL) {
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
    OC_TRY(oc_plan_memory(out->buffers, out->buffer_count, &out->arena_bytes, error));
    out->steps = trim(out->steps, out->step_count, sizeof *out->steps);
    out->buffers = trim(out->buffers, out->buffer_count, sizeof *out->buffers);
    out->inputs = trim(out->inputs, out->input_count, sizeof *out->inputs);
    out->outputs = trim(out->outputs, out->output_count, sizeof *out->outputs);
done:
    free(l.places);
    free(l.uses);
    free(l.user);
    free(l.taken);
    if (status != OCTAVO_OK) {
        oc_plan_free(out);
    }
    return status;
}

void oc_plan_free(oc_plan *plan) {
    free(plan->steps);
    free(plan->inputs);
    free(plan->outputs);
    free(plan->buffers);
    oc_arena_free(&plan->memory);
    memset(plan, 0, sizeof *plan);
}
