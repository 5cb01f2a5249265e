/* random_graph.h - graphs that no model has, but that every rule allows: operations chained at
 * random over images and texts, with values read once, often or never. */
#ifndef OC_TESTS_RANDOM_GRAPH_H
#define OC_TESTS_RANDOM_GRAPH_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ir/graph.h"
#include "num/convert.h"
#include "num/rng.h"

enum { OC_RANDOM_SIDE = 8, OC_RANDOM_PATCH = 4, OC_RANDOM_TOKENS = 5, OC_RANDOM_POSITIONS = 7 };

typedef struct oc_random_graph {
    oc_graph *graph;
    oc_rng rng;
    oc_value end, mask; /* I32 [texts] and [texts,tokens], or -1 */
    bool quantize;      /* whether quantizers may be in it */
    bool failed;        /* a rule refused what it should not */
} oc_random_graph;

static inline int32_t oc_random_pick(oc_random_graph *r, int32_t count) {
    return (int32_t)oc_rng_below(&r->rng, (uint64_t)count);
}

static inline oc_value oc_random_add(oc_random_graph *r, oc_node node) {
    oc_value value = -1;
    char name[32];
    snprintf(name, sizeof name, "v%d", r->graph->node_count);
    node.name = node.name != NULL ? node.name : name;
    if (oc_graph_add(r->graph, &node, &value, NULL) != OCTAVO_OK ||
        oc_infer(r->graph, value, NULL) != OCTAVO_OK) {
        r->failed = true;
    }
    return value;
}

static inline oc_value oc_random_constant(oc_random_graph *r, octavo_dtype dtype, int32_t rank,
                                          int64_t d0, int64_t d1, int64_t d2, int64_t d3) {
    char name[32];
    int32_t index = -1;
    oc_tensor tensor = {.name = name,
                        .dtype = dtype,
                        .rank = rank,
                        .shape = {d0, d1, d2, d3},
                        .source = (uint64_t)r->graph->tensor_count};
    snprintf(name, sizeof name, "t%d", r->graph->tensor_count);
    r->failed |= oc_graph_add_tensor(r->graph, &tensor, &index, NULL) != OCTAVO_OK;
    return oc_random_add(r, (oc_node){.op = OC_OP_CONST, .i = {index}, .name = ""});
}

/* A value of rows: float ones, of rank 3 only if asked for; -1 if there is none. */
static inline oc_value oc_random_rows(oc_random_graph *r, bool rank_3, bool codes) {
    for (int32_t tries = 0; tries < 40; tries++) {
        /* the latest are the likeliest, so that chains grow long */
        int32_t back = oc_random_pick(r, 1 + oc_random_pick(r, r->graph->node_count));
        oc_value value = r->graph->node_count - 1 - back;
        const oc_type *type = &r->graph->nodes[value].type;
        bool rows = (type->rank == 3 || (type->rank == 2 && !rank_3)) && type->dims[0] < 0 &&
                    type->dims[type->rank - 1] > 0 &&
                    r->graph->nodes[value].op != OC_OP_PATCH_EMBED;
        bool dtype = type->dtype == OCTAVO_F16 || (codes && type->dtype == OCTAVO_F8_E4M3);
        if (rows && dtype && type->dims[type->rank - 1] <= 64) {
            return value;
        }
    }
    return -1;
}

static inline oc_type oc_random_type(const oc_random_graph *r, oc_value value) {
    return r->graph->nodes[value].type;
}

static inline oc_value oc_random_linear(oc_random_graph *r, oc_value x, int64_t n) {
    oc_type type = oc_random_type(r, x);
    int64_t k = type.dims[type.rank - 1];
    bool fp8 = type.dtype == OCTAVO_F8_E4M3 || oc_random_pick(r, 4) == 0;
    oc_node linear = {.op = OC_OP_LINEAR, .input_count = 2, .inputs = {x}};
    linear.inputs[1] = oc_random_constant(r, fp8 ? OCTAVO_F8_E4M3 : OCTAVO_F16, 2, n, k, 0, 0);
    if (fp8) {
        oc_value scale = oc_random_constant(r, OCTAVO_F32, 0, 0, 0, 0, 0);
        linear.inputs[1] = oc_random_add(r, (oc_node){.op = OC_OP_SCALED,
                                                      .input_count = 2,
                                                      .inputs = {linear.inputs[1], scale},
                                                      .f = {1.0f},
                                                      .name = ""});
    }
    if (oc_random_pick(r, 3) != 0) {
        linear.inputs[linear.input_count++] = oc_random_constant(r, OCTAVO_F16, 1, n, 0, 0, 0);
    }
    return oc_random_add(r, linear);
}

static inline oc_value oc_random_norm(oc_random_graph *r, oc_value x) {
    oc_type type = oc_random_type(r, x);
    int64_t width = type.dims[type.rank - 1];
    oc_value gamma = oc_random_constant(r, OCTAVO_F16, 1, width, 0, 0, 0);
    oc_value beta = oc_random_constant(r, OCTAVO_F32, 1, width, 0, 0, 0);
    return oc_random_add(
        r, (oc_node){
               .op = OC_OP_LAYER_NORM, .input_count = 3, .inputs = {x, gamma, beta}, .f = {1e-3f}});
}

static inline void oc_random_attention(oc_random_graph *r) {
    oc_value x = oc_random_rows(r, true, r->quantize), k, v, q;
    if (x < 0) {
        return;
    }
    bool texts = oc_random_type(r, x).dims[0] == OC_DIM_TEXTS;
    int64_t width = 4 + 4 * oc_random_pick(r, 3);
    k = oc_random_linear(r, x, width);
    v = oc_random_pick(r, 4) == 0 ? k : oc_random_linear(r, x, width);
    q = oc_random_pick(r, 6) == 0 ? k : oc_random_linear(r, x, width);
    oc_node node = {.op = OC_OP_ATTENTION,
                    .input_count = 3,
                    .inputs = {q, k, v},
                    .i = {oc_random_pick(r, 2) == 0 ? 1 : 2, oc_random_pick(r, 2), 0, 0, 0},
                    .f = {0.25f}};
    if (texts && r->mask >= 0 && oc_random_pick(r, 2) == 0) {
        node.i[2] = 1;
        node.inputs[node.input_count++] = r->mask;
    }
    if (oc_random_pick(r, 4) == 0) {
        bool by_end = texts && r->end >= 0 && oc_random_pick(r, 2) == 0;
        oc_node pick = {.op = OC_OP_ROW_AT, .input_count = 1, .inputs = {q}};
        pick.i[0] = texts ? 0 : oc_random_pick(r, OC_RANDOM_TOKENS);
        if (by_end) {
            pick.inputs[pick.input_count++] = r->end;
        }
        node.i[3] = by_end ? 2 : 1;
        node.i[4] = pick.i[0];
        node.inputs[0] = oc_random_add(r, pick);
        if (by_end) {
            node.inputs[node.input_count++] = r->end;
        }
    }
    oc_random_add(r, node);
}

/* x + f(x), as residual blocks are; or x + y of two that happen to be alike. */
static inline void oc_random_sum(oc_random_graph *r) {
    oc_value x = oc_random_rows(r, false, false), y = x;
    if (x < 0) {
        return;
    }
    oc_type type = oc_random_type(r, x);
    int64_t width = type.dims[type.rank - 1];
    if (oc_random_pick(r, 3) != 0) {
        y = oc_random_pick(r, 2) == 0 ? oc_random_norm(r, x) : x;
        y = oc_random_linear(r, y, oc_random_pick(r, 2) == 0 ? width : 2 * width);
        if (oc_random_pick(r, 3) == 0) {
            y = oc_random_add(r, (oc_node){.op = OC_OP_GELU,
                                           .input_count = 1,
                                           .inputs = {y},
                                           .i = {oc_random_pick(r, 3)}});
        }
        if (oc_random_type(r, y).dims[type.rank - 1] != width) {
            y = oc_random_linear(r, y, width);
        }
    } else {
        for (oc_value v = r->graph->node_count - 1; v >= 0 && oc_random_pick(r, 4) != 0; v--) {
            oc_type other = oc_random_type(r, v);
            y = memcmp(&other, &type, sizeof type) == 0 &&
                        r->graph->nodes[v].op != OC_OP_PATCH_EMBED
                    ? v
                    : y;
        }
    }
    if (oc_random_pick(r, 4) == 0) {
        oc_random_norm(r, x); /* one more who reads x, before the sum */
    }
    bool swap = oc_random_pick(r, 2) == 0;
    oc_random_add(
        r, (oc_node){.op = OC_OP_ADD, .input_count = 2, .inputs = {swap ? y : x, swap ? x : y}});
}

static inline void oc_random_step(oc_random_graph *r) {
    oc_value x = oc_random_rows(r, false, false);
    int32_t kind = oc_random_pick(r, 12);
    if (x < 0) {
        return;
    }
    oc_type type = oc_random_type(r, x);
    int64_t width = type.dims[type.rank - 1];
    if (kind <= 1) {
        oc_random_attention(r);
    } else if (kind <= 4) {
        oc_random_sum(r);
    } else if (kind == 5) {
        oc_random_norm(r, x);
    } else if (kind == 6) {
        int32_t start = oc_random_pick(r, (int32_t)width);
        int32_t count = 1 + oc_random_pick(r, (int32_t)width - start);
        oc_random_add(
            r,
            (oc_node){.op = OC_OP_COLUMNS, .input_count = 1, .inputs = {x}, .i = {start, count}});
    } else if (kind == 7 && r->quantize) {
        oc_value scale = oc_random_constant(r, OCTAVO_F32, 0, 0, 0, 0, 0);
        x = oc_random_add(r,
                          (oc_node){.op = OC_OP_QUANTIZE, .input_count = 2, .inputs = {x, scale}});
        oc_random_linear(r, x, 4 + oc_random_pick(r, 9));
    } else if (kind == 8 && type.rank == 3) {
        oc_node pick = {.op = OC_OP_ROW_AT, .input_count = 1, .inputs = {x}};
        if (type.dims[0] == OC_DIM_TEXTS && r->end >= 0 && oc_random_pick(r, 2) == 0) {
            pick.inputs[pick.input_count++] = r->end;
        } else if (type.dims[0] == OC_DIM_IMAGES) {
            pick.i[0] = oc_random_pick(r, OC_RANDOM_TOKENS);
        }
        oc_random_add(r, pick);
        if (oc_random_pick(r, 3) == 0) {
            oc_random_add(r, pick); /* and once more */
        }
    } else if (kind == 9 && type.rank == 2) {
        oc_random_add(r, (oc_node){.op = OC_OP_L2_NORMALIZE, .input_count = 1, .inputs = {x}});
    } else if (kind == 10 && type.dims[0] == OC_DIM_IMAGES && type.rank == 3) {
        oc_value table = oc_random_constant(r, OCTAVO_F16, 2, OC_RANDOM_TOKENS, width, 0, 0);
        oc_random_add(r, (oc_node){.op = OC_OP_ADD_ROWS, .input_count = 2, .inputs = {x, table}});
    } else {
        oc_random_linear(r, x, 4 + oc_random_pick(r, 9));
    }
}

static inline void oc_random_images(oc_random_graph *r) {
    int64_t width = 4 + oc_random_pick(r, 5);
    oc_node input = {.op = OC_OP_INPUT,
                     .type = {OCTAVO_U8, 4, {OC_DIM_IMAGES, OC_RANDOM_SIDE, OC_RANDOM_SIDE, 3}},
                     .name = "pixels"};
    oc_value x = oc_random_add(r, input);
    oc_value mean = oc_random_constant(r, OCTAVO_F32, 1, 3, 0, 0, 0);
    oc_node embed = {.op = OC_OP_PATCH_EMBED, .input_count = 2};
    embed.inputs[0] = oc_random_add(
        r, (oc_node){.op = OC_OP_NORMALIZE_PIXELS, .input_count = 3, .inputs = {x, mean, mean}});
    embed.inputs[1] =
        oc_random_constant(r, OCTAVO_F16, 4, width, 3, OC_RANDOM_PATCH, OC_RANDOM_PATCH);
    if (oc_random_pick(r, 2) == 0) {
        embed.inputs[embed.input_count++] = oc_random_constant(r, OCTAVO_F16, 1, width, 0, 0, 0);
    }
    x = oc_random_add(r, embed);
    oc_value row = oc_random_constant(r, OCTAVO_F16, 1, width, 0, 0, 0);
    x = oc_random_add(r, (oc_node){.op = OC_OP_PREPEND, .input_count = 2, .inputs = {row, x}});
    if (oc_random_pick(r, 3) != 0) {
        oc_value table = oc_random_constant(r, OCTAVO_F16, 2, OC_RANDOM_TOKENS, width, 0, 0);
        oc_random_add(r, (oc_node){.op = OC_OP_ADD_ROWS, .input_count = 2, .inputs = {x, table}});
    }
}

static inline void oc_random_texts(oc_random_graph *r) {
    int64_t width = 4 + oc_random_pick(r, 5);
    oc_type ids = {OCTAVO_I32, 2, {OC_DIM_TEXTS, OC_DIM_TOKENS}};
    oc_value x = oc_random_add(r, (oc_node){.op = OC_OP_INPUT, .type = ids, .name = "input_ids"});
    r->mask = oc_random_add(r, (oc_node){.op = OC_OP_INPUT, .type = ids, .name = "attention_mask"});
    r->end = oc_random_add(
        r, (oc_node){.op = OC_OP_END_OF_TEXT, .input_count = 1, .inputs = {x}, .i = {0, 3}});
    oc_value table = oc_random_constant(r, OCTAVO_F16, 2, 10, width, 0, 0);
    x = oc_random_add(r,
                      (oc_node){.op = OC_OP_EMBED_TOKENS, .input_count = 2, .inputs = {x, table}});
    if (oc_random_pick(r, 3) != 0) {
        oc_value rows = oc_random_constant(r, OCTAVO_F16, 2, OC_RANDOM_POSITIONS, width, 0, 0);
        oc_random_add(r, (oc_node){.op = OC_OP_ADD_ROWS, .input_count = 2, .inputs = {x, rows}});
    }
}

/* Fills an empty graph; its outputs are some of its rows.  false: a rule refused something. */
static inline bool oc_random_graph_make(oc_graph *graph, uint64_t seed, int32_t steps,
                                        bool quantize) {
    oc_random_graph r = {.graph = graph, .end = -1, .mask = -1, .quantize = quantize};
    oc_rng_init(&r.rng, seed, 0);
    int32_t sides = oc_random_pick(&r, 3);
    if (sides != 0) {
        oc_random_images(&r);
    }
    if (sides != 1) {
        oc_random_texts(&r);
    }
    for (int32_t i = 0; i < steps; i++) {
        oc_random_step(&r);
    }
    for (int32_t i = 0; i < 3; i++) {
        oc_value value = oc_random_rows(&r, false, false);
        r.failed |= value >= 0 && oc_graph_add_output(graph, value, NULL) != OCTAVO_OK;
    }
    return !r.failed && oc_verify(graph, NULL) == OCTAVO_OK;
}

/* -- its weights ----------------------------------------------------------------------------- */

/* A weight source over the tensors of `context`, a graph: the same numbers every time. */
static inline octavo_status oc_random_read(void *context, uint64_t source, int64_t first,
                                           int64_t count, void *dst, octavo_error *error) {
    const oc_graph *graph = context;
    const oc_tensor *tensor = &graph->tensors[source];
    size_t row = 1, bytes = oc_dtype_bytes(tensor->dtype);
    (void)error;
    for (int32_t d = tensor->rank >= 2; d < tensor->rank; d++) {
        row *= (size_t)tensor->shape[d];
    }
    for (int64_t i = 0; i < count; i++) {
        oc_rng rng;
        oc_rng_init(&rng, source, (uint64_t)(first + i));
        for (size_t j = 0; j < row; j++) {
            char *to = (char *)dst + ((size_t)i * row + j) * bytes;
            float value = (float)oc_rng_normal(&rng) * 0.4f;
            if (tensor->rank == 0) {
                value = 0.02f + 0.02f * fabsf(value);
            } else if (tensor->rank == 1 && tensor->shape[0] == 3) {
                value = 0.5f + 0.1f * fabsf(value); /* mean and std of pixels */
            }
            if (tensor->dtype == OCTAVO_F8_E4M3) {
                uint8_t code = (uint8_t)oc_rng_bits(&rng);
                *to = (char)((code & 0x7f) == 0x7f ? 0 : code & 0xdf); /* none of the largest */
            } else {
                oc_convert_from_f32(tensor->dtype, &value, to, 1);
            }
        }
    }
    return OCTAVO_OK;
}

#endif
