/* unread.h - tensors of a checkpoint that no part of its model reads: adapters that were not
 * merged, layers and biases that the config does not have. */
#ifndef OC_RECIPES_UNREAD_H
#define OC_RECIPES_UNREAD_H

#include "recipes/recipe.h"

/* Lists them in recipe->unread and notes their number and names.  Tensors that match one of the
 * globs `elsewhere` (NULL ends them) are noted apart and not listed; buffers that every model
 * computes for itself are passed over. */
octavo_status oc_unread_note(oc_recipe *recipe, oc_checkpoint *checkpoint,
                             const char *const *elsewhere, octavo_error *error);

#endif
