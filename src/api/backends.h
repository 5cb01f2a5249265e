/* backends.h - the one place that names every backend. */
#ifndef OC_API_BACKENDS_H
#define OC_API_BACKENDS_H

#include "device/device.h"

/* The backend called `name`: NULL or "auto" (cuda where there is a card, else cpu), "cpu", "cuda",
 * "cuda:N", "cuda:N:TIER", "ref".
 *   INVALID_ARGUMENT  a name that is none */
octavo_status oc_backend_by_name(const char *name, const oc_backend **out, octavo_error *error);

/* "N" of "cuda:N", "N:TIER" of "cuda:N:TIER", within `name`: what cuda takes for a tier.  NULL: no
 * card is named. */
const char *oc_backend_card(const char *name);

#endif
