// links: lower passes ir
/* fuzz_graph.c - bytes as graph text.  What parses prints as the same bytes; every pass leaves a
 * graph that verifies; and it is lowered, on a device that runs nothing, to a plan whose views lie
 * where they may. */
#include <stdlib.h>
#include <string.h>

#include "lower/describe.h"
#include "passes/pipeline.h"
#include "support/null_backend.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { READ_MOST = 4096 };

static void check(bool holds) {
    if (!holds) {
        abort();
    }
}

static const oc_node *find_op(const oc_graph *graph, oc_op op) {
    for (oc_value v = 0; v < graph->node_count; v++) {
        if (graph->nodes[v].op == op) {
            return &graph->nodes[v];
        }
    }
    return NULL;
}

/* The limits that a session would have for the first image tower in the graph. */
static oc_plan_limits limits_of(const oc_graph *graph) {
    const oc_node *tokens = find_op(graph, OC_OP_PREPEND);
    oc_plan_limits limits = {.rows_max = {34, 2, 99, 3}, .sequence_max = {17, 1, 77, 1}};
    tokens = tokens == NULL ? find_op(graph, OC_OP_EMBED_PATCHES) : tokens;
    if (tokens != NULL) {
        limits.sequence_max[OC_ROWS_IMAGE_TOKENS] = (int32_t)tokens->type.dims[1];
        limits.rows_max[OC_ROWS_IMAGE_TOKENS] = (int32_t)tokens->type.dims[1] * 2;
    }
    for (oc_value v = 0; v < graph->node_count; v++) {
        const oc_type *type = &graph->nodes[v].type;
        if (graph->nodes[v].op == OC_OP_INPUT && type->rank == 4) {
            limits.image_size = (int32_t)type->dims[2];
        }
    }
    return limits;
}

static void lower(const oc_graph *whole, const oc_graph *graph) {
    oc_null_device device;
    oc_null_source ones = {whole, READ_MOST};
    oc_weight_source source = {oc_null_read, &ones};
    oc_plan_limits limits = limits_of(graph);
    oc_weights *weights = NULL;
    oc_plan plan;
    oc_null_device_init(&device);
    check(oc_weights_create(&device.base, &source, &weights, NULL) == OCTAVO_OK);
    octavo_status status = oc_plan_create(weights, graph, &limits, &plan, NULL);
    check(status == OCTAVO_OK || status == OCTAVO_UNSUPPORTED || status == OCTAVO_CORRUPT ||
          status == OCTAVO_EXHAUSTED);
    if (status == OCTAVO_OK) {
        for (int32_t i = 0; i < plan.step_count; i++) {
            char text[200];
            oc_step_describe(&plan.steps[i], text, sizeof text);
        }
        check(oc_null_check_plan(&plan, &limits) == NULL);
        oc_plan_free(&plan);
    }
    oc_weights_free(weights);
    check(device.packed == device.unpacked);
}

/* Every pass alone, then all of them. */
static void run_passes(const oc_graph *graph) {
    for (uint32_t index = 0; index <= OC_SAVING_COUNT; index++) {
        oc_savings savings = index == OC_SAVING_COUNT ? OC_SAVINGS_ALL : 1u << index;
        oc_graph copy;
        oc_graph_init(&copy);
        check(oc_graph_copy(graph, &copy, NULL) == OCTAVO_OK);
        check(oc_pipeline_run(&copy, savings, NULL) == OCTAVO_OK);
        check(copy.output_count == graph->output_count);
        for (int32_t i = 0; i < copy.output_count; i++) {
            check(strcmp(copy.nodes[copy.outputs[i]].name, graph->nodes[graph->outputs[i]].name) ==
                  0);
        }
        lower(graph, &copy);
        oc_graph_free(&copy);
    }
}

/* The part between two named values. */
static void select_part(const oc_graph *graph) {
    const char *names[2] = {NULL, NULL};
    oc_graph copy;
    for (oc_value v = 0; v < graph->node_count; v++) {
        if (graph->nodes[v].name[0] != '\0') {
            names[names[0] != NULL] = graph->nodes[v].name;
        }
    }
    if (names[1] == NULL) {
        return;
    }
    oc_graph_init(&copy);
    if (oc_pass_select(graph, &names[0], 1, &names[1], 1, &copy, NULL) == OCTAVO_OK) {
        if (oc_pipeline_run(&copy, OC_SAVINGS_ALL, NULL) == OCTAVO_OK) {
            check(oc_verify(&copy, NULL) == OCTAVO_OK);
        }
    }
    oc_graph_free(&copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    octavo_error error;
    oc_graph graph;
    char *text = NULL;
    size_t bytes = 0;
    oc_error_clear(&error);
    oc_graph_init(&graph);
    if (oc_graph_parse((const char *)data, size, &graph, &error) == OCTAVO_OK) {
        check(oc_graph_print(&graph, &text, &bytes, NULL) == OCTAVO_OK);
        check(bytes == size && memcmp(text, data, size) == 0);
        if (graph.node_count < 2000) {
            run_passes(&graph);
            select_part(&graph);
        }
    } else {
        check(error.status != OCTAVO_OK && error.message[0] != '\0');
    }
    free(text);
    oc_graph_free(&graph);
    return 0;
}
