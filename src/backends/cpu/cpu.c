/* cpu.c - the CPU as a device: opens a tier, packs and chooses.  queue.c runs. */
#include "backends/cpu/cpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/cpu/pack.h"
#include "backends/cpu/queue.h"
#include "base/limits.h"
#include "base/size.h"
#include "base/sys/threads.h"

enum { TIERS_TEXT = 128 };

typedef struct cpu_device {
    oc_device base;
    const oc_cpu_tier *tier;
    oc_pool *pool;    /* that packs */
    oc_cpu_heap heap; /* of constants */
    char only[16];    /* the GEMM variant to use; "": by its own rules */
} cpu_device;

const char *oc_cpu_tier_name(int32_t index) {
    for (const oc_cpu_tier *const *tier = oc_cpu_tiers; *tier != NULL; tier++) {
        if ((*tier)->lacks() == NULL && index-- == 0) {
            return (*tier)->name;
        }
    }
    return NULL;
}

static const oc_cpu_gemm *find_variant(const oc_cpu_tier *tier, const char *only) {
    for (const oc_cpu_gemm *const *gemm = tier->gemms; *gemm != NULL; gemm++) {
        if (oc_cpu_gemm_is(*gemm, only)) {
            return *gemm;
        }
    }
    return NULL;
}

/* "NAME", "NAME:VARIANT", ":VARIANT" or NULL */
static octavo_status find_tier(cpu_device *device, const char *text, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const char *colon = text == NULL ? NULL : strchr(text, ':');
    size_t length = text == NULL ? 0 : colon == NULL ? strlen(text) : (size_t)(colon - text);
    char names[TIERS_TEXT] = "";
    for (const oc_cpu_tier *const *tier = oc_cpu_tiers; *tier != NULL; tier++) {
        const char *name = (*tier)->name;
        size_t used = strlen(names);
        snprintf(names + used, sizeof(names) - used, "%s%s", used == 0 ? "" : ", ", name);
        bool named = strlen(name) == length && memcmp(name, text, length) == 0;
        const char *lacking = (*tier)->lacks();
        if (named && lacking != NULL) {
            OC_FAIL(error, OCTAVO_UNAVAILABLE, OCTAVO_NO_OFFSET,
                    "CPU tier %s needs %s, which this machine does not have", name, lacking);
        }
        if (named || (length == 0 && device->tier == NULL && lacking == NULL)) {
            device->tier = *tier;
        }
    }
    if (device->tier == NULL) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "there is no CPU tier \"%.*s\"; the tiers are %s", (int)length, text, names);
    }
    if (colon != NULL) {
        const oc_cpu_gemm *variant = find_variant(device->tier, colon + 1);
        if (strlen(colon + 1) >= sizeof(device->only) || variant == NULL) {
            OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                    "CPU tier %s has no GEMM variant \"%.32s\"", device->tier->name, colon + 1);
        }
        if (variant->lacks != NULL && variant->lacks() != NULL) {
            OC_FAIL(error, OCTAVO_UNAVAILABLE, OCTAVO_NO_OFFSET,
                    "GEMM variant %s of CPU tier %s needs %s, which this machine does not have",
                    colon + 1, device->tier->name, variant->lacks());
        }
        strcpy(device->only, colon + 1);
    }
done:
    return status;
}

static void cpu_close(oc_device *base) {
    cpu_device *device = (cpu_device *)base;
    if (device != NULL) {
        oc_pool_free(device->pool);
        oc_cpu_heap_close(&device->heap);
        free(device);
    }
}

octavo_status oc_cpu_open_tier(const oc_cpu_tier *tier, int32_t threads, oc_device **out,
                               octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    *out = NULL;
    cpu_device *device = calloc(1, sizeof(*device));
    if (device == NULL) {
        OC_NO_MEMORY(error, sizeof(*device));
    }
    device->base.backend = &oc_backend_cpu;
    device->tier = tier;
    OC_TRY(oc_pool_create(threads, &device->pool, error));
    *out = &device->base;
    device = NULL;
done:
    cpu_close((oc_device *)device);
    return status;
}

static octavo_status cpu_open(const oc_device_options *options, oc_device **out,
                              octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    cpu_device found = {.tier = NULL};
    *out = NULL;
    OC_TRY(find_tier(&found, options == NULL ? NULL : options->tier, error));
    OC_TRY(oc_cpu_open_tier(found.tier, options == NULL ? 0 : options->threads, out, error));
    memcpy(((cpu_device *)*out)->only, found.only, sizeof found.only);
done:
    return status;
}

static void cpu_describe(const oc_device *base, char *text, size_t bytes) {
    const cpu_device *device = (const cpu_device *)base;
    snprintf(text, bytes, "%s%s%s", device->tier->name, device->only[0] == '\0' ? "" : ":",
             device->only);
}

static oc_traits cpu_traits(const oc_device *base) {
    (void)base;
    return (oc_traits){
        .storage = OCTAVO_F32, .buffers = OCTAVO_F32, .fuses = OC_FUSE_ALL, .host_memory = true};
}

static octavo_status cpu_constant_create(oc_device *base, const oc_matrix *matrix,
                                         oc_constant **out, octavo_error *error) {
    cpu_device *device = (cpu_device *)base;
    return oc_cpu_pack(device->pool, &device->heap, device->tier->gemms,
                       device->only[0] == '\0' ? NULL : device->only, matrix, out, error);
}

static void cpu_constant_free(oc_device *base, oc_constant *constant) {
    (void)base;
    oc_cpu_unpack(constant);
}

static int64_t cpu_stride(const oc_device *base, int32_t columns, octavo_dtype dtype) {
    int64_t stride = oc_cpu_stride(columns);
    (void)base;
    if (dtype == OCTAVO_F8_E4M3) {
        stride = (int64_t)oc_round_up((size_t)stride, 64);
        stride += stride % 1024 == 0 ? 64 : 0;
    }
    return stride;
}

/* NULL: the tier has none. */
static const oc_cpu_kernel *kernel_of(const cpu_device *device, const oc_step *step) {
    switch (step->kind) {
#define XX(KIND, member)                                                                           \
    case OC_STEP_##KIND:                                                                           \
        return device->tier->member;
        XX(PATCHES, patches)
        XX(TOKENS, tokens)
        XX(NORM, norm)
        XX(ATTENTION, attention)
        XX(PICK, pick)
        XX(POINTWISE, pointwise)
        XX(UNIT, unit)
        XX(LOGITS, logits)
#undef XX
    case OC_STEP_GEMM:
        return oc_cpu_matrix_of(step->u.gemm.weight)->gemm == NULL
                   ? NULL
                   : &oc_cpu_matrix_of(step->u.gemm.weight)->gemm->kernel;
    default:
        return NULL;
    }
}

static octavo_status check_gemm(const oc_step *step, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_step_gemm *gemm = &step->u.gemm;
    const oc_cpu_matrix *weight = oc_cpu_matrix_of(gemm->weight);
    if (gemm->a.columns != weight->k || gemm->out.columns != weight->n) {
        OC_FAIL(error, OCTAVO_INTERNAL, OCTAVO_NO_OFFSET,
                "step %s multiplies %d columns into %d, its weight is [%d,%d]", step->name,
                gemm->a.columns, gemm->out.columns, weight->n, weight->k);
    }
    if (!oc_gemm_blocks_fit(gemm)) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                "step %s has scales for blocks of %d of k; the CPU takes divisors of %d that are "
                "multiples of %d, and multiples of %d",
                step->name, gemm->block_k, OC_K_BLOCK, OC_K_ROUND, OC_K_BLOCK);
    }
    if (!weight->gemm->takes(weight->head.dtype, oc_is_codes(gemm->a.dtype))) {
        OC_FAIL(error, OCTAVO_INTERNAL, OCTAVO_NO_OFFSET,
                "step %s has float activations, its weight was packed for codes", step->name);
    }
done:
    return status;
}

/* Codes come in by gemm's a and leave by norm, tokens, pointwise, attention and gemm; pick moves
 * them as they are.  All other operands are floats. */
static bool operands_fit(const oc_step *step) {
    switch (step->kind) {
    case OC_STEP_PATCHES:
        return !oc_is_codes(step->u.patches.out.dtype);
    case OC_STEP_TOKENS:
        return true;
    case OC_STEP_NORM: /* a dynamic quantizer is one alone, of codes */
        return !oc_is_codes(step->u.norm.x.dtype) &&
               (step->u.norm.out_scale.columns == 0 ||
                (step->u.norm.gamma == NULL && oc_is_codes(step->u.norm.out.dtype) &&
                 !oc_is_codes(step->u.norm.out_scale.dtype)));
    case OC_STEP_GEMM:
        return !oc_is_codes(step->u.gemm.residual.dtype) &&
               !oc_is_codes(step->u.gemm.a_scale.dtype);
    case OC_STEP_ATTENTION:
        return !oc_is_codes(step->u.attention.q.dtype) && !oc_is_codes(step->u.attention.k.dtype) &&
               !oc_is_codes(step->u.attention.v.dtype);
    case OC_STEP_PICK:
        return oc_is_codes(step->u.pick.x.dtype) == oc_is_codes(step->u.pick.out.dtype);
    case OC_STEP_POINTWISE:
        return !oc_is_codes(step->u.pointwise.x.dtype) && !oc_is_codes(step->u.pointwise.y.dtype);
    case OC_STEP_UNIT:
        return !oc_is_codes(step->u.unit.x.dtype) && !oc_is_codes(step->u.unit.out.dtype);
    case OC_STEP_LOGITS:
        return !oc_is_codes(step->u.logits.image.dtype) &&
               !oc_is_codes(step->u.logits.text.dtype) && !oc_is_codes(step->u.logits.out.dtype);
    case OC_STEP_COUNT:
        break;
    }
    return false;
}

static octavo_status cpu_choose(oc_device *base, oc_step *step, const oc_plan_limits *limits,
                                oc_scratch *scratch, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const cpu_device *device = (const cpu_device *)base;
    const oc_cpu_kernel *kernel = kernel_of(device, step);
    int32_t rows = limits->rows_max[step->rows], keys = limits->sequence_max[step->keys];
    if (kernel == NULL) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET, "step %s has no kernel on CPU tier %s",
                step->name, device->tier->name);
    }
    if (!operands_fit(step)) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                "step %s has E4M3 codes where %s on the CPU takes or gives floats", step->name,
                kernel->name);
    }
    if (step->kind == OC_STEP_ATTENTION && keys > OC_LIMIT_TOKENS) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                "step %s may have sequences of %d rows, the limit is %d", step->name, keys,
                OC_LIMIT_TOKENS);
    }
    step->why[0] = '\0';
    if (step->kind == OC_STEP_GEMM) {
        OC_TRY(check_gemm(step, error));
        snprintf(step->why, sizeof(step->why), "%s", oc_cpu_matrix_of(step->u.gemm.weight)->why);
    }
    step->kernel = kernel->name;
    oc_scratch_raise(scratch,
                     kernel->shared_bytes == NULL ? 0 : kernel->shared_bytes(step, rows, keys),
                     kernel->local_bytes == NULL ? 0 : kernel->local_bytes(step, rows, keys));
done:
    return status;
}

const oc_cpu_tier *oc_cpu_tier_of(const oc_device *device) {
    return ((const cpu_device *)device)->tier;
}

const oc_cpu_kernel *oc_cpu_kernel_of(const oc_device *device, const oc_step *step) {
    return kernel_of((const cpu_device *)device, step);
}

const oc_backend oc_backend_cpu = {
    .name = "cpu",
    .open = cpu_open,
    .close = cpu_close,
    .describe = cpu_describe,
    .traits = cpu_traits,
    .constant_create = cpu_constant_create,
    .constant_free = cpu_constant_free,
    .stride = cpu_stride,
    .choose = cpu_choose,
    .queue_create = oc_cpu_queue_create,
    .queue_free = oc_cpu_queue_free,
    .memory = oc_cpu_queue_memory,
    .compile = oc_cpu_compile,
    .program_free = oc_cpu_program_free,
    .submit = oc_cpu_submit,
    .wait = oc_cpu_wait,
    .write = oc_cpu_write,
    .read = oc_cpu_read,
};
