/* instance.c - see instance.h. */
#include "serve/work/instance.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/sys/clock.h"
#include "serve/models/model.h"
#include "serve/observe/drift.h"
#include "serve/observe/log.h"

struct oc_srv_instance {
    oc_srv_model *model;
    octavo_session *session;
    const octavo_model_info *about;
    int32_t batch_max;
    uint64_t delay_ns, check_ns, due_ns; /* when the next canary is to run */
    _Atomic uint64_t proven_ns;
    atomic_bool right;
    pthread_t thread;
    oc_srv_cost costs[OC_SRV_LANES];
    oc_srv_batch batch;
    void *inputs; /* where rows of several calls come together */
    size_t input_bytes;
    int32_t *mask;
    float *embeds, *raw; /* [batch_max, dim] */
};

static octavo_status room_for_inputs(oc_srv_instance *instance, size_t bytes, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    if (bytes <= instance->input_bytes) {
        goto done;
    }
    free(instance->inputs);
    instance->input_bytes = 0;
    instance->inputs = malloc(bytes);
    if (!instance->inputs) {
        OC_NO_MEMORY(error, bytes);
    }
    instance->input_bytes = bytes;
done:
    return status;
}

static size_t element_bytes(oc_srv_lane lane) {
    return lane == OC_SRV_PIXELS ? 1 : 4;
}

/* The rows of the pieces, one behind the other: those of a single call as they lie. */
static octavo_status collect(oc_srv_instance *instance, const oc_srv_batch *batch,
                             const void **inputs, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_srv_piece *first = &batch->pieces[0];
    bool is_ids = batch->lane == OC_SRV_IDS;
    size_t row_bytes = is_ids ? (size_t)batch->length * sizeof(int32_t) : first->part->row_bytes;
    const char *data =
        (const char *)first->part->data + (size_t)first->first * first->part->row_bytes;
    if (batch->piece_count == 1 && (uintptr_t)data % element_bytes(batch->lane) == 0) {
        *inputs = data;
        goto done;
    }
    OC_TRY(room_for_inputs(instance, (size_t)batch->rows * row_bytes, error));
    char *to = instance->inputs;
    for (int32_t i = 0; i < batch->piece_count; i++) {
        const oc_srv_piece *piece = &batch->pieces[i];
        const oc_srv_part *part = piece->part;
        const char *from = (const char *)part->data + (size_t)piece->first * part->row_bytes;
        for (int32_t row = 0; row < piece->count; row++, to += row_bytes, from += part->row_bytes) {
            memcpy(to, from, part->row_bytes);
            for (int32_t t = part->length; is_ids && t < batch->length; t++) {
                memcpy(to + (size_t)t * sizeof(int32_t), &instance->model->info->pad_id,
                       sizeof(int32_t));
            }
        }
    }
    *inputs = instance->inputs;
done:
    return status;
}

/* The masks of the pieces; NULL where none has one.  Ids without one are all seen. */
static octavo_status collect_mask(oc_srv_instance *instance, const oc_srv_batch *batch,
                                  const int32_t **mask, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    bool any = false;
    *mask = NULL;
    for (int32_t i = 0; i < batch->piece_count; i++) {
        any |= batch->pieces[i].part->mask != NULL;
    }
    if (!any) {
        goto done;
    }
    size_t row = (size_t)batch->length, count = (size_t)instance->batch_max * row;
    free(instance->mask);
    instance->mask = malloc(count * sizeof *instance->mask);
    if (!instance->mask) {
        OC_NO_MEMORY(error, count * sizeof *instance->mask);
    }
    int32_t *to = instance->mask;
    for (int32_t i = 0; i < batch->piece_count; i++) {
        const oc_srv_piece *piece = &batch->pieces[i];
        size_t values = (size_t)piece->count * row;
        for (size_t v = 0; v < values; v++) {
            to[v] = piece->part->mask ? piece->part->mask[(size_t)piece->first * row + v] : 1;
        }
        to += values;
    }
    *mask = instance->mask;
done:
    return status;
}

static octavo_status run(oc_srv_instance *instance, const oc_srv_batch *batch, float *embeds,
                         float *raw, octavo_error *error) {
    static const char *const names[] = {"pixels", "pixel_values", "input_ids"};
    octavo_status status = OCTAVO_OK;
    const octavo_engine_info *info = instance->model->info;
    int64_t rows = batch->rows, side = info->image_size, length = batch->length;
    octavo_argument inputs[2] = {{.name = names[batch->lane]}, {.name = "attention_mask"}};
    octavo_argument outputs[2] = {{.name = "image_embeds"}, {.name = "image_embeds_raw"}};
    octavo_tensor *in = &inputs[0].tensor;
    const void *data;
    const int32_t *mask = NULL;
    OC_TRY(collect(instance, batch, &data, error));
    switch (batch->lane) {
    case OC_SRV_PIXELS:
        *in = (octavo_tensor){.dtype = OCTAVO_U8, .rank = 4, .shape = {rows, side, side, 3}};
        break;
    case OC_SRV_VALUES:
        *in = (octavo_tensor){.dtype = OCTAVO_F32, .rank = 4, .shape = {rows, 3, side, side}};
        break;
    case OC_SRV_IDS:
    case OC_SRV_LANES:
        *in = (octavo_tensor){.dtype = OCTAVO_I32, .rank = 2, .shape = {rows, length}};
        OC_TRY(collect_mask(instance, batch, &mask, error));
        inputs[1].tensor = *in;
        inputs[1].tensor.const_data = mask;
        outputs[0].name = "text_embeds";
        outputs[1].name = "text_embeds_raw";
        break;
    }
    in->const_data = data;
    for (int i = 0; i < 2; i++) {
        outputs[i].tensor =
            (octavo_tensor){.dtype = OCTAVO_F32, .rank = 2, .shape = {rows, info->embed_dim}};
        outputs[i].tensor.data = i == 0 ? embeds : raw;
    }
    OC_TRY(octavo_session_run(instance->session, inputs, mask ? 2 : 1, outputs, raw ? 2 : 1, NULL,
                              error));
    oc_srv_drift_run(instance->model, instance->session, inputs, mask ? 2 : 1, outputs,
                     raw ? 2 : 1);
done:
    return status;
}

/* Runs the batch and brings the results to the calls. */
static octavo_status compute(oc_srv_instance *instance, const oc_srv_batch *batch,
                             octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    size_t dim = (size_t)instance->model->info->embed_dim;
    const oc_srv_part *only = batch->piece_count == 1 ? batch->pieces[0].part : NULL;
    size_t at = (size_t)batch->pieces[0].first * dim;
    bool wants_raw = instance->model->watch != NULL;
    for (int32_t i = 0; i < batch->piece_count; i++) {
        wants_raw |= batch->pieces[i].part->raw != NULL;
    }
    float *embeds = only ? only->embeds + at : instance->embeds;
    float *raw = !wants_raw ? NULL : only && only->raw ? only->raw + at : instance->raw;
    uint64_t start = oc_clock_ns();
    OC_TRY(run(instance, batch, embeds, raw, error));
    uint64_t end = oc_clock_ns();
    oc_srv_cost_learn(&instance->costs[batch->lane], batch->rows, (double)(end - start) * 1e-9);
    oc_srv_model_note_batch(instance->model, batch, end - start);
    for (int32_t i = 0, row = 0; i < batch->piece_count; row += batch->pieces[i].count, i++) {
        const oc_srv_piece *piece = &batch->pieces[i];
        const oc_srv_part *part = piece->part;
        size_t from = (size_t)row * dim, to = (size_t)piece->first * dim;
        size_t bytes = (size_t)piece->count * dim * sizeof(float);
        part->call->computed_ns = end;
        if (!only) {
            memcpy(part->embeds + to, embeds + from, bytes);
        }
        if (!only && part->raw) {
            memcpy(part->raw + to, raw + from, bytes);
        }
    }
done:
    return status;
}

/* A batch that fails is run again call by call, so that only those fail that are at fault. */
static void compute_each(oc_srv_instance *instance, const oc_srv_batch *batch,
                         const octavo_error *why) {
    for (int32_t i = 0; i < batch->piece_count; i++) {
        octavo_error error;
        oc_srv_batch one = *batch;
        one.pieces = &batch->pieces[i];
        one.piece_count = 1;
        one.rows = one.pieces[0].count;
        one.length = one.pieces[0].part->length;
        oc_error_clear(&error);
        if (batch->piece_count == 1) {
            error = *why;
        } else {
            compute(instance, &one, &error);
        }
        if (error.status) {
            oc_srv_call_fail(one.pieces[0].part->call, &error);
        }
    }
}

/* Whether the device still computes right.  While it does not, the instance takes no work: others
 * of the model may, and where there is none the model's queue fails at once. */
static void check(oc_srv_instance *instance) {
    octavo_error error;
    oc_error_clear(&error);
    bool was_right = atomic_load(&instance->right);
    bool is_right = octavo_session_check(instance->session, &error) == OCTAVO_OK;
    uint64_t now = oc_clock_ns();
    if (is_right) {
        atomic_store(&instance->proven_ns, now);
    }
    atomic_store(&instance->right, is_right);
    instance->due_ns = now + instance->check_ns;
    if (is_right != was_right) {
        oc_srv_log(is_right ? OC_SRV_NOTICE : OC_SRV_ALARM, "canary", instance->model->name,
                   "%s on %s", is_right ? "the canaries come out right again" : error.message,
                   instance->about->device);
    }
}

static void *serve(void *context) {
    oc_srv_instance *instance = context;
    oc_srv_queue *queue = &instance->model->queue;
    for (;;) {
        if (oc_clock_ns() >= instance->due_ns) {
            check(instance);
        }
        if (!atomic_load(&instance->right)) {
            if (oc_srv_model_give_up(instance->model)) {
                break; /* the model goes; what waited was told */
            }
            usleep(10000);
            continue;
        }
        oc_srv_taken taken =
            oc_srv_queue_take(queue, instance->costs, instance->batch_max, instance->delay_ns,
                              instance->due_ns, &instance->batch);
        if (taken == OC_SRV_CLOSED) {
            break;
        }
        if (taken == OC_SRV_TIME) {
            continue;
        }
        octavo_error error;
        oc_error_clear(&error);
        if (compute(instance, &instance->batch, &error)) {
            compute_each(instance, &instance->batch, &error);
        }
        for (int32_t i = 0; i < instance->batch.piece_count; i++) {
            oc_srv_part_close_rows(instance->batch.pieces[i].part, instance->batch.pieces[i].count);
        }
    }
    return NULL;
}

static void free_instance(oc_srv_instance *instance) {
    octavo_session_free(instance->session);
    free(instance->batch.pieces);
    free(instance->inputs);
    free(instance->mask);
    free(instance->embeds);
    free(instance->raw);
    free(instance);
}

octavo_status oc_srv_instance_start(oc_srv_model *model, const oc_srv_instance_options *options,
                                    oc_srv_instance **out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_srv_instance *instance = calloc(1, sizeof *instance);
    octavo_session_options session = {.struct_size = sizeof session,
                                      .batch_max = options->batch_max,
                                      .threads = options->threads};
    size_t rows = (size_t)options->batch_max, dim = (size_t)model->info->embed_dim;
    *out = NULL;
    if (!instance) {
        OC_NO_MEMORY(error, sizeof *instance);
    }
    instance->model = model;
    instance->about = octavo_model_describe(options->weights);
    instance->batch_max = options->batch_max;
    instance->delay_ns = (uint64_t)(options->delay_s * 1e9);
    instance->check_ns = (uint64_t)(options->check_s * 1e9);
    instance->batch.pieces = calloc(rows, sizeof *instance->batch.pieces);
    instance->embeds = malloc(rows * dim * sizeof(float));
    instance->raw = malloc(rows * dim * sizeof(float));
    if (!instance->batch.pieces || !instance->embeds || !instance->raw) {
        OC_NO_MEMORY(error, rows * dim * sizeof(float));
    }
    OC_TRY(octavo_session_create(options->weights, &session, &instance->session, error));
    if (model->watch) {
        OC_TRY(octavo_tool_watch_session(instance->session, error));
    }
    OC_TRY(octavo_session_check(instance->session, error));
    instance->proven_ns = oc_clock_ns();
    instance->due_ns = instance->proven_ns + instance->check_ns;
    instance->right = true;
    OC_TRY(oc_srv_thread_start(&instance->thread, options->name, serve, instance, error));
    *out = instance;
done:
    if (instance && *out != instance) {
        free_instance(instance);
    }
    return status;
}

void oc_srv_instance_stop(oc_srv_instance *instance) {
    if (instance) {
        pthread_join(instance->thread, NULL);
        free_instance(instance);
    }
}

const char *oc_srv_instance_device(const oc_srv_instance *instance) {
    return instance->about->device;
}

const octavo_session *oc_srv_instance_session(const oc_srv_instance *instance) {
    return instance->session;
}

double oc_srv_instance_proof_age(const oc_srv_instance *instance, uint64_t now_ns) {
    uint64_t proven = atomic_load(&instance->proven_ns);
    return now_ns > proven ? (double)(now_ns - proven) * 1e-9 : 0;
}

bool oc_srv_instance_is_right(const oc_srv_instance *instance) {
    return atomic_load(&instance->right);
}
