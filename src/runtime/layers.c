/* layers.c - see layers.h. */
#include "runtime/layers.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "lower/plan.h"
#include "num/metrics.h"

/* The graph's output becomes a pick of one row, so that passes see what a whole tower sees: an
 * image's row by number, a text's by its end. */
static octavo_status pick_row(oc_graph *graph, int32_t row, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_value output = graph->outputs[0];
    oc_node end = {
        .op = OC_OP_INPUT, .type = {OCTAVO_I32, 1, {OC_DIM_TEXTS}}, .name = "canary.end"};
    oc_node pick = {.op = OC_OP_ROW_AT, .input_count = 1, .inputs = {output}, .name = "canary.row"};
    if (graph->nodes[output].type.dims[0] == OC_DIM_TEXTS) {
        OC_TRY(oc_graph_add(graph, &end, &pick.inputs[1], error));
        pick.input_count = 2;
    } else {
        pick.i[0] = row;
    }
    OC_TRY(oc_graph_add(graph, &pick, &graph->outputs[0], error));
    OC_TRY(oc_infer(graph, graph->outputs[0], error));
done:
    return status;
}

/* Whether the plan takes one sequence of such rows and gives it back, or one row of it. */
static bool fits(const oc_plan *plan, int32_t columns, bool one_row) {
    if (plan->takes_pixels || plan->takes_values || plan->takes_ids || plan->input_count != 1) {
        return false;
    }
    oc_rows in = plan->inputs[0].rows, out = plan->outputs[0].rows;
    oc_rows row = in == OC_ROWS_IMAGE_TOKENS ? OC_ROWS_IMAGES : OC_ROWS_TEXTS;
    return (in == OC_ROWS_IMAGE_TOKENS || in == OC_ROWS_TEXT_TOKENS) &&
           out == (one_row ? row : in) && plan->inputs[0].view.columns == columns &&
           plan->outputs[0].view.columns == columns;
}

octavo_status oc_layer_run(const oc_graph *graph, oc_weights *weights, int32_t threads,
                           oc_savings savings, const char *input, const char *output,
                           const float *given, int32_t rows, int32_t columns, int32_t row,
                           float *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_device *device = oc_weights_device(weights);
    const oc_backend *backend = device->backend;
    int32_t starts[2] = {0, rows}, end = row;
    oc_run run = {.ends = &end};
    oc_plan_limits limits = {.rows_max = {rows, 1, rows, 1}, .sequence_max = {rows, 1, rows, 1}};
    oc_graph part;
    oc_plan plan = {0};
    oc_queue *queue = NULL;
    oc_program *program = NULL;
    oc_ticket ticket;
    oc_graph_init(&part);
    OC_TRY(oc_graph_copy(graph, &part, error));
    OC_TRY(oc_pass_select(&part, &input, 1, &output, 1, error));
    if (row >= 0) {
        OC_TRY(pick_row(&part, row, error));
    }
    OC_TRY(oc_pipeline_run(&part, savings, error));
    OC_TRY(oc_plan_create(weights, &part, &limits, &plan, error));
    if (!fits(&plan, columns, row >= 0)) {
        OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET,
                "a canary of %d columns from %s to %s does not fit the graph", columns, input,
                output);
    }
    OC_TRY(backend->queue_create(device, threads, oc_plan_bytes(&plan, threads), &queue, error));
    OC_TRY(backend->compile(queue, &plan, &program, error));
    for (int32_t set = 0; set < OC_ROWS_COUNT; set++) {
        run.rows[set] = limits.rows_max[set];
        run.starts[set] = starts;
    }
    OC_TRY(backend->write(queue, &plan, &plan.inputs[0].view, 0, rows, given, error));
    OC_TRY(backend->submit(queue, program, &run, 0, NULL, &ticket, error));
    OC_TRY(backend->wait(queue, ticket, 0, error));
    OC_TRY(backend->read(queue, &plan, &plan.outputs[0].view, 0, NULL, row >= 0 ? 1 : rows, out,
                         error));
done:
    backend->program_free(program);
    backend->queue_free(queue);
    oc_plan_free(&plan);
    oc_graph_free(&part);
    return status;
}

/* Whether `output` is what a tower's last row is picked from. */
static bool is_last_layer(const oc_graph *graph, const char *output) {
    oc_value value = oc_graph_find(graph, output);
    for (oc_value v = value + 1; value >= 0 && v < graph->node_count; v++) {
        const oc_node *node = &graph->nodes[v];
        if (node->op == OC_OP_QUANTIZE || node->op == OC_OP_ATTENTION) {
            return false;
        }
        if (node->op == OC_OP_ROW_AT) {
            return true;
        }
    }
    return false;
}

/* Rows that one sequence of the value can have: an image's tokens, a text's places. */
static int64_t rows_most(const oc_graph *graph, const char *name) {
    oc_value value = oc_graph_find(graph, name);
    int64_t most = OC_LIMIT_TOKENS;
    if (value >= 0 && graph->nodes[value].type.rank == 3 && graph->nodes[value].type.dims[1] > 0) {
        most = graph->nodes[value].type.dims[1];
    }
    for (oc_value v = 0; v < value && graph->nodes[value].type.dims[0] == OC_DIM_TEXTS; v++) {
        const oc_node *node = &graph->nodes[v];
        if (node->op == OC_OP_ADD_ROWS && node->type.dims[0] == OC_DIM_TEXTS &&
            graph->nodes[node->inputs[1]].type.dims[0] < most) {
            most = graph->nodes[node->inputs[1]].type.dims[0];
        }
    }
    return most;
}

octavo_status oc_canaries_run(const oc_graph *graph, oc_weights *weights, int32_t threads,
                              oc_savings savings, int32_t towers, const oc_canary *canaries,
                              int32_t count, double *worst, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_device *device = oc_weights_device(weights);
    float *got = NULL;
    *worst = 0;
    if (count > OC_LIMIT_CANARIES) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                "the engine has %d canaries, the limit is %d", count, OC_LIMIT_CANARIES);
    }
    for (int32_t i = 0; i < count; i++) {
        const oc_canary *canary = &canaries[i];
        const float *want = canary->expected.data;
        int64_t most = rows_most(graph, canary->input);
        int32_t rows = (int32_t)canary->given.shape[0];
        int32_t columns = (int32_t)canary->given.shape[1], row = -1;
        if (canary->kind != OC_CANARY_LAYER || (canary->tower & towers) == 0) {
            continue;
        }
        if (canary->given.shape[0] > most) {
            OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET,
                    "the canary of %s has %lld rows, the graph allows %lld", canary->output,
                    (long long)canary->given.shape[0], (long long)most);
        }
        if ((savings & OC_SAVING(LAST_ROW)) != 0 && is_last_layer(graph, canary->output)) {
            row = canary->tower == OCTAVO_TEXT ? rows - 1 : 0;
            want += (int64_t)row * columns;
        }
        free(got);
        got = calloc((size_t)rows * (size_t)columns, sizeof *got);
        if (got == NULL) {
            OC_NO_MEMORY(error, (size_t)rows * (size_t)columns * sizeof *got);
        }
        OC_TRY(oc_layer_run(graph, weights, threads, savings, canary->input, canary->output,
                            canary->given.data, rows, columns, row, got, error));
        oc_metrics metrics = {0};
        oc_metrics_add(&metrics, got, want, (size_t)(row >= 0 ? columns : rows * columns));
        double deviation = oc_metrics_relative_rms(&metrics);
        if (!(deviation <= (double)canary->limit)) {
            char name[128];
            device->backend->describe(device, name, sizeof name);
            status = oc_fail(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET, __FILE__, __LINE__,
                             "the canary of %s deviates by %.3g on %s %s, its limit is %.3g: this "
                             "device does not compute what the engine was built for",
                             canary->output, deviation, device->backend->name, name,
                             (double)canary->limit);
            if (error != NULL) {
                error->cause = OCTAVO_CAUSE_CANARY;
            }
            goto done;
        }
        if (deviation / (double)canary->limit > *worst) {
            *worst = deviation / (double)canary->limit;
        }
    }
done:
    free(got);
    return status;
}
