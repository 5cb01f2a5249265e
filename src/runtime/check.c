/* check.c - see check.h. */
#include "runtime/check.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { SHAPE_TEXT = 120, DIMS = 4 };

const octavo_argument *oc_argument_find(const octavo_argument *arguments, int32_t count,
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

/* `symbols`: of a binding, whose negative dimensions stand for the run's sizes. */
static void shape_text(const int64_t *shape, int32_t rank, bool symbols, char *text) {
    size_t used = (size_t)snprintf(text, SHAPE_TEXT, "[");
    for (int32_t i = 0; i < rank && i < OCTAVO_MAX_RANK; i++) {
        const oc_tower *tower = oc_tower_of_dim(shape[i]);
        const char *symbol = !symbols                    ? NULL
                             : tower != NULL             ? tower->plural
                             : shape[i] == OC_DIM_TOKENS ? "tokens"
                                                         : NULL;
        used += (size_t)snprintf(text + used, SHAPE_TEXT - used, "%s", i == 0 ? "" : ",");
        used += symbol != NULL
                    ? (size_t)snprintf(text + used, SHAPE_TEXT - used, "%s", symbol)
                    : (size_t)snprintf(text + used, SHAPE_TEXT - used, "%" PRId64, shape[i]);
    }
    snprintf(text + used, SHAPE_TEXT - used, "]");
}

/* "I32 or I64" */
static void dtypes_text(uint32_t dtypes, char *text, size_t bytes) {
    size_t used = 0;
    text[0] = '\0';
    for (int32_t d = 0; d < 32; d++) {
        if ((dtypes >> d & 1u) != 0 && used < bytes) {
            used += (size_t)snprintf(text + used, bytes - used, "%s%s", used == 0 ? "" : " or ",
                                     octavo_dtype_name((octavo_dtype)d));
        }
    }
}

/* " (floats go to pixel_values)": another entry of the tower that takes this dtype, or "". */
static void hint_text(const oc_session *session, const octavo_binding *binding, octavo_dtype dtype,
                      char *text, size_t bytes) {
    const oc_tower *tower = oc_tower_of_dim(binding->shape[0]);
    text[0] = '\0';
    for (int32_t i = 0; !binding->is_output && i < tower->entry_count; i++) {
        const octavo_binding *other = find_binding(session, tower->entries[i].input, false);
        if (other != NULL && other != binding && (other->dtypes >> dtype & 1u) != 0) {
            snprintf(text, bytes, " (%s go to %s)",
                     tower->entries[i].form == OC_FORM_BYTES ? "bytes" : "floats", other->name);
        }
    }
}

static octavo_status check_dtype(const oc_session *session, const octavo_binding *binding,
                                 const octavo_tensor *tensor, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const char *name = octavo_dtype_name(tensor->dtype);
    char want[48], hint[80];
    if (name != NULL && (binding->dtypes >> tensor->dtype & 1u) != 0) {
        goto done;
    }
    dtypes_text(binding->dtypes, want, sizeof want);
    if (name == NULL) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "%s has dtype number %d, which is none; %s is wanted", binding->name,
                (int)tensor->dtype, want);
    }
    hint_text(session, binding, tensor->dtype, hint, sizeof hint);
    OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET, "%s has dtype %s, %s is wanted%s",
            binding->name, name, want, hint);
done:
    return status;
}

/* What cannot lie in a device's memory: ids are looked at before a run is planned, to be cut behind
 * the end of each text and to compute each text once; hidden states are widened on the host. */
static bool is_for_host(const octavo_binding *binding) {
    return binding->shape[1] == OC_DIM_TOKENS || (binding->is_output && binding->rank == 3);
}

/* That the tensor lies where it says. */
static octavo_status check_memory(const oc_session *session, const octavo_binding *binding,
                                  const octavo_tensor *tensor, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_device *device = session->model->device;
    size_t bytes = octavo_dtype_bytes(tensor->dtype);
    for (int32_t i = 0; i < tensor->rank; i++) {
        bytes *= (size_t)tensor->shape[i]; /* as the session's limits let it be */
    }
    if (tensor->memory != OCTAVO_MEMORY_HOST && is_for_host(binding)) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "%s lies in the memory of device %d; it is %s on the host and must lie in the "
                "host's memory",
                binding->name, tensor->device, binding->is_output ? "widened" : "read");
    }
    if (device->backend->check_tensor != NULL) {
        OC_TRY(device->backend->check_tensor(device, tensor, bytes, binding->name, error));
    }
done:
    return status;
}

/* Where the data lie; they have `count` elements, if that fits anywhere. */
static octavo_status check_place(const oc_session *session, const octavo_binding *binding,
                                 const octavo_tensor *tensor, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    size_t element = octavo_dtype_bytes(tensor->dtype);
    int64_t dense = 1;
    bool strided = false;
    bool is_host = tensor->memory == OCTAVO_MEMORY_HOST && tensor->device == 0;
    bool is_own = tensor->memory == OCTAVO_MEMORY_CUDA && tensor->device >= 0 &&
                  session->model->device->backend->check_tensor != NULL;
    if (!is_host && !is_own) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "%s lies in memory %d of device %d, the device %s takes the host's memory, which "
                "is 0 of device 0%s",
                binding->name, (int)tensor->memory, tensor->device,
                session->model->device->backend->name,
                session->model->device->backend->check_tensor == NULL
                    ? ""
                    : ", and its own, which is 1 of its number");
    }
    if (tensor->flags != 0) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "%s has flags 0x%" PRIx32 ", none is known", binding->name, tensor->flags);
    }
    for (size_t i = 0; i < OC_COUNT(tensor->reserved); i++) {
        if (tensor->reserved[i] != 0) {
            OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                    "%s has %" PRIu32 " in reserved member %zu, it must be 0", binding->name,
                    tensor->reserved[i], i);
        }
    }
    for (int32_t i = 0; i < tensor->rank; i++) {
        strided = strided || tensor->strides[i] != 0;
    }
    for (int32_t i = tensor->rank - 1; strided && i >= 0; i--) {
        if (tensor->strides[i] != dense && tensor->shape[i] != 1) {
            OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                    "%s has stride %" PRId64 " in dimension %d, dense rows have %" PRId64,
                    binding->name, tensor->strides[i], i, dense);
        }
        dense *= tensor->shape[i];
    }
    if (tensor->const_data == NULL) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET, "the data of %s are NULL",
                binding->name);
    }
    if ((uintptr_t)tensor->const_data % element != 0) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "the data of %s lie at %p, elements of %s need a multiple of %zu", binding->name,
                tensor->const_data, octavo_dtype_name(tensor->dtype), element);
    }
    OC_TRY(check_memory(session, binding, tensor, error));
done:
    return status;
}

/* What the session has memory and the model positions for. */
static octavo_status check_sizes(const oc_session *session, const int64_t dims[DIMS],
                                 octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    char have[80] = "";
    size_t used = 0;
    int64_t most = 0;
    for (int32_t t = 0; t < OC_TOWERS && used < sizeof have; t++) {
        int64_t count = dims[-oc_towers[t].dim];
        most = count > most ? count : most;
        used += (size_t)snprintf(have + used, sizeof have - used, "%s%" PRId64 " %s",
                                 t == 0 ? "" : " and ", count, oc_towers[t].plural);
    }
    if (most > session->batch_max) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "%s, the session was made for %d rows of each (batch_max)", have,
                session->batch_max);
    }
    if (dims[-OC_DIM_TOKENS] > session->model->texts.positions_max) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "%s has rows of %" PRId64 " tokens, the model has %d positions",
                oc_tower_of_form(OC_FORM_IDS)->entries[0].input, dims[-OC_DIM_TOKENS],
                session->model->texts.positions_max);
    }
done:
    return status;
}

/* dims[-OC_DIM_...] holds what is known of the run's sizes (0: not yet) and learns from inputs. */
static octavo_status check_tensor(const oc_session *session, const octavo_argument *argument,
                                  bool is_output, int64_t dims[DIMS], octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const octavo_tensor *tensor = &argument->tensor;
    const octavo_binding *binding = find_binding(session, argument->name, is_output);
    char want[SHAPE_TEXT], have[SHAPE_TEXT];
    if (binding == NULL) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "this session has no %s called %.64s%s", is_output ? "output" : "input",
                argument->name,
                is_output && strstr(argument->name, ".hidden.") != NULL
                    ? " (hidden states need a model loaded with OCTAVO_KEEP_HIDDEN)"
                    : "");
    }
    OC_TRY(check_dtype(session, binding, tensor, error));
    shape_text(binding->shape, binding->rank, true, want);
    if (tensor->rank != binding->rank) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "%s has rank %d, it must be %d: %s", binding->name, tensor->rank, binding->rank,
                want);
    }
    shape_text(tensor->shape, tensor->rank, false, have);
    for (int32_t i = 0; i < tensor->rank; i++) {
        int64_t expected = binding->shape[i];
        if (expected < 0) {
            int64_t *known = &dims[-expected];
            if (!is_output && *known == 0) {
                *known = tensor->shape[i];
            }
            expected = *known;
        }
        if (tensor->shape[i] < 1) {
            OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                    "%s has shape %s, dimension %d must be at least 1 of %s", binding->name, have,
                    i, want);
        }
        if (tensor->shape[i] != expected) {
            OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                    "%s has shape %s, it must be %s, and dimension %d of this run %" PRId64,
                    binding->name, have, want, i, expected);
        }
    }
    OC_TRY(check_sizes(session, dims, error));
    OC_TRY(check_place(session, binding, tensor, error));
done:
    return status;
}

/* Every argument has a name of its own. */
static octavo_status check_names(const octavo_argument *arguments, int32_t count, const char *what,
                                 octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    if (count < 0) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "%s_count is %d, it must be 0 or more", what, count);
    }
    if (count > 0 && arguments == NULL) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET, "%ss is NULL", what);
    }
    for (int32_t i = 0; i < count; i++) {
        if (arguments[i].name == NULL) {
            OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET, "%s %d has no name", what, i);
        }
        if (arguments[i].reserved[0] != 0 || arguments[i].reserved[1] != 0) {
            OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                    "%s %.64s has reserved members that are not 0", what, arguments[i].name);
        }
        if (oc_argument_find(arguments, i, arguments[i].name) != NULL) {
            OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET, "%s %.64s is given twice",
                    what, arguments[i].name);
        }
    }
done:
    return status;
}

/* "pixels or pixel_values" */
static void entries_text(const oc_tower *tower, const char *between, char *text, size_t bytes) {
    size_t used = 0;
    text[0] = '\0';
    for (int32_t i = 0; i < tower->entry_count && used < bytes; i++) {
        used += (size_t)snprintf(text + used, bytes - used, "%s%s", i == 0 ? "" : between,
                                 tower->entries[i].input);
    }
}

/* What is given to a tower, by one of its entries. */
static octavo_status find_input(const oc_tower *tower, const octavo_argument *inputs, int32_t count,
                                oc_call_input *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    *out = (oc_call_input){0};
    for (int32_t i = 0; i < tower->entry_count; i++) {
        const octavo_argument *found = oc_argument_find(inputs, count, tower->entries[i].input);
        if (found != NULL && out->argument != NULL) {
            char text[80];
            entries_text(tower, " and ", text, sizeof text);
            OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                    "both %s are given, only one of them can be used", text);
        }
        if (found != NULL) {
            out->argument = found;
            out->entry = &tower->entries[i];
        }
    }
    out->mask = tower->mask == NULL ? NULL : oc_argument_find(inputs, count, tower->mask);
    if (out->mask != NULL && out->argument == NULL) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET, "%s is given without %s",
                tower->mask, tower->entries[0].input);
    }
done:
    return status;
}

/* Whether everything that the output depends on is given. */
static octavo_status check_source(const oc_session *session, const octavo_argument *output,
                                  const int64_t dims[DIMS], octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const octavo_binding *binding = find_binding(session, output->name, true);
    for (int32_t d = 0; binding != NULL && d < binding->rank; d++) {
        const oc_tower *tower = oc_tower_of_dim(binding->shape[d]);
        if (tower != NULL && dims[-tower->dim] == 0) {
            char text[80];
            entries_text(tower, " or ", text, sizeof text);
            OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                    "output %s needs %s, which is not given", output->name, text);
        }
    }
done:
    return status;
}

octavo_status oc_call_read(const oc_session *session, const octavo_argument *inputs,
                           int32_t input_count, const octavo_argument *outputs,
                           int32_t output_count, const octavo_run_options *options, oc_call *out,
                           octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_backend *backend = session->model->device->backend;
    int64_t dims[DIMS] = {0}; /* -OC_DIM_IMAGES, ... */
    OC_TRY(check_names(inputs, input_count, "input", error));
    OC_TRY(check_names(outputs, output_count, "output", error));
    *out = (oc_call){
        .logits = oc_argument_find(outputs, output_count, oc_logits.output),
        .outputs = outputs,
        .output_count = output_count,
        .stream = options == NULL ? NULL : options->stream,
    };
    if (out->stream != NULL && backend->check_tensor == NULL) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "a stream is given to wait for, the device %s has none", backend->name);
    }
    for (int32_t t = 0; t < OC_TOWERS; t++) {
        OC_TRY(find_input(&oc_towers[t], inputs, input_count, &out->inputs[t], error));
    }
    for (int32_t t = 0; t < OC_TOWERS; t++) {
        bool first = oc_towers[t].mask != NULL; /* what a mask is held against */
        if (first && out->inputs[t].argument != NULL) {
            OC_TRY(check_tensor(session, out->inputs[t].argument, false, dims, error));
        }
    }
    for (int32_t i = 0; i < input_count; i++) {
        OC_TRY(check_tensor(session, &inputs[i], false, dims, error));
    }
    for (int32_t i = 0; i < output_count; i++) {
        OC_TRY(check_source(session, &outputs[i], dims, error));
        OC_TRY(check_tensor(session, &outputs[i], true, dims, error));
    }
    for (int32_t t = 0; t < OC_TOWERS; t++) {
        out->inputs[t].count = (int32_t)dims[-oc_towers[t].dim];
    }
    out->tokens = (int32_t)dims[-OC_DIM_TOKENS];
done:
    return status;
}
