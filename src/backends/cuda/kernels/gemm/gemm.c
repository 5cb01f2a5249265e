/* gemm.c - which product kernel does a step, and its launches. */
#include <stdio.h>
#include <string.h>

#include "backends/cuda/kernels.h"
#include "backends/cuda/kernels/args.h"
#include "backends/cuda/kernels/gemm/gemm_wgmma.h"
#include "backends/cuda/kernels/tactics.h"

enum { DEFINES = OC_GEMM_DEFINES_MAX, TILE = 64 };

/* -- on Hopper's tensor cores --------------------------------------------------------------- */

static oc_gemm_type type_of(const oc_view *view) {
    switch (oc_cuda_dtype(view)) {
    case 0:
        return OC_GEMM_ABSENT;
    case OCTAVO_F8_E4M3:
        return OC_GEMM_E4M3;
    case OCTAVO_F16:
        return OC_GEMM_F16;
    default:
        return OC_GEMM_F32;
    }
}

static oc_gemm_product product_of(const oc_step_gemm *gemm) {
    const oc_cuda_matrix *weight = oc_cuda_matrix_of(gemm->weight);
    return (oc_gemm_product){
        .n = weight->n,
        .k = weight->k,
        .in_f16 = gemm->a.dtype == OCTAVO_F16,
        .terms = weight->terms,
        .out = type_of(&gemm->out),
        .residual = type_of(&gemm->residual),
        .act = (int32_t)gemm->act,
        .scale = gemm->column_scale != NULL || weight->factors != 0,
        .bias = gemm->bias != NULL,
        .table = gemm->table != NULL,
    };
}

/* Why gemm_wgmma cannot do the step, or NULL. */
static const char *wgmma_refusal(const oc_cuda_device *device, const oc_step_gemm *gemm) {
    const oc_cuda_matrix *weight = oc_cuda_matrix_of(gemm->weight);
    int32_t out_unit = gemm->out.dtype == OCTAVO_F8_E4M3 ? 16 : 8;
    if (device->major != 9) {
        return "the card has no wgmma";
    }
    if (gemm->a.dtype != weight->head.dtype) {
        return "activations and weights are not of one 8 or 16-bit type";
    }
    if (gemm->block_scale != NULL || gemm->a_scale.columns != 0) {
        return "activations or weights have scales of rows or blocks";
    }
    if (gemm->column_scale != NULL && weight->factors != 0) {
        return "the weight has two scales";
    }
    if (weight->n % 8 != 0 || weight->n > 8192) {
        return "the columns are no multiple of 8, or more than 8192";
    }
    if (gemm->a.column != 0 || gemm->out.column % out_unit != 0 || gemm->residual.column % 8 != 0) {
        return "a view does not begin where copies can";
    }
    return NULL;
}

static octavo_status make_map(const oc_cuda_maker *maker, oc_cu_address address, bool is_f16,
                              int64_t columns, int64_t rows, int64_t stride, int32_t box_columns,
                              int32_t box_rows, oc_cu_tensor_map *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    uint64_t sizes[2] = {(uint64_t)columns, (uint64_t)rows};
    uint64_t strides[1] = {(uint64_t)stride * (is_f16 ? 2 : 1)};
    uint32_t box[2] = {(uint32_t)box_columns, (uint32_t)box_rows}, steps[2] = {1, 1};
    OC_CU(maker->device->driver,
          tensor_map(out, is_f16 ? OC_CU_MAP_F16 : OC_CU_MAP_U8, 2, address, sizes, strides, box,
                     steps, 0, OC_CU_MAP_SWIZZLE_128, OC_CU_MAP_L2_256, 0),
          "describe a matrix to the copy engine", error);
done:
    return status;
}

static octavo_status make_wgmma(oc_cuda_maker *maker, const oc_step *step, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_step_gemm *gemm = &step->u.gemm;
    const oc_cuda_matrix *weight = oc_cuda_matrix_of(gemm->weight);
    int32_t rows = maker->limits->rows_max[step->rows];
    oc_gemm_product product = product_of(gemm);
    oc_gemm_variant variant = *oc_gemm_candidate(step->tactic);
    oc_gemm_launch shape =
        oc_gemm_launch_of(&product, &variant, rows, maker->device->multiprocessors);
    struct {
        oc_cu_tensor_map a, w;
        oc_gemm_arguments rest;
    } args = {.rest = {
                  .rows = oc_cuda_rows(maker, step->rows),
                  .scale = gemm->column_scale != NULL ? oc_cuda_floats(gemm->column_scale)
                                                      : weight->factors,
                  .bias = oc_cuda_floats(gemm->bias),
                  .residual = oc_cuda_at(&gemm->residual),
                  .table = oc_cuda_floats(gemm->table),
                  .out = oc_cuda_at(&gemm->out),
                  .residual_stride = gemm->residual.stride,
                  .out_stride = gemm->out.stride,
                  .period = gemm->table == NULL ? 1 : gemm->period,
                  .inverse = 1.0f / gemm->out.scale,
                  .descending = maker->descending,
              }};
    char defines[DEFINES];
    oc_cuda_launch *launch;
    int64_t w_columns = weight->terms == 2 ? weight->stride : weight->k;
    OC_TRY(make_map(maker, oc_cuda_at(&gemm->a), product.in_f16 != 0, weight->k,
                    rows < 1 ? 1 : rows, gemm->a.stride, shape.box_k, shape.a_box_rows, &args.a,
                    error));
    OC_TRY(make_map(maker, oc_cuda_floats(gemm->weight), product.in_f16 != 0, w_columns,
                    (weight->n + 15) / 16 * 16, weight->stride, shape.box_k, shape.w_box_rows,
                    &args.w, error));
    oc_gemm_defines(&product, &variant, defines);
    OC_TRY(oc_cuda_launch_add(maker, "gemm_wgmma.cu", "gemm_wgmma", defines, &args, sizeof args,
                              &launch, error));
    OC_TRY(oc_cuda_kernel_get(maker->device, "gemm_wgmma.cu", "gemm_wgmma", defines,
                              (uint32_t)shape.shared_bytes, &launch->function, error));
    launch->grid[0] = (uint32_t)shape.grid;
    launch->threads = (uint32_t)shape.threads;
    launch->shared_bytes = (uint32_t)shape.shared_bytes;
    launch->cluster = shape.cluster > 1 ? (uint32_t)shape.cluster : 0;
    launch->parameter_count = 3;
    launch->offsets[1] = (int32_t)((char *)&args.w - (char *)&args);
    launch->offsets[2] = (int32_t)((char *)&args.rest - (char *)&args);
done:
    return status;
}

/* -- anywhere -------------------------------------------------------------------------------- */

static octavo_status make_plain(oc_cuda_maker *maker, const oc_step *step, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_step_gemm *gemm = &step->u.gemm;
    const oc_cuda_matrix *weight = oc_cuda_matrix_of(gemm->weight);
    oc_cuda_launch *launch;
    char defines[DEFINES];
    oc_gemm_args args = {
        .rows = oc_cuda_rows(maker, step->rows),
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
        .term_stride = weight->term_stride,
        .factor = weight->factor,
        .out_scale = gemm->out.scale,
    };
    snprintf(defines, sizeof defines,
             "#define N %d\n#define K %d\n#define TERMS %d\n#define A_TYPE %d\n"
             "#define W_TYPE %d\n#define RESIDUAL_TYPE %d\n#define OUT_TYPE %d\n#define ACT %d\n"
             "#define BLOCK_N %d\n#define BLOCK_K %d\n#define A_SCALES %d\n#define PERIOD %d\n",
             weight->n, weight->k, weight->terms, oc_cuda_dtype(&gemm->a), (int)weight->head.dtype,
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

/* -- which variant ---------------------------------------------------------------------------- */

/* What the step computes; names [OC_GEMM_NAMES_MAX]. */
static oc_cuda_task task_of(const oc_gemm_product *product, int32_t rows, oc_named *names) {
    int32_t count = oc_gemm_product_names(product, names);
    return (oc_cuda_task){.kernel = "gemm_wgmma", .names = names, .count = count, .rows = rows};
}

/* The number of the variant of this name that the product can have, or -1. */
static int32_t find_candidate(const oc_gemm_product *product, const char *name) {
    const oc_gemm_variant *v;
    oc_named names[OC_GEMM_NAMES_MAX];
    for (int32_t i = 0; (v = oc_gemm_candidate(i)) != NULL; i++) {
        if (oc_named_is(names, oc_gemm_variant_names(v, names), name)) {
            return oc_gemm_refusal(product, v) == NULL ? i : -1;
        }
    }
    return -1;
}

static void describe(const oc_gemm_variant *v, char text[OC_TACTIC_TEXT]) {
    char cluster[32] = "";
    if (v->cluster_m * v->cluster_n > 1) {
        snprintf(cluster, sizeof cluster, ", clusters %dx%d", v->cluster_m, v->cluster_n);
    }
    snprintf(text, OC_TACTIC_TEXT, "%s%dx%d, %d stages%s%s", v->swap ? "swapped " : "",
             64 * v->warpgroups_m, v->tile_n, v->stages, cluster, v->ordered ? ", in turns" : "");
}

static void tactics(const oc_cuda_device *device, const oc_step *step, const oc_plan_limits *limits,
                    oc_tactics *out) {
    oc_named names[OC_GEMM_NAMES_MAX];
    const oc_gemm_variant *v;
    out->count = 0;
    if (strncmp(step->kernel, "gemm_wgmma", strlen("gemm_wgmma")) != 0) {
        return;
    }
    oc_gemm_product product = product_of(&step->u.gemm);
    oc_cuda_task task = task_of(&product, limits->rows_max[step->rows], names);
    oc_cuda_tactics_begin(device, &task, out);
    for (int32_t i = 0; (v = oc_gemm_candidate(i)) != NULL; i++) {
        char text[OC_TACTIC_TEXT];
        if (oc_gemm_refusal(&product, v) == NULL) {
            describe(v, text);
            oc_cuda_tactics_add(out, i, names, oc_gemm_variant_names(v, names),
                                oc_gemm_predict(&product, v, task.rows, device->multiprocessors),
                                text);
        }
    }
}

/* -- the family ------------------------------------------------------------------------------- */

static octavo_status choose(oc_cuda_device *device, oc_step *step, const oc_plan_limits *limits,
                            oc_scratch *scratch, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_step_gemm *gemm = &step->u.gemm;
    const oc_cuda_matrix *weight = oc_cuda_matrix_of(gemm->weight);
    (void)scratch;
    if (gemm->a.columns != weight->k || gemm->out.columns != weight->n) {
        OC_FAIL(error, OCTAVO_INTERNAL, OCTAVO_NO_OFFSET,
                "step %s multiplies %d columns into %d, its weight is [%d,%d]", step->name,
                gemm->a.columns, gemm->out.columns, weight->n, weight->k);
    }
    const char *why_not = wgmma_refusal(device, gemm);
    if (why_not != NULL) {
        step->kernel = "gemm_plain cuda";
        snprintf(step->why, sizeof step->why, "%s", why_not);
        goto done;
    }
    oc_gemm_product product = product_of(gemm);
    oc_named names[OC_GEMM_NAMES_MAX];
    oc_cuda_task task = task_of(&product, limits->rows_max[step->rows], names);
    const oc_tuned_choice *tuned = oc_cuda_tuned(device, &task, NULL);
    int32_t number = tuned == NULL ? -1 : find_candidate(&product, tuned->best);
    double time = number < 0 ? 0 : tuned->best_us;
    char text[OC_TACTIC_TEXT];
    step->tactic =
        number < 0 ? oc_gemm_choose(&product, task.rows, device->multiprocessors, &time) : number;
    step->kernel = product.in_f16 ? "gemm_wgmma_f16 cuda" : "gemm_wgmma cuda";
    describe(oc_gemm_candidate(step->tactic), text);
    snprintf(step->why, sizeof step->why, "tiles %s for %d rows: %s%.1f us%s", text, task.rows,
             number < 0 ? "about " : "", time, number < 0 ? "" : " when tuned");
done:
    return status;
}

static octavo_status make(oc_cuda_maker *maker, const oc_step *step, octavo_error *error) {
    return strncmp(step->kernel, "gemm_plain", strlen("gemm_plain")) == 0
               ? make_plain(maker, step, error)
               : make_wgmma(maker, step, error);
}

const oc_cuda_family oc_cuda_gemm = {.choose = choose, .tactics = tactics, .make = make};
