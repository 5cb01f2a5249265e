/* session.c - making a session: programs, bindings, memory.  run.c runs it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/sys/threads.h"
#include "runtime/canary/set.h"
#include "runtime/session_fields.h"

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

static octavo_status make_programs(oc_session *session, const oc_session_options *options,
                                   octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_device *device = session->model->device;
    int32_t threads = options->threads == 0 ? oc_usable_cores() : options->threads;
    for (int32_t kind = 0; kind < OC_PROGRAM_COUNT; kind++) {
        if (oc_model_has(session->model, (oc_program_kind)kind, session->towers)) {
            OC_TRY(oc_buckets_create(session->model, (oc_program_kind)kind, &session->limits,
                                     options->observed, options->observed_count,
                                     &session->programs[kind], error));
            size_t bytes = oc_buckets_bytes(&session->programs[kind], threads);
            session->memory_bytes = bytes > session->memory_bytes ? bytes : session->memory_bytes;
        }
    }
    size_t check =
        oc_canary_set_queue_bytes(session->model->canaries, session->towers, false, threads);
    if (check > session->memory_bytes) { /* of a session for few rows */
        session->memory_bytes = check;
    }
    OC_TRY(device->backend->queue_create(device, threads, session->memory_bytes, &session->queue,
                                         error));
    OC_TRY(oc_canary_programs_create(session->model->canaries, device, session->queue,
                                     session->towers, false, &session->canaries, error));
    for (int32_t kind = 0; kind < OC_PROGRAM_COUNT; kind++) {
        OC_TRY(oc_buckets_compile(&session->programs[kind], session->queue, error));
    }
done:
    return status;
}

/* Room for the largest output of any program. */
static octavo_status make_observed(oc_session *session, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    size_t most = 0;
    for (int32_t kind = 0; kind < OC_PROGRAM_COUNT; kind++) {
        const oc_plan *plan = oc_buckets_largest(&session->programs[kind]);
        for (int32_t i = 0; plan != NULL && i < plan->output_count; i++) {
            const oc_plan_port *port = &plan->outputs[i];
            size_t count =
                (size_t)session->limits.rows_max[port->rows] * (size_t)port->view.columns;
            most = count > most ? count : most;
        }
    }
    session->observed = malloc(most * sizeof *session->observed + 1);
    if (session->observed == NULL) {
        OC_NO_MEMORY(error, most * sizeof *session->observed);
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

static void bind_entry(oc_session *session, const oc_tower *tower, const oc_entry *entry) {
    const uint32_t integers = 1u << OCTAVO_I32 | 1u << OCTAVO_I64;
    int32_t side = session->model->image_size;
    switch (entry->form) {
    case OC_FORM_BYTES:
        bind(session, entry->input, false, 1u << OCTAVO_U8, 4, tower->dim, side, side, 3);
        break;
    case OC_FORM_VALUES:
        bind(session, entry->input, false, 1u << OCTAVO_F32, 4, tower->dim, 3, side, side);
        break;
    case OC_FORM_IDS:
        bind(session, entry->input, false, integers, 2, tower->dim, OC_DIM_TOKENS, 0, 0);
        break;
    }
    if (entry->form == OC_FORM_IDS && tower->mask != NULL) {
        bind(session, tower->mask, false, integers, 2, tower->dim, OC_DIM_TOKENS, 0, 0);
    }
}

/* The outputs of the tower's first program: those of the others are the same. */
static void bind_outputs(oc_session *session, const oc_tower *tower) {
    const oc_plan *plan = oc_buckets_largest(&session->programs[tower->entries[0].program]);
    const uint32_t f32 = 1u << OCTAVO_F32;
    int64_t tokens =
        oc_tower_is_packed(tower) ? OC_DIM_TOKENS : session->model->longest[oc_tower_index(tower)];
    for (int32_t i = 0; plan != NULL && i < plan->output_count; i++) {
        const oc_plan_port *port = &plan->outputs[i];
        if (port->rows == tower->sequences) {
            bind(session, port->name, true, f32, 2, tower->dim, port->view.columns, 0, 0);
        } else {
            bind(session, port->name, true, f32, 3, tower->dim, tokens, port->view.columns, 0);
        }
    }
}

static octavo_status make_bindings(oc_session *session, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int32_t count = OC_TOWERS * (OC_ENTRIES_MAX + 1);
    for (int32_t kind = 0; kind < OC_PROGRAM_COUNT; kind++) {
        const oc_plan *plan = oc_buckets_largest(&session->programs[kind]);
        count += plan == NULL ? 0 : plan->output_count;
    }
    session->bindings = calloc((size_t)count, sizeof *session->bindings);
    if (session->bindings == NULL) {
        OC_NO_MEMORY(error, (size_t)count * sizeof *session->bindings);
    }
    for (int32_t t = 0; t < OC_TOWERS; t++) {
        for (int32_t i = 0; i < oc_towers[t].entry_count; i++) {
            if ((session->towers & oc_towers[t].bit) != 0) {
                bind_entry(session, &oc_towers[t], &oc_towers[t].entries[i]);
            }
        }
    }
    for (int32_t t = 0; t < OC_TOWERS; t++) {
        bind_outputs(session, &oc_towers[t]); /* none of a tower that is not here */
    }
    if (session->programs[oc_logits.program].count > 0) {
        bind(session, oc_logits.output, true, 1u << OCTAVO_F32, 2, oc_towers[oc_logits.rows].dim,
             oc_towers[oc_logits.columns].dim, 0, 0);
    }
done:
    return status;
}

/* -- create and free --------------------------------------------------------------------------- */

static octavo_status make_run_memory(oc_session *session, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    size_t batch = (size_t)session->batch_max;
    for (int32_t t = 0; t < OC_TOWERS; t++) {
        const oc_tower *tower = &oc_towers[t];
        size_t count = batch * (size_t)session->model->embed_dims[t];
        session->embeds[t] = calloc(count + 1, sizeof *session->embeds[t]);
        session->starts[t] = calloc(batch + 1, sizeof *session->starts[t]);
        if (session->embeds[t] == NULL || session->starts[t] == NULL) {
            OC_NO_MEMORY(error, (count + batch) * sizeof *session->embeds[t]);
        }
        for (int32_t i = 0; !oc_tower_is_packed(tower) && i <= session->batch_max; i++) {
            session->starts[t][i] = i * session->model->longest[t];
        }
        if (oc_tower_is_packed(tower) && (session->towers & tower->bit) != 0) {
            OC_TRY(oc_texts_create(&session->texts, error));
        }
    }
    if (session->observe != NULL) {
        OC_TRY(make_observed(session, error));
    }
done:
    return status;
}

static void set_limits(oc_session *session, int32_t tokens_max) {
    const oc_model *model = session->model;
    int32_t batch = session->batch_max;
    session->texts = oc_model_texts(model);
    session->texts.batch_max = batch;
    session->texts.tokens_max = tokens_max == 0 ? batch * model->texts.positions_max : tokens_max;
    session->limits = oc_model_limits(model, batch, session->texts.tokens_max);
}

octavo_status oc_session_create(oc_model *model, const oc_session_options *options,
                                oc_session **out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_session *session = calloc(1, sizeof *session);
    *out = NULL;
    if (session == NULL) {
        OC_NO_MEMORY(error, sizeof *session);
    }
    atomic_fetch_add(&model->holders, 1);
    session->model = model;
    session->observe = options->observe;
    session->observe_user = options->observe_user;
    OC_TRY(check_number("batch_max", options->batch_max, OC_LIMIT_BATCH, error));
    OC_TRY(
        check_number("tokens_max", options->tokens_max, OC_LIMIT_BATCH * OC_LIMIT_TOKENS, error));
    OC_TRY(check_number("threads", options->threads, OC_LIMIT_THREADS, error));
    session->towers = options->towers == 0 ? model->towers : options->towers;
    if ((session->towers & ~model->towers) != 0) {
        char list[80];
        oc_towers_list(list, sizeof list);
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "towers is %d, the model was loaded for %d: %s", session->towers, model->towers,
                list);
    }
    session->batch_max = options->batch_max == 0 ? 8 : options->batch_max;
    set_limits(session, options->tokens_max);
    OC_TRY(make_programs(session, options, error));
    OC_TRY(make_bindings(session, error));
    OC_TRY(make_run_memory(session, error));
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
        oc_buckets_free(&session->programs[kind], session->model->device->backend);
    }
    oc_canary_programs_free(session->canaries);
    session->model->device->backend->queue_free(session->queue);
    free(session->step_reports);
    oc_texts_free(&session->texts);
    for (int32_t t = 0; t < OC_TOWERS; t++) {
        free(session->embeds[t]);
        free(session->starts[t]);
    }
    free(session->bindings);
    free(session->observed);
    oc_model_release(session->model);
    free(session);
}

int32_t oc_session_binding_count(const oc_session *session) {
    return session->binding_count;
}

const octavo_binding *oc_session_binding(const oc_session *session, int32_t i) {
    return i >= 0 && i < session->binding_count ? &session->bindings[i] : NULL;
}

const oc_plan *oc_session_plan(const oc_session *session, oc_program_kind kind) {
    return oc_buckets_largest(&session->programs[kind]);
}

int32_t oc_session_plan_count(const oc_session *session, oc_program_kind kind) {
    return session->programs[kind].count;
}

const oc_plan *oc_session_plan_at(const oc_session *session, oc_program_kind kind, int32_t i) {
    const oc_buckets *buckets = &session->programs[kind];
    return i >= 0 && i < buckets->count ? &buckets->items[i].plan : NULL;
}

octavo_status oc_session_profile(oc_session *session, uint32_t report, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int32_t most = 1;
    session->report = 0;
    for (int32_t kind = 0; kind < OC_PROGRAM_COUNT; kind++) {
        oc_buckets *buckets = &session->programs[kind];
        OC_TRY(oc_buckets_report(buckets, report != 0, error));
        for (int32_t i = 0; i < buckets->count; i++) {
            int32_t count = buckets->items[i].plan.step_count;
            most = count > most ? count : most;
        }
    }
    free(session->step_reports);
    session->step_reports = report != 0 ? calloc((size_t)most, sizeof(oc_step_report)) : NULL;
    if (report != 0 && session->step_reports == NULL) {
        OC_NO_MEMORY(error, (size_t)most * sizeof(oc_step_report));
    }
    session->report = report;
done:
    return status;
}

void oc_session_report(oc_session *session, uint32_t report) {
    OC_ASSERT(report == 0 || session->step_reports != NULL);
    session->report = report;
}

void oc_session_reports_clear(oc_session *session, oc_program_kind kind, int32_t i) {
    oc_buckets *buckets = &session->programs[kind];
    if (i >= 0 && i < buckets->count && buckets->items[i].reports != NULL) {
        oc_bucket *bucket = &buckets->items[i];
        memset(bucket->reports, 0, (size_t)bucket->plan.step_count * sizeof *bucket->reports);
    }
}

const oc_step_report *oc_session_reports_at(const oc_session *session, oc_program_kind kind,
                                            int32_t i) {
    const oc_buckets *buckets = &session->programs[kind];
    return i >= 0 && i < buckets->count ? buckets->items[i].reports : NULL;
}

oc_times oc_session_times(const oc_session *session) {
    const oc_backend *backend = session->queue->backend;
    return backend->times == NULL ? (oc_times){-1, -1, -1} : backend->times(session->queue);
}

size_t oc_session_bytes(const oc_session *session) {
    return session->memory_bytes;
}

oc_model *oc_session_model(const oc_session *session) {
    return session->model;
}

int32_t oc_session_towers(const oc_session *session) {
    return session->towers;
}

int32_t oc_session_batch_max(const oc_session *session) {
    return session->batch_max;
}

int32_t oc_session_tokens_max(const oc_session *session) {
    return session->texts.tokens_max;
}
