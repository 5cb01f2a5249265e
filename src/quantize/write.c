/* write.c - see write.h. */
#include "quantize/write.h"

#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "base/sys/io.h"
#include "checkpoint/files/safetensors_write.h"
#include "quantize/folder.h"

enum { PIECE = 1 << 14 }; /* codes or bytes that are written at a time */

typedef enum source_kind { COPY, CODES, WEIGHT_SCALE, INPUT_SCALE } source_kind;

/* Where the bytes of one tensor of the new file come from. */
typedef struct tensor_source {
    source_kind kind;
    const oc_ckpt_tensor *tensor; /* COPY */
    const oc_fp8_module *module;  /* the others */
} tensor_source;

typedef struct tensor_list {
    octavo_argument *items;
    tensor_source *sources;
    int32_t count;
    oc_arena names;
} tensor_list;

/* -- which tensors ------------------------------------------------------------------------------
 */

static int by_weight(const void *a, const void *b) {
    uintptr_t x = (uintptr_t)((const oc_fp8_module *const *)a)[0]->weight;
    uintptr_t y = (uintptr_t)((const oc_fp8_module *const *)b)[0]->weight;
    return (x > y) - (x < y);
}

static octavo_tensor shape_of(const oc_ckpt_tensor *tensor) {
    octavo_tensor shape = {.dtype = tensor->dtype, .rank = tensor->rank};
    memcpy(shape.shape, tensor->shape, (size_t)tensor->rank * sizeof *shape.shape);
    return shape;
}

static void add(tensor_list *list, const char *name, octavo_tensor tensor, tensor_source source) {
    list->items[list->count] = (octavo_argument){.name = name, .tensor = tensor};
    list->sources[list->count++] = source;
}

static octavo_status add_scale(tensor_list *list, const oc_fp8_module *module, source_kind kind,
                               int32_t rank, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const char *leaf = kind == WEIGHT_SCALE ? ".weight_scale" : ".input_scale";
    size_t length = strlen(module->name);
    char *name = oc_arena_alloc(&list->names, length + strlen(leaf) + 1);
    if (name == NULL) {
        OC_NO_MEMORY(error, length);
    }
    memcpy(name, module->name, length);
    memcpy(name + length, leaf, strlen(leaf));
    add(list, name, (octavo_tensor){.dtype = OCTAVO_F32, .rank = rank, .shape = {1}, .data = NULL},
        (tensor_source){kind, NULL, module});
done:
    return status;
}

/* A tensor that stays as it is.  Scales of modules that are FP8 already take the layout's shape. */
static void add_copy(tensor_list *list, const oc_fp8_output *output, const oc_ckpt_tensor *tensor) {
    oc_slice name = oc_slice_of(tensor->name);
    if (tensor->dtype == 0 || tensor->rank > OCTAVO_MAX_RANK) {
        oc_notice(&output->checkpoint->notices,
                  "tensor %s (%s, %d dimensions) is left out: no model here has such a one",
                  tensor->name, tensor->dtype_name, tensor->rank);
        return;
    }
    octavo_tensor shape = shape_of(tensor);
    if (oc_slice_ends(name, ".weight_scale") || oc_slice_ends(name, ".input_scale")) {
        shape.rank = oc_fp8_scale_rank(output->layout);
        shape.shape[0] = 1;
    }
    add(list, tensor->name, shape, (tensor_source){COPY, tensor, NULL});
}

static octavo_status list_tensors(const oc_fp8_output *output, tensor_list *list,
                                  octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_checkpoint *checkpoint = output->checkpoint;
    int32_t rank = oc_fp8_scale_rank(output->layout);
    size_t most = (size_t)checkpoint->tensor_count + 2 * (size_t)output->module_count + 1;
    size_t modules = (size_t)output->module_count;
    const oc_fp8_module **sorted = calloc(modules + 1, sizeof *sorted);
    list->items = calloc(most, sizeof *list->items);
    list->sources = calloc(most, sizeof *list->sources);
    if (sorted == NULL || list->items == NULL || list->sources == NULL) {
        OC_NO_MEMORY(error, most * (sizeof *list->items + sizeof *list->sources));
    }
    for (size_t i = 0; i < modules; i++) {
        sorted[i] = &output->modules[i];
    }
    qsort(sorted, modules, sizeof *sorted, by_weight);
    for (int32_t i = 0; i < checkpoint->tensor_count; i++) {
        const oc_ckpt_tensor *tensor = &checkpoint->tensors[i];
        const oc_fp8_module key = {.weight = tensor}, *wanted = &key;
        const oc_fp8_module **found = bsearch(&wanted, sorted, modules, sizeof *sorted, by_weight);
        if (found == NULL) {
            add_copy(list, output, tensor);
            continue;
        }
        octavo_tensor codes = shape_of(tensor);
        codes.dtype = OCTAVO_F8_E4M3;
        add(list, tensor->name, codes, (tensor_source){CODES, NULL, *found});
        OC_TRY(add_scale(list, *found, WEIGHT_SCALE, rank, error));
        OC_TRY(add_scale(list, *found, INPUT_SCALE, rank, error));
    }
done:
    free(sorted);
    return status;
}

/* -- their bytes --------------------------------------------------------------------------------
 */

static octavo_status write_codes(oc_st_writer *writer, const oc_fp8_module *module,
                                 octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    float raw[PIECE]; /* room for every dtype */
    uint8_t codes[PIECE];
    const oc_ckpt_tensor *weight = module->weight;
    uint64_t count = weight->bytes / oc_st_dtype_bytes(weight->dtype);
    for (uint64_t at = 0; at < count; at += PIECE) {
        size_t piece = count - at < PIECE ? (size_t)(count - at) : PIECE;
        OC_TRY(oc_checkpoint_read(weight, at, piece, raw, error));
        oc_fp8_codes(weight->dtype, raw, piece, module->weight_scale, codes);
        OC_TRY(oc_st_writer_append(writer, codes, piece, error));
    }
done:
    return status;
}

static octavo_status write_tensor(oc_st_writer *writer, const tensor_source *source,
                                  octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    if (source->kind == CODES) {
        OC_TRY(write_codes(writer, source->module, error));
    } else if (source->kind == COPY) {
        OC_TRY(oc_folder_copy(writer, source->tensor, error));
    } else {
        float scale = source->kind == WEIGHT_SCALE ? source->module->weight_scale
                                                   : source->module->input_scale;
        OC_TRY(oc_st_writer_append(writer, &scale, sizeof scale, error));
    }
done:
    return status;
}

static octavo_status write_weights(const oc_fp8_output *output, const char *folder,
                                   octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    static const oc_st_text metadata = {"format", "pt"}; /* transformers asks for it */
    oc_st_writer writer = OC_ST_WRITER_CLOSED;
    tensor_list list = {0};
    uint64_t done_tensors = 0;
    char *path = oc_path_join(folder, "model.safetensors");
    if (path == NULL) {
        OC_NO_MEMORY(error, strlen(folder));
    }
    OC_TRY(list_tensors(output, &list, error));
    OC_TRY(oc_st_writer_open(path, list.items, list.count, &metadata, 1, &writer, error));
    for (int32_t i; (i = oc_st_writer_next(&writer)) >= 0;) {
        OC_TRY(write_tensor(&writer, &list.sources[i], error));
        OC_TRY(oc_progress(output->progress, output->progress_user, "writing weights",
                           ++done_tensors, (uint64_t)list.count, error));
    }
    OC_TRY(oc_st_writer_commit(&writer, error));
done:
    oc_st_writer_abort(&writer);
    oc_arena_free(&list.names);
    free(list.items);
    free(list.sources);
    free(path);
    return status;
}

/* -- other files --------------------------------------------------------------------------------
 */

static octavo_status write_configs(const oc_fp8_output *output, const char *folder,
                                   octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_buffer text;
    char *config = NULL;
    size_t size = 0;
    oc_buffer_init(&text);
    OC_TRY(oc_checkpoint_load(output->checkpoint, "config.json", OC_LIMIT_CONFIG_BYTES, &config,
                              &size, error));
    OC_TRY(
        oc_fp8_config(output->layout, (oc_slice){config, size}, &output->excluded, &text, error));
    OC_TRY(oc_folder_save(folder, "config.json", text.data, text.size, error));
    oc_buffer_free(&text);
    OC_TRY(oc_fp8_hf_config(output->layout, &output->excluded, &text, error));
    if (text.size != 0) {
        OC_TRY(oc_folder_save(folder, "hf_quant_config.json", text.data, text.size, error));
    }
done:
    oc_buffer_free(&text);
    free(config);
    return status;
}

octavo_status oc_fp8_write(const oc_fp8_output *output, const char *folder, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    OC_TRY(write_configs(output, folder, error));
    OC_TRY(oc_folder_companions(output->checkpoint, folder, error));
    OC_TRY(oc_folder_save(folder, output->record_name, output->record.data, output->record.length,
                          error));
    OC_TRY(write_weights(output, folder, error));
done:
    return status;
}
