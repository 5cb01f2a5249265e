/* entry.c - pixels to patches, ids to rows of the table, one row of each sequence. */
#include <stdio.h>

#include "backends/cuda/kernels.h"
#include "backends/cuda/kernels/args.h"

enum { DEFINES = 256 };

/* -- patches --------------------------------------------------------------------------------- */

static octavo_status choose_patches(oc_cuda_device *device, oc_step *step,
                                    const oc_plan_limits *limits, oc_scratch *scratch,
                                    octavo_error *error) {
    size_t side = (size_t)step->u.patches.image_size;
    (void)device;
    (void)error;
    step->kernel = "patches_f16 cuda";
    oc_scratch_raise(scratch,
                     (size_t)limits->rows_max[OC_ROWS_IMAGES] * side * side * 3 *
                         (step->u.patches.from_bytes ? 1 : sizeof(float)),
                     0);
    return OCTAVO_OK;
}

static octavo_status make_patches(oc_cuda_maker *maker, const oc_step *step, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_step_patches *patches = &step->u.patches;
    oc_cuda_launch *launch;
    char defines[DEFINES];
    oc_patches_args args = {
        .rows = oc_cuda_rows(maker, step->rows),
        .pixels = maker->inputs.pixels,
        .mean = oc_cuda_floats(patches->mean),
        .std = oc_cuda_floats(patches->std),
        .out = oc_cuda_at(&patches->out),
        .out_stride = patches->out.stride,
    };
    snprintf(defines, sizeof defines,
             "#define SIDE %d\n#define PATCH %d\n#define BYTES %d\n#define NORMALIZE %d\n"
             "#define OUT_TYPE %d\n",
             patches->image_size, patches->patch_size, patches->from_bytes, patches->mean != NULL,
             oc_cuda_dtype(&patches->out));
    OC_TRY(oc_cuda_launch_add(maker, "patches.cu", "patches", defines, &args, sizeof args, &launch,
                              error));
    launch->grid[0] = (uint32_t)maker->limits->rows_max[step->rows];
    launch->threads = 128;
done:
    return status;
}

const oc_cuda_family oc_cuda_patches = {.choose = choose_patches, .make = make_patches};

/* -- tokens ---------------------------------------------------------------------------------- */

static octavo_status make_tokens(oc_cuda_maker *maker, const oc_step *step, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_step_tokens *tokens = &step->u.tokens;
    const oc_cuda_matrix *table = oc_cuda_matrix_of(tokens->table);
    oc_cuda_launch *launch;
    char defines[DEFINES];
    oc_tokens_args args = {
        .rows = oc_cuda_rows(maker, step->rows),
        .ids = maker->inputs.ids,
        .positions = maker->inputs.positions,
        .table = oc_cuda_floats(tokens->table),
        .position = oc_cuda_floats(tokens->position),
        .out = oc_cuda_at(&tokens->out),
        .table_stride = table->stride,
        .out_stride = tokens->out.stride,
        .out_scale = tokens->out.scale,
    };
    snprintf(defines, sizeof defines,
             "#define COLUMNS %d\n#define TABLE_TYPE %d\n#define POSITIONS %d\n"
             "#define OUT_TYPE %d\n",
             table->k, (int)table->head.dtype, tokens->position != NULL,
             oc_cuda_dtype(&tokens->out));
    OC_TRY(oc_cuda_launch_add(maker, "tokens.cu", "tokens", defines, &args, sizeof args, &launch,
                              error));
    launch->grid[0] = (uint32_t)maker->limits->rows_max[step->rows];
    launch->threads = 128;
done:
    return status;
}

const oc_cuda_family oc_cuda_tokens = {.kernel = "tokens_f16 cuda", .make = make_tokens};

/* -- pick ------------------------------------------------------------------------------------ */

static octavo_status make_pick(oc_cuda_maker *maker, const oc_step *step, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_step_pick *pick = &step->u.pick;
    oc_cuda_launch *launch;
    char defines[DEFINES];
    oc_pick_args args = {
        .rows = oc_cuda_rows(maker, step->rows),
        .starts = maker->inputs.starts[step->keys],
        .ends = maker->inputs.ends,
        .x = oc_cuda_at(&pick->x),
        .out = oc_cuda_at(&pick->out),
        .x_stride = pick->x.stride,
        .out_stride = pick->out.stride,
    };
    snprintf(defines, sizeof defines,
             "#define COLUMNS %d\n#define X_TYPE %d\n#define OUT_TYPE %d\n#define FROM_ENDS %d\n"
             "#define ROW %d\n",
             pick->x.columns, oc_cuda_dtype(&pick->x), oc_cuda_dtype(&pick->out),
             pick->from_ends != 0, pick->row);
    OC_TRY(
        oc_cuda_launch_add(maker, "pick.cu", "pick", defines, &args, sizeof args, &launch, error));
    launch->grid[0] = (uint32_t)maker->limits->rows_max[step->rows];
    launch->threads = 128;
done:
    return status;
}

const oc_cuda_family oc_cuda_pick = {.kernel = "pick cuda", .make = make_pick};
