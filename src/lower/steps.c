/* steps.c - operation by operation: which step does it, and what the step takes in. */
#include <float.h>
#include <stddef.h>
#include <string.h>

#include "lower/lowering.h"
#include "num/mathf.h"

#define VIEW(kind, member) offsetof(oc_step, u.kind.member)

static const oc_node *node_at(const oc_lowering *l, oc_value value) {
    return &l->graph->nodes[value];
}

static bool is_constant(oc_op op) {
    return op == OC_OP_CONST || op == OC_OP_SCALED || op == OC_OP_CONCAT ||
           op == OC_OP_FOLD_PIXELS || op == OC_OP_FOLD_PIXELS_BIAS || op == OC_OP_PREADD;
}

/* The only user of `value`, if it is an `op` with `value` as input 0; else -1. */
static oc_value only_user(const oc_lowering *l, oc_value value, oc_op op) {
    oc_value user = l->user[value];
    return l->uses[value] == 1 && user >= 0 && node_at(l, user)->op == op &&
                   node_at(l, user)->inputs[0] == value
               ? user
               : -1;
}

static octavo_status read_scalar(oc_lowering *l, oc_value value, float *out) {
    const float *floats;
    int64_t count;
    octavo_status status =
        oc_weights_floats(l->weights, l->graph, value, &floats, &count, l->error);
    *out = status == OCTAVO_OK ? floats[0] : 0;
    return status;
}

/* The scale of a quantizer, which must be an ordinary positive number. */
static octavo_status read_scale(oc_lowering *l, oc_value quantizer, float *out) {
    octavo_status status = OCTAVO_OK;
    OC_TRY(read_scalar(l, node_at(l, quantizer)->inputs[1], out));
    if (!(*out >= FLT_MIN && *out <= FLT_MAX)) {
        const oc_node *scale = node_at(l, node_at(l, quantizer)->inputs[1]);
        OC_FAIL(l->error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET,
                "activation scale %s is %g, it must be a positive normal number",
                l->graph->tensors[scale->i[0]].name, (double)*out);
    }
done:
    return status;
}

static octavo_status read_vector(oc_lowering *l, oc_value value, const oc_constant **out) {
    return oc_weights_vector(l->weights, l->graph, value, out, l->error);
}

/* If only a quantizer reads `*value`, it is taken in: *value becomes the quantizer's. */
static octavo_status place_result(oc_lowering *l, oc_value *value) {
    octavo_status status = OCTAVO_OK;
    oc_value quantizer =
        (l->traits.fuses & OC_FUSE_QUANTIZE) != 0 ? only_user(l, *value, OC_OP_QUANTIZE) : -1;
    float scale = 1.0f;
    if (quantizer >= 0) {
        OC_TRY(read_scale(l, quantizer, &scale));
        l->taken[quantizer] = true;
        *value = quantizer;
    }
    OC_TRY(oc_lower_place(l, *value, &node_at(l, *value)->type, quantizer >= 0, scale));
done:
    return status;
}

/* The name of the first named value on the way from `first` to `last`. */
static const char *step_name(const oc_lowering *l, oc_value first, oc_value last) {
    const char *name = node_at(l, first)->name;
    return name[0] != '\0' ? name : node_at(l, last)->name;
}

/* -- matrix products ---------------------------------------------------------------- */

/* Whether the sum `add`, made by the step of `linear`, may take the place of its operand `other`:
 * neither that step nor a later one reads it, itself or through a view of its columns. */
static bool can_overwrite(const oc_lowering *l, oc_value other, oc_value linear, oc_value add) {
    if (l->user[other] != add || node_at(l, other)->op == OC_OP_COLUMNS) {
        return false;
    }
    for (oc_value v = other + 1; v < add; v++) {
        const oc_node *node = node_at(l, v);
        for (int32_t j = 0; j < node->input_count; j++) {
            if (node->inputs[j] == other && (v >= linear || node->op == OC_OP_COLUMNS)) {
                return false;
            }
        }
    }
    for (int32_t i = 0; i < l->graph->output_count; i++) {
        if (l->graph->outputs[i] == other) {
            return false;
        }
    }
    return true;
}

/* gelu, residual and quantizer behind a linear operation move into its epilogue. */
static octavo_status lower_linear(oc_lowering *l, oc_value value) {
    octavo_status status = OCTAVO_OK;
    const oc_node *node = node_at(l, value);
    oc_place *x = &l->places[node->inputs[0]];
    oc_value result = value, next;
    oc_step step = {.kind = OC_STEP_GEMM, .rows = x->rows, .keys = x->rows};
    oc_lower_view views[3] = {{VIEW(gemm, a), node->inputs[0]}};
    int32_t view_count = 1;
    bool in_place = false;
    OC_TRY(oc_weights_matrix(l->weights, l->graph, node->inputs[1], oc_is_codes(x->view.dtype),
                             oc_is_codes(x->view.dtype) ? x->view.scale : 1.0f, &step.u.gemm.weight,
                             &step.u.gemm.column_scale, l->error));
    if (node->input_count == 3) {
        OC_TRY(read_vector(l, node->inputs[2], &step.u.gemm.bias));
    }
    next = (l->traits.fuses & OC_FUSE_GELU) != 0 ? only_user(l, result, OC_OP_GELU) : -1;
    if (next >= 0) {
        step.u.gemm.act = (oc_activation)(OC_ACT_GELU_ERF + node_at(l, next)->i[0]);
        l->taken[next] = true;
        result = next;
    }
    next =
        l->uses[result] == 1 && l->user[result] >= 0 && node_at(l, l->user[result])->op == OC_OP_ADD
            ? l->user[result]
            : -1;
    if (next >= 0 && step.u.gemm.act == OC_ACT_NONE && (l->traits.fuses & OC_FUSE_ADD) != 0) {
        const oc_node *add = node_at(l, next);
        oc_value other = add->inputs[0] == result ? add->inputs[1] : add->inputs[0];
        if (l->places[other].view.columns != 0 && !oc_is_codes(l->places[other].view.dtype)) {
            l->taken[next] = true;
            result = next;
            views[view_count++] = (oc_lower_view){VIEW(gemm, residual), other};
            in_place = can_overwrite(l, other, value, next);
            /* the sum may take the residual's place once nobody reads that any more */
            if (in_place && only_user(l, result, OC_OP_QUANTIZE) < 0) {
                l->places[result] = l->places[other];
            } else {
                in_place = false;
            }
        }
    }
    if (!in_place) {
        OC_TRY(place_result(l, &result));
    }
    views[view_count++] = (oc_lower_view){VIEW(gemm, out), result};
    step.name = step_name(l, value, result);
    OC_TRY(oc_lower_step(l, &step, views, view_count));
done:
    return status;
}

/* Patches as rows, then a product whose epilogue adds `table` (and leaves the class row alone). */
static octavo_status lower_patches(oc_lowering *l, oc_value embed, oc_value result,
                                   const oc_constant *table) {
    octavo_status status = OCTAVO_OK;
    const oc_node *node = node_at(l, embed), *pixels = node_at(l, node->inputs[0]);
    const oc_type *w = &node_at(l, node->inputs[1])->type, *type = &node_at(l, result)->type;
    oc_type rows = {OCTAVO_F16, 3, {type->dims[0], type->dims[1], 3 * w->dims[2] * w->dims[2]}};
    oc_value patches = l->graph->node_count; /* has no value of its own */
    oc_step cut = {.kind = OC_STEP_PATCHES,
                   .rows = OC_ROWS_IMAGE_TOKENS,
                   .keys = OC_ROWS_IMAGE_TOKENS,
                   .name = "vision.patches"};
    oc_step product = {.kind = OC_STEP_GEMM,
                       .rows = OC_ROWS_IMAGE_TOKENS,
                       .keys = OC_ROWS_IMAGE_TOKENS,
                       .name = "vision.patch_embedding"};
    cut.u.patches.patch_size = (int32_t)w->dims[2];
    if (pixels->op == OC_OP_NORMALIZE_PIXELS) {
        OC_TRY(read_vector(l, pixels->inputs[1], &cut.u.patches.mean));
        OC_TRY(read_vector(l, pixels->inputs[2], &cut.u.patches.std));
        pixels = node_at(l, pixels->inputs[0]);
    }
    cut.u.patches.from_bytes = pixels->type.dtype == OCTAVO_U8;
    cut.u.patches.image_size = (int32_t)pixels->type.dims[2];
    if (cut.u.patches.image_size != l->plan->limits.image_size ||
        type->dims[1] != l->plan->limits.sequence_max[OC_ROWS_IMAGE_TOKENS]) {
        OC_FAIL(l->error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET,
                "the graph makes %lld tokens of images of %d pixels a side, here images have %d "
                "tokens and %d pixels",
                (long long)type->dims[1], cut.u.patches.image_size,
                l->plan->limits.sequence_max[OC_ROWS_IMAGE_TOKENS], l->plan->limits.image_size);
    }
    OC_TRY(oc_weights_matrix(l->weights, l->graph, node->inputs[1], false, 1.0f,
                             &product.u.gemm.weight, &product.u.gemm.column_scale, l->error));
    OC_TRY(oc_lower_place(l, patches, &rows, false, 1.0f));
    OC_TRY(oc_lower_step(l, &cut, &(oc_lower_view){VIEW(patches, out), patches}, 1));
    product.u.gemm.table = table;
    product.u.gemm.period = (int32_t)type->dims[1];
    OC_TRY(oc_lower_place(l, result, type, false, 1.0f));
    oc_lower_view views[] = {{VIEW(gemm, a), patches}, {VIEW(gemm, out), result}};
    OC_TRY(oc_lower_step(l, &product, views, 2));
done:
    return status;
}

/* prepend(class, patch_embed(x, w, bias?)), where nothing was added beforehand */
static octavo_status lower_prepend(oc_lowering *l, oc_value value) {
    octavo_status status = OCTAVO_OK;
    const oc_node *prepend = node_at(l, value), *embed = node_at(l, prepend->inputs[1]);
    const oc_constant *table;
    OC_TRY(oc_weights_prepended(l->weights, l->graph, prepend->inputs[0],
                                embed->input_count == 3 ? embed->inputs[2] : -1,
                                (int32_t)prepend->type.dims[1], &table, l->error));
    OC_TRY(lower_patches(l, prepend->inputs[1], value, table));
done:
    return status;
}

/* -- token tables, norms, attention and the rest ------------------------------------------ */

static octavo_status lower_tokens(oc_lowering *l, oc_value value) {
    octavo_status status = OCTAVO_OK;
    const oc_node *node = node_at(l, value);
    oc_value result = value, add = only_user(l, value, OC_OP_ADD_ROWS);
    oc_step step = {.kind = OC_STEP_TOKENS,
                    .rows = OC_ROWS_TEXT_TOKENS,
                    .keys = OC_ROWS_TEXT_TOKENS,
                    .name = "text.tokens"};
    OC_TRY(oc_weights_table(l->weights, l->graph, node->inputs[1], &step.u.tokens.table, l->error));
    if (add >= 0) {
        OC_TRY(read_vector(l, node_at(l, add)->inputs[1], &step.u.tokens.position));
        l->taken[add] = true;
        result = add;
    }
    l->plan->takes_ids = true;
    OC_TRY(oc_lower_place(l, result, &node_at(l, result)->type, false, 1.0f));
    OC_TRY(oc_lower_step(l, &step, &(oc_lower_view){VIEW(tokens, out), result}, 1));
done:
    return status;
}

static octavo_status lower_norm(oc_lowering *l, oc_value value) {
    octavo_status status = OCTAVO_OK;
    const oc_node *node = node_at(l, value);
    oc_value result = value;
    oc_step step = {.kind = OC_STEP_NORM, .rows = l->places[node->inputs[0]].rows};
    step.keys = step.rows;
    if (node->op == OC_OP_LAYER_NORM) {
        OC_TRY(read_vector(l, node->inputs[1], &step.u.norm.gamma));
        OC_TRY(read_vector(l, node->inputs[2], &step.u.norm.beta));
        step.u.norm.eps = node->f[0];
        OC_TRY(place_result(l, &result));
    } else { /* a quantizer that nothing took in */
        float scale;
        OC_TRY(read_scale(l, value, &scale));
        OC_TRY(oc_lower_place(l, value, &node->type, true, scale));
    }
    step.name = step_name(l, value, result);
    oc_lower_view views[] = {{VIEW(norm, x), node->inputs[0]}, {VIEW(norm, out), result}};
    OC_TRY(oc_lower_step(l, &step, views, 2));
done:
    return status;
}

static octavo_status lower_attention(oc_lowering *l, oc_value value) {
    octavo_status status = OCTAVO_OK;
    const oc_node *node = node_at(l, value);
    oc_value result = value;
    oc_step step = {.kind = OC_STEP_ATTENTION,
                    .rows = l->places[node->inputs[0]].rows,
                    .keys = l->places[node->inputs[1]].rows};
    step.u.attention = (oc_step_attention){.heads = (int32_t)node->i[0],
                                           .scale = node->f[0],
                                           .causal = (int32_t)node->i[1],
                                           .masked = (int32_t)node->i[2],
                                           .query_rows = (int32_t)node->i[3],
                                           .row = (int32_t)node->i[4]};
    step.u.attention.head_dim = l->places[node->inputs[1]].view.columns / (int32_t)node->i[0];
    OC_TRY(place_result(l, &result));
    step.name = step_name(l, value, result);
    oc_lower_view views[] = {{VIEW(attention, q), node->inputs[0]},
                             {VIEW(attention, k), node->inputs[1]},
                             {VIEW(attention, v), node->inputs[2]},
                             {VIEW(attention, out), result}};
    OC_TRY(oc_lower_step(l, &step, views, 4));
done:
    return status;
}

static octavo_status lower_row_at(oc_lowering *l, oc_value value) {
    octavo_status status = OCTAVO_OK;
    const oc_node *node = node_at(l, value);
    const oc_view *x = &l->places[node->inputs[0]].view;
    oc_step step = {.kind = OC_STEP_PICK,
                    .rows = oc_rows_of(&node->type),
                    .keys = l->places[node->inputs[0]].rows};
    if (node->i[0] >= l->plan->limits.sequence_max[step.keys]) {
        OC_FAIL(l->error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET, "row %lld is picked of sequences of %d",
                (long long)node->i[0], l->plan->limits.sequence_max[step.keys]);
    }
    step.u.pick.from_ends = node->input_count == 2;
    step.u.pick.row = (int32_t)node->i[0];
    OC_TRY(oc_lower_place(l, value, &node->type, oc_is_codes(x->dtype), x->scale));
    step.name = node->name[0] != '\0' ? node->name : "pick";
    oc_lower_view views[] = {{VIEW(pick, x), node->inputs[0]}, {VIEW(pick, out), value}};
    OC_TRY(oc_lower_step(l, &step, views, 2));
done:
    return status;
}

/* gelu, add and add_rows that no matrix product took in */
static octavo_status lower_pointwise(oc_lowering *l, oc_value value) {
    octavo_status status = OCTAVO_OK;
    const oc_node *node = node_at(l, value);
    oc_value result = value;
    oc_step step = {.kind = OC_STEP_POINTWISE, .rows = l->places[node->inputs[0]].rows};
    oc_lower_view views[3] = {{VIEW(pointwise, x), node->inputs[0]}};
    int32_t view_count = 1;
    step.keys = step.rows;
    if (node->op == OC_OP_GELU) {
        step.u.pointwise.act = (oc_activation)(OC_ACT_GELU_ERF + node->i[0]);
    } else if (node->op == OC_OP_ADD) {
        views[view_count++] = (oc_lower_view){VIEW(pointwise, y), node->inputs[1]};
    } else if (node->type.dims[1] > 0) {
        OC_TRY(read_vector(l, node->inputs[1], &step.u.pointwise.table));
        step.u.pointwise.period = (int32_t)node->type.dims[1];
    } else {
        OC_FAIL(l->error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                "%s: positions of a text are added to a token table only", node->name);
    }
    OC_TRY(place_result(l, &result));
    views[view_count++] = (oc_lower_view){VIEW(pointwise, out), result};
    step.name = step_name(l, value, result);
    OC_TRY(oc_lower_step(l, &step, views, view_count));
done:
    return status;
}

static octavo_status lower_unit(oc_lowering *l, oc_value value) {
    octavo_status status = OCTAVO_OK;
    const oc_node *node = node_at(l, value);
    oc_step step = {.kind = OC_STEP_UNIT,
                    .rows = l->places[node->inputs[0]].rows,
                    .keys = l->places[node->inputs[0]].rows,
                    .name = node->name};
    oc_lower_view views[] = {{VIEW(unit, x), node->inputs[0]}, {VIEW(unit, out), value}};
    OC_TRY(oc_lower_place(l, value, &node->type, false, 1.0f));
    OC_TRY(oc_lower_step(l, &step, views, 2));
done:
    return status;
}

static octavo_status lower_logits(oc_lowering *l, oc_value value) {
    octavo_status status = OCTAVO_OK;
    const oc_node *node = node_at(l, value);
    float scale = 0;
    oc_step step = {
        .kind = OC_STEP_LOGITS, .rows = OC_ROWS_IMAGES, .keys = OC_ROWS_TEXTS, .name = node->name};
    oc_lower_view views[] = {{VIEW(logits, image), node->inputs[0]},
                             {VIEW(logits, text), node->inputs[1]},
                             {VIEW(logits, out), value}};
    OC_TRY(read_scalar(l, node->inputs[2], &scale));
    step.u.logits.scale = (float)oc_exp((double)scale);
    OC_TRY(oc_lower_place(l, value, &node->type, false, 1.0f));
    OC_TRY(oc_lower_step(l, &step, views, 3));
done:
    return status;
}

/* A range of columns is the same memory, further right. */
static void lower_columns(oc_lowering *l, oc_value value) {
    const oc_node *node = node_at(l, value);
    oc_place *place = &l->places[value];
    *place = l->places[node->inputs[0]];
    place->view.column += (int32_t)node->i[0];
    place->view.columns = (int32_t)node->i[1];
}

octavo_status oc_lower_node(oc_lowering *l, oc_value value) {
    octavo_status status = OCTAVO_OK;
    const oc_node *node = node_at(l, value);
    for (int32_t j = 0; j < node->input_count && !is_constant(node->op); j++) {
        const oc_node *in = node_at(l, node->inputs[j]);
        bool whole = is_constant(in->op) || in->type.dtype == OCTAVO_I32 || in->type.rank == 4;
        if (node->op == OC_OP_PREPEND && j == 1
                ? in->op != OC_OP_PATCH_EMBED
                : !whole && l->places[node->inputs[j]].view.columns == 0) {
            OC_FAIL(l->error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                    "graph value %%%d: %s of a %s is not something a step can do", value,
                    oc_op_describe(node->op).name, oc_op_describe(in->op).name);
        }
    }
    switch (node->op) {
    case OC_OP_LINEAR:
        return lower_linear(l, value);
    case OC_OP_EMBED_PATCHES: {
        const oc_constant *table;
        OC_TRY(read_vector(l, node->inputs[2], &table));
        return lower_patches(l, value, value, table);
    }
    case OC_OP_PREPEND:
        return lower_prepend(l, value);
    case OC_OP_EMBED_TOKENS:
        return lower_tokens(l, value);
    case OC_OP_LAYER_NORM:
    case OC_OP_QUANTIZE:
        return lower_norm(l, value);
    case OC_OP_ATTENTION:
        return lower_attention(l, value);
    case OC_OP_ROW_AT:
        return lower_row_at(l, value);
    case OC_OP_GELU:
    case OC_OP_ADD:
    case OC_OP_ADD_ROWS:
        return lower_pointwise(l, value);
    case OC_OP_L2_NORMALIZE:
        return lower_unit(l, value);
    case OC_OP_LOGITS:
        return lower_logits(l, value);
    case OC_OP_COLUMNS:
        lower_columns(l, value);
        break;
    case OC_OP_INPUT:
    case OC_OP_CONST:
    case OC_OP_SCALED:
    case OC_OP_CONCAT:
    case OC_OP_FOLD_PIXELS:
    case OC_OP_FOLD_PIXELS_BIAS:
    case OC_OP_PREADD:
    case OC_OP_NORMALIZE_PIXELS: /* the patch step does it */
    case OC_OP_PATCH_EMBED:      /* prepend does it */
    case OC_OP_END_OF_TEXT:      /* the session does it */
    case OC_OP_COUNT:
        break;
    }
done:
    return status;
}
