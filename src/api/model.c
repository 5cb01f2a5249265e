/* model.c - octavo.h's models over src/runtime's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/backends.h"
#include "api/objects.h"
#include "api/option_struct.h"
#include "api/require.h"
#include "backends/cpu/cpu.h"
#include "backends/cuda/cuda.h"
#include "base/limits.h"

/* What the options say, but for the engine.  *or_cpu: a card is there and was not asked for by
 * name; where it fails, the CPU does it, on *cpu_tier. */
static octavo_status read_options(const octavo_model_options *options, oc_model_options *out,
                                  bool *or_cpu, const char **cpu_tier, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    octavo_model_options given = {.struct_size = sizeof given};
    OC_TRY(oc_options_copy(&given, sizeof given, options,
                           OC_OPTIONS_LEAST(octavo_model_options, progress_user),
                           "octavo_model_options", error));
    if ((given.flags & ~OCTAVO_KEEP_HIDDEN) != 0 || given.reserved != 0) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "flags is %d, only %d (OCTAVO_KEEP_HIDDEN) is known; reserved is %d, it must be 0",
                given.flags, OCTAVO_KEEP_HIDDEN, given.reserved);
    }
    if (given.threads < 0 || given.threads > OC_LIMIT_THREADS) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "%d threads are asked for, it can be 1 to %d (0: one for each usable core)",
                given.threads, OC_LIMIT_THREADS);
    }
    *out = (oc_model_options){.tier = given.tier,
                              .threads = given.threads,
                              .towers = given.towers,
                              .keep_hidden = (given.flags & OCTAVO_KEEP_HIDDEN) != 0,
                              .progress = given.progress,
                              .progress_user = given.progress_user};
    OC_TRY(oc_savings_parse(given.disable, &out->savings, error));
    OC_TRY(oc_backend_by_name(given.device, &out->backend, error));
    if (out->backend == &oc_backend_cuda) { /* tiers are the CPU's; a card is named by its number */
        out->tier = oc_backend_card(given.device);
        *or_cpu = given.device == NULL || strcmp(given.device, "auto") == 0;
        *cpu_tier = given.tier;
    }
done:
    return status;
}

octavo_status octavo_model_load(octavo_engine *engine, const octavo_model_options *options,
                                octavo_model **out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_model_options inner;
    octavo_model *model = NULL;
    bool or_cpu = false;
    const char *cpu_tier = NULL;
    octavo_error card;
    oc_error_clear(error);
    OC_REQUIRE(error, out);
    *out = NULL;
    OC_REQUIRE(error, engine);
    model = calloc(1, sizeof *model);
    if (model == NULL) {
        OC_NO_MEMORY(error, sizeof *model);
    }
    atomic_init(&model->holders, 1);
    OC_TRY(read_options(options, &inner, &or_cpu, &cpu_tier, error));
    inner.canaries = engine->canaries;
    inner.canary_count = engine->canary_count;
    inner.tuned = &engine->tuned;
    oc_weight_source source = oc_engine_source(engine);
    oc_error_clear(&card);
    status = oc_model_load(&engine->graph, &source, &inner, &model->model, or_cpu ? &card : error);
    if (or_cpu && (status == OCTAVO_UNAVAILABLE || status == OCTAVO_EXHAUSTED)) {
        inner.backend = &oc_backend_cpu;
        inner.tier = cpu_tier;
        status = oc_model_load(&engine->graph, &source, &inner, &model->model, error);
    } else if (or_cpu && status != OCTAVO_OK && error != NULL) {
        *error = card;
    }
    OC_TRY(status);
    oc_engine_hold(engine);
    model->engine = engine;
    const oc_device *device = oc_model_device(model->model);
    device->backend->describe(device, model->about, sizeof model->about);
    if (card.message[0] != '\0' && inner.backend == &oc_backend_cpu) {
        size_t used = strlen(model->about);
        snprintf(model->about + used, sizeof model->about - used, "; no GPU: %s", card.message);
    }
    model->info = (octavo_model_info){.towers = oc_model_towers(model->model),
                                      .flags = inner.keep_hidden ? OCTAVO_KEEP_HIDDEN : 0,
                                      .weight_bytes = oc_model_weight_bytes(model->model),
                                      .canary_share = oc_model_canary_share(model->model),
                                      .device = device->backend->name,
                                      .device_about = model->about};
    *out = model;
    model = NULL;
done:
    octavo_model_free(model);
    if (status != OCTAVO_OK && engine != NULL) {
        oc_error_path(error, oc_engine_file_path(engine->file));
    }
    return status;
}

void oc_model_hold(octavo_model *model) {
    atomic_fetch_add(&model->holders, 1);
}

void octavo_model_free(octavo_model *model) {
    if (model != NULL && atomic_fetch_sub(&model->holders, 1) == 1) {
        oc_model_release(model->model);
        octavo_engine_free(model->engine);
        free(model);
    }
}

const octavo_model_info *octavo_model_describe(const octavo_model *model) {
    return model == NULL ? NULL : &model->info;
}
