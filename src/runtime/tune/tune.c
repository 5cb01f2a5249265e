/* tune.c - see tune.h. */
#include "runtime/tune/tune.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/buckets.h"
#include "runtime/tune/measure.h"

/* The fastest must beat what the device expects to be fastest by so much: what changes nothing is
 * left as it is. */
static const double WORTH = 1.01;

/* -- the list ------------------------------------------------------------------------------- */

void oc_tune_list_free(oc_tune_list *list) {
    free(list->items);
    oc_arena_free(&list->memory);
    *list = (oc_tune_list){.count = 0};
}

static oc_tune_choice *find(const oc_tune_list *list, const oc_tactics *tactics) {
    for (int32_t i = 0; i < list->count; i++) {
        if (list->items[i].rows == tactics->rows &&
            strcmp(list->items[i].what, tactics->what) == 0) {
            return &list->items[i];
        }
    }
    return NULL;
}

static octavo_status add(oc_tune_list *list, const oc_tactics *tactics, const oc_step *step,
                         oc_tune_choice **out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    if (list->count == list->capacity) {
        int32_t capacity = list->capacity == 0 ? 64 : list->capacity * 2;
        oc_tune_choice *grown = realloc(list->items, (size_t)capacity * sizeof *grown);
        if (grown == NULL) {
            OC_NO_MEMORY(error, (size_t)capacity * sizeof *grown);
        }
        list->items = grown;
        list->capacity = capacity;
    }
    oc_tune_choice *choice = &list->items[list->count];
    *choice = (oc_tune_choice){.rows = tactics->rows};
    memcpy(choice->what, tactics->what, sizeof choice->what);
    choice->step = oc_arena_text(&list->memory, step->name, strlen(step->name));
    if (choice->step == NULL) {
        OC_NO_MEMORY(error, strlen(step->name));
    }
    list->count++;
    *out = choice;
done:
    return status;
}

/* -- one choice ----------------------------------------------------------------------------- */

static oc_tune_way way_of(const oc_tactic *tactic, double seconds) {
    int64_t nanoseconds = (int64_t)(1e9 * seconds + 0.5);
    oc_tune_way way = {.expected_us = tactic->microseconds,
                       .measured_us = (double)(nanoseconds > 0 ? nanoseconds : 1) / 1000};
    memcpy(way.name, tactic->name, sizeof way.name);
    memcpy(way.text, tactic->text, sizeof way.text);
    return way;
}

/* The index of the least but `without` (-1: none); -1 where there is none left. */
static int32_t least(const double *seconds, int32_t count, int32_t without) {
    int32_t best = -1;
    for (int32_t i = 0; i < count; i++) {
        if (i != without && (best < 0 || seconds[i] < seconds[best])) {
            best = i;
        }
    }
    return best;
}

static octavo_status measure(oc_device *device, const oc_plan *plan, int32_t index,
                             const oc_tactics *tactics, double seconds, oc_tune_choice *choice,
                             octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    double times[OC_TUNE_TRIED];
    int32_t count = tactics->count < OC_TUNE_TRIED ? tactics->count : OC_TUNE_TRIED;
    OC_TRY(oc_measure_step(device, plan, index, tactics->items, count, seconds, times, error));
    int32_t best = least(times, count, -1);
    best = times[best] * WORTH < times[0] ? best : 0;
    int32_t next = least(times, count, best);
    choice->tried = count;
    choice->expected = way_of(&tactics->items[0], times[0]);
    choice->best = way_of(&tactics->items[best], times[best]);
    if (next >= 0) {
        choice->next = way_of(&tactics->items[next], times[next]);
    }
done:
    return status;
}

/* -- all choices of a model ----------------------------------------------------------------- */

typedef struct tuner {
    oc_model *model;
    const oc_tune_options *options;
    oc_tune_list *list;
    oc_tactics tactics;   /* of the step at hand */
    uint64_t done, total; /* choices */
    bool only_count;      /* lists choices and measures none */
} tuner;

static octavo_status tune_step(tuner *t, const oc_plan *plan, int32_t index, int32_t first,
                               octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_device *device = t->model->device;
    const oc_step *step = &plan->steps[index];
    oc_tune_choice *choice;
    device->backend->tactics(device, step, &plan->limits, &t->tactics);
    if (t->tactics.count < 2) {
        goto done;
    }
    choice = find(t->list, &t->tactics);
    if (choice != NULL) {
        choice->steps += choice - t->list->items >= first;
        goto done;
    }
    if (!t->only_count) {
        OC_TRY(oc_progress(t->options->progress, t->options->progress_user, step->name, t->done++,
                           t->total, error));
    }
    OC_TRY(add(t->list, &t->tactics, step, &choice, error));
    choice->steps = 1;
    if (!t->only_count) {
        OC_TRY(measure(device, plan, index, &t->tactics, t->options->seconds, choice, error));
    }
done:
    return status;
}

/* The plans of one program of one session. */
static octavo_status tune_program(tuner *t, oc_program_kind kind, int32_t batch,
                                  octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_plan_limits limits = oc_model_limits(t->model, batch, batch * t->model->texts.positions_max);
    oc_buckets buckets = {0};
    OC_TRY(oc_buckets_create(t->model, kind, &limits, NULL, 0, &buckets, error));
    for (int32_t i = 0; i < buckets.count; i++) {
        const oc_plan *plan = &buckets.items[i].plan;
        int32_t first = t->list->count;
        for (int32_t s = 0; s < plan->step_count; s++) {
            OC_TRY(tune_step(t, plan, s, first, error));
        }
    }
done:
    oc_buckets_free(&buckets, t->model->device->backend);
    return status;
}

static octavo_status tune_all(tuner *t, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    for (int32_t i = 0; i < t->options->batch_count; i++) {
        for (int32_t kind = 0; kind < OC_PROGRAM_COUNT; kind++) {
            if (oc_model_has(t->model, (oc_program_kind)kind, t->model->towers)) {
                OC_TRY(tune_program(t, (oc_program_kind)kind, t->options->batches[i], error));
            }
        }
    }
done:
    return status;
}

octavo_status oc_tune(oc_model *model, const oc_tune_options *options, oc_tune_list *out,
                      octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_tune_list counted = {.count = 0};
    tuner *t = calloc(1, sizeof *t);
    *out = (oc_tune_list){.count = 0};
    oc_arena_init(&counted.memory);
    oc_arena_init(&out->memory);
    if (t == NULL) {
        OC_NO_MEMORY(error, sizeof *t);
    }
    *t = (tuner){.model = model, .options = options, .list = &counted, .only_count = true};
    if (model->device->backend->tactics == NULL) {
        goto done;
    }
    OC_TRY(tune_all(t, error));
    t->list = out;
    t->only_count = false;
    t->total = (uint64_t)counted.count;
    OC_TRY(tune_all(t, error));
done:
    oc_tune_list_free(&counted);
    free(t);
    return status;
}
