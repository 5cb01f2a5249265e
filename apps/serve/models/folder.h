/* folder.h - what lies in a repository's folder: names, versions, settings. */
#ifndef OC_SERVE_FOLDER_H
#define OC_SERVE_FOLDER_H

#include "base/limits.h"
#include "serve/config/model_settings.h"

typedef struct oc_srv_version_file {
    int64_t version;
    const char *path;
    uint64_t stamp; /* differs where the file was replaced or changed */
} oc_srv_version_file;

typedef struct oc_srv_folder_model {
    const char *name;
    oc_srv_version_file versions[OC_LIMIT_SERVED_VERSIONS]; /* the newest first */
    int32_t version_count;
    oc_srv_model_settings settings;
    uint64_t settings_stamp;
} oc_srv_folder_model;

typedef struct oc_srv_folder {
    oc_arena arena;
    oc_srv_folder_model *models; /* sorted by name */
    int32_t count;
} oc_srv_folder;

/* Errors of oc_srv_repository_open.  *out is valid, and to be freed, after an error too. */
octavo_status oc_srv_folder_read(const char *path, const oc_srv_model_settings *defaults,
                                 oc_srv_folder *out, bool *is_configuration, octavo_error *error);
void oc_srv_folder_free(oc_srv_folder *folder);
const oc_srv_folder_model *oc_srv_folder_find(const oc_srv_folder *folder, const char *name);

/* Letters, digits, '.', '_' and '-', none of them a '.' at the beginning. */
bool oc_srv_is_name(oc_slice name);

#endif
