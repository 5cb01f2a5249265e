/* reference.c - a reference to JSON and back; see reference.h. */
#include "watch/reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json/json.h"
#include "base/json/json_write.h"
#include "base/limits.h"

static const char *const scalar_names[] = {
#define XX(name, text) text,
    OC_SCALAR_MAP(XX)
#undef XX
};

static const char *const spectrum_names[OC_MEAN_COUNT] = {"mean_spectrum", "variance_spectrum",
                                                          "features_spectrum"};

const char *oc_scalar_name(oc_scalar scalar) {
    return scalar_names[scalar];
}

int32_t oc_reference_tower(const oc_reference *reference, const char *name) {
    for (int32_t t = 0; t < reference->tower_count; t++) {
        if (strcmp(reference->towers[t].name, name) == 0) {
            return t;
        }
    }
    return -1;
}

const oc_tower_reference *oc_reference_other(const oc_reference *reference, int32_t tower) {
    int32_t other = 1 - tower;
    return other < reference->tower_count &&
                   reference->towers[other].dim == reference->towers[tower].dim
               ? &reference->towers[other]
               : NULL;
}

/* -- to bytes ------------------------------------------------------------------------------- */

static void write_floats(oc_json_writer *json, const char *key, const float *values,
                         int32_t count) {
    oc_json_write_key(json, key);
    oc_json_write_array(json);
    for (int32_t i = 0; i < count; i++) {
        oc_json_write_float(json, values[i]);
    }
    oc_json_write_end(json);
}

static void write_bins(oc_json_writer *json, const char *key, const oc_bins *bins) {
    oc_json_write_key(json, key);
    oc_json_write_object(json);
    write_floats(json, "edges", bins->edges, bins->edge_count);
    oc_json_write_key(json, "counts");
    oc_json_write_array(json);
    for (int32_t i = 0; i <= bins->edge_count; i++) {
        oc_json_write_int(json, bins->counts[i]);
    }
    oc_json_write_end(json);
    oc_json_write_end(json);
}

static void write_tower(oc_json_writer *json, const oc_tower_reference *tower) {
    oc_json_write_object(json);
    oc_json_write_text_member(json, "tower", tower->name);
    oc_json_write_int_member(json, "rows", tower->rows);
    oc_json_write_int_member(json, "dim", tower->dim);
    write_floats(json, "mean", tower->mean, tower->dim);
    write_floats(json, "variance", tower->variance, tower->dim);
    oc_json_write_double_member(json, "bandwidth", tower->bandwidth);
    oc_json_write_int_member(json, "seed", (int64_t)tower->seed);
    write_floats(json, "features", tower->features, OC_FEATURES);
    for (int32_t i = 0; i < OC_MEAN_COUNT; i++) {
        oc_json_write_key(json, spectrum_names[i]);
        oc_json_write_array(json);
        oc_json_write_double(json, tower->spectra[i].trace);
        oc_json_write_double(json, tower->spectra[i].square);
        oc_json_write_double(json, tower->spectra[i].largest);
        oc_json_write_end(json);
    }
    oc_json_write_key(json, "scalars");
    oc_json_write_object(json);
    for (int32_t s = 0; s < OC_SCALAR_COUNT; s++) {
        if (tower->scalars[s].edge_count > 0) {
            write_bins(json, scalar_names[s], &tower->scalars[s]);
        }
    }
    oc_json_write_end(json);
    oc_json_write_end(json);
}

static void write_quantizer(oc_json_writer *json, const oc_reference *reference,
                            const oc_quantizer_reference *quantizer) {
    oc_json_write_object(json);
    oc_json_write_text_member(json, "name", quantizer->name);
    oc_json_write_text_member(json, "tower", reference->towers[quantizer->tower].name);
    oc_json_write_double_member(json, "rows", quantizer->rows);
    oc_json_write_double_member(json, "runs", quantizer->runs);
    oc_json_write_double_member(json, "saturated", quantizer->saturated);
    oc_json_write_double_member(json, "saturated_variance", quantizer->saturated_variance);
    oc_json_write_double_member(json, "zeros", quantizer->zeros);
    oc_json_write_double_member(json, "zeros_variance", quantizer->zeros_variance);
    oc_json_write_double_member(json, "range", quantizer->range);
    oc_json_write_end(json);
}

octavo_status oc_reference_write(const oc_reference *reference, oc_buffer *out,
                                 octavo_error *error) {
    oc_json_writer json;
    oc_json_write_open(&json, out, false);
    oc_json_write_object(&json);
    oc_json_write_int_member(&json, "version", OC_REFERENCE_VERSION);
    oc_json_write_key(&json, "towers");
    oc_json_write_array(&json);
    for (int32_t t = 0; t < reference->tower_count; t++) {
        write_tower(&json, &reference->towers[t]);
    }
    oc_json_write_end(&json);
    oc_json_write_key(&json, "quantizers");
    oc_json_write_array(&json);
    for (int32_t q = 0; q < reference->quantizer_count; q++) {
        write_quantizer(&json, reference, &reference->quantizers[q]);
    }
    oc_json_write_end(&json);
    oc_json_write_end(&json);
    return oc_json_write_finish(&json, error);
}

/* -- from bytes ----------------------------------------------------------------------------- */

typedef struct reader {
    oc_json json;
    oc_arena *arena;
} reader;

/* A finite number of 0 or more. */
static octavo_status read_size(oc_json *json, double *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    OC_TRY(oc_json_double(json, out, error));
    if (!(*out >= 0 && *out < 1e30)) {
        OC_JSON_FAIL(json, error, OCTAVO_CORRUPT, "%g is out of range, it must be 0 to 1e30", *out);
    }
done:
    return status;
}

/* Just so many floats, each within +-1e30; at least `least`. */
static octavo_status read_floats(reader *in, int32_t count, float least, const float **out,
                                 octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_json *json = &in->json;
    float *values = oc_arena_alloc(in->arena, (size_t)count * sizeof *values + 1);
    bool more = true;
    if (values == NULL) {
        OC_NO_MEMORY(error, (size_t)count * sizeof *values);
    }
    OC_TRY(oc_json_array(json, error));
    for (int32_t i = 0;; i++) {
        double value;
        OC_TRY(oc_json_element(json, &more, error));
        if (more != (i < count)) {
            OC_JSON_FAIL(json, error, OCTAVO_CORRUPT,
                         "there are %s than the %d numbers that it has", more ? "more" : "fewer",
                         count);
        }
        if (!more) {
            break;
        }
        OC_TRY(oc_json_double(json, &value, error));
        if (!(value >= (double)least && value <= 1e30)) {
            OC_JSON_FAIL(json, error, OCTAVO_CORRUPT, "%g is out of range, it must be %g to 1e30",
                         value, (double)least);
        }
        values[i] = (float)value;
    }
    *out = values;
done:
    return status;
}

static octavo_status read_spectrum(oc_json *json, oc_spectrum *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    double *const to[] = {&out->trace, &out->square, &out->largest};
    bool more;
    OC_TRY(oc_json_array(json, error));
    for (size_t i = 0; i < OC_COUNT(to); i++) {
        OC_TRY(oc_json_element(json, &more, error));
        if (!more) {
            OC_JSON_FAIL(json, error, OCTAVO_CORRUPT, "a spectrum has 3 numbers, this one %zu", i);
        }
        OC_TRY(read_size(json, to[i], error));
    }
    OC_TRY(oc_json_element(json, &more, error));
    if (more) {
        OC_JSON_FAIL(json, error, OCTAVO_CORRUPT, "a spectrum has 3 numbers, this one more");
    }
done:
    return status;
}

static octavo_status read_edges(oc_json *json, oc_bins *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    OC_TRY(oc_json_array(json, error));
    for (out->edge_count = 0;;) {
        bool more;
        double edge;
        OC_TRY(oc_json_element(json, &more, error));
        if (!more) {
            break;
        }
        OC_TRY(oc_json_double(json, &edge, error));
        if (out->edge_count == OC_EDGES_MAX) {
            OC_JSON_FAIL(json, error, OCTAVO_CORRUPT, "more than the %d edges that bins can have",
                         OC_EDGES_MAX);
        }
        if (!(fabs(edge) <= 1e30) ||
            (out->edge_count > 0 && (float)edge <= out->edges[out->edge_count - 1])) {
            OC_JSON_FAIL(json, error, OCTAVO_CORRUPT, "edge %g does not ascend, or is over 1e30",
                         edge);
        }
        out->edges[out->edge_count++] = (float)edge;
    }
done:
    return status;
}

static octavo_status read_counts(oc_json *json, oc_bins *out, int32_t *count, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    OC_TRY(oc_json_array(json, error));
    for (*count = 0;; ++*count) {
        bool more;
        OC_TRY(oc_json_element(json, &more, error));
        if (!more) {
            break;
        }
        if (*count == OC_BINS_MAX) {
            OC_JSON_FAIL(json, error, OCTAVO_CORRUPT, "more than %d bins", OC_BINS_MAX);
        }
        OC_TRY(oc_json_int64(json, 0, INT32_MAX, &out->counts[*count], error));
        out->total += out->counts[*count];
    }
done:
    return status;
}

static octavo_status read_bins(oc_json *json, oc_bins *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_bins bins = {0};
    int32_t counts = 0;
    OC_TRY(oc_json_object(json, error));
    for (;;) {
        oc_slice key;
        OC_TRY(oc_json_member(json, &key, error));
        if (key.data == NULL) {
            break;
        } else if (oc_slice_is(key, "edges")) {
            OC_TRY(read_edges(json, &bins, error));
        } else if (oc_slice_is(key, "counts")) {
            OC_TRY(read_counts(json, &bins, &counts, error));
        } else {
            OC_TRY(oc_json_skip(json, NULL, error));
        }
    }
    if (bins.edge_count == 0 || counts != bins.edge_count + 1 || bins.total == 0) {
        OC_JSON_FAIL(json, error, OCTAVO_CORRUPT,
                     "%d edges make %d bins, of which %d have counts; there is one edge at least, "
                     "and a value",
                     bins.edge_count, bins.edge_count + 1, counts);
    }
    *out = bins;
done:
    return status;
}

static octavo_status read_scalars(oc_json *json, oc_tower_reference *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    OC_TRY(oc_json_object(json, error));
    for (;;) {
        oc_slice key;
        int32_t which = -1;
        OC_TRY(oc_json_member(json, &key, error));
        if (key.data == NULL) {
            break;
        }
        for (int32_t s = 0; s < OC_SCALAR_COUNT; s++) {
            which = oc_slice_is(key, scalar_names[s]) ? s : which;
        }
        if (which >= 0) {
            OC_TRY(read_bins(json, &out->scalars[which], error));
        } else {
            OC_TRY(oc_json_skip(json, NULL, error));
        }
    }
done:
    return status;
}

/* rows and dim stand before what they count. */
static octavo_status read_tower_member(reader *in, oc_slice key, oc_tower_reference *out,
                                       octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_json *json = &in->json;
    int64_t seed;
    if (oc_slice_is(key, "tower")) {
        OC_TRY(oc_json_text(json, OC_LIMIT_TENSOR_NAME, in->arena, &out->name, error));
    } else if (oc_slice_is(key, "rows")) {
        OC_TRY(oc_json_int32(json, 2, INT32_MAX, &out->rows, error));
    } else if (oc_slice_is(key, "dim")) {
        OC_TRY(oc_json_int32(json, 1, OC_LIMIT_WIDTH, &out->dim, error));
    } else if (oc_slice_is(key, "mean")) {
        OC_TRY(read_floats(in, out->dim, -1e30f, &out->mean, error));
    } else if (oc_slice_is(key, "variance")) {
        OC_TRY(read_floats(in, out->dim, 0, &out->variance, error));
    } else if (oc_slice_is(key, "features")) {
        OC_TRY(read_floats(in, OC_FEATURES, -1e30f, &out->features, error));
    } else if (oc_slice_is(key, "bandwidth")) {
        OC_TRY(read_size(json, &out->bandwidth, error));
    } else if (oc_slice_is(key, "seed")) {
        OC_TRY(oc_json_int64(json, 0, INT64_MAX, &seed, error));
        out->seed = (uint64_t)seed;
    } else if (oc_slice_is(key, "scalars")) {
        OC_TRY(read_scalars(json, out, error));
    } else {
        for (int32_t i = 0; i < OC_MEAN_COUNT; i++) {
            if (oc_slice_is(key, spectrum_names[i])) {
                OC_TRY(read_spectrum(json, &out->spectra[i], error));
                goto done;
            }
        }
        OC_TRY(oc_json_skip(json, NULL, error));
    }
done:
    return status;
}

static octavo_status read_tower(reader *in, oc_tower_reference *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_json *json = &in->json;
    oc_tower_reference tower = {.name = NULL};
    OC_TRY(oc_json_object(json, error));
    for (;;) {
        oc_slice key;
        OC_TRY(oc_json_member(json, &key, error));
        if (key.data == NULL) {
            break;
        }
        OC_TRY(read_tower_member(in, key, &tower, error));
    }
    bool has_spectra = true;
    for (int32_t i = 0; i < OC_MEAN_COUNT; i++) {
        has_spectra = has_spectra && tower.spectra[i].trace > 0;
    }
    if (tower.name == NULL || tower.rows == 0 || tower.dim == 0 || tower.mean == NULL ||
        tower.variance == NULL || tower.features == NULL || !has_spectra ||
        !(tower.bandwidth > 1e-6)) {
        OC_JSON_FAIL(json, error, OCTAVO_CORRUPT,
                     "a tower has tower, rows, dim, mean, variance, bandwidth, features and three "
                     "spectra, none of which is zero");
    }
    *out = tower;
done:
    return status;
}

static octavo_status read_towers(reader *in, oc_reference *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    OC_TRY(oc_json_array(&in->json, error));
    for (;;) {
        bool more;
        OC_TRY(oc_json_element(&in->json, &more, error));
        if (!more) {
            break;
        }
        if (out->tower_count == OC_REFERENCE_TOWERS) {
            OC_JSON_FAIL(&in->json, error, OCTAVO_CORRUPT, "more than %d towers",
                         OC_REFERENCE_TOWERS);
        }
        OC_TRY(read_tower(in, &out->towers[out->tower_count], error));
        const char *name = out->towers[out->tower_count].name;
        if (oc_reference_tower(out, name) >= 0) {
            OC_JSON_FAIL(&in->json, error, OCTAVO_CORRUPT, "there are two towers '%s'", name);
        }
        out->tower_count++;
    }
done:
    return status;
}

static octavo_status read_quantizer(reader *in, const oc_reference *reference,
                                    oc_quantizer_reference *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_json *json = &in->json;
    oc_quantizer_reference q = {.tower = -1};
    const char *tower = NULL;
    OC_TRY(oc_json_object(json, error));
    for (;;) {
        oc_slice key;
        OC_TRY(oc_json_member(json, &key, error));
        const struct {
            const char *name;
            double *to;
        } numbers[] = {{"rows", &q.rows},           {"runs", &q.runs},
                       {"saturated", &q.saturated}, {"saturated_variance", &q.saturated_variance},
                       {"zeros", &q.zeros},         {"zeros_variance", &q.zeros_variance},
                       {"range", &q.range}};
        size_t at = 0;
        if (key.data == NULL) {
            break;
        }
        while (at < OC_COUNT(numbers) && !oc_slice_is(key, numbers[at].name)) {
            at++;
        }
        if (at < OC_COUNT(numbers)) {
            OC_TRY(read_size(json, numbers[at].to, error));
        } else if (oc_slice_is(key, "name")) {
            OC_TRY(oc_json_text(json, OC_LIMIT_TENSOR_NAME, in->arena, &q.name, error));
        } else if (oc_slice_is(key, "tower")) {
            OC_TRY(oc_json_text(json, OC_LIMIT_TENSOR_NAME, in->arena, &tower, error));
        } else {
            OC_TRY(oc_json_skip(json, NULL, error));
        }
    }
    q.tower = tower == NULL ? -1 : oc_reference_tower(reference, tower);
    if (q.name == NULL || q.tower < 0 || !(q.rows > 0) || !(q.runs > 0) || q.saturated > 1 ||
        q.zeros > 1) {
        OC_JSON_FAIL(json, error, OCTAVO_CORRUPT,
                     "a quantizer has a name, a tower that is there, rows and runs, and shares up "
                     "to 1");
    }
    *out = q;
done:
    return status;
}

static octavo_status read_quantizers(reader *in, oc_reference *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    size_t capacity = 0;
    oc_quantizer_reference *list = NULL;
    OC_TRY(oc_json_array(&in->json, error));
    for (;;) {
        bool more;
        OC_TRY(oc_json_element(&in->json, &more, error));
        if (!more) {
            break;
        }
        if (out->quantizer_count == OC_LIMIT_QUANTIZERS) {
            OC_JSON_FAIL(&in->json, error, OCTAVO_CORRUPT, "more than %d quantizers",
                         OC_LIMIT_QUANTIZERS);
        }
        if ((size_t)out->quantizer_count == capacity) { /* the old list stays in the arena */
            capacity = capacity == 0 ? 64 : 2 * capacity;
            oc_quantizer_reference *grown = oc_arena_alloc(in->arena, capacity * sizeof *grown);
            if (grown == NULL) {
                OC_NO_MEMORY(error, capacity * sizeof *grown);
            }
            if (list != NULL) {
                memcpy(grown, list, (size_t)out->quantizer_count * sizeof *grown);
            }
            list = grown;
        }
        OC_TRY(read_quantizer(in, out, &list[out->quantizer_count], error));
        out->quantizer_count++;
    }
    out->quantizers = list;
done:
    return status;
}

octavo_status oc_reference_read(const void *section, size_t bytes, uint64_t offset, oc_arena *arena,
                                oc_reference *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    reader in = {.arena = arena};
    oc_reference reference = {0};
    int32_t version = 0;
    *out = reference;
    oc_json_open(&in.json, section, bytes, offset, 0);
    OC_TRY(oc_json_object(&in.json, error));
    for (;;) {
        oc_slice key;
        OC_TRY(oc_json_member(&in.json, &key, error));
        if (key.data == NULL) {
            break;
        } else if (oc_slice_is(key, "version")) {
            OC_TRY(oc_json_int32(&in.json, 1, INT32_MAX, &version, error));
            if (version != OC_REFERENCE_VERSION) {
                OC_JSON_FAIL(&in.json, error, OCTAVO_UNSUPPORTED,
                             "a reference of version %d; this octavo reads version %d: calibrate "
                             "the engine again",
                             version, OC_REFERENCE_VERSION);
            }
        } else if (oc_slice_is(key, "towers")) {
            OC_TRY(read_towers(&in, &reference, error));
        } else if (oc_slice_is(key, "quantizers")) {
            OC_TRY(read_quantizers(&in, &reference, error));
        } else {
            OC_TRY(oc_json_skip(&in.json, NULL, error));
        }
    }
    OC_TRY(oc_json_finish(&in.json, error));
    if (version == 0 || reference.tower_count == 0) {
        OC_FAIL(error, OCTAVO_CORRUPT, offset,
                "section REFERENCE has no version or no tower (byte %llu)",
                (unsigned long long)offset);
    }
    *out = reference;
done:
    oc_json_close(&in.json);
    return status;
}
