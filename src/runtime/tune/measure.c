/* measure.c - see measure.h. */
#include "runtime/tune/measure.h"

#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "num/rng.h"
#include "runtime/towers.h"

enum {
    CYCLE_BYTES = 128 << 20, /* of the copies of a weight: twice the largest second-level cache */
    COPIES_LEAST = 4,
    COPIES_MOST = 128,
    STEPS = 32, /* of a step without a weight */
    SETS = 2,   /* of activations */
    WARM_UP = 3,
    ROUNDS_LEAST = 3,
    ROUNDS_MOST = 200,
    FILL_ROWS = 64,
    ALIGN = 256
};

typedef struct bench {
    oc_device *device;
    const oc_plan *from;
    oc_plan plan;         /* the step, again and again */
    oc_constant **copies; /* of its weight, the original not among them */
    int32_t copy_count;
    oc_queue *queue;
    oc_program **programs; /* one a way */
    int32_t program_count;
    int32_t *words; /* the run's arrays */
    uint8_t *mask;
    oc_run run;
} bench;

static void bench_free(bench *b) {
    const oc_backend *backend = b->device->backend;
    for (int32_t i = 0; i < b->program_count; i++) {
        backend->program_free(b->programs[i]);
    }
    backend->queue_free(b->queue);
    for (int32_t i = 0; i < b->copy_count; i++) {
        backend->constant_free(b->device, b->copies[i]);
    }
    free(b->programs);
    free(b->copies);
    free(b->plan.steps);
    free(b->plan.buffers);
    free(b->words);
    free(b->mask);
}

/* -- the plan ------------------------------------------------------------------------------- */

/* Gives a view the buffer of a set that stands for its own one, which is made at first sight;
 * `known` [OC_STEP_VIEWS] holds the buffers of the original that were seen. */
static void place_view(bench *b, oc_view *view, int32_t set, int32_t *known, int32_t *count) {
    int32_t at = 0;
    if (view->columns == 0) {
        return;
    }
    while (at < *count && known[at] != view->buffer) {
        at++;
    }
    oc_plan_buffer *to = &b->plan.buffers[set * OC_STEP_VIEWS + at];
    if (at == *count) {
        known[(*count)++] = view->buffer;
        *to = b->from->buffers[view->buffer];
        to->offset = b->plan.arena_bytes;
        b->plan.arena_bytes = oc_round_up(to->offset + to->bytes, ALIGN);
    }
    view->buffer = set * OC_STEP_VIEWS + at;
}

/* The weight that a step reads as a whole, or NULL. */
static const oc_constant **weight_of(oc_step *step) {
    return step->kind == OC_STEP_GEMM ? &step->u.gemm.weight : NULL;
}

static octavo_status copy_weights(bench *b, const oc_constant *weight, int32_t count,
                                  octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    b->copies = calloc((size_t)count, sizeof *b->copies);
    if (b->copies == NULL) {
        OC_NO_MEMORY(error, (size_t)count * sizeof *b->copies);
    }
    while (b->copy_count < count - 1) {
        OC_TRY(
            b->device->backend->constant_copy(b->device, weight, &b->copies[b->copy_count], error));
        b->copy_count++;
    }
done:
    return status;
}

static octavo_status make_plan(bench *b, int32_t index, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_step step = b->from->steps[index], sets[SETS];
    const oc_constant **weight = weight_of(&step);
    int32_t count = STEPS;
    if (weight != NULL) {
        size_t wanted = CYCLE_BYTES / ((*weight)->bytes + 1) + 1;
        count = wanted < COPIES_LEAST  ? COPIES_LEAST
                : wanted > COPIES_MOST ? COPIES_MOST
                                       : (int32_t)wanted;
        OC_TRY(copy_weights(b, *weight, count, error));
    }
    b->plan.limits = b->from->limits;
    b->plan.scratch = b->from->scratch;
    b->plan.steps = calloc((size_t)count, sizeof *b->plan.steps);
    b->plan.buffers = calloc(SETS * OC_STEP_VIEWS, sizeof *b->plan.buffers);
    if (b->plan.steps == NULL || b->plan.buffers == NULL) {
        OC_NO_MEMORY(error, (size_t)count * sizeof *b->plan.steps);
    }
    b->plan.buffer_count = SETS * OC_STEP_VIEWS;
    for (int32_t set = 0; set < SETS; set++) {
        oc_view *views[OC_STEP_VIEWS] = {0};
        int32_t known[OC_STEP_VIEWS], seen = 0;
        sets[set] = step;
        int32_t view_count = oc_step_views(&sets[set], views);
        for (int32_t v = 0; v < view_count; v++) {
            place_view(b, views[v], set, known, &seen);
        }
    }
    b->plan.step_count = count;
    for (int32_t i = 0; i < count; i++) {
        oc_step *to = &b->plan.steps[i];
        *to = sets[i % SETS];
        if (weight != NULL && i > 0) {
            *weight_of(to) = b->copies[i - 1];
        }
    }
done:
    return status;
}

/* -- the run -------------------------------------------------------------------------------- */

/* As many sequences of the greatest length as there is room for; of the step's own rows, where it
 * knows no sequences, as many as can be. */
static octavo_status make_run(bench *b, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_plan_limits *limits = &b->plan.limits;
    const oc_step *step = &b->plan.steps[0];
    size_t words = 0, at = 0;
    for (int32_t set = 0; set < OC_ROWS_COUNT; set++) {
        words += 2 * ((size_t)limits->rows_max[set] + 1);
    }
    b->words = calloc(words, sizeof *b->words);
    b->mask = malloc(words);
    if (b->words == NULL || b->mask == NULL) {
        OC_NO_MEMORY(error, words * sizeof *b->words);
    }
    memset(b->mask, 1, words);
    for (int32_t t = 0; t < OC_TOWERS; t++) {
        const oc_tower *tower = &oc_towers[t];
        int32_t length = limits->sequence_max[tower->tokens];
        int32_t room = length == 0 ? 0 : limits->rows_max[tower->tokens] / length;
        int32_t most = limits->rows_max[tower->sequences];
        int32_t sequences = room < most ? room : most, *starts = b->words + at;
        for (int32_t s = 0; s <= most; s++) {
            starts[s] = (s < sequences ? s : sequences) * length;
        }
        at += (size_t)most + 1;
        b->run.starts[tower->tokens] = starts;
        b->run.rows[tower->tokens] = sequences * length;
        b->run.rows[tower->sequences] = sequences;
        if (oc_tower_is_packed(tower)) {
            int32_t *ends = b->words + at;
            for (int32_t s = 0; s < most; s++) {
                ends[s] = length - 1;
            }
            at += (size_t)most;
            b->run.ends = ends;
            b->run.ids = b->run.positions = b->words + at; /* nobody looks them up */
            b->run.key_mask = b->mask;
            at += (size_t)limits->rows_max[tower->tokens];
        }
    }
    OC_ASSERT(at <= words);
    if (step->kind != OC_STEP_ATTENTION) {
        b->run.rows[step->rows] = limits->rows_max[step->rows];
    }
done:
    return status;
}

/* Numbers of ordinary size: what a card computes decides how fast its clock is. */
static octavo_status fill(bench *b, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_plan *plan = &b->plan;
    oc_rng rng;
    float *rows = NULL;
    int32_t widest = 1;
    for (int32_t i = 0; i < plan->buffer_count; i++) {
        widest = plan->buffers[i].columns > widest ? plan->buffers[i].columns : widest;
    }
    size_t values = (size_t)widest * FILL_ROWS;
    oc_rng_init(&rng, 1, 0);
    rows = malloc(values * sizeof *rows);
    if (rows == NULL) {
        OC_NO_MEMORY(error, values * sizeof *rows);
    }
    for (int32_t i = 0; i < plan->buffer_count; i++) {
        const oc_plan_buffer *buffer = &plan->buffers[i];
        oc_view view = {.buffer = i, .columns = buffer->columns, .dtype = buffer->dtype};
        int32_t count = buffer->columns == 0 ? 0 : plan->limits.rows_max[buffer->rows];
        uint8_t *codes = (uint8_t *)rows;
        for (size_t v = 0; v < values; v++) {
            uint64_t bits = oc_rng_bits(&rng);
            if (oc_is_codes(buffer->dtype)) {
                codes[v] = (uint8_t)(bits & 0xbf); /* below 2 */
            } else {
                rows[v] = (float)((double)(bits >> 40) * 0x1p-22 - 2);
            }
        }
        for (int32_t at = 0; at < count; at += FILL_ROWS) {
            int32_t here = count - at < FILL_ROWS ? count - at : FILL_ROWS;
            OC_TRY(b->device->backend->write(b->queue, plan, &view, at, here, rows, error));
        }
    }
done:
    free(rows);
    return status;
}

/* -- the times ------------------------------------------------------------------------------ */

static octavo_status make_programs(bench *b, const oc_tactic *tactics, int32_t count,
                                   octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_backend *backend = b->device->backend;
    OC_TRY(backend->queue_create(b->device, 1, oc_plan_bytes(&b->plan, 1), &b->queue, error));
    b->programs = calloc((size_t)count, sizeof(oc_program *));
    if (b->programs == NULL) {
        OC_NO_MEMORY(error, (size_t)count * sizeof(oc_program *));
    }
    for (int32_t i = 0; i < count; i++) {
        for (int32_t s = 0; s < b->plan.step_count; s++) {
            b->plan.steps[s].tactic = tactics[i].number;
        }
        OC_TRY(backend->compile(b->queue, &b->plan, &b->programs[i], error));
        b->program_count++;
    }
    (void)backend->times(b->queue); /* from now on it takes them */
done:
    return status;
}

/* Seconds of one step of one run of a program. */
static octavo_status time_once(bench *b, int32_t way, double *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_backend *backend = b->device->backend;
    oc_ticket ticket;
    OC_TRY(backend->submit(b->queue, b->programs[way], &b->run, 0, NULL, &ticket, error));
    OC_TRY(backend->wait(b->queue, ticket, 0, error));
    *out = backend->times(b->queue).device / b->plan.step_count;
    if (!(*out >= 0)) {
        OC_FAIL(error, OCTAVO_UNAVAILABLE, OCTAVO_NO_OFFSET,
                "device %s does not tell how long it worked on step %s", backend->name,
                b->plan.steps[0].name);
    }
done:
    return status;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static octavo_status time_all(bench *b, double seconds, double *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int32_t count = b->program_count, rounds = 0;
    size_t bytes = (size_t)count * ROUNDS_MOST * sizeof(double);
    double *times = malloc(bytes), unused;
    if (times == NULL) {
        OC_NO_MEMORY(error, bytes);
    }
    for (int32_t i = 0; i < WARM_UP * count; i++) {
        OC_TRY(time_once(b, i % count, &unused, error));
    }
    uint64_t end = oc_clock_ns() + (uint64_t)(seconds * 1e9);
    while (rounds < ROUNDS_LEAST || (rounds < ROUNDS_MOST && oc_clock_ns() < end)) {
        for (int32_t i = 0; i < count; i++) {
            OC_TRY(time_once(b, i, &times[i * ROUNDS_MOST + rounds], error));
        }
        rounds++;
    }
    for (int32_t i = 0; i < count; i++) {
        qsort(times + i * ROUNDS_MOST, (size_t)rounds, sizeof *times, by_value);
        out[i] = times[i * ROUNDS_MOST + rounds / 2];
    }
done:
    free(times);
    return status;
}

octavo_status oc_measure_step(oc_device *device, const oc_plan *plan, int32_t index,
                              const oc_tactic *tactics, int32_t count, double seconds, double *out,
                              octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    bench b = {.device = device, .from = plan};
    OC_TRY(make_plan(&b, index, error));
    OC_TRY(make_run(&b, error));
    OC_TRY(make_programs(&b, tactics, count, error));
    OC_TRY(fill(&b, error));
    OC_TRY(time_all(&b, seconds, out, error));
done:
    bench_free(&b);
    return status;
}
