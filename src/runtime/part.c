/* part.c - select, save, lower. */
#include "runtime/part.h"

octavo_status oc_part_plans(const oc_graph *graph, const oc_part *part, oc_weights *weights,
                            const oc_plan_limits *limits, int32_t count, oc_plan *out,
                            octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_graph selected;
    int32_t made = 0;
    oc_graph_init(&selected);
    OC_TRY(oc_pass_select(graph, part->inputs, part->input_count, part->outputs, part->output_count,
                          &selected, error));
    OC_TRY(oc_pipeline_run(&selected, part->savings, error));
    for (; made < count; made++) {
        OC_TRY(oc_plan_create(weights, &selected, &limits[made], &out[made], error));
    }
done:
    while (status != OCTAVO_OK && made > 0) {
        oc_plan_free(&out[--made]);
    }
    oc_graph_free(&selected);
    return status;
}

octavo_status oc_part_plan(const oc_graph *graph, const oc_part *part, oc_weights *weights,
                           const oc_plan_limits *limits, oc_plan *out, octavo_error *error) {
    return oc_part_plans(graph, part, weights, limits, 1, out, error);
}
