/* run.c - one run: check the tensors, run the programs, copy what was asked for. */
#include <stdio.h>
#include <string.h>

#include "base/sys/clock.h"
#include "runtime/canary/set.h"
#include "runtime/check.h"

static octavo_status run_plan(oc_session *session, oc_program_kind kind, const oc_run *run,
                              octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_plan *plan = &session->plans[kind];
    double *seconds = session->seconds[kind] == NULL ? NULL : session->step_seconds;
    OC_TRY(session->device->backend->run(session->device, plan->steps, plan->step_count, run,
                                         session->scratch, seconds, error));
    for (int32_t i = 0; seconds != NULL && i < plan->step_count; i++) {
        session->seconds[kind][i] += seconds[i];
    }
    for (int32_t i = 0; session->observe != NULL && i < plan->output_count; i++) {
        const oc_plan_port *port = &plan->outputs[i];
        session->observe(session->observe_user, port->name, &port->view, run->rows[port->rows]);
    }
done:
    return status;
}

static const float *port_row(const oc_plan_port *port, int64_t row) {
    return (const float *)port->view.data + row * port->view.stride;
}

/* -- images ------------------------------------------------------------------------------ */

static void copy_images(const oc_session *session, const oc_plan *plan, int32_t images,
                        const octavo_argument *outputs, int32_t output_count) {
    for (int32_t i = 0; i < plan->output_count; i++) {
        const oc_plan_port *port = &plan->outputs[i];
        const octavo_argument *to = oc_argument_find(outputs, output_count, port->name);
        int64_t columns = port->view.columns;
        int64_t rows =
            port->rows == OC_ROWS_IMAGES ? images : images * session->model->image_tokens;
        float *keep = strcmp(port->name, "image_embeds") == 0 ? session->embeds[0] : NULL;
        for (int64_t r = 0; r < rows; r++) {
            size_t bytes = (size_t)columns * sizeof(float);
            if (to != NULL) {
                memcpy((float *)to->tensor.data + r * columns, port_row(port, r), bytes);
            }
            if (keep != NULL) {
                memcpy(keep + r * columns, port_row(port, r), bytes);
            }
        }
    }
}

static octavo_status run_images(oc_session *session, const oc_call *call, uint64_t deadline,
                                octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    bool bytes = call->pixels != NULL;
    oc_program_kind kind = bytes ? OC_PROGRAM_IMAGE_BYTES : OC_PROGRAM_IMAGE_VALUES;
    int32_t images = call->images;
    oc_run run = {.pixels = (bytes ? call->pixels : call->values)->tensor.const_data,
                  .deadline_ns = deadline};
    run.rows[OC_ROWS_IMAGES] = images;
    run.rows[OC_ROWS_IMAGE_TOKENS] = images * session->model->image_tokens;
    run.starts[OC_ROWS_IMAGE_TOKENS] = session->image_starts;
    OC_TRY(run_plan(session, kind, &run, error));
    copy_images(session, &session->plans[kind], images, call->outputs, call->output_count);
done:
    return status;
}

/* -- texts --------------------------------------------------------------------------------- */

static void copy_texts(const oc_session *session, int32_t rows, int64_t length,
                       const octavo_argument *outputs, int32_t output_count) {
    const oc_plan *plan = &session->plans[OC_PROGRAM_TEXT];
    const oc_texts *texts = &session->texts;
    for (int32_t i = 0; i < plan->output_count; i++) {
        const oc_plan_port *port = &plan->outputs[i];
        const octavo_argument *to = oc_argument_find(outputs, output_count, port->name);
        int64_t columns = port->view.columns;
        float *keep = strcmp(port->name, "text_embeds") == 0 ? session->embeds[1] : NULL;
        size_t bytes = (size_t)columns * sizeof(float);
        for (int32_t r = 0; r < rows; r++) {
            int32_t from = texts->which[r];
            if (port->rows == OC_ROWS_TEXTS) {
                if (to != NULL) {
                    memcpy((float *)to->tensor.data + r * columns, port_row(port, from), bytes);
                }
                if (keep != NULL) {
                    memcpy(keep + r * columns, port_row(port, from), bytes);
                }
            } else { /* hidden states: the text was not cut */
                for (int64_t t = 0; to != NULL && t < length; t++) {
                    memcpy((float *)to->tensor.data + (r * length + t) * columns,
                           port_row(port, texts->starts[from] + t), bytes);
                }
            }
        }
    }
}

static octavo_status run_texts(oc_session *session, const oc_call *call, uint64_t deadline,
                               octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_texts *texts = &session->texts;
    oc_run run = {.deadline_ns = deadline};
    OC_TRY(oc_texts_set(texts, &call->ids->tensor, call->mask == NULL ? NULL : &call->mask->tensor,
                        error));
    oc_texts_enter(texts, &run);
    OC_TRY(run_plan(session, OC_PROGRAM_TEXT, &run, error));
    copy_texts(session, call->texts, call->tokens, call->outputs, call->output_count);
done:
    return status;
}

/* -- logits ---------------------------------------------------------------------------------- */

static octavo_status run_logits(oc_session *session, const oc_call *call, uint64_t deadline,
                                octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_plan *plan = &session->plans[OC_PROGRAM_LOGITS];
    const octavo_argument *to = call->logits;
    int32_t images = call->images, texts = call->texts;
    oc_run run = {.deadline_ns = deadline};
    for (int32_t i = 0; i < plan->input_count; i++) {
        const oc_plan_port *port = &plan->inputs[i];
        bool image = port->rows == OC_ROWS_IMAGES;
        for (int32_t r = 0; r < (image ? images : texts); r++) {
            memcpy((float *)port->view.data + r * port->view.stride,
                   session->embeds[image ? 0 : 1] + (int64_t)r * port->view.columns,
                   (size_t)port->view.columns * sizeof(float));
        }
    }
    run.rows[OC_ROWS_IMAGES] = images;
    run.rows[OC_ROWS_TEXTS] = texts;
    OC_TRY(run_plan(session, OC_PROGRAM_LOGITS, &run, error));
    for (int32_t r = 0; r < images; r++) {
        memcpy((float *)to->tensor.data + (int64_t)r * texts, port_row(&plan->outputs[0], r),
               (size_t)texts * sizeof(float));
    }
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
    oc_model *model = session->model;
    double worst;
    OC_TRY(enter(session, error));
    pthread_mutex_lock(&model->canary_lock);
    status = oc_canary_set_run(model->canaries, session->device, session->towers, false,
                               session->arena, &worst, error);
    pthread_mutex_unlock(&model->canary_lock);
    atomic_store(&session->running, false);
done:
    return status;
}
