/* rows.c - what is computed row by row: norms and quantizers, unit length, activations and sums,
 * logits. */
#include <stdio.h>

#include "backends/cuda/kernels.h"
#include "backends/cuda/kernels/args.h"

enum { DEFINES = 256, NORM_WARPS = 4, LOGITS_WARPS = 8 };

enum { NORM_NONE, NORM_LAYER, NORM_UNIT }; /* norm.cu */

static octavo_status make_norm_rows(oc_cuda_maker *maker, const oc_step *step, int32_t kind,
                                    bool is_dynamic, int32_t block, const oc_view *x,
                                    const oc_view *out, const oc_norm_args *args,
                                    octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_cuda_launch *launch;
    char defines[DEFINES];
    int32_t most = maker->limits->rows_max[step->rows];
    /* two where the card is full anyhow and a lane has the registers for it */
    int32_t rows = most >= 32 * maker->device->multiprocessors && x->columns <= 1536 ? 2 : 1;
    bool is_wide =
        x->columns % 8 == 0 && x->column % 8 == 0 && out->column % 8 == 0 && x->dtype == OCTAVO_F16;
    snprintf(defines, sizeof defines,
             "#define ROWS %d\n#define COLUMNS %d\n#define VEC %d\n#define X_TYPE %d\n"
             "#define OUT_TYPE %d\n#define NORM %d\n#define DYNAMIC %d\n#define BLOCK %d\n",
             rows, x->columns, is_wide ? 8 : 1, oc_cuda_dtype(x), oc_cuda_dtype(out), kind,
             is_dynamic, block);
    OC_TRY(oc_cuda_launch_add(maker, "norm.cu", "norm_rows", defines, args, sizeof *args, &launch,
                              error));
    launch->grid[0] = (uint32_t)((most + rows * NORM_WARPS - 1) / (rows * NORM_WARPS));
    launch->threads = NORM_WARPS * 32;
done:
    return status;
}

/* -- norm -------------------------------------------------------------------------------------- */

static octavo_status make_norm(oc_cuda_maker *maker, const oc_step *step, octavo_error *error) {
    const oc_step_norm *norm = &step->u.norm;
    oc_norm_args args = {
        .rows = oc_cuda_rows(maker, step->rows),
        .x = oc_cuda_at(&norm->x),
        .gamma = oc_cuda_floats(norm->gamma),
        .beta = oc_cuda_floats(norm->beta),
        .out = oc_cuda_at(&norm->out),
        .out_scales = oc_cuda_at(&norm->out_scale),
        .x_stride = norm->x.stride,
        .out_stride = norm->out.stride,
        .out_scales_stride = norm->out_scale.stride,
        .eps = norm->eps,
        .out_scale = norm->out.scale,
        .descending = maker->descending,
    };
    return make_norm_rows(maker, step, norm->gamma == NULL ? NORM_NONE : NORM_LAYER,
                          norm->out_scale.columns != 0, norm->block, &norm->x, &norm->out, &args,
                          error);
}

const oc_cuda_family oc_cuda_norm = {.kernel = "norm_f16 cuda", .make = make_norm};

/* -- unit -------------------------------------------------------------------------------------- */

static octavo_status make_unit(oc_cuda_maker *maker, const oc_step *step, octavo_error *error) {
    const oc_step_unit *unit = &step->u.unit;
    oc_norm_args args = {
        .rows = oc_cuda_rows(maker, step->rows),
        .x = oc_cuda_at(&unit->x),
        .out = oc_cuda_at(&unit->out),
        .x_stride = unit->x.stride,
        .out_stride = unit->out.stride,
        .out_scale = 1,
    };
    return make_norm_rows(maker, step, NORM_UNIT, false, 0, &unit->x, &unit->out, &args, error);
}

const oc_cuda_family oc_cuda_unit = {.kernel = "unit_f32 cuda", .make = make_unit};

/* -- pointwise --------------------------------------------------------------------------------- */

static octavo_status make_pointwise(oc_cuda_maker *maker, const oc_step *step,
                                    octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_step_pointwise *pointwise = &step->u.pointwise;
    oc_cuda_launch *launch;
    char defines[DEFINES];
    oc_pointwise_args args = {
        .rows = oc_cuda_rows(maker, step->rows),
        .x = oc_cuda_at(&pointwise->x),
        .y = oc_cuda_at(&pointwise->y),
        .table = oc_cuda_floats(pointwise->table),
        .out = oc_cuda_at(&pointwise->out),
        .x_stride = pointwise->x.stride,
        .y_stride = pointwise->y.stride,
        .out_stride = pointwise->out.stride,
        .out_scale = pointwise->out.scale,
    };
    snprintf(defines, sizeof defines,
             "#define COLUMNS %d\n#define X_TYPE %d\n#define Y_TYPE %d\n#define OUT_TYPE %d\n"
             "#define ACT %d\n#define PERIOD %d\n",
             pointwise->x.columns, oc_cuda_dtype(&pointwise->x), oc_cuda_dtype(&pointwise->y),
             oc_cuda_dtype(&pointwise->out), (int)pointwise->act,
             pointwise->table == NULL ? 0 : pointwise->period);
    OC_TRY(oc_cuda_launch_add(maker, "pointwise.cu", "pointwise", defines, &args, sizeof args,
                              &launch, error));
    launch->grid[0] = (uint32_t)maker->limits->rows_max[step->rows];
    launch->threads = 128;
done:
    return status;
}

const oc_cuda_family oc_cuda_pointwise = {.kernel = "pointwise_f16 cuda", .make = make_pointwise};

/* -- logits ------------------------------------------------------------------------------------ */

static octavo_status choose_logits(oc_cuda_device *device, oc_step *step,
                                   const oc_plan_limits *limits, oc_scratch *scratch,
                                   octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_step_logits *logits = &step->u.logits;
    (void)device;
    (void)limits;
    (void)scratch;
    if (logits->image.dtype != OCTAVO_F32 || logits->text.dtype != OCTAVO_F32 ||
        logits->out.dtype != OCTAVO_F32) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                "step %s has 16-bit operands, logits are made of and in F32", step->name);
    }
    step->kernel = "logits cuda";
done:
    return status;
}

static octavo_status make_logits(oc_cuda_maker *maker, const oc_step *step, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_step_logits *logits = &step->u.logits;
    oc_cuda_launch *launch;
    char defines[DEFINES];
    oc_logits_args args = {
        .images = oc_cuda_rows(maker, OC_ROWS_IMAGES),
        .texts = oc_cuda_rows(maker, OC_ROWS_TEXTS),
        .image = oc_cuda_at(&logits->image),
        .text = oc_cuda_at(&logits->text),
        .out = oc_cuda_at(&logits->out),
        .image_stride = logits->image.stride,
        .text_stride = logits->text.stride,
        .out_stride = logits->out.stride,
        .scale = logits->scale,
    };
    snprintf(defines, sizeof defines, "#define COLUMNS %d\n", logits->image.columns);
    OC_TRY(oc_cuda_launch_add(maker, "logits.cu", "logits", defines, &args, sizeof args, &launch,
                              error));
    launch->grid[0] =
        ((uint32_t)maker->limits->rows_max[OC_ROWS_TEXTS] + LOGITS_WARPS - 1) / LOGITS_WARPS;
    launch->grid[1] = (uint32_t)maker->limits->rows_max[OC_ROWS_IMAGES];
    launch->threads = LOGITS_WARPS * 32;
done:
    return status;
}

const oc_cuda_family oc_cuda_logits = {.choose = choose_logits, .make = make_logits};
