/* glob.h - shell patterns over module names, as exporters' exclude lists have them. */
#ifndef OC_CHECKPOINT_GLOB_H
#define OC_CHECKPOINT_GLOB_H

#include <stdbool.h>

/* '*' stands for any characters, dots too, '?' for one; all others for themselves.
 * Takes at most strlen(pattern) * strlen(text) steps. */
bool oc_glob_match(const char *pattern, const char *text);

#endif
