/* call.c - see call.h. */
#include "serve/work/call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/size.h"
#include "base/sys/clock.h"
#include "serve/models/model.h"

enum { TEXTS = 32 /* that one task tokenizes: some tens of microseconds */ };

/* One image to decode, or some texts to tokenize. */
struct preparation {
    oc_srv_task task;
    oc_srv_call *call;
    int32_t first, count;
    bool is_image;
};

void oc_srv_call_open(oc_srv_call *call, oc_srv_model *model) {
    memset(call, 0, sizeof *call);
    call->model = model;
    oc_srv_model_hold(model);
    oc_error_clear(&call->error);
    atomic_flag_clear(&call->failed_once);
    call->image.call = call->text.call = call;
}

void oc_srv_call_close(oc_srv_call *call) {
    if (call->model) {
        oc_srv_model_release(call->model);
    }
    free(call->memory);
    free(call->tasks);
    call->model = NULL;
    call->memory = call->tasks = NULL;
}

void oc_srv_call_fail(oc_srv_call *call, const octavo_error *error) {
    if (!atomic_flag_test_and_set(&call->failed_once)) {
        call->error = *error;
        atomic_store(&call->failed, true);
    }
}

bool oc_srv_call_is_over(oc_srv_call *call, uint64_t now_ns) {
    octavo_error error;
    oc_error_clear(&error);
    if (atomic_load(&call->failed)) {
        return true;
    }
    if (call->cancelled && atomic_load(call->cancelled)) {
        oc_fail(&error, OCTAVO_CANCELLED, OCTAVO_NO_OFFSET, __FILE__, __LINE__,
                "the client has gone");
    } else if (call->deadline_ns && now_ns >= call->deadline_ns) {
        oc_fail(&error, OCTAVO_DEADLINE_EXCEEDED, OCTAVO_NO_OFFSET, __FILE__, __LINE__,
                "the deadline came before the request was computed");
    } else {
        return false;
    }
    oc_srv_call_fail(call, &error);
    return true;
}

/* What was computed may be asked for again. */
static void keep_texts(oc_srv_call *call) {
    const oc_srv_part *part = &call->text;
    size_t dim = (size_t)call->model->info->embed_dim;
    for (int32_t i = 0; call->texts && i < part->rows; i++) {
        const float *raw = part->raw ? part->raw + (size_t)i * dim : NULL;
        oc_srv_text_cache_keep(call->model->text_cache, call->texts[i],
                               part->embeds + (size_t)i * dim, raw,
                               call->token_counts ? &call->token_counts[i] : NULL);
    }
}

static bool find_texts(oc_srv_call *call) {
    const oc_srv_part *part = &call->text;
    size_t dim = (size_t)call->model->info->embed_dim;
    bool all = call->texts != NULL;
    for (int32_t i = 0; all && i < part->rows; i++) {
        all = oc_srv_text_cache_find(call->model->text_cache, call->texts[i],
                                     part->embeds + (size_t)i * dim,
                                     part->raw ? part->raw + (size_t)i * dim : NULL,
                                     call->token_counts ? &call->token_counts[i] : NULL);
    }
    return all;
}

/* One of those that the call waits for has ended. */
static void leave(oc_srv_call *call) {
    if (atomic_fetch_sub(&call->open, 1) == 1) {
        call->ended_ns = oc_clock_ns();
        oc_srv_model_note_call(call->model, call);
        call->done(call);
    }
}

void oc_srv_part_close_rows(oc_srv_part *part, int32_t rows) {
    if (rows > 0 && atomic_fetch_sub(&part->open, rows) == rows) {
        if (part == &part->call->text && !atomic_load(&part->call->failed)) {
            keep_texts(part->call);
        }
        leave(part->call);
    }
}

/* All is prepared: the parts go to the queue, or the call ends here. */
static void queue_parts(oc_srv_call *call) {
    oc_srv_part *parts[] = {&call->image, &call->text};
    call->ready_ns = oc_clock_ns();
    bool over = oc_srv_call_is_over(call, call->ready_ns);
    /* Putting the first part may end the call before the second is looked at: count them first. */
    int32_t image_rows = call->image.rows, text_rows = call->knows_texts ? 0 : call->text.rows;
    if (image_rows + text_rows == 0) { /* all is known */
        call->taken_ns = call->computed_ns = call->ready_ns;
        atomic_store(&call->open, 1);
        leave(call);
        return;
    }
    atomic_store(&call->open, (image_rows > 0) + (text_rows > 0));
    oc_srv_queue *queue = &call->model->queue;
    for (size_t i = 0; i < OC_COUNT(parts); i++) {
        int32_t rows = i == 0 ? image_rows : text_rows;
        if (rows == 0) {
            continue;
        }
        atomic_store(&parts[i]->open, rows);
        if (over) {
            oc_srv_queue_release(queue, rows);
            oc_srv_part_close_rows(parts[i], rows);
        } else {
            oc_srv_queue_put(queue, parts[i]);
        }
    }
}

static void fail_item(oc_srv_part *part, int32_t row, octavo_error *error) {
    octavo_error told = *error;
    snprintf(told.message, sizeof told.message, "%.30s[%d]: %.690s", part->what,
             part->items ? part->items[row] : row, error->message);
    told.path[0] = 0;
    if (told.cause == OCTAVO_CAUSE_INPUT) {
        told.status = OCTAVO_INVALID_ARGUMENT; /* of the request, whatever is wrong with the item */
    }
    oc_srv_call_fail(part->call, &told);
}

static void decode(oc_srv_call *call, int32_t index) {
    const oc_srv_model *model = call->model;
    octavo_error error;
    oc_error_clear(&error);
    uint8_t *pixels = (uint8_t *)call->image.data + (size_t)index * call->image.row_bytes;
    oc_slice bytes = call->encoded[index];
    if (octavo_preprocess(model->engine, bytes.data, bytes.length, pixels, &error)) {
        fail_item(&call->image, index, &error);
    }
}

static void tokenize(oc_srv_call *call, int32_t first, int32_t count) {
    const oc_srv_model *model = call->model;
    int32_t length = call->text.length, used;
    octavo_error error;
    oc_error_clear(&error);
    for (int32_t i = first; i < first + count; i++) {
        int32_t *ids = (int32_t *)call->text.data + (size_t)i * (size_t)length;
        oc_slice text = call->texts[i];
        if (text.length > OC_LIMIT_TEXT_BYTES) {
            oc_fail(&error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET, __FILE__, __LINE__,
                    "a text of %zu bytes, the limit is %u", text.length, OC_LIMIT_TEXT_BYTES);
        } else if (octavo_tokenize(model->engine, text.data, text.length, ids, &used, NULL,
                                   &error) == OCTAVO_OK) {
            if (call->token_counts) {
                call->token_counts[i] = used;
            }
            while (used < length) {
                ids[used++] = model->info->pad_id;
            }
            continue;
        }
        fail_item(&call->text, i, &error);
        return;
    }
}

static void prepare(oc_srv_task *task) {
    struct preparation *work = (struct preparation *)task;
    oc_srv_call *call = work->call;
    if (!oc_srv_call_is_over(call, oc_clock_ns())) {
        if (work->is_image) {
            decode(call, work->first);
        } else {
            tokenize(call, work->first, work->count);
        }
    }
    if (atomic_fetch_sub(&call->open, 1) == 1) {
        queue_parts(call);
    }
}

/* Room for results and for what the workers make, in one block. */
static octavo_status allocate(oc_srv_call *call, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const octavo_engine_info *info = call->model->info;
    size_t dim = (size_t)info->embed_dim, images = (size_t)call->image.rows,
           texts = (size_t)call->text.rows;
    size_t floats = (images + texts) * dim * (call->wants_raw ? 2 : 1);
    size_t pixels = call->encoded ? images * call->image.row_bytes : 0;
    size_t ids = call->texts ? texts * call->text.row_bytes : 0;
    size_t bytes = floats * sizeof(float) + oc_round_up(pixels, sizeof(float)) + ids;
    char *at = call->memory = malloc(bytes + 1);
    if (!at) {
        OC_NO_MEMORY(error, bytes);
    }
    oc_srv_part *parts[] = {&call->image, &call->text};
    for (size_t i = 0; i < OC_COUNT(parts); i++) {
        size_t part = (size_t)parts[i]->rows * dim * sizeof(float);
        parts[i]->embeds = (float *)(void *)at;
        at += part;
        parts[i]->raw = call->wants_raw ? (float *)(void *)at : NULL;
        at += call->wants_raw ? part : 0;
    }
    if (call->encoded) {
        call->image.data = at;
        at += oc_round_up(pixels, sizeof(float));
    }
    if (call->texts) {
        call->text.data = at;
    }
done:
    return status;
}

static octavo_status make_tasks(oc_srv_call *call, int32_t *count, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int32_t images = call->encoded ? call->image.rows : 0;
    int32_t texts = call->texts && !call->knows_texts ? call->text.rows : 0;
    *count = images + (texts + TEXTS - 1) / TEXTS;
    if (*count == 0) {
        goto done;
    }
    struct preparation *tasks = calloc((size_t)*count, sizeof *tasks);
    if (!tasks) {
        OC_NO_MEMORY(error, (size_t)*count * sizeof *tasks);
    }
    for (int32_t i = 0; i < *count; i++) {
        int32_t first = i < images ? i : (i - images) * TEXTS;
        tasks[i] = (struct preparation){
            .task = {i + 1 < *count ? &tasks[i + 1].task : NULL, prepare},
            .call = call,
            .first = first,
            .count = i < images              ? 1
                     : texts - first < TEXTS ? texts - first
                                             : TEXTS,
            .is_image = i < images,
        };
    }
    call->tasks = &tasks->task;
done:
    return status;
}

octavo_status oc_srv_call_start(oc_srv_call *call, oc_srv_workers *workers, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const octavo_engine_info *info = call->model->info;
    int32_t tasks = 0, rows;
    size_t side = (size_t)info->image_size;
    call->started_ns = oc_clock_ns();
    if (call->encoded) {
        call->image.lane = OC_SRV_PIXELS;
        call->image.row_bytes = side * side * 3;
    }
    if (call->texts) {
        call->text.lane = OC_SRV_IDS;
        call->text.length = info->tokens_max;
        call->text.row_bytes = (size_t)info->tokens_max * sizeof(int32_t);
    }
    OC_TRY(allocate(call, error));
    call->knows_texts = find_texts(call);
    rows = call->image.rows + (call->knows_texts ? 0 : call->text.rows);
    OC_TRY(oc_srv_queue_admit(&call->model->queue, rows, error));
    call->admitted = rows;
    OC_TRY(make_tasks(call, &tasks, error));
    if (tasks == 0) {
        queue_parts(call); /* the call may be over when this returns */
    } else {
        atomic_store(&call->open, tasks);
        oc_srv_workers_add(workers, call->tasks);
    }
done:
    if (status && call->admitted) {
        oc_srv_queue_release(&call->model->queue, call->admitted);
    }
    if (status) {
        oc_srv_model_note_refused(call->model, status);
    }
    return status;
}
