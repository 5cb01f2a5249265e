/* model_settings.h - how one model is served, as model.json says it:
 *
 *     {"instances": [{"device": "cpu", "count": 2, "threads": 1}],
 *      "max_batch": 16, "max_queue": 1024, "max_queue_delay_ms": 5, "canary_interval_s": 30,
 *      "text_cache": 4096, "disable": "cut-text"}
 *
 * All keys are optional; one that is not known is an error.
 */
#ifndef OC_SERVE_MODEL_SETTINGS_H
#define OC_SERVE_MODEL_SETTINGS_H

#include "base/arena.h"
#include "base/json/json_write.h"
#include "base/limits.h"

/* Instances that are alike. */
typedef struct oc_srv_group {
    const char *device; /* as --device */
    const char *tier;   /* NULL: the best */
    int32_t count;
    int32_t threads; /* of each session; 0: one for each usable core */
} oc_srv_group;

typedef struct oc_srv_model_settings {
    oc_srv_group groups[OC_LIMIT_INSTANCE_KINDS];
    int32_t group_count;
    int32_t batch_max;   /* rows of one run */
    int32_t queue_rows;  /* rows that may wait */
    double delay_ms;     /* that a row may be kept back for company */
    double check_s;      /* between canaries */
    int32_t text_cache;  /* texts whose embeddings are kept; 0: none */
    const char *disable; /* savings left out; NULL: none */
    const char *source;  /* where these values come from: a file, or "defaults"; borrowed */
} oc_srv_model_settings;

/* What holds where no model.json says otherwise: one instance on `device` (NULL: auto). */
oc_srv_model_settings oc_srv_model_defaults(const char *device, const char *tier, int32_t threads,
                                            const char *disable);

/* Reads `text` of the file `path` over *settings; strings go to the arena.
 *   INVALID_ARGUMENT, CORRUPT  what is wrong; error->path is "PATH:LINE:COLUMN" */
octavo_status oc_srv_model_settings_read(const char *path, const char *text, size_t size,
                                         oc_arena *arena, oc_srv_model_settings *settings,
                                         octavo_error *error);

/* The same as JSON, for --print-config and the config call. */
void oc_srv_model_settings_write(oc_json_writer *json, const oc_srv_model_settings *settings);

#endif
