/* ops.c - the tables behind ops.def and the dtypes. */
#include <string.h>

#include "ir/graph.h"

#define OP(name, text, at_least, at_most, attributes)                                              \
    _Static_assert((at_most) <= (int)OC_INPUTS_MAX, "too many inputs: " text);
#include "ir/ops.def"
#undef OP

/* Attribute names are counted when asked: names before '|' are integers, after it floats. */
static const struct {
    const char *name;
    int32_t inputs_min, inputs_max;
    const char *attributes;
} table[OC_OP_COUNT] = {
#define OP(name, text, at_least, at_most, attributes) {text, at_least, at_most, attributes},
#include "ir/ops.def"
#undef OP
};

oc_op_info oc_op_describe(oc_op op) {
    oc_op_info info = {table[op].name,      table[op].inputs_min, table[op].inputs_max, 0, 0,
                       table[op].attributes};
    int32_t *count = &info.int_count;
    for (const char *at = info.attributes; *at != '\0';) {
        if (*at == '|') {
            count = &info.float_count;
            at++;
            continue;
        }
        if (*at == ' ') {
            at++;
            continue;
        }
        (*count)++;
        at += strcspn(at, " |");
    }
    return info;
}

oc_op oc_op_find(const char *name, size_t length) {
    for (int op = 0; op < OC_OP_COUNT; op++) {
        if (strlen(table[op].name) == length && memcmp(table[op].name, name, length) == 0) {
            return (oc_op)op;
        }
    }
    return OC_OP_COUNT;
}
