/* part.c - select, save, lower. */
#include "runtime/part.h"

octavo_status oc_part_graph(const oc_graph *graph, const oc_part *part, oc_graph *out,
                            octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    OC_TRY(oc_pass_select(graph, part->inputs, part->input_count, part->outputs, part->output_count,
                          out, error));
    OC_TRY(oc_pipeline_run(out, part->savings, error));
done:
    return status;
}

octavo_status oc_part_plan(const oc_graph *graph, const oc_part *part, oc_weights *weights,
                           const oc_plan_limits *limits, oc_plan *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_graph selected;
    oc_graph_init(&selected);
    OC_TRY(oc_part_graph(graph, part, &selected, error));
    OC_TRY(oc_plan_create(weights, &selected, limits, out, error));
done:
    oc_graph_free(&selected);
    return status;
}
