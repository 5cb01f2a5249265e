/* memory.h - places of buffers in one arena, by their lives. */
#ifndef OC_LOWER_MEMORY_H
#define OC_LOWER_MEMORY_H

#include "base/status.h"
#include "device/plan.h"

/* Gives each buffer an offset, multiples of 64, such that buffers whose lives overlap do not;
 * *total receives the arena's size.  Largest first, each at the lowest free place. */
octavo_status oc_plan_memory(oc_plan_buffer *buffers, int32_t count, size_t *total,
                             octavo_error *error);

#endif
