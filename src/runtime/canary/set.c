/* set.c - see set.h. */
#include "runtime/canary/set.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/size.h"
#include "runtime/canary/batch.h"
#include "runtime/canary/part.h"

/* Rows to which a part adds little deviate by its share of them at least: rounding of what is
 * stored is relative to the row itself. */
static const double adds_least = 0.1;

typedef struct part {
    const oc_canary *canary;
    int32_t index, batch;
    oc_plan plan;
} part;

struct oc_canary_set {
    int32_t image_size;
    part *parts;
    int32_t count;
    oc_canary_batch *batches; /* of unlike sequences */
    int32_t batch_count;
};

/* -- the set ------------------------------------------------------------------------------------
 */

/* The batch of the canary's sequences: one that is there, or a new one. */
static octavo_status find_batch(oc_canary_set *set, const oc_model *model, const oc_canary *canary,
                                int32_t *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_texts rules = oc_model_texts(model);
    for (*out = 0; *out < set->batch_count; ++*out) {
        const oc_canary_batch *batch = &set->batches[*out];
        if (batch->tower == canary->tower && batch->seed == canary->seed &&
            batch->count == canary->sequence_count &&
            memcmp(batch->sequences, canary->sequences,
                   (size_t)batch->count * sizeof *batch->sequences) == 0) {
            goto done;
        }
    }
    set->batch_count++;
    OC_TRY(oc_canary_batch_create(canary, &rules, &set->batches[*out], error));
done:
    return status;
}

static oc_run run_of(const oc_canary *canary, const oc_canary_batch *batch) {
    oc_run run = oc_canary_batch_run(batch);
    if (oc_canary_is_called(canary, "image_embeds")) {
        run.rows[OC_ROWS_TEXTS] = (int32_t)canary->expected.shape[1];
    }
    return run;
}

static octavo_status add_part(oc_canary_set *set, oc_model *model, const oc_canary *canary,
                              int32_t index, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    part *one = &set->parts[set->count];
    oc_plan_limits limits = {.image_size = model->image_size};
    int32_t most = canary->tower == OCTAVO_IMAGE ? model->image_tokens : model->positions_max;
    for (int32_t s = 0; s < canary->sequence_count; s++) {
        if (canary->sequences[s].length > most) {
            OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET,
                    "the canary of %s has %d rows, the graph allows %d", canary->output,
                    canary->sequences[s].length, most);
        }
    }
    *one = (part){.canary = canary, .index = index};
    if (canary->expected.shape[1] > OC_LIMIT_MLP) {
        OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET,
                "the canary of %s has %lld columns, the limit is %d", canary->output,
                (long long)canary->expected.shape[1], OC_LIMIT_MLP);
    }
    OC_TRY(find_batch(set, model, canary, &one->batch, error));
    oc_run run = run_of(canary, &set->batches[one->batch]);
    for (int32_t kind = 0; kind < OC_ROWS_COUNT; kind++) {
        limits.rows_max[kind] = run.rows[kind] > 0 ? run.rows[kind] : 1;
        limits.sequence_max[kind] =
            run.starts[kind] == NULL ? 1 : oc_longest_sequence(&run, (oc_rows)kind);
    }
    set->count++;
    OC_TRY(oc_canary_plan(model, canary, &limits, &one->plan, error));
done:
    return status;
}

/* Whether the model has the part's towers. */
static bool is_wanted(const oc_canary *canary, int32_t towers) {
    int32_t both = OCTAVO_IMAGE | OCTAVO_TEXT;
    int32_t needed = oc_canary_is_called(canary, "image_embeds") ? both : canary->tower;
    return canary->kind == OC_CANARY_PART && (needed & ~towers) == 0;
}

/* first: the number of the first canary. */
static octavo_status create(oc_model *model, const oc_canary *list, int32_t count, int32_t first,
                            oc_canary_set **out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_canary_set *set = NULL;
    *out = NULL;
    if (count > OC_LIMIT_CANARIES) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                "the engine has %d canaries, the limit is %d", count, OC_LIMIT_CANARIES);
    }
    set = calloc(1, sizeof *set);
    if (set == NULL) {
        OC_NO_MEMORY(error, sizeof *set);
    }
    set->image_size = model->image_size;
    set->parts = calloc((size_t)count + 1, sizeof *set->parts);
    set->batches = calloc((size_t)count + 1, sizeof *set->batches);
    if (set->parts == NULL || set->batches == NULL) {
        OC_NO_MEMORY(error, (size_t)count * (sizeof *set->parts + sizeof *set->batches));
    }
    for (int32_t i = 0; i < count; i++) {
        if (is_wanted(&list[i], model->towers)) {
            OC_TRY(add_part(set, model, &list[i], first + i, error));
        }
    }
    *out = set;
    set = NULL;
done:
    oc_canary_set_free(set);
    return status;
}

octavo_status oc_canary_set_create(oc_model *model, const oc_canary *list, int32_t count,
                                   oc_canary_set **out, octavo_error *error) {
    return create(model, list, count, 0, out, error);
}

void oc_canary_set_free(oc_canary_set *set) {
    for (int32_t i = 0; set != NULL && i < set->count; i++) {
        oc_plan_free(&set->parts[i].plan);
    }
    for (int32_t i = 0; set != NULL && i < set->batch_count; i++) {
        oc_canary_batch_free(&set->batches[i]);
    }
    if (set != NULL) {
        free(set->parts);
        free(set->batches);
    }
    free(set);
}

/* Bytes of a part's pixels, which the caller of a run would bring. */
static size_t pixel_bytes(const oc_canary_set *set, const part *one) {
    const oc_canary_batch *batch = &set->batches[one->batch];
    size_t values = (size_t)batch->count * 3 * (size_t)set->image_size * (size_t)set->image_size;
    return one->plan.takes_pixels   ? oc_round_up(values, 64)
           : one->plan.takes_values ? oc_round_up(values * sizeof(float), 64)
                                    : 0;
}

static bool is_due(const part *one, int32_t towers, bool all) {
    return is_wanted(one->canary, towers) && (all || (one->canary->flags & OC_CANARY_ONCE) == 0);
}

size_t oc_canary_set_run_bytes(const oc_canary_set *set, int32_t towers, bool all) {
    size_t most = 0;
    for (int32_t i = 0; i < set->count; i++) {
        const part *one = &set->parts[i];
        size_t bytes = one->plan.arena_bytes + pixel_bytes(set, one) + one->plan.scratch_bytes;
        most = is_due(one, towers, all) && bytes > most ? bytes : most;
    }
    return oc_round_up(most + 64, 64);
}

size_t oc_canary_set_bytes(const oc_canary_set *set) {
    size_t bytes = sizeof *set;
    for (int32_t i = 0; i < set->count; i++) {
        const oc_plan *plan = &set->parts[i].plan;
        bytes += sizeof(part) + (size_t)plan->step_count * sizeof *plan->steps + plan->memory.total;
    }
    for (int32_t i = 0; i < set->batch_count; i++) {
        bytes += sizeof(oc_canary_batch) + 9 * (size_t)set->batches[i].texts.tokens_max;
    }
    return bytes;
}

/* -- one run ------------------------------------------------------------------------------------
 */

static void fill_row(const oc_canary_batch *batch, int32_t stream, oc_canary_kept place,
                     const oc_plan_port *port, int64_t row) {
    float *to = (float *)port->view.data + row * port->view.stride;
    oc_canary_noise noise = oc_canary_noise_begin(batch, stream, &place);
    for (int32_t c = 0; c < port->view.columns; c++) {
        to[c] = oc_canary_noise_next(&noise);
    }
}

/* Every row of every sequence; what repeats another one's ids lies in its place. */
static void fill_rows(const oc_canary_batch *batch, int32_t stream, const oc_run *run,
                      const oc_plan_port *port) {
    const int32_t *starts = run->starts[port->rows];
    for (int32_t s = 0; starts != NULL && s < batch->count; s++) {
        int32_t at = batch->tower == OCTAVO_TEXT ? batch->texts.which[s] : s;
        for (int32_t row = starts[at]; row < starts[at + 1]; row++) {
            fill_row(batch, stream, (oc_canary_kept){s, row - starts[at]}, port, row);
        }
    }
    for (int32_t row = 0; starts == NULL && row < run->rows[port->rows]; row++) { /* embeddings */
        fill_row(batch, stream, (oc_canary_kept){0, row + (port->rows == OC_ROWS_TEXTS ? 64 : 0)},
                 port, row);
    }
}

static void fill(const oc_canary_set *set, const part *one, oc_run *run, void *pixels) {
    const oc_canary_batch *batch = &set->batches[one->batch];
    if (one->plan.takes_pixels) {
        oc_canary_batch_pixels(batch, set->image_size, pixels);
    } else if (one->plan.takes_values) {
        oc_canary_batch_values(batch, set->image_size, pixels);
    }
    for (int32_t i = 0; i < one->plan.input_count; i++) {
        fill_rows(batch, one->index, run, &one->plan.inputs[i]);
    }
    run->pixels = pixels;
}

/* Relative rms of one row; infinite where it is not there. */
static double row_deviation(const oc_canary_set *set, const part *one, int32_t kept) {
    const oc_canary *canary = one->canary;
    const oc_canary_batch *batch = &set->batches[one->batch];
    const oc_plan_port *port = &one->plan.outputs[0];
    int64_t columns = canary->expected.shape[1];
    int64_t row = oc_canary_batch_row(batch, &canary->kept[kept], port->rows);
    const float *want = (const float *)canary->expected.const_data + kept * columns;
    const float *got = (const float *)port->view.data + row * port->view.stride;
    bool adds = (canary->flags & OC_CANARY_ADDS) != 0;
    oc_canary_noise noise = oc_canary_noise_begin(batch, one->index, &canary->kept[kept]);
    double wrong = 0, whole = 0, added = 0;
    for (int64_t c = 0; row >= 0 && c < columns; c++) {
        double w = (double)want[c], off = (double)got[c] - w;
        double more = adds ? w - (double)oc_canary_noise_next(&noise) : w;
        wrong += off * off;
        whole += w * w;
        added += more * more;
    }
    double least = adds_least * adds_least * whole;
    added = added > least ? added : least;
    return row < 0 ? INFINITY : wrong == 0 ? 0 : sqrt(wrong / added);
}

/* How a device stores what lies between steps: an index of limits. */
static int32_t storage_of(const oc_device *device) {
    char about[64];
    device->backend->describe(device, about, sizeof about);
    return strncmp(device->backend->name, "ref", 3) == 0 && strstr(about, "f32") == NULL ? 1 : 0;
}

/* What a part's rows say together. */
typedef struct part_verdict {
    double deviation; /* their rms, or a third of the worst, if that is more */
    double worst;
    double few; /* what the limit is to be multiplied by where not all kept rows are looked at */
    int32_t worst_at; /* of kept; -1: no row was looked at */
} part_verdict;

static part_verdict judge(const oc_canary_set *set, const part *one) {
    const oc_canary *canary = one->canary;
    const oc_canary_batch *batch = &set->batches[one->batch];
    oc_rows rows = one->plan.outputs[0].rows;
    bool picked = (rows == OC_ROWS_IMAGES || rows == OC_ROWS_TEXTS) &&
                  !oc_canary_is_called(canary, "image_embeds");
    part_verdict verdict = {.worst_at = -1};
    double sum = 0;
    int32_t count = 0;
    for (int32_t k = 0; k < canary->kept_count; k++) {
        const oc_canary_kept *place = &canary->kept[k];
        if (picked && place->place != oc_canary_batch_end(batch, place->sequence)) {
            continue;
        }
        double deviation = row_deviation(set, one, k);
        sum += deviation * deviation;
        count++;
        if (verdict.worst_at < 0 || !(deviation <= verdict.worst)) { /* a NaN stays the worst */
            verdict.worst = deviation;
            verdict.worst_at = k;
        }
    }
    verdict.deviation = count == 0 ? INFINITY : sqrt(sum / count);
    verdict.few = count == 0 ? 1 : sqrt((double)canary->kept_count / count);
    if (verdict.worst / 3 > verdict.deviation) {
        verdict.deviation = verdict.worst / 3;
    }
    return verdict;
}

static octavo_status deviates(const part *one, const oc_device *device, const part_verdict *verdict,
                              double limit, octavo_error *error) {
    char name[128];
    const oc_canary *canary = one->canary;
    const oc_canary_kept *place = &canary->kept[verdict->worst_at < 0 ? 0 : verdict->worst_at];
    device->backend->describe(device, name, sizeof name);
    octavo_status status = oc_fail(
        error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET, __FILE__, __LINE__,
        "the canary of %s deviates by %.3g (%.3g in row %d of sequence %d) on %s %s, its limit is "
        "%.3g: this device does not compute what the engine was built for",
        canary->output, verdict->deviation, verdict->worst, place->place, place->sequence,
        device->backend->name, name, limit);
    if (error != NULL) {
        error->cause = OCTAVO_CAUSE_CANARY;
    }
    return status;
}

static octavo_status run_part(const oc_canary_set *set, part *one, oc_device *device, void *memory,
                              double *worst, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    char *pixels = (char *)memory + one->plan.arena_bytes;
    oc_run run = run_of(one->canary, &set->batches[one->batch]);
    double limit = (double)one->canary->limits[storage_of(device)];
    oc_plan_bind(&one->plan, memory);
    fill(set, one, &run, pixels);
    OC_TRY(device->backend->run(device, one->plan.steps, one->plan.step_count, &run,
                                pixels + pixel_bytes(set, one), NULL, error));
    part_verdict verdict = judge(set, one);
    limit *= verdict.few;
    if (!(verdict.deviation <= limit)) {
        status = deviates(one, device, &verdict, limit, error);
        goto done;
    }
    *worst = verdict.deviation / limit > *worst ? verdict.deviation / limit : *worst;
done:
    return status;
}

octavo_status oc_canary_set_run(oc_canary_set *set, oc_device *device, int32_t towers, bool all,
                                void *memory, double *worst, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    *worst = 0;
    for (int32_t i = 0; i < set->count; i++) {
        if (is_due(&set->parts[i], towers, all)) {
            OC_TRY(run_part(set, &set->parts[i], device, memory, worst, error));
        }
    }
done:
    return status;
}

/* -- making them ---------------------------------------------------------------------------------
 */

/* Whether each row of the output depends on the same row of the input alone. */
static bool is_rowwise(const oc_plan *plan) {
    bool rowwise = plan->input_count == 1 && plan->inputs[0].rows == plan->outputs[0].rows;
    for (int32_t i = 0; i < plan->step_count; i++) {
        rowwise = rowwise && plan->steps[i].kind != OC_STEP_ATTENTION &&
                  plan->steps[i].kind != OC_STEP_PICK;
    }
    return rowwise;
}

/* A model that only says what the graph is, on the weights' device. */
static octavo_status bare_model(const oc_graph *graph, oc_weights *weights, oc_model *out,
                                octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    *out = (oc_model){.graph = graph, .weights = weights, .device = oc_weights_device(weights)};
    OC_TRY(oc_model_read_graph(out, 0, error));
    out->savings = OC_SAVING(DEDUP_TEXT) | (out->causal ? OC_SAVING(CUT_TEXT) : 0);
done:
    return status;
}

octavo_status oc_canary_compute(const oc_graph *graph, oc_weights *weights, const oc_canary *canary,
                                int32_t index, float *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_device *device = oc_weights_device(weights);
    oc_canary_set *set = NULL;
    oc_model model;
    void *memory = NULL;
    const int32_t starts[] = {0, canary->kept_count};
    int64_t columns = canary->expected.shape[1];
    OC_TRY(bare_model(graph, weights, &model, error));
    OC_TRY(create(&model, canary, 1, index, &set, error));
    size_t bytes = oc_canary_set_run_bytes(set, model.towers, true);
    memory = aligned_alloc(64, bytes);
    if (memory == NULL || set->count == 0) {
        OC_NO_MEMORY(error, bytes);
    }
    part *one = &set->parts[0];
    const oc_canary_batch *batch = &set->batches[one->batch];
    const oc_plan_port *port = &one->plan.outputs[0];
    oc_run run = run_of(canary, batch);
    bool rowwise = is_rowwise(&one->plan);
    char *pixels = (char *)memory + one->plan.arena_bytes;
    oc_plan_bind(&one->plan, memory);
    if (rowwise) { /* the kept rows will do */
        for (int32_t kind = 0; kind < OC_ROWS_COUNT; kind++) {
            bool tokens = kind == OC_ROWS_IMAGE_TOKENS || kind == OC_ROWS_TEXT_TOKENS;
            run.rows[kind] = tokens ? canary->kept_count : 1;
            run.starts[kind] = starts;
        }
        for (int32_t k = 0; k < canary->kept_count; k++) {
            fill_row(batch, index, canary->kept[k], &one->plan.inputs[0], k);
        }
    } else {
        fill(set, one, &run, pixels);
    }
    OC_TRY(device->backend->run(device, one->plan.steps, one->plan.step_count, &run,
                                pixels + pixel_bytes(set, one), NULL, error));
    for (int32_t k = 0; k < canary->kept_count; k++) {
        int64_t row = rowwise ? k : oc_canary_batch_row(batch, &canary->kept[k], port->rows);
        memcpy(out + k * columns, (const float *)port->view.data + row * port->view.stride,
               (size_t)columns * sizeof *out);
    }
done:
    free(memory);
    oc_canary_set_free(set);
    return status;
}
