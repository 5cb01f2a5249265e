/* hub.h - finds `org/name` in the local cache of the Hugging Face hub.  Nothing is downloaded.
 *
 * The cache (huggingface_hub documentation, "Understand caching"):
 *     CACHE/models--ORG--NAME/refs/main            the revision's name
 *     CACHE/models--ORG--NAME/snapshots/REVISION/  its files, as links
 * CACHE is $HF_HUB_CACHE, else $HF_HOME/hub, else $XDG_CACHE_HOME/huggingface/hub, else
 * ~/.cache/huggingface/hub.
 */
#ifndef OC_CHECKPOINT_HUB_H
#define OC_CHECKPOINT_HUB_H

#include <stdbool.h>

#include "base/status.h"

/* True for two parts of letters, digits, '-', '_' and '.', with one '/' between them. */
bool oc_hub_is_name(const char *name);

/* *folder receives the snapshot's folder: free() it.
 *   NOT_FOUND  not in the cache; the sentence says where it was looked for
 *   CORRUPT    the cache names a revision that cannot be one */
octavo_status oc_hub_find(const char *name, char **folder, octavo_error *error);

#endif
