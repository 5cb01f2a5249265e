/* keep.h - "GLOB=f16,GLOB=f16": which linear modules are pinned to 16 bit. */
#ifndef OC_RECIPES_KEEP_H
#define OC_RECIPES_KEEP_H

#include "recipes/recipe.h"

/* INVALID_ARGUMENT: an item is not GLOB=f16.  keep may be NULL: there are none. */
octavo_status oc_keep_check(const char *keep, octavo_error *error);

/* Whether an item's glob matches the module's name; keep has passed oc_keep_check. */
bool oc_keep_has(const char *keep, const char *module);

/* INVALID_ARGUMENT: an item's glob matches none of the modules. */
octavo_status oc_keep_check_used(const char *keep, const oc_recipe_module *modules, int32_t count,
                                 octavo_error *error);

#endif
