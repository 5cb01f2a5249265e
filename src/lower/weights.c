/* weights.c - the store of evaluated and packed constants; see weights.h. */
#include "lower/weights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/strmap.h"
#include "lower/constant.h"

enum { KEY_BYTES = 320, PARTS_MAX = OC_INPUTS_MAX };

typedef struct entry {
    float *floats; /* the host's */
    int64_t count;
    oc_constant *constant; /* the device's */
} entry;

struct oc_weights {
    oc_device *device; /* borrowed */
    oc_weight_source source;
    entry *entries;
    int32_t count, capacity;
    oc_strmap map;  /* what it is and how it was made ready -> index of its entry */
    oc_arena names; /* the map's keys */
    size_t float_bytes;
};

octavo_status oc_weights_create(oc_device *device, const oc_weight_source *source, oc_weights **out,
                                octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_weights *weights = calloc(1, sizeof *weights);
    *out = NULL;
    if (weights == NULL) {
        OC_NO_MEMORY(error, sizeof *weights);
    }
    weights->device = device;
    weights->source = *source;
    oc_strmap_init(&weights->map);
    oc_arena_init(&weights->names);
    *out = weights;
done:
    return status;
}

void oc_weights_free(oc_weights *weights) {
    if (weights == NULL) {
        return;
    }
    for (int32_t i = 0; i < weights->count; i++) {
        free(weights->entries[i].floats);
        if (weights->entries[i].constant != NULL) {
            weights->device->backend->constant_free(weights->device, weights->entries[i].constant);
        }
    }
    free(weights->entries);
    oc_strmap_free(&weights->map);
    oc_arena_free(&weights->names);
    free(weights);
}

size_t oc_weights_bytes(const oc_weights *weights) {
    size_t bytes = weights->float_bytes;
    for (int32_t i = 0; i < weights->count; i++) {
        if (weights->entries[i].constant != NULL) {
            bytes += weights->entries[i].constant->bytes;
        }
    }
    return bytes;
}

oc_device *oc_weights_device(const oc_weights *weights) {
    return weights->device;
}

static const entry *find(const oc_weights *weights, const char *key) {
    const int32_t *index = oc_strmap_find(&weights->map, oc_slice_of(key));
    return index == NULL ? NULL : &weights->entries[*index];
}

/* Adds an entry, which takes *floats or *constant (either may be NULL) and leaves NULL there. */
static octavo_status add(oc_weights *weights, const char *key, float **floats, int64_t count,
                         oc_constant **constant, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    if (weights->count == weights->capacity) {
        int32_t capacity = weights->capacity == 0 ? 64 : weights->capacity * 2;
        entry *entries = realloc(weights->entries, (size_t)capacity * sizeof *entries);
        if (entries == NULL) {
            OC_NO_MEMORY(error, (size_t)capacity * sizeof *entries);
        }
        weights->entries = entries;
        weights->capacity = capacity;
    }
    char *name = oc_arena_text(&weights->names, key, strlen(key));
    if (name == NULL) {
        OC_NO_MEMORY(error, strlen(key));
    }
    OC_TRY(oc_strmap_add(&weights->map, oc_slice_of(name), weights->count, NULL, error));
    entry *slot = &weights->entries[weights->count++];
    *slot = (entry){.count = count};
    if (floats != NULL) {
        slot->floats = *floats;
        weights->float_bytes += (size_t)count * sizeof **floats;
        *floats = NULL;
    }
    if (constant != NULL) {
        slot->constant = *constant;
        *constant = NULL;
    }
done:
    return status;
}

/* "KIND:SUFFIX:constant" */
static octavo_status make_key(const oc_graph *graph, oc_value value, const char *kind,
                              double suffix, char *key, octavo_error *error) {
    int used = snprintf(key, KEY_BYTES, "%s:%a:", kind, suffix);
    return oc_constant_key(graph, value, key + used, KEY_BYTES - (size_t)used, error);
}

static octavo_status new_floats(int64_t count, float **out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    size_t bytes = ((size_t)count * sizeof(float) + 63) & ~(size_t)63;
    *out = aligned_alloc(64, bytes);
    if (*out == NULL) {
        OC_NO_MEMORY(error, bytes);
    }
done:
    return status;
}

octavo_status oc_weights_floats(oc_weights *weights, const oc_graph *graph, oc_value value,
                                const float **out, int64_t *count, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    char key[KEY_BYTES];
    float *floats = NULL;
    OC_TRY(make_key(graph, value, "floats", 0, key, error));
    const entry *known = find(weights, key);
    if (known == NULL) {
        *count = oc_constant_count(&graph->nodes[value].type);
        OC_TRY(new_floats(*count, &floats, error));
        OC_TRY(oc_constant_floats(&weights->source, graph, value, floats, error));
        OC_TRY(add(weights, key, &floats, *count, NULL, error));
        known = find(weights, key);
    }
    *out = known->floats;
    *count = known->count;
done:
    free(floats);
    return status;
}

/* -- vectors ------------------------------------------------------------------------ */

typedef struct float_source {
    const float *floats;
    size_t row_bytes;
} float_source;

static octavo_status read_floats(void *context, int32_t first, int32_t count, void *rows,
                                 octavo_error *error) {
    const float_source *from = context;
    (void)error;
    memcpy(rows, (const char *)from->floats + (size_t)first * from->row_bytes,
           (size_t)count * from->row_bytes);
    return OCTAVO_OK;
}

/* Adds floats [rows, count / rows] as a constant of the device. */
static octavo_status add_vector(oc_weights *weights, const char *key, const float *floats,
                                int64_t rows, int64_t count, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_constant *made = NULL;
    float_source source = {floats, (size_t)(count / rows) * sizeof *floats};
    oc_matrix matrix = {.n = (int32_t)rows,
                        .k = (int32_t)(count / rows),
                        .dtype = OCTAVO_F32,
                        .use = OC_USE_FLOATS,
                        .read = read_floats,
                        .source = &source};
    OC_TRY(weights->device->backend->constant_create(weights->device, &matrix, &made, error));
    OC_TRY(add(weights, key, NULL, count, &made, error));
done:
    if (made != NULL) {
        weights->device->backend->constant_free(weights->device, made);
    }
    return status;
}

octavo_status oc_weights_vector(oc_weights *weights, const oc_graph *graph, oc_value value,
                                const oc_constant **out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_type *type = &graph->nodes[value].type;
    char key[KEY_BYTES];
    float *floats = NULL;
    OC_TRY(make_key(graph, value, "vector", 0, key, error));
    if (find(weights, key) == NULL) {
        int64_t count = oc_constant_count(type);
        OC_TRY(new_floats(count, &floats, error));
        OC_TRY(oc_constant_floats(&weights->source, graph, value, floats, error));
        OC_TRY(add_vector(weights, key, floats, type->rank < 2 ? 1 : type->dims[0], count, error));
    }
    *out = find(weights, key)->constant;
done:
    free(floats);
    return status;
}

octavo_status oc_weights_prepended(oc_weights *weights, const oc_graph *graph, oc_value first,
                                   oc_value rest, int32_t rows, const oc_constant **out,
                                   octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int64_t width = oc_constant_count(&graph->nodes[first].type);
    char key[2 * KEY_BYTES], tail[KEY_BYTES] = "";
    float *table = NULL;
    OC_TRY(make_key(graph, first, "prepended", rows, key, error));
    if (rest >= 0) {
        OC_TRY(make_key(graph, rest, "", 0, tail, error));
    }
    strcat(key, tail); /* each is KEY_BYTES at most */
    if (find(weights, key) == NULL) {
        OC_TRY(new_floats(rows * width, &table, error));
        memset(table, 0, (size_t)(rows * width) * sizeof *table);
        OC_TRY(oc_constant_floats(&weights->source, graph, first, table, error));
        for (int64_t t = 1; rest >= 0 && t < rows; t++) {
            if (t == 1) {
                OC_TRY(oc_constant_floats(&weights->source, graph, rest, table + width, error));
            } else {
                memcpy(table + t * width, table + width, (size_t)width * sizeof *table);
            }
        }
        OC_TRY(add_vector(weights, key, table, rows, rows * width, error));
    }
    *out = find(weights, key)->constant;
done:
    free(table);
    return status;
}

/* -- matrices ----------------------------------------------------------------------- */

/* A matrix in parts along its rows, each a plain tensor; or one part already in floats. */
typedef struct matrix_source {
    const oc_weight_source *source;
    uint64_t tensor[PARTS_MAX];
    int32_t rows[PARTS_MAX];
    int32_t count;
    size_t row_bytes;
    float *floats; /* owned */
} matrix_source;

static octavo_status read_matrix(void *context, int32_t first, int32_t count, void *rows,
                                 octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const matrix_source *matrix = context;
    char *to = rows;
    if (matrix->floats != NULL) {
        memcpy(rows, (const char *)matrix->floats + (size_t)first * matrix->row_bytes,
               (size_t)count * matrix->row_bytes);
        goto done;
    }
    for (int32_t i = 0; i < matrix->count && count > 0; first -= matrix->rows[i++]) {
        int32_t here = matrix->rows[i] - first < count ? matrix->rows[i] - first : count;
        if (here <= 0) {
            continue;
        }
        OC_TRY(matrix->source->read(matrix->source->context, matrix->tensor[i], first, here, to,
                                    error));
        to += (size_t)here * matrix->row_bytes;
        count -= here;
        first += here;
    }
done:
    return status;
}

static void add_part(const oc_graph *graph, const oc_node *part, matrix_source *matrix) {
    const oc_node *leaf = part->op == OC_OP_SCALED ? &graph->nodes[part->inputs[0]] : part;
    matrix->tensor[matrix->count] = graph->tensors[leaf->i[0]].source;
    matrix->rows[matrix->count++] = (int32_t)part->type.dims[0];
}

/* What each row of the part is multiplied with, `x_scale` included. */
static octavo_status part_scales(oc_weights *weights, const oc_graph *graph, oc_value value,
                                 float x_scale, float *out, bool *ones, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_node *part = &graph->nodes[value];
    const float *scale = NULL;
    int64_t count = 0;
    if (part->op == OC_OP_SCALED && part->input_count == 2) {
        OC_TRY(oc_weights_floats(weights, graph, part->inputs[1], &scale, &count, error));
    }
    for (int64_t i = 0; i < part->type.dims[0]; i++) {
        out[i] = x_scale * (scale == NULL ? 1.0f : scale[count == 1 ? 0 : i]) *
                 (part->op == OC_OP_SCALED ? part->f[0] : 1.0f);
        *ones = *ones && out[i] == 1.0f;
    }
done:
    return status;
}

/* NULL for ones. */
static octavo_status column_scales(oc_weights *weights, const oc_graph *graph, oc_value value,
                                   float x_scale, const oc_constant **out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_node *node = &graph->nodes[value];
    char key[KEY_BYTES];
    float *scales = NULL;
    bool ones = true;
    int64_t at = 0;
    OC_TRY(make_key(graph, value, "columns", (double)x_scale, key, error));
    if (find(weights, key) == NULL) {
        OC_TRY(new_floats(node->type.dims[0], &scales, error));
        for (int32_t j = 0; node->op == OC_OP_CONCAT && j < node->input_count; j++) {
            OC_TRY(
                part_scales(weights, graph, node->inputs[j], x_scale, scales + at, &ones, error));
            at += graph->nodes[node->inputs[j]].type.dims[0];
        }
        if (node->op != OC_OP_CONCAT) {
            OC_TRY(part_scales(weights, graph, value, x_scale, scales, &ones, error));
        }
        if (ones) {
            OC_TRY(add(weights, key, NULL, 0, NULL, error));
        } else {
            OC_TRY(add_vector(weights, key, scales, 1, node->type.dims[0], error));
        }
    }
    *out = find(weights, key)->constant;
done:
    free(scales);
    return status;
}

/* What `value` is made of, for the device to read. */
static octavo_status describe_matrix(oc_weights *weights, const oc_graph *graph, oc_value value,
                                     matrix_source *source, oc_matrix *matrix,
                                     octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_node *node = &graph->nodes[value], *leaf = node;
    matrix->n = (int32_t)node->type.dims[0];
    matrix->k = (int32_t)(oc_constant_count(&node->type) / node->type.dims[0]);
    matrix->dtype = OCTAVO_F32;
    source->source = &weights->source;
    if (node->op == OC_OP_FOLD_PIXELS) {
        OC_TRY(new_floats(oc_constant_count(&node->type), &source->floats, error));
        OC_TRY(oc_constant_floats(&weights->source, graph, value, source->floats, error));
    } else {
        for (int32_t j = 0; node->op == OC_OP_CONCAT && j < node->input_count; j++) {
            add_part(graph, &graph->nodes[node->inputs[j]], source);
        }
        if (node->op != OC_OP_CONCAT) {
            add_part(graph, node, source);
        }
        while (leaf->op != OC_OP_CONST) {
            leaf = &graph->nodes[leaf->inputs[0]];
        }
        matrix->dtype = leaf->type.dtype;
    }
    source->row_bytes = (size_t)matrix->k * oc_dtype_bytes(matrix->dtype);
    matrix->read = read_matrix;
    matrix->source = source;
done:
    return status;
}

static octavo_status pack(oc_weights *weights, const oc_graph *graph, oc_value value, oc_use use,
                          bool acts_are_codes, const oc_constant **packed, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_backend *backend = weights->device->backend;
    matrix_source source = {0};
    oc_matrix matrix = {.use = use, .acts_are_codes = acts_are_codes};
    oc_constant *made = NULL;
    char key[KEY_BYTES];
    OC_TRY(make_key(graph, value,
                    use == OC_USE_ROWS ? "rows"
                    : acts_are_codes   ? "codes"
                                       : "matrix",
                    0, key, error));
    if (find(weights, key) == NULL) {
        OC_TRY(describe_matrix(weights, graph, value, &source, &matrix, error));
        OC_TRY(backend->constant_create(weights->device, &matrix, &made, error));
        OC_TRY(add(weights, key, NULL, 0, &made, error));
    }
    *packed = find(weights, key)->constant;
done:
    if (made != NULL) {
        backend->constant_free(weights->device, made);
    }
    free(source.floats);
    return status;
}

octavo_status oc_weights_matrix(oc_weights *weights, const oc_graph *graph, oc_value value,
                                bool acts_are_codes, float x_scale, const oc_constant **packed,
                                const oc_constant **column_scale, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    *column_scale = NULL;
    if (graph->nodes[value].op != OC_OP_FOLD_PIXELS) {
        OC_TRY(column_scales(weights, graph, value, x_scale, column_scale, error));
    }
    OC_TRY(pack(weights, graph, value, OC_USE_FACTOR, acts_are_codes, packed, error));
done:
    return status;
}

octavo_status oc_weights_table(oc_weights *weights, const oc_graph *graph, oc_value value,
                               const oc_constant **packed, octavo_error *error) {
    return pack(weights, graph, value, OC_USE_ROWS, false, packed, error);
}
