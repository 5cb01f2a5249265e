/* embedder.c - files and texts through a session: src/embed over octavo.h's objects. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/objects.h"
#include "api/require.h"
#include "api/tool/listener.h"
#include "embed/embed.h"
#include "embed/items.h"

enum { NAMED_TEXTS = 4 }; /* of those that are cut; the others are counted */

void oc_tell(const octavo_tool_listener *listener, const char *format, ...) {
    char sentence[1024];
    va_list arguments;
    if (listener == NULL || listener->notice == NULL) {
        return;
    }
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    listener->notice(listener->user, sentence);
}

/* -- lists ---------------------------------------------------------------------------------- */

/* Hands `items` out, or frees it after an error. */
static octavo_status give_list(octavo_status status, oc_items *items, octavo_tool_list *out,
                               octavo_error *error) {
    oc_items *memory = status == OCTAVO_OK ? malloc(sizeof *memory) : NULL;
    if (status == OCTAVO_OK && memory == NULL) {
        OC_NO_MEMORY(error, sizeof *memory);
    }
    *out = (octavo_tool_list){0};
    if (memory != NULL) {
        *memory = *items;
        *out = (octavo_tool_list){items->items, items->count, memory};
    }
done:
    if (status != OCTAVO_OK) {
        oc_items_free(items);
    }
    return status;
}

octavo_status octavo_tool_find_images(const char *folder, octavo_tool_list *out, int32_t *others,
                                      octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_items items = {0};
    oc_error_clear(error);
    OC_REQUIRE(error, out);
    *out = (octavo_tool_list){0};
    OC_REQUIRE(error, folder);
    OC_REQUIRE(error, others);
    OC_TRY(give_list(oc_items_walk(&items, folder, others, error), &items, out, error));
done:
    return status;
}

octavo_status octavo_tool_read_texts(const char *path, int32_t keep_empty, octavo_tool_list *out,
                                     octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_items items = {0};
    oc_error_clear(error);
    OC_REQUIRE(error, out);
    *out = (octavo_tool_list){0};
    OC_REQUIRE(error, path);
    OC_TRY(give_list(oc_items_read(&items, path, keep_empty != 0, error), &items, out, error));
done:
    return status;
}

void octavo_tool_list_free(octavo_tool_list *list) {
    if (list != NULL && list->memory != NULL) {
        oc_items_free(list->memory);
        free(list->memory);
        *list = (octavo_tool_list){0};
    }
}

octavo_status oc_check_sessions(const octavo_tool_sessions *sessions, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    OC_REQUIRE(error, sessions);
    OC_REQUIRE(error, sessions->items);
    if (sessions->count < 1) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "%d sessions are given, there must be 1 or more", sessions->count);
    }
    for (int32_t i = 0; i < sessions->count; i++) {
        if (sessions->items[i] == NULL) {
            OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET, "session %d is NULL", i);
        }
    }
done:
    return status;
}

/* What both functions below must be given. */
static octavo_status check_lists(const octavo_engine *engine, const octavo_tool_sessions *sessions,
                                 const char *const *list, int32_t count, const char *name,
                                 const float *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    OC_REQUIRE(error, engine);
    OC_TRY(oc_check_sessions(sessions, error));
    OC_REQUIRE(error, out);
    if (list == NULL) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET, "%s is NULL", name);
    }
    if (count < 0) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "count is %d, it must be 0 or more", count);
    }
    for (int32_t i = 0; i < count; i++) {
        if (list[i] == NULL) {
            OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET, "%s[%d] is NULL", name, i);
        }
    }
done:
    return status;
}

/* -- runs ----------------------------------------------------------------------------------- */

typedef struct embedding {
    const octavo_tool_sessions *sessions;
    octavo_argument *outputs; /* of each session's latest batch */
    const octavo_tool_listener *listener;
    const char *const *given; /* paths or texts */
    const char *output;
    int32_t dim;
    float *out;
    int32_t *items; /* of images; NULL for texts, all of which have a row */
    int32_t rows;
    int32_t cut; /* texts so far */
} embedding;

/* Which of several devices it was. */
static octavo_status name_device(const embedding *e, int32_t lane, octavo_status status,
                                 octavo_error *error) {
    if (status != OCTAVO_OK && error != NULL && e->sessions->count > 1) {
        const octavo_model_info *info = &e->sessions->items[lane]->model->info;
        octavo_error as_it_was = *error;
        snprintf(error->message, sizeof error->message, "device %s (%.100s): %.600s", info->device,
                 info->device_about, as_it_was.message);
    }
    return status;
}

static octavo_status run(void *user, int32_t lane, const octavo_argument *input,
                         const int32_t *items, octavo_error *error) {
    embedding *e = user;
    octavo_status status = OCTAVO_OK;
    int32_t rows = (int32_t)input->tensor.shape[0];
    e->outputs[lane] = (octavo_argument){
        .name = e->output,
        .tensor = {.dtype = OCTAVO_F32,
                   .rank = 2,
                   .shape = {rows, e->dim},
                   .data = e->out + (size_t)e->rows * (size_t)e->dim},
    };
    OC_TRY(octavo_session_submit(e->sessions->items[lane], input, 1, &e->outputs[lane], 1, NULL,
                                 error));
    if (e->items != NULL) {
        memcpy(e->items + e->rows, items, (size_t)rows * sizeof *items);
    }
    e->rows += rows;
done:
    return name_device(e, lane, status, error);
}

static octavo_status finish(void *user, int32_t lane, octavo_error *error) {
    const embedding *e = user;
    return name_device(e, lane, octavo_session_wait(e->sessions->items[lane], 0, error), error);
}

static octavo_status left_out(void *user, int32_t item, const octavo_error *why) {
    const embedding *e = user;
    return e->listener->left_out(e->listener->user, e->given[item], why);
}

static void cut(void *user, int32_t item, int32_t tokens, int32_t kept) {
    embedding *e = user;
    const char *text = e->given[item];
    if (e->cut++ < NAMED_TEXTS) {
        oc_tell(e->listener, "a text has %d tokens, the model takes %d: it was cut: \"%.60s%s\"",
                tokens, kept, text, strlen(text) > 60 ? "..." : "");
    }
}

static oc_embed_job job_of(embedding *e, int32_t batch, const char *what) {
    bool hears = e->listener != NULL;
    return (oc_embed_job){
        .batch = batch,
        .threads = e->sessions->items[0]->info.threads,
        .what = what,
        .progress = hears ? e->listener->progress : NULL,
        .progress_user = hears ? e->listener->user : NULL,
        .lanes = e->sessions->count,
        .user = e,
        .run = run,
        .finish = finish,
        .left_out = hears && e->listener->left_out != NULL ? left_out : NULL,
        .cut = cut,
    };
}

static octavo_status make_outputs(const octavo_tool_sessions *sessions, octavo_argument **out,
                                  octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    *out = calloc((size_t)sessions->count, sizeof **out);
    if (*out == NULL) {
        OC_NO_MEMORY(error, (size_t)sessions->count * sizeof **out);
    }
done:
    return status;
}

octavo_status octavo_tool_embed_images(const octavo_engine *engine,
                                       const octavo_tool_sessions *sessions,
                                       const char *const *paths, int32_t count,
                                       const octavo_tool_listener *listener, float *out,
                                       int32_t *items, int32_t *rows, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    octavo_argument *outputs = NULL;
    oc_error_clear(error);
    OC_REQUIRE(error, rows);
    *rows = 0;
    OC_REQUIRE(error, items);
    OC_TRY(check_lists(engine, sessions, paths, count, "paths", out, error));
    OC_TRY(oc_engine_has_processor(engine, error));
    const char *output = oc_tower_of_form(OC_FORM_BYTES)->embeds;
    OC_TRY(make_outputs(sessions, &outputs, error));
    embedding e = {sessions, outputs, listener, paths, output, engine->info.embed_dim,
                   out,      items,   0,        0};
    oc_embed_job job = job_of(&e, sessions->items[0]->info.batch_max, "embedding images");
    OC_TRY(oc_embed_images(&job, &engine->processor, paths, count, error));
    *rows = e.rows;
done:
    free(outputs);
    return status;
}

/* Texts of `length` tokens at most that one run of the session is sure to take; at least one. */
static int32_t texts_of(const octavo_session *session, int32_t length) {
    int32_t batch = session->info.batch_max;
    int32_t texts = session->info.tokens_max / (length < 1 ? 1 : length);
    return texts < 1 ? 1 : texts < batch ? texts : batch;
}

octavo_status octavo_tool_embed_texts(const octavo_engine *engine,
                                      const octavo_tool_sessions *sessions,
                                      const char *const *texts, int32_t count,
                                      const octavo_tool_listener *listener, float *out,
                                      octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    octavo_argument *outputs = NULL;
    oc_error_clear(error);
    OC_TRY(check_lists(engine, sessions, texts, count, "texts", out, error));
    OC_TRY(oc_engine_has_tokenizer(engine, error));
    int32_t most = engine->info.tokens_max;
    const char *output = oc_tower_of_form(OC_FORM_IDS)->embeds;
    OC_TRY(make_outputs(sessions, &outputs, error));
    embedding e = {sessions, outputs, listener, texts, output, engine->info.embed_dim,
                   out,      NULL,    0,        0};
    oc_embed_job job = job_of(&e, texts_of(sessions->items[0], most), "embedding texts");
    OC_TRY(oc_embed_texts(&job, engine->bpe, most, texts, count, error));
    if (e.cut > NAMED_TEXTS) {
        int32_t more = e.cut - NAMED_TEXTS;
        oc_tell(listener, "%d more text%s cut", more, more == 1 ? " was" : "s were");
    }
done:
    free(outputs);
    return status;
}
