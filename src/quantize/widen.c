/* widen.c - see widen.h. */
#include "quantize/widen.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/sys/io.h"
#include "checkpoint/files/safetensors_write.h"
#include "checkpoint/quant/quant_layout.h"
#include "num/convert.h"
#include "quantize/folder.h"
#include "quantize/layout.h"

enum { PIECE = 1 << 13 }; /* elements or bytes that are written at a time */

typedef struct wide_list {
    octavo_argument *items;
    const oc_ckpt_tensor **from; /* [count] */
    float *scales;               /* [count] of those that were FP8 */
    int32_t count;
} wide_list;

static octavo_status scale_of(const oc_checkpoint *checkpoint, const oc_ckpt_tensor *weight,
                              float *scale, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    char path[OC_LIMIT_TENSOR_NAME + 1];
    oc_linear_layout layout;
    size_t length = strlen(weight->name) - strlen(".weight"); /* oc_quant_check saw to that */
    memcpy(path, weight->name, length);
    path[length] = '\0';
    OC_TRY(oc_linear_find(checkpoint, path, weight->shape[0], weight->shape[1], &layout, error));
    OC_TRY(oc_scale_value(layout.weight_scale, scale, error));
done:
    return status;
}

static octavo_status list_tensors(const oc_checkpoint *checkpoint, octavo_dtype dtype,
                                  wide_list *list, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    size_t most = (size_t)checkpoint->tensor_count + 1;
    list->items = calloc(most, sizeof *list->items);
    list->from = calloc(most, sizeof *list->from);
    list->scales = calloc(most, sizeof *list->scales);
    if (list->items == NULL || list->from == NULL || list->scales == NULL) {
        OC_NO_MEMORY(error, most * sizeof *list->items);
    }
    for (int32_t i = 0; i < checkpoint->tensor_count; i++) {
        const oc_ckpt_tensor *tensor = &checkpoint->tensors[i];
        oc_slice name = oc_slice_of(tensor->name);
        if (tensor->dtype == 0 || tensor->rank > OCTAVO_MAX_RANK ||
            oc_slice_ends(name, ".weight_scale") || oc_slice_ends(name, ".input_scale")) {
            continue; /* the first two: no model here has such a one */
        }
        octavo_tensor shape = {.dtype = tensor->dtype, .rank = tensor->rank};
        memcpy(shape.shape, tensor->shape, (size_t)tensor->rank * sizeof *shape.shape);
        if (tensor->dtype == OCTAVO_F8_E4M3) {
            OC_TRY(scale_of(checkpoint, tensor, &list->scales[list->count], error));
            shape.dtype = dtype;
        }
        list->from[list->count] = tensor;
        list->items[list->count++] = (octavo_argument){.name = tensor->name, .tensor = shape};
    }
done:
    return status;
}

static octavo_status write_wide(oc_st_writer *writer, const oc_ckpt_tensor *weight, float scale,
                                octavo_dtype dtype, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    uint8_t codes[PIECE];
    float values[PIECE], back[PIECE];
    uint16_t wide[PIECE];
    for (uint64_t at = 0; at < weight->bytes; at += PIECE) {
        size_t piece = weight->bytes - at < PIECE ? (size_t)(weight->bytes - at) : PIECE;
        OC_TRY(oc_checkpoint_read(weight, at, piece, codes, error));
        oc_convert_to_f32(weight->dtype, codes, values, piece);
        for (size_t i = 0; i < piece; i++) {
            values[i] *= scale;
        }
        oc_convert_from_f32(dtype, values, wide, piece);
        oc_convert_to_f32(dtype, wide, back, piece);
        for (size_t i = 0; i < piece; i++) {
            if (!isfinite(back[i])) {
                OC_FAIL(error, OCTAVO_CORRUPT, weight->offset + at + i,
                        "element %" PRIu64 " of tensor %s is %g, which F16 cannot hold (largest "
                        "65504): --precision bf16 can",
                        at + i, weight->name, (double)values[i]);
            }
        }
        OC_TRY(oc_st_writer_append(writer, wide, piece * sizeof *wide, error));
    }
done:
    return status;
}

static octavo_status write_weights(const oc_checkpoint *checkpoint, octavo_dtype dtype,
                                   const char *folder, octavo_progress progress, void *user,
                                   octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    static const oc_st_text metadata = {"format", "pt"}; /* transformers asks for it */
    oc_st_writer writer = OC_ST_WRITER_CLOSED;
    wide_list list = {0};
    uint64_t written = 0;
    char *path = oc_path_join(folder, "model.safetensors");
    if (path == NULL) {
        OC_NO_MEMORY(error, strlen(folder));
    }
    OC_TRY(list_tensors(checkpoint, dtype, &list, error));
    OC_TRY(oc_st_writer_open(path, list.items, list.count, &metadata, 1, &writer, error));
    for (int32_t i; (i = oc_st_writer_next(&writer)) >= 0;) {
        const oc_ckpt_tensor *from = list.from[i];
        OC_TRY(from->dtype == OCTAVO_F8_E4M3
                   ? write_wide(&writer, from, list.scales[i], dtype, error)
                   : oc_folder_copy(&writer, from, error));
        OC_TRY(
            oc_progress(progress, user, "writing weights", ++written, (uint64_t)list.count, error));
    }
    OC_TRY(oc_st_writer_commit(&writer, error));
done:
    oc_st_writer_abort(&writer);
    free(list.items);
    free(list.from);
    free(list.scales);
    free(path);
    return status;
}

octavo_status oc_widen(const oc_checkpoint *checkpoint, octavo_dtype dtype, const char *folder,
                       octavo_progress progress, void *user, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    char *config = NULL;
    size_t size = 0;
    oc_buffer text;
    oc_buffer_init(&text);
    OC_TRY(oc_checkpoint_load(checkpoint, "config.json", OC_LIMIT_CONFIG_BYTES, &config, &size,
                              error));
    OC_TRY(oc_plain_config((oc_slice){config, size}, &text, error));
    OC_TRY(oc_folder_save(folder, "config.json", text.data, text.size, error));
    OC_TRY(oc_folder_companions(checkpoint, folder, error));
    OC_TRY(write_weights(checkpoint, dtype, folder, progress, user, error));
done:
    oc_buffer_free(&text);
    free(config);
    return status;
}
