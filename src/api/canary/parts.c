/* parts.c - the parts of a graph that canaries go through, and what `ref` makes of them. */
#include "api/canary/make.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/ref/ref.h"
#include "base/limits.h"
#include "base/sys/threads.h"
#include "runtime/canary/set.h"

enum {
    SEED = 0x0c7a,
    /* Rows of one product that cross every border of a kernel's blocks of rows: the largest block
     * has 510 (src/backends/cpu/gemm.c), so this is the fourth. */
    MANY_ROWS = 1560,
    MANY_PRODUCTS =
        1 << 30, /* that loading a model can spend on it: a tower of width 1,024 has 1,028 rows */
    MANY_KEPT = 14,
    LOGIT_ROWS = 3,
    LOGIT_COLUMNS = 5,
};

/* Largest relative rms, with float32 and with 16-bit storage between steps.  Measured with `ref` of
 * each storage and every CPU tier over clip-mini, a seeded ViT-L/14 and all of
 * tests/data/tiny-clip; each is two to four times the largest that was seen (docs/numerics.md). */
typedef struct limit_pair {
    float limits[2];
} limit_pair;
/* no quantizer: rounding of sums, or of each stored value (1.1e-6, 4.1e-3); relative to what a
 * layer adds stored rounding weighs more (1.4e-2) */
static const limit_pair limit_plain = {{4e-6f, 8e-3f}}, limit_added = {{4e-6f, 4e-2f}};
/* one quantizer, in front, that gets the same bits everywhere: no code flips, but products may be
 * those of the 16-bit integer kernel (1.2e-4) or of a tensor core (3e-3) */
static const limit_pair limit_codes = {{1e-3f, 8e-3f}};
/* a quantizer behind a norm or another one: codes flip (4.9e-3 through the integer kernel, 2.8e-2
 * with bfloat16)
 */
static const limit_pair limit_flips = {{1e-2f, 6e-2f}};

/* A flip weighs more where few values share it: the limit is for nine rows of 256. */
enum { FLIP_VALUES = 9 * 256 };

static void set_limits(oc_canary *canary, int32_t quantizers, int64_t values) {
    bool adds = (canary->flags & OC_CANARY_ADDS) != 0;
    const limit_pair *limit = quantizers == 0 ? (adds ? &limit_added : &limit_plain)
                                              : (adds ? &limit_flips : &limit_codes);
    double few = limit == &limit_flips && values < FLIP_VALUES
                     ? sqrt((double)FLIP_VALUES / (double)values)
                     : 1;
    for (int32_t i = 0; i < 2; i++) {
        canary->limits[i] = (float)((double)limit->limits[i] * (few < 4 ? few : 4));
    }
}

/* -- parts ----------------------------------------------------------------------------------------
 */

/* What a part's input is made of, before it is copied into the list. */
typedef struct input_shape {
    oc_canary_sequence sequences[OC_LIMIT_CANARY_SEQUENCES];
    oc_canary_kept kept[OC_LIMIT_CANARY_KEPT];
    int32_t sequence_count, kept_count;
} input_shape;

typedef struct maker {
    oc_source *source;
    oc_device *device;
    int32_t threads;
    oc_weight_source bytes;
    oc_canary_list *list;
    octavo_progress progress;
    void *user;
    int32_t done, total; /* parts */
    octavo_error *error;
} maker;

typedef struct tower_facts {
    const oc_tower *row;
    int32_t layers, width;
    int32_t longest; /* tokens of a sequence */
} tower_facts;

static void keep(input_shape *shape, int32_t sequence, int32_t place) {
    const oc_canary_kept *last = &shape->kept[shape->kept_count - (shape->kept_count > 0)];
    if (shape->kept_count == 0 || last->sequence != sequence || last->place != place) {
        shape->kept[shape->kept_count++] = (oc_canary_kept){sequence, place};
    }
}

/* A sequence of which the first, the middle and the last row are kept; of one like another only
 * the last. */
static void add_sequence(input_shape *shape, oc_canary_sequence sequence) {
    int32_t number = shape->sequence_count++;
    shape->sequences[number] = sequence;
    if (sequence.like == 0) {
        keep(shape, number, 0);
        keep(shape, number, sequence.length / 2);
    }
    keep(shape, number, sequence.length - 1);
}

/* Unlike, odd lengths.  The long ones cross a tile of 6 rows, a panel of 16 keys and two of them;
 * a text of 3 has twins: the same once more, one with another id and one with another mask. */
static input_shape make_shape(const tower_facts *of, bool is_long, bool masked) {
    const int32_t lengths[] = {3, is_long ? 17 : 5, 37};
    input_shape shape = {.sequence_count = 0};
    int32_t before = 0;
    for (int32_t i = 0; i < (is_long ? 3 : 2); i++) {
        int32_t length = lengths[i] < of->longest ? lengths[i] : of->longest;
        if (length == before) {
            break;
        }
        before = length;
        add_sequence(&shape,
                     (oc_canary_sequence){.length = length, .hide = masked && i > 0 ? 3 : 0});
        if (i == 0 && is_long && oc_tower_is_packed(of->row)) {
            add_sequence(&shape, (oc_canary_sequence){length, 1, 1, 0});
            add_sequence(&shape, (oc_canary_sequence){length, 1, 0, masked ? 1 : 0});
        }
    }
    return shape;
}

/* Whole images, or sequences of one row each. */
static input_shape make_equal(int32_t count, int32_t length) {
    input_shape shape = {.sequence_count = count};
    for (int32_t s = 0; s < count; s++) {
        shape.sequences[s].length = length;
        keep(&shape, s, 0);
        if (length > 1) {
            keep(&shape, s, 1);
            keep(&shape, s, length / 2);
            keep(&shape, s, length - 1);
        }
    }
    return shape;
}

/* As many sequences as MANY_ROWS are, of which few rows from all over are kept. */
static input_shape make_many(int32_t length, int32_t width) {
    int64_t most = MANY_PRODUCTS / ((int64_t)width * width);
    int32_t wanted = most < MANY_ROWS ? (int32_t)most : MANY_ROWS;
    int32_t count = (wanted + length - 1) / length;
    input_shape shape =
        make_equal(count < OC_LIMIT_CANARY_SEQUENCES ? count : OC_LIMIT_CANARY_SEQUENCES, length);
    int32_t rows = shape.sequence_count * length;
    shape.kept_count = 0;
    for (int32_t k = 0; k < MANY_KEPT; k++) {
        int32_t row = (int32_t)((int64_t)(rows - 1) * k / (MANY_KEPT - 1));
        keep(&shape, row / length, row % length);
    }
    return shape;
}

/* The last rows alone: what is read of a tower. */
static void keep_ends(input_shape *shape, const oc_tower *tower) {
    shape->kept_count = 0;
    for (int32_t s = 0; s < shape->sequence_count; s++) {
        keep(shape, s, oc_tower_is_packed(tower) ? shape->sequences[s].length - 1 : 0);
    }
}

static int32_t count_quantizers(const oc_graph *graph, const char *input, const char *output) {
    oc_value from = oc_graph_find(graph, input), to = oc_graph_find(graph, output);
    int32_t count = 0;
    for (oc_value v = from < 0 ? 0 : from; v < to; v++) {
        count += graph->nodes[v].op == OC_OP_QUANTIZE;
    }
    return count;
}

/* One canary from value to value, with what `ref` makes of it. columns: 0: as many as the output
 * has.  A store of weights of its own for each: the whole model is never in memory. */
static octavo_status make_part(maker *m, const tower_facts *of, const input_shape *shape,
                               uint32_t flags, const char *input, const char *output,
                               int64_t columns) {
    octavo_status status = OCTAVO_OK;
    octavo_error *error = m->error;
    const oc_graph *graph = &m->source->recipe.graph;
    oc_weights *weights = NULL;
    oc_canary *canary;
    oc_value value = oc_graph_find(graph, output);
    size_t sequence_bytes = (size_t)shape->sequence_count * sizeof *shape->sequences;
    size_t kept_bytes = (size_t)shape->kept_count * sizeof *shape->kept;
    int32_t quantizers = columns > 0 ? 0 : count_quantizers(graph, input, output);
    if (value < 0 || oc_graph_find(graph, input) < 0) {
        OC_FAIL(error, OCTAVO_INTERNAL, OCTAVO_NO_OFFSET, "the graph has no values %s and %s",
                input, output);
    }
    OC_TRY(oc_canary_list_add(m->list, &canary, error));
    oc_canary_sequence *sequences = oc_arena_alloc(&m->list->arena, sequence_bytes);
    oc_canary_kept *kept = oc_arena_alloc(&m->list->arena, kept_bytes);
    *canary = (oc_canary){.kind = OC_CANARY_PART,
                          .tower = of->row->bit,
                          .input = oc_arena_text(&m->list->arena, input, strlen(input)),
                          .output = oc_arena_text(&m->list->arena, output, strlen(output)),
                          .flags = flags,
                          .seed = SEED,
                          .sequence_count = shape->sequence_count,
                          .kept_count = shape->kept_count,
                          .sequences = sequences,
                          .kept = kept};
    if (sequences == NULL || kept == NULL || canary->input == NULL || canary->output == NULL) {
        OC_NO_MEMORY(error, sequence_bytes + kept_bytes);
    }
    memcpy(sequences, shape->sequences, sequence_bytes);
    memcpy(kept, shape->kept, kept_bytes);
    const oc_type *type = &graph->nodes[value].type;
    OC_TRY(oc_canary_list_tensor(m->list, &canary->expected, OCTAVO_F32, 2, shape->kept_count,
                                 columns > 0 ? columns : type->dims[type->rank - 1], 0, error));
    set_limits(canary, quantizers, canary->expected.shape[0] * canary->expected.shape[1]);
    OC_TRY(oc_weights_create(m->device, &m->bytes, &weights, error));
    OC_TRY(oc_canary_compute(graph, weights, m->threads, canary, m->list->count - 1,
                             canary->expected.data, error));
    m->done++;
    OC_TRY(oc_progress(m->progress, m->user, "computing canaries", (uint64_t)m->done,
                       (uint64_t)m->total, error));
done:
    oc_weights_free(weights);
    return status;
}

static const char *value_name(char name[64], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static const char *value_name(char name[64], const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(name, 64, format, arguments);
    va_end(arguments);
    return name;
}

/* A layer in two halves, so that no more than two quantizers are chained. */
static octavo_status make_layer(maker *m, const tower_facts *of, int32_t layer,
                                const input_shape *shape) {
    octavo_status status = OCTAVO_OK;
    char from[64], middle[64], to[64];
    value_name(from, "%s%d", of->row->hidden, layer);
    value_name(middle, "%slayers.%d.attended", of->row->prefix, layer);
    value_name(to, "%s%d", of->row->hidden, layer + 1);
    OC_TRY(make_part(m, of, shape, OC_CANARY_ADDS, from, middle, 0));
    OC_TRY(make_part(m, of, shape, OC_CANARY_ADDS, middle, to, 0));
done:
    return status;
}

static octavo_status make_entry(maker *m, const tower_facts *of) {
    octavo_status status = OCTAVO_OK;
    char hidden[64];
    value_name(hidden, "%s0", of->row->hidden);
    input_shape shape =
        oc_tower_is_packed(of->row) ? make_shape(of, true, false) : make_equal(2, of->longest);
    for (int32_t i = 0; i < of->row->entry_count; i++) {
        OC_TRY(make_part(m, of, &shape, 0, of->row->entries[i].input, hidden, 0));
    }
done:
    return status;
}

static octavo_status make_tower(maker *m, const tower_facts *of, bool many) {
    octavo_status status = OCTAVO_OK;
    char from[64], to[64];
    input_shape longest = make_shape(of, true, false);
    OC_TRY(make_entry(m, of));
    for (int32_t i = 0; i < of->layers; i++) {
        /* the kernels are the same in every layer, the weights are not; text has masks besides */
        bool masks = of->row->mask != NULL;
        bool is_long = i == 0 || i == of->layers - 1 || (i == 1 && masks);
        input_shape shape = make_shape(of, is_long, masks && i % 2 == 1);
        OC_TRY(make_layer(m, of, i, &shape));
    }
    keep_ends(&longest, of->row);
    value_name(from, "%s%d", of->row->hidden, of->layers);
    OC_TRY(make_part(m, of, &longest, 0, from, of->row->embeds, 0));
    if (many && of->layers > 1) {
        input_shape shape = make_many(of->longest, of->width);
        value_name(from, "%slayers.0.attention", of->row->prefix);
        value_name(to, "%slayers.0.out", of->row->prefix);
        OC_TRY(make_part(m, of, &shape, OC_CANARY_ONCE, from, to, 0));
    }
done:
    return status;
}

octavo_status oc_canary_make_parts(oc_source *source, int32_t threads, octavo_progress progress,
                                   void *user, oc_canary_list *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    tower_facts towers[OC_TOWERS] = {0}; /* row NULL: the checkpoint has none such */
    const tower_facts *first = NULL;
    maker m = {.source = source,
               .threads = threads == 0 ? oc_usable_cores() : threads,
               .bytes = oc_source_weights(source),
               .list = out,
               .progress = progress,
               .user = user,
               .error = error};
    for (int32_t t = 0; t < OC_TOWERS; t++) {
        const oc_tower_config *config = oc_source_tower(source, &oc_towers[t]);
        if (config != NULL) {
            towers[t] = (tower_facts){&oc_towers[t], config->layers, config->width,
                                      oc_source_longest(source, &oc_towers[t])};
            m.total += 2 * config->layers + 4;
            first = first == NULL ? &towers[t] : first;
        }
    }
    OC_TRY(oc_backend_ref.open(&(oc_device_options){.threads = threads}, &m.device, error));
    for (int32_t t = 0; t < OC_TOWERS; t++) {
        if (towers[t].row != NULL) {
            OC_TRY(make_tower(&m, &towers[t], &towers[t] == first));
        }
    }
    if (oc_graph_find(&source->recipe.graph, oc_logits.output) >= 0) {
        const tower_facts *rows = &towers[oc_logits.rows];
        input_shape shape = make_equal(LOGIT_ROWS, 1);
        OC_TRY(make_part(&m, rows, &shape, 0, rows->row->embeds, oc_logits.output, LOGIT_COLUMNS));
    }
    out->part_count = out->count;
done:
    if (m.device != NULL) {
        oc_backend_ref.close(m.device);
    }
    return status;
}
