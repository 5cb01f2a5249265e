/* attention.c - which attention kernel does a step, and its launches. */
#include <stdio.h>
#include <string.h>

#include "backends/cuda/kernels.h"
#include "backends/cuda/kernels/args.h"
#include "backends/cuda/kernels/attention/attention_variant.h"
#include "backends/cuda/kernels/tactics.h"

enum { DEFINES = 1024, PLAIN_WARPS = 4 };

#define LOG2_E 1.4426950408889634

static oc_rows sequences_of(const oc_step *step) {
    return step->keys == OC_ROWS_IMAGE_TOKENS ? OC_ROWS_IMAGES : OC_ROWS_TEXTS;
}

/* -- on tensor cores ------------------------------------------------------------------------ */

static oc_attention_shape shape_of(const oc_cuda_device *device, const oc_step *step,
                                   const oc_plan_limits *limits) {
    const oc_step_attention *a = &step->u.attention;
    return (oc_attention_shape){
        .sequences = limits->rows_max[sequences_of(step)],
        .length = limits->sequence_max[step->keys],
        .longest = limits->sequence_max[step->keys],
        .heads = a->heads,
        .head_dim = a->head_dim,
        .causal = a->causal != 0,
        .masked = a->masked != 0,
        .out_f16 = a->out.dtype == OCTAVO_F16,
        .one_buffer = a->q.buffer == a->k.buffer && a->k.buffer == a->v.buffer,
        .query_rows = a->query_rows,
        .processors = device->multiprocessors,
    };
}

/* The variants for a step; 0: there are none, and `why_not` says why. */
static int32_t find_variants(const oc_cuda_device *device, const oc_step *step,
                             const oc_plan_limits *limits,
                             oc_attention_variant out[OC_ATTENTION_VARIANTS],
                             const char **why_not) {
    const oc_step_attention *a = &step->u.attention;
    bool aligned = a->q.column % 8 == 0 && a->k.column % 8 == 0 && a->v.column % 8 == 0 &&
                   a->out.column % 16 == 0;
    oc_attention_shape shape = shape_of(device, step, limits);
    *why_not = device->major != 9           ? "the card has no wgmma"
               : a->q.dtype != OCTAVO_F16   ? "queries are no 16-bit floats"
               : a->out.dtype == OCTAVO_F32 ? "the result is F32"
               : !aligned                   ? "a view does not begin where copies can"
               : !(a->scale > 0)            ? "scores have no positive scale"
               : shape.sequences < 1        ? "there is no sequence"
                                            : NULL;
    int32_t count = *why_not != NULL ? 0 : oc_attention_variants(&shape, out);
    if (*why_not == NULL && count == 0) {
        *why_not = "no variant has this head size and length";
    }
    return count;
}

/* A map of the buffer of q, k and v, of which boxes of 64 columns are taken. */
static octavo_status make_map(const oc_cuda_maker *maker, const oc_step *step,
                              const oc_attention_variant *variant, oc_cu_tensor_map *out,
                              octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_step_attention *a = &step->u.attention;
    oc_cu_address base = oc_cuda_at(&a->q) - (oc_cu_address)a->q.column * 2;
    int32_t columns = a->v.column + a->v.columns;
    columns = a->k.column + a->k.columns > columns ? a->k.column + a->k.columns : columns;
    columns = a->q.column + a->q.columns > columns ? a->q.column + a->q.columns : columns;
    uint64_t sizes[2] = {(uint64_t)columns, (uint64_t)maker->limits->rows_max[step->keys]};
    uint64_t strides[1] = {(uint64_t)a->q.stride * 2};
    uint32_t box[2] = {64, (uint32_t)variant->box}, steps[2] = {1, 1};
    OC_CU(maker->device->driver,
          tensor_map(out, OC_CU_MAP_F16, 2, base, sizes, strides, box, steps, 0,
                     OC_CU_MAP_SWIZZLE_128, OC_CU_MAP_L2_256, 0),
          "describe a matrix to the copy engine", error);
done:
    return status;
}

static octavo_status make_tensor(oc_cuda_maker *maker, const oc_step *step,
                                 const oc_attention_variant *variant, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_step_attention *a = &step->u.attention;
    bool has_map = variant->kind == OC_ATTENTION_WGMMA;
    struct {
        oc_cu_tensor_map map;
        oc_attention_args rest;
    } args = {.rest = {
                  .q = oc_cuda_at(&a->q),
                  .k = oc_cuda_at(&a->k),
                  .v = oc_cuda_at(&a->v),
                  .out = oc_cuda_at(&a->out),
                  .starts = maker->inputs.starts[step->keys],
                  .sequences = oc_cuda_rows(maker, sequences_of(step)),
                  .ends = maker->inputs.ends,
                  .mask = maker->inputs.mask,
                  .q_stride = (int32_t)a->q.stride,
                  .k_stride = (int32_t)a->k.stride,
                  .v_stride = (int32_t)a->v.stride,
                  .out_stride = (int32_t)a->out.stride,
                  .q_column = a->q.column,
                  .k_column = a->k.column,
                  .v_column = a->v.column,
                  .heads = a->heads,
                  .row = a->row,
                  .scale_log2 = (float)((double)a->scale * LOG2_E),
                  .inv_out_scale = 1.0f / a->out.scale,
                  .sequences_max = maker->limits->rows_max[sequences_of(step)],
              }};
    char defines[DEFINES], file[64];
    const char *entry = oc_attention_name(variant->kind);
    oc_cuda_launch *launch;
    if (has_map) {
        OC_TRY(make_map(maker, step, variant, &args.map, error));
    }
    oc_attention_defines(variant, defines, sizeof defines);
    snprintf(file, sizeof file, "%s.cu", entry);
    OC_TRY(oc_cuda_launch_add(maker, file, entry, defines, &args, sizeof args, &launch, error));
    OC_TRY(oc_cuda_kernel_get(maker->device, file, entry, defines, (uint32_t)variant->shared_bytes,
                              &launch->function, error));
    launch->grid[0] = (uint32_t)variant->grid_x;
    launch->grid[1] = (uint32_t)variant->grid_y;
    launch->threads = (uint32_t)variant->threads;
    launch->shared_bytes = (uint32_t)variant->shared_bytes;
    launch->parameter_count = has_map ? 2 : 1;
    launch->offsets[has_map ? 1 : 0] = (int32_t)((char *)&args.rest - (char *)&args);
done:
    return status;
}

/* -- anywhere -------------------------------------------------------------------------------- */

static uint32_t plain_shared(const oc_step *step, const oc_plan_limits *limits) {
    return (uint32_t)limits->sequence_max[step->keys] * PLAIN_WARPS * (uint32_t)sizeof(float);
}

static octavo_status make_plain(oc_cuda_maker *maker, const oc_step *step, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_step_attention *attention = &step->u.attention;
    int32_t keys = maker->limits->sequence_max[step->keys];
    int32_t queries = attention->query_rows == 0 ? keys : 1;
    oc_cuda_launch *launch;
    char defines[DEFINES];
    oc_attention_plain_args args = {
        .sequences = oc_cuda_rows(maker, sequences_of(step)),
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
    launch->grid[0] = ((uint32_t)queries + PLAIN_WARPS - 1) / PLAIN_WARPS;
    launch->grid[1] = (uint32_t)attention->heads;
    launch->grid[2] = (uint32_t)maker->limits->rows_max[sequences_of(step)];
    launch->threads = PLAIN_WARPS * 32;
    launch->shared_bytes = plain_shared(step, maker->limits);
    OC_TRY(oc_cuda_kernel_get(maker->device, "attention_plain.cu", "attention_plain", defines,
                              launch->shared_bytes, &launch->function, error));
done:
    return status;
}

/* -- which variant ---------------------------------------------------------------------------- */

/* What the step computes; names [OC_ATTENTION_NAMES_MAX]. */
static oc_cuda_task task_of(const oc_cuda_device *device, const oc_step *step,
                            const oc_plan_limits *limits, oc_attention_kind kind, oc_named *names) {
    oc_attention_shape shape = shape_of(device, step, limits);
    int32_t count = oc_attention_shape_names(&shape, names);
    return (oc_cuda_task){
        .kernel = oc_attention_name(kind), .names = names, .count = count, .rows = shape.sequences};
}

static void tactics(const oc_cuda_device *device, const oc_step *step, const oc_plan_limits *limits,
                    oc_tactics *out) {
    oc_attention_variant variants[OC_ATTENTION_VARIANTS];
    oc_named names[OC_ATTENTION_NAMES_MAX];
    const char *why_not;
    int32_t count = find_variants(device, step, limits, variants, &why_not);
    out->count = 0;
    if (count < 2) {
        return;
    }
    oc_cuda_task task = task_of(device, step, limits, variants[0].kind, names);
    oc_cuda_tactics_begin(device, &task, out);
    for (int32_t i = 0; i < count; i++) {
        const oc_attention_variant *v = &variants[i];
        char text[OC_TACTIC_TEXT];
        snprintf(text, sizeof text, "items of %d tile%s, %d stage%s", v->tiles, OC_PLURAL(v->tiles),
                 v->stages, OC_PLURAL(v->stages));
        oc_cuda_tactics_add(out, i, names, oc_attention_variant_names(v, names), v->predicted_us,
                            text);
    }
}

/* The number of the variant that was measured to be fastest, or -1. */
static int32_t find_tuned(const oc_cuda_device *device, const oc_step *step,
                          const oc_plan_limits *limits, const oc_attention_variant *variants,
                          int32_t count, double *microseconds) {
    oc_named names[OC_ATTENTION_NAMES_MAX];
    oc_cuda_task task = task_of(device, step, limits, variants[0].kind, names);
    const oc_tuned_choice *tuned = oc_cuda_tuned(device, &task, NULL);
    for (int32_t i = 0; tuned != NULL && i < count; i++) {
        if (oc_named_is(names, oc_attention_variant_names(&variants[i], names), tuned->best)) {
            *microseconds = tuned->best_us;
            return i;
        }
    }
    return -1;
}

/* -- the family ------------------------------------------------------------------------------- */

static octavo_status choose(oc_cuda_device *device, oc_step *step, const oc_plan_limits *limits,
                            oc_scratch *scratch, octavo_error *error) {
    static const char *const names[] = {[OC_ATTENTION_WGMMA] = "attention_wgmma cuda",
                                        [OC_ATTENTION_MMA] = "attention_mma cuda",
                                        [OC_ATTENTION_ROW] = "attention_row cuda"};
    octavo_status status = OCTAVO_OK;
    oc_attention_variant variants[OC_ATTENTION_VARIANTS];
    const char *why_not;
    (void)scratch;
    int32_t count = find_variants(device, step, limits, variants, &why_not);
    if (count > 0) {
        double time = 0;
        int32_t tuned = find_tuned(device, step, limits, variants, count, &time);
        step->tactic = tuned < 0 ? oc_attention_fastest(variants, count) : tuned;
        step->kernel = names[variants[0].kind];
        snprintf(step->why, sizeof step->why, "sequences of %d at most, %d of them: %s%.1f us%s",
                 limits->sequence_max[step->keys], limits->rows_max[sequences_of(step)],
                 tuned < 0 ? "about " : "", tuned < 0 ? variants[step->tactic].predicted_us : time,
                 tuned < 0 ? "" : " when tuned");
        goto done;
    }
    if (plain_shared(step, limits) > device->shared_max) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                "step %s may have sequences of %d rows; their scores need %u bytes of shared "
                "memory, the card gives %zu",
                step->name, limits->sequence_max[step->keys], plain_shared(step, limits),
                device->shared_max);
    }
    step->kernel = "attention_plain cuda";
    snprintf(step->why, sizeof step->why, "%s", why_not);
done:
    return status;
}

static octavo_status make(oc_cuda_maker *maker, const oc_step *step, octavo_error *error) {
    oc_attention_variant variants[OC_ATTENTION_VARIANTS];
    const char *why_not;
    return find_variants(maker->device, step, maker->limits, variants, &why_not) > step->tactic
               ? make_tensor(maker, step, &variants[step->tactic], error)
               : make_plain(maker, step, error);
}

const oc_cuda_family oc_cuda_attention = {.choose = choose, .tactics = tactics, .make = make};
