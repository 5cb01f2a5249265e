/* locate.h - which files a checkpoint consists of.  A part of checkpoint.c. */
#ifndef OC_CHECKPOINT_LOCATE_H
#define OC_CHECKPOINT_LOCATE_H

#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"
#include "checkpoint/notices.h"

typedef struct oc_st_entry {
    const char *tensor;
    int32_t file; /* index into paths */
} oc_st_entry;

typedef struct oc_location {
    const char *title, *folder;
    const char **paths; /* .safetensors files; shards sorted by name */
    int32_t path_count;
    const char *index; /* path of the index file; NULL: one file, no index */
    oc_st_entry *entries;
    int32_t entry_count;
} oc_location;

/* folder/name, in `arena`. */
octavo_status oc_locate_in(const char *folder, const char *name, oc_arena *arena, const char **out,
                           octavo_error *error);

/* All that it hands out is in `arena`.  Errors of oc_checkpoint_open. */
octavo_status oc_locate(const char *path, oc_arena *arena, oc_location *out, oc_notices *notices,
                        octavo_error *error);

#endif
