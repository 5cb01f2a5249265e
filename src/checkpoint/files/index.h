/* index.h - model.safetensors.index.json: {"weight_map": {TENSOR: FILE}}.  A part of locate.c. */
#ifndef OC_CHECKPOINT_INDEX_H
#define OC_CHECKPOINT_INDEX_H

#include "checkpoint/files/locate.h"

/* Fills out->index, paths and entries.
 *   CORRUPT      not JSON of that form; a file of another folder
 *   UNSUPPORTED  more tensors or files than base/limits.h allows */
octavo_status oc_index_read(const char *folder, oc_arena *arena, oc_location *out,
                            octavo_error *error);

#endif
