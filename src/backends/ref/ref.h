/* ref.h - the referee: plain, slow, obviously right.
 *
 * Values at rest are float32 (or E4M3 codes where the step says so); every sum, scale, bias,
 * activation, statistic and softmax is computed in float64 and rounded to float32 once, when the
 * result is stored.  Products of E4M3 codes are exact.  exp, erf and tanh are octavo's own, so
 * bytes do not depend on the machine's libm, on the number of threads or on the rows of a run.
 *
 * Tiers say what is stored between steps: "f32" (also NULL), or "f16" or "bf16", which emulate a
 * device of 16-bit storage: float outputs of tokens, norm, gemm, attention and pointwise steps
 * are rounded to that type (and held as float32).  Codes, embeddings of unit steps, patches and
 * logits are not.
 */
#ifndef OC_BACKENDS_REF_REF_H
#define OC_BACKENDS_REF_REF_H

#include "device/device.h"

extern const oc_backend oc_backend_ref;

#endif
