/* bench_report.c - the results of octavo bench, for people. */
#include <math.h>
#include <stdio.h>

#include "api/tool.h"
#include "cli/bench/peers.h"
#include "cli/output/render.h"
#include "cli/output/tree.h"

const char *oc_cli_tower_name(int32_t tower) {
    return tower == OCTAVO_IMAGE ? "image" : "text";
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

static octavo_status print_rows(const oc_cli_bench_run *of, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_cli_table table;
    char share[32];
    bool is_card = of->result_count > 0 && oc_cli_is_card(&of->results[0]);
    oc_cli_table_open(&table, is_card ? "<tower|>batch|>tokens|>median ms|>min|>p90|>p99|>gpu "
                                        "ms|>rows/s|>TFLOP/s"
                                      : "<tower|>batch|>tokens|>median ms|>min|>p90|>p99|>cpu "
                                        "ms|>rows/s|>GFLOP/s|>of peak");
    for (int32_t i = 0; i < of->result_count; i++) {
        const oc_cli_timing *timing = &of->results[i].timing;
        double flops = timing->flop / timing->median_s;
        oc_cli_table_cell(&table, "%s", oc_cli_tower_name(of->results[i].tower));
        oc_cli_table_cell(&table, "%d", of->results[i].batch);
        oc_cli_table_cell(&table, of->results[i].tokens ? "%d" : "-", of->results[i].tokens);
        const double times[] = {timing->median_s, timing->min_s, timing->p90_s, timing->p99_s,
                                is_card ? timing->device.median_s : timing->cpu_s};
        for (size_t t = 0; t < OC_COUNT(times); t++) {
            add_ms(&table, times[t]);
        }
        oc_cli_table_cell(&table, "%.1f", of->results[i].batch / timing->median_s);
        if (is_card) {
            oc_cli_table_cell(&table, "%.1f%s", 1e-12 * flops, timing->busy.spoiled ? "*" : "");
        } else {
            oc_cli_table_cell(&table, "%.1f", 1e-9 * flops);
            snprintf(share, sizeof share, timing->peak_flops > 0 ? "%.1f %%" : "-",
                     100 * flops / timing->peak_flops);
            oc_cli_table_cell(&table, "%s%s", share, timing->busy.spoiled ? "*" : "");
        }
    }
    OC_TRY(oc_cli_table_print(&table, 0, error));
    if (of->result_count > 0 && of->results[0].timing.peak_flops > 0) {
        oc_cli_say("Peak: %.4g GFLOP/s of %s multiply-adds.\n",
                   1e-9 * of->results[0].timing.peak_flops, of->results[0].timing.peak);
    }
done:
    oc_cli_table_close(&table);
    return status;
}

/* "1755" or "1755-1980": the median, and the most where that is another. */
static void add_gauge(oc_cli_table *table, oc_cli_gauge gauge) {
    if (gauge.median < 0) {
        oc_cli_table_cell(table, "-");
    } else if (gauge.max - gauge.median < 0.5) {
        oc_cli_table_cell(table, "%.0f", gauge.median);
    } else {
        oc_cli_table_cell(table, "%.0f-%.0f", gauge.median, gauge.max);
    }
}

/* Of a GPU: where the time of a run goes, and what the card does meanwhile. */
static octavo_status print_card(const oc_cli_bench_run *of, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_cli_table table;
    uint32_t throttled = 0;
    char text[160];
    oc_cli_table_open(&table,
                      "<tower|>batch|>tokens|>to gpu ms|>gpu ms|>back ms|>MHz|>memory|>W|>C");
    for (int32_t i = 0; i < of->result_count; i++) {
        const oc_cli_timing *timing = &of->results[i].timing;
        oc_cli_table_cell(&table, "%s", oc_cli_tower_name(of->results[i].tower));
        oc_cli_table_cell(&table, "%d", of->results[i].batch);
        oc_cli_table_cell(&table, of->results[i].tokens ? "%d" : "-", of->results[i].tokens);
        add_ms(&table, timing->to_device.median_s);
        add_ms(&table, timing->device.median_s);
        add_ms(&table, timing->from_device.median_s);
        add_gauge(&table, timing->card.sm_mhz);
        add_gauge(&table, timing->card.memory_mhz);
        add_gauge(&table, timing->card.watts);
        add_gauge(&table, timing->card.celsius);
        throttled |= timing->card.throttled;
    }
    printf("\n");
    OC_TRY(oc_cli_table_print(&table, 0, error));
    if (of->results[0].timing.card.why.message[0]) {
        oc_cli_say("\nClocks and power are not known: %s.\n",
                   of->results[0].timing.card.why.message);
    }
    if (throttled) {
        oc_cli_say("\nThe card held its clocks back in these, for: %s.\n",
                   oc_cli_card_reasons(throttled, text, sizeof text));
        for (int32_t i = 0; i < of->result_count; i++) {
            const oc_cli_result *row = &of->results[i];
            if (row->timing.card.throttled) {
                oc_cli_say("  %s, batch %d\n", oc_cli_tower_name(row->tower), row->batch);
            }
        }
    }
done:
    oc_cli_table_close(&table);
    return status;
}

/* Each row beside those of --compare that did the same. */
static octavo_status print_peers(const oc_cli_bench_run *of, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_cli_table table;
    int32_t alone = 0;
    oc_cli_table_open(&table, "<tower|>batch|>tokens|<timed|>octavo ms|>peer ms|>ratio|<peer");
    for (int32_t i = 0; i < of->result_count; i++) {
        const oc_cli_result *row = &of->results[i];
        int32_t found = 0;
        for (int32_t p = 0; p < of->peers->count; p++) {
            const oc_cli_peer *peer = &of->peers->items[p];
            if (!oc_cli_peer_fits(peer, of, row)) {
                continue;
            }
            double ratio = oc_cli_peer_ratio(peer, row);
            found++;
            oc_cli_table_cell(&table, "%s", oc_cli_tower_name(row->tower));
            oc_cli_table_cell(&table, "%d", row->batch);
            oc_cli_table_cell(&table, row->tokens ? "%d" : "-", row->tokens);
            oc_cli_table_cell(&table, peer->is_device ? "gpu" : "wall");
            add_ms(&table, 1e-3 * peer->ms / ratio);
            add_ms(&table, 1e-3 * peer->ms);
            oc_cli_table_cell(&table, "%.2f", ratio);
            oc_cli_table_cell(&table, "%s", peer->engine);
        }
        alone += found == 0;
    }
    if (alone < of->result_count) {
        oc_cli_say("\nBeside others; over 1: octavo is faster\n\n");
        OC_TRY(oc_cli_table_print(&table, 2, error));
    }
    if (alone) {
        oc_cli_say("\nNo peer did the work of:\n");
    }
    for (int32_t i = 0; alone && i < of->result_count; i++) {
        const oc_cli_result *row = &of->results[i];
        int32_t p = 0;
        while (p < of->peers->count && !oc_cli_peer_fits(&of->peers->items[p], of, row)) {
            p++;
        }
        if (p == of->peers->count) {
            oc_cli_say(row->tokens ? "  %s %s, batch %d, %d tokens\n" : "  %s %s, batch %d\n",
                       of->name, oc_cli_tower_name(row->tower), row->batch, row->tokens);
        }
    }
done:
    oc_cli_table_close(&table);
    return status;
}

/* What the limits of steps are made from; what is 0 is not known. */
static void say_ceilings(const octavo_tool_ceilings *c) {
    char products[80] = "", memory[40] = "";
    if (c->f16_flops > 0 && c->f8_flops != c->f16_flops) {
        snprintf(products, sizeof products, "%.4g TFLOP/s on FP8, %.4g on 16 bit ",
                 1e-12 * c->f8_flops, 1e-12 * c->f16_flops);
    } else if (c->f16_flops > 0) {
        snprintf(products, sizeof products, "%.4g GFLOP/s ", 1e-9 * c->f16_flops);
    }
    if (c->bytes_per_s > 0) {
        snprintf(memory, sizeof memory, "%s%.4g GB/s ", products[0] ? "and " : "",
                 1e-9 * c->bytes_per_s);
    }
    oc_cli_say("\nLimits are from %s%s(%s).\n", products, memory, c->source);
}

static octavo_status tell(const oc_cli_bench_run *of, const char *device, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_cli_say("%s on %s\nready in %.3f s, %.0f MB resident\n\n", of->model.info->name, device,
               of->model.load_s, oc_cli_resident_mb());
    OC_TRY(print_rows(of, error));
    say_busy(of);
    if (of->result_count > 0 && oc_cli_is_card(&of->results[0])) {
        OC_TRY(print_card(of, error));
    }
    for (int32_t i = 0; i < of->result_count; i++) {
        const oc_cli_result *from = &of->results[i];
        if (from->streams) {
            oc_cli_say("%s%s, batch %d: %d session%s on each of %d card%s: %.1f rows/s together\n",
                       i == 0 ? "\n" : "", oc_cli_tower_name(from->tower), from->batch,
                       from->streams, OC_PLURAL(from->streams), from->cards, OC_PLURAL(from->cards),
                       from->rows_per_s);
        }
    }
    if (of->peers) {
        OC_TRY(print_peers(of, error));
    }
    for (int32_t i = 0; i < of->result_count; i++) {
        if (of->results[i].steps) {
            OC_TRY(oc_cli_profile_print(of, &of->results[i], error));
        }
    }
    if (of->ceilings.source[0]) {
        say_ceilings(&of->ceilings);
    }
done:
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
    OC_TRY(options->json ? oc_cli_bench_json(of, device, error) : tell(of, device, error));
done:
    return status;
}
