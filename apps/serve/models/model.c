/* model.c - see model.h. */
#include "serve/models/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/sys/clock.h"
#include "serve/observe/drift.h"

static octavo_status copy_settings(oc_srv_model *model, const oc_srv_model_settings *settings,
                                   octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    model->settings = *settings;
    const char **texts[2 + 2 * OC_LIMIT_INSTANCE_KINDS] = {&model->settings.disable,
                                                           &model->settings.source};
    size_t count = 2;
    for (int32_t i = 0; i < settings->group_count; i++) {
        texts[count++] = &model->settings.groups[i].device;
        texts[count++] = &model->settings.groups[i].tier;
    }
    for (size_t i = 0; i < count; i++) {
        if (*texts[i]) {
            *texts[i] = oc_arena_text(&model->arena, *texts[i], strlen(*texts[i]));
            if (!*texts[i]) {
                OC_NO_MEMORY(error, 1);
            }
        }
    }
done:
    return status;
}

/* The weights of a group: those of an earlier one on the same device and tier, or loaded now. */
static octavo_status load_weights(oc_srv_model *model, int32_t group, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_srv_group *wanted = &model->settings.groups[group];
    octavo_model_options options = {.struct_size = sizeof options,
                                    .device = wanted->device,
                                    .tier = wanted->tier,
                                    .disable = model->settings.disable};
    OC_TRY(octavo_model_load(model->engine, &options, &model->weights[group], error));
done:
    return status;
}

static const octavo_model *weights_of(oc_srv_model *model, int32_t group) {
    const oc_srv_group *wanted = &model->settings.groups[group];
    for (int32_t i = 0; i < group; i++) {
        const oc_srv_group *other = &model->settings.groups[i];
        bool same_tier =
            !wanted->tier ? !other->tier : other->tier && strcmp(wanted->tier, other->tier) == 0;
        if (strcmp(wanted->device, other->device) == 0 && same_tier) {
            return weights_of(model, i);
        }
    }
    return model->weights[group];
}

static octavo_status start_instances(oc_srv_model *model, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_srv_model_settings *settings = &model->settings;
    int32_t count = 0;
    for (int32_t i = 0; i < settings->group_count; i++) {
        count += settings->groups[i].count;
    }
    model->instances = calloc((size_t)count, sizeof *model->instances);
    if (!model->instances) {
        OC_NO_MEMORY(error, (size_t)count * sizeof *model->instances);
    }
    for (int32_t g = 0; g < settings->group_count; g++) {
        if (!weights_of(model, g)) {
            OC_TRY(load_weights(model, g, error));
        }
        for (int32_t i = 0; i < settings->groups[g].count; i++) {
            char name[32];
            snprintf(name, sizeof name, "compute-%d", model->instance_count);
            oc_srv_instance_options options = {
                .name = name,
                .weights = (octavo_model *)weights_of(model, g),
                .batch_max = settings->batch_max,
                .threads = settings->groups[g].threads,
                .delay_s = settings->delay_ms * 1e-3,
                .check_s = settings->check_s,
            };
            OC_TRY(oc_srv_instance_start(model, &options, &model->instances[model->instance_count],
                                         error));
            model->instance_count++;
        }
    }
done:
    return status;
}

octavo_status oc_srv_model_start(const char *name, int64_t version, const char *path,
                                 const oc_srv_model_settings *settings, oc_srv_model **out,
                                 octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_srv_model *model = calloc(1, sizeof *model);
    *out = NULL;
    if (!model) {
        OC_NO_MEMORY(error, sizeof *model);
    }
    model->version = version;
    model->loaded_unix_s = time(NULL);
    pthread_mutex_init(&model->lock, NULL);
    pthread_cond_init(&model->idle, NULL);
    oc_arena_init(&model->arena);
    oc_srv_queue_init(&model->queue, settings->queue_rows);
    model->name = strdup(name);
    model->path = strdup(path);
    if (!model->name || !model->path) {
        OC_NO_MEMORY(error, strlen(path));
    }
    OC_TRY(copy_settings(model, settings, error));
    OC_TRY(oc_srv_statistics_open(&model->statistics, settings->batch_max, error));
    OC_TRY(octavo_engine_open(path, &model->engine, error));
    model->info = octavo_engine_describe(model->engine);
    OC_TRY(oc_srv_text_cache_create(settings->text_cache, model->info->embed_dim,
                                    &model->text_cache, error));
    model->watch = oc_srv_drift_open(model->engine, model->name);
    OC_TRY(start_instances(model, error));
    *out = model;
done:
    if (status) {
        oc_error_path(error, path);
        oc_srv_model_stop(model);
    }
    return status;
}

void oc_srv_model_stop(oc_srv_model *model) {
    if (!model) {
        return;
    }
    pthread_mutex_lock(&model->lock);
    while (model->holds > 0) {
        pthread_cond_wait(&model->idle, &model->lock);
    }
    pthread_mutex_unlock(&model->lock);
    oc_srv_queue_close(&model->queue);
    for (int32_t i = 0; i < model->instance_count; i++) {
        oc_srv_instance_stop(model->instances[i]);
    }
    for (int32_t g = 0; g < OC_LIMIT_INSTANCE_KINDS; g++) {
        octavo_model_free(model->weights[g]);
    }
    octavo_tool_watch_free(model->watch);
    octavo_engine_free(model->engine);
    oc_srv_queue_destroy(&model->queue);
    oc_srv_statistics_close(&model->statistics);
    oc_srv_text_cache_free(model->text_cache);
    oc_arena_free(&model->arena);
    pthread_cond_destroy(&model->idle);
    pthread_mutex_destroy(&model->lock);
    free(model->instances);
    free(model->name);
    free(model->path);
    free(model);
}

void oc_srv_model_hold(oc_srv_model *model) {
    pthread_mutex_lock(&model->lock);
    model->holds++;
    pthread_mutex_unlock(&model->lock);
}

void oc_srv_model_release(oc_srv_model *model) {
    pthread_mutex_lock(&model->lock);
    if (--model->holds == 0) {
        pthread_cond_broadcast(&model->idle);
    }
    pthread_mutex_unlock(&model->lock);
}

bool oc_srv_model_is_ready(const oc_srv_model *model) {
    uint64_t now = oc_clock_ns();
    /* An instance asks itself every check_s, between two batches: three times that without an
     * answer is a device that hangs. */
    for (int32_t i = 0; i < model->instance_count; i++) {
        const oc_srv_instance *instance = model->instances[i];
        if (oc_srv_instance_is_right(instance) &&
            oc_srv_instance_proof_age(instance, now) <= 3 * model->settings.check_s) {
            return true;
        }
    }
    return false;
}

void oc_srv_model_note_call(oc_srv_model *model, const oc_srv_call *call) {
    oc_srv_statistics_call(&model->statistics, call);
}

void oc_srv_model_note_refused(oc_srv_model *model, octavo_status status) {
    oc_srv_statistics_refused(&model->statistics, status);
}

void oc_srv_model_note_batch(oc_srv_model *model, const oc_srv_batch *batch, uint64_t ns) {
    oc_srv_statistics_batch(&model->statistics, batch->rows, ns);
}

bool oc_srv_model_give_up(oc_srv_model *model) {
    bool any_right = false;
    for (int32_t i = 0; i < model->instance_count; i++) {
        any_right |= oc_srv_instance_is_right(model->instances[i]);
    }
    if (!any_right) {
        octavo_error error;
        oc_error_clear(&error);
        oc_fail(&error, OCTAVO_UNAVAILABLE, OCTAVO_NO_OFFSET, __FILE__, __LINE__,
                "the model's canaries come out wrong on this device: nothing is computed");
        oc_srv_queue_fail(&model->queue, &error);
    }
    pthread_mutex_lock(&model->queue.lock);
    bool closing = model->queue.closing;
    pthread_mutex_unlock(&model->queue.lock);
    return closing;
}
