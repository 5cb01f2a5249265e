/* model.c - packing a graph's weights for a device, and the programs that sessions run. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/sys/threads.h"
#include "runtime/canary/set.h"
#include "runtime/model_fields.h"
#include "runtime/part.h"

/* Hidden states, or the inputs of every linear module of a tower, and its embeddings. */
enum { PROGRAM_OUTPUTS_MAX = 5 * OC_LIMIT_LAYERS + 4 };

/* -- programs ------------------------------------------------------------------------------ */

static bool is_listed(const char *const *names, int32_t count, const char *name) {
    for (int32_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static bool begins(const char *name, const char *with) {
    return strncmp(name, with, strlen(with)) == 0;
}

/* The outputs of a tower that the graph has, hidden states with keep_hidden, observed values. */
static octavo_status tower_outputs(const oc_model *model, const oc_tower *tower,
                                   const char *const *observed, int32_t observed_count,
                                   const char **names, int32_t *count, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_graph *graph = model->graph;
    *count = 0;
    for (oc_value v = 0; v < graph->node_count; v++) {
        const char *name = graph->nodes[v].name;
        bool wanted = begins(name, tower->embeds) ||
                      (model->keep_hidden && begins(name, tower->hidden)) ||
                      (begins(name, tower->prefix) && is_listed(observed, observed_count, name));
        if (wanted && *count == PROGRAM_OUTPUTS_MAX) {
            OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                    "more than %d outputs of one tower", PROGRAM_OUTPUTS_MAX);
        }
        if (wanted) {
            names[(*count)++] = name;
        }
    }
done:
    return status;
}

bool oc_model_has(const oc_model *model, oc_program_kind kind, int32_t towers) {
    const oc_tower *tower = oc_tower_of_program(kind);
    if (kind == oc_logits.program) {
        int32_t both = oc_towers[oc_logits.rows].bit | oc_towers[oc_logits.columns].bit;
        return (towers & both) == both && oc_graph_find(model->graph, oc_logits.output) >= 0;
    }
    return tower != NULL && (towers & tower->bit) != 0;
}

/* The part of the graph that a program needs, saved as it can be. */
static octavo_status program_graph(const oc_model *model, oc_program_kind kind,
                                   const char *const *observed, int32_t observed_count,
                                   oc_graph *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_tower *tower = oc_tower_of_program(kind);
    const oc_entry *entry = tower == NULL ? NULL : oc_tower_program(tower, kind);
    const char *const embeds[] = {oc_towers[oc_logits.rows].embeds,
                                  oc_towers[oc_logits.columns].embeds};
    const char *outputs[PROGRAM_OUTPUTS_MAX];
    oc_part part = {.savings = model->savings};
    if (entry == NULL) {
        part.inputs = embeds;
        part.input_count = 2;
        part.outputs = &oc_logits.output;
        part.output_count = 1;
    } else {
        OC_TRY(tower_outputs(model, tower, observed, observed_count, outputs, &part.output_count,
                             error));
        part.inputs = &entry->input;
        part.input_count = entry == &tower->entries[0] ? 0 : 1;
        part.outputs = outputs;
    }
    OC_TRY(oc_part_graph(model->graph, &part, out, error));
done:
    return status;
}

octavo_status oc_model_plans(oc_model *model, oc_program_kind kind, const oc_plan_limits *limits,
                             int32_t count, const char *const *observed, int32_t observed_count,
                             oc_plan *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_tower *tower = oc_tower_of_program(kind);
    const oc_entry *entry = tower == NULL ? NULL : oc_tower_program(tower, kind);
    oc_graph *known = observed_count == 0 ? &model->programs[kind] : NULL, graph;
    int32_t made = 0;
    oc_graph_init(&graph);
    pthread_mutex_lock(&model->lock);
    if (known == NULL || known->node_count == 0) {
        OC_TRY(program_graph(model, kind, observed, observed_count, &graph, error));
        if (known != NULL) { /* for the sessions to come */
            *known = graph;
            oc_graph_init(&graph);
        }
    }
    for (; made < count; made++) {
        OC_TRY(oc_plan_create(model->weights, known == NULL ? &graph : known, &limits[made],
                              &out[made], error));
    }
    if (out->takes_pixels != (entry != NULL && entry->form == OC_FORM_BYTES) ||
        out->takes_values != (entry != NULL && entry->form == OC_FORM_VALUES) ||
        out->takes_ids != (entry != NULL && entry->form == OC_FORM_IDS) ||
        out->input_count != (entry == NULL ? 2 : 0)) {
        OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET,
                "the %s outputs of the graph do not depend on what they should",
                oc_program_name(kind));
    }
done:
    while (status != OCTAVO_OK && made > 0) {
        oc_plan_free(&out[--made]);
    }
    pthread_mutex_unlock(&model->lock);
    oc_graph_free(&graph);
    return status;
}

oc_plan_limits oc_model_limits(const oc_model *model, int32_t batch, int32_t tokens) {
    oc_plan_limits limits = {.image_size = model->image_size};
    for (int32_t t = 0; t < OC_TOWERS; t++) {
        const oc_tower *tower = &oc_towers[t];
        limits.rows_max[tower->sequences] = batch;
        limits.rows_max[tower->tokens] =
            oc_tower_is_packed(tower) ? tokens : batch * model->longest[t];
        limits.sequence_max[tower->sequences] = 1;
        limits.sequence_max[tower->tokens] = model->longest[t];
    }
    return limits;
}

oc_texts oc_model_texts(const oc_model *model) {
    oc_texts texts = model->texts;
    texts.cut = (model->savings & OC_SAVING(CUT_TEXT)) != 0;
    texts.dedup = (model->savings & OC_SAVING(DEDUP_TEXT)) != 0;
    return texts;
}

/* -- load and release ------------------------------------------------------------------------ */

/* Lowers every program once, for a single row: what a session will need is packed then. */
static octavo_status pack_all(oc_model *model, const oc_model_options *options,
                              octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_plan_limits limits = oc_model_limits(model, 1, model->texts.positions_max);
    for (int32_t kind = 0; kind < OC_PROGRAM_COUNT; kind++) {
        oc_plan plan = {0};
        OC_TRY(oc_progress(options->progress, options->progress_user, "packing weights",
                           (uint64_t)kind, OC_PROGRAM_COUNT, error));
        if (oc_model_has(model, (oc_program_kind)kind, model->towers)) {
            OC_TRY(oc_model_plans(model, (oc_program_kind)kind, &limits, 1, NULL, 0, &plan, error));
            oc_plan_free(&plan);
        }
    }
done:
    return status;
}

/* Every canary once, in a queue that is gone afterwards; on paper there is nothing to run it. */
static octavo_status run_canaries(oc_model *model, const oc_model_options *options,
                                  octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_backend *backend = model->device->backend;
    int32_t threads = options->threads == 0 ? oc_usable_cores() : options->threads;
    oc_canary_programs *programs = NULL;
    oc_queue *queue = NULL;
    OC_TRY(oc_canary_set_create(model, options->canaries, options->canary_count, &model->canaries,
                                error));
    OC_TRY(backend->queue_create(
        model->device, threads,
        oc_canary_set_queue_bytes(model->canaries, model->towers, true, threads), &queue, error));
    OC_TRY(oc_canary_programs_create(model->canaries, model->device, queue, model->towers, true,
                                     &programs, error));
    if (options->paper == NULL) {
        OC_TRY(oc_canary_programs_run(programs, &model->canary_share, error));
    }
done:
    oc_canary_programs_free(programs);
    backend->queue_free(queue);
    return status;
}

octavo_status oc_model_load(const oc_graph *graph, const oc_weight_source *source,
                            const oc_model_options *options, oc_model **out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_device_options device = {.tier = options->tier,
                                .threads = options->threads,
                                .paper = options->paper,
                                .tuned = (options->savings & OC_SAVING(TUNED)) != 0 ? options->tuned
                                                                                    : NULL};
    oc_model *model = calloc(1, sizeof *model);
    *out = NULL;
    if (model == NULL) {
        OC_NO_MEMORY(error, sizeof *model);
    }
    atomic_init(&model->holders, 1);
    pthread_mutex_init(&model->lock, NULL);
    model->graph = graph;
    model->savings = options->savings;
    model->keep_hidden = options->keep_hidden;
    if (options->keep_hidden) { /* whoever wants every row gets every row */
        model->savings &= ~(OC_SAVING(LAST_ROW) | OC_SAVING(CUT_TEXT));
    }
    OC_TRY(options->backend->open(&device, &model->device, error));
    if (!oc_tuned_has(device.tuned, options->backend->traits(model->device).model)) {
        model->savings &= ~OC_SAVING(TUNED);
    }
    if (options->backend->traits(model->device).normalizes) {
        model->savings &= ~OC_SAVING(FOLD_PIXELS);
    }
    OC_TRY(oc_model_read_graph(model, options->towers, error));
    if (!model->causal) {
        model->savings &= ~OC_SAVING(CUT_TEXT);
    }
    OC_TRY(oc_weights_create(model->device, source, &model->weights, error));
    OC_TRY(pack_all(model, options, error));
    OC_TRY(run_canaries(model, options, error));
    *out = model;
    model = NULL;
done:
    oc_model_release(model);
    return status;
}

void oc_model_release(oc_model *model) {
    if (model == NULL || atomic_fetch_sub(&model->holders, 1) > 1) {
        return;
    }
    oc_canary_set_free(model->canaries);
    for (int32_t kind = 0; kind < OC_PROGRAM_COUNT; kind++) {
        oc_graph_free(&model->programs[kind]);
    }
    oc_weights_free(model->weights);
    if (model->device != NULL) {
        model->device->backend->close(model->device);
    }
    pthread_mutex_destroy(&model->lock);
    free(model);
}

int32_t oc_model_towers(const oc_model *model) {
    return model->towers;
}

oc_savings oc_model_savings(const oc_model *model) {
    return model->savings;
}

size_t oc_model_weight_bytes(const oc_model *model) {
    return oc_weights_bytes(model->weights) + oc_canary_set_bytes(model->canaries);
}

double oc_model_canary_share(const oc_model *model) {
    return model->canary_share;
}

oc_device *oc_model_device(const oc_model *model) {
    return model->device;
}
