/* step_program.h - one step, described in the host's memory, compiled and run on any device.
 *
 * The step's views have host addresses and strides (data, stride), as a device's own have; its
 * vectors and tables are oc_constant with host data.  Weights come from the device.  A run carries
 * the inputs to the device, and the output back; on devices whose memory is the host's it also
 * checks every byte that the step has no business with.
 */
#ifndef OC_TESTS_STEP_PROGRAM_H
#define OC_TESTS_STEP_PROGRAM_H

#include "device/device.h"

enum { OC_TEST_CONSTANTS = 4 };

/* A constant of `count` floats in the host's memory; lives as long as the enclosing block. */
#define OC_HOST_FLOATS(floats, count)                                                              \
    (&(oc_constant){                                                                               \
        .dtype = OCTAVO_F32, .bytes = (size_t)(count) * sizeof(float), .data = (void *)(floats)})

typedef struct oc_step_program {
    oc_device *device; /* borrowed */
    oc_plan plan;
    oc_plan_buffer buffers[OC_STEP_VIEWS];
    oc_step step; /* as chosen: kernel and why */
    oc_constant *constants[OC_TEST_CONSTANTS];
    int32_t constant_count;
    int32_t threads;
    oc_queue *queue;
    oc_program *program;
} oc_step_program;

/* What view `index` of a step (oc_step_views) is stored as by a device whose floats between steps
 * are `buffers`, where the host has it as `dtype`: scales, embeddings and logits stay as they are.
 */
octavo_dtype oc_step_stored(const oc_step *step, int32_t index, octavo_dtype dtype,
                            octavo_dtype buffers);

/* For runs of as many rows as `run` has, or fewer. */
octavo_status oc_step_program_create(oc_device *device, int32_t threads, const oc_step *step,
                                     const oc_run *run, oc_step_program *out, octavo_error *error);
void oc_step_program_free(oc_step_program *program);

/* Does the step as the device's way `tactic` from now on (oc_backend.tactics). */
octavo_status oc_step_program_take(oc_step_program *program, int32_t tactic, octavo_error *error);

/* `step` says where inputs and output lie this time; report, unless NULL, receives all that a run
 * can tell.
 *   INTERNAL  bytes that are none of the output's changed */
octavo_status oc_step_program_run(oc_step_program *program, const oc_step *step, const oc_run *run,
                                  oc_step_report *report, octavo_error *error);

#endif
