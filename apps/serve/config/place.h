/* place.h - where in a configuration file something is wrong: "clip/model.json:3:14". */
#ifndef OC_SERVE_PLACE_H
#define OC_SERVE_PLACE_H

#include "base/status.h"

/* Makes error->path "PATH:LINE:COLUMN" of the byte error->offset of `text`, and takes the offset
 * away: people look for lines.  Columns count bytes from 1. */
void oc_srv_place(octavo_error *error, const char *path, const char *text, size_t size);

#endif
