/* repository.h - the models that are served: one engine file, or a folder of
 *
 *     NAME/N.octavo        versions; the largest number is served
 *     NAME/model.json      how (config/model_settings.h); optional
 *
 * A new version is started, canaries and all, beside the old one; only then it takes its place, and
 * the old one ends when its last request has.  One that fails leaves the old one serving.  What a
 * client names is looked up among what was found in the folder and never made into a path.
 *
 * Any thread may find and list.  Changes are made by a thread of the repository, one at a time.
 */
#ifndef OC_SERVE_REPOSITORY_H
#define OC_SERVE_REPOSITORY_H

#include "serve/models/model.h"

typedef struct oc_srv_repository oc_srv_repository;

/* Looks at the folder or file and reads all configuration; loads nothing.  `defaults` is what
 * model.json does not say.  *is_configuration, on an error: a configuration file is wrong.
 *   NOT_FOUND         there is no such file or folder, or no model in it
 *   INVALID_ARGUMENT  a name that is none; errors of oc_srv_model_settings_read */
octavo_status oc_srv_repository_open(const char *path, const oc_srv_model_settings *defaults,
                                     oc_srv_repository **out, bool *is_configuration,
                                     octavo_error *error);
/* Loads every model; one that fails is told and stays unavailable, unless all do: then the first
 * error is returned. */
octavo_status oc_srv_repository_start(oc_srv_repository *repository, octavo_error *error);
/* Ends all models, which must not be in use for ever. */
void oc_srv_repository_free(oc_srv_repository *repository);

/* The model of that name, held.  version 0: the one that is served.
 *   NOT_FOUND    no such model, or another version is served
 *   UNAVAILABLE  it is not loaded, and why */
octavo_status oc_srv_repository_find(oc_srv_repository *repository, oc_slice name, int64_t version,
                                     oc_srv_model **out, octavo_error *error);
/* All models that serve, held, at most `capacity` of them: how many. */
int32_t oc_srv_repository_models(oc_srv_repository *repository, oc_srv_model **out,
                                 int32_t capacity);
/* Every model that is wanted serves and is ready. */
bool oc_srv_repository_is_ready(oc_srv_repository *repository);

typedef struct oc_srv_model_state {
    const char *name;
    int64_t version; /* 0: none */
    bool is_ready;
    const char *reason; /* "" where it is ready */
} oc_srv_model_state;

/* Tells of every model what serves, and of a version that failed why it does not.  `tell` must not
 * call the repository. */
void oc_srv_repository_states(oc_srv_repository *repository, bool ready_only,
                              void (*tell)(void *context, const oc_srv_model_state *state),
                              void *context);
/* {"NAME":{settings}...}, for --print-config. */
void oc_srv_repository_settings(oc_srv_repository *repository, oc_json_writer *json);

/* -- changes -------------------------------------------------------------------------------------
 */

typedef enum oc_srv_change_kind { OC_SRV_LOAD, OC_SRV_UNLOAD, OC_SRV_RELOAD } oc_srv_change_kind;

/* LOAD: what is in the folder under that name now, anew; UNLOAD: until it is loaded again; RELOAD:
 * all that differs from what is served.  `done` is called once, by the repository's thread. */
typedef struct oc_srv_change {
    oc_srv_task task;
    oc_srv_repository *repository;
    oc_srv_change_kind kind;
    char name[128];
    octavo_error error; /* what came of it */
    void (*done)(struct oc_srv_change *change);
    void *user;
} oc_srv_change;

void oc_srv_repository_change(oc_srv_repository *repository, oc_srv_change *change);

#endif
