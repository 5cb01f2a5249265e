/* random_checkpoint.c - seeded random FP8 checkpoints of published CLIP shapes, in Model
 * Optimizer's unified layout, so that speed can be measured without anybody's weights.
 *
 * Shapes: OpenAI's CLIP (github.com/openai/CLIP, model card).  Codes follow a normal distribution
 * whose largest of 256 quantiles is near 448, as an AbsMax-scaled weight's are.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/require.h"
#include "api/tool.h"
#include "base/arena.h"
#include "base/buffer.h"
#include "base/sys/output.h"
#include "checkpoint/files/safetensors_write.h"
#include "num/e4m3.h"
#include "num/f16.h"
#include "num/rng.h"

typedef struct tower_shape {
    const char *module;
    int32_t width, layers, heads;
} tower_shape;

typedef struct preset {
    const char *name;
    int32_t image_size, patch, projection;
    tower_shape vision, text;
} preset;

static const preset presets[] = {
    {"ViT-B-32", 224, 32, 512, {"vision_model", 768, 12, 12}, {"text_model", 512, 12, 8}},
    {"ViT-B-16", 224, 16, 512, {"vision_model", 768, 12, 12}, {"text_model", 512, 12, 8}},
    {"ViT-L-14", 224, 14, 768, {"vision_model", 1024, 24, 16}, {"text_model", 768, 12, 12}},
    {"ViT-L-14-336", 336, 14, 768, {"vision_model", 1024, 24, 16}, {"text_model", 768, 12, 12}},
};

enum { VOCABULARY = 49408, POSITIONS = 77, TENSORS_MAX = 2048, PIECE = 1 << 16 };

typedef struct list {
    octavo_argument items[TENSORS_MAX];
    float value[TENSORS_MAX]; /* of scales and norms; the deviation of others */
    int32_t count;
    oc_arena names;
    bool failed;
} list;

static void add(list *l, octavo_dtype dtype, float value, int32_t rank, int64_t d0, int64_t d1,
                int64_t d2, const char *format, ...) __attribute__((format(printf, 8, 9)));

static void add(list *l, octavo_dtype dtype, float value, int32_t rank, int64_t d0, int64_t d1,
                int64_t d2, const char *format, ...) {
    char name[128];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);
    octavo_argument *item = &l->items[l->count];
    item->name = oc_arena_text(&l->names, name, strlen(name));
    item->tensor =
        (octavo_tensor){.dtype = dtype, .rank = rank, .shape = {d0, d1, d2, d2}, .data = NULL};
    l->value[l->count++] = value;
    l->failed = l->failed || item->name == NULL;
}

static void add_norm(list *l, const char *module, int32_t width) {
    add(l, OCTAVO_F16, 1.0f, 1, width, 0, 0, "%s.weight", module);
    add(l, OCTAVO_F16, 0.0f, 1, width, 0, 0, "%s.bias", module);
}

static void add_linear(list *l, const char *module, int32_t n, int32_t k, float input_amax) {
    float deviation = 1.0f / __builtin_sqrtf((float)k);
    add(l, OCTAVO_F8_E4M3, 0, 2, n, k, 0, "%s.weight", module);
    add(l, OCTAVO_F32, deviation / 128.0f, 0, 0, 0, 0, "%s.weight_scale", module);
    add(l, OCTAVO_F32, input_amax / 448.0f, 0, 0, 0, 0, "%s.input_scale", module);
    add(l, OCTAVO_F16, 0.0f, 1, n, 0, 0, "%s.bias", module);
}

static void add_tower(list *l, const tower_shape *t) {
    static const char *const parts[] = {"q_proj", "k_proj", "v_proj", "out_proj"};
    char module[96];
    for (int32_t i = 0; i < t->layers; i++) {
        for (int32_t n = 1; n <= 2; n++) {
            snprintf(module, sizeof module, "%s.encoder.layers.%d.layer_norm%d", t->module, i, n);
            add_norm(l, module, t->width);
        }
        for (size_t p = 0; p < OC_COUNT(parts); p++) {
            snprintf(module, sizeof module, "%s.encoder.layers.%d.self_attn.%s", t->module, i,
                     parts[p]);
            add_linear(l, module, t->width, t->width, p == 3 ? 4.0f : 6.0f);
        }
        snprintf(module, sizeof module, "%s.encoder.layers.%d.mlp.fc1", t->module, i);
        add_linear(l, module, 4 * t->width, t->width, 6.0f);
        snprintf(module, sizeof module, "%s.encoder.layers.%d.mlp.fc2", t->module, i);
        add_linear(l, module, t->width, 4 * t->width, 6.0f);
    }
}

static void list_tensors(list *l, const preset *p) {
    int64_t across = p->image_size / p->patch;
    float patch_deviation = 1.0f / __builtin_sqrtf((float)(3 * p->patch * p->patch));
    add(l, OCTAVO_F16, patch_deviation, 4, p->vision.width, 3, p->patch,
        "vision_model.embeddings.patch_embedding.weight");
    add(l, OCTAVO_F16, 0.3f, 1, p->vision.width, 0, 0, "vision_model.embeddings.class_embedding");
    add(l, OCTAVO_F16, 0.3f, 2, across * across + 1, p->vision.width, 0,
        "vision_model.embeddings.position_embedding.weight");
    add_norm(l, "vision_model.pre_layrnorm", p->vision.width);
    add_tower(l, &p->vision);
    add_norm(l, "vision_model.post_layernorm", p->vision.width);
    add(l, OCTAVO_F16, 1.0f / __builtin_sqrtf((float)p->vision.width), 2, p->projection,
        p->vision.width, 0, "visual_projection.weight");
    add(l, OCTAVO_F16, 0.5f, 2, VOCABULARY, p->text.width, 0,
        "text_model.embeddings.token_embedding.weight");
    add(l, OCTAVO_F16, 0.3f, 2, POSITIONS, p->text.width, 0,
        "text_model.embeddings.position_embedding.weight");
    add_tower(l, &p->text);
    add_norm(l, "text_model.final_layer_norm", p->text.width);
    add(l, OCTAVO_F16, 1.0f / __builtin_sqrtf((float)p->text.width), 2, p->projection,
        p->text.width, 0, "text_projection.weight");
    add(l, OCTAVO_F32, 4.6052f, 0, 0, 0, 0, "logit_scale");
}

/* The middles of 256 equal shares of the normal distribution, by sorting a large sample. */
static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static octavo_status make_quantiles(double quantiles[256], octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    enum { SAMPLES = 256 * 63 };
    double *samples = malloc(SAMPLES * sizeof *samples);
    oc_rng rng;
    if (samples == NULL) {
        OC_NO_MEMORY(error, SAMPLES * sizeof *samples);
    }
    oc_rng_init(&rng, 1, 0);
    for (int32_t i = 0; i < SAMPLES; i++) {
        samples[i] = oc_rng_normal(&rng);
    }
    qsort(samples, SAMPLES, sizeof *samples, ascending);
    for (int32_t i = 0; i < 256; i++) {
        quantiles[i] = samples[i * 63 + 31];
    }
done:
    free(samples);
    return status;
}

/* Every element is a quantile that one random byte picks. */
static octavo_status write_tensor(oc_st_writer *writer, const octavo_argument *item, float value,
                                  uint64_t stream, const double quantiles[256], uint8_t *piece,
                                  octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    uint16_t table[256];
    oc_rng rng;
    size_t count = 1, bytes = item->tensor.dtype == OCTAVO_F8_E4M3 ? 1 : 2;
    bool constant = item->tensor.rank < 2 && strstr(item->name, "class_") == NULL;
    if (item->tensor.dtype == OCTAVO_F32) {
        return oc_st_writer_append(writer, &value, sizeof value, error);
    }
    for (int32_t i = 0; i < item->tensor.rank; i++) {
        count *= (size_t)item->tensor.shape[i];
    }
    for (int32_t i = 0; i < 256; i++) {
        float x = constant ? value : (float)quantiles[i] * value;
        table[i] = bytes == 2 ? oc_f32_to_f16(x) : oc_f32_to_e4m3((float)(quantiles[i] * 128.0));
    }
    oc_rng_init(&rng, 2, stream);
    for (size_t at = 0; at < count; at += PIECE) {
        size_t here = count - at < PIECE ? count - at : PIECE;
        for (size_t i = 0; i < here; i += 8) {
            uint64_t random = oc_rng_bits(&rng);
            for (size_t j = 0; j < 8; j++) {
                uint16_t code = table[random >> (8 * j) & 255];
                memcpy(piece + (i + j) * bytes, &code, bytes);
            }
        }
        OC_TRY(oc_st_writer_append(writer, piece, here * bytes, error));
    }
done:
    return status;
}

static octavo_status write_weights(const char *folder, const list *l, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_st_writer writer = OC_ST_WRITER_CLOSED;
    double quantiles[256];
    char path[4096];
    uint8_t *piece = malloc(PIECE * 2 + 16);
    if (piece == NULL) {
        OC_NO_MEMORY(error, PIECE * 2);
    }
    OC_TRY(make_quantiles(quantiles, error));
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    OC_TRY(oc_st_writer_open(path, l->items, l->count, NULL, 0, &writer, error));
    for (int32_t i; (i = oc_st_writer_next(&writer)) >= 0;) {
        OC_TRY(
            write_tensor(&writer, &l->items[i], l->value[i], (uint64_t)i, quantiles, piece, error));
    }
    OC_TRY(oc_st_writer_commit(&writer, error));
done:
    oc_st_writer_abort(&writer);
    free(piece);
    return status;
}

static octavo_status write_config(const char *folder, const preset *p, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_buffer text;
    char path[4096];
    oc_buffer_init(&text);
    oc_buffer_printf(
        &text,
        "{\"architectures\": [\"CLIPModel\"], \"model_type\": \"clip\", \"projection_dim\": %d,\n"
        " \"vision_config\": {\"hidden_size\": %d, \"intermediate_size\": %d, "
        "\"num_hidden_layers\": %d,\n"
        "  \"num_attention_heads\": %d, \"image_size\": %d, \"patch_size\": %d, \"hidden_act\": "
        "\"quick_gelu\"},\n",
        p->projection, p->vision.width, 4 * p->vision.width, p->vision.layers, p->vision.heads,
        p->image_size, p->patch);
    oc_buffer_printf(
        &text,
        " \"text_config\": {\"hidden_size\": %d, \"intermediate_size\": %d, \"num_hidden_layers\": "
        "%d,\n"
        "  \"num_attention_heads\": %d, \"vocab_size\": %d, \"max_position_embeddings\": %d,\n"
        "  \"eos_token_id\": 49407, \"bos_token_id\": 49406, \"hidden_act\": \"quick_gelu\"},\n"
        " \"quantization_config\": {\"quant_method\": \"modelopt\", \"quant_algo\": \"FP8\",\n"
        "  \"ignore\": [\"*embeddings*\", \"visual_projection\", \"text_projection\"]}}\n",
        p->text.width, 4 * p->text.width, p->text.layers, p->text.heads, VOCABULARY, POSITIONS);
    OC_TRY(oc_buffer_status(&text, error));
    snprintf(path, sizeof path, "%s/config.json", folder);
    OC_TRY(oc_file_save(path, text.data, text.size, error));
done:
    oc_buffer_free(&text);
    return status;
}

octavo_status octavo_tool_preset(const char *name, const char *folder, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const preset *p = NULL;
    list *l = NULL;
    oc_output_folder output = {0};
    oc_error_clear(error);
    OC_REQUIRE(error, name);
    OC_REQUIRE(error, folder);
    for (size_t i = 0; i < OC_COUNT(presets); i++) {
        p = strcmp(presets[i].name, name) == 0 ? &presets[i] : p;
    }
    if (p == NULL) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "there is no preset called '%s'; there are ViT-B-32, ViT-B-16, ViT-L-14 and "
                "ViT-L-14-336",
                name);
    }
    l = calloc(1, sizeof *l);
    if (l == NULL) {
        OC_NO_MEMORY(error, sizeof *l);
    }
    list_tensors(l, p);
    if (l->failed) {
        OC_NO_MEMORY(error, sizeof *l);
    }
    OC_TRY(oc_output_folder_open(folder, &output, error));
    OC_TRY(write_config(output.temporary, p, error));
    OC_TRY(write_weights(output.temporary, l, error));
    OC_TRY(oc_output_folder_commit(&output, error));
done:
    oc_output_folder_abort(&output);
    if (l != NULL) {
        oc_arena_free(&l->names);
    }
    free(l);
    return status;
}
