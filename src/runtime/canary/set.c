/* set.c - see set.h. */
#include "runtime/canary/set.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "runtime/canary/batch.h"
#include "runtime/canary/way.h"

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
        if (batch->tower->bit == canary->tower && batch->seed == canary->seed &&
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
    if (oc_canary_is_logits(canary)) {
        run.rows[oc_towers[oc_logits.columns].sequences] = (int32_t)canary->expected.shape[1];
    }
    return run;
}

static octavo_status add_part(oc_canary_set *set, oc_model *model, const oc_canary *canary,
                              int32_t index, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    part *one = &set->parts[set->count];
    oc_plan_limits limits = {.image_size = model->image_size};
    int32_t most = model->longest[oc_tower_index(oc_tower_of_bit(canary->tower))];
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
        /* not the batch's own: kernels are chosen by it, and a session's are to be the same */
        limits.sequence_max[kind] = run.starts[kind] == NULL ? 1 : most;
    }
    set->count++;
    OC_TRY(oc_canary_plan(model, canary, &limits, &one->plan, error));
done:
    return status;
}

/* Whether the model has the part's towers. */
static bool is_wanted(const oc_canary *canary, int32_t towers) {
    int32_t both = oc_towers[oc_logits.rows].bit | oc_towers[oc_logits.columns].bit;
    int32_t needed = oc_canary_is_logits(canary) ? both : canary->tower;
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
    return one->plan.takes_pixels ? values : one->plan.takes_values ? values * sizeof(float) : 0;
}

static bool is_due(const part *one, int32_t towers, bool all) {
    return is_wanted(one->canary, towers) && (all || (one->canary->flags & OC_CANARY_ONCE) == 0);
}

size_t oc_canary_set_queue_bytes(const oc_canary_set *set, int32_t towers, bool all,
                                 int32_t threads) {
    size_t most = 0;
    for (int32_t i = 0; i < set->count; i++) {
        size_t bytes = oc_plan_bytes(&set->parts[i].plan, threads);
        most = is_due(&set->parts[i], towers, all) && bytes > most ? bytes : most;
    }
    return most;
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

/* -- programs ------------------------------------------------------------------------------------
 */

struct oc_canary_programs {
    const oc_canary_set *set;
    const oc_device *device;
    oc_queue *queue;
    oc_program **programs; /* [set->count]; NULL: not of these towers */
    void *pixels;          /* of the part at hand */
    float *row;            /* one row of any input or output */
};

octavo_status oc_canary_programs_create(const oc_canary_set *set, const oc_device *device,
                                        oc_queue *queue, int32_t towers, bool all,
                                        oc_canary_programs **out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_canary_programs *p = calloc(1, sizeof *p);
    size_t pixels = 1, columns = 1;
    *out = NULL;
    if (p == NULL) {
        OC_NO_MEMORY(error, sizeof *p);
    }
    p->set = set;
    p->device = device;
    p->queue = queue;
    p->programs = calloc((size_t)set->count + 1, sizeof(oc_program *));
    if (p->programs == NULL) {
        OC_NO_MEMORY(error, ((size_t)set->count + 1) * sizeof(oc_program *));
    }
    for (int32_t i = 0; i < set->count; i++) {
        const part *one = &set->parts[i];
        if (!is_due(one, towers, all)) {
            continue;
        }
        OC_TRY(queue->backend->compile(queue, &one->plan, &p->programs[i], error));
        size_t most = pixel_bytes(set, one), width = (size_t)one->plan.outputs[0].view.columns;
        pixels = most > pixels ? most : pixels;
        for (int32_t j = 0; j < one->plan.input_count; j++) {
            size_t wide = (size_t)one->plan.inputs[j].view.columns;
            width = wide > width ? wide : width;
        }
        columns = width > columns ? width : columns;
    }
    p->pixels = malloc(pixels);
    p->row = malloc(columns * sizeof *p->row);
    if (p->pixels == NULL || p->row == NULL) {
        OC_NO_MEMORY(error, pixels + columns * sizeof *p->row);
    }
    *out = p;
    p = NULL;
done:
    oc_canary_programs_free(p);
    return status;
}

void oc_canary_programs_free(oc_canary_programs *p) {
    if (p == NULL) {
        return;
    }
    for (int32_t i = 0; p->programs != NULL && i < p->set->count; i++) {
        p->queue->backend->program_free(p->programs[i]);
    }
    free(p->programs);
    free(p->pixels);
    free(p->row);
    free(p);
}

/* -- one run ------------------------------------------------------------------------------------
 */

static octavo_status fill_row(oc_canary_programs *p, const part *one, oc_canary_kept place,
                              const oc_plan_port *port, int32_t row, octavo_error *error) {
    oc_canary_noise noise = oc_canary_noise_begin(&p->set->batches[one->batch], one->index, &place);
    for (int32_t c = 0; c < port->view.columns; c++) {
        p->row[c] = oc_canary_noise_next(&noise);
    }
    return p->queue->backend->write(p->queue, &one->plan, &port->view, row, 1, p->row, error);
}

/* Every row of every sequence; what repeats another one's ids lies in its place. */
static octavo_status fill_rows(oc_canary_programs *p, const part *one, const oc_run *run,
                               const oc_plan_port *port, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_canary_batch *batch = &p->set->batches[one->batch];
    const int32_t *starts = run->starts[port->rows];
    oc_rows columns = oc_towers[oc_logits.columns].sequences;
    for (int32_t s = 0; starts != NULL && s < batch->count; s++) {
        int32_t at = oc_tower_is_packed(batch->tower) ? batch->texts.which[s] : s;
        for (int32_t row = starts[at]; row < starts[at + 1]; row++) {
            OC_TRY(fill_row(p, one, (oc_canary_kept){s, row - starts[at]}, port, row, error));
        }
    }
    for (int32_t row = 0; starts == NULL && row < run->rows[port->rows]; row++) { /* embeddings */
        oc_canary_kept place = {0, row + (port->rows == columns ? 64 : 0)};
        OC_TRY(fill_row(p, one, place, port, row, error));
    }
done:
    return status;
}

static octavo_status fill(oc_canary_programs *p, const part *one, oc_run *run,
                          octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_canary_batch *batch = &p->set->batches[one->batch];
    if (one->plan.takes_pixels) {
        oc_canary_batch_pixels(batch, p->set->image_size, p->pixels);
    } else if (one->plan.takes_values) {
        oc_canary_batch_values(batch, p->set->image_size, p->pixels);
    }
    run->pixels = p->pixels;
    for (int32_t i = 0; i < one->plan.input_count; i++) {
        OC_TRY(fill_rows(p, one, run, &one->plan.inputs[i], error));
    }
done:
    return status;
}

/* Row `row` of the part's output, [columns], into p->row. */
static octavo_status read_row(oc_canary_programs *p, const part *one, int64_t row, int64_t columns,
                              octavo_error *error) {
    oc_view view = one->plan.outputs[0].view;
    view.columns = (int32_t)columns; /* of logits: as many as there are texts */
    return p->queue->backend->read(p->queue, &one->plan, &view, (int32_t)row, NULL, 1, p->row,
                                   error);
}

/* Relative rms of one row; infinite where it is not there. */
static octavo_status row_deviation(oc_canary_programs *p, const part *one, int32_t kept,
                                   double *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_canary *canary = one->canary;
    const oc_canary_batch *batch = &p->set->batches[one->batch];
    int64_t columns = canary->expected.shape[1];
    int64_t row = oc_canary_batch_row(batch, &canary->kept[kept], one->plan.outputs[0].rows);
    const float *want = (const float *)canary->expected.const_data + kept * columns;
    bool adds = (canary->flags & OC_CANARY_ADDS) != 0;
    oc_canary_noise noise = oc_canary_noise_begin(batch, one->index, &canary->kept[kept]);
    double wrong = 0, whole = 0, added = 0;
    *out = INFINITY;
    if (row < 0) {
        goto done;
    }
    OC_TRY(read_row(p, one, row, columns, error));
    for (int64_t c = 0; c < columns; c++) {
        double w = (double)want[c], off = (double)p->row[c] - w;
        double more = adds ? w - (double)oc_canary_noise_next(&noise) : w;
        wrong += off * off;
        whole += w * w;
        added += more * more;
    }
    double least = adds_least * adds_least * whole;
    added = added > least ? added : least;
    *out = wrong == 0 ? 0 : sqrt(wrong / added);
done:
    return status;
}

/* What a part's rows say together. */
typedef struct part_verdict {
    double deviation; /* their rms, or a third of the worst, if that is more */
    double worst;
    double few; /* what the limit is to be multiplied by where not all kept rows are looked at */
    int32_t worst_at; /* of kept; -1: no row was looked at */
} part_verdict;

static octavo_status judge(oc_canary_programs *p, const part *one, part_verdict *out,
                           octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_canary *canary = one->canary;
    const oc_canary_batch *batch = &p->set->batches[one->batch];
    oc_rows rows = one->plan.outputs[0].rows;
    bool picked = !oc_rows_are_tokens(rows) && !oc_canary_is_logits(canary);
    part_verdict verdict = {.worst_at = -1};
    double sum = 0;
    int32_t count = 0;
    for (int32_t k = 0; k < canary->kept_count; k++) {
        const oc_canary_kept *place = &canary->kept[k];
        double deviation;
        if (picked && place->place != oc_canary_batch_end(batch, place->sequence)) {
            continue;
        }
        OC_TRY(row_deviation(p, one, k, &deviation, error));
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
    *out = verdict;
done:
    return status;
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

static octavo_status run_part(oc_canary_programs *p, int32_t i, double *worst,
                              octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_backend *backend = p->queue->backend;
    const part *one = &p->set->parts[i];
    int32_t storage = backend->traits(p->device).storage == OCTAVO_F32 ? 0 : 1;
    double limit = (double)one->canary->limits[storage];
    oc_run run = run_of(one->canary, &p->set->batches[one->batch]);
    part_verdict verdict;
    oc_ticket ticket;
    OC_TRY(fill(p, one, &run, error));
    OC_TRY(backend->submit(p->queue, p->programs[i], &run, 0, NULL, &ticket, error));
    OC_TRY(backend->wait(p->queue, ticket, 0, error));
    OC_TRY(judge(p, one, &verdict, error));
    limit *= verdict.few;
    if (!(verdict.deviation <= limit)) {
        status = deviates(one, p->device, &verdict, limit, error);
        goto done;
    }
    *worst = verdict.deviation / limit > *worst ? verdict.deviation / limit : *worst;
done:
    return status;
}

octavo_status oc_canary_programs_run(oc_canary_programs *p, double *worst, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    *worst = 0;
    for (int32_t i = 0; i < p->set->count; i++) {
        if (p->programs[i] != NULL) {
            OC_TRY(run_part(p, i, worst, error));
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

octavo_status oc_canary_compute(const oc_graph *graph, oc_weights *weights, int32_t threads,
                                const oc_canary *canary, int32_t index, float *out,
                                octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_device *device = oc_weights_device(weights);
    const oc_backend *backend = device->backend;
    oc_canary_set *set = NULL;
    oc_canary_programs *p = NULL;
    oc_queue *queue = NULL;
    oc_model model;
    oc_ticket ticket;
    const int32_t starts[] = {0, canary->kept_count};
    int64_t columns = canary->expected.shape[1];
    OC_TRY(bare_model(graph, weights, &model, error));
    OC_TRY(create(&model, canary, 1, index, &set, error));
    if (set->count == 0) {
        OC_FAIL(error, OCTAVO_INTERNAL, OCTAVO_NO_OFFSET, "the canary of %s is of no tower",
                canary->output);
    }
    OC_TRY(backend->queue_create(device, threads,
                                 oc_canary_set_queue_bytes(set, model.towers, true, threads),
                                 &queue, error));
    OC_TRY(oc_canary_programs_create(set, device, queue, model.towers, true, &p, error));
    const part *one = &set->parts[0];
    const oc_canary_batch *batch = &set->batches[one->batch];
    oc_run run = run_of(canary, batch);
    bool rowwise = is_rowwise(&one->plan);
    if (rowwise) { /* the kept rows will do */
        for (int32_t kind = 0; kind < OC_ROWS_COUNT; kind++) {
            run.rows[kind] = oc_rows_are_tokens((oc_rows)kind) ? canary->kept_count : 1;
            run.starts[kind] = starts;
        }
        for (int32_t k = 0; k < canary->kept_count; k++) {
            OC_TRY(fill_row(p, one, canary->kept[k], &one->plan.inputs[0], k, error));
        }
    } else {
        OC_TRY(fill(p, one, &run, error));
    }
    OC_TRY(backend->submit(queue, p->programs[0], &run, 0, NULL, &ticket, error));
    OC_TRY(backend->wait(queue, ticket, 0, error));
    for (int32_t k = 0; k < canary->kept_count; k++) {
        int64_t row =
            rowwise ? k : oc_canary_batch_row(batch, &canary->kept[k], one->plan.outputs[0].rows);
        OC_TRY(read_row(p, one, row, columns, error));
        memcpy(out + k * columns, p->row, (size_t)columns * sizeof *out);
    }
done:
    oc_canary_programs_free(p);
    backend->queue_free(queue);
    oc_canary_set_free(set);
    return status;
}
