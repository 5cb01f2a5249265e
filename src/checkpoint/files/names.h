/* names.h - the names by which a model knows its tensors, within the names that files give them.
 *
 * Frameworks wrap a model and save it with the wrapper's name in front of all of its tensors
 * ("module.", "_orig_mod.", "clip."; several of them where wrappers are wrapped).  A model that was
 * made from a config may be saved with its towers' names doubled ("text_model.text_model.").
 */
#ifndef OC_CHECKPOINT_NAMES_H
#define OC_CHECKPOINT_NAMES_H

#include "base/arena.h"
#include "base/status.h"

/* The wrappers' names in front of the model's tensors, "" where there are none: all tensors have
 * them but for some that belong to no part of the model.  In `arena`. */
octavo_status oc_names_wrapper(const char *const *file_names, int32_t count, oc_arena *arena,
                               const char **wrapper, octavo_error *error);

/* The model's name for a tensor; within file_name. */
const char *oc_names_plain(const char *file_name, const char *wrapper);

#endif
