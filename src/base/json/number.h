/* number.h - decimal text and numbers, the same in every locale. */
#ifndef OC_BASE_NUMBER_H
#define OC_BASE_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How many of the bytes at `text` make a number in JSON's grammar (-1.5e-3, no leading '+' or
 * zeros); 0 when they begin none or break off within one.  *is_integer: no fraction, no exponent.
 */
size_t oc_scan_number(const char *text, size_t size, bool *is_integer);

/* All of the text must be such a number without fraction and exponent that fits; else false. */
bool oc_parse_int64(const char *text, size_t length, int64_t *out);

/* All of the text must be such a number, of at most OC_LIMIT_NUMBER_BYTES; else false.  The nearest
 * double; false where that is infinite. */
bool oc_parse_double(const char *text, size_t length, double *out);

enum { OC_NUMBER_TEXT = 32 }; /* room for any of the texts below with its terminator */

/* The first of %.15g, %.16g and %.17g that oc_parse_double reads back to the same value; returns
 * its length.  What is not finite comes as printf writes it. */
size_t oc_format_double(double value, char text[OC_NUMBER_TEXT]);
/* The first of %.6g .. %.9g that reads back, rounded to float, to the same float. */
size_t oc_format_float(float value, char text[OC_NUMBER_TEXT]);

#endif
