/* constant.h - reading and evaluating constant expressions to float32. */
#ifndef OC_LOWER_CONSTANT_H
#define OC_LOWER_CONSTANT_H

#include "lower/weights.h"

/* Elements of a value's type; all dimensions are fixed. */
int64_t oc_constant_count(const oc_type *type);

/* Evaluates constant `value` into out [oc_constant_count]: F8_E4M3 codes are multiplied with their
 * scales, other dtypes widened. */
octavo_status oc_constant_floats(const oc_weight_source *source, const oc_graph *graph,
                                 oc_value value, float *out, octavo_error *error);

/* What names a constant beyond one graph: "concat(scaled(12,13,0.125),...)" over tensor sources. */
octavo_status oc_constant_key(const oc_graph *graph, oc_value value, char *key, size_t bytes,
                              octavo_error *error);

#endif
