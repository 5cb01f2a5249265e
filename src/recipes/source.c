/* source.c - the bytes of a recipe's tensors, as they are to be stored. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "num/convert.h"
#include "recipes/recipe.h"

enum { PIECE = 4096 }; /* elements that are converted at a time */

/* `count` elements from `first` on, through float32. */
static octavo_status convert(const oc_recipe *recipe, int32_t index, int64_t first, int64_t count,
                             char *to, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_recipe_tensor *tensor = &recipe->tensors[index];
    const oc_ckpt_tensor *from = tensor->from;
    size_t to_bytes = oc_dtype_bytes(tensor->dtype);
    float values[PIECE], back[PIECE], raw[PIECE];
    for (int64_t at = first; at < first + count; at += PIECE) {
        size_t piece = (size_t)(first + count - at < PIECE ? first + count - at : PIECE);
        OC_TRY(oc_checkpoint_read(from, (uint64_t)at, piece, raw, error));
        oc_convert_to_f32(from->dtype, raw, values, piece);
        for (size_t i = 0; from->dtype == OCTAVO_F8_E4M3 && i < piece; i++) {
            values[i] *= tensor->scale;
        }
        oc_convert_from_f32(tensor->dtype, values, to, piece);
        oc_convert_to_f32(tensor->dtype, to, back, piece);
        for (size_t i = 0; i < piece; i++) {
            if (!isfinite(back[i])) {
                OC_FAIL(error, OCTAVO_CORRUPT, from->offset,
                        "element %lld of tensor %s is %g, which %s cannot hold (largest 65504); "
                        "build with --precision bf16 or as-checkpoint",
                        (long long)(at + (int64_t)i), from->name, (double)values[i],
                        oc_dtype_name(tensor->dtype));
            }
        }
        to += piece * to_bytes;
    }
done:
    return status;
}

octavo_status oc_recipe_read(const oc_recipe *recipe, int32_t index, int64_t first, int64_t count,
                             void *dst, octavo_error *error) {
    const oc_recipe_tensor *tensor = &recipe->tensors[index];
    size_t elements = (size_t)(count * tensor->row_elements);
    size_t start = (size_t)(first * tensor->row_elements);
    if (tensor->from == NULL) {
        memcpy(dst, tensor->values + start, elements * sizeof *tensor->values);
        return OCTAVO_OK;
    }
    if (tensor->from->dtype == tensor->dtype) {
        return oc_checkpoint_read(tensor->from, start, elements, dst, error);
    }
    return convert(recipe, index, (int64_t)start, (int64_t)elements, dst, error);
}

void oc_recipe_free(oc_recipe *recipe) {
    oc_graph_free(&recipe->graph);
    free(recipe->tensors);
    free(recipe->modules);
    free(recipe->unread);
    oc_arena_free(&recipe->arena);
    memset(recipe, 0, sizeof *recipe);
}
