/* pipeline.c - the list of passes, in order, with the reason for each place. */
#include "passes/pipeline.h"

#include <stdio.h>
#include <string.h>

static const struct {
    uint32_t saving;
    oc_op needs; /* without one of these the pass would change nothing */
    octavo_status (*pass)(oc_graph *graph, octavo_error *error);
} pipeline[] = {
    /* first: it splits the last layer's Q from its K and V, which merge-qkv must see */
    {OC_SAVING(LAST_ROW), OC_OP_ROW_AT, oc_pass_last_row},
    /* before merge-qkv: it looks for Q's own weights */
    {OC_SAVING(FOLD_SCALE), OC_OP_ATTENTION, oc_pass_fold_scale},
    {OC_SAVING(MERGE_QKV), OC_OP_ATTENTION, oc_pass_merge_qkv},
    /* before preadd: the bias that it makes is one of the things to add beforehand */
    {OC_SAVING(FOLD_PIXELS), OC_OP_NORMALIZE_PIXELS, oc_pass_fold_pixels},
    {OC_SAVING(PREADD), OC_OP_PREPEND, oc_pass_preadd},
};

static const char *const names[] = {
#define XX(bit, name, what) name,
    OC_SAVING_MAP(XX)
#undef XX
};

static const char *const texts[] = {
#define XX(bit, name, what) what,
    OC_SAVING_MAP(XX)
#undef XX
};

const char *oc_saving_name(int32_t index) {
    return names[index];
}

const char *oc_saving_text(int32_t index) {
    return texts[index];
}

octavo_status oc_savings_parse(const char *disable, oc_savings *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_savings savings = OC_SAVINGS_ALL;
    const char *at = disable == NULL ? "" : disable;
    while (*at != '\0') {
        size_t length = strcspn(at, ",");
        int32_t index = 0;
        while (index < OC_SAVING_COUNT &&
               !(strlen(names[index]) == length && memcmp(names[index], at, length) == 0)) {
            index++;
        }
        if (index == OC_SAVING_COUNT) {
            char known[200] = "";
            for (int32_t i = 0; i < OC_SAVING_COUNT; i++) {
                size_t used = strlen(known);
                snprintf(known + used, sizeof known - used, "%s%s", i == 0 ? "" : ", ", names[i]);
            }
            OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                    "there is no saving called '%.*s'; there are %s", (int)length, at, known);
        }
        savings &= ~(1u << index);
        at += length + (at[length] == ',');
    }
    *out = savings;
done:
    return status;
}

static bool has(const oc_graph *graph, oc_op op) {
    for (oc_value v = 0; v < graph->node_count; v++) {
        if (graph->nodes[v].op == op) {
            return true;
        }
    }
    return false;
}

octavo_status oc_pipeline_run(oc_graph *graph, oc_savings savings, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    OC_TRY(oc_verify(graph, error));
    for (size_t i = 0; i < OC_COUNT(pipeline); i++) {
        if ((savings & pipeline[i].saving) != 0 && has(graph, pipeline[i].needs)) {
            OC_TRY(pipeline[i].pass(graph, error));
            OC_TRY(oc_verify(graph, error));
        }
    }
done:
    return status;
}
