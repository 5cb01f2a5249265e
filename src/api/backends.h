/* backends.h - the one place that names every backend. */
#ifndef OC_API_BACKENDS_H
#define OC_API_BACKENDS_H

#include "device/device.h"

/* Opens the device called `name`: NULL or "auto" (the best there is), "cpu", "ref".
 *   INVALID_ARGUMENT  a name that is none
 *   UNAVAILABLE       cuda, which this build does not have; or what the backend says */
octavo_status oc_device_open_by_name(const char *name, const oc_device_options *options,
                                     oc_device **out, octavo_error *error);

#endif
