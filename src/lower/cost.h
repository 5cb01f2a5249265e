/* cost.h - the least work that a step can be: what any device has to do for it. */
#ifndef OC_LOWER_COST_H
#define OC_LOWER_COST_H

#include "device/step.h"

typedef struct oc_cost {
    double flop;  /* multiply-adds times two of matrix products and attention; of others 0 */
    double bytes; /* each operand read once, each result written once, constants as the device holds
                     them */
} oc_cost;

oc_cost oc_step_cost(const oc_step *step, const oc_run *run);

/* What its products multiply: F8_E4M3 codes, F32, or 16-bit floats; of a step that has none what
 * its first operand holds. */
octavo_dtype oc_step_operands(const oc_step *step);

#endif
