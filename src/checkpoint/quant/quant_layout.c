/* quant_layout.c - see quant_layout.h. */
#include "checkpoint/quant/quant_layout.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "checkpoint/quant/glob.h"
#include "num/convert.h"

enum { PATH_MAX_BYTES = OC_LIMIT_TENSOR_NAME + 32 };

/* Tensors that only layouts have which are not read, by the last part of their names. */
static const struct {
    const char *leaf, *layout;
} refused[] = {
    {"weight_scale_inv", "fine-grained FP8 (quant_method fp8)"},
    {"activation_scale", "static FP8 of transformers (quant_method fp8)"},
    {"weight_scale_2", "NVFP4"},
    {"weight_packed", "a packed layout of compressed-tensors"},
    {"weight_zero_point", "an asymmetric layout"},
    {"input_zero_point", "an asymmetric layout"},
    {"pre_quant_scale", "AWQ or SmoothQuant"},
    {"input_scale_ub", "fbgemm_fp8"},
    {"_weight_qdata", "torchao's Float8Tensor"},
    {"_weight_scale", "torchao's Float8Tensor"},
    {"scale_weight", "ComfyUI's scaled FP8"},
    {"scale_input", "ComfyUI's scaled FP8"},
    {"scaled_fp8", "ComfyUI's scaled FP8"},
    {"comfy_quant", "ComfyUI's mixed precision"},
    {"_amax", "Model Optimizer's own state, not its export"},
    {"q_scale", "attention with a quantized query"},
    {"prob_scale", "attention with quantized probabilities"},
    {"output_scale", "quantized outputs"},
};

static const struct {
    const char *key, *layout;
} refused_metadata[] = {{"tensor_names", "torchao's Float8Tensor"},
                        {"_quantization_metadata", "ComfyUI's mixed precision"}};

/* Fails at a tensor: its file and its byte go into the error. */
#define FAIL_AT(tensor, error, code, ...)                                                          \
    do {                                                                                           \
        oc_error_path((error), (tensor)->file->path);                                              \
        OC_FAIL((error), (code), (tensor)->offset, __VA_ARGS__);                                   \
    } while (0)

/* The last part of a name; the module's path is all before the dot in front of it. */
static const char *leaf_of(const char *name) {
    const char *dot = strrchr(name, '.');
    return dot ? dot + 1 : name;
}

static const oc_ckpt_tensor *sibling(const oc_checkpoint *checkpoint, const oc_ckpt_tensor *of,
                                     const char *leaf) {
    char name[PATH_MAX_BYTES];
    snprintf(name, sizeof name, "%.*s%s", (int)(leaf_of(of->name) - of->name), of->name, leaf);
    return oc_checkpoint_find(checkpoint, name);
}

static bool is_one_element(const oc_ckpt_tensor *tensor) {
    return tensor->rank == 0 || (tensor->rank == 1 && tensor->shape[0] == 1);
}

/* The format of an FP8 weight: a scale of one element, of [out] or [out,1], or of a grid over
 * [out,in], whose blocks only the config tells; E8M0 as MX has it, one for 32 inputs. */
static oc_format format_of(const oc_ckpt_tensor *weight, const oc_ckpt_tensor *scale) {
    oc_format format = {.dtype = weight->dtype, .scale_dtype = scale->dtype};
    bool is_column = scale->rank == 1 || (scale->rank == 2 && scale->shape[1] == 1);
    if (scale->dtype == OCTAVO_U8 || scale->dtype == OCTAVO_F8_E8M0) {
        format.scaling = OC_SCALING_BLOCK;
        format.scale_dtype = OCTAVO_F8_E8M0;
        format.block_rows = 1;
        format.block_columns = 32;
    } else if (is_one_element(scale)) {
        format.scaling = OC_SCALING_TENSOR;
    } else if (is_column && scale->shape[0] == weight->shape[0]) {
        format.scaling = OC_SCALING_ROW;
    } else {
        format.scaling = OC_SCALING_BLOCK;
    }
    return format;
}

static const char *scaling_text(const oc_format *format) {
    return format->scaling == OC_SCALING_TENSOR    ? "one scale"
           : format->scaling == OC_SCALING_ROW     ? "a scale for each output channel"
           : format->scale_dtype == OCTAVO_F8_E8M0 ? "a scale for each 32 inputs (MX)"
                                                   : "a scale for each block";
}

octavo_status oc_scale_value(const oc_ckpt_tensor *scale, float *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    unsigned char bytes[sizeof(float)];
    float value;
    OC_TRY(oc_checkpoint_read_bytes(scale, 0, scale->bytes, bytes, error));
    oc_convert_to_f32(scale->dtype, bytes, &value, 1);
    if (!isfinite(value) || value < FLT_MIN) {
        FAIL_AT(scale, error, OCTAVO_CORRUPT,
                "scale %s is %g; a scale must be finite, positive and not denormal (byte %" PRIu64
                ")%s",
                scale->name, (double)value, scale->offset,
                value == 0 ? ": all that it scales was zero; export the model again with that "
                             "module excluded, or quantize the 16-bit model with `octavo quantize`"
                           : "");
    }
    *out = value;
done:
    return status;
}

static octavo_status check_scale(const oc_ckpt_tensor *scale, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    char shape[OC_SHAPE_TEXT];
    float value;
    if (!oc_dtype_is_float(scale->dtype) || !is_one_element(scale)) {
        FAIL_AT(scale, error, OCTAVO_UNSUPPORTED,
                "scale %s is %s %s; only F32, F16 and BF16 scales of one element are read yet",
                scale->name, scale->dtype_name, oc_shape_text(scale->shape, scale->rank, shape));
    }
    OC_TRY(oc_scale_value(scale, &value, error));
done:
    return status;
}

static octavo_status check_weight(const oc_checkpoint *checkpoint, const oc_quant_config *config,
                                  const oc_ckpt_tensor *weight, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_ckpt_tensor *scale = sibling(checkpoint, weight, "weight_scale");
    const oc_ckpt_tensor *input = sibling(checkpoint, weight, "input_scale");
    if (weight->dtype != OCTAVO_F8_E4M3 || weight->rank != 2) {
        char shape[OC_SHAPE_TEXT];
        FAIL_AT(weight, error, OCTAVO_UNSUPPORTED,
                "tensor %s is %s %s; FP8 is read as F8_E4M3 matrices only", weight->name,
                weight->dtype_name, oc_shape_text(weight->shape, weight->rank, shape));
    }
    if (!config->algorithm) {
        FAIL_AT(weight, error, OCTAVO_UNSUPPORTED,
                "weight %s is FP8, but neither config.json nor hf_quant_config.json says how it "
                "was quantized",
                weight->name);
    }
    if (!scale) {
        FAIL_AT(weight, error, OCTAVO_CORRUPT, "weight %s is FP8, but has no weight_scale",
                weight->name);
    }
    oc_format format = format_of(weight, scale);
    if (format.scaling != OC_SCALING_TENSOR) {
        char shape[OC_SHAPE_TEXT];
        FAIL_AT(scale, error, OCTAVO_UNSUPPORTED,
                "%s is %s %s, %s; only one scale for the whole weight is read yet", scale->name,
                scale->dtype_name, oc_shape_text(scale->shape, scale->rank, shape),
                scaling_text(&format));
    }
    OC_TRY(check_scale(scale, error));
    if (input) {
        OC_TRY(check_scale(input, error));
    }
done:
    return status;
}

/* weight_scale and input_scale belong to an FP8 weight. */
static octavo_status check_owner(const oc_checkpoint *checkpoint, const oc_ckpt_tensor *scale,
                                 octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_ckpt_tensor *weight = sibling(checkpoint, scale, "weight");
    if (!weight) {
        FAIL_AT(scale, error, OCTAVO_CORRUPT, "%s is there, but its weight is missing",
                scale->name);
    }
    if (!oc_dtype_is_fp8(weight->dtype) && weight->rank == 1) {
        FAIL_AT(scale, error, OCTAVO_UNSUPPORTED,
                "%s: layer norms with quantized inputs are not read here", scale->name);
    }
    if (!oc_dtype_is_fp8(weight->dtype)) {
        FAIL_AT(scale, error, OCTAVO_UNSUPPORTED,
                "%s belongs to a weight of dtype %s; scales are read with FP8 weights only",
                scale->name, weight->dtype_name);
    }
done:
    return status;
}

/* Whether a quantizer of a kind that is not known may have left this: by its name, and by a weight
 * beside it.  Without one it is nobody's here, such as a second logit_scale. */
static bool is_unknown_scale(const oc_checkpoint *checkpoint, const oc_ckpt_tensor *tensor) {
    oc_slice leaf = oc_slice_of(leaf_of(tensor->name));
    return (oc_slice_ends(leaf, "_scale") || oc_slice_ends(leaf, "_zero_point")) &&
           sibling(checkpoint, tensor, "weight");
}

/* One tensor's part in the layout; *fp8_count and *cache_count go up where it is one of those. */
static octavo_status check_tensor(const oc_checkpoint *checkpoint, const oc_quant_config *config,
                                  const oc_ckpt_tensor *tensor, int32_t *fp8_count,
                                  int32_t *cache_count, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const char *leaf = leaf_of(tensor->name);
    for (size_t i = 0; i < OC_COUNT(refused); i++) {
        if (strcmp(leaf, refused[i].leaf) == 0) {
            FAIL_AT(tensor, error, OCTAVO_UNSUPPORTED,
                    "tensor %s belongs to a layout that is not read here: %s", tensor->name,
                    refused[i].layout);
        }
    }
    if (strcmp(leaf, "weight_scale") == 0 || strcmp(leaf, "input_scale") == 0) {
        OC_TRY(check_owner(checkpoint, tensor, error));
    } else if (strcmp(leaf, "k_scale") == 0 || strcmp(leaf, "v_scale") == 0) {
        ++*cache_count;
    } else if (oc_dtype_is_fp8(tensor->dtype) && strcmp(leaf, "weight") == 0) {
        OC_TRY(check_weight(checkpoint, config, tensor, error));
        ++*fp8_count;
    } else if (oc_dtype_is_fp8(tensor->dtype) || tensor->dtype == OCTAVO_F8_E8M0 ||
               is_unknown_scale(checkpoint, tensor)) {
        FAIL_AT(tensor, error, OCTAVO_UNSUPPORTED,
                "tensor %s (%s) belongs to a layout that is not known here", tensor->name,
                tensor->dtype_name);
    }
done:
    return status;
}

/* No excluded module is FP8.  Patterns may use the file's own spelling of the names. */
static octavo_status check_excluded(const oc_checkpoint *checkpoint, const oc_quant_config *config,
                                    octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    uint64_t work = 0;
    for (int32_t i = 0; i < checkpoint->tensor_count; i++) {
        const oc_ckpt_tensor *tensor = &checkpoint->tensors[i];
        const char *names[] = {tensor->name, tensor->file_name};
        size_t spellings = !oc_dtype_is_fp8(tensor->dtype) ? 0 : names[0] == names[1] ? 1 : 2;
        for (size_t n = 0; n < spellings; n++) {
            char module[PATH_MAX_BYTES];
            const char *leaf = leaf_of(names[n]);
            size_t length = leaf > names[n] ? (size_t)(leaf - names[n]) - 1 : 0;
            snprintf(module, sizeof module, "%.*s", (int)length, names[n]);
            for (int32_t p = 0; p < config->pattern_count; p++) {
                if (strncmp(config->patterns[p], "re:", 3) == 0) {
                    continue; /* what Python makes of it decides; the tensors show the outcome */
                }
                work += strlen(config->patterns[p]) * length;
                if (work > OC_LIMIT_PATTERN_WORK) {
                    oc_error_path(error, checkpoint->folder);
                    OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                            "%d patterns of excluded modules are too many for so many layers",
                            config->pattern_count);
                }
                if (oc_glob_match(config->patterns[p], module)) {
                    FAIL_AT(tensor, error, OCTAVO_CORRUPT,
                            "weight %s is FP8, but \"%s\" excludes its module from quantization",
                            tensor->name, config->patterns[p]);
                }
            }
        }
    }
done:
    return status;
}

static octavo_status check_metadata(const oc_checkpoint *checkpoint, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    for (int32_t i = 0; i < checkpoint->file_count; i++) {
        for (size_t k = 0; k < OC_COUNT(refused_metadata); k++) {
            if (oc_safetensors_metadata(&checkpoint->files[i].header, refused_metadata[k].key)) {
                oc_error_path(error, checkpoint->files[i].path);
                OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                        "metadata \"%s\" belongs to a layout that is not read here: %s",
                        refused_metadata[k].key, refused_metadata[k].layout);
            }
        }
    }
done:
    return status;
}

static octavo_status load_config(oc_checkpoint *checkpoint, const char *name,
                                 octavo_status (*read)(const char *, size_t, oc_quant_config *,
                                                       oc_notices *, octavo_error *),
                                 oc_quant_config *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    char *bytes = NULL, *path = oc_path_join(checkpoint->folder, name);
    size_t size;
    if (!path) {
        OC_NO_MEMORY(error, strlen(checkpoint->folder));
    }
    if (oc_is_there(path)) {
        OC_TRY(oc_file_load(path, OC_LIMIT_CONFIG_BYTES, &bytes, &size, error));
        OC_TRY(read(bytes, size, out, &checkpoint->notices, error));
    }
done:
    if (status) {
        oc_error_path(error, path);
    }
    free(bytes);
    free(path);
    return status;
}

octavo_status oc_quant_check(oc_checkpoint *checkpoint, oc_quant_facts *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_quant_config config = {0};
    int32_t found = 0, cache_count = 0;
    *out = (oc_quant_facts){0};
    OC_TRY(load_config(checkpoint, "config.json", oc_quant_config_read, &config, error));
    OC_TRY(
        load_config(checkpoint, "hf_quant_config.json", oc_quant_config_read_hf, &config, error));
    OC_TRY(check_metadata(checkpoint, error));
    for (int32_t i = 0; i < checkpoint->tensor_count; i++) {
        OC_TRY(check_tensor(checkpoint, &config, &checkpoint->tensors[i], &found, &cache_count,
                            error));
    }
    OC_TRY(check_excluded(checkpoint, &config, error));
    if (config.algorithm && found == 0) {
        oc_notice(
            &checkpoint->notices,
            "quantization is said to be %s, but the file holds no FP8 weight: it is read as it "
            "stands",
            config.algorithm);
    }
    if (cache_count) {
        oc_notice(
            &checkpoint->notices,
            "k_scale and v_scale tensors (%d) are left out: an encoder has no key-value cache",
            cache_count);
    }
    out->fp8_count = found;
    memcpy(out->producer, config.producer, found ? sizeof out->producer : 0);
done:
    oc_quant_config_free(&config);
    return status;
}

octavo_status oc_linear_find(const oc_checkpoint *checkpoint, const char *path, int64_t out_width,
                             int64_t in_width, oc_linear_layout *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    char name[PATH_MAX_BYTES];
    int64_t shape[] = {out_width, in_width};
    *out = (oc_linear_layout){0};
    snprintf(name, sizeof name, "%s.weight", path);
    OC_TRY(oc_checkpoint_require(checkpoint, name, shape, 2, &out->weight, error));
    if (out->weight->dtype == OCTAVO_F8_E4M3) {
        out->weight_scale = sibling(checkpoint, out->weight, "weight_scale");
        out->input_scale = sibling(checkpoint, out->weight, "input_scale");
        OC_ASSERT(out->weight_scale);
        out->weight_format = format_of(out->weight, out->weight_scale);
        if (out->input_scale) {
            out->input_format = (oc_format){.dtype = OCTAVO_F8_E4M3,
                                            .scaling = OC_SCALING_TENSOR,
                                            .scale_dtype = out->input_scale->dtype};
        }
    } else if (oc_dtype_is_float(out->weight->dtype)) {
        out->weight_format = (oc_format){.dtype = out->weight->dtype};
        out->input_format = (oc_format){.dtype = OCTAVO_F16};
    } else {
        FAIL_AT(out->weight, error, OCTAVO_UNSUPPORTED,
                "weight %s has dtype %s; F32, F16, BF16 and F8_E4M3 are read here", name,
                out->weight->dtype_name);
    }
done:
    if (status) {
        *out = (oc_linear_layout){0};
    }
    return status;
}
