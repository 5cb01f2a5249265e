/* constants.c - see constants.h. */
#include "backends/cuda/constants.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backends/cuda/device.h"
#include "base/format.h"
#include "base/size.h"
#include "num/bf16.h"
#include "num/e4m3.h"
#include "num/f16.h"

enum {
    LARGEST_EXPONENT = 14, /* of the largest weight after scaling: 2^13 .. 2^14 */
    TERM_UNIT = 64         /* elements: a block of k of the 16-bit kernels */
};

static float value_at(octavo_dtype dtype, const void *rows, size_t at) {
    switch ((int)dtype) {
    case OCTAVO_F32:
        return ((const float *)rows)[at];
    case OCTAVO_F16:
        return oc_f16_to_f32(((const uint16_t *)rows)[at]);
    case OCTAVO_BF16:
        return oc_bf16_to_f32(((const uint16_t *)rows)[at]);
    default:
        return oc_e4m3_to_f32(((const uint8_t *)rows)[at]);
    }
}

/* The power of two that brings the largest weight below 2^LARGEST_EXPONENT. */
static int32_t shift_of(octavo_dtype dtype, const void *rows, size_t count) {
    float most = 0;
    int exponent = 0;
    for (size_t i = 0; i < count; i++) {
        float size = fabsf(value_at(dtype, rows, i));
        most = size > most && size <= 3.4e38f ? size : most;
    }
    if (most > 0) {
        frexpf(most, &exponent);
    }
    return most > 0 ? LARGEST_EXPONENT - exponent : 0;
}

/* Rows as they come to rows as they lie; `image` is zero. */
static void place_rows(const oc_matrix *matrix, const oc_cuda_matrix *made, int32_t shift,
                       const void *rows, char *image) {
    size_t k = (size_t)made->k, element = oc_dtype_bytes(made->head.dtype);
    for (int32_t row = 0; row < made->n; row++) {
        size_t to = (size_t)oc_cuda_packed_row(row) * (size_t)made->stride, from = (size_t)row * k;
        if (made->head.dtype == matrix->dtype && shift == 0) {
            memcpy(image + to * element, (const char *)rows + from * element, k * element);
            continue;
        }
        uint16_t *halves = (uint16_t *)(void *)image + to;
        for (size_t i = 0; i < k; i++) {
            float value = ldexpf(value_at(matrix->dtype, rows, from + i), shift);
            uint16_t first = oc_f32_to_f16(value);
            halves[i] = first;
            if (made->terms == 2) {
                halves[(size_t)made->term_stride + i] = oc_f32_to_f16(value - oc_f16_to_f32(first));
            }
        }
    }
}

/* How the matrix will lie; *bytes in all. */
static octavo_status describe(const oc_matrix *matrix, oc_cuda_matrix *made, size_t *bytes,
                              octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    bool is_factor = matrix->use == OC_USE_FACTOR;
    octavo_dtype dtype = matrix->dtype;
    if (dtype != OCTAVO_F32 && dtype != OCTAVO_F16 && dtype != OCTAVO_BF16 &&
        dtype != OCTAVO_F8_E4M3) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                "device cuda has no matrices of dtype %d, only F32, F16, BF16 and F8_E4M3",
                (int)dtype);
    }
    if (matrix->n < 1 || matrix->k < 1) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "a matrix of %d x %d cannot be packed", matrix->n, matrix->k);
    }
    *made = (oc_cuda_matrix){.n = matrix->n, .k = matrix->k, .terms = 1, .factor = 1};
    made->stride = is_factor ? ((int64_t)matrix->k + 15) / 16 * 16 : matrix->k;
    if (is_factor && !(dtype == OCTAVO_F8_E4M3 && matrix->acts_are_codes)) {
        made->terms = dtype == OCTAVO_F32 ? 2 : 1;
        made->term_stride = ((int64_t)matrix->k + TERM_UNIT - 1) / TERM_UNIT * TERM_UNIT;
        made->stride = made->terms == 2 ? 2 * made->term_stride : made->stride;
        dtype = OCTAVO_F16;
    }
    made->head.dtype = dtype;
    size_t rows = is_factor ? ((size_t)matrix->n + 15) / 16 * 16 : (size_t)matrix->n;
    if (!oc_mul_size(rows * oc_dtype_bytes(dtype), (size_t)made->stride, bytes) || *bytes == 0) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "a matrix of %d x %d cannot be packed", matrix->n, matrix->k);
    }
done:
    return status;
}

static octavo_status upload(const oc_cuda_device *device, const void *image, size_t bytes,
                            oc_cu_address *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_cu_address address = 0;
    *out = 0;
    OC_TRY(oc_cuda_enter(device, error));
    OC_TRY(oc_cuda_memory(device, bytes, &address, error));
    OC_CU(device->driver, upload(address, image, bytes), "copy weights to the card", error);
    *out = address;
    address = 0;
done:
    if (address != 0) {
        device->driver->memory_free(address);
    }
    return status;
}

octavo_status oc_cuda_constant_create(oc_device *base, const oc_matrix *matrix, oc_constant **out,
                                      octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_cuda_device *device = (const oc_cuda_device *)base;
    oc_cuda_matrix *made = calloc(1, sizeof *made);
    size_t count = 0, dense = 0, placed = 0;
    void *rows = NULL;
    char *image = NULL;
    float *factors = NULL;
    oc_cu_address address = 0;
    *out = NULL;
    if (made == NULL) {
        OC_NO_MEMORY(error, sizeof *made);
    }
    OC_TRY(describe(matrix, made, &placed, error));
    if (!oc_mul_size((size_t)matrix->n, (size_t)matrix->k, &count) ||
        !oc_mul_size(count, oc_dtype_bytes(matrix->dtype), &dense) ||
        (rows = malloc(dense)) == NULL) {
        OC_NO_MEMORY(error, dense);
    }
    OC_TRY(matrix->read(matrix->source, 0, matrix->n, rows, error));
    if (matrix->use == OC_USE_FACTOR) {
        bool is_scaled = matrix->dtype == OCTAVO_F32 || matrix->dtype == OCTAVO_BF16;
        int32_t shift = is_scaled ? shift_of(matrix->dtype, rows, count) : 0;
        factors = malloc((size_t)matrix->n * sizeof *factors);
        image = calloc(1, placed);
        if (image == NULL || factors == NULL) {
            OC_NO_MEMORY(error, placed);
        }
        place_rows(matrix, made, shift, rows, image);
        if (shift != 0) {
            made->factor = ldexpf(1, -shift);
            for (int32_t i = 0; i < matrix->n; i++) {
                factors[i] = made->factor;
            }
            OC_TRY(upload(device, factors, (size_t)matrix->n * sizeof *factors, &made->factors,
                          error));
        }
    }
    OC_TRY(upload(device, image == NULL ? rows : image, placed, &address, error));
    made->head.data = (void *)(uintptr_t)address;
    made->head.bytes = placed;
    *out = &made->head;
    made = NULL;
done:
    free(factors);
    free(image);
    free(rows);
    oc_cuda_constant_free(base, (oc_constant *)made);
    return status;
}

/* Other memory of the card with the same bytes; *out is 0 on failure. */
static octavo_status copy_memory(const oc_cuda_device *device, oc_cu_address from, size_t bytes,
                                 oc_cu_address *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_cu_address address = 0;
    oc_cu_copy copy = {.from_type = 2,
                       .from_device = from,
                       .from_pitch = bytes,
                       .to_type = 2,
                       .to_pitch = bytes,
                       .width_bytes = bytes,
                       .height = 1};
    *out = 0;
    OC_TRY(oc_cuda_memory(device, bytes, &address, error));
    copy.to_device = address;
    OC_CU(device->driver, copy_2d(&copy, NULL), "copy weights on the card", error);
    OC_CU(device->driver, stream_wait(NULL), "copy weights on the card", error);
    *out = address;
    address = 0;
done:
    if (address != 0) {
        device->driver->memory_free(address);
    }
    return status;
}

octavo_status oc_cuda_constant_copy(oc_device *base, const oc_constant *constant, oc_constant **out,
                                    octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_cuda_device *device = (const oc_cuda_device *)base;
    const oc_cuda_matrix *from = oc_cuda_matrix_of(constant);
    oc_cuda_matrix *made = malloc(sizeof *made);
    oc_cu_address address;
    *out = NULL;
    if (made == NULL) {
        OC_NO_MEMORY(error, sizeof *made);
    }
    *made = *from;
    made->head.data = NULL;
    made->factors = 0;
    OC_TRY(oc_cuda_enter(device, error));
    OC_TRY(copy_memory(device, (oc_cu_address)(uintptr_t)from->head.data, from->head.bytes,
                       &address, error));
    made->head.data = (void *)(uintptr_t)address;
    if (from->factors != 0) {
        OC_TRY(copy_memory(device, from->factors, (size_t)from->n * sizeof(float), &made->factors,
                           error));
    }
    *out = &made->head;
    made = NULL;
done:
    oc_cuda_constant_free(base, (oc_constant *)made);
    return status;
}

void oc_cuda_constant_free(oc_device *base, oc_constant *constant) {
    const oc_cuda_device *device = (const oc_cuda_device *)base;
    oc_cuda_matrix *matrix = (oc_cuda_matrix *)constant;
    if (matrix == NULL) {
        return;
    }
    (void)oc_cuda_enter(device, NULL); /* what can be given back is, in any case */
    if (matrix->head.data != NULL) {
        device->driver->memory_free((oc_cu_address)(uintptr_t)matrix->head.data);
    }
    if (matrix->factors != 0) {
        device->driver->memory_free(matrix->factors);
    }
    free(matrix);
}
