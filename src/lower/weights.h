/* weights.h - the constants of a graph, made ready for a device, each once.
 *
 * A store evaluates constant expressions (scaled, concat, fold_pixels, preadd)
 * and packs matrices through the device.  Plans of one session share a store, so
 * that a weight which several of them use is read and packed once.
 *
 * Everything handed out belongs to the store.  One thread at a time.
 */
#ifndef OC_LOWER_WEIGHTS_H
#define OC_LOWER_WEIGHTS_H

#include "device/device.h"
#include "ir/graph.h"

/* Where the bytes of constants come from: an engine file, or a checkpoint while building. */
typedef struct oc_weight_source {
    /* Rows first .. first + count - 1 of tensor `source` (oc_tensor.source) into dst; a tensor of
     * rank 0 or 1 is one row.  Called from any of the device's threads. */
    octavo_status (*read)(void *context, uint64_t source, int64_t first, int64_t count, void *dst,
                          octavo_error *error);
    void *context;
} oc_weight_source;

typedef struct oc_weights oc_weights;

/* device and source are borrowed and must outlive the store. */
octavo_status oc_weights_create(oc_device *device, const oc_weight_source *source, oc_weights **out,
                                octavo_error *error);
void oc_weights_free(oc_weights *weights);

/* Bytes of everything packed and evaluated so far. */
size_t oc_weights_bytes(const oc_weights *weights);

oc_device *oc_weights_device(const oc_weights *weights);

/* The values of constant `value` as float32, row-major; *count of them.  They stay in the host's
 * memory: for scalars, and for what the device itself is not to see. */
octavo_status oc_weights_floats(oc_weights *weights, const oc_graph *graph, oc_value value,
                                const float **out, int64_t *count, octavo_error *error);

/* The same as a constant of the device. */
octavo_status oc_weights_vector(oc_weights *weights, const oc_graph *graph, oc_value value,
                                const oc_constant **out, octavo_error *error);

/* A table of `rows` rows: the vector `first`, then `rest` (-1: zeros) over and over. */
octavo_status oc_weights_prepended(oc_weights *weights, const oc_graph *graph, oc_value first,
                                   oc_value rest, int32_t rows, const oc_constant **out,
                                   octavo_error *error);

/* A weight operand, packed.  *column_scale receives what each of the n columns of the product is
 * multiplied with (weight scales, alpha, and x_scale of the rows), or NULL for ones. */
octavo_status oc_weights_matrix(oc_weights *weights, const oc_graph *graph, oc_value value,
                                bool acts_are_codes, float x_scale, const oc_constant **packed,
                                const oc_constant **column_scale, octavo_error *error);

/* A table whose rows are looked up. */
octavo_status oc_weights_table(oc_weights *weights, const oc_graph *graph, oc_value value,
                               const oc_constant **packed, octavo_error *error);

#endif
