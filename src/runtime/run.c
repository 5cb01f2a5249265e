/* run.c - one run: check the tensors, run the programs, copy what was asked for. */
#include <string.h>

#include "base/sys/clock.h"
#include "runtime/canary/set.h"
#include "runtime/check.h"

/* Runs a bucket's program and waits; shows its outputs to whoever observes. */
static octavo_status run_bucket(oc_session *session, const oc_bucket *bucket, const oc_run *run,
                                octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_backend *backend = session->queue->backend;
    const oc_plan *plan = &bucket->plan;
    oc_step_report *sums = bucket->reports, *reports = session->step_reports;
    oc_ticket ticket;
    OC_TRY(backend->submit(session->queue, bucket->program, run, session->report, reports, &ticket,
                           error));
    OC_TRY(backend->wait(session->queue, ticket, run->deadline_ns, error));
    for (int32_t i = 0; sums != NULL && i < plan->step_count; i++) {
        sums[i].seconds += reports[i].seconds;
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

/* Row which[i] of the output, or i where which is NULL, is the caller's row i.  A row of tokens is
 * starts[which[i]] ..; those of packed sequences are as many as ids were given, for none is cut
 * where they can be asked for. */
static octavo_status copy_port(oc_session *session, const oc_tower *tower, const oc_plan *plan,
                               const oc_plan_port *port, const oc_call *call, const oc_run *run,
                               float *to, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_backend *backend = session->queue->backend;
    const int32_t *which = oc_tower_is_packed(tower) ? session->texts.which : NULL;
    const int32_t *starts = run->starts[tower->tokens];
    int32_t count = call->inputs[oc_tower_index(tower)].count;
    if (port->rows == tower->sequences) {
        OC_TRY(backend->read(session->queue, plan, &port->view, 0, which, count, to, error));
    } else if (which == NULL) {
        OC_TRY(backend->read(session->queue, plan, &port->view, 0, NULL, starts[count], to, error));
    }
    for (int32_t r = 0; port->rows == tower->tokens && which != NULL && r < count; r++) {
        OC_TRY(backend->read(session->queue, plan, &port->view, starts[which[r]], NULL,
                             call->tokens, to + (int64_t)r * call->tokens * port->view.columns,
                             error));
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
            OC_TRY(copy_port(session, tower, plan, port, call, run, to->tensor.data, error));
        }
        if (call->logits != NULL && strcmp(port->name, tower->embeds) == 0) {
            OC_TRY(copy_port(session, tower, plan, port, call, run, session->embeds[t], error));
        }
    }
done:
    return status;
}

static octavo_status run_tower(oc_session *session, const oc_tower *tower, const oc_call *call,
                               uint64_t deadline, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int32_t t = oc_tower_index(tower);
    const oc_call_input *input = &call->inputs[t];
    oc_run run = {.deadline_ns = deadline};
    if (oc_tower_is_packed(tower)) {
        OC_TRY(oc_texts_set(&session->texts, &input->argument->tensor,
                            input->mask == NULL ? NULL : &input->mask->tensor, error));
        oc_texts_enter(&session->texts, tower, &run);
    } else {
        run.pixels = input->argument->tensor.const_data;
        run.rows[tower->sequences] = input->count;
        run.rows[tower->tokens] = session->starts[t][input->count];
        run.starts[tower->tokens] = session->starts[t];
    }
    const oc_bucket *bucket = oc_buckets_find(&session->programs[input->entry->program], &run);
    OC_TRY(run_bucket(session, bucket, &run, error));
    OC_TRY(copy_outputs(session, tower, &bucket->plan, call, &run, error));
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
    for (int32_t i = 0; i < plan->input_count; i++) {
        const oc_plan_port *port = &plan->inputs[i];
        int32_t t = oc_tower_index(oc_tower_of_rows(port->rows));
        OC_TRY(backend->write(session->queue, plan, &port->view, 0, call->inputs[t].count,
                              session->embeds[t], error));
    }
    OC_TRY(run_bucket(session, bucket, &run, error));
    /* of as many columns as the plan has room for */
    logits.columns = call->inputs[oc_logits.columns].count;
    OC_TRY(backend->read(session->queue, plan, &logits, 0, NULL, call->inputs[oc_logits.rows].count,
                         call->logits->tensor.data, error));
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

octavo_status oc_session_run(oc_session *session, const octavo_argument *inputs,
                             int32_t input_count, const octavo_argument *outputs,
                             int32_t output_count, int64_t timeout_us, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    uint64_t deadline = 0;
    bool entered = false;
    oc_call call;
    if (timeout_us < 0) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "timeout_us is %lld, it must be 0 or more", (long long)timeout_us);
    }
    if (timeout_us > 0 && (uint64_t)timeout_us < UINT64_MAX / 2000) {
        deadline = oc_clock_ns() + (uint64_t)timeout_us * 1000;
    }
    OC_TRY(enter(session, error));
    entered = true;
    OC_TRY(oc_call_read(session, inputs, input_count, outputs, output_count, &call, error));
    for (int32_t t = 0; t < OC_TOWERS; t++) {
        if (call.inputs[t].entry != NULL) {
            OC_TRY(run_tower(session, &oc_towers[t], &call, deadline, error));
        }
    }
    if (call.logits != NULL) {
        OC_TRY(run_logits(session, &call, deadline, error));
    }
done:
    if (entered) {
        atomic_store(&session->running, false);
    }
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
