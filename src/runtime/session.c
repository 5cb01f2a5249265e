/* session.c - making a session ready. run.c runs it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/size.h"
#include "runtime/layers.h"
#include "runtime/program.h"
#include "runtime/session_fields.h"

/* Hidden states, or the inputs of every linear module of a tower, and its embeddings. */
enum { PROGRAM_OUTPUTS_MAX = 5 * OC_LIMIT_LAYERS + 4 };

static const char *const program_names[] = {
#define XX(name, text) text,
    OC_PROGRAM_MAP(XX)
#undef XX
};

const char *oc_program_name(oc_program_kind kind) {
    return program_names[kind];
}

static octavo_status check_number(const char *name, int32_t value, int32_t limit,
                                  octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    if (value < 0 || value > limit) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "%s is %d, it must be from 1 to %d (or 0 for the default)", name, value, limit);
    }
done:
    return status;
}

/* -- programs ------------------------------------------------------------------------------ */

static bool is_listed(const char *const *names, int32_t count, const char *name) {
    for (int32_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* The outputs of a tower that the graph has, hidden states with keep_hidden, observed values. */
static octavo_status tower_outputs(const oc_session *session, const oc_graph *graph, bool text,
                                   const char **names, int32_t *count, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const char *prefix = text ? "text." : "vision.";
    const char *hidden = text ? "text.hidden." : "vision.hidden.";
    const char *embeds = text ? "text_embeds" : "image_embeds";
    *count = 0;
    for (oc_value v = 0; v < graph->node_count; v++) {
        const char *name = graph->nodes[v].name;
        bool wanted = strncmp(name, embeds, strlen(embeds)) == 0 ||
                      (session->keep_hidden && strncmp(name, hidden, strlen(hidden)) == 0) ||
                      (strncmp(name, prefix, strlen(prefix)) == 0 &&
                       is_listed(session->observed, session->observed_count, name));
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

static octavo_status make_program(oc_session *session, const oc_graph *graph, oc_program_kind kind,
                                  octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    static const char *values = "pixel_values", *embeds[] = {"image_embeds", "text_embeds"};
    static const char *logits = "logits_per_image";
    const char *outputs[PROGRAM_OUTPUTS_MAX];
    const oc_plan *plan;
    bool text = kind == OC_PROGRAM_TEXT;
    int32_t count = 0;
    if (kind == OC_PROGRAM_LOGITS) {
        OC_TRY(oc_program_create(graph, embeds, 2, &logits, 1, session->savings, session->weights,
                                 &session->limits, &session->plans[kind], error));
    } else {
        OC_TRY(tower_outputs(session, graph, text, outputs, &count, error));
        OC_TRY(oc_program_create(graph, &values, kind == OC_PROGRAM_IMAGE_VALUES ? 1 : 0, outputs,
                                 count, session->savings, session->weights, &session->limits,
                                 &session->plans[kind], error));
    }
    plan = &session->plans[kind];
    if (plan->takes_pixels != (kind == OC_PROGRAM_IMAGE_BYTES) ||
        plan->takes_values != (kind == OC_PROGRAM_IMAGE_VALUES) || plan->takes_ids != text ||
        plan->input_count != (kind == OC_PROGRAM_LOGITS ? 2 : 0)) {
        OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET,
                "the %s outputs of the graph do not depend on what they should",
                program_names[kind]);
    }
    session->has[kind] = true;
done:
    return status;
}

static octavo_status make_programs(oc_session *session, const oc_graph *graph,
                                   octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    size_t arena = 0, scratch = 0;
    if ((session->towers & OCTAVO_IMAGE) != 0) {
        OC_TRY(make_program(session, graph, OC_PROGRAM_IMAGE_BYTES, error));
        OC_TRY(make_program(session, graph, OC_PROGRAM_IMAGE_VALUES, error));
    }
    if ((session->towers & OCTAVO_TEXT) != 0) {
        OC_TRY(make_program(session, graph, OC_PROGRAM_TEXT, error));
    }
    if (session->towers == (OCTAVO_IMAGE | OCTAVO_TEXT) &&
        oc_graph_find(graph, "logits_per_image") >= 0) {
        OC_TRY(make_program(session, graph, OC_PROGRAM_LOGITS, error));
    }
    for (int32_t kind = 0; kind < OC_PROGRAM_COUNT; kind++) {
        const oc_plan *plan = &session->plans[kind];
        arena = plan->arena_bytes > arena ? plan->arena_bytes : arena;
        scratch = plan->scratch_bytes > scratch ? plan->scratch_bytes : scratch;
    }
    session->memory_bytes = arena + scratch + 64;
    session->arena = aligned_alloc(64, oc_round_up(session->memory_bytes, 64));
    if (session->arena == NULL) {
        OC_NO_MEMORY(error, session->memory_bytes);
    }
    session->scratch = (char *)session->arena + arena;
    for (int32_t kind = 0; kind < OC_PROGRAM_COUNT; kind++) {
        oc_plan_bind(&session->plans[kind], session->arena);
    }
done:
    return status;
}

/* -- bindings -------------------------------------------------------------------------------- */

static void bind(oc_session *session, const char *name, bool is_output, uint32_t dtypes,
                 int32_t rank, int64_t a, int64_t b, int64_t c, int64_t d) {
    octavo_binding *binding = &session->bindings[session->binding_count++];
    *binding = (octavo_binding){.name = name,
                                .is_output = is_output,
                                .dtypes = dtypes,
                                .rank = rank,
                                .shape = {a, b, c, d}};
}

static octavo_status make_bindings(oc_session *session, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const uint32_t f32 = 1u << OCTAVO_F32, u8 = 1u << OCTAVO_U8;
    const uint32_t integers = 1u << OCTAVO_I32 | 1u << OCTAVO_I64;
    int32_t side = session->image_size, count = 5;
    for (int32_t kind = 0; kind < OC_PROGRAM_COUNT; kind++) {
        count += session->plans[kind].output_count;
    }
    session->bindings = calloc((size_t)count, sizeof *session->bindings);
    if (session->bindings == NULL) {
        OC_NO_MEMORY(error, (size_t)count * sizeof *session->bindings);
    }
    if ((session->towers & OCTAVO_IMAGE) != 0) {
        bind(session, "pixels", false, u8, 4, OC_DIM_IMAGES, side, side, 3);
        bind(session, "pixel_values", false, f32, 4, OC_DIM_IMAGES, 3, side, side);
    }
    if ((session->towers & OCTAVO_TEXT) != 0) {
        bind(session, "input_ids", false, integers, 2, OC_DIM_TEXTS, OC_DIM_TOKENS, 0, 0);
        bind(session, "attention_mask", false, integers, 2, OC_DIM_TEXTS, OC_DIM_TOKENS, 0, 0);
    }
    for (int32_t kind = 0; kind < OC_PROGRAM_COUNT; kind++) {
        const oc_plan *plan = &session->plans[kind];
        for (int32_t i = 0; kind != OC_PROGRAM_IMAGE_VALUES && i < plan->output_count; i++) {
            const oc_plan_port *port = &plan->outputs[i];
            bool images = port->rows == OC_ROWS_IMAGES || port->rows == OC_ROWS_IMAGE_TOKENS;
            bool rows = port->rows == OC_ROWS_IMAGES || port->rows == OC_ROWS_TEXTS;
            int64_t first = images ? OC_DIM_IMAGES : OC_DIM_TEXTS;
            int64_t columns = port->view.columns;
            if (kind == OC_PROGRAM_LOGITS) {
                bind(session, port->name, true, f32, 2, OC_DIM_IMAGES, OC_DIM_TEXTS, 0, 0);
            } else if (rows) {
                bind(session, port->name, true, f32, 2, first, columns, 0, 0);
            } else {
                bind(session, port->name, true, f32, 3, first,
                     images ? session->image_tokens : OC_DIM_TOKENS, columns, 0);
            }
        }
    }
done:
    return status;
}

/* -- create and free --------------------------------------------------------------------------- */

static octavo_status make_run_memory(oc_session *session, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    size_t batch = (size_t)session->batch_max;
    session->image_starts = calloc(batch + 1, sizeof *session->image_starts);
    for (int32_t side = 0; side < 2; side++) {
        size_t count = batch * (size_t)session->embed_dims[side];
        session->embeds[side] = calloc(count + 1, sizeof *session->embeds[side]);
        if (session->embeds[side] == NULL) {
            OC_NO_MEMORY(error, count * sizeof *session->embeds[side]);
        }
    }
    if (session->image_starts == NULL) {
        OC_NO_MEMORY(error, batch * sizeof *session->image_starts);
    }
    for (int32_t i = 0; i <= session->batch_max; i++) {
        session->image_starts[i] = i * session->image_tokens;
    }
    if ((session->towers & OCTAVO_TEXT) != 0) {
        OC_TRY(oc_texts_create(&session->texts, error));
    }
done:
    return status;
}

static void set_limits(oc_session *session, int32_t tokens_max) {
    int32_t batch = session->batch_max;
    if (!session->causal) {
        session->savings &= ~OC_SAVING(CUT_TEXT);
    }
    session->texts.batch_max = batch;
    session->texts.tokens_max = tokens_max == 0 ? batch * session->texts.positions_max : tokens_max;
    session->texts.cut = (session->savings & OC_SAVING(CUT_TEXT)) != 0;
    session->texts.dedup = (session->savings & OC_SAVING(DEDUP_TEXT)) != 0;
    session->limits = (oc_plan_limits){
        .rows_max = {batch * session->image_tokens, batch, session->texts.tokens_max, batch},
        .sequence_max = {session->image_tokens, 1, session->texts.positions_max, 1},
        .image_size = session->image_size};
}

octavo_status oc_session_create(const oc_graph *graph, const oc_weight_source *source,
                                const oc_session_options *options, oc_session **out,
                                octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_session *session = calloc(1, sizeof *session);
    *out = NULL;
    if (session == NULL) {
        options->device->backend->close(options->device);
        OC_NO_MEMORY(error, sizeof *session);
    }
    session->device = options->device;
    session->savings = options->savings;
    session->keep_hidden = options->keep_hidden;
    session->observed = options->observed;
    session->observed_count = options->observed_count;
    session->observe = options->observe;
    session->observe_user = options->observe_user;
    if (options->observed_count != 0) { /* every row of every layer is looked at */
        session->savings &= ~OC_SAVING(LAST_ROW);
    }
    if (options->keep_hidden) { /* whoever wants every row gets every row */
        session->savings &= ~(OC_SAVING(LAST_ROW) | OC_SAVING(CUT_TEXT));
    }
    OC_TRY(check_number("batch_max", options->batch_max, OC_LIMIT_BATCH, error));
    OC_TRY(
        check_number("tokens_max", options->tokens_max, OC_LIMIT_BATCH * OC_LIMIT_TOKENS, error));
    session->batch_max = options->batch_max == 0 ? 8 : options->batch_max;
    OC_TRY(oc_session_read_graph(session, graph, options->towers, error));
    set_limits(session, options->tokens_max);
    OC_TRY(oc_weights_create(session->device, source, &session->weights, error));
    OC_TRY(make_programs(session, graph, error));
    OC_TRY(make_bindings(session, error));
    OC_TRY(make_run_memory(session, error));
    OC_TRY(oc_canaries_run(graph, session->weights, session->savings, session->towers,
                           options->canaries, options->canary_count, &session->canary_share,
                           error));
    session->observed = NULL;
    *out = session;
    session = NULL;
done:
    oc_session_free(session);
    return status;
}

void oc_session_free(oc_session *session) {
    if (session == NULL) {
        return;
    }
    for (int32_t kind = 0; kind < OC_PROGRAM_COUNT; kind++) {
        oc_plan_free(&session->plans[kind]);
        free(session->seconds[kind]);
    }
    free(session->step_seconds);
    oc_texts_free(&session->texts);
    free(session->embeds[0]);
    free(session->embeds[1]);
    free(session->image_starts);
    free(session->bindings);
    free(session->arena);
    oc_weights_free(session->weights);
    session->device->backend->close(session->device);
    free(session);
}

int32_t oc_session_binding_count(const oc_session *session) {
    return session->binding_count;
}

const octavo_binding *oc_session_binding(const oc_session *session, int32_t i) {
    return i >= 0 && i < session->binding_count ? &session->bindings[i] : NULL;
}

const oc_plan *oc_session_plan(const oc_session *session, oc_program_kind kind) {
    return session->has[kind] ? &session->plans[kind] : NULL;
}

octavo_status oc_session_profile(oc_session *session, bool on, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int32_t most = 1;
    for (int32_t kind = 0; kind < OC_PROGRAM_COUNT; kind++) {
        int32_t count = session->plans[kind].step_count;
        free(session->seconds[kind]);
        session->seconds[kind] = on ? calloc((size_t)count + 1, sizeof(double)) : NULL;
        most = count > most ? count : most;
        if (on && session->seconds[kind] == NULL) {
            OC_NO_MEMORY(error, (size_t)count * sizeof(double));
        }
    }
    free(session->step_seconds);
    session->step_seconds = on ? calloc((size_t)most, sizeof(double)) : NULL;
    if (on && session->step_seconds == NULL) {
        OC_NO_MEMORY(error, (size_t)most * sizeof(double));
    }
done:
    return status;
}

const double *oc_session_seconds(const oc_session *session, oc_program_kind kind) {
    return session->seconds[kind];
}

double oc_session_canary_share(const oc_session *session) {
    return session->canary_share;
}

size_t oc_session_bytes(const oc_session *session) {
    return oc_weights_bytes(session->weights) + session->memory_bytes;
}

oc_device *oc_session_device(const oc_session *session) {
    return session->device;
}

oc_savings oc_session_savings(const oc_session *session) {
    return session->savings;
}

int32_t oc_session_batch_max(const oc_session *session) {
    return session->batch_max;
}

int32_t oc_session_tokens_max(const oc_session *session) {
    return session->texts.tokens_max;
}
