/* repository.c - see repository.h. */
#include "serve/models/repository.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "serve/models/folder.h"
#include "serve/observe/log.h"

typedef struct entry {
    char name[OC_LIMIT_SERVED_NAME + 1];
    oc_srv_model *model; /* NULL: none serves */
    bool unwanted;       /* unloaded by a client, until it is loaded again */
    bool gone;           /* no more in the folder */
    /* Of what serves, to see what changed; of what failed, not to try it again and again. */
    uint64_t stamp, settings_stamp;
    int64_t failed_version; /* 0: the newest one serves */
    char reason[736];       /* why the newest does not */
} entry;

struct oc_srv_repository {
    char *path;
    oc_srv_model_settings defaults;
    pthread_mutex_t lock; /* of the entries */
    entry *entries;       /* [OC_LIMIT_SERVED_MODELS]; only the repository's thread adds */
    int32_t count;
    oc_srv_workers *changer;
    oc_srv_folder folder; /* as it was read last; of the changing thread */
};

static entry *find_entry(oc_srv_repository *repository, oc_slice name) {
    for (int32_t i = 0; i < repository->count; i++) {
        if (oc_slice_is(name, repository->entries[i].name)) {
            return &repository->entries[i];
        }
    }
    return NULL;
}

octavo_status oc_srv_repository_open(const char *path, const oc_srv_model_settings *defaults,
                                     oc_srv_repository **out, bool *is_configuration,
                                     octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_srv_repository *repository = calloc(1, sizeof *repository);
    *out = NULL;
    *is_configuration = false;
    if (!repository) {
        OC_NO_MEMORY(error, sizeof *repository);
    }
    repository->defaults = *defaults;
    pthread_mutex_init(&repository->lock, NULL);
    repository->path = strdup(path);
    repository->entries = calloc(OC_LIMIT_SERVED_MODELS, sizeof *repository->entries);
    if (!repository->path || !repository->entries) {
        OC_NO_MEMORY(error, OC_LIMIT_SERVED_MODELS * sizeof *repository->entries);
    }
    OC_TRY(oc_srv_folder_read(path, defaults, &repository->folder, is_configuration, error));
    OC_TRY(oc_srv_workers_create(1, &repository->changer, error));
    *out = repository;
done:
    if (status && repository) {
        oc_srv_repository_free(repository);
    }
    return status;
}

void oc_srv_repository_free(oc_srv_repository *repository) {
    if (!repository) {
        return;
    }
    oc_srv_workers_free(repository->changer);
    for (int32_t i = 0; i < repository->count; i++) {
        oc_srv_model_stop(repository->entries[i].model);
    }
    oc_srv_folder_free(&repository->folder);
    pthread_mutex_destroy(&repository->lock);
    free(repository->entries);
    free(repository->path);
    free(repository);
}

/* Puts `model` (NULL: none) in the place of what serves, which then ends. */
static void put(oc_srv_repository *repository, entry *at, oc_srv_model *model) {
    pthread_mutex_lock(&repository->lock);
    oc_srv_model *old = at->model;
    at->model = model;
    pthread_mutex_unlock(&repository->lock);
    oc_srv_model_stop(old); /* waits for its last request */
}

/* The newest version that starts: the newest there is, or what is between it and what serves. */
static octavo_status load(oc_srv_repository *repository, entry *at,
                          const oc_srv_folder_model *found, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_srv_model *model = NULL;
    octavo_error first;
    oc_error_clear(&first);
    for (int32_t i = 0; i < found->version_count && !model; i++) {
        const oc_srv_version_file *file = &found->versions[i];
        octavo_error why;
        oc_error_clear(&why);
        if (i > 0 && at->model && at->model->version >= file->version) {
            break; /* it serves already */
        }
        if (oc_srv_model_start(at->name, file->version, file->path, &found->settings, &model,
                               &why)) {
            oc_srv_log(OC_SRV_ALARM, "load_failed", at->name, "version %lld is not taken (%s): %s",
                       (long long)file->version, why.path, why.message);
            if (first.status == OCTAVO_OK) {
                first = why;
            }
        }
    }
    pthread_mutex_lock(&repository->lock);
    at->stamp = found->versions[0].stamp;
    at->settings_stamp = found->settings_stamp;
    at->failed_version = first.status ? found->versions[0].version : 0;
    snprintf(at->reason, sizeof at->reason, "%s", first.status ? first.message : "");
    pthread_mutex_unlock(&repository->lock);
    if (model) {
        oc_srv_log(OC_SRV_NOTICE, "loaded", at->name, "version %lld serves (%s)",
                   (long long)model->version, model->info->precision);
        put(repository, at, model);
    } else if (first.status && at->model) {
        oc_srv_log(OC_SRV_ALARM, "kept", at->name, "version %lld goes on serving",
                   (long long)at->model->version);
    }
    if (first.status) {
        if (error) {
            *error = first;
        }
        status = first.status;
    }
    return status;
}

static entry *add_entry(oc_srv_repository *repository, const char *name) {
    entry *at = find_entry(repository, oc_slice_of(name));
    if (!at && repository->count < OC_LIMIT_SERVED_MODELS) {
        pthread_mutex_lock(&repository->lock);
        at = &repository->entries[repository->count];
        snprintf(at->name, sizeof at->name, "%s", name);
        repository->count++;
        pthread_mutex_unlock(&repository->lock);
    }
    return at;
}

octavo_status oc_srv_repository_start(oc_srv_repository *repository, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    octavo_error first;
    int32_t serving = 0;
    oc_error_clear(&first);
    for (int32_t i = 0; i < repository->folder.count; i++) {
        const oc_srv_folder_model *found = &repository->folder.models[i];
        entry *at = add_entry(repository, found->name);
        octavo_error why;
        oc_error_clear(&why);
        if (load(repository, at, found, &why) && first.status == OCTAVO_OK) {
            first = why;
        }
        serving += at->model != NULL;
    }
    if (serving == 0) {
        *error = first;
        status = first.status;
    }
    return status;
}

/* -- finding ----------------------------------------------------------------------------------- */

octavo_status oc_srv_repository_find(oc_srv_repository *repository, oc_slice name, int64_t version,
                                     oc_srv_model **out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    *out = NULL;
    pthread_mutex_lock(&repository->lock);
    const entry *at = find_entry(repository, name);
    if (!at || (at->gone && !at->model)) {
        OC_FAIL(error, OCTAVO_NOT_FOUND, OCTAVO_NO_OFFSET, "there is no model \"%.*s\"",
                oc_slice_width(name), name.data);
    }
    if (!at->model) {
        OC_FAIL(error, OCTAVO_UNAVAILABLE, OCTAVO_NO_OFFSET, "the model %s is not loaded%s%s",
                at->name, at->reason[0] ? ": " : "", at->reason);
    }
    if (version && version != at->model->version) {
        OC_FAIL(error, OCTAVO_NOT_FOUND, OCTAVO_NO_OFFSET,
                "version %lld of the model %s is not served, version %lld is", (long long)version,
                at->name, (long long)at->model->version);
    }
    *out = at->model;
    oc_srv_model_hold(*out);
done:
    pthread_mutex_unlock(&repository->lock);
    return status;
}

int32_t oc_srv_repository_models(oc_srv_repository *repository, oc_srv_model **out,
                                 int32_t capacity) {
    int32_t count = 0;
    pthread_mutex_lock(&repository->lock);
    for (int32_t i = 0; i < repository->count && count < capacity; i++) {
        if (repository->entries[i].model) {
            out[count] = repository->entries[i].model;
            oc_srv_model_hold(out[count++]);
        }
    }
    pthread_mutex_unlock(&repository->lock);
    return count;
}

bool oc_srv_repository_is_ready(oc_srv_repository *repository) {
    bool ready = true;
    pthread_mutex_lock(&repository->lock);
    for (int32_t i = 0; i < repository->count && ready; i++) {
        const entry *at = &repository->entries[i];
        ready = at->unwanted || at->gone || (at->model && oc_srv_model_is_ready(at->model));
    }
    pthread_mutex_unlock(&repository->lock);
    return ready;
}

void oc_srv_repository_states(oc_srv_repository *repository, bool ready_only,
                              void (*tell)(void *context, const oc_srv_model_state *state),
                              void *context) {
    pthread_mutex_lock(&repository->lock);
    for (int32_t i = 0; i < repository->count; i++) {
        const entry *at = &repository->entries[i];
        bool ready = at->model && oc_srv_model_is_ready(at->model);
        if (at->model && (ready || !ready_only)) {
            tell(context,
                 &(oc_srv_model_state){at->name, at->model->version, ready,
                                       ready ? "" : "its canaries come out wrong, or no more"});
        }
        if (!ready_only && !at->gone && (!at->model || at->failed_version)) {
            tell(context, &(oc_srv_model_state){at->name, at->failed_version, false,
                                                at->unwanted ? "unloaded" : at->reason});
        }
    }
    pthread_mutex_unlock(&repository->lock);
}

void oc_srv_repository_settings(oc_srv_repository *repository, oc_json_writer *json) {
    oc_json_write_object(json);
    for (int32_t i = 0; i < repository->folder.count; i++) {
        oc_json_write_key(json, repository->folder.models[i].name);
        oc_srv_model_settings_write(json, &repository->folder.models[i].settings);
    }
    oc_json_write_end(json);
}

/* -- changing ------------------------------------------------------------------------------------
 */

static octavo_status load_named(oc_srv_repository *repository, const char *name,
                                octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_srv_folder_model *found = oc_srv_folder_find(&repository->folder, name);
    entry *at = found ? add_entry(repository, found->name) : NULL;
    if (!at) {
        OC_FAIL(error, OCTAVO_NOT_FOUND, OCTAVO_NO_OFFSET,
                "there is no model \"%s\" in the repository", name);
    }
    pthread_mutex_lock(&repository->lock);
    at->unwanted = at->gone = false;
    pthread_mutex_unlock(&repository->lock);
    OC_TRY(load(repository, at, found, error));
done:
    return status;
}

static octavo_status unload(oc_srv_repository *repository, const char *name, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    entry *at = find_entry(repository, oc_slice_of(name));
    if (!at) {
        OC_FAIL(error, OCTAVO_NOT_FOUND, OCTAVO_NO_OFFSET, "there is no model \"%s\"", name);
    }
    pthread_mutex_lock(&repository->lock);
    at->unwanted = true;
    at->failed_version = 0;
    snprintf(at->reason, sizeof at->reason, "unloaded");
    pthread_mutex_unlock(&repository->lock);
    put(repository, at, NULL);
    oc_srv_log(OC_SRV_NOTICE, "unloaded", at->name, "unloaded");
done:
    return status;
}

static octavo_status reload(oc_srv_repository *repository, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    for (int32_t i = 0; i < repository->folder.count; i++) {
        const oc_srv_folder_model *found = &repository->folder.models[i];
        entry *at = add_entry(repository, found->name);
        if (at && !at->unwanted &&
            (!at->model || at->stamp != found->versions[0].stamp ||
             at->settings_stamp != found->settings_stamp)) {
            octavo_error why;
            oc_error_clear(&why);
            pthread_mutex_lock(&repository->lock);
            at->gone = false;
            pthread_mutex_unlock(&repository->lock);
            if (load(repository, at, found, &why) && status == OCTAVO_OK) {
                *error = why;
                status = why.status;
            }
        }
    }
    for (int32_t i = 0; i < repository->count; i++) {
        entry *at = &repository->entries[i];
        if (!at->gone && !oc_srv_folder_find(&repository->folder, at->name)) {
            pthread_mutex_lock(&repository->lock);
            at->gone = true;
            pthread_mutex_unlock(&repository->lock);
            put(repository, at, NULL);
            oc_srv_log(OC_SRV_NOTICE, "gone", at->name, "no more in the repository: unloaded");
        }
    }
    return status;
}

static void change_now(oc_srv_task *task) {
    octavo_status status = OCTAVO_OK;
    oc_srv_change *change = (oc_srv_change *)task;
    oc_srv_repository *repository = change->repository;
    octavo_error *error = &change->error;
    bool is_configuration = false;
    oc_srv_folder fresh;
    oc_error_clear(error);
    if (change->kind == OC_SRV_UNLOAD) {
        OC_TRY(unload(repository, change->name, error));
        goto done;
    }
    status = oc_srv_folder_read(repository->path, &repository->defaults, &fresh, &is_configuration,
                                error);
    if (status) {
        oc_srv_folder_free(&fresh); /* nothing changes where the new configuration is wrong */
        goto done;
    }
    oc_srv_folder_free(&repository->folder);
    repository->folder = fresh;
    OC_TRY(change->kind == OC_SRV_LOAD ? load_named(repository, change->name, error)
                                       : reload(repository, error));
done:
    if (status) {
        error->status = status;
        oc_srv_log(OC_SRV_ALARM, "change_failed", change->name[0] ? change->name : NULL, "%s%s%s",
                   error->path, error->path[0] ? ": " : "", error->message);
    }
    change->done(change);
}

void oc_srv_repository_change(oc_srv_repository *repository, oc_srv_change *change) {
    change->repository = repository;
    change->task = (oc_srv_task){NULL, change_now};
    oc_srv_workers_add(repository->changer, &change->task);
}
