/* metadata.c - see metadata.h. */
#include "serve/oip/metadata.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "serve/oip/infer.h"

void oc_oip_write_server(oc_json_writer *json) {
    static const char *const extensions[] = {"binary_tensor_data", "model_configuration",
                                             "model_repository", "statistics"};
    char version[24];
    snprintf(version, sizeof version, "%d.%d.%d", OCTAVO_VERSION_MAJOR, OCTAVO_VERSION_MINOR,
             OCTAVO_VERSION_PATCH);
    oc_json_write_object(json);
    oc_json_write_text_member(json, "name", "octavo");
    oc_json_write_text_member(json, "version", version);
    oc_json_write_key(json, "extensions");
    oc_json_write_array(json);
    for (size_t i = 0; i < OC_COUNT(extensions); i++) {
        oc_json_write_text(json, extensions[i]);
    }
    oc_json_write_end(json);
    oc_json_write_end(json);
}

static void write_ports(oc_json_writer *json, const oc_srv_model *model, bool outputs,
                        bool as_config) {
    oc_oip_port ports[OC_OIP_PORTS];
    int32_t count = oc_oip_ports(model, outputs, ports);
    oc_json_write_array(json);
    for (int32_t i = 0; i < count; i++) {
        const char *type = oc_oip_type_name(ports[i].type);
        char config_type[24];
        snprintf(config_type, sizeof config_type, "TYPE_%s",
                 ports[i].type == OC_OIP_BYTES ? "STRING" : type);
        oc_json_write_object(json);
        oc_json_write_text_member(json, "name", ports[i].name);
        oc_json_write_text_member(json, as_config ? "data_type" : "datatype",
                                  as_config ? config_type : type);
        oc_json_write_key(json, as_config ? "dims" : "shape");
        oc_json_write_array(json);
        for (int32_t d = 0; d < ports[i].rank; d++) {
            oc_json_write_int(json, ports[i].shape[d]);
        }
        oc_json_write_end(json);
        if (as_config && !outputs) {
            oc_json_write_key(json, "optional");
            oc_json_write_bool(json, true);
        }
        oc_json_write_end(json);
    }
    oc_json_write_end(json);
}

void oc_oip_write_metadata(oc_json_writer *json, oc_srv_model *model) {
    char version[24];
    snprintf(version, sizeof version, "%" PRId64, model->version);
    oc_json_write_object(json);
    oc_json_write_text_member(json, "name", model->name);
    oc_json_write_key(json, "versions");
    oc_json_write_array(json);
    oc_json_write_text(json, version);
    oc_json_write_end(json);
    oc_json_write_text_member(json, "platform", "octavo");
    oc_json_write_key(json, "inputs");
    write_ports(json, model, false, false);
    oc_json_write_key(json, "outputs");
    write_ports(json, model, true, false);
    oc_json_write_end(json);
}

/* The first dimension is part of the shapes: max_batch_size 0, as Triton has it for models that do
 * their batching themselves. */
void oc_oip_write_config(oc_json_writer *json, oc_srv_model *model) {
    oc_json_write_object(json);
    oc_json_write_text_member(json, "name", model->name);
    oc_json_write_text_member(json, "platform", "octavo");
    oc_json_write_text_member(json, "backend", "octavo");
    oc_json_write_int_member(json, "max_batch_size", 0);
    oc_json_write_key(json, "input");
    write_ports(json, model, false, true);
    oc_json_write_key(json, "output");
    write_ports(json, model, true, true);
    oc_json_write_key(json, "parameters");
    oc_json_write_object(json);
    oc_json_write_key(json, "octavo");
    oc_srv_model_settings_write(json, &model->settings);
    oc_json_write_text_member(json, "precision", model->info->precision);
    oc_json_write_end(json);
    oc_json_write_end(json);
}

static void write_sum(oc_json_writer *json, const char *key, oc_srv_sum sum) {
    oc_json_write_key(json, key);
    oc_json_write_object(json);
    oc_json_write_int_member(json, "count", (int64_t)sum.count);
    oc_json_write_int_member(json, "ns", (int64_t)sum.ns);
    oc_json_write_end(json);
}

void oc_oip_write_statistics(oc_json_writer *json, oc_srv_model *model) {
    oc_srv_statistics *statistics = &model->statistics;
    oc_srv_sum *by_size = calloc((size_t)statistics->size_max + 1, sizeof *by_size);
    oc_srv_counts counts = oc_srv_statistics_read(statistics, by_size);
    char version[24];
    snprintf(version, sizeof version, "%" PRId64, model->version);
    oc_json_write_object(json);
    oc_json_write_text_member(json, "name", model->name);
    oc_json_write_text_member(json, "version", version);
    oc_json_write_int_member(json, "last_inference", (int64_t)counts.latest_unix_ms);
    oc_json_write_int_member(json, "inference_count", (int64_t)counts.rows);
    oc_json_write_int_member(json, "execution_count", (int64_t)counts.batches);
    oc_json_write_key(json, "inference_stats");
    oc_json_write_object(json);
    write_sum(json, "success", counts.success);
    write_sum(json, "fail", counts.fail);
    write_sum(json, "queue", counts.queue);
    write_sum(json, "compute_input", counts.input);
    write_sum(json, "compute_infer", counts.infer);
    write_sum(json, "compute_output", counts.output);
    write_sum(json, "cache_hit", (oc_srv_sum){counts.hits, 0});
    write_sum(json, "cache_miss", (oc_srv_sum){counts.success.count - counts.hits, 0});
    oc_json_write_end(json);
    oc_json_write_key(json, "batch_stats");
    oc_json_write_array(json);
    for (int32_t size = 1; by_size && size <= statistics->size_max; size++) {
        if (by_size[size].count) {
            oc_json_write_object(json);
            oc_json_write_int_member(json, "batch_size", size);
            write_sum(json, "compute_input", (oc_srv_sum){by_size[size].count, 0});
            write_sum(json, "compute_infer", by_size[size]);
            write_sum(json, "compute_output", (oc_srv_sum){by_size[size].count, 0});
            oc_json_write_end(json);
        }
    }
    oc_json_write_end(json);
    oc_json_write_end(json);
    free(by_size);
}
