/* bench_json.c - the results of octavo bench as one JSON object. */
#include <math.h>

#include "cli/bench/peers.h"
#include "cli/output/render.h"

/* What is below 0 was not told: null. */
static double told(double value) {
    return value < 0 ? (double)NAN : value;
}

static double known(double value) {
    return value > 0 ? value : (double)NAN;
}

static void write_part(oc_json_writer *json, const char *key, oc_cli_part part) {
    oc_json_write_key(json, key);
    oc_json_write_object(json);
    oc_cli_json_fixed(json, "median", told(1e3 * part.median_s), 4);
    oc_cli_json_fixed(json, "p90", told(1e3 * part.p90_s), 4);
    oc_json_write_end(json);
}

static void write_gauge(oc_json_writer *json, const char *key, oc_cli_gauge gauge) {
    oc_json_write_key(json, key);
    oc_json_write_object(json);
    oc_cli_json_fixed(json, "median", told(gauge.median), 1);
    oc_cli_json_fixed(json, "max", told(gauge.max), 1);
    oc_json_write_end(json);
}

static void write_card(oc_json_writer *json, const oc_cli_card *card) {
    const char *reason;
    oc_json_write_key(json, "card");
    oc_json_write_object(json);
    oc_json_write_key(json, "samples");
    oc_json_write_int(json, card->samples);
    write_gauge(json, "sm_mhz", card->sm_mhz);
    write_gauge(json, "memory_mhz", card->memory_mhz);
    write_gauge(json, "watts", card->watts);
    write_gauge(json, "celsius", card->celsius);
    oc_json_write_key(json, "throttled");
    if (card->samples == 0) {
        oc_json_write_null(json);
    } else {
        oc_json_write_array(json);
        for (int32_t i = 0; (reason = octavo_tool_card_reason(i)); i++) {
            if (card->throttled >> i & 1) {
                oc_json_write_text(json, reason);
            }
        }
        oc_json_write_end(json);
    }
    oc_json_write_end(json);
}

static void write_peers(oc_json_writer *json, const oc_cli_bench_run *of,
                        const oc_cli_result *from) {
    oc_json_write_key(json, "peers");
    oc_json_write_array(json);
    for (int32_t i = 0; i < of->peers->count; i++) {
        const oc_cli_peer *peer = &of->peers->items[i];
        if (oc_cli_peer_fits(peer, of, from)) {
            oc_json_write_object(json);
            oc_json_write_key(json, "engine");
            oc_json_write_text(json, peer->engine);
            oc_json_write_key(json, "timed");
            oc_json_write_text(json, peer->is_device ? "device" : "wall");
            oc_cli_json_fixed(json, "ms", peer->ms, 4);
            oc_cli_json_fixed(json, "ratio", oc_cli_peer_ratio(peer, from), 4);
            oc_json_write_end(json);
        }
    }
    oc_json_write_end(json);
}

static void write_ceilings(oc_json_writer *json, const octavo_tool_ceilings *ceilings) {
    oc_json_write_key(json, "ceilings");
    oc_json_write_object(json);
    oc_cli_json_fixed(json, "f8_tflops", known(1e-12 * ceilings->f8_flops), 3);
    oc_cli_json_fixed(json, "f16_tflops", known(1e-12 * ceilings->f16_flops), 3);
    oc_cli_json_fixed(json, "gbytes_per_s", known(1e-9 * ceilings->bytes_per_s), 3);
    oc_json_write_key(json, "source");
    oc_json_write_text(json, ceilings->source);
    oc_json_write_end(json);
}

static octavo_status write_result(oc_json_writer *json, const oc_cli_bench_run *of,
                                  const oc_cli_result *from, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_cli_timing *timing = &from->timing;
    double flops = timing->flop / timing->median_s;
    double peak = known(timing->peak_flops);
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
    if (oc_cli_is_card(from)) {
        write_part(json, "to_device_ms", timing->to_device);
        write_part(json, "device_ms", timing->device); /* without copies to and from it */
        write_part(json, "from_device_ms", timing->from_device);
        write_card(json, &timing->card);
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
    oc_json_write_text_member(json, "peak", timing->peak);
    oc_cli_json_fixed(json, "share_of_peak", flops / peak, 4);
    oc_cli_json_fixed(json, "spread", timing->spread, 4);
    oc_cli_json_fixed(json, "cpu_ms", 1e3 * timing->cpu_s, 4);
    oc_json_write_key(json, "busy");
    oc_json_write_bool(json, timing->busy.spoiled);
    oc_cli_json_fixed(json, "others_cores", told(timing->busy.others_cores), 3);
    oc_cli_json_fixed(json, "waited_share", told(timing->busy.waited_share), 4);
    if (of->peers) {
        write_peers(json, of, from);
    }
    if (from->steps) {
        OC_TRY(oc_cli_profile_write(json, of, from, error));
    }
    oc_json_write_end(json);
done:
    return status;
}

octavo_status oc_cli_bench_json(const oc_cli_bench_run *of, const char *device,
                                octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_buffer buffer;
    oc_json_writer json;
    oc_buffer_init(&buffer);
    oc_json_write_open(&json, &buffer, false);
    oc_json_write_object(&json);
    oc_json_write_key(&json, "device");
    oc_json_write_text(&json, device);
    oc_json_write_key(&json, "model");
    oc_json_write_text(&json, of->name);
    if (of->ceilings.source[0]) {
        write_ceilings(&json, &of->ceilings);
    }
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
    if (of->result_count > 0 && oc_cli_is_card(&of->results[0])) {
        oc_json_write_key(&json, "notes");
        oc_json_write_array(&json);
        if (of->results[0].timing.card.why.message[0]) {
            oc_json_write_text(&json, of->results[0].timing.card.why.message);
        }
        oc_json_write_end(&json);
    }
    oc_json_write_end(&json);
    OC_TRY(oc_cli_json_print(&json, error));
done:
    oc_buffer_free(&buffer);
    return status;
}
