/* quant_groups.h - config_groups of a quantization_config: how weights and inputs were quantized.
 *
 * Model Optimizer and compressed-tensors write the same form.  Read here: 8-bit floats, symmetric,
 * one static scale for each weight and each input.
 */
#ifndef OC_CHECKPOINT_QUANT_GROUPS_H
#define OC_CHECKPOINT_QUANT_GROUPS_H

#include "base/slice.h"
#include "base/status.h"

#define OC_QUANT_FORMAT "float-quantized" /* what compressed-tensors calls it */

/* Checks all groups in the text of a config_groups, which begins at byte `base` of its file.
 * compressed: by compressed-tensors' rules, which say what a missing key means; otherwise it is
 * left to the tensors.
 *   CORRUPT      not of this form
 *   UNSUPPORTED  another scheme, named */
octavo_status oc_quant_groups_check(oc_slice groups, uint64_t base, bool compressed,
                                    octavo_error *error);

#endif
