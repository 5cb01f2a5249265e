/* patches.c - pixels as rows of patches.  A task is a row of patches of one image. */
#include <string.h>

#include "backends/cpu/cut.h"
#include "backends/cpu/portable/portable.h"

/* Every value that a byte can stand for, a channel: what is divided is divided once. */
typedef struct byte_values {
    float of[3][256];
} byte_values;

static void fill_byte_values(const oc_step_patches *step, byte_values *values) {
    for (int c = 0; c < 3; c++) {
        for (int v = 0; v < 256; v++) {
            float value = (float)v;
            if (step->mean != NULL) {
                value = (value / 255.0f - oc_floats(step->mean)[c]) / oc_floats(step->std)[c];
            }
            values->of[c][v] = value;
        }
    }
}

static int32_t patches_tasks(const oc_cpu_job *job) {
    const oc_step_patches *step = &job->step->u.patches;
    return job->run->rows[OC_ROWS_IMAGES] * (step->image_size / step->patch_size);
}

static void patches_task(const oc_cpu_job *job, int32_t index, void *local) {
    (void)local;
    const oc_step_patches *step = &job->step->u.patches;
    int64_t size = step->image_size, patch = step->patch_size;
    int64_t grid = size / patch;
    int64_t image = index / grid, patch_row = index % grid;
    float *out = (float *)step->out.data + image * (grid * grid + 1) * step->out.stride;
    if (patch_row == 0) {
        memset(out, 0, (size_t)step->out.columns * sizeof(float));
    }
    out += (1 + patch_row * grid) * step->out.stride;

    byte_values values;
    if (step->from_bytes) {
        fill_byte_values(step, &values);
    }
    for (int64_t y = 0; y < patch; y++) {
        int64_t line = patch_row * patch + y; /* of the image */
        for (int64_t p = 0; p < grid; p++) {
            for (int64_t c = 0; c < 3; c++) {
                float *to = out + p * step->out.stride + (c * patch + y) * patch;
                if (!step->from_bytes) {
                    const float *from = (const float *)job->run->pixels +
                                        ((image * 3 + c) * size + line) * size + p * patch;
                    memcpy(to, from, (size_t)patch * sizeof(float));
                    continue;
                }
                const uint8_t *from = (const uint8_t *)job->run->pixels +
                                      ((image * size + line) * size + p * patch) * 3 + c;
                for (int64_t x = 0; x < patch; x++) {
                    to[x] = values.of[c][from[3 * x]];
                }
            }
        }
    }
}

const oc_cpu_kernel oc_portable_patches = {
    .name = "patches portable",
    .phases = {{patches_tasks, patches_task}},
};
