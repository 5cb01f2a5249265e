/* cost.c - see cost.h. */
#include "lower/cost.h"

static double of_view(const oc_view *view, double rows) {
    return view->columns == 0 ? 0
                              : rows * (double)view->columns * (double)oc_dtype_bytes(view->dtype);
}

static double of_constant(const oc_constant *constant) {
    return constant == NULL ? 0 : (double)constant->bytes;
}

/* Of a table of which so many rows are looked up. */
static double of_rows(const oc_constant *table, double rows, int32_t columns) {
    return table == NULL ? 0 : rows * (double)columns * (double)oc_dtype_bytes(table->dtype);
}

static oc_cost of_gemm(const oc_step_gemm *step, double rows) {
    return (oc_cost){
        .flop = 2 * rows * (double)step->out.columns * (double)step->a.columns,
        .bytes = of_view(&step->a, rows) + of_view(&step->a_scale, rows) +
                 of_view(&step->residual, rows) + of_view(&step->out, rows) +
                 of_constant(step->weight) + of_constant(step->column_scale) +
                 of_constant(step->block_scale) + of_constant(step->bias) +
                 of_constant(step->table),
    };
}

/* Keys that the queries of sequence s see, all together. */
static double pairs_of(const oc_step_attention *step, const oc_run *run, oc_rows keys, int32_t s) {
    double length = run->starts[keys][s + 1] - run->starts[keys][s];
    double place = step->query_rows == 1 ? step->row : run->ends == NULL ? 0 : run->ends[s];
    if (step->query_rows == 0) {
        return step->causal ? length * (length + 1) / 2 : length * length;
    }
    return step->causal ? place + 1 : length;
}

static oc_cost of_attention(const oc_step *step, const oc_run *run, double rows) {
    const oc_step_attention *attention = &step->u.attention;
    double pairs = 0, keys = run->rows[step->keys];
    for (int32_t s = 0; s < oc_sequences(run, step->keys); s++) {
        pairs += pairs_of(attention, run, step->keys, s);
    }
    return (oc_cost){
        .flop = 4 * pairs * (double)attention->heads * (double)attention->head_dim,
        .bytes = of_view(&attention->q, rows) + of_view(&attention->k, keys) +
                 of_view(&attention->v, keys) + of_view(&attention->out, rows),
    };
}

static double bytes_of_patches(const oc_step_patches *step, const oc_run *run, double rows) {
    double side = step->image_size, images = run->rows[OC_ROWS_IMAGES];
    return images * side * side * 3 * (step->from_bytes ? 1 : sizeof(float)) +
           of_view(&step->out, rows);
}

static oc_cost of_logits(const oc_step_logits *step, const oc_run *run, double rows) {
    double texts = run->rows[OC_ROWS_TEXTS];
    return (oc_cost){
        .flop = 2 * rows * texts * (double)step->image.columns,
        .bytes = of_view(&step->image, rows) + of_view(&step->text, texts) +
                 rows * texts * (double)oc_dtype_bytes(step->out.dtype),
    };
}

oc_cost oc_step_cost(const oc_step *step, const oc_run *run) {
    double rows = run->rows[step->rows];
    oc_cost cost = {0};
    switch (step->kind) {
    case OC_STEP_GEMM:
        cost = of_gemm(&step->u.gemm, rows);
        break;
    case OC_STEP_ATTENTION:
        cost = of_attention(step, run, rows);
        break;
    case OC_STEP_LOGITS:
        cost = of_logits(&step->u.logits, run, rows);
        break;
    case OC_STEP_PATCHES:
        cost.bytes = bytes_of_patches(&step->u.patches, run, rows);
        break;
    case OC_STEP_TOKENS: {
        const oc_step_tokens *tokens = &step->u.tokens;
        cost.bytes =
            rows * 2 * sizeof(int32_t) + of_rows(tokens->table, rows, tokens->out.columns) +
            of_rows(tokens->position, rows, tokens->out.columns) + of_view(&tokens->out, rows);
        break;
    }
    case OC_STEP_NORM: {
        const oc_step_norm *norm = &step->u.norm;
        cost.bytes = of_view(&norm->x, rows) + of_view(&norm->out, rows) +
                     of_view(&norm->out_scale, rows) + of_constant(norm->gamma) +
                     of_constant(norm->beta);
        break;
    }
    case OC_STEP_PICK: /* the rows that are picked, not those that they stand among */
        cost.bytes = of_view(&step->u.pick.x, rows) + of_view(&step->u.pick.out, rows);
        break;
    case OC_STEP_POINTWISE: {
        const oc_step_pointwise *pointwise = &step->u.pointwise;
        cost.bytes = of_view(&pointwise->x, rows) + of_view(&pointwise->y, rows) +
                     of_view(&pointwise->out, rows) + of_constant(pointwise->table);
        break;
    }
    case OC_STEP_UNIT:
        cost.bytes = of_view(&step->u.unit.x, rows) + of_view(&step->u.unit.out, rows);
        break;
    case OC_STEP_COUNT:
        break;
    }
    return cost;
}

octavo_dtype oc_step_operands(const oc_step *step) {
    oc_step copy = *step;
    oc_view *views[OC_STEP_VIEWS] = {0};
    int32_t count = oc_step_views(&copy, views), first = oc_step_outputs(step);
    return first < count ? views[first]->dtype : views[0]->dtype;
}
