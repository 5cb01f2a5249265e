/* model.h - one version of a model, ready to serve: its engine, its weights on each device that it
 * is given to, the queue, and the instances that empty it.
 *
 * Any thread may hold a model; it is stopped when nobody does, by oc_srv_model_stop's caller.
 */
#ifndef OC_SERVE_MODEL_H
#define OC_SERVE_MODEL_H

#include "api/tool.h"
#include "serve/config/model_settings.h"
#include "serve/models/statistics.h"
#include "serve/work/instance.h"
#include "serve/work/text_cache.h"

typedef struct oc_srv_model {
    char *name, *path;
    int64_t version;
    octavo_engine *engine;
    const octavo_engine_info *info;
    oc_srv_model_settings settings; /* strings are in `arena` */
    oc_arena arena;
    octavo_model *weights[OC_LIMIT_INSTANCE_KINDS]; /* of the group of this index */
    oc_srv_instance **instances;
    int32_t instance_count;
    oc_srv_queue queue;
    oc_srv_statistics statistics;
    oc_srv_text_cache *text_cache;
    octavo_tool_watch *watch; /* NULL: the engine has no reference */
    _Atomic int32_t drift;    /* its state, as last told; 0: ok */
    int64_t loaded_unix_s;
    pthread_mutex_t lock; /* of `holds` */
    pthread_cond_t idle;
    int32_t holds;
} oc_srv_model;

/* Opens the engine, packs its weights, runs the canaries on every device and starts the instances.
 * The settings are copied.  Errors of octavo_engine_open, octavo_model_load, octavo_session_create
 * and octavo_session_check; error->path is the file. */
octavo_status oc_srv_model_start(const char *name, int64_t version, const char *path,
                                 const oc_srv_model_settings *settings, oc_srv_model **out,
                                 octavo_error *error);
/* Waits until nobody holds it, ends its threads and frees it.  NULL is accepted. */
void oc_srv_model_stop(oc_srv_model *model);

void oc_srv_model_hold(oc_srv_model *model);
void oc_srv_model_release(oc_srv_model *model);

/* Some instance computed a canary right lately. */
bool oc_srv_model_is_ready(const oc_srv_model *model);

/* -- for calls and instances --------------------------------------------------------------------
 */

void oc_srv_model_note_call(oc_srv_model *model, const oc_srv_call *call);
void oc_srv_model_note_refused(oc_srv_model *model, octavo_status status);
void oc_srv_model_note_batch(oc_srv_model *model, const oc_srv_batch *batch, uint64_t ns);

/* An instance computes wrong: where none is right, what waits fails.  True: the model is ending. */
bool oc_srv_model_give_up(oc_srv_model *model);

#endif
