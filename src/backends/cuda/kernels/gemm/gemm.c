/* gemm.c - which product kernel does a step, and its launches. */
#include <stdio.h>

#include "backends/cuda/kernels.h"
#include "backends/cuda/kernels/args.h"

enum { DEFINES = 512, TILE = 64, STEP = 16 };

static octavo_status choose(oc_cuda_device *device, oc_step *step, const oc_plan_limits *limits,
                            oc_scratch *scratch, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_step_gemm *gemm = &step->u.gemm;
    const oc_cuda_matrix *weight = oc_cuda_matrix_of(gemm->weight);
    (void)device;
    (void)limits;
    (void)scratch;
    if (gemm->a.columns != weight->k || gemm->out.columns != weight->n) {
        OC_FAIL(error, OCTAVO_INTERNAL, OCTAVO_NO_OFFSET,
                "step %s multiplies %d columns into %d, its weight is [%d,%d]", step->name,
                gemm->a.columns, gemm->out.columns, weight->n, weight->k);
    }
    step->kernel = "gemm_plain cuda";
done:
    return status;
}

static octavo_status make_plain(oc_cuda_maker *maker, const oc_step *step, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_step_gemm *gemm = &step->u.gemm;
    const oc_cuda_matrix *weight = oc_cuda_matrix_of(gemm->weight);
    oc_cuda_launch *launch;
    char defines[DEFINES];
    oc_gemm_args args = {
        .rows = maker->inputs.rows + (size_t)step->rows * sizeof(int32_t),
        .a = oc_cuda_at(&gemm->a),
        .weight = oc_cuda_floats(gemm->weight),
        .column_scale = oc_cuda_floats(gemm->column_scale),
        .a_scale = oc_cuda_at(&gemm->a_scale),
        .block_scale = oc_cuda_floats(gemm->block_scale),
        .bias = oc_cuda_floats(gemm->bias),
        .residual = oc_cuda_at(&gemm->residual),
        .table = oc_cuda_floats(gemm->table),
        .out = oc_cuda_at(&gemm->out),
        .a_stride = gemm->a.stride,
        .a_scale_stride = gemm->a_scale.stride,
        .residual_stride = gemm->residual.stride,
        .out_stride = gemm->out.stride,
        .weight_stride = weight->stride,
        .out_scale = gemm->out.scale,
    };
    snprintf(defines, sizeof defines,
             "#define N %d\n#define K %d\n#define A_TYPE %d\n#define W_TYPE %d\n"
             "#define RESIDUAL_TYPE %d\n#define OUT_TYPE %d\n#define ACT %d\n#define BLOCK_N %d\n"
             "#define BLOCK_K %d\n#define A_SCALES %d\n#define PERIOD %d\n",
             weight->n, weight->k, oc_cuda_dtype(&gemm->a), (int)weight->head.dtype,
             oc_cuda_dtype(&gemm->residual), oc_cuda_dtype(&gemm->out), (int)gemm->act,
             gemm->block_scale == NULL ? 0 : gemm->block_n, gemm->block_k, gemm->a_scale.columns,
             gemm->table == NULL ? 0 : gemm->period);
    OC_TRY(oc_cuda_launch_add(maker, "gemm_plain.cu", "gemm_plain", defines, &args, sizeof args,
                              &launch, error));
    launch->grid[0] = ((uint32_t)weight->n + TILE - 1) / TILE;
    launch->grid[1] = ((uint32_t)maker->limits->rows_max[step->rows] + TILE - 1) / TILE;
    launch->threads = 256;
done:
    return status;
}

const oc_cuda_family oc_cuda_gemm = {choose, make_plain};
