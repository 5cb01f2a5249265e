/* report.c - what a watch knows, as JSON; docs/drift.md describes it. */
#include <math.h>

#include "watch/watch_fields.h"

static void write_bins(oc_json_writer *json, const oc_tower_reference *then,
                       const oc_watch_tower *tower, int32_t scalar) {
    const oc_bins *bins = &then->scalars[scalar];
    oc_json_write_key(json, "edges");
    oc_json_write_array(json);
    for (int32_t i = 0; i < bins->edge_count; i++) {
        oc_json_write_float(json, bins->edges[i]);
    }
    oc_json_write_end(json);
    oc_json_write_key(json, "reference");
    oc_json_write_array(json);
    for (int32_t i = 0; i <= bins->edge_count; i++) {
        oc_json_write_float(json, (float)((double)bins->counts[i] / (double)bins->total));
    }
    oc_json_write_end(json);
    oc_json_write_key(json, "now");
    oc_json_write_array(json);
    for (int32_t i = 0; i <= bins->edge_count; i++) {
        oc_json_write_float(json, (float)((double)tower->window.sketch.counts[scalar][i] /
                                          (double)tower->window.sketch.totals[scalar]));
    }
    oc_json_write_end(json);
}

static void write_statistic(const oc_watch *watch, int32_t t, oc_statistic statistic,
                            oc_json_writer *json) {
    const oc_watch_tower *tower = &watch->towers[t];
    const oc_watch_value *value = &tower->values[statistic];
    int32_t scalar = oc_statistic_scalar(statistic);
    double scale = watch->options.tolerance;
    oc_json_write_object(json);
    oc_json_write_text_member(json, "name", oc_statistic_name(statistic));
    oc_json_write_text_member(json, "state", oc_watch_state_name(value->state));
    oc_json_write_double_member(json, "distance", value->now.distance);
    oc_json_write_double_member(json, "chance", value->now.chance);
    oc_json_write_double_member(json, "sure", value->now.sure);
    oc_json_write_double_member(json, "warning", oc_statistic_warning(statistic) * scale);
    oc_json_write_double_member(json, "alarm", oc_statistic_alarm(statistic) * scale);
    if (scalar >= 0) {
        oc_json_write_key(json, "squared");
        oc_json_write_bool(json, true);
    }
    oc_json_write_int_member(json, "rows", value->now.rows);
    oc_json_write_int_member(json, "since_rows", value->since);
    if (value->now.quantizer >= 0) {
        oc_json_write_text_member(json, "quantizer",
                                  watch->reference->quantizers[value->now.quantizer].name);
    }
    if (scalar >= 0 && tower->window.sketch.totals[scalar] > 0) {
        write_bins(json, &watch->reference->towers[t], tower, scalar);
    }
    oc_json_write_end(json);
}

/* Where the latest comparisons stand, oldest first. */
static void write_series(const oc_watch_tower *tower, int64_t first, const char *key,
                         oc_statistic statistic, bool is_chance, oc_json_writer *json) {
    oc_json_write_key(json, key);
    oc_json_write_array(json);
    for (int64_t i = first; i < tower->comparisons; i++) {
        const oc_watch_moment *moment = &tower->history[i % OC_WATCH_HISTORY];
        float value = is_chance ? moment->chance[statistic] : moment->distance[statistic];
        if (isfinite(value)) {
            oc_json_write_float(json, value);
        } else {
            oc_json_write_null(json);
        }
    }
    oc_json_write_end(json);
}

static void write_history(const oc_watch_tower *tower, oc_json_writer *json) {
    int64_t first =
        tower->comparisons > OC_WATCH_HISTORY ? tower->comparisons - OC_WATCH_HISTORY : 0;
    oc_json_write_key(json, "history");
    oc_json_write_object(json);
    oc_json_write_key(json, "rows");
    oc_json_write_array(json);
    for (int64_t i = first; i < tower->comparisons; i++) {
        oc_json_write_int(json, tower->history[i % OC_WATCH_HISTORY].rows);
    }
    oc_json_write_end(json);
    oc_json_write_key(json, "statistics");
    oc_json_write_array(json);
    for (int32_t s = 0; s < OC_STATISTIC_COUNT; s++) {
        if (tower->values[s].state != OC_WATCH_UNKNOWN) {
            oc_json_write_object(json);
            oc_json_write_text_member(json, "name", oc_statistic_name((oc_statistic)s));
            write_series(tower, first, "distance", (oc_statistic)s, false, json);
            write_series(tower, first, "chance", (oc_statistic)s, true, json);
            oc_json_write_end(json);
        }
    }
    oc_json_write_end(json);
    oc_json_write_end(json);
}

static void write_quantizers(const oc_watch *watch, int32_t t, oc_json_writer *json) {
    const oc_reference *reference = watch->reference;
    oc_json_write_key(json, "quantizers");
    oc_json_write_array(json);
    for (int32_t q = 0; q < reference->quantizer_count; q++) {
        const oc_quantizer_reference *then = &reference->quantizers[q];
        const oc_code_sums *now = &watch->towers[t].window.codes[q];
        if (then->tower != t || now->runs == 0) {
            continue;
        }
        double variance;
        oc_json_write_object(json);
        oc_json_write_text_member(json, "name", then->name);
        oc_json_write_double_member(json, "rows", now->rows);
        oc_json_write_double_member(json, "saturated", oc_code_sums_saturated(now, &variance));
        oc_json_write_double_member(json, "saturated_reference", then->saturated);
        oc_json_write_double_member(json, "zeros", oc_code_sums_zeros(now, &variance));
        oc_json_write_double_member(json, "zeros_reference", then->zeros);
        oc_json_write_double_member(json, "range", now->range);
        oc_json_write_double_member(json, "range_reference", then->range);
        oc_json_write_end(json);
    }
    oc_json_write_end(json);
}

static void write_tower(oc_watch *watch, int32_t t, bool history, oc_json_writer *json) {
    oc_watch_tower *tower = &watch->towers[t];
    oc_json_write_object(json);
    oc_json_write_text_member(json, "tower", watch->reference->towers[t].name);
    oc_json_write_int_member(json, "rows_seen", atomic_load(&tower->seen));
    oc_json_write_int_member(json, "rows_watched", atomic_load(&tower->watched));
    oc_json_write_int_member(json, "rows_refused", atomic_load(&tower->refused));
    oc_json_write_int_member(json, "comparisons", tower->comparisons);
    oc_json_write_int_member(json, "window_rows", tower->window.sketch.rows);
    oc_json_write_int_member(json, "reference_rows", watch->reference->towers[t].rows);
    oc_json_write_key(json, "statistics");
    oc_json_write_array(json);
    for (int32_t s = 0; s < OC_STATISTIC_COUNT; s++) {
        if (tower->values[s].state != OC_WATCH_UNKNOWN) {
            write_statistic(watch, t, (oc_statistic)s, json);
        }
    }
    oc_json_write_end(json);
    write_quantizers(watch, t, json);
    if (history) {
        write_history(tower, json);
    }
    oc_json_write_end(json);
}

void oc_watch_report(oc_watch *watch, const char *engine, bool history, oc_json_writer *json) {
    pthread_mutex_lock(&watch->lock);
    oc_json_write_object(json);
    oc_json_write_int_member(json, "version", 1);
    oc_json_write_text_member(json, "engine", engine);
    oc_json_write_text_member(json, "state", oc_watch_state_name(oc_watch_state_of(watch)));
    oc_json_write_double_member(json, "false_alarms", watch->options.false_alarms);
    oc_json_write_key(json, "towers");
    oc_json_write_array(json);
    for (int32_t t = 0; t < watch->reference->tower_count; t++) {
        write_tower(watch, t, history, json);
    }
    oc_json_write_end(json);
    oc_json_write_end(json);
    pthread_mutex_unlock(&watch->lock);
}
