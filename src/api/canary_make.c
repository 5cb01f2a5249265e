/* canary_make.c - see canary_make.h. */
#include "api/canary_make.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/backends.h"
#include "api/objects.h"
#include "backends/ref/ref.h"
#include "base/sys/threads.h"
#include "num/metrics.h"
#include "num/rng.h"
#include "runtime/layers.h"

enum { LAYER_ROWS = 4, MODELS = 2, MODEL_TOKENS = 12, SEED = 0x0c7a };

/* Largest relative rms of a layer.  Two right devices differ by 2.3e-2 where four quantizers are
 * chained and codes flip, and by 4.3e-3 without quantizers, both with 16-bit storage (tiny-clip,
 * `ref` of each tier); a wrong kernel is off by the size of what it computes. */
static const float layer_limit_fp8 = 4e-2f, layer_limit_float = 1e-2f;

static octavo_status reserve(oc_canary_list *list, oc_canary **out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    if (list->count == list->capacity) {
        int32_t capacity = list->capacity == 0 ? 64 : list->capacity * 2;
        oc_canary *items = realloc(list->items, (size_t)capacity * sizeof *items);
        if (items == NULL) {
            OC_NO_MEMORY(error, (size_t)capacity * sizeof *items);
        }
        list->items = items;
        list->capacity = capacity;
    }
    *out = &list->items[list->count++];
    memset(*out, 0, sizeof **out);
done:
    return status;
}

static octavo_status new_tensor(oc_canary_list *list, octavo_tensor *tensor, octavo_dtype dtype,
                                int32_t rank, int64_t d0, int64_t d1, int64_t d2,
                                octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    size_t bytes = (size_t)(d0 * (rank > 1 ? d1 : 1) * (rank > 2 ? d2 : 1)) * oc_dtype_bytes(dtype);
    *tensor = (octavo_tensor){.dtype = dtype,
                              .rank = rank,
                              .shape = {d0, rank > 1 ? d1 : 0, rank > 2 ? d2 : 0},
                              .data = NULL};
    tensor->data = oc_arena_alloc(&list->arena, bytes);
    if (tensor->data == NULL) {
        OC_NO_MEMORY(error, bytes);
    }
done:
    return status;
}

/* Whether the layer behind value `input` has quantizers. */
static bool is_quantized(const oc_graph *graph, const char *input, const char *output) {
    oc_value from = oc_graph_find(graph, input), to = oc_graph_find(graph, output);
    for (oc_value v = from; v < to; v++) {
        if (graph->nodes[v].op == OC_OP_QUANTIZE) {
            return true;
        }
    }
    return false;
}

/* Noise of the size that each column has in the layer's own norm: rows that the norm turns into
 * gamma * normal + beta, as real ones are. */
static octavo_status make_layer(oc_source *source, oc_weights *weights, int32_t threads,
                                const char *tower, int32_t which, int32_t layer, int32_t width,
                                oc_canary_list *list, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_canary *canary;
    char name[2][64];
    oc_rng rng;
    for (int32_t i = 0; i < 2; i++) {
        snprintf(name[i], sizeof name[i], "%s.hidden.%d", tower, layer + i);
    }
    OC_TRY(reserve(list, &canary, error));
    canary->kind = OC_CANARY_LAYER;
    canary->tower = which;
    canary->input = oc_arena_text(&list->arena, name[0], strlen(name[0]));
    canary->output = oc_arena_text(&list->arena, name[1], strlen(name[1]));
    canary->limit =
        is_quantized(&source->recipe.graph, name[0], name[1]) ? layer_limit_fp8 : layer_limit_float;
    OC_TRY(new_tensor(list, &canary->given, OCTAVO_F32, 2, LAYER_ROWS, width, 0, error));
    OC_TRY(new_tensor(list, &canary->expected, OCTAVO_F32, 2, LAYER_ROWS, width, 0, error));
    if (canary->input == NULL || canary->output == NULL) {
        OC_NO_MEMORY(error, sizeof name);
    }
    oc_rng_init(&rng, SEED, (uint64_t)(which * 1000 + layer));
    oc_rng_fill_normal(&rng, canary->given.data, (size_t)LAYER_ROWS * (size_t)width, 0.0f, 1.0f);
    OC_TRY(oc_layer_run(&source->recipe.graph, weights, threads, 0, name[0], name[1],
                        canary->given.data, LAYER_ROWS, width, -1, canary->expected.data, error));
done:
    return status;
}

octavo_status oc_canary_make_layers(oc_source *source, int32_t threads, octavo_progress progress,
                                    void *user, oc_canary_list *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_model_config *config = &source->config;
    oc_weight_source bytes = oc_source_weights(source);
    oc_device *device = NULL;
    oc_weights *weights = NULL;
    int32_t done_layers = 0;
    struct {
        const char *name;
        int32_t which, layers, width;
    } towers[] = {{"vision", OCTAVO_IMAGE, config->vision.tower.layers, config->vision.tower.width},
                  {"text", OCTAVO_TEXT, config->text.tower.layers, config->text.tower.width}};
    int32_t total = towers[0].layers + towers[1].layers;
    OC_TRY(oc_backend_ref.open(&(oc_device_options){.threads = threads}, &device, error));
    for (size_t t = 0; t < OC_COUNT(towers); t++) {
        for (int32_t i = 0; i < towers[t].layers; i++) {
            /* a store of its own for each layer: the whole model is never in memory */
            OC_TRY(oc_weights_create(device, &bytes, &weights, error));
            OC_TRY(make_layer(source, weights, threads == 0 ? oc_usable_cores() : threads,
                              towers[t].name, towers[t].which, i, towers[t].width, out, error));
            oc_weights_free(weights);
            weights = NULL;
            done_layers++;
            OC_TRY(oc_progress(progress, user, "computing layer canaries", (uint64_t)done_layers,
                               (uint64_t)total, error));
        }
    }
    out->layer_count = out->count;
done:
    oc_weights_free(weights);
    if (device != NULL) {
        oc_backend_ref.close(device);
    }
    return status;
}

/* -- whole models ------------------------------------------------------------------------------ */

/* A picture of smooth colours and noise, or a text of random ids with its ends. */
static octavo_status make_input(const oc_source *source, int32_t tower, int32_t number,
                                oc_canary_list *list, octavo_tensor *given, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_model_config *config = &source->config;
    oc_rng rng;
    oc_rng_init(&rng, SEED, (uint64_t)(tower * 1000000 + number));
    if (tower == OCTAVO_IMAGE) {
        int32_t size = config->vision.image_size;
        OC_TRY(new_tensor(list, given, OCTAVO_U8, 3, size, size, 3, error));
        uint64_t slope[3] = {oc_rng_below(&rng, 4), oc_rng_below(&rng, 4), oc_rng_below(&rng, 4)};
        for (int64_t i = 0; i < (int64_t)size * size * 3; i++) {
            uint64_t x = (uint64_t)(i / 3 % size), y = (uint64_t)(i / 3 / size),
                     c = (uint64_t)i % 3;
            uint64_t shade = (x * slope[c] + y * (3 - slope[c])) * 64 / (uint64_t)size;
            ((uint8_t *)given->data)[i] = (uint8_t)(shade + oc_rng_below(&rng, 64));
        }
    } else {
        int32_t length =
            config->text.positions < MODEL_TOKENS ? config->text.positions : MODEL_TOKENS;
        int32_t *ids;
        OC_TRY(new_tensor(list, given, OCTAVO_I32, 1, length, 0, 0, error));
        ids = given->data;
        for (int32_t t = 0; t < length; t++) {
            ids[t] = (int32_t)oc_rng_below(&rng, (uint64_t)config->text.vocabulary);
        }
        ids[length - 1] =
            config->text.eos_id == 2 ? config->text.vocabulary - 1 : config->text.eos_id;
    }
done:
    return status;
}

/* The embedding of one canary's input. */
static octavo_status run_model(oc_session *session, const oc_canary *canary, float *embedding,
                               octavo_error *error) {
    bool image = canary->tower == OCTAVO_IMAGE;
    octavo_argument input = {.name = image ? "pixels" : "input_ids", .tensor = canary->given};
    octavo_argument output = {.name = image ? "image_embeds" : "text_embeds",
                              .tensor = canary->expected};
    for (int32_t i = OCTAVO_MAX_RANK - 1; i > 0; i--) { /* one row */
        input.tensor.shape[i] = input.tensor.shape[i - 1];
        output.tensor.shape[i] = output.tensor.shape[i - 1];
    }
    input.tensor.shape[0] = output.tensor.shape[0] = 1;
    input.tensor.rank++;
    output.tensor.rank++;
    output.tensor.data = embedding;
    return oc_session_run(session, &input, 1, &output, 1, 0, error);
}

static octavo_status open_session(oc_source *source, const oc_weight_source *bytes,
                                  const char *tier, int32_t threads, oc_session **out,
                                  octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_model *model = NULL;
    oc_model_options load = {
        .backend = &oc_backend_ref, .tier = tier, .threads = threads, .savings = OC_SAVINGS_ALL};
    oc_session_options options = {.batch_max = 1, .threads = threads};
    OC_TRY(oc_model_load(&source->recipe.graph, bytes, &load, &model, error));
    OC_TRY(oc_session_create(model, &options, out, error));
done:
    oc_model_release(model);
    return status;
}

/* 1 - cosine */
static double distance(const float *a, const float *b, int64_t count) {
    oc_metrics metrics = {0};
    oc_metrics_add(&metrics, a, b, (size_t)count);
    return 1.0 - oc_metrics_cosine(&metrics);
}

octavo_status oc_canary_make_models(oc_source *source, int32_t threads, octavo_progress progress,
                                    void *user, oc_canary_list *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_model_config *config = &source->config;
    oc_weight_source bytes = oc_source_weights(source);
    oc_session *exact = NULL, *rounded = NULL;
    float *other = NULL;
    OC_TRY(open_session(source, &bytes, "f32", threads, &exact, error));
    OC_TRY(open_session(source, &bytes, "f16", threads, &rounded, error));
    for (int32_t tower = OCTAVO_IMAGE; tower <= OCTAVO_TEXT; tower++) {
        int32_t width =
            tower == OCTAVO_IMAGE ? config->vision.tower.projection : config->text.tower.projection;
        int32_t first = out->count;
        double worst = 0;
        for (int32_t i = 0; (config->towers & tower) != 0 && i < MODELS; i++) {
            oc_canary *canary;
            OC_TRY(reserve(out, &canary, error));
            canary->kind = OC_CANARY_MODEL;
            canary->tower = tower;
            canary->input = tower == OCTAVO_IMAGE ? "pixels" : "input_ids";
            canary->output = tower == OCTAVO_IMAGE ? "image_embeds" : "text_embeds";
            OC_TRY(make_input(source, tower, i, out, &canary->given, error));
            OC_TRY(new_tensor(out, &canary->expected, OCTAVO_F32, 1, width, 0, 0, error));
            free(other);
            other = calloc((size_t)width, sizeof *other);
            if (other == NULL) {
                OC_NO_MEMORY(error, (size_t)width * sizeof *other);
            }
            OC_TRY(run_model(exact, canary, canary->expected.data, error));
            OC_TRY(run_model(rounded, canary, other, error));
            double spread = distance(other, canary->expected.data, width);
            worst = spread > worst ? spread : worst;
            OC_TRY(oc_progress(progress, user, "computing whole-model canaries",
                               (uint64_t)(tower - 1) * MODELS + (uint64_t)i + 1, 2 * MODELS,
                               error));
        }
        for (int32_t i = first; i < out->count; i++) {
            out->items[i].limit = (float)(3.0 * worst + 1e-5);
        }
    }
done:
    free(other);
    oc_session_free(exact);
    oc_session_free(rounded);
    return status;
}

void oc_canary_list_free(oc_canary_list *list) {
    free(list->items);
    oc_arena_free(&list->arena);
    *list = (oc_canary_list){0};
}

octavo_status oc_canary_verify_file(const char *path, int32_t threads, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    octavo_engine *engine = NULL;
    octavo_model *model = NULL;
    octavo_session *session = NULL;
    octavo_model_options load = {.struct_size = sizeof load, .threads = threads};
    octavo_session_options options = {
        .struct_size = sizeof options, .batch_max = 1, .threads = threads};
    float *embedding = NULL;
    OC_TRY(octavo_engine_open(path, &engine, error));
    OC_TRY(octavo_model_load(engine, &load, &model, error));
    OC_TRY(octavo_session_create(model, &options, &session, error));
    embedding = calloc((size_t)engine->info.embed_dim, sizeof *embedding);
    if (embedding == NULL) {
        OC_NO_MEMORY(error, (size_t)engine->info.embed_dim * sizeof *embedding);
    }
    for (int32_t i = 0; i < engine->canary_count; i++) {
        const oc_canary *canary = &engine->canaries[i];
        if (canary->kind != OC_CANARY_MODEL) {
            continue;
        }
        if (canary->expected.shape[0] != engine->info.embed_dim) {
            OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET,
                    "a whole-model canary has %lld columns, the engine's embeddings %d",
                    (long long)canary->expected.shape[0], engine->info.embed_dim);
        }
        OC_TRY(run_model(session->session, canary, embedding, error));
        double deviation = distance(embedding, canary->expected.data, engine->info.embed_dim);
        if (!(deviation <= (double)canary->limit)) {
            status =
                oc_fail(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET, __FILE__, __LINE__,
                        "the whole-model canary of %s deviates by %.3g (1 - cosine), its limit "
                        "is %.3g",
                        canary->output, deviation, (double)canary->limit);
            if (error != NULL) {
                error->cause = OCTAVO_CAUSE_CANARY;
            }
            goto done;
        }
    }
done:
    free(embedding);
    octavo_session_free(session);
    octavo_model_free(model);
    octavo_engine_free(engine);
    if (status != OCTAVO_OK) {
        oc_error_path(error, path);
    }
    return status;
}
