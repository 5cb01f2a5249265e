/* way.c - see way.h. */
#include "runtime/canary/way.h"

#include <stdlib.h>

#include "base/limits.h"
#include "runtime/part.h"

/* Whether nobody reads more of value `output` than one row of each sequence. */
static bool is_picked(const oc_model *model, const char *output) {
    const oc_graph *graph = model->graph;
    oc_value value = oc_graph_find(graph, output);
    if ((model->savings & OC_SAVING(LAST_ROW)) == 0 || value < 0 ||
        graph->nodes[value].type.rank != 3) {
        return false;
    }
    for (oc_value v = value + 1; v < graph->node_count; v++) {
        if (graph->nodes[v].op == OC_OP_ATTENTION || graph->nodes[v].op == OC_OP_ROW_AT) {
            return graph->nodes[v].op == OC_OP_ROW_AT;
        }
    }
    return false;
}

/* Where texts end.  It comes before all else, so that attention may read that row alone; a pick
 * that needs none leaves it out. */
static octavo_status add_end(oc_graph *graph, oc_value *end, octavo_error *error) {
    oc_node node = {
        .op = OC_OP_INPUT, .type = {OCTAVO_I32, 1, {OC_DIM_TEXTS}}, .name = "canary.end"};
    return oc_graph_add(graph, &node, end, error);
}

/* The graph's output becomes a pick of one row, so that passes see what a whole tower sees: an
 * image's first row, a text's end. */
static octavo_status pick_row(oc_graph *graph, oc_value end, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_value output = graph->outputs[0];
    const oc_tower *tower = oc_tower_of_dim(graph->nodes[output].type.dims[0]);
    oc_node pick = {.op = OC_OP_ROW_AT, .input_count = 1, .inputs = {output}, .name = "canary.row"};
    if (tower != NULL && oc_tower_is_packed(tower)) {
        pick.inputs[pick.input_count++] = end;
    }
    OC_TRY(oc_graph_add(graph, &pick, &graph->outputs[0], error));
    OC_TRY(oc_infer(graph, graph->outputs[0], error));
done:
    return status;
}

/* Whether no step reads a row behind the shortest sequence: a graph may pick any row of its own
 * sequences, the canary's are shorter. */
static bool is_within(const oc_plan *plan, int32_t shortest) {
    for (int32_t i = 0; i < plan->step_count; i++) {
        const oc_step *step = &plan->steps[i];
        if ((step->kind == OC_STEP_PICK && step->u.pick.from_ends == 0 &&
             step->u.pick.row >= shortest) ||
            (step->kind == OC_STEP_ATTENTION && step->u.attention.query_rows == 1 &&
             step->u.attention.row >= shortest)) {
            return false;
        }
    }
    return true;
}

/* Whether the plan takes what the canary's batch gives, and gives what it expects. */
static bool fits(const oc_model *model, const oc_canary *canary, const oc_plan *plan) {
    bool pixels = plan->takes_pixels || plan->takes_values;
    bool logits = oc_canary_is_logits(canary);
    int32_t inputs = pixels || plan->takes_ids ? 0 : logits ? 2 : 1;
    const oc_plan_port *out = &plan->outputs[0];
    const oc_tower *tower = oc_tower_of_bit(canary->tower);
    int32_t longest = model->longest[oc_tower_index(tower)];
    bool equal = !oc_tower_is_packed(tower); /* all sequences are of one length */
    int32_t shortest = equal ? OC_LIMIT_TOKENS : 1;
    bool right = plan->input_count == inputs && plan->output_count == 1 &&
                 plan->takes_pixels == oc_canary_enters(canary, OC_FORM_BYTES) &&
                 plan->takes_values == oc_canary_enters(canary, OC_FORM_VALUES) &&
                 plan->takes_ids == oc_canary_enters(canary, OC_FORM_IDS) &&
                 oc_tower_of_rows(out->rows) == tower &&
                 (logits || out->view.columns == canary->expected.shape[1]);
    if (inputs == 1) {
        right = right && plan->inputs[0].rows == tower->tokens &&
                ((canary->flags & OC_CANARY_ADDS) == 0 ||
                 plan->inputs[0].view.columns == canary->expected.shape[1]);
    }
    for (int32_t s = 0; s < canary->sequence_count; s++) {
        int32_t length = canary->sequences[s].length;
        right = right && (!equal || (pixels ? length == longest : length <= longest));
        shortest = length < shortest ? length : shortest;
    }
    return right && is_within(plan, shortest);
}

/* The nodes between inputs and output, without what else the graph has, behind what `out` has. */
static octavo_status cut(const oc_graph *graph, const oc_part *part, oc_graph *out,
                         octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_value output = oc_graph_find(graph, part->outputs[0]);
    oc_graph view = *graph;
    size_t bytes = (size_t)graph->node_count * sizeof *view.nodes;
    view.nodes = malloc(bytes + 1);
    view.outputs = &output;
    view.output_count = 1;
    if (view.nodes == NULL) {
        OC_NO_MEMORY(error, bytes);
    }
    memcpy(view.nodes, graph->nodes, bytes);
    bool found = output >= 0;
    for (int32_t i = 0; i < part->input_count; i++) {
        oc_value input = oc_graph_find(graph, part->inputs[i]);
        if (input >= 0) {
            view.nodes[input].op = OC_OP_INPUT;
            view.nodes[input].input_count = 0;
        }
        found = found && input >= 0;
    }
    if (found) {
        OC_TRY(oc_graph_compact(&view, out, NULL, error));
    }
    for (int32_t i = 0; i < part->input_count; i++) {
        found = found && oc_graph_find(out, part->inputs[i]) >= 0;
    }
    if (!found) {
        OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET,
                "a canary goes from %s to %s, the graph has no such way", part->inputs[0],
                part->outputs[0]);
    }
done:
    free(view.nodes);
    return status;
}

octavo_status oc_canary_plan(const oc_model *model, const oc_canary *canary,
                             const oc_plan_limits *limits, oc_plan *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_tower *tower = oc_tower_of_bit(canary->tower);
    const char *const embeds[] = {oc_towers[oc_logits.rows].embeds,
                                  oc_towers[oc_logits.columns].embeds};
    bool logits = oc_canary_is_logits(canary);
    bool begins = oc_canary_is_called(canary, tower->entries[0].input);
    oc_part part = {.inputs = logits ? embeds : &canary->input,
                    .input_count = begins   ? 0
                                   : logits ? 2
                                            : 1,
                    .outputs = &canary->output,
                    .output_count = 1,
                    .savings = model->savings};
    const char *row = "canary.row";
    oc_graph graph;
    oc_graph_init(&graph);
    oc_value end = -1;
    if (is_picked(model, canary->output)) {
        OC_TRY(add_end(&graph, &end, error));
    }
    OC_TRY(cut(model->graph, &part, &graph, error));
    if (end >= 0) {
        OC_TRY(pick_row(&graph, end, error));
        part.outputs = &row;
    }
    OC_TRY(oc_part_plan(&graph, &part, model->weights, limits, out, error));
    if (!fits(model, canary, out)) {
        OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET,
                "a canary of %lld columns from %s to %s does not fit the graph",
                (long long)canary->expected.shape[1], canary->input, canary->output);
    }
done:
    oc_graph_free(&graph);
    return status;
}
