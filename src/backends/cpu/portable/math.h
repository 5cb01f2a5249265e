/* math.h - the activations on one float. */
#ifndef OC_CPU_PORTABLE_MATH_H
#define OC_CPU_PORTABLE_MATH_H

#include <math.h>

#include "device/step.h"

static inline float oc_portable_activate(oc_activation act, float x) {
    switch (act) {
    case OC_ACT_GELU_ERF: /* x Phi(x) */
        return 0.5f * x * erfcf(-0.70710678f * x);
    case OC_ACT_GELU_SIGMOID:
        return x / (1.0f + expf(-1.702f * x));
    case OC_ACT_GELU_TANH: /* (1 + tanh z) / 2 = 1 / (1 + e^-2z), z = sqrt(2/pi) (x + 0.044715 x^3)
                            */
        return x / (1.0f + expf(-1.59576912f * (x + 0.044715f * x * x * x)));
    case OC_ACT_NONE:
        break;
    }
    return x;
}

#endif
