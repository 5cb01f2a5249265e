/* base64.h - RFC 4648, section 4: padded, and nothing else but its 64 characters. */
#ifndef OC_SERVE_BASE64_H
#define OC_SERVE_BASE64_H

#include "base/buffer.h"
#include "base/slice.h"

/* Bytes that a text of this length decodes to at most. */
size_t oc_srv_base64_room(size_t length);
/* Writes the bytes and their count; false: it is no base64.  Padding may be left out. */
bool oc_srv_base64_decode(oc_slice text, void *out, size_t *size);
void oc_srv_base64_append(oc_buffer *out, const void *bytes, size_t size);

#endif
