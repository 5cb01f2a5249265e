/* describe.h - what a step of a plan does, in words. */
#ifndef OC_LOWER_DESCRIBE_H
#define OC_LOWER_DESCRIBE_H

#include "device/step.h"

/* "f32 + bias + gelu -> codes": what a step took in, for explain and the build report. */
void oc_step_describe(const oc_step *step, char *text, size_t bytes);

#endif
