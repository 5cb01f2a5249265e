/* host.h - queues whose memory is the host's: resolving a plan's steps to addresses, and copying
 * rows.  For backends that run on the host's threads. */
#ifndef OC_DEVICE_HOST_H
#define OC_DEVICE_HOST_H

#include "device/device.h"

/* INTERNAL if a queue of `bytes` is too small for the plan on `threads` threads. */
octavo_status oc_host_fits(const oc_plan *plan, int32_t threads, size_t bytes, octavo_error *error);

/* A copy of the plan's steps with the addresses of their views in `memory`; free(). */
octavo_status oc_host_steps(const oc_plan *plan, void *memory, oc_step **out, octavo_error *error);

/* oc_backend's write and read for views in `memory`. */
void oc_host_write(void *memory, const oc_plan *plan, const oc_view *view, int32_t first,
                   int32_t count, const void *rows);
void oc_host_read(const void *memory, const oc_plan *plan, const oc_view *view, int32_t first,
                  const int32_t *index, int32_t count, void *rows);

/* Adds what a row of codes has: saturated, zeros and largest. */
void oc_host_count_row(const uint8_t *codes, int32_t columns, oc_step_report *out);

/* The result of a step that has been made ready; its dtype tells whether it is codes. */
static inline oc_view oc_host_result(const oc_step *step) {
    oc_step copy = *step;
    oc_view *views[OC_STEP_VIEWS] = {&copy.u.pick.out};
    oc_step_views(&copy, views);
    return *views[0];
}

/* Counts the codes of a step's result in host memory. */
void oc_host_count_codes(const oc_step *step, const oc_run *run, oc_step_report *out);

#endif
