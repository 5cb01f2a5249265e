/* backends.h - the one place that names every backend. */
#ifndef OC_API_BACKENDS_H
#define OC_API_BACKENDS_H

#include "device/device.h"

/* The backend called `name`: NULL or "auto" (the best there is), "cpu", "ref".
 *   INVALID_ARGUMENT  a name that is none
 *   UNAVAILABLE       cuda, which this build does not have */
octavo_status oc_backend_by_name(const char *name, const oc_backend **out, octavo_error *error);

#endif
