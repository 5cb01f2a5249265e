/* watch.c - see watch.h. */
#include "watch/watch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/sys/clock.h"
#include "watch/watch_fields.h"

static const double FALSE_ALARMS = 1e-6;
static const double WAY_BACK = 0.8;  /* of a threshold */
static const double SAVED_NS = 50e6; /* of budget, for bursts: about 5,000 rows */
enum { WINDOW = 1000, CALM = OC_WATCH_BLOCKS };

const char *oc_watch_state_name(oc_watch_state state) {
    static const char *const names[] = {"unknown", "ok", "warning", "alarm"};
    return names[state + 1];
}

/* -- making --------------------------------------------------------------------------------- */

static octavo_status make_sums(const oc_reference *reference, int32_t tower, oc_watch_sums *out,
                               octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    size_t count = (size_t)reference->quantizer_count + 1;
    OC_TRY(oc_sketch_create(&reference->towers[tower], &out->sketch, error));
    out->codes = calloc(count, sizeof *out->codes);
    if (out->codes == NULL) {
        OC_NO_MEMORY(error, count * sizeof *out->codes);
    }
done:
    return status;
}

static void free_sums(oc_watch_sums *sums) {
    oc_sketch_free(&sums->sketch);
    free(sums->codes);
}

static void clear(const oc_reference *reference, int32_t tower, oc_watch_sums *sums) {
    oc_sketch_clear(&reference->towers[tower], &sums->sketch);
    memset(sums->codes, 0, (size_t)reference->quantizer_count * sizeof *sums->codes);
}

static void join(const oc_reference *reference, int32_t tower, oc_watch_sums *to,
                 const oc_watch_sums *from) {
    oc_sketch_join(&reference->towers[tower], &to->sketch, &from->sketch);
    for (int32_t q = 0; q < reference->quantizer_count; q++) {
        oc_code_sums_join(&to->codes[q], &from->codes[q]);
    }
}

static octavo_status make_tower(oc_watch *watch, int32_t t, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_reference *reference = watch->reference;
    oc_watch_tower *tower = &watch->towers[t];
    for (int32_t i = 0; i < OC_WATCH_LANES; i++) {
        oc_watch_lane *lane = &tower->lanes[i];
        lane->has_lock = pthread_mutex_init(&lane->lock, NULL) == 0;
        OC_TRY(oc_row_maker_create(&reference->towers[t], oc_reference_other(reference, t),
                                   &lane->maker, error));
        OC_TRY(make_sums(reference, t, &lane->sums, error));
    }
    for (int32_t i = 0; i < OC_WATCH_BLOCKS; i++) {
        OC_TRY(make_sums(reference, t, &tower->blocks[i], error));
    }
    OC_TRY(make_sums(reference, t, &tower->window, error));
    for (int32_t i = 0; i < OC_STATISTIC_COUNT; i++) {
        tower->values[i] = (oc_watch_value){.now = {.quantizer = -1}, .state = OC_WATCH_UNKNOWN};
    }
done:
    return status;
}

static octavo_status read_options(const oc_watch_options *options, oc_watch_options *out,
                                  octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    *out = options == NULL ? (oc_watch_options){0} : *options;
    out->false_alarms = out->false_alarms == 0 ? FALSE_ALARMS : out->false_alarms;
    out->tolerance = out->tolerance == 0 ? 1 : out->tolerance;
    out->window = out->window == 0 ? WINDOW : out->window;
    if (!(out->false_alarms >= 1e-10 && out->false_alarms <= 0.1) ||
        !(out->tolerance >= 0.01 && out->tolerance <= 100)) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "a watch with a false-alarm rate of %g and a tolerance of %g: the first must be "
                "1e-10 to 0.1, the second 0.01 to 100",
                out->false_alarms, out->tolerance);
    }
    if (!(out->budget >= 0 && out->budget <= 1) || (out->window > 0 && out->window < 64)) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "a watch with a budget of %g and a window of %d rows: the first must be 0 to 1, "
                "the second 64 or more, or below 0 for all rows",
                out->budget, out->window);
    }
done:
    return status;
}

octavo_status oc_watch_create(const oc_reference *reference, const oc_watch_options *options,
                              oc_watch **out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_watch *watch = calloc(1, sizeof *watch);
    *out = NULL;
    if (watch == NULL) {
        OC_NO_MEMORY(error, sizeof *watch);
    }
    OC_TRY(read_options(options, &watch->options, error));
    watch->reference = reference;
    watch->has_lock = pthread_mutex_init(&watch->lock, NULL) == 0;
    int32_t window = watch->options.window < 0 ? WINDOW : watch->options.window;
    watch->block_rows = window / OC_WATCH_BLOCKS;
    atomic_init(&watch->state, OC_WATCH_UNKNOWN);
    oc_bounds_find(reference, watch->options.false_alarms, &watch->bounds);
    watch->towers = calloc((size_t)reference->tower_count, sizeof *watch->towers);
    if (watch->towers == NULL) {
        OC_NO_MEMORY(error, (size_t)reference->tower_count * sizeof *watch->towers);
    }
    for (int32_t t = 0; t < reference->tower_count; t++) {
        OC_TRY(make_tower(watch, t, error));
    }
    *out = watch;
    watch = NULL;
done:
    oc_watch_free(watch);
    return status;
}

void oc_watch_free(oc_watch *watch) {
    if (watch == NULL) {
        return;
    }
    for (int32_t t = 0; watch->towers != NULL && t < watch->reference->tower_count; t++) {
        oc_watch_tower *tower = &watch->towers[t];
        for (int32_t i = 0; i < OC_WATCH_LANES; i++) {
            if (tower->lanes[i].has_lock) {
                pthread_mutex_destroy(&tower->lanes[i].lock);
            }
            oc_row_maker_free(&tower->lanes[i].maker);
            free_sums(&tower->lanes[i].sums);
        }
        for (int32_t i = 0; i < OC_WATCH_BLOCKS; i++) {
            free_sums(&tower->blocks[i]);
        }
        free_sums(&tower->window);
    }
    if (watch->has_lock) {
        pthread_mutex_destroy(&watch->lock);
    }
    free(watch->towers);
    free(watch);
}

/* -- states --------------------------------------------------------------------------------- */

static oc_watch_state state_of(double sure, double warning, double alarm) {
    return sure >= alarm ? OC_WATCH_ALARM : sure >= warning ? OC_WATCH_WARNING : OC_WATCH_OK;
}

static void judge(const oc_watch *watch, oc_watch_tower *tower, oc_statistic statistic,
                  const oc_comparison *now) {
    oc_watch_value *value = &tower->values[statistic];
    double scale = watch->options.tolerance;
    double warning = oc_statistic_warning(statistic) * scale;
    double alarm = oc_statistic_alarm(statistic) * scale;
    if (!now->is_known) {
        return;
    }
    oc_watch_state state = state_of(now->sure, warning, alarm);
    double leave = WAY_BACK * (value->state == OC_WATCH_ALARM ? alarm : warning);
    value->now = *now;
    tower->calm[statistic] = now->sure < leave ? tower->calm[statistic] + 1 : 0;
    if (state > value->state || (state < value->state && tower->calm[statistic] >= CALM)) {
        value->state = state;
        value->since = atomic_load(&tower->watched);
        tower->calm[statistic] = 0;
    }
}

static void find_worst(oc_watch *watch) {
    int worst = OC_WATCH_UNKNOWN;
    for (int32_t t = 0; t < watch->reference->tower_count; t++) {
        for (int32_t i = 0; i < OC_STATISTIC_COUNT; i++) {
            int state = watch->towers[t].values[i].state;
            worst = state > worst ? state : worst;
        }
    }
    atomic_store(&watch->state, worst);
}

/* -- windows -------------------------------------------------------------------------------- */

/* What the lanes have becomes the next block; all with the watch's lock. */
static void take_block(oc_watch *watch, int32_t t) {
    oc_watch_tower *tower = &watch->towers[t];
    oc_watch_sums *block = &tower->blocks[tower->next_block];
    bool endless = watch->options.window < 0;
    if (!endless) {
        clear(watch->reference, t, block);
        tower->next_block = (tower->next_block + 1) % OC_WATCH_BLOCKS;
    }
    for (int32_t i = 0; i < OC_WATCH_LANES; i++) {
        oc_watch_lane *lane = &tower->lanes[i];
        pthread_mutex_lock(&lane->lock);
        atomic_fetch_sub(&tower->pending, lane->sums.sketch.rows);
        join(watch->reference, t, block, &lane->sums);
        clear(watch->reference, t, &lane->sums);
        pthread_mutex_unlock(&lane->lock);
    }
    if (tower->block_count < (endless ? 1 : OC_WATCH_BLOCKS)) {
        tower->block_count++;
    }
}

/* The latest two blocks, four and all: what is new shows in the first, what is small in the last.
 * Of each statistic that counts by which the most is sure, or else the last. */
static void compare_windows(const oc_watch *watch, int32_t t,
                            oc_comparison surest[OC_STATISTIC_COUNT]) {
    oc_watch_tower *tower = &watch->towers[t];
    oc_comparison now[OC_STATISTIC_COUNT];
    int32_t newest = tower->next_block + (watch->options.window < 0 ? 0 : OC_WATCH_BLOCKS - 1);
    clear(watch->reference, t, &tower->window);
    for (int32_t i = 0; i < tower->block_count; i++) {
        const oc_watch_sums *block = &tower->blocks[(newest - i) % OC_WATCH_BLOCKS];
        bool is_last = i + 1 == tower->block_count;
        join(watch->reference, t, &tower->window, block);
        if (i + 1 != 2 && i + 1 != 4 && !is_last) {
            continue;
        }
        oc_compare(watch->reference, t, &watch->bounds, &tower->window.sketch, tower->window.codes,
                   now);
        for (int32_t s = 0; s < OC_STATISTIC_COUNT; s++) {
            bool is_surer = now[s].sure > surest[s].sure || surest[s].sure == 0;
            surest[s] = now[s].is_known && is_surer ? now[s] : surest[s];
        }
    }
}

static void compare(oc_watch *watch, int32_t t) {
    oc_watch_tower *tower = &watch->towers[t];
    oc_comparison now[OC_STATISTIC_COUNT] = {{.is_known = false}};
    oc_watch_moment *moment = &tower->history[tower->comparisons++ % OC_WATCH_HISTORY];
    compare_windows(watch, t, now);
    moment->rows = atomic_load(&tower->watched);
    for (int32_t i = 0; i < OC_STATISTIC_COUNT; i++) {
        judge(watch, tower, (oc_statistic)i, &now[i]);
        moment->distance[i] = now[i].is_known ? (float)now[i].distance : NAN;
        moment->chance[i] = now[i].is_known ? (float)now[i].chance : NAN;
    }
    find_worst(watch);
}

static void compare_from(oc_watch *watch, int32_t tower, int64_t least) {
    pthread_mutex_lock(&watch->lock);
    if (atomic_load(&watch->towers[tower].pending) >= least) { /* or another thread did it */
        take_block(watch, tower);
        compare(watch, tower);
    }
    pthread_mutex_unlock(&watch->lock);
}

void oc_watch_flush(oc_watch *watch) {
    for (int32_t t = 0; t < watch->reference->tower_count; t++) {
        compare_from(watch, t, 1);
    }
}

/* -- rows ----------------------------------------------------------------------------------- */

bool oc_watch_wants(oc_watch *watch, int32_t tower, int32_t rows) {
    atomic_fetch_add_explicit(&watch->towers[tower].seen, rows, memory_order_relaxed);
    return watch->options.budget == 0 ||
           atomic_load_explicit(&watch->paid_until, memory_order_relaxed) <=
               (long long)oc_clock_ns();
}

void oc_watch_spend(oc_watch *watch, uint64_t nanoseconds) {
    if (watch->options.budget > 0) { /* two threads may lose one of both amounts: it does no harm */
        long long saved = (long long)oc_clock_ns() - (long long)(SAVED_NS / watch->options.budget);
        long long paid = atomic_load_explicit(&watch->paid_until, memory_order_relaxed);
        paid = (paid > saved ? paid : saved) +
               (long long)((double)nanoseconds / watch->options.budget);
        atomic_store_explicit(&watch->paid_until, paid, memory_order_relaxed);
    }
}

/* A lane that no other thread is in, if there is one; locked. */
static oc_watch_lane *enter_lane(oc_watch *watch, oc_watch_tower *tower) {
    unsigned first = atomic_fetch_add_explicit(&watch->turn, 1, memory_order_relaxed);
    for (unsigned i = 0; i < OC_WATCH_LANES; i++) {
        oc_watch_lane *lane = &tower->lanes[(first + i) % OC_WATCH_LANES];
        if (pthread_mutex_trylock(&lane->lock) == 0) {
            return lane;
        }
    }
    pthread_mutex_lock(&tower->lanes[first % OC_WATCH_LANES].lock);
    return &tower->lanes[first % OC_WATCH_LANES];
}

void oc_watch_add(oc_watch *watch, const oc_watch_batch *batch) {
    const oc_tower_reference *reference = &watch->reference->towers[batch->tower];
    oc_watch_tower *tower = &watch->towers[batch->tower];
    int32_t rows = batch->embeddings == NULL ? 0 : batch->rows, made = 0;
    oc_watch_lane *lane = enter_lane(watch, tower);
    for (int32_t r = 0; r < rows; r++) {
        if (oc_row_make(&lane->maker, batch->embeddings + (int64_t)r * reference->dim)) {
            oc_sketch_add(reference, &lane->sums.sketch, &lane->maker,
                          batch->scalars + (int64_t)r * OC_SCALAR_COUNT, batch->is_raw);
            made++;
        }
    }
    for (int32_t q = 0; batch->codes != NULL && q < watch->reference->quantizer_count; q++) {
        oc_code_sums_add(&lane->sums.codes[q], &batch->codes[q], batch->code_rows);
    }
    long long pending = atomic_fetch_add(&tower->pending, made) + made;
    atomic_fetch_add(&tower->watched, made);
    atomic_fetch_add(&tower->refused, rows - made);
    pthread_mutex_unlock(&lane->lock);
    if (pending >= watch->block_rows) {
        compare_from(watch, batch->tower, watch->block_rows);
    }
}

/* -- reading -------------------------------------------------------------------------------- */

oc_watch_value oc_watch_value_of(oc_watch *watch, int32_t tower, oc_statistic statistic) {
    pthread_mutex_lock(&watch->lock);
    oc_watch_value value = watch->towers[tower].values[statistic];
    pthread_mutex_unlock(&watch->lock);
    return value;
}

oc_watch_state oc_watch_state_of(const oc_watch *watch) {
    return (oc_watch_state)atomic_load(&watch->state);
}

oc_watch_counts oc_watch_counts_of(oc_watch *watch, int32_t t) {
    oc_watch_tower *tower = &watch->towers[t];
    pthread_mutex_lock(&watch->lock);
    oc_watch_counts counts = {.seen = atomic_load(&tower->seen),
                              .watched = atomic_load(&tower->watched),
                              .refused = atomic_load(&tower->refused),
                              .comparisons = tower->comparisons,
                              .window = tower->window.sketch.rows};
    pthread_mutex_unlock(&watch->lock);
    return counts;
}
