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

static const struct {
    octavo_dtype dtype;
    const char *name;
    size_t bytes;
} dtypes[] = {
#define XX(name, value, text, bytes) {OCTAVO_##name, text, bytes},
    OCTAVO_DTYPE_MAP(XX)
#undef XX
};

size_t oc_dtype_bytes(octavo_dtype dtype) {
    for (size_t i = 0; i < OC_COUNT(dtypes); i++) {
        if (dtypes[i].dtype == dtype) {
            return dtypes[i].bytes;
        }
    }
    return 0;
}

const char *oc_dtype_name(octavo_dtype dtype) {
    for (size_t i = 0; i < OC_COUNT(dtypes); i++) {
        if (dtypes[i].dtype == dtype) {
            return dtypes[i].name;
        }
    }
    return "?";
}

octavo_dtype oc_dtype_find(const char *name, size_t length) {
    for (size_t i = 0; i < OC_COUNT(dtypes); i++) {
        if (strlen(dtypes[i].name) == length && memcmp(dtypes[i].name, name, length) == 0) {
            return dtypes[i].dtype;
        }
    }
    return (octavo_dtype)0;
}
