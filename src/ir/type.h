/* type.h - questions about a value's type. */
#ifndef OC_IR_TYPE_H
#define OC_IR_TYPE_H

#include "ir/graph.h"

bool oc_type_equal(const oc_type *a, const oc_type *b);
bool oc_type_is_float(const oc_type *type); /* F16, BF16 or F32 */

/* "F16[images,65,256]" */
void oc_type_text(const oc_type *type, char *text, size_t bytes);

#endif
