/* models.c - whole-model canaries: made with `ref`, and run on a finished engine file. */
#include <stdlib.h>
#include <string.h>

#include "api/backends.h"
#include "api/canary/make.h"
#include "api/objects.h"
#include "backends/ref/ref.h"
#include "num/metrics.h"
#include "num/rng.h"

enum { MODELS = 2, MODEL_TOKENS = 12, SEED = 0x0c7a };

/* A picture of smooth colours and noise, or a text of random ids with its ends. */
static octavo_status make_input(const oc_source *source, const oc_tower *tower, int32_t number,
                                oc_canary_list *list, octavo_tensor *given, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_model_config *config = &source->config;
    oc_rng rng;
    oc_rng_init(&rng, SEED, (uint64_t)(tower->bit * 1000000 + number));
    if (!oc_tower_is_packed(tower)) {
        int32_t size = config->vision.image_size;
        OC_TRY(oc_canary_list_tensor(list, given, OCTAVO_U8, 3, size, size, 3, error));
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
        OC_TRY(oc_canary_list_tensor(list, given, OCTAVO_I32, 1, length, 0, 0, error));
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
    const oc_tower *tower = oc_tower_of_bit(canary->tower);
    octavo_argument input = {.name = tower->entries[0].input, .tensor = canary->given};
    octavo_argument output = {.name = tower->embeds, .tensor = canary->expected};
    for (int32_t i = OCTAVO_MAX_RANK - 1; i > 0; i--) { /* one row */
        input.tensor.shape[i] = input.tensor.shape[i - 1];
        output.tensor.shape[i] = output.tensor.shape[i - 1];
    }
    input.tensor.shape[0] = output.tensor.shape[0] = 1;
    input.tensor.rank++;
    output.tensor.rank++;
    output.tensor.data = embedding;
    return oc_session_run(session, &input, 1, &output, 1, NULL, error);
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

/* Relative rms. */
static double distance(const float *a, const float *b, int64_t count) {
    oc_metrics metrics = {0};
    oc_metrics_add(&metrics, a, b, (size_t)count);
    return oc_metrics_relative_rms(&metrics);
}

octavo_status oc_canary_make_models(oc_source *source, int32_t threads, octavo_progress progress,
                                    void *user, oc_canary_list *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_weight_source bytes = oc_source_weights(source);
    oc_session *exact = NULL, *rounded = NULL;
    float *other = NULL;
    OC_TRY(open_session(source, &bytes, "f32", threads, &exact, error));
    OC_TRY(open_session(source, &bytes, "f16", threads, &rounded, error));
    for (int32_t t = 0; t < OC_TOWERS; t++) {
        const oc_tower *tower = &oc_towers[t];
        const oc_tower_config *config = oc_source_tower(source, tower);
        int32_t width = config == NULL ? 0 : config->projection;
        int32_t first = out->count;
        double worst = 0;
        for (int32_t i = 0; config != NULL && i < MODELS; i++) {
            oc_canary *canary;
            OC_TRY(oc_canary_list_add(out, &canary, error));
            canary->kind = OC_CANARY_MODEL;
            canary->tower = tower->bit;
            canary->input = tower->entries[0].input;
            canary->output = tower->embeds;
            OC_TRY(make_input(source, tower, i, out, &canary->given, error));
            OC_TRY(
                oc_canary_list_tensor(out, &canary->expected, OCTAVO_F32, 1, width, 0, 0, error));
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
                               (uint64_t)(t * MODELS + i + 1), OC_TOWERS * MODELS, error));
        }
        for (int32_t i = first; i < out->count; i++) {
            out->items[i].limits[0] = out->items[i].limits[1] = (float)(3.0 * worst + 1e-4);
        }
    }
done:
    free(other);
    oc_session_free(exact);
    oc_session_free(rounded);
    return status;
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
        if (!(deviation <= (double)canary->limits[0])) {
            status = oc_fail(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET, __FILE__, __LINE__,
                             "the whole-model canary of %s deviates by %.3g, its limit is %.3g",
                             canary->output, deviation, (double)canary->limits[0]);
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
