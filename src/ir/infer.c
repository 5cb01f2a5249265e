/* infer.c - the shape and dtype rule of every operation. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "ir/graph.h"
#include "ir/type.h"

/* What one rule sees: the node, its input types, and where errors go. */
typedef struct rule {
    const oc_graph *graph;
    const oc_node *node;
    oc_value value;
    const oc_type *in[OC_INPUTS_MAX];
    octavo_error *error;
    oc_type type; /* the answer */
} rule;

bool oc_type_equal(const oc_type *a, const oc_type *b) {
    return a->dtype == b->dtype && a->rank == b->rank &&
           memcmp(a->dims, b->dims, (size_t)a->rank * sizeof a->dims[0]) == 0;
}

bool oc_type_is_float(const oc_type *type) {
    return type->dtype == OCTAVO_F16 || type->dtype == OCTAVO_BF16 || type->dtype == OCTAVO_F32;
}

void oc_type_text(const oc_type *type, char *text, size_t bytes) {
    size_t used = (size_t)snprintf(text, bytes, "%s[", oc_dtype_name(type->dtype));
    for (int32_t i = 0; i < type->rank && used < bytes; i++) {
        const char *symbol = type->dims[i] == OC_DIM_IMAGES   ? "images"
                             : type->dims[i] == OC_DIM_TEXTS  ? "texts"
                             : type->dims[i] == OC_DIM_TOKENS ? "tokens"
                                                              : NULL;
        used += symbol != NULL
                    ? (size_t)snprintf(text + used, bytes - used, "%s%s", i == 0 ? "" : ",", symbol)
                    : (size_t)snprintf(text + used, bytes - used, "%s%lld", i == 0 ? "" : ",",
                                       (long long)type->dims[i]);
    }
    if (used < bytes) {
        snprintf(text + used, bytes - used, "]");
    }
}

static octavo_status complain(const rule *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static octavo_status complain(const rule *r, const char *format, ...) {
    char text[200], types[360];
    size_t used = 0;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    types[0] = '\0';
    for (int32_t i = 0; i < r->node->input_count && used + 80 < sizeof types; i++) {
        used += (size_t)snprintf(types + used, sizeof types - used, "%s", i == 0 ? "" : ", ");
        oc_type_text(r->in[i], types + used, sizeof types - used);
        used += strlen(types + used);
    }
    return oc_fail(r->error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET, __FILE__, __LINE__,
                   "graph value %%%d%s%s: %s: %s (inputs: %s)", (int)r->value,
                   r->node->name[0] == '\0' ? "" : " ", r->node->name,
                   oc_op_describe(r->node->op).name, text, types);
}

#define REQUIRE(condition, ...)                                                                    \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            return complain(r, __VA_ARGS__);                                                       \
        }                                                                                          \
    } while (0)

static bool is_vector(const oc_type *type, int64_t length) {
    return oc_type_is_float(type) && type->rank == 1 && type->dims[0] == length;
}

static int64_t last(const oc_type *type) {
    return type->dims[type->rank - 1];
}

/* Rows of activations, in one of the forms that a device has row sets for: [images,D],
 * [images,T,D], [texts,D] or [texts,tokens,D]. */
static bool is_rows(const oc_type *type) {
    bool images = type->dims[0] == OC_DIM_IMAGES, texts = type->dims[0] == OC_DIM_TEXTS;
    int64_t tokens = type->dims[1];
    if (type->rank == 3 && !(images && tokens >= 1 && tokens <= OC_LIMIT_TOKENS) &&
        !(texts && tokens == OC_DIM_TOKENS)) {
        return false;
    }
    return (type->rank == 2 || type->rank == 3) && (images || texts) && last(type) >= 1 &&
           last(type) <= OC_LIMIT_MLP;
}

static bool is_ids(const oc_type *type) {
    return type->dtype == OCTAVO_I32 && type->rank == 2 && type->dims[0] == OC_DIM_TEXTS &&
           type->dims[1] == OC_DIM_TOKENS;
}

/* One place in each text. */
static bool is_places(const oc_type *type) {
    return type->dtype == OCTAVO_I32 && type->rank == 1 && type->dims[0] == OC_DIM_TEXTS;
}

/* Whether every sequence of x [B,T,D] has this row; a text may have but one. */
static bool has_row(const oc_type *x, int64_t row) {
    return row >= 0 && row < (x->dims[0] == OC_DIM_IMAGES ? x->dims[1] : 1);
}

/* Image size of float [images,3,S,S] or u8 [images,S,S,3]; 0 if it is neither. */
static int64_t image_side(const oc_type *x) {
    if (x->rank != 4 || x->dims[0] != OC_DIM_IMAGES ||
        (x->dtype != OCTAVO_U8 && !oc_type_is_float(x))) {
        return 0;
    }
    int32_t channels = x->dtype == OCTAVO_U8 ? 3 : 1, side = x->dtype == OCTAVO_U8 ? 1 : 2;
    return x->dims[channels] == 3 && x->dims[side] == x->dims[side + 1] && x->dims[side] >= 1 &&
                   x->dims[side] <= OC_LIMIT_IMAGE_SIZE
               ? x->dims[side]
               : 0;
}

/* The answer of an operation that makes rows of another shape than its input's. */
static octavo_status yield_rows(rule *r, oc_type type) {
    char text[120];
    if (!is_rows(&type)) {
        oc_type_text(&type, text, sizeof text);
        return complain(r, "%s is beyond the limits", text);
    }
    r->type = type;
    return OCTAVO_OK;
}

/* Constant expressions nest in these forms only, so that evaluating them needs no recursion. */
static bool input_is(const rule *r, int32_t j, oc_op a, oc_op b, oc_op c) {
    oc_op op = r->graph->nodes[r->node->inputs[j]].op;
    return op == a || op == b || op == c;
}

static bool is_const(const rule *r, int32_t j) {
    return input_is(r, j, OC_OP_CONST, OC_OP_CONST, OC_OP_CONST);
}

/* A constant that a layer may use whole; FP8 ones with their scales. */
static bool is_weight(const rule *r, int32_t j) {
    return r->in[j]->dtype == OCTAVO_F8_E4M3
               ? input_is(r, j, OC_OP_SCALED, OC_OP_CONCAT, OC_OP_CONCAT)
               : input_is(r, j, OC_OP_CONST, OC_OP_SCALED, OC_OP_CONCAT);
}

static octavo_status infer_const(rule *r) {
    REQUIRE(r->node->i[0] >= 0 && r->node->i[0] < r->graph->tensor_count,
            "there is no tensor %lld, the table has %d", (long long)r->node->i[0],
            r->graph->tensor_count);
    const oc_tensor *tensor = &r->graph->tensors[r->node->i[0]];
    r->type = (oc_type){.dtype = tensor->dtype, .rank = tensor->rank};
    memcpy(r->type.dims, tensor->shape, sizeof tensor->shape);
    return OCTAVO_OK;
}

static octavo_status infer_input(rule *r) {
    REQUIRE(r->node->name[0] != '\0', "an input needs a name");
    const oc_type *type = &r->node->type;
    char text[120];
    if (!is_ids(type) && !is_places(type) && image_side(type) == 0 &&
        !(is_rows(type) && oc_type_is_float(type))) {
        oc_type_text(type, text, sizeof text);
        return complain(r, "%s is not the type of pixels, ids, places or rows", text);
    }
    r->type = r->node->type;
    return OCTAVO_OK;
}

static octavo_status infer_scaled(rule *r) {
    const oc_type *w = r->in[0];
    REQUIRE(is_const(r, 0) && (r->node->input_count == 1 || is_const(r, 1)),
            "only constants are scaled");
    if (r->node->input_count == 2) {
        REQUIRE(w->dtype == OCTAVO_F8_E4M3 && w->rank == 2, "a scale belongs to an F8_E4M3 matrix");
        REQUIRE(
            r->in[1]->dtype == OCTAVO_F32 &&
                (r->in[1]->rank == 0 || (r->in[1]->rank == 1 && r->in[1]->dims[0] == w->dims[0])),
            "the scale must be F32, one value or one a row");
    } else {
        REQUIRE(oc_type_is_float(w) && w->rank >= 1, "an F8_E4M3 matrix needs its scale");
    }
    REQUIRE(r->node->f[0] > 0 && r->node->f[0] < 1e30f, "alpha is %g", (double)r->node->f[0]);
    r->type = *w;
    return OCTAVO_OK;
}

static octavo_status infer_concat(rule *r) {
    REQUIRE(r->in[0]->rank == 1 || r->in[0]->rank == 2, "only vectors and matrices are joined");
    r->type = *r->in[0];
    r->type.dims[0] = 0;
    for (int32_t i = 0; i < r->node->input_count; i++) {
        REQUIRE(input_is(r, i, OC_OP_SCALED, OC_OP_SCALED,
                         r->in[i]->dtype == OCTAVO_F8_E4M3 ? OC_OP_SCALED : OC_OP_CONST),
                "part %d is not a weight", i);
        REQUIRE(r->in[i]->dtype == r->in[0]->dtype && r->in[i]->rank == r->in[0]->rank &&
                    (r->in[0]->rank == 1 || r->in[i]->dims[1] == r->in[0]->dims[1]),
                "part %d does not match part 0", i);
        r->type.dims[0] += r->in[i]->dims[0];
    }
    return OCTAVO_OK;
}

static octavo_status check_patch_weight(const rule *r, const oc_type *w) {
    REQUIRE(oc_type_is_float(w) && w->rank == 4 && w->dims[1] == 3 && w->dims[2] == w->dims[3],
            "a patch weight is a float [width,3,patch,patch]");
    return OCTAVO_OK;
}

static octavo_status infer_fold(rule *r) {
    octavo_status status = check_patch_weight(r, r->in[0]);
    if (status != OCTAVO_OK) {
        return status;
    }
    REQUIRE(is_vector(r->in[1], 3) && is_vector(r->in[2], 3), "mean and std are float [3]");
    for (int32_t j = 0; j < r->node->input_count; j++) {
        REQUIRE(is_const(r, j), "input %d is not a constant", j);
    }
    REQUIRE(r->node->input_count == 3 || is_vector(r->in[3], r->in[0]->dims[0]),
            "the bias must have %lld entries", (long long)r->in[0]->dims[0]);
    r->type = *r->in[0];
    r->type.dtype = OCTAVO_F32;
    if (r->node->op == OC_OP_FOLD_PIXELS_BIAS) {
        r->type.rank = 1;
    }
    return OCTAVO_OK;
}

static octavo_status infer_preadd(rule *r) {
    REQUIRE(is_const(r, 0) && is_const(r, 1) &&
                (r->node->input_count == 2 ||
                 input_is(r, 2, OC_OP_CONST, OC_OP_FOLD_PIXELS_BIAS, OC_OP_CONST)),
            "only constants are added beforehand");
    REQUIRE(oc_type_is_float(r->in[1]) && r->in[1]->rank == 2, "positions are a float matrix");
    REQUIRE(is_vector(r->in[0], last(r->in[1])), "the class row must be as wide as the positions");
    for (int32_t i = 2; i < r->node->input_count; i++) {
        REQUIRE(is_vector(r->in[i], last(r->in[1])), "a bias must be as wide as the positions");
    }
    r->type = *r->in[1];
    r->type.dtype = OCTAVO_F32;
    return OCTAVO_OK;
}

static octavo_status infer_normalize_pixels(rule *r) {
    const oc_type *x = r->in[0];
    REQUIRE(x->dtype == OCTAVO_U8 && image_side(x) != 0, "pixels are U8 [images,S,S,3]");
    REQUIRE(is_vector(r->in[1], 3) && is_vector(r->in[2], 3) && is_const(r, 1) && is_const(r, 2),
            "mean and std are float [3]");
    r->type = (oc_type){OCTAVO_F16, 4, {x->dims[0], 3, x->dims[1], x->dims[2]}};
    return OCTAVO_OK;
}

static octavo_status infer_patches(rule *r) {
    const oc_type *x = r->in[0], *w = r->in[1];
    octavo_status status = check_patch_weight(r, w);
    if (status != OCTAVO_OK) {
        return status;
    }
    REQUIRE(input_is(r, 1, OC_OP_CONST, OC_OP_FOLD_PIXELS, OC_OP_CONST), "w is not a constant");
    int64_t side = image_side(x), patch = w->dims[2];
    REQUIRE(side >= patch && patch >= 1, "an image of %lld pixels a side and patches of %lld",
            (long long)side, (long long)patch);
    int64_t across = side / patch, patches = across * across;
    if (r->node->op == OC_OP_PATCH_EMBED) {
        REQUIRE(r->node->input_count == 2 ||
                    (is_vector(r->in[2], w->dims[0]) &&
                     input_is(r, 2, OC_OP_CONST, OC_OP_FOLD_PIXELS_BIAS, OC_OP_CONST)),
                "the bias must have %lld entries", (long long)w->dims[0]);
    } else {
        REQUIRE(input_is(r, 2, OC_OP_PREADD, OC_OP_CONST, OC_OP_CONST) &&
                    oc_type_is_float(r->in[2]) && r->in[2]->rank == 2 &&
                    r->in[2]->dims[0] == patches + 1 && r->in[2]->dims[1] == w->dims[0],
                "the table must be [%lld,%lld]", (long long)patches + 1, (long long)w->dims[0]);
        patches++;
    }
    return yield_rows(r, (oc_type){OCTAVO_F16, 3, {x->dims[0], patches, w->dims[0]}});
}

static octavo_status infer_prepend(rule *r) {
    const oc_type *x = r->in[1];
    REQUIRE(is_rows(x) && x->rank == 3 && x->dims[1] > 0 && oc_type_is_float(x),
            "x is float [images,P,D]");
    REQUIRE(is_vector(r->in[0], x->dims[2]) && is_const(r, 0), "the row must have %lld entries",
            (long long)x->dims[2]);
    return yield_rows(r, (oc_type){OCTAVO_F16, 3, {x->dims[0], x->dims[1] + 1, x->dims[2]}});
}

static octavo_status infer_embed_tokens(rule *r) {
    REQUIRE(is_ids(r->in[0]), "ids are I32 [texts,tokens]");
    REQUIRE(oc_type_is_float(r->in[1]) && r->in[1]->rank == 2 && is_const(r, 1) &&
                r->in[1]->dims[0] <= OC_LIMIT_VOCABULARY,
            "the table is a constant float matrix of up to %u rows", OC_LIMIT_VOCABULARY);
    return yield_rows(r, (oc_type){OCTAVO_F16, 3, {OC_DIM_TEXTS, OC_DIM_TOKENS, last(r->in[1])}});
}

static octavo_status infer_add_rows(rule *r) {
    const oc_type *x = r->in[0];
    REQUIRE(is_rows(x) && x->rank == 3 && oc_type_is_float(x), "x is [B,T,D]");
    REQUIRE(is_const(r, 1) && oc_type_is_float(r->in[1]) && r->in[1]->rank == 2 &&
                last(r->in[1]) == last(x) && r->in[1]->dims[0] <= OC_LIMIT_TOKENS &&
                (x->dims[1] < 0 || r->in[1]->dims[0] >= x->dims[1]),
            "the table is too short, too long or of another width");
    r->type = *x;
    return OCTAVO_OK;
}

static octavo_status infer_end_of_text(rule *r) {
    REQUIRE(is_ids(r->in[0]), "ids are I32 [texts,tokens]");
    REQUIRE(r->node->i[0] == 0 || r->node->i[0] == 1, "rule %lld is not known",
            (long long)r->node->i[0]);
    r->type = (oc_type){OCTAVO_I32, 1, {r->in[0]->dims[0]}};
    return OCTAVO_OK;
}

static octavo_status infer_layer_norm(rule *r) {
    REQUIRE(is_rows(r->in[0]) && oc_type_is_float(r->in[0]), "x is float rows");
    REQUIRE(is_vector(r->in[1], last(r->in[0])) && is_vector(r->in[2], last(r->in[0])) &&
                is_const(r, 1) && is_const(r, 2),
            "gamma and beta must have %lld entries", (long long)last(r->in[0]));
    REQUIRE(r->node->f[0] > 0 && r->node->f[0] < 1, "eps is %g", (double)r->node->f[0]);
    r->type = *r->in[0];
    return OCTAVO_OK;
}

static octavo_status infer_quantize(rule *r) {
    REQUIRE(is_rows(r->in[0]) && oc_type_is_float(r->in[0]), "x is float rows");
    REQUIRE(r->in[1]->dtype == OCTAVO_F32 && r->in[1]->rank == 0 && is_const(r, 1),
            "the scale is one constant F32 value");
    r->type = *r->in[0];
    r->type.dtype = OCTAVO_F8_E4M3;
    return OCTAVO_OK;
}

static octavo_status infer_linear(rule *r) {
    const oc_type *x = r->in[0], *w = r->in[1];
    REQUIRE(is_rows(x) && (oc_type_is_float(x) || x->dtype == OCTAVO_F8_E4M3),
            "x is float or F8_E4M3 rows");
    REQUIRE(is_weight(r, 1) && (r->node->input_count == 2 || is_weight(r, 2)),
            "weight or bias is not a constant, or an F8_E4M3 weight lacks its scale");
    REQUIRE(w->rank == 2 && (oc_type_is_float(w) || w->dtype == OCTAVO_F8_E4M3) &&
                w->dims[1] == last(x),
            "the weight must be [N,%lld]", (long long)last(x));
    REQUIRE(x->dtype != OCTAVO_F8_E4M3 || w->dtype == OCTAVO_F8_E4M3,
            "quantized rows meet a weight that is not");
    REQUIRE(r->node->input_count == 2 || is_vector(r->in[2], w->dims[0]),
            "the bias must have %lld entries", (long long)w->dims[0]);
    oc_type type = *x;
    type.dtype = OCTAVO_F16;
    type.dims[x->rank - 1] = w->dims[0];
    return yield_rows(r, type);
}

static octavo_status infer_columns(rule *r) {
    int64_t start = r->node->i[0], count = r->node->i[1];
    REQUIRE(is_rows(r->in[0]) && start >= 0 && count >= 1 && count <= last(r->in[0]) &&
                start <= last(r->in[0]) - count,
            "columns %lld and %lld more do not fit", (long long)start, (long long)count);
    r->type = *r->in[0];
    r->type.dims[r->type.rank - 1] = count;
    return OCTAVO_OK;
}

static octavo_status infer_gelu(rule *r) {
    REQUIRE(is_rows(r->in[0]) && oc_type_is_float(r->in[0]), "x is float rows");
    REQUIRE(r->node->i[0] >= 0 && r->node->i[0] <= 2, "kind %lld is not known",
            (long long)r->node->i[0]);
    r->type = *r->in[0];
    return OCTAVO_OK;
}

static octavo_status infer_add(rule *r) {
    REQUIRE(is_rows(r->in[0]) && oc_type_is_float(r->in[0]) && oc_type_equal(r->in[0], r->in[1]),
            "both sides must be float rows of one shape");
    r->type = *r->in[0];
    return OCTAVO_OK;
}

static octavo_status infer_attention(rule *r) {
    const oc_type *q = r->in[0], *k = r->in[1], *v = r->in[2];
    int64_t heads = r->node->i[0], masked = r->node->i[2], rows = r->node->i[3];
    REQUIRE(is_rows(k) && k->rank == 3 && oc_type_is_float(k) && oc_type_equal(k, v) &&
                last(k) <= OC_LIMIT_WIDTH,
            "k and v are float [B,T,D] of up to %d columns", OC_LIMIT_WIDTH);
    REQUIRE(rows >= 0 && rows <= 2 && (masked == 0 || masked == 1) &&
                (r->node->i[1] == 0 || r->node->i[1] == 1),
            "an attribute is out of range");
    REQUIRE(is_rows(q) && oc_type_is_float(q) && q->rank == (rows == 0 ? 3 : 2) &&
                q->dims[0] == k->dims[0] && last(q) == last(k) &&
                (rows != 0 || q->dims[1] == k->dims[1]),
            "q does not match k");
    REQUIRE(heads >= 1 && heads <= OC_LIMIT_HEADS && last(k) % heads == 0,
            "%lld heads do not divide a width of %lld", (long long)heads, (long long)last(k));
    REQUIRE(r->node->f[0] > 0 && r->node->f[0] <= 1e6f, "scale is %g", (double)r->node->f[0]);
    int32_t inputs = 3 + (int32_t)masked + (rows == 2);
    REQUIRE(r->node->input_count == inputs, "%d inputs, the attributes want %d",
            r->node->input_count, inputs);
    REQUIRE(rows == 1 ? has_row(k, r->node->i[4]) : r->node->i[4] == 0, "there is no row %lld",
            (long long)r->node->i[4]);
    REQUIRE(!masked || (is_ids(r->in[3]) && k->dims[0] == OC_DIM_TEXTS),
            "the mask is I32 [texts,tokens]");
    REQUIRE(rows != 2 || (is_places(r->in[inputs - 1]) && k->dims[0] == OC_DIM_TEXTS),
            "the row index is I32 [texts]");
    r->type = *q;
    return OCTAVO_OK;
}

static octavo_status infer_row_at(rule *r) {
    const oc_type *x = r->in[0];
    REQUIRE(is_rows(x) && x->rank == 3 && (oc_type_is_float(x) || x->dtype == OCTAVO_F8_E4M3),
            "x is [B,T,D]");
    if (r->node->input_count == 2) {
        REQUIRE(is_places(r->in[1]) && x->dims[0] == OC_DIM_TEXTS, "the index is I32 [texts]");
    }
    REQUIRE(r->node->input_count == 2 ? r->node->i[0] == 0 : has_row(x, r->node->i[0]),
            "there is no row %lld", (long long)r->node->i[0]);
    r->type = (oc_type){x->dtype, 2, {x->dims[0], x->dims[2]}};
    return OCTAVO_OK;
}

static octavo_status infer_unit(rule *r) {
    REQUIRE(is_rows(r->in[0]) && r->in[0]->rank == 2 && oc_type_is_float(r->in[0]), "x is [B,D]");
    r->type = *r->in[0];
    return OCTAVO_OK;
}

static octavo_status infer_logits(rule *r) {
    REQUIRE(is_rows(r->in[0]) && is_rows(r->in[1]) && r->in[0]->rank == 2 && r->in[1]->rank == 2 &&
                oc_type_is_float(r->in[0]) && oc_type_is_float(r->in[1]) &&
                last(r->in[0]) == last(r->in[1]) && r->in[0]->dims[0] == OC_DIM_IMAGES &&
                r->in[1]->dims[0] == OC_DIM_TEXTS,
            "the sides are float [images,D] and [texts,D]");
    REQUIRE(oc_type_is_float(r->in[2]) && r->in[2]->rank == 0 && is_const(r, 2),
            "logit_scale is one constant float");
    r->type = (oc_type){OCTAVO_F16, 2, {r->in[0]->dims[0], r->in[1]->dims[0]}};
    return OCTAVO_OK;
}

/* Calls the rule of the node's operation. */
static octavo_status apply(rule *r) {
    switch (r->node->op) {
    case OC_OP_INPUT:
        return infer_input(r);
    case OC_OP_CONST:
        return infer_const(r);
    case OC_OP_SCALED:
        return infer_scaled(r);
    case OC_OP_CONCAT:
        return infer_concat(r);
    case OC_OP_FOLD_PIXELS:
    case OC_OP_FOLD_PIXELS_BIAS:
        return infer_fold(r);
    case OC_OP_PREADD:
        return infer_preadd(r);
    case OC_OP_NORMALIZE_PIXELS:
        return infer_normalize_pixels(r);
    case OC_OP_PATCH_EMBED:
    case OC_OP_EMBED_PATCHES:
        return infer_patches(r);
    case OC_OP_PREPEND:
        return infer_prepend(r);
    case OC_OP_EMBED_TOKENS:
        return infer_embed_tokens(r);
    case OC_OP_ADD_ROWS:
        return infer_add_rows(r);
    case OC_OP_END_OF_TEXT:
        return infer_end_of_text(r);
    case OC_OP_LAYER_NORM:
        return infer_layer_norm(r);
    case OC_OP_QUANTIZE:
        return infer_quantize(r);
    case OC_OP_LINEAR:
        return infer_linear(r);
    case OC_OP_COLUMNS:
        return infer_columns(r);
    case OC_OP_GELU:
        return infer_gelu(r);
    case OC_OP_ADD:
        return infer_add(r);
    case OC_OP_ATTENTION:
        return infer_attention(r);
    case OC_OP_ROW_AT:
        return infer_row_at(r);
    case OC_OP_L2_NORMALIZE:
        return infer_unit(r);
    case OC_OP_LOGITS:
        return infer_logits(r);
    case OC_OP_COUNT:
        break;
    }
    return complain(r, "there is no such operation");
}

octavo_status oc_infer_type(const oc_graph *graph, oc_value value, oc_type *out,
                            octavo_error *error) {
    rule r = {.graph = graph, .node = &graph->nodes[value], .value = value, .error = error};
    oc_op_info info = oc_op_describe(r.node->op);
    octavo_status status = OCTAVO_OK;
    for (int32_t i = 0; i < r.node->input_count; i++) {
        if (i >= OC_INPUTS_MAX || r.node->inputs[i] < 0 || r.node->inputs[i] >= value) {
            OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET,
                    "graph value %%%d: input %d is %%%d, which does not come before it", (int)value,
                    (int)i, i < OC_INPUTS_MAX ? (int)r.node->inputs[i] : -1);
        }
        r.in[i] = &graph->nodes[r.node->inputs[i]].type;
    }
    if (r.node->input_count < info.inputs_min || r.node->input_count > info.inputs_max) {
        OC_TRY(complain(&r, "%d inputs, it takes %d to %d", r.node->input_count, info.inputs_min,
                        info.inputs_max));
    }
    OC_TRY(apply(&r));
    *out = r.type;
done:
    return status;
}

octavo_status oc_infer(oc_graph *graph, oc_value value, octavo_error *error) {
    return oc_infer_type(graph, value, &graph->nodes[value].type, error);
}
