/* run.c - one run: check the tensors, run the programs, copy what was asked for. */
#include <string.h>

#include "base/sys/clock.h"
#include "runtime/canary/set.h"
#include "runtime/check.h"

/* Runs a program and waits; shows its outputs to whoever observes. */
static octavo_status run_program(oc_session *session, oc_program_kind kind, const oc_run *run,
                                 octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_backend *backend = session->queue->backend;
    const oc_plan *plan = &session->plans[kind];
    oc_step_report *sums = session->reports[kind], *reports = session->step_reports;
    oc_ticket ticket;
    OC_TRY(backend->submit(session->queue, session->programs[kind], run, session->report, reports,
                           &ticket, error));
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

/* Rows first .. or index[..] of an output to the caller's tensor, from its row `to` on. */
static octavo_status read_rows(oc_session *session, oc_program_kind kind, const oc_plan_port *port,
                               int32_t first, const int32_t *index, int32_t count, float *to,
                               octavo_error *error) {
    return session->queue->backend->read(session->queue, &session->plans[kind], &port->view, first,
                                         index, count, to, error);
}

/* -- images ------------------------------------------------------------------------------ */

static octavo_status copy_images(oc_session *session, oc_program_kind kind, const oc_call *call,
                                 octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_plan *plan = &session->plans[kind];
    for (int32_t i = 0; i < plan->output_count; i++) {
        const oc_plan_port *port = &plan->outputs[i];
        const octavo_argument *to = oc_argument_find(call->outputs, call->output_count, port->name);
        int32_t rows = port->rows == OC_ROWS_IMAGES ? call->images
                                                    : call->images * session->model->image_tokens;
        if (to != NULL) {
            OC_TRY(read_rows(session, kind, port, 0, NULL, rows, to->tensor.data, error));
        }
        if (call->logits != NULL && strcmp(port->name, "image_embeds") == 0) {
            OC_TRY(read_rows(session, kind, port, 0, NULL, rows, session->embeds[0], error));
        }
    }
done:
    return status;
}

static octavo_status run_images(oc_session *session, const oc_call *call, uint64_t deadline,
                                octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    bool bytes = call->pixels != NULL;
    oc_program_kind kind = bytes ? OC_PROGRAM_IMAGE_BYTES : OC_PROGRAM_IMAGE_VALUES;
    oc_run run = {.pixels = (bytes ? call->pixels : call->values)->tensor.const_data,
                  .deadline_ns = deadline};
    run.rows[OC_ROWS_IMAGES] = call->images;
    run.rows[OC_ROWS_IMAGE_TOKENS] = call->images * session->model->image_tokens;
    run.starts[OC_ROWS_IMAGE_TOKENS] = session->image_starts;
    OC_TRY(run_program(session, kind, &run, error));
    OC_TRY(copy_images(session, kind, call, error));
done:
    return status;
}

/* -- texts --------------------------------------------------------------------------------- */

/* Text i of the caller is row which[i] of an embedding, or rows starts[which[i]] .. of hidden
 * states, which are not cut then. */
static octavo_status copy_texts(oc_session *session, const oc_call *call, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_plan *plan = &session->plans[OC_PROGRAM_TEXT];
    const oc_texts *texts = &session->texts;
    for (int32_t i = 0; i < plan->output_count; i++) {
        const oc_plan_port *port = &plan->outputs[i];
        const octavo_argument *to = oc_argument_find(call->outputs, call->output_count, port->name);
        float *data = to == NULL ? NULL : to->tensor.data;
        if (data != NULL && port->rows == OC_ROWS_TEXTS) {
            OC_TRY(read_rows(session, OC_PROGRAM_TEXT, port, 0, texts->which, call->texts, data,
                             error));
        }
        for (int32_t r = 0; data != NULL && port->rows != OC_ROWS_TEXTS && r < call->texts; r++) {
            OC_TRY(read_rows(session, OC_PROGRAM_TEXT, port, texts->starts[texts->which[r]], NULL,
                             call->tokens, data + (int64_t)r * call->tokens * port->view.columns,
                             error));
        }
        if (call->logits != NULL && strcmp(port->name, "text_embeds") == 0) {
            OC_TRY(read_rows(session, OC_PROGRAM_TEXT, port, 0, texts->which, call->texts,
                             session->embeds[1], error));
        }
    }
done:
    return status;
}

static octavo_status run_texts(oc_session *session, const oc_call *call, uint64_t deadline,
                               octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_texts *texts = &session->texts;
    oc_run run = {.deadline_ns = deadline};
    OC_TRY(oc_texts_set(texts, &call->ids->tensor, call->mask == NULL ? NULL : &call->mask->tensor,
                        error));
    oc_texts_enter(texts, &run);
    OC_TRY(run_program(session, OC_PROGRAM_TEXT, &run, error));
    OC_TRY(copy_texts(session, call, error));
done:
    return status;
}

/* -- logits ---------------------------------------------------------------------------------- */

static octavo_status run_logits(oc_session *session, const oc_call *call, uint64_t deadline,
                                octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_backend *backend = session->queue->backend;
    const oc_plan *plan = &session->plans[OC_PROGRAM_LOGITS];
    oc_view logits = plan->outputs[0].view;
    oc_run run = {.deadline_ns = deadline};
    for (int32_t i = 0; i < plan->input_count; i++) {
        const oc_plan_port *port = &plan->inputs[i];
        bool image = port->rows == OC_ROWS_IMAGES;
        OC_TRY(backend->write(session->queue, plan, &port->view, 0,
                              image ? call->images : call->texts, session->embeds[image ? 0 : 1],
                              error));
    }
    run.rows[OC_ROWS_IMAGES] = call->images;
    run.rows[OC_ROWS_TEXTS] = call->texts;
    OC_TRY(run_program(session, OC_PROGRAM_LOGITS, &run, error));
    logits.columns = call->texts; /* of as many as the plan has room for */
    OC_TRY(backend->read(session->queue, plan, &logits, 0, NULL, call->images,
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
    if (call.images > 0) {
        OC_TRY(run_images(session, &call, deadline, error));
    }
    if (call.ids != NULL) {
        OC_TRY(run_texts(session, &call, deadline, error));
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
