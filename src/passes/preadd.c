/* preadd.c - class token, positions and patch bias become one table that the patch
 * product's epilogue adds. */
#include "passes/pipeline.h"
#include "passes/rewrite.h"

/* add_rows(prepend(class, patch_embed(x, w, bias?)), positions), each used once */
static bool matches(const oc_rewrite *rw, oc_value value, const oc_node **prepend,
                    const oc_node **embed) {
    const oc_graph *graph = rw->from;
    const oc_node *add = &graph->nodes[value];
    if (add->op != OC_OP_ADD_ROWS || rw->uses[add->inputs[0]] != 1) {
        return false;
    }
    *prepend = &graph->nodes[add->inputs[0]];
    if ((*prepend)->op != OC_OP_PREPEND || rw->uses[(*prepend)->inputs[1]] != 1) {
        return false;
    }
    *embed = &graph->nodes[(*prepend)->inputs[1]];
    return (*embed)->op == OC_OP_PATCH_EMBED &&
           graph->nodes[add->inputs[1]].type.dims[0] == add->type.dims[1];
}

octavo_status oc_pass_preadd(oc_graph *graph, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_rewrite rw;
    OC_TRY(oc_rewrite_begin(&rw, graph, error));
    for (oc_value v = 0; v < graph->node_count; v++) {
        const oc_node *prepend, *embed, *add = &graph->nodes[v];
        if (!matches(&rw, v, &prepend, &embed)) {
            OC_TRY(oc_rewrite_copy(&rw, v, error));
            continue;
        }
        oc_node table = {.op = OC_OP_PREADD,
                         .input_count = 2,
                         .inputs = {rw.map[prepend->inputs[0]], rw.map[add->inputs[1]]}};
        oc_node whole = {.op = OC_OP_EMBED_PATCHES,
                         .input_count = 3,
                         .inputs = {rw.map[embed->inputs[0]], rw.map[embed->inputs[1]]},
                         .name = add->name};
        if (embed->input_count == 3) {
            table.inputs[table.input_count++] = rw.map[embed->inputs[2]];
        }
        OC_TRY(oc_rewrite_emit(&rw, &table, &whole.inputs[2], error));
        OC_TRY(oc_rewrite_emit(&rw, &whole, &rw.map[v], error));
    }
    OC_TRY(oc_rewrite_end(&rw, error));
done:
    oc_rewrite_free(&rw);
    return status;
}
