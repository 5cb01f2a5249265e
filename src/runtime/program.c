/* program.c - select, save, lower. */
#include "runtime/program.h"

octavo_status oc_program_create(const oc_graph *graph, const oc_program *program,
                                const oc_plan_limits *limits, oc_plan *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_graph part;
    oc_graph_init(&part);
    OC_TRY(oc_graph_copy(graph, &part, error));
    OC_TRY(oc_pass_select(&part, program->inputs, program->input_count, program->outputs,
                          program->output_count, error));
    OC_TRY(oc_pipeline_run(&part, program->savings, error));
    OC_TRY(oc_plan_create(program->device, program->weights, &part, limits, out, error));
done:
    oc_graph_free(&part);
    return status;
}
