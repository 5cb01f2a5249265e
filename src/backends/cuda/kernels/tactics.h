/* tactics.h - the ways of doing a step, for the families that have several: listing them, and
 * finding the one that was measured. */
#ifndef OC_BACKENDS_CUDA_TACTICS_H
#define OC_BACKENDS_CUDA_TACTICS_H

#include "backends/cuda/device.h"
#include "backends/cuda/kernels/named.h"

/* What a step computes: a kernel's name and numbers, for at most so many rows. */
typedef struct oc_cuda_task {
    const char *kernel;
    const oc_named *names;
    int32_t count, rows;
} oc_cuda_task;

/* The choice that was measured for the task on cards like this; NULL: none.  *run, unless NULL,
 * receives what it is of. */
const oc_tuned_choice *oc_cuda_tuned(const oc_cuda_device *device, const oc_cuda_task *task,
                                     const oc_tuned_run **run);

/* Begins a list, and puts a way into it, the fastest first. */
void oc_cuda_tactics_begin(const oc_cuda_device *device, const oc_cuda_task *task, oc_tactics *out);
void oc_cuda_tactics_add(oc_tactics *tactics, int32_t number, const oc_named *names, int32_t count,
                         double microseconds, const char *text);

#endif
