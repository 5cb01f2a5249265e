/* metrics.c - see metrics.h.  All samples of a family stand together, behind its HELP and TYPE. */
#include "serve/observe/metrics.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sys/clock.h"
#include "serve/http/router.h"

enum { MODELS = 256, LABELS = 256 };

typedef struct source {
    oc_srv_server *server;
    oc_srv_model *models[MODELS];
    oc_srv_counts counts[MODELS];
    char labels[MODELS][LABELS]; /* model="a",version="1": names need no escaping */
    int32_t count;
    bool open_metrics;
    oc_buffer *out;
} source;

/* name without "_total", which a counter's samples have behind it. */
static void family(const source *from, const char *name, const char *type, const char *help) {
    bool is_counter = strcmp(type, "counter") == 0;
    const char *suffix = is_counter && !from->open_metrics ? "_total" : "";
    oc_buffer_printf(from->out, "# HELP %s%s %s\n# TYPE %s%s %s\n", name, suffix, help, name,
                     suffix, type);
}

static void sample(const source *from, const char *name, const char *labels, double value) {
    oc_buffer_printf(from->out, "%s%s%s%s %.17g\n", name, labels[0] ? "{" : "", labels,
                     labels[0] ? "}" : "", value);
}

static void whole(const source *from, const char *name, const char *labels, uint64_t value) {
    oc_buffer_printf(from->out, "%s%s%s%s %" PRIu64 "\n", name, labels[0] ? "{" : "", labels,
                     labels[0] ? "}" : "", value);
}

static void write_requests(const source *from) {
    family(
        from, "octavo_requests", "counter",
        "Requests that ended, by how: refused found no room, cancelled lost their client, expired "
        "met their deadline.");
    for (int32_t i = 0; i < from->count; i++) {
        const oc_srv_counts *counts = &from->counts[i];
        const struct {
            const char *outcome;
            uint64_t count;
        } outcomes[] = {
            {"success", counts->success.count},
            {"refused", counts->refused},
            {"cancelled", counts->cancelled},
            {"expired", counts->expired},
            {"failed", counts->fail.count - counts->refused - counts->cancelled - counts->expired}};
        for (size_t o = 0; o < OC_COUNT(outcomes); o++) {
            char labels[LABELS + 32];
            snprintf(labels, sizeof labels, "%s,outcome=\"%s\"", from->labels[i],
                     outcomes[o].outcome);
            whole(from, "octavo_requests_total", labels, outcomes[o].count);
        }
    }
}

static void write_durations(const source *from) {
    static const double bounds[] = OC_SRV_BUCKETS;
    family(from, "octavo_request_duration_seconds", "histogram",
           "From a request's admission to its results, of those that succeeded.");
    for (int32_t i = 0; i < from->count; i++) {
        const oc_srv_counts *counts = &from->counts[i];
        uint64_t sum = 0;
        char labels[LABELS + 32];
        for (int b = 0; b <= OC_SRV_BUCKET_COUNT; b++) {
            sum += counts->buckets[b];
            int length = snprintf(labels, sizeof labels, "%s,le=\"", from->labels[i]);
            snprintf(labels + length, sizeof labels - (size_t)length,
                     b < OC_SRV_BUCKET_COUNT ? "%g\"" : "+Inf\"",
                     b < OC_SRV_BUCKET_COUNT ? bounds[b] : 0);
            whole(from, "octavo_request_duration_seconds_bucket", labels, sum);
        }
        sample(from, "octavo_request_duration_seconds_sum", from->labels[i],
               (double)counts->success.ns * 1e-9);
        whole(from, "octavo_request_duration_seconds_count", from->labels[i], sum);
    }
}

static void write_stages(const source *from) {
    family(from, "octavo_stage_seconds", "counter",
           "Time of successful requests by stage: input is decoding and tokenizing, queue waiting, "
           "infer computing, output handing over.");
    for (int32_t i = 0; i < from->count; i++) {
        const oc_srv_counts *counts = &from->counts[i];
        const struct {
            const char *stage;
            uint64_t ns;
        } stages[] = {{"input", counts->input.ns},
                      {"queue", counts->queue.ns},
                      {"infer", counts->infer.ns},
                      {"output", counts->output.ns}};
        for (size_t s = 0; s < OC_COUNT(stages); s++) {
            char labels[LABELS + 32];
            snprintf(labels, sizeof labels, "%s,stage=\"%s\"", from->labels[i], stages[s].stage);
            sample(from, "octavo_stage_seconds_total", labels, (double)stages[s].ns * 1e-9);
        }
    }
}

static void write_batches(const source *from) {
    family(from, "octavo_batch_rows", "histogram", "Rows of the batches that ran.");
    for (int32_t i = 0; i < from->count; i++) {
        int32_t size_max = from->models[i]->statistics.size_max;
        oc_srv_sum *sizes = calloc((size_t)size_max + 1, sizeof *sizes);
        uint64_t sum = 0, rows = 0;
        char labels[LABELS + 32];
        if (!sizes) {
            continue;
        }
        oc_srv_statistics_read(&from->models[i]->statistics, sizes);
        for (int32_t size = 1, bound = 1; size <= size_max; size++) {
            sum += sizes[size].count;
            rows += sizes[size].count * (uint64_t)size;
            if (size == bound || size == size_max) {
                snprintf(labels, sizeof labels, "%s,le=\"%d\"", from->labels[i], size);
                whole(from, "octavo_batch_rows_bucket", labels, sum);
                bound *= 2;
            }
        }
        snprintf(labels, sizeof labels, "%s,le=\"+Inf\"", from->labels[i]);
        whole(from, "octavo_batch_rows_bucket", labels, sum);
        whole(from, "octavo_batch_rows_sum", from->labels[i], rows);
        whole(from, "octavo_batch_rows_count", from->labels[i], sum);
        free(sizes);
    }
}

static void write_hits(const source *from) {
    family(from, "octavo_text_cache_hits", "counter", "Requests whose texts were all known.");
    for (int32_t i = 0; i < from->count; i++) {
        whole(from, "octavo_text_cache_hits_total", from->labels[i], from->counts[i].hits);
    }
}

static void write_states(const source *from) {
    uint64_t now = oc_clock_ns();
    family(from, "octavo_queue_rows", "gauge", "Rows that were admitted and are not computed yet.");
    for (int32_t i = 0; i < from->count; i++) {
        whole(from, "octavo_queue_rows", from->labels[i],
              (uint64_t)oc_srv_queue_rows(&from->models[i]->queue));
    }
    family(from, "octavo_ready", "gauge", "1 where a canary came out right lately.");
    for (int32_t i = 0; i < from->count; i++) {
        whole(from, "octavo_ready", from->labels[i], oc_srv_model_is_ready(from->models[i]));
    }
    family(from, "octavo_canary_age_seconds", "gauge",
           "Since an instance last computed a canary right.");
    for (int32_t i = 0; i < from->count; i++) {
        for (int32_t n = 0; n < from->models[i]->instance_count; n++) {
            const oc_srv_instance *instance = from->models[i]->instances[n];
            char labels[LABELS + 96];
            snprintf(labels, sizeof labels, "%s,instance=\"%d\",device=\"%.40s\"", from->labels[i],
                     n, oc_srv_instance_device(instance));
            sample(from, "octavo_canary_age_seconds", labels,
                   oc_srv_instance_proof_age(instance, now));
        }
    }
    family(from, "octavo_model_info", "gauge", "1; what the model computes in.");
    for (int32_t i = 0; i < from->count; i++) {
        char labels[LABELS + 128];
        snprintf(labels, sizeof labels, "%s,precision=\"%.100s\"", from->labels[i],
                 from->models[i]->info->precision);
        whole(from, "octavo_model_info", labels, 1);
    }
}

/* Of models that have a reference. */
static void write_drift(const source *from) {
    static const char *const names[] = {"octavo_drift_distance", "octavo_drift_sure"};
    octavo_tool_watch_value values[OCTAVO_WATCH_VALUES_MAX];
    family(from, "octavo_drift_state", "gauge",
           "How far traffic is from the calibration: 0 ok, 1 warning, 2 alarm; -1 not known yet.");
    for (int32_t i = 0; i < from->count; i++) {
        if (from->models[i]->watch) {
            sample(from, "octavo_drift_state", from->labels[i],
                   octavo_tool_watch_state(from->models[i]->watch));
        }
    }
    for (int n = 0; n < 2; n++) {
        family(from, names[n], "gauge",
               n == 0 ? "Of one statistic, in the latest comparison."
                      : "What of that chance does not explain; states go by it.");
        for (int32_t i = 0; i < from->count; i++) {
            octavo_tool_watch *watch = from->models[i]->watch;
            int32_t count =
                watch ? octavo_tool_watch_values(watch, values, OCTAVO_WATCH_VALUES_MAX) : 0;
            for (int32_t v = 0; v < count; v++) {
                char labels[LABELS + 96];
                snprintf(labels, sizeof labels, "%s,tower=\"%.20s\",statistic=\"%.40s\"",
                         from->labels[i], values[v].tower, values[v].name);
                sample(from, names[n], labels, n == 0 ? values[v].distance : values[v].sure);
            }
        }
    }
}

static void write_server(const source *from) {
    oc_srv_server *server = from->server;
    family(from, "octavo_connections", "gauge", "Open now.");
    whole(from, "octavo_connections", "", (uint64_t)atomic_load(&server->connections));
    family(from, "octavo_connections_accepted", "counter", "Since the start.");
    whole(from, "octavo_connections_accepted_total", "", atomic_load(&server->accepted));
    family(from, "octavo_connections_turned_away", "counter", "For want of room.");
    whole(from, "octavo_connections_turned_away_total", "", atomic_load(&server->turned_away));
    family(from, "octavo_exchanges", "gauge", "Requests in work, of all kinds.");
    whole(from, "octavo_exchanges", "", (uint64_t)atomic_load(&server->exchanges));
    family(from, "octavo_body_bytes", "gauge", "Held by the bodies of requests in work.");
    whole(from, "octavo_body_bytes", "", atomic_load(&server->body_bytes));
    family(from, "octavo_draining", "gauge", "1 when the server is ending.");
    whole(from, "octavo_draining", "", atomic_load(&server->draining));
}

/* Triton's counters have no "_total": to OpenMetrics, which wants one, they are of unknown type. */
static void write_triton(const source *from) {
    static const struct {
        const char *name, *help;
        size_t field; /* of oc_srv_counts */
        bool is_us;
    } counters[] = {
        {"nv_inference_request_success", "Number of successful inference requests",
         offsetof(oc_srv_counts, success.count), false},
        {"nv_inference_request_failure", "Number of failed inference requests",
         offsetof(oc_srv_counts, fail.count), false},
        {"nv_inference_count", "Number of inferences performed", offsetof(oc_srv_counts, rows),
         false},
        {"nv_inference_exec_count", "Number of model executions performed",
         offsetof(oc_srv_counts, batches), false},
        {"nv_inference_request_duration_us", "Cumulative inference request duration",
         offsetof(oc_srv_counts, success.ns), true},
        {"nv_inference_queue_duration_us", "Cumulative inference queuing duration",
         offsetof(oc_srv_counts, queue.ns), true},
        {"nv_inference_compute_input_duration_us", "Cumulative compute input duration",
         offsetof(oc_srv_counts, input.ns), true},
        {"nv_inference_compute_infer_duration_us", "Cumulative compute inference duration",
         offsetof(oc_srv_counts, infer.ns), true},
        {"nv_inference_compute_output_duration_us", "Cumulative inference compute output duration",
         offsetof(oc_srv_counts, output.ns), true},
    };
    for (size_t c = 0; c < OC_COUNT(counters); c++) {
        oc_buffer_printf(from->out, "# HELP %s %s\n# TYPE %s %s\n", counters[c].name,
                         counters[c].help, counters[c].name,
                         from->open_metrics ? "unknown" : "counter");
        for (int32_t i = 0; i < from->count; i++) {
            uint64_t value;
            memcpy(&value, (const char *)&from->counts[i] + counters[c].field, sizeof value);
            whole(from, counters[c].name, from->labels[i],
                  counters[c].is_us ? value / 1000 : value);
        }
    }
    oc_buffer_printf(from->out, "# HELP nv_inference_pending_request_count Rows that wait\n"
                                "# TYPE nv_inference_pending_request_count gauge\n");
    for (int32_t i = 0; i < from->count; i++) {
        whole(from, "nv_inference_pending_request_count", from->labels[i],
              (uint64_t)oc_srv_queue_rows(&from->models[i]->queue));
    }
}

void oc_srv_metrics_write(oc_srv_server *server, bool open_metrics, oc_buffer *out) {
    source *from = calloc(1, sizeof *from);
    if (!from) {
        out->failed = true;
        return;
    }
    from->server = server;
    from->open_metrics = open_metrics;
    from->out = out;
    from->count = oc_srv_repository_models(server->repository, from->models, MODELS);
    for (int32_t i = 0; i < from->count; i++) {
        from->counts[i] = oc_srv_statistics_read(&from->models[i]->statistics, NULL);
        snprintf(from->labels[i], LABELS, "model=\"%s\",version=\"%" PRId64 "\"",
                 from->models[i]->name, from->models[i]->version);
    }
    write_requests(from);
    write_durations(from);
    write_stages(from);
    write_batches(from);
    write_hits(from);
    write_states(from);
    write_drift(from);
    write_server(from);
    write_triton(from);
    if (open_metrics) {
        oc_buffer_text(out, "# EOF\n");
    }
    for (int32_t i = 0; i < from->count; i++) {
        oc_srv_model_release(from->models[i]);
    }
    free(from);
}

static void answer_metrics(oc_srv_exchange *exchange) {
    static const char wanted[] = "application/openmetrics-text";
    oc_slice accept = oc_srv_exchange_header(exchange, "accept");
    bool open_metrics =
        accept.data && memmem(accept.data, accept.length, wanted, sizeof wanted - 1);
    oc_srv_metrics_write(exchange->server, open_metrics, &exchange->answer);
    oc_srv_answer(exchange, 200,
                  open_metrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                               : "text/plain; version=0.0.4; charset=utf-8");
    oc_srv_send(exchange);
}

const oc_srv_route_entry oc_srv_metrics_routes[] = {
    {"GET", "metrics", answer_metrics, false},
    {NULL, NULL, NULL, false},
};
