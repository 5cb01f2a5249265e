/* model_settings.c - see model_settings.h. */
#include "serve/config/model_settings.h"

#include <string.h>

#include "base/json/json.h"
#include "serve/config/place.h"

enum {
    BATCH = 16,
    QUEUE = 1024,      /* rows: some seconds of work of a small model on a CPU */
    TEXT_CACHE = 4096, /* 16 MB where embeddings have 512 values, once it is full */
    NAME = 64          /* of a device or a tier */
};

oc_srv_model_settings oc_srv_model_defaults(const char *device, const char *tier, int32_t threads,
                                            const char *disable) {
    return (oc_srv_model_settings){
        .groups =
            {{.device = device ? device : "auto", .tier = tier, .count = 1, .threads = threads}},
        .group_count = 1,
        .batch_max = BATCH,
        .queue_rows = QUEUE,
        .delay_ms = 5,
        .check_s = 30,
        .text_cache = TEXT_CACHE,
        .disable = disable,
        .source = "defaults",
    };
}

static octavo_status read_number(oc_json *json, double min, double max, double *out,
                                 octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    OC_TRY(oc_json_double(json, out, error));
    if (*out < min || *out > max) {
        OC_JSON_FAIL(json, error, OCTAVO_INVALID_ARGUMENT, "a number from %g to %g is wanted", min,
                     max);
    }
done:
    return status;
}

/* By its name; whether there is such a card shows when the model is loaded. */
static bool is_device(const char *name) {
    static const char *const plain[] = {"auto", "cpu", "cuda", "ref"};
    for (size_t i = 0; i < OC_COUNT(plain); i++) {
        if (strcmp(name, plain[i]) == 0) {
            return true;
        }
    }
    size_t digits = strncmp(name, "cuda:", 5) == 0 ? strspn(name + 5, "0123456789") : 0;
    const char *rest = name + 5 + digits;
    return digits >= 1 && digits <= 3 && (*rest == 0 || strcmp(rest, ":mma") == 0);
}

static octavo_status read_group(oc_json *json, oc_arena *arena, oc_srv_group *group,
                                octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_slice key;
    *group = (oc_srv_group){.device = "auto", .count = 1};
    OC_TRY(oc_json_object(json, error));
    for (;;) {
        OC_TRY(oc_json_member(json, &key, error));
        if (!key.data) {
            break;
        }
        if (oc_slice_is(key, "device")) {
            OC_TRY(oc_json_text(json, NAME, arena, &group->device, error));
            if (!is_device(group->device)) {
                OC_JSON_FAIL(json, error, OCTAVO_INVALID_ARGUMENT,
                             "a device is auto, cpu, cuda, cuda:N or ref, not \"%s\"",
                             group->device);
            }
        } else if (oc_slice_is(key, "tier")) {
            OC_TRY(oc_json_text(json, NAME, arena, &group->tier, error));
        } else if (oc_slice_is(key, "count")) {
            OC_TRY(oc_json_int32(json, 1, OC_LIMIT_INSTANCES, &group->count, error));
        } else if (oc_slice_is(key, "threads")) {
            OC_TRY(oc_json_int32(json, 0, OC_LIMIT_THREADS, &group->threads, error));
        } else {
            OC_JSON_FAIL(json, error, OCTAVO_INVALID_ARGUMENT,
                         "there is no such key: device, tier, count and threads are known");
        }
    }
    if (group->tier && strncmp(group->device, "cuda", 4) == 0) {
        OC_JSON_FAIL(json, error, OCTAVO_INVALID_ARGUMENT,
                     "tier %s is one of the CPU, device %s is a card", group->tier, group->device);
    }
    if (group->tier && strcmp(group->device, "auto") == 0) {
        group->device = "cpu"; /* whoever names a tier means the CPU */
    }
done:
    return status;
}

static octavo_status read_groups(oc_json *json, oc_arena *arena, oc_srv_model_settings *settings,
                                 octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    bool more;
    int32_t instances = 0;
    settings->group_count = 0;
    OC_TRY(oc_json_array(json, error));
    for (;;) {
        OC_TRY(oc_json_element(json, &more, error));
        if (!more) {
            break;
        }
        if (settings->group_count == OC_LIMIT_INSTANCE_KINDS) {
            OC_JSON_FAIL(json, error, OCTAVO_UNSUPPORTED, "over %d kinds of instances",
                         OC_LIMIT_INSTANCE_KINDS);
        }
        OC_TRY(read_group(json, arena, &settings->groups[settings->group_count], error));
        instances += settings->groups[settings->group_count++].count;
        if (instances > OC_LIMIT_INSTANCES) {
            OC_JSON_FAIL(json, error, OCTAVO_UNSUPPORTED, "over %d instances", OC_LIMIT_INSTANCES);
        }
    }
    if (settings->group_count == 0) {
        OC_JSON_FAIL(json, error, OCTAVO_INVALID_ARGUMENT, "the list of instances is empty");
    }
done:
    return status;
}

octavo_status oc_srv_model_settings_read(const char *path, const char *text, size_t size,
                                         oc_arena *arena, oc_srv_model_settings *settings,
                                         octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_json json;
    oc_slice key;
    oc_json_open(&json, text, size, 0, 0);
    settings->source = path;
    OC_TRY(oc_json_object(&json, error));
    for (;;) {
        OC_TRY(oc_json_member(&json, &key, error));
        if (!key.data) {
            break;
        }
        if (oc_slice_is(key, "instances")) {
            OC_TRY(read_groups(&json, arena, settings, error));
        } else if (oc_slice_is(key, "max_batch")) {
            OC_TRY(oc_json_int32(&json, 1, OC_LIMIT_BATCH, &settings->batch_max, error));
        } else if (oc_slice_is(key, "max_queue")) {
            OC_TRY(oc_json_int32(&json, 1, OC_LIMIT_QUEUE_ROWS, &settings->queue_rows, error));
        } else if (oc_slice_is(key, "max_queue_delay_ms")) {
            OC_TRY(read_number(&json, 0, 10000, &settings->delay_ms, error));
        } else if (oc_slice_is(key, "canary_interval_s")) {
            OC_TRY(read_number(&json, 0.1, 86400, &settings->check_s, error));
        } else if (oc_slice_is(key, "text_cache")) {
            OC_TRY(oc_json_int32(&json, 0, OC_LIMIT_QUEUE_ROWS, &settings->text_cache, error));
        } else if (oc_slice_is(key, "disable")) {
            OC_TRY(oc_json_text(&json, 256, arena, &settings->disable, error));
        } else {
            OC_JSON_FAIL(&json, error, OCTAVO_INVALID_ARGUMENT,
                         "there is no such key: instances, max_batch, max_queue, "
                         "max_queue_delay_ms, canary_interval_s, text_cache and disable are "
                         "known");
        }
    }
    OC_TRY(oc_json_finish(&json, error));
    if (settings->batch_max > settings->queue_rows) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "max_batch is %d, more than the %d rows of max_queue", settings->batch_max,
                settings->queue_rows);
    }
done:
    if (status) {
        oc_srv_place(error, path, text, size);
    }
    oc_json_close(&json);
    return status;
}

void oc_srv_model_settings_write(oc_json_writer *json, const oc_srv_model_settings *settings) {
    oc_json_write_object(json);
    oc_json_write_text_member(json, "source", settings->source);
    oc_json_write_key(json, "instances");
    oc_json_write_array(json);
    for (int32_t i = 0; i < settings->group_count; i++) {
        const oc_srv_group *group = &settings->groups[i];
        oc_json_write_object(json);
        oc_json_write_text_member(json, "device", group->device);
        oc_json_write_text_member(json, "tier", group->tier);
        oc_json_write_int_member(json, "count", group->count);
        oc_json_write_int_member(json, "threads", group->threads);
        oc_json_write_end(json);
    }
    oc_json_write_end(json);
    oc_json_write_int_member(json, "max_batch", settings->batch_max);
    oc_json_write_int_member(json, "max_queue", settings->queue_rows);
    oc_json_write_double_member(json, "max_queue_delay_ms", settings->delay_ms);
    oc_json_write_double_member(json, "canary_interval_s", settings->check_s);
    oc_json_write_int_member(json, "text_cache", settings->text_cache);
    oc_json_write_text_member(json, "disable", settings->disable);
    oc_json_write_end(json);
}
