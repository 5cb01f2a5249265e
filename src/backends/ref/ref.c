/* ref.c - the referee's device: opening, packing, choosing and running.
 * What a step computes is in the file of its family. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/ref/ref_kernels.h"
#include "base/size.h"
#include "base/sys/clock.h"

static const oc_ref_family *const families[OC_STEP_COUNT] = {
#define XX(kind, member, text) [OC_STEP_##kind] = &oc_ref_##member,
    OC_STEP_MAP(XX)
#undef XX
};

static const struct {
    const char *name;
    octavo_dtype storage;
} tiers[] = {{"f32", OCTAVO_F32}, {"f16", OCTAVO_F16}, {"bf16", OCTAVO_BF16}};

static void ref_close(oc_device *device) {
    oc_ref_device *ref = (oc_ref_device *)device;
    if (ref != NULL) {
        oc_pool_free(ref->pool);
        free(ref);
    }
}

static octavo_status ref_open(const oc_device_options *options, oc_device **out,
                              octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_ref_device *ref = NULL;
    const char *tier = options->tier != NULL ? options->tier : tiers[0].name;
    size_t i = 0;
    *out = NULL;
    while (i < OC_COUNT(tiers) && strcmp(tier, tiers[i].name) != 0) {
        i++;
    }
    if (i == OC_COUNT(tiers)) {
        OC_FAIL(error, OCTAVO_UNAVAILABLE, OCTAVO_NO_OFFSET,
                "device ref has no tier \"%s\"; it has f32, f16 and bf16", tier);
    }
    ref = calloc(1, sizeof *ref);
    if (ref == NULL) {
        OC_NO_MEMORY(error, sizeof *ref);
    }
    ref->base.backend = &oc_backend_ref;
    ref->storage = tiers[i].storage;
    for (int32_t code = 0; code < 256; code++) {
        ref->e4m3[code] = oc_e4m3_to_f32((uint8_t)code);
    }
    OC_TRY(oc_pool_create(options->threads, &ref->pool, error));
    ref->threads = oc_pool_threads(ref->pool);
    *out = &ref->base;
    ref = NULL;
done:
    ref_close((oc_device *)ref);
    return status;
}

static void ref_describe(const oc_device *device, char *text, size_t bytes) {
    const oc_ref_device *ref = (const oc_ref_device *)device;
    const char *tier = tiers[0].name;
    for (size_t i = 0; i < OC_COUNT(tiers); i++) {
        tier = tiers[i].storage == ref->storage ? tiers[i].name : tier;
    }
    snprintf(text, bytes, "%s, %d thread%s", tier, ref->threads, ref->threads == 1 ? "" : "s");
}

static size_t element_bytes(octavo_dtype dtype) {
    switch ((int)dtype) {
    case OCTAVO_F32:
        return 4;
    case OCTAVO_F16:
    case OCTAVO_BF16:
        return 2;
    case OCTAVO_F8_E4M3:
        return 1;
    default:
        return 0;
    }
}

static octavo_status ref_pack(oc_device *device, const oc_matrix *matrix, oc_packed **out,
                              octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_packed *packed = NULL;
    size_t bytes = element_bytes(matrix->dtype);
    (void)device;
    *out = NULL;
    if (bytes == 0) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                "device ref has no matrices of dtype %d, only F32, F16, BF16 and F8_E4M3",
                (int)matrix->dtype);
    }
    if (matrix->n < 1 || matrix->k < 1 || !oc_mul_size(bytes, (size_t)matrix->n, &bytes) ||
        !oc_mul_size(bytes, (size_t)matrix->k, &bytes)) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "a matrix of %d x %d cannot be packed", matrix->n, matrix->k);
    }
    size_t total;
    if (!oc_add_size(bytes, sizeof *packed, &total) || (packed = malloc(total)) == NULL) {
        OC_NO_MEMORY(error, bytes);
    }
    packed->n = matrix->n;
    packed->k = matrix->k;
    packed->dtype = matrix->dtype;
    packed->bytes = bytes;
    OC_TRY(matrix->read(matrix->source, 0, matrix->n, packed->rows, error));
    *out = packed;
    packed = NULL;
done:
    free(packed);
    return status;
}

static void ref_unpack(oc_device *device, oc_packed *packed) {
    (void)device;
    free(packed);
}

static size_t ref_packed_bytes(const oc_packed *packed) {
    return packed->bytes;
}

void oc_ref_decode_row(const oc_ref_device *device, const oc_packed *matrix, int32_t row,
                       double *out) {
    size_t k = (size_t)matrix->k, at = (size_t)row * k;
    const uint8_t *codes = matrix->rows + at;
    const uint16_t *halves = (const uint16_t *)(const void *)matrix->rows + at;
    const float *floats = (const float *)(const void *)matrix->rows + at;
    switch ((int)matrix->dtype) {
    case OCTAVO_F8_E4M3:
        for (size_t i = 0; i < k; i++) {
            out[i] = device->e4m3[codes[i]];
        }
        break;
    case OCTAVO_F16:
        for (size_t i = 0; i < k; i++) {
            out[i] = oc_f16_to_f32(halves[i]);
        }
        break;
    case OCTAVO_BF16:
        for (size_t i = 0; i < k; i++) {
            out[i] = oc_bf16_to_f32(halves[i]);
        }
        break;
    default:
        for (size_t i = 0; i < k; i++) {
            out[i] = floats[i];
        }
        break;
    }
}

static octavo_status ref_choose(oc_device *device, oc_step *step, int32_t rows_max,
                                int32_t keys_max, size_t *scratch_bytes, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_ref_device *ref = (const oc_ref_device *)device;
    const oc_ref_family *family;
    size_t bytes;
    (void)rows_max;
    if ((uint32_t)step->kind >= OC_STEP_COUNT) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                "device ref knows %d kinds of step, this one has number %d", OC_STEP_COUNT,
                (int)step->kind);
    }
    family = families[step->kind];
    bytes = family->scratch_bytes != NULL ? family->scratch_bytes(ref, step, keys_max) : 0;
    *scratch_bytes = bytes > *scratch_bytes ? bytes : *scratch_bytes;
    step->kernel = family->kernel;
    step->why[0] = '\0';
done:
    return status;
}

static octavo_status ref_run(oc_device *device, const oc_step *steps, int32_t count,
                             const oc_run *run, void *scratch, double *seconds,
                             octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    for (int32_t i = 0; i < count; i++) {
        OC_TRY(oc_run_check(run, i, count, error));
        oc_ref_job job = {
            .device = (const oc_ref_device *)device,
            .step = &steps[i],
            .run = run,
            .rows = run->rows[steps[i].rows],
            .scratch = scratch,
        };
        uint64_t start = oc_clock_ns();
        families[steps[i].kind]->run(&job);
        if (seconds != NULL) {
            seconds[i] = 1e-9 * (double)(oc_clock_ns() - start);
        }
    }
done:
    return status;
}

const oc_backend oc_backend_ref = {
    .name = "ref",
    .open = ref_open,
    .close = ref_close,
    .describe = ref_describe,
    .pack = ref_pack,
    .unpack = ref_unpack,
    .packed_bytes = ref_packed_bytes,
    .choose = ref_choose,
    .run = ref_run,
};
