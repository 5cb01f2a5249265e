/* utf8.h - UTF-8 one character at a time: no overlong forms, no surrogates, nothing over U+10FFFF.
 *
 * What an invalid byte sequence is replaced by follows the Unicode standard's "maximal subpart"
 * rule (section 3.9, U+FFFD substitution), as Python's errors="replace" does.
 */
#ifndef OC_BASE_UTF8_H
#define OC_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OC_UTF8_REPLACEMENT 0xfffdu

/* Reads one character of the `size` > 0 bytes at `text`.  *used receives the bytes it takes.
 * False: invalid; *point is U+FFFD and *used the bytes that it stands for, at least 1. */
bool oc_utf8_read(const char *text, size_t size, uint32_t *point, size_t *used);

/* Writes `point` (a Unicode scalar value) to at most 4 bytes; returns how many. */
size_t oc_utf8_write(uint32_t point, char *to);

#endif
