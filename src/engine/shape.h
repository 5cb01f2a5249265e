/* shape.h - the names, types and shapes that a file claims, checked. */
#ifndef OC_ENGINE_SHAPE_H
#define OC_ENGINE_SHAPE_H

#include "base/status.h"

/* The bytes of a dense tensor.  `what` names it in messages ("tensor x.weight"), `offset` is the
 * place of its record.
 *   UNSUPPORTED  a dtype that octavo does not know
 *   CORRUPT      rank or a dimension out of range, or a size that does not fit 63 bits */
octavo_status oc_shape_bytes(uint32_t dtype, uint32_t rank, const int64_t *shape, uint64_t *bytes,
                             uint64_t offset, const char *what, octavo_error *error);

/* The length of the name that begins the `bytes` bytes at `name` and is ended by a zero byte among
 * them; 0 unless it is 1 to OC_LIMIT_TENSOR_NAME printable ASCII characters without space. */
size_t oc_engine_name_length(const char *name, size_t bytes);

#endif
