/* refuse.c - see refuse.h. */
#include "checkpoint/files/refuse.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/sys/io.h"
#include "checkpoint/quant/glob.h"

#define ACCEPTED                                                                                   \
    "a checkpoint is a Hugging Face folder with safetensors weights, a .safetensors file with "    \
    "its config.json beside it, or org/name in the local hub cache"

#define PICKLE "a Python pickle, which can run code and is never read: "
#define SAVE   PICKLE "load it where you trust it and save it as safetensors"

/* What files are, by their names; the most telling first. */
static const struct {
    const char *glob, *what;
} strangers[] = {
    {"open_clip*", "an open_clip checkpoint's, whose tensors have other names and shapes: take the "
                   "model's transformers version, a folder with config.json and " OC_CKPT_SINGLE},
    {"adapter_*", "an adapter's, which changes a model and is none: merge it into its base model "
                  "(PEFT: merge_and_unload) and save the whole"},
    {"*-0*-of-0*.safetensors", "a part of a model in several files, of which only " OC_CKPT_INDEX
                               " says what they hold: it has to lie beside them"},
    {OC_CKPT_STATE, PICKLE "export the model with Model Optimizer's export_hf_checkpoint instead"},
    {"*.bin", SAVE},
    {"*.pt", SAVE},
    {"*.pth", SAVE},
    {"*.ckpt", SAVE},
    {"*.pkl", SAVE},
    {"*.onnx", "an ONNX file, a kind that is not read yet; " ACCEPTED},
    {"tf_model.h5", "for TensorFlow: load the model with transformers and save it with PyTorch"},
    {"flax_model.msgpack", "for Flax: load the model with transformers and save it with PyTorch"},
    {"modules.json", "sentence-transformers' list of parts: name the part that is the CLIP, such "
                     "as its folder 0_CLIPModel"},
};

/* Index in strangers of what a file of this name is; their number: none of them. */
static size_t find(const char *name) {
    size_t i = 0;
    while (i < OC_COUNT(strangers) && !oc_glob_match(strangers[i].glob, name)) {
        i++;
    }
    return i;
}

bool oc_is_stranger(const char *name) {
    return find(name) < OC_COUNT(strangers) || !oc_glob_match("*.safetensors", name);
}

octavo_status oc_refuse_file(const char *path, octavo_error *error) {
    octavo_status status;
    const char *name = oc_path_name(path);
    size_t i = find(name);
    OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET, "%s is %s", name,
            i < OC_COUNT(strangers) ? strangers[i].what : "not a .safetensors file; " ACCEPTED);
done:
    return status;
}

octavo_status oc_refuse_folder(const char *folder, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    static const char *const below[] = {"", "onnx", "snapshots"}; /* exporters', the hub's */
    size_t best = OC_COUNT(strangers);
    const char *weights = NULL, *stranger = NULL;
    bool has_config = false, is_cache = false;
    oc_listing files[OC_COUNT(below)] = {0};
    for (size_t f = 0; f < OC_COUNT(below); f++) {
        char *path = oc_path_join(folder, below[f]);
        bool is_folder = path != NULL && oc_is_folder(path);
        status = path == NULL ? OCTAVO_EXHAUSTED : OCTAVO_OK;
        if (is_folder) {
            status = oc_folder_list(path, 0, OC_LIMIT_FOLDER_FILES, &files[f], error);
        }
        free(path);
        OC_TRY(status);
        is_cache = is_folder && f == 2;
        for (uint32_t i = 0; i < files[f].count; i++) {
            const char *name = files[f].paths[i];
            size_t kind = find(name);
            has_config = has_config || (f == 0 && strcmp(name, "config.json") == 0);
            if (kind < best) {
                best = kind;
                stranger = name;
            } else if (f == 0 && !oc_is_stranger(name)) {
                weights = weights == NULL ? name : weights;
            }
        }
    }
    if (weights != NULL && (has_config || stranger == NULL)) {
        OC_FAIL(error, OCTAVO_NOT_FOUND, OCTAVO_NO_OFFSET,
                "%s has neither " OC_CKPT_SINGLE " nor " OC_CKPT_INDEX
                "; to read its %s, name that file",
                folder, weights);
    }
    if (stranger != NULL) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                "%s has no " OC_CKPT_SINGLE ", and its %s is %s", folder, stranger,
                strangers[best].what);
    }
    OC_FAIL(error, OCTAVO_NOT_FOUND, OCTAVO_NO_OFFSET, "%s %s; " ACCEPTED, folder,
            is_cache ? "is the hub cache's, whose snapshots folder has the model's versions"
                     : "holds no weights");
done:
    for (size_t f = 0; f < OC_COUNT(below); f++) {
        oc_listing_free(&files[f]);
    }
    return status;
}
