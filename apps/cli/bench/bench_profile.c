/* bench_profile.c - where a run's time goes, step by step, and how far each step is from what its
 * device does at most. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/bench/bench.h"
#include "cli/output/render.h"
#include "cli/output/step_table.h"

enum { PROFILE_ROWS = 40 };

static int by_seconds(const void *a, const void *b) {
    double left = ((const oc_cli_step *)a)->seconds, right = ((const oc_cli_step *)b)->seconds;
    return (left < right) - (left > right);
}

/* The steps that ran, the longest first; *total seconds. */
static octavo_status read_steps(const oc_cli_result *from, oc_arena *arena, oc_cli_step **out,
                                int32_t *count, double *total, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_cli_node *report;
    *total = 0;
    *count = 0;
    *out = NULL;
    OC_TRY(oc_cli_tree(from->steps, arena, &report, error));
    for (const oc_cli_node *item = oc_cli_items(report, "programs"); item; item = item->next) {
        oc_cli_step *steps;
        double seconds = 0;
        int32_t step_count;
        OC_TRY(oc_cli_group(oc_cli_at(item, "steps"), "name", arena, &steps, &step_count, error));
        for (int32_t i = 0; i < step_count; i++) {
            seconds += steps[i].seconds;
        }
        if (seconds > *total) { /* the one program that ran */
            *total = seconds;
            *out = steps;
            *count = step_count;
        }
    }
    if (*count) {
        qsort(*out, (size_t)*count, sizeof **out, by_seconds);
    }
done:
    return status;
}

/* The least time that steps can take: their FLOP at the device's rate, or their bytes at its
 * memory's, whichever is longer. */
typedef struct limit {
    double seconds; /* 0: not known */
    const char *by; /* "flop" or "bytes" */
} limit;

/* How much of its limit a step reaches; a time that is lost in the noise has no share. */
static double share_of(limit least, const oc_cli_step *step) {
    return least.seconds > 0 && step->seconds > 0 ? least.seconds / step->seconds : (double)NAN;
}

static limit limit_of(const octavo_tool_ceilings *ceilings, const oc_cli_step *step) {
    bool is_codes = strcmp(step->operands, "F8_E4M3") == 0;
    double rate = is_codes ? ceilings->f8_flops : ceilings->f16_flops;
    double flop = rate > 0 ? step->flop / rate : 0;
    double bytes = ceilings->bytes_per_s > 0 ? step->bytes / ceilings->bytes_per_s : 0;
    if (step->flop > 0 && rate <= 0) { /* half a limit is none */
        return (limit){0, ""};
    }
    return flop >= bytes ? (limit){flop, "flop"} : (limit){bytes, "bytes"};
}

octavo_status oc_cli_profile_print(const oc_cli_bench_run *of, const oc_cli_result *from,
                                   octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_arena arena;
    oc_cli_step *steps;
    oc_cli_table table;
    double total;
    int32_t count;
    oc_arena_init(&arena);
    oc_cli_table_open(&table, ">us|>share|>times|>limit us|>of it|<bound|<step|<kernel|~what");
    OC_TRY(read_steps(from, &arena, &steps, &count, &total, error));
    oc_cli_say("\n%s, batch %d: %.3f ms in steps, %d runs\n\n", oc_cli_tower_name(from->tower),
               from->batch, 1e3 * total / from->profiled, from->profiled);
    for (int32_t i = 0; i < count && i < PROFILE_ROWS; i++) {
        limit least = limit_of(&of->ceilings, &steps[i]);
        oc_cli_table_cell(&table, "%.1f", 1e6 * steps[i].seconds / from->profiled);
        oc_cli_table_cell(&table, "%.1f %%", 100 * steps[i].seconds / total);
        oc_cli_table_cell(&table, "%d", steps[i].count);
        double share = share_of(least, &steps[i]);
        bool is_known = least.seconds > 0;
        oc_cli_table_cell(&table, is_known ? "%.1f" : "-", 1e6 * least.seconds / from->profiled);
        oc_cli_table_cell(&table, isfinite(share) ? "%.0f %%" : "-", 100 * share);
        oc_cli_table_cell(&table, "%s", is_known ? least.by : "-");
        oc_cli_table_cell(&table, "%s", steps[i].name);
        oc_cli_table_cell(&table, "%s", steps[i].kernel);
        oc_cli_table_cell(&table, "%s", steps[i].what[0] ? steps[i].what : steps[i].kind);
    }
    OC_TRY(oc_cli_table_print(&table, 2, error));
done:
    oc_cli_table_close(&table);
    oc_arena_free(&arena);
    return status;
}

octavo_status oc_cli_profile_write(oc_json_writer *json, const oc_cli_bench_run *of,
                                   const oc_cli_result *from, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_arena arena;
    oc_cli_step *steps;
    double total;
    int32_t count;
    oc_arena_init(&arena);
    OC_TRY(read_steps(from, &arena, &steps, &count, &total, error));
    oc_json_write_key(json, "profile");
    oc_json_write_array(json);
    for (int32_t i = 0; i < count; i++) {
        limit least = limit_of(&of->ceilings, &steps[i]);
        double seconds = least.seconds > 0 ? least.seconds : (double)NAN; /* null */
        oc_json_write_object(json);
        oc_json_write_key(json, "step");
        oc_json_write_text(json, steps[i].name);
        oc_json_write_key(json, "kernel");
        oc_json_write_text(json, steps[i].kernel);
        oc_json_write_key(json, "times");
        oc_json_write_int(json, steps[i].count);
        oc_cli_json_fixed(json, "ms", 1e3 * steps[i].seconds / from->profiled, 6);
        oc_cli_json_fixed(json, "flop", steps[i].flop / from->profiled, 0);
        oc_cli_json_fixed(json, "bytes", steps[i].bytes / from->profiled, 0);
        oc_cli_json_fixed(json, "limit_us", 1e6 * seconds / from->profiled, 3);
        oc_json_write_key(json, "limited_by");
        if (least.seconds > 0) {
            oc_json_write_text(json, least.by);
        } else {
            oc_json_write_null(json);
        }
        oc_cli_json_fixed(json, "share_of_limit", share_of(least, &steps[i]), 4);
        oc_json_write_end(json);
    }
    oc_json_write_end(json);
done:
    oc_arena_free(&arena);
    return status;
}
