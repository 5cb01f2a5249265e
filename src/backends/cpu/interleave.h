/* interleave.h - 16 rows to columns. */
#ifndef OC_CPU_INTERLEAVE_H
#define OC_CPU_INTERLEAVE_H

#include <stddef.h>
#include <stdint.h>

/* rows[16], each row_bytes long, of elements of `unit` bytes (1, 2 or 4), to out[..][16]: element i
 * of all rows, then element i + 1.  An element that row_bytes cuts, and elements from there up to
 * out_bytes, at most 16 / unit of them, are filled with zero bytes. */
void oc_interleave(const uint8_t *const *rows, size_t row_bytes, uint8_t *out, size_t out_bytes,
                   size_t unit);

#endif
