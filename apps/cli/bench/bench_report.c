/* bench_report.c - the results of octavo bench, for people and as JSON. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/tool.h"
#include "cli/bench/bench.h"
#include "cli/output/render.h"
#include "cli/output/step_table.h"

enum { PROFILE_ROWS = 40 };

const char *oc_cli_tower_name(int32_t tower) {
    return tower == OCTAVO_IMAGE ? "image" : "text";
}

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

static octavo_status print_profile(const oc_cli_result *from, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_arena arena;
    oc_cli_step *steps;
    oc_cli_table table;
    double total;
    int32_t count;
    oc_arena_init(&arena);
    oc_cli_table_open(&table, ">ms|>share|>times|<step|<kernel|<what");
    OC_TRY(read_steps(from, &arena, &steps, &count, &total, error));
    oc_cli_say("\n%s, batch %d: %.3f ms in steps\n\n", oc_cli_tower_name(from->tower), from->batch,
               1e3 * total / from->profiled);
    for (int32_t i = 0; i < count && i < PROFILE_ROWS; i++) {
        oc_cli_table_cell(&table, "%.3f", 1e3 * steps[i].seconds / from->profiled);
        oc_cli_table_cell(&table, "%.1f %%", 100 * steps[i].seconds / total);
        oc_cli_table_cell(&table, "%d", steps[i].count);
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

static octavo_status write_profile(oc_json_writer *json, const oc_cli_result *from,
                                   octavo_error *error) {
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
        oc_json_write_object(json);
        oc_json_write_key(json, "step");
        oc_json_write_text(json, steps[i].name);
        oc_json_write_key(json, "kernel");
        oc_json_write_text(json, steps[i].kernel);
        oc_json_write_key(json, "times");
        oc_json_write_int(json, steps[i].count);
        oc_cli_json_fixed(json, "ms", 1e3 * steps[i].seconds / from->profiled, 6);
        oc_json_write_end(json);
    }
    oc_json_write_end(json);
done:
    oc_arena_free(&arena);
    return status;
}

/* What is below 0 was not told: null. */
static double told(double value) {
    return value < 0 ? (double)NAN : value;
}

static octavo_status write_result(oc_json_writer *json, const oc_cli_bench_run *of,
                                  const oc_cli_result *from, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_cli_timing *timing = &from->timing;
    double flops = timing->flop / timing->median_s;
    double peak = timing->peak_flops > 0 ? timing->peak_flops : (double)NAN; /* null */
    oc_json_write_object(json);
    oc_json_write_key(json, "tower");
    oc_json_write_text(json, oc_cli_tower_name(from->tower));
    oc_json_write_key(json, "batch");
    oc_json_write_int(json, from->batch);
    if (from->tokens) {
        oc_json_write_key(json, "tokens");
        oc_json_write_int(json, from->tokens);
    }
    oc_json_write_key(json, "threads");
    oc_json_write_int(json, of->model.threads);
    oc_json_write_key(json, "runs");
    oc_json_write_int(json, timing->runs);
    oc_json_write_key(json, "latency_ms");
    oc_json_write_object(json);
    oc_cli_json_fixed(json, "min", 1e3 * timing->min_s, 4);
    oc_cli_json_fixed(json, "median", 1e3 * timing->median_s, 4);
    oc_cli_json_fixed(json, "p90", 1e3 * timing->p90_s, 4);
    oc_cli_json_fixed(json, "p99", 1e3 * timing->p99_s, 4);
    oc_json_write_end(json);
    if (timing->device_s >= 0) {
        oc_json_write_key(json, "device_ms"); /* without copies to and from it */
        oc_json_write_object(json);
        oc_cli_json_fixed(json, "median", 1e3 * timing->device_s, 4);
        oc_cli_json_fixed(json, "p90", 1e3 * timing->device_p90_s, 4);
        oc_json_write_end(json);
    }
    oc_cli_json_fixed(json, "throughput_per_s", from->batch / timing->median_s, 3);
    if (from->streams) {
        oc_json_write_key(json, "concurrent");
        oc_json_write_object(json);
        oc_json_write_key(json, "cards");
        oc_json_write_int(json, from->cards);
        oc_json_write_key(json, "streams_a_card");
        oc_json_write_int(json, from->streams);
        oc_cli_json_fixed(json, "throughput_per_s", from->rows_per_s, 3);
        oc_json_write_end(json);
    }
    oc_cli_json_fixed(json, "tflops", 1e-12 * flops, 6);
    oc_cli_json_fixed(json, "peak_tflops", 1e-12 * peak, 6);
    oc_cli_json_fixed(json, "share_of_peak", flops / peak, 4);
    oc_cli_json_fixed(json, "spread", timing->spread, 4);
    oc_cli_json_fixed(json, "cpu_ms", 1e3 * timing->cpu_s, 4);
    oc_json_write_key(json, "busy");
    oc_json_write_bool(json, timing->busy.spoiled);
    oc_cli_json_fixed(json, "others_cores", told(timing->busy.others_cores), 3);
    oc_cli_json_fixed(json, "waited_share", told(timing->busy.waited_share), 4);
    if (from->steps) {
        OC_TRY(write_profile(json, from, error));
    }
    oc_json_write_end(json);
done:
    return status;
}

static octavo_status tell_json(const oc_cli_bench_run *of, const char *device,
                               octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_buffer buffer;
    oc_json_writer json;
    oc_buffer_init(&buffer);
    oc_json_write_open(&json, &buffer, false);
    oc_json_write_object(&json);
    oc_json_write_key(&json, "device");
    oc_json_write_text(&json, device);
    oc_json_write_key(&json, "results");
    oc_json_write_array(&json);
    for (int32_t i = 0; i < of->result_count; i++) {
        OC_TRY(write_result(&json, of, &of->results[i], error));
    }
    oc_json_write_end(&json);
    oc_cli_json_fixed(&json, "load_s", of->model.load_s, 4);
    oc_cli_json_fixed(&json, "rss_mb", oc_cli_resident_mb(), 1);
    oc_cli_json_fixed(&json, "session_mb",
                      (double)octavo_tool_session_bytes(of->model.session) / (1 << 20), 1);
    oc_json_write_end(&json);
    OC_TRY(oc_cli_json_print(&json, error));
done:
    oc_buffer_free(&buffer);
    return status;
}

/* What the asterisk means: the worst of the measurements that have one. */
static void say_busy(const oc_cli_bench_run *of) {
    double others = -1, waited = -1;
    int32_t spoiled = 0;
    for (int32_t i = 0; i < of->result_count; i++) {
        const oc_cli_busy *busy = &of->results[i].timing.busy;
        if (busy->spoiled) {
            spoiled++;
            others = fmax(others, busy->others_cores);
            waited = fmax(waited, busy->waited_share);
        }
    }
    if (spoiled) {
        oc_cli_say(
            "\n* on a busy machine: other programs used up to %.1f cores, and up to %.0f %% of "
            "the time its threads had to wait for one. Measure again when it is quiet.\n",
            fmax(others, 0), 100 * fmax(waited, 0));
    }
}

/* Four digits, so that a row fits 80 columns. */
static void add_ms(oc_cli_table *table, double seconds) {
    double ms = 1e3 * seconds;
    oc_cli_table_cell(table, "%.*f", ms < 9.9995 ? 3 : ms < 99.995 ? 2 : ms < 999.95 ? 1 : 0, ms);
}

static octavo_status tell(const oc_cli_bench_run *of, const char *device, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_cli_table table;
    char share[32];
    bool has_device = of->result_count > 0 && of->results[0].timing.device_s >= 0;
    oc_cli_table_open(
        &table,
        has_device ? "<tower|>batch|>tokens|>median ms|>min|>p90|>p99|>gpu ms|>rows/s|>GFLOP/s"
                   : "<tower|>batch|>tokens|>median ms|>min|>p90|>p99|>cpu ms|>rows/s|>GFLOP/s|>of "
                     "peak");
    oc_cli_say("%s on %s\nready in %.3f s, %.0f MB resident\n\n", of->model.info->name, device,
               of->model.load_s, oc_cli_resident_mb());
    for (int32_t i = 0; i < of->result_count; i++) {
        const oc_cli_timing *timing = &of->results[i].timing;
        double flops = timing->flop / timing->median_s;
        oc_cli_table_cell(&table, "%s", oc_cli_tower_name(of->results[i].tower));
        oc_cli_table_cell(&table, "%d", of->results[i].batch);
        oc_cli_table_cell(&table, of->results[i].tokens ? "%d" : "-", of->results[i].tokens);
        const double times[] = {timing->median_s, timing->min_s, timing->p90_s, timing->p99_s,
                                has_device ? timing->device_s : timing->cpu_s};
        for (size_t t = 0; t < OC_COUNT(times); t++) {
            add_ms(&table, times[t]);
        }
        oc_cli_table_cell(&table, "%.1f", of->results[i].batch / timing->median_s);
        oc_cli_table_cell(&table, "%.1f", 1e-9 * flops);
        if (has_device) {
            continue;
        }
        snprintf(share, sizeof share, timing->peak_flops > 0 ? "%.1f %%" : "-",
                 100 * flops / timing->peak_flops);
        oc_cli_table_cell(&table, "%s%s", share, timing->busy.spoiled ? "*" : "");
    }
    OC_TRY(oc_cli_table_print(&table, 0, error));
    say_busy(of);
    for (int32_t i = 0; i < of->result_count; i++) {
        const oc_cli_result *from = &of->results[i];
        if (from->streams) {
            oc_cli_say("%s%s, batch %d: %d session%s on each of %d card%s: %.1f rows/s together\n",
                       i == 0 ? "\n" : "", oc_cli_tower_name(from->tower), from->batch,
                       from->streams, OC_PLURAL(from->streams), from->cards, OC_PLURAL(from->cards),
                       from->rows_per_s);
        }
    }
    for (int32_t i = 0; i < of->result_count; i++) {
        if (of->results[i].steps) {
            OC_TRY(print_profile(&of->results[i], error));
        }
    }
done:
    oc_cli_table_close(&table);
    return status;
}

/* "cpu (avx2, 2 threads)" */
static octavo_status device_of(const oc_cli_bench_run *of, char *out, size_t size,
                               octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_cli_node *report;
    char *text = NULL;
    oc_arena arena;
    oc_arena_init(&arena);
    OC_TRY(octavo_tool_explain(of->model.session, &text, error));
    OC_TRY(oc_cli_tree(text, &arena, &report, error));
    snprintf(out, size, "%s (%s)", oc_cli_text(report, "device", "?"),
             oc_cli_text(report, "about", "?"));
done:
    octavo_free(text);
    oc_arena_free(&arena);
    return status;
}

octavo_status oc_cli_bench_tell(const oc_cli_options *options, const oc_cli_bench_run *of,
                                octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    char device[256];
    OC_TRY(device_of(of, device, sizeof device, error));
    OC_TRY(options->json ? tell_json(of, device, error) : tell(of, device, error));
done:
    return status;
}
