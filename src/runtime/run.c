/* run.c - one run: check the tensors, run the programs, copy what was asked for. */
#include <stdio.h>
#include <string.h>

#include "runtime/session_fields.h"

static const octavo_argument *find_argument(const octavo_argument *arguments, int32_t count,
                                            const char *name) {
    for (int32_t i = 0; i < count; i++) {
        if (strcmp(arguments[i].name, name) == 0) {
            return &arguments[i];
        }
    }
    return NULL;
}

static const octavo_binding *find_binding(const oc_session *session, const char *name,
                                          bool is_output) {
    for (int32_t i = 0; i < session->binding_count; i++) {
        const octavo_binding *binding = &session->bindings[i];
        if (binding->is_output == (int32_t)is_output && strcmp(binding->name, name) == 0) {
            return binding;
        }
    }
    return NULL;
}

static void shape_text(const int64_t *shape, int32_t rank, char *text, size_t bytes) {
    size_t used = (size_t)snprintf(text, bytes, "[");
    for (int32_t i = 0; i < rank && i < OCTAVO_MAX_RANK; i++) {
        const char *symbol = shape[i] == OC_DIM_IMAGES   ? "images"
                             : shape[i] == OC_DIM_TEXTS  ? "texts"
                             : shape[i] == OC_DIM_TOKENS ? "tokens"
                                                         : "";
        used += symbol[0] != '\0'
                    ? (size_t)snprintf(text + used, bytes - used, "%s%s", i == 0 ? "" : ",", symbol)
                    : (size_t)snprintf(text + used, bytes - used, "%s%lld", i == 0 ? "" : ",",
                                       (long long)shape[i]);
    }
    snprintf(text + used, bytes - used, "]");
}

/* Checks a tensor against its binding; dims[-OC_DIM_...] holds what is known of the run's sizes
 * (0: not yet) and learns from inputs. */
static octavo_status check_tensor(const oc_session *session, const octavo_argument *argument,
                                  bool is_output, int64_t dims[4], octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const octavo_tensor *tensor = &argument->tensor;
    const octavo_binding *binding = find_binding(session, argument->name, is_output);
    char want[96], have[96];
    if (binding == NULL) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "this session has no %s called %s%s", is_output ? "output" : "input",
                argument->name,
                is_output && strstr(argument->name, ".hidden.") != NULL
                    ? " (hidden states need a session with OCTAVO_KEEP_HIDDEN)"
                    : "");
    }
    bool fits = tensor->rank == binding->rank && tensor->data != NULL;
    for (int32_t i = 0; fits && i < tensor->rank; i++) {
        int64_t expected = binding->shape[i];
        if (expected < 0) {
            int64_t *known = &dims[-expected];
            if (!is_output && *known == 0) {
                *known = tensor->shape[i];
            }
            expected = *known;
        }
        fits = tensor->shape[i] == expected && expected >= 1;
    }
    if (!fits || (unsigned)tensor->dtype >= 32 || (binding->dtypes >> tensor->dtype & 1u) == 0) {
        shape_text(binding->shape, binding->rank, want, sizeof want);
        shape_text(tensor->shape, tensor->rank, have, sizeof have);
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "%s has dtype %s and shape %s, it must be %s%s of this run's sizes (images %lld, "
                "texts %lld, tokens %lld)%s",
                argument->name, oc_dtype_name(tensor->dtype), have,
                binding->dtypes == (1u << OCTAVO_I32 | 1u << OCTAVO_I64) ? "I32 or I64 "
                : binding->dtypes == 1u << OCTAVO_U8                     ? "U8 "
                                                                         : "F32 ",
                want, (long long)dims[1], (long long)dims[2], (long long)dims[3],
                tensor->data == NULL ? ", and its data is NULL" : "");
    }
done:
    return status;
}

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
        const octavo_argument *to = find_argument(outputs, output_count, port->name);
        int64_t columns = port->view.columns;
        int64_t rows = port->rows == OC_ROWS_IMAGES ? images : images * session->image_tokens;
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

static octavo_status run_images(oc_session *session, const octavo_argument *pixels, bool bytes,
                                const octavo_argument *outputs, int32_t output_count,
                                octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_program_kind kind = bytes ? OC_PROGRAM_IMAGE_BYTES : OC_PROGRAM_IMAGE_VALUES;
    int32_t images = (int32_t)pixels->tensor.shape[0];
    oc_run run = {.pixels = pixels->tensor.data};
    run.rows[OC_ROWS_IMAGES] = images;
    run.rows[OC_ROWS_IMAGE_TOKENS] = images * session->image_tokens;
    run.starts[OC_ROWS_IMAGE_TOKENS] = session->image_starts;
    OC_TRY(run_plan(session, kind, &run, error));
    copy_images(session, &session->plans[kind], images, outputs, output_count);
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
        const octavo_argument *to = find_argument(outputs, output_count, port->name);
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

static octavo_status run_texts(oc_session *session, const octavo_argument *ids,
                               const octavo_argument *mask, const octavo_argument *outputs,
                               int32_t output_count, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_texts *texts = &session->texts;
    oc_run run = {0};
    OC_TRY(oc_texts_set(texts, &ids->tensor, mask == NULL ? NULL : &mask->tensor, error));
    run.ids = texts->ids;
    run.positions = texts->place;
    run.ends = texts->ends;
    run.key_mask = texts->masked ? texts->key_mask : NULL;
    run.rows[OC_ROWS_TEXTS] = texts->count;
    run.rows[OC_ROWS_TEXT_TOKENS] = texts->tokens;
    run.starts[OC_ROWS_TEXT_TOKENS] = texts->starts;
    OC_TRY(run_plan(session, OC_PROGRAM_TEXT, &run, error));
    copy_texts(session, (int32_t)ids->tensor.shape[0], ids->tensor.shape[1], outputs, output_count);
done:
    return status;
}

/* -- logits ---------------------------------------------------------------------------------- */

static octavo_status run_logits(oc_session *session, int32_t images, int32_t texts,
                                const octavo_argument *to, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_plan *plan = &session->plans[OC_PROGRAM_LOGITS];
    oc_run run = {0};
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

/* Every argument has a name of its own. */
static octavo_status check_names(const octavo_argument *arguments, int32_t count, const char *what,
                                 octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    for (int32_t i = 0; i < count; i++) {
        if (arguments[i].name == NULL) {
            OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET, "%s %d has no name", what, i);
        }
        if (find_argument(arguments, i, arguments[i].name) != NULL) {
            OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET, "%s %s is given twice", what,
                    arguments[i].name);
        }
    }
done:
    return status;
}

octavo_status oc_session_run(oc_session *session, const octavo_argument *inputs,
                             int32_t input_count, const octavo_argument *outputs,
                             int32_t output_count, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int64_t dims[4] = {0}; /* -OC_DIM_IMAGES, ... */
    const octavo_argument *pixels, *values, *ids, *mask, *logits;
    OC_TRY(check_names(inputs, input_count, "input", error));
    OC_TRY(check_names(outputs, output_count, "output", error));
    pixels = find_argument(inputs, input_count, "pixels");
    values = find_argument(inputs, input_count, "pixel_values");
    ids = find_argument(inputs, input_count, "input_ids");
    mask = find_argument(inputs, input_count, "attention_mask");
    logits = find_argument(outputs, output_count, "logits_per_image");
    if (pixels != NULL && values != NULL) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "both pixels and pixel_values are given, only one of them can be used");
    }
    if (mask != NULL && ids == NULL) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "attention_mask is given without input_ids");
    }
    for (int32_t i = 0; i < input_count; i++) {
        OC_TRY(check_tensor(session, &inputs[i], false, dims, error));
    }
    for (int32_t i = 0; i < output_count; i++) {
        const octavo_binding *binding = find_binding(session, outputs[i].name, true);
        for (int32_t d = 0; binding != NULL && d < binding->rank; d++) {
            if (binding->shape[d] < 0 && dims[-binding->shape[d]] == 0) {
                OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                        "output %s needs %s, which is not given", outputs[i].name,
                        binding->shape[d] == OC_DIM_IMAGES ? "pixels or pixel_values"
                                                           : "input_ids");
            }
        }
        OC_TRY(check_tensor(session, &outputs[i], true, dims, error));
    }
    if (dims[-OC_DIM_IMAGES] > session->batch_max || dims[-OC_DIM_TEXTS] > session->batch_max) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "%lld images and %lld texts, the session was made for %d rows of each",
                (long long)dims[-OC_DIM_IMAGES], (long long)dims[-OC_DIM_TEXTS],
                session->batch_max);
    }
    if (pixels != NULL || values != NULL) {
        OC_TRY(run_images(session, pixels != NULL ? pixels : values, pixels != NULL, outputs,
                          output_count, error));
    }
    if (ids != NULL) {
        OC_TRY(run_texts(session, ids, mask, outputs, output_count, error));
    }
    if (logits != NULL) {
        OC_TRY(run_logits(session, (int32_t)dims[-OC_DIM_IMAGES], (int32_t)dims[-OC_DIM_TEXTS],
                          logits, error));
    }
done:
    return status;
}
