/* buckets.c - see buckets.h. */
#include "runtime/buckets.h"

#include <stdlib.h>

/* Room for `size` sequences: as many rows as they have at most.  Packed ones may be shorter, so
 * that as many of them as the session takes may share those rows. */
static oc_plan_limits limits_of(const oc_model *model, const oc_plan_limits *largest,
                                int32_t size) {
    oc_plan_limits limits = *largest;
    for (int32_t t = 0; t < OC_TOWERS; t++) {
        const oc_tower *tower = &oc_towers[t];
        int64_t rows = (int64_t)size * model->longest[t];
        if (rows < limits.rows_max[tower->tokens]) {
            limits.rows_max[tower->tokens] = (int32_t)rows;
        }
        if (!oc_tower_is_packed(tower)) {
            limits.rows_max[tower->sequences] = size;
        }
    }
    return limits;
}

/* Whether a bucket of `size` sequences has less room than the largest, for the program's tower. */
static bool is_smaller(const oc_model *model, oc_program_kind kind, const oc_plan_limits *largest,
                       int32_t size) {
    const oc_tower *tower = oc_tower_of_program(kind);
    const oc_tower *rows = tower == NULL ? &oc_towers[oc_logits.rows] : tower;
    return size < largest->rows_max[rows->sequences] &&
           (int64_t)size * model->longest[oc_tower_index(rows)] < largest->rows_max[rows->tokens];
}

/* What the device asks for, for the program's tower. */
static const int32_t *sizes_of(const oc_traits *traits, oc_program_kind kind, int32_t *count) {
    const oc_tower *tower = oc_tower_of_program(kind);
    bool is_packed = tower != NULL && oc_tower_is_packed(tower) && traits->packed_bucket_count > 0;
    *count = is_packed ? traits->packed_bucket_count : traits->bucket_count;
    return is_packed ? traits->packed_buckets : traits->buckets;
}

octavo_status oc_buckets_create(oc_model *model, oc_program_kind kind,
                                const oc_plan_limits *largest, const char *const *observed,
                                int32_t observed_count, oc_buckets *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_traits traits = model->device->backend->traits(model->device);
    int32_t size_count;
    const int32_t *sizes = sizes_of(&traits, kind, &size_count);
    size_t most = (size_t)size_count + 1;
    oc_plan_limits *limits = calloc(most, sizeof *limits);
    oc_plan *plans = calloc(most, sizeof *plans);
    int32_t count = 0;
    *out = (oc_buckets){.items = calloc(most, sizeof *out->items)};
    if (limits == NULL || plans == NULL || out->items == NULL) {
        OC_NO_MEMORY(error, most * (sizeof *limits + sizeof *plans + sizeof *out->items));
    }
    for (int32_t i = 0; i < size_count; i++) {
        if (is_smaller(model, kind, largest, sizes[i])) {
            limits[count++] = limits_of(model, largest, sizes[i]);
        }
    }
    limits[count++] = *largest;
    OC_TRY(oc_model_plans(model, kind, limits, count, observed, observed_count, plans, error));
    out->count = count;
    for (int32_t i = 0; i < count; i++) {
        out->items[i].plan = plans[i]; /* moved */
    }
done:
    free(limits);
    free(plans);
    return status;
}

void oc_buckets_free(oc_buckets *buckets, const oc_backend *backend) {
    for (int32_t i = 0; i < buckets->count; i++) {
        backend->program_free(buckets->items[i].program);
        oc_plan_free(&buckets->items[i].plan);
        free(buckets->items[i].reports);
    }
    free(buckets->items);
    *buckets = (oc_buckets){0};
}

size_t oc_buckets_bytes(const oc_buckets *buckets, int32_t threads) {
    size_t most = 0;
    for (int32_t i = 0; i < buckets->count; i++) {
        size_t bytes = oc_plan_bytes(&buckets->items[i].plan, threads);
        most = bytes > most ? bytes : most;
    }
    return most;
}

octavo_status oc_buckets_compile(oc_buckets *buckets, oc_queue *queue, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    for (int32_t i = 0; i < buckets->count; i++) {
        oc_bucket *bucket = &buckets->items[i];
        OC_TRY(queue->backend->compile(queue, &bucket->plan, &bucket->program, error));
    }
done:
    return status;
}

static bool holds(const oc_plan_limits *limits, const oc_run *run) {
    bool all = true;
    for (int32_t rows = 0; rows < OC_ROWS_COUNT; rows++) {
        all = all && run->rows[rows] <= limits->rows_max[rows];
    }
    return all;
}

oc_bucket *oc_buckets_find(const oc_buckets *buckets, const oc_run *run) {
    int32_t i = 0;
    while (i < buckets->count - 1 && !holds(&buckets->items[i].plan.limits, run)) {
        i++;
    }
    return &buckets->items[i];
}

octavo_status oc_buckets_report(oc_buckets *buckets, bool on, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    for (int32_t i = 0; i < buckets->count; i++) {
        oc_bucket *bucket = &buckets->items[i];
        size_t bytes = ((size_t)bucket->plan.step_count + 1) * sizeof *bucket->reports;
        free(bucket->reports);
        bucket->reports = on ? calloc(1, bytes) : NULL;
        if (on && bucket->reports == NULL) {
            OC_NO_MEMORY(error, bytes);
        }
    }
done:
    return status;
}
