/* run.c - one run: check the tensors, run the programs, copy what was asked for. */
#include <string.h>

#include "base/sys/clock.h"
#include "lower/cost.h"
#include "runtime/canary/set.h"
#include "runtime/check.h"

static octavo_status submit_bucket(oc_session *session, const oc_bucket *bucket, const oc_run *run,
                                   oc_ticket *ticket, octavo_error *error) {
    return session->queue->backend->submit(session->queue, bucket->program, run, session->report,
                                           session->step_reports, ticket, error);
}

/* Waits, at the latest until deadline_ns; shows the outputs to whoever observes. */
static octavo_status finish_bucket(oc_session *session, const oc_bucket *bucket, const oc_run *run,
                                   oc_ticket ticket, uint64_t deadline_ns, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_backend *backend = session->queue->backend;
    const oc_plan *plan = &bucket->plan;
    oc_step_report *sums = bucket->reports, *reports = session->step_reports;
    OC_TRY(backend->wait(session->queue, ticket, deadline_ns, error));
    for (int32_t i = 0; session->report != 0 && sums != NULL && i < plan->step_count; i++) {
        oc_cost cost = oc_step_cost(&plan->steps[i], run);
        sums[i].seconds += reports[i].seconds;
        sums[i].flop += cost.flop;
        sums[i].bytes += cost.bytes;
        sums[i].codes += reports[i].codes;
        sums[i].saturated += reports[i].saturated;
        sums[i].zeros += reports[i].zeros;
        sums[i].largest =
            reports[i].largest > sums[i].largest ? reports[i].largest : sums[i].largest;
    }
    for (int32_t i = 0; session->observe != NULL && i < plan->output_count; i++) {
        const oc_plan_port *port = &plan->outputs[i];
        int32_t rows = run->rows[port->rows];
        OC_TRY(backend->read(session->queue, plan, &port->view, 0, NULL, rows, session->observed,
                             error));
        session->observe(session->observe_user, port->name, session->observed, rows,
                         port->view.columns);
    }
done:
    return status;
}

/* -- towers -------------------------------------------------------------------------------- */

/* oc_backend's read, to where the tensor lies; `to` is in it. */
static octavo_status bring_out(oc_session *session, const oc_plan *plan, const oc_view *view,
                               int32_t first, const int32_t *index, int32_t count,
                               octavo_memory memory, void *to, octavo_error *error) {
    const oc_backend *backend = session->queue->backend;
    return (memory == OCTAVO_MEMORY_HOST ? backend->read : backend->copy_rows)(
        session->queue, plan, view, first, index, count, to, error);
}

/* Row which[i] of the output, or i where which is NULL, is the caller's row i.  A row of tokens is
 * starts[which[i]] ..; those of packed sequences are as many as ids were given, for none is cut
 * where they can be asked for. */
static octavo_status copy_port(oc_session *session, const oc_tower *tower, const oc_plan *plan,
                               const oc_plan_port *port, const oc_call *call, const oc_run *run,
                               octavo_memory memory, float *to, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const int32_t *which = oc_tower_is_packed(tower) ? session->texts.which : NULL;
    const int32_t *starts = run->starts[tower->tokens];
    int32_t count = call->inputs[oc_tower_index(tower)].count;
    if (port->rows == tower->sequences) {
        OC_TRY(bring_out(session, plan, &port->view, 0, which, count, memory, to, error));
    } else if (which == NULL) {
        OC_TRY(bring_out(session, plan, &port->view, 0, NULL, starts[count], memory, to, error));
    }
    for (int32_t r = 0; port->rows == tower->tokens && which != NULL && r < count; r++) {
        OC_TRY(bring_out(session, plan, &port->view, starts[which[r]], NULL, call->tokens, memory,
                         to + (int64_t)r * call->tokens * port->view.columns, error));
    }
done:
    return status;
}

static octavo_status copy_outputs(oc_session *session, const oc_tower *tower, const oc_plan *plan,
                                  const oc_call *call, const oc_run *run, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int32_t t = oc_tower_index(tower);
    for (int32_t i = 0; i < plan->output_count; i++) {
        const oc_plan_port *port = &plan->outputs[i];
        const octavo_argument *to = oc_argument_find(call->outputs, call->output_count, port->name);
        if (to != NULL) {
            OC_TRY(copy_port(session, tower, plan, port, call, run, to->tensor.memory,
                             to->tensor.data, error));
        }
        if (call->logits != NULL && strcmp(port->name, tower->embeds) == 0) {
            OC_TRY(copy_port(session, tower, plan, port, call, run, OCTAVO_MEMORY_HOST,
                             session->embeds[t], error));
        }
    }
done:
    return status;
}

/* Starts a tower's program; *out says which, with what run. */
static octavo_status start_tower(oc_session *session, const oc_tower *tower, const oc_call *call,
                                 uint64_t deadline, oc_pending *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int32_t t = oc_tower_index(tower);
    const oc_call_input *input = &call->inputs[t];
    oc_run run = {.deadline_ns = deadline, .stream = call->stream};
    if (oc_tower_is_packed(tower)) {
        OC_TRY(oc_texts_set(&session->texts, &input->argument->tensor,
                            input->mask == NULL ? NULL : &input->mask->tensor, error));
        oc_texts_enter(&session->texts, tower, &run);
    } else {
        run.pixels = input->argument->tensor.const_data;
        run.pixels_are_there = input->argument->tensor.memory != OCTAVO_MEMORY_HOST;
        run.rows[tower->sequences] = input->count;
        run.rows[tower->tokens] = session->starts[t][input->count];
        run.starts[tower->tokens] = session->starts[t];
    }
    out->tower = tower;
    out->run = run;
    out->bucket = oc_buckets_find(&session->programs[input->entry->program], &run);
    OC_TRY(submit_bucket(session, out->bucket, &out->run, &out->ticket, error));
done:
    return status;
}

static octavo_status finish_tower(oc_session *session, const oc_pending *of, const oc_call *call,
                                  uint64_t deadline, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    OC_TRY(finish_bucket(session, of->bucket, &of->run, of->ticket, deadline, error));
    OC_TRY(copy_outputs(session, of->tower, &of->bucket->plan, call, &of->run, error));
done:
    return status;
}

/* -- logits ---------------------------------------------------------------------------------- */

static octavo_status run_logits(oc_session *session, const oc_call *call, uint64_t deadline,
                                octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_backend *backend = session->queue->backend;
    oc_run run = {.deadline_ns = deadline};
    run.rows[oc_towers[oc_logits.rows].sequences] = call->inputs[oc_logits.rows].count;
    run.rows[oc_towers[oc_logits.columns].sequences] = call->inputs[oc_logits.columns].count;
    const oc_bucket *bucket = oc_buckets_find(&session->programs[oc_logits.program], &run);
    const oc_plan *plan = &bucket->plan;
    oc_view logits = plan->outputs[0].view;
    oc_ticket ticket;
    for (int32_t i = 0; i < plan->input_count; i++) {
        const oc_plan_port *port = &plan->inputs[i];
        int32_t t = oc_tower_index(oc_tower_of_rows(port->rows));
        OC_TRY(backend->write(session->queue, plan, &port->view, 0, call->inputs[t].count,
                              session->embeds[t], error));
    }
    OC_TRY(submit_bucket(session, bucket, &run, &ticket, error));
    OC_TRY(finish_bucket(session, bucket, &run, ticket, deadline, error));
    /* of as many columns as the plan has room for */
    logits.columns = call->inputs[oc_logits.columns].count;
    OC_TRY(bring_out(session, plan, &logits, 0, NULL, call->inputs[oc_logits.rows].count,
                     call->logits->tensor.memory, call->logits->tensor.data, error));
done:
    return status;
}

/* -- the whole -------------------------------------------------------------------------------- */

/* One thread at a time. */
static octavo_status enter(oc_session *session, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    if (atomic_exchange(&session->running, true)) {
        OC_FAIL(error, OCTAVO_BAD_STATE, OCTAVO_NO_OFFSET,
                "this session is running for another thread; each thread needs a session of its "
                "own");
    }
done:
    return status;
}

/* When the time is over, by oc_clock_ns; 0: never. */
static octavo_status read_timeout(int64_t timeout_us, uint64_t *deadline, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    *deadline = 0;
    if (timeout_us < 0) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "timeout_us is %lld, it must be 0 or more", (long long)timeout_us);
    }
    if (timeout_us > 0 && (uint64_t)timeout_us < UINT64_MAX / 2000) {
        *deadline = oc_clock_ns() + (uint64_t)timeout_us * 1000;
    }
done:
    return status;
}

static octavo_status run_all(oc_session *session, const oc_call *call, uint64_t deadline,
                             octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_pending work;
    for (int32_t t = 0; t < OC_TOWERS; t++) {
        if (call->inputs[t].entry != NULL) {
            OC_TRY(start_tower(session, &oc_towers[t], call, deadline, &work, error));
            OC_TRY(finish_tower(session, &work, call, deadline, error));
        }
    }
    if (call->logits != NULL) {
        OC_TRY(run_logits(session, call, deadline, error));
    }
done:
    return status;
}

octavo_status oc_session_run(oc_session *session, const octavo_argument *inputs,
                             int32_t input_count, const octavo_argument *outputs,
                             int32_t output_count, const octavo_run_options *options,
                             octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    uint64_t deadline = 0;
    bool entered = false;
    oc_call call;
    OC_TRY(read_timeout(options == NULL ? 0 : options->timeout_us, &deadline, error));
    OC_TRY(enter(session, error));
    entered = true;
    OC_TRY(
        oc_call_read(session, inputs, input_count, outputs, output_count, options, &call, error));
    OC_TRY(run_all(session, &call, deadline, error));
done:
    if (entered) {
        atomic_store(&session->running, false);
    }
    return status;
}

/* -- begun now, waited for later ----------------------------------------------------------- */

/* The one tower that a call is for; NULL: it needs several programs. */
static const oc_tower *only_tower(const oc_call *call) {
    const oc_tower *only = NULL;
    for (int32_t t = 0; t < OC_TOWERS; t++) {
        if (call->inputs[t].entry != NULL && (only != NULL || call->logits != NULL)) {
            return NULL;
        }
        only = call->inputs[t].entry != NULL ? &oc_towers[t] : only;
    }
    return only;
}

octavo_status oc_session_submit(oc_session *session, const octavo_argument *inputs,
                                int32_t input_count, const octavo_argument *outputs,
                                int32_t output_count, const octavo_run_options *options,
                                octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_pending *pending = &session->pending;
    uint64_t deadline = 0;
    bool entered = false;
    OC_TRY(read_timeout(options == NULL ? 0 : options->timeout_us, &deadline, error));
    OC_TRY(enter(session, error));
    entered = true;
    *pending = (oc_pending){.status = OCTAVO_OK};
    OC_TRY(oc_call_read(session, inputs, input_count, outputs, output_count, options,
                        &pending->call, error));
    const oc_tower *tower = only_tower(&pending->call);
    if (tower != NULL) {
        OC_TRY(start_tower(session, tower, &pending->call, deadline, pending, error));
    } else { /* one program needs what another gives: it is all done here */
        pending->status = run_all(session, &pending->call, deadline, &pending->error);
    }
    atomic_store(&session->submitted, true);
done:
    if (status != OCTAVO_OK && entered) {
        atomic_store(&session->running, false);
    }
    return status;
}

octavo_status oc_session_wait(oc_session *session, int64_t timeout_us, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_pending *pending = &session->pending;
    uint64_t deadline = 0;
    OC_TRY(read_timeout(timeout_us, &deadline, error));
    if (!atomic_exchange(&session->submitted, false)) {
        OC_FAIL(error, OCTAVO_BAD_STATE, OCTAVO_NO_OFFSET,
                "there is nothing to wait for: nothing was submitted to this session, or another "
                "thread waits for it");
    }
    if (pending->tower != NULL) {
        status = finish_tower(session, pending, &pending->call, deadline, error);
        if (status == OCTAVO_DEADLINE_EXCEEDED) {
            atomic_store(&session->submitted, true); /* it may be waited for again */
            goto done;
        }
    } else if (pending->status != OCTAVO_OK) {
        status = oc_fail(error, pending->status, pending->error.offset, __FILE__, __LINE__, "%s",
                         pending->error.message);
    }
    atomic_store(&session->running, false);
done:
    return status;
}

octavo_status oc_session_check(oc_session *session, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    double worst;
    OC_TRY(enter(session, error));
    status = oc_canary_programs_run(session->canaries, &worst, error);
    atomic_store(&session->running, false);
done:
    return status;
}
