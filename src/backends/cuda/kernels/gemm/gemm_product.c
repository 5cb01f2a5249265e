/* gemm_product.c - see gemm_product.h. */
#include "backends/cuda/kernels/gemm/gemm_product.h"

#include <stdio.h>

int32_t oc_gemm_product_names(const oc_gemm_product *product, oc_named to[OC_GEMM_NAMES_MAX]) {
    const oc_named names[] = {
        {"N", product->n},
        {"K", product->k},
        {"TERMS", product->terms},
        {"IN_F16", product->in_f16 != 0},
        {"OUT", (int32_t)product->out},
        {"RESIDUAL", (int32_t)product->residual},
        {"ACT", product->act},
        {"HAS_SCALE", product->scale != 0},
        {"HAS_BIAS", product->bias != 0},
        {"HAS_ROW_SCALE", product->row_scale != 0},
        {"HAS_TABLE", product->table != 0},
    };
    memcpy(to, names, sizeof names);
    return (int32_t)(sizeof names / sizeof *names);
}

static size_t write_lines(const oc_named *names, int32_t count, size_t length,
                          char to[OC_GEMM_DEFINES_MAX]) {
    for (int32_t i = 0; i < count; i++) {
        length += (size_t)snprintf(to + length, OC_GEMM_DEFINES_MAX - length, "#define %s %d\n",
                                   names[i].name, names[i].value);
    }
    return length;
}

size_t oc_gemm_write_defines(const oc_gemm_product *product, const oc_named *names, int32_t count,
                             char to[OC_GEMM_DEFINES_MAX]) {
    oc_named own[OC_GEMM_NAMES_MAX];
    size_t length = write_lines(own, oc_gemm_product_names(product, own), 0, to);
    return write_lines(names, count, length, to);
}
