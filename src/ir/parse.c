/* parse.c - the text form of a graph, read strictly: exactly what print.c writes. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json/number.h"
#include "base/limits.h"
#include "ir/graph.h"

typedef struct parser {
    const char *text;
    size_t at, end;
    octavo_error *error;
} parser;

static octavo_status wrong(const parser *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static octavo_status wrong(const parser *p, const char *format, ...) {
    char text[200];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return oc_fail(p->error, OCTAVO_CORRUPT, p->at, __FILE__, __LINE__,
                   "graph text: %s (byte %zu of it)", text, p->at);
}

static bool accept(parser *p, const char *word) {
    size_t length = strlen(word);
    if (p->end - p->at < length || memcmp(p->text + p->at, word, length) != 0) {
        return false;
    }
    p->at += length;
    return true;
}

static octavo_status expect(parser *p, const char *word) {
    return accept(p, word) ? OCTAVO_OK
                           : wrong(p, "'%s' expected", strcmp(word, "\n") == 0 ? "line end" : word);
}

/* The characters of a number, at most what fits `most`; 0 if there is none. */
static size_t number_length(const parser *p, size_t most, bool *is_integer) {
    size_t left = p->end - p->at;
    return oc_scan_number(p->text + p->at, left < most ? left : most, is_integer);
}

static octavo_status read_int(parser *p, int64_t *out) {
    bool is_integer = false;
    size_t length = number_length(p, 24, &is_integer);
    if (length == 0 || !is_integer || !oc_parse_int64(p->text + p->at, length, out) ||
        (*out == 0 && length != 1)) {
        return wrong(p, "an integer expected");
    }
    p->at += length;
    return OCTAVO_OK;
}

/* A float in the one spelling that print.c has for it. */
static octavo_status read_float(parser *p, float *out) {
    bool is_integer = false;
    size_t length = number_length(p, OC_NUMBER_TEXT, &is_integer);
    double value = 0;
    char again[OC_NUMBER_TEXT];
    if (length == 0 || !oc_parse_double(p->text + p->at, length, &value) ||
        !(value > -1e38 && value < 1e38) || oc_format_float((float)value, again) != length ||
        memcmp(again, p->text + p->at, length) != 0) {
        return wrong(p, "a float expected");
    }
    p->at += length;
    *out = (float)value;
    return OCTAVO_OK;
}

static size_t word_length(const parser *p) {
    size_t length = 0;
    while (p->at + length < p->end && strchr(" =[\n|", p->text[p->at + length]) == NULL) {
        length++;
    }
    return length;
}

static octavo_status read_type(parser *p, oc_type *out) {
    octavo_status status = OCTAVO_OK;
    size_t length = word_length(p);
    *out = (oc_type){.dtype = oc_dtype_find(p->text + p->at, length)};
    if (out->dtype == 0) {
        OC_TRY(wrong(p, "a dtype expected"));
    }
    p->at += length;
    OC_TRY(expect(p, "["));
    while (!accept(p, "]")) {
        if (out->rank == OCTAVO_MAX_RANK) {
            OC_TRY(wrong(p, "more than %d dimensions", OCTAVO_MAX_RANK));
        }
        if (out->rank != 0) {
            OC_TRY(expect(p, ","));
        }
        int64_t *dim = &out->dims[out->rank++];
        if (accept(p, "images")) {
            *dim = OC_DIM_IMAGES;
        } else if (accept(p, "texts")) {
            *dim = OC_DIM_TEXTS;
        } else if (accept(p, "tokens")) {
            *dim = OC_DIM_TOKENS;
        } else {
            OC_TRY(read_int(p, dim));
            if (*dim < 0) {
                OC_TRY(wrong(p, "a dimension is negative"));
            }
        }
    }
done:
    return status;
}

/* A name in quotes, copied with its end. */
static octavo_status read_name(parser *p, char *name) {
    octavo_status status = OCTAVO_OK;
    size_t length = 0;
    OC_TRY(expect(p, "\""));
    while (p->at < p->end && p->text[p->at] != '"') {
        if (length == OC_LIMIT_TENSOR_NAME || p->text[p->at] == '\n' || p->text[p->at] == '\0') {
            OC_TRY(wrong(p, "a name is not closed, or longer than %u", OC_LIMIT_TENSOR_NAME));
        }
        name[length++] = p->text[p->at++];
    }
    name[length] = '\0';
    OC_TRY(expect(p, "\""));
done:
    return status;
}

static octavo_status read_tensor(parser *p, oc_graph *out) {
    octavo_status status = OCTAVO_OK;
    char name[OC_LIMIT_TENSOR_NAME + 1];
    oc_tensor tensor = {.name = name, .source = (uint64_t)out->tensor_count};
    oc_type type;
    int32_t index;
    OC_TRY(read_name(p, name));
    OC_TRY(expect(p, " "));
    OC_TRY(read_type(p, &type));
    tensor.dtype = type.dtype;
    tensor.rank = type.rank;
    memcpy(tensor.shape, type.dims, sizeof tensor.shape);
    OC_TRY(oc_graph_add_tensor(out, &tensor, &index, p->error));
    OC_TRY(expect(p, "\n"));
done:
    return status;
}

static octavo_status read_attributes(parser *p, oc_node *node) {
    octavo_status status = OCTAVO_OK;
    oc_op_info info = oc_op_describe(node->op);
    int32_t attribute = 0;
    for (const char *at = info.attributes; *at != '\0';) {
        char word[32];
        size_t length = strcspn(at, " |");
        if (length == 0) {
            at++;
            continue;
        }
        snprintf(word, sizeof word, " %.*s=", (int)length, at);
        OC_TRY(expect(p, word));
        if (attribute < info.int_count) {
            OC_TRY(read_int(p, &node->i[attribute]));
        } else {
            OC_TRY(read_float(p, &node->f[attribute - info.int_count]));
        }
        attribute++;
        at += length;
    }
done:
    return status;
}

static octavo_status read_node(parser *p, oc_graph *out) {
    octavo_status status = OCTAVO_OK;
    char name[OC_LIMIT_TENSOR_NAME + 1] = "";
    oc_node node = {.op = OC_OP_COUNT, .name = name};
    int64_t number = 0;
    oc_value value;
    OC_TRY(read_int(p, &number));
    if (number != out->node_count) {
        OC_TRY(wrong(p, "%%%lld where %%%d is due", (long long)number, out->node_count));
    }
    OC_TRY(expect(p, " = "));
    node.op = oc_op_find(p->text + p->at, word_length(p));
    if (node.op == OC_OP_COUNT) {
        OC_TRY(wrong(p, "an operation expected"));
    }
    p->at += word_length(p);
    while (accept(p, " %")) {
        OC_TRY(read_int(p, &number));
        if (node.input_count == OC_INPUTS_MAX || number < 0 || number >= out->node_count) {
            OC_TRY(wrong(p, "input %%%lld is not to be had", (long long)number));
        }
        node.inputs[node.input_count++] = (oc_value)number;
    }
    OC_TRY(read_attributes(p, &node));
    OC_TRY(expect(p, " : "));
    OC_TRY(read_type(p, &node.type));
    if (accept(p, " ")) {
        OC_TRY(read_name(p, name));
        if (name[0] == '\0') {
            OC_TRY(wrong(p, "a name is empty"));
        }
    }
    OC_TRY(expect(p, "\n"));
    OC_TRY(oc_graph_add(out, &node, &value, p->error));
done:
    return status;
}

octavo_status oc_graph_parse(const char *text, size_t bytes, oc_graph *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    parser reader = {text, 0, bytes, error};
    int64_t output = 0;
    OC_TRY(expect(&reader, "octavo graph 1\n"));
    while (accept(&reader, "tensor ")) {
        OC_TRY(read_tensor(&reader, out));
    }
    while (accept(&reader, "%")) {
        OC_TRY(read_node(&reader, out));
    }
    while (accept(&reader, "output %")) {
        OC_TRY(read_int(&reader, &output));
        if (output < 0 || output >= out->node_count) {
            OC_TRY(wrong(&reader, "output %%%lld does not exist", (long long)output));
        }
        OC_TRY(oc_graph_add_output(out, (oc_value)output, error));
        OC_TRY(expect(&reader, "\n"));
    }
    if (reader.at != bytes) {
        OC_TRY(wrong(&reader, "a tensor, a value or an output expected"));
    }
    OC_TRY(oc_verify(out, error));
done:
    return status;
}
