/* attention.c - which attention kernel does a step, and its launches. */
#include <stdio.h>

#include "backends/cuda/kernels.h"
#include "backends/cuda/kernels/args.h"

enum { DEFINES = 512, WARPS = 4 };

static uint32_t plain_shared(const oc_step *step, const oc_plan_limits *limits) {
    return (uint32_t)limits->sequence_max[step->keys] * WARPS * (uint32_t)sizeof(float);
}

static octavo_status choose(oc_cuda_device *device, oc_step *step, const oc_plan_limits *limits,
                            oc_scratch *scratch, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    (void)scratch;
    if (plain_shared(step, limits) > device->shared_max) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                "step %s may have sequences of %d rows; their scores need %u bytes of shared "
                "memory, the card gives %zu",
                step->name, limits->sequence_max[step->keys], plain_shared(step, limits),
                device->shared_max);
    }
    step->kernel = "attention_plain cuda";
done:
    return status;
}

static octavo_status make(oc_cuda_maker *maker, const oc_step *step, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_step_attention *attention = &step->u.attention;
    oc_rows sequences = step->keys == OC_ROWS_IMAGE_TOKENS ? OC_ROWS_IMAGES : OC_ROWS_TEXTS;
    int32_t keys = maker->limits->sequence_max[step->keys];
    int32_t queries = attention->query_rows == 0 ? keys : 1;
    oc_cuda_launch *launch;
    char defines[DEFINES];
    oc_attention_plain_args args = {
        .sequences = maker->inputs.rows + (size_t)sequences * sizeof(int32_t),
        .starts = maker->inputs.starts[step->keys],
        .ends = maker->inputs.ends,
        .mask = maker->inputs.mask,
        .q = oc_cuda_at(&attention->q),
        .k = oc_cuda_at(&attention->k),
        .v = oc_cuda_at(&attention->v),
        .out = oc_cuda_at(&attention->out),
        .q_stride = attention->q.stride,
        .k_stride = attention->k.stride,
        .v_stride = attention->v.stride,
        .out_stride = attention->out.stride,
        .scale = attention->scale,
        .out_scale = attention->out.scale,
    };
    snprintf(defines, sizeof defines,
             "#define HEADS %d\n#define HEAD_DIM %d\n#define KEYS %d\n#define X_TYPE %d\n"
             "#define OUT_TYPE %d\n#define CAUSAL %d\n#define MASKED %d\n#define QUERY_ROWS %d\n"
             "#define ROW %d\n",
             attention->heads, attention->head_dim, keys, oc_cuda_dtype(&attention->q),
             oc_cuda_dtype(&attention->out), attention->causal != 0, attention->masked != 0,
             attention->query_rows, attention->row);
    OC_TRY(oc_cuda_launch_add(maker, "attention_plain.cu", "attention_plain", defines, &args,
                              sizeof args, &launch, error));
    launch->grid[0] = ((uint32_t)queries + WARPS - 1) / WARPS;
    launch->grid[1] = (uint32_t)attention->heads;
    launch->grid[2] = (uint32_t)maker->limits->rows_max[sequences];
    launch->threads = WARPS * 32;
    launch->shared_bytes = plain_shared(step, maker->limits);
    OC_TRY(oc_cuda_kernel_get(maker->device, "attention_plain.cu", "attention_plain", defines,
                              launch->shared_bytes, &launch->function, error));
done:
    return status;
}

const oc_cuda_family oc_cuda_attention = {choose, make};
