/* http.c - the paths that clients of OpenAI's API and of text-embeddings-inference use, and
 * zero-shot labels: /v1/embeddings, /v1/models, /v1/classify, /embed, /info. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json/json_write.h"
#include "serve/codec/base64.h"
#include "serve/http/access.h"
#include "serve/http/coding.h"
#include "serve/http/router.h"
#include "serve/openai/request.h"
#include "serve/server.h"

enum {
    HEAVY_JSON = 32 << 10,
    HEAVY_FLOATS = 8 << 10,
};

/* What is asked, and where each input's row lies. */
typedef struct asked {
    oc_openai_request request;
    int32_t *rows; /* [inputs] in its part */
    int32_t *token_counts;
} asked;

static void free_asked(void *state) {
    asked *about = state;
    oc_openai_request_free(&about->request);
    free(about);
}

/* -- errors
 * ---------------------------------------------------------------------------------------- */

static void answer_failure(oc_srv_exchange *exchange, const octavo_error *error) {
    oc_json_writer json;
    oc_srv_answer_error(exchange, error); /* its status and headers */
    bool theirs = exchange->status < 500;
    oc_buffer_free(&exchange->answer);
    oc_json_write_open(&json, &exchange->answer, false);
    oc_json_write_object(&json);
    oc_json_write_key(&json, "error");
    oc_json_write_object(&json);
    oc_json_write_text_member(&json, "message", error->message);
    oc_json_write_text_member(&json, "type",
                              exchange->status == 429 ? "rate_limit_error"
                              : theirs                ? "invalid_request_error"
                                                      : "server_error");
    oc_json_write_text_member(&json, "param", NULL);
    oc_json_write_text_member(&json, "code",
                              error->status == OCTAVO_NOT_FOUND ? "model_not_found" : NULL);
    oc_json_write_end(&json);
    oc_json_write_end(&json);
}

/* -- from requests to calls
 * ------------------------------------------------------------------------ */

static octavo_status open_call(oc_srv_exchange *exchange, const oc_openai_request *request,
                               octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_srv_model *model = NULL;
    if (request->model.data) {
        OC_TRY(oc_srv_find_model(exchange, request->model, 0, &model, error));
    } else {
        OC_TRY(oc_srv_find_only_model(exchange, &model, error));
    }
    oc_srv_call_open(&exchange->call, model);
    exchange->call.priority = OC_SRV_PRIORITY;
done:
    if (model) {
        oc_srv_model_release(model); /* the call holds it */
    }
    return status;
}

static void *room(asked *about, size_t count, size_t each) {
    return oc_arena_alloc(&about->request.arena, (count + 1) * each);
}

/* Rows of ids of one length: shorter ones are filled with what the model's tokenizer fills with. */
static octavo_status fill_tokens(asked *about, oc_srv_call *call, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_openai_list *inputs = &about->request.inputs;
    const octavo_engine_info *info = call->model->info;
    int32_t length = 0, row = 0;
    for (int32_t i = 0; i < inputs->count; i++) {
        length = inputs->items[i].id_count > length ? inputs->items[i].id_count : length;
    }
    if (length > info->tokens_max) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "an input has %d tokens, the model takes %d", length, info->tokens_max);
    }
    int32_t *ids = room(about, (size_t)call->text.rows * (size_t)length, sizeof *ids);
    if (!ids) {
        OC_NO_MEMORY(error, (size_t)call->text.rows * (size_t)length * sizeof *ids);
    }
    for (int32_t i = 0; i < inputs->count; i++) {
        const oc_openai_item *item = &inputs->items[i];
        if (item->kind != OC_OPENAI_TOKENS) {
            continue;
        }
        int32_t *to = ids + (size_t)row * (size_t)length;
        for (int32_t t = 0; t < length; t++) {
            to[t] = t < item->id_count ? item->ids[t] : info->pad_id;
        }
        about->token_counts[row++] = item->id_count;
    }
    call->text.lane = OC_SRV_IDS;
    call->text.data = ids;
    call->text.rigid = true;
    call->text.length = length;
    call->text.row_bytes = (size_t)length * sizeof *ids;
done:
    return status;
}

/* The inputs to the parts of the call; labels, each in each template, behind the texts. */
static octavo_status fill_call(asked *about, oc_srv_call *call, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_openai_list *inputs = &about->request.inputs;
    const octavo_engine_info *info = call->model->info;
    size_t count = (size_t)inputs->count;
    bool has_tokens = false;
    oc_slice *encoded = room(about, count, sizeof *encoded);
    oc_slice *texts = room(about, count, sizeof *texts);
    int32_t *images = room(about, count, sizeof *images);
    int32_t *others = room(about, count, sizeof *others);
    about->rows = room(about, count, sizeof *about->rows);
    about->token_counts = room(about, count, sizeof *about->token_counts);
    if (!encoded || !texts || !images || !others || !about->rows || !about->token_counts) {
        OC_NO_MEMORY(error, count * sizeof *texts);
    }
    for (size_t i = 0; i < count; i++) {
        const oc_openai_item *item = &inputs->items[i];
        bool is_image = item->kind == OC_OPENAI_IMAGE;
        if (!(info->towers & (is_image ? OCTAVO_IMAGE : OCTAVO_TEXT))) {
            OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                    "input %zu is %s, for which the model has no tower", i,
                    is_image ? "an image" : "a text");
        }
        oc_srv_part *part = is_image ? &call->image : &call->text;
        (is_image ? encoded : texts)[part->rows] = item->text;
        (is_image ? images : others)[part->rows] = (int32_t)i;
        about->rows[i] = part->rows++;
        has_tokens |= item->kind == OC_OPENAI_TOKENS;
    }
    if (count > (size_t)call->model->settings.queue_rows) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "%zu inputs; the model's queue, max_queue, holds %d", count,
                call->model->settings.queue_rows);
    }
    call->encoded = call->image.rows ? encoded : NULL;
    call->image.what = call->text.what = "input";
    call->image.items = images;
    call->text.items = others;
    if (has_tokens) {
        OC_TRY(fill_tokens(about, call, error));
    } else if (call->text.rows) {
        call->texts = texts;
        call->token_counts = about->token_counts;
    }
done:
    return status;
}

static octavo_status read_request(oc_srv_exchange *exchange, asked **out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    asked *about = calloc(1, sizeof *about);
    if (!about) {
        OC_NO_MEMORY(error, sizeof *about);
    }
    exchange->state = about;
    exchange->free_state = free_asked;
    OC_TRY(oc_srv_body_decode(exchange, error));
    OC_TRY(oc_openai_request_read(exchange->body.data ? exchange->body.data : "",
                                  exchange->body.size, &about->request, error));
    OC_TRY(open_call(exchange, &about->request, error));
    *out = about;
done:
    return status;
}

static octavo_status begin_embeddings(oc_srv_exchange *exchange, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    asked *about = NULL;
    oc_srv_call *call = &exchange->call;
    OC_TRY(read_request(exchange, &about, error));
    int32_t dim = call->model->info->embed_dim;
    if (about->request.dimensions > dim) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "dimensions is %d, the model's embeddings have %d", about->request.dimensions, dim);
    }
    OC_TRY(fill_call(about, call, error));
    call->wants_raw = about->request.raw;
    exchange->heavy_answer =
        !about->request.is_base64 && (int64_t)about->request.inputs.count * dim > HEAVY_FLOATS;
done:
    return status;
}

/* -- answers
 * --------------------------------------------------------------------------------------- */

/* The embedding of an input; shorter ones than the model's are cut, and normalised again. */
static const float *embedding_of(const asked *about, const oc_srv_call *call, int32_t input,
                                 float *cut, int32_t *count) {
    const oc_openai_request *request = &about->request;
    const oc_srv_part *part =
        request->inputs.items[input].kind == OC_OPENAI_IMAGE ? &call->image : &call->text;
    int32_t dim = call->model->info->embed_dim;
    const float *all =
        (request->raw ? part->raw : part->embeds) + (size_t)about->rows[input] * (size_t)dim;
    *count = request->dimensions ? request->dimensions : dim;
    if (*count == dim) {
        return all;
    }
    double sum = 0;
    for (int32_t i = 0; i < *count; i++) {
        sum += (double)all[i] * (double)all[i];
    }
    double scale = request->raw || !(sum > 0) ? 1 : 1 / sqrt(sum);
    for (int32_t i = 0; i < *count; i++) {
        cut[i] = (float)((double)all[i] * scale);
    }
    return cut;
}

static void write_floats(oc_json_writer *json, const float *values, int32_t count) {
    oc_json_write_array(json);
    for (int32_t i = 0; i < count; i++) {
        oc_json_write_float(json, values[i]);
    }
    oc_json_write_end(json);
}

static void write_base64(oc_json_writer *json, const float *values, int32_t count) {
    oc_buffer text;
    oc_buffer_init(&text);
    oc_buffer_byte(&text, '"');
    oc_srv_base64_append(&text, values, (size_t)count * sizeof *values);
    oc_buffer_byte(&text, '"');
    json->out->failed |= text.failed;
    oc_json_write_raw(json, (oc_slice){text.data, text.size});
    oc_buffer_free(&text);
}

static void write_usage(oc_json_writer *json, const asked *about, const oc_srv_call *call) {
    int64_t tokens = 0;
    for (int32_t i = 0; i < call->text.rows; i++) {
        tokens += about->token_counts[i];
    }
    oc_json_write_key(json, "usage");
    oc_json_write_object(json);
    oc_json_write_int_member(json, "prompt_tokens", tokens);
    oc_json_write_int_member(json, "total_tokens", tokens);
    oc_json_write_end(json);
}

static void answer_ok(oc_srv_exchange *exchange) {
    oc_srv_answer_header(exchange, "octavo-precision", "%s", exchange->call.model->info->precision);
    oc_srv_answer(exchange, 200, "application/json");
}

static void finish_embeddings(oc_srv_exchange *exchange) {
    const oc_srv_call *call = &exchange->call;
    const asked *about = exchange->state;
    oc_json_writer json;
    if (call->error.status) {
        answer_failure(exchange, &call->error);
        return;
    }
    float *cut = malloc((size_t)call->model->info->embed_dim * sizeof *cut);
    exchange->answer.failed |= cut == NULL;
    oc_json_write_open(&json, &exchange->answer, false);
    oc_json_write_object(&json);
    oc_json_write_text_member(&json, "object", "list");
    oc_json_write_key(&json, "data");
    oc_json_write_array(&json);
    for (int32_t i = 0; cut && i < about->request.inputs.count; i++) {
        int32_t count;
        const float *values = embedding_of(about, call, i, cut, &count);
        oc_json_write_object(&json);
        oc_json_write_text_member(&json, "object", "embedding");
        oc_json_write_int_member(&json, "index", i);
        oc_json_write_key(&json, "embedding");
        (about->request.is_base64 ? write_base64 : write_floats)(&json, values, count);
        oc_json_write_end(&json);
    }
    oc_json_write_end(&json);
    oc_json_write_text_member(&json, "model", call->model->name);
    write_usage(&json, about, call);
    oc_json_write_end(&json);
    free(cut);
    answer_ok(exchange);
}

/* Text-embeddings-inference answers with the vectors and nothing else. */
static void finish_embed(oc_srv_exchange *exchange) {
    const oc_srv_call *call = &exchange->call;
    const asked *about = exchange->state;
    oc_json_writer json;
    if (call->error.status) {
        oc_srv_answer_error(exchange, &call->error);
        return;
    }
    float *cut = malloc((size_t)call->model->info->embed_dim * sizeof *cut);
    exchange->answer.failed |= cut == NULL;
    oc_json_write_open(&json, &exchange->answer, false);
    oc_json_write_array(&json);
    for (int32_t i = 0; cut && i < about->request.inputs.count; i++) {
        int32_t count;
        const float *values = embedding_of(about, call, i, cut, &count);
        write_floats(&json, values, count);
    }
    oc_json_write_end(&json);
    free(cut);
    answer_ok(exchange);
}

static void run(oc_srv_exchange *exchange,
                octavo_status (*begin)(oc_srv_exchange *exchange, octavo_error *error),
                void (*finish)(oc_srv_exchange *exchange)) {
    oc_srv_exchange_run(exchange, begin, finish,
                        exchange->body.size > HEAVY_JSON || oc_srv_body_is_encoded(exchange));
}

static void answer_embeddings(oc_srv_exchange *exchange) {
    run(exchange, begin_embeddings, finish_embeddings);
}

static void answer_embed(oc_srv_exchange *exchange) {
    run(exchange, begin_embeddings, finish_embed);
}

/* -- labels
 * ---------------------------------------------------------------------------------------- */

/* Every "{}" of the template becomes the label. */
static octavo_status fill_template(asked *about, oc_slice template, oc_slice label, oc_slice *out,
                                   octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_buffer text;
    bool found = false;
    oc_buffer_init(&text);
    for (size_t i = 0; i < template.length; i++) {
        bool is_place =
            template.data[i] == '{' && i + 1 < template.length && template.data[i + 1] == '}';
        if (is_place) {
            oc_buffer_append(&text, label.data, label.length);
            found = true;
            i++;
        } else {
            oc_buffer_byte(&text, template.data[i]);
        }
    }
    if (!found) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET, "the template \"%.*s\" has no {}",
                oc_slice_width(template), template.data);
    }
    OC_TRY(oc_buffer_status(&text, error));
    out->data = oc_arena_text(&about->request.arena, text.data, text.size);
    out->length = text.size;
    if (!out->data) {
        OC_NO_MEMORY(error, text.size);
    }
done:
    oc_buffer_free(&text);
    return status;
}

static octavo_status begin_classify(oc_srv_exchange *exchange, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    asked *about = NULL;
    oc_srv_call *call = &exchange->call;
    OC_TRY(read_request(exchange, &about, error));
    const oc_openai_list *labels = &about->request.labels, *templates = &about->request.templates;
    for (int32_t i = 0; i < about->request.inputs.count; i++) {
        if (about->request.inputs.items[i].kind != OC_OPENAI_IMAGE) {
            OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET, "input %d is no image", i);
        }
    }
    if (labels->count == 0) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET, "the request has no labels");
    }
    OC_TRY(fill_call(about, call, error));
    int32_t each = templates->count ? templates->count : 1;
    int64_t rows = (int64_t)labels->count * each;
    if (rows + call->image.rows > call->model->settings.queue_rows) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "%d labels in %d templates and %d images; the model's queue, max_queue, holds %d",
                labels->count, each, call->image.rows, call->model->settings.queue_rows);
    }
    if (!(call->model->info->towers & OCTAVO_TEXT)) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "the model has no text tower, which labels need");
    }
    oc_slice *texts = room(about, (size_t)rows, sizeof *texts);
    about->token_counts = room(about, (size_t)rows, sizeof *about->token_counts);
    if (!texts || !about->token_counts) {
        OC_NO_MEMORY(error, (size_t)rows * sizeof *texts);
    }
    for (int32_t l = 0; l < labels->count; l++) {
        for (int32_t t = 0; t < each; t++) {
            oc_slice *text = &texts[l * each + t];
            *text = labels->items[l].text;
            if (templates->count) {
                OC_TRY(fill_template(about, templates->items[t].text, *text, text, error));
            }
        }
    }
    call->text.rows = (int32_t)rows;
    call->text.what = "labels";
    call->text.items = NULL;
    call->texts = texts;
    call->token_counts = about->token_counts;
    exchange->heavy_answer = true;
done:
    return status;
}

typedef struct ranked {
    double score;
    int32_t label;
} ranked;

static int by_score(const void *a, const void *b) {
    const ranked *left = a, *right = b;
    return left->score != right->score ? (left->score < right->score) - (left->score > right->score)
                                       : left->label - right->label;
}

/* The label's direction: the mean over its templates, of length 1. */
static void make_class(const oc_srv_call *call, int32_t label, int32_t each, double *out) {
    int32_t dim = call->model->info->embed_dim;
    double sum = 0;
    memset(out, 0, (size_t)dim * sizeof *out);
    for (int32_t t = 0; t < each; t++) {
        const float *text =
            call->text.embeds + ((size_t)label * (size_t)each + (size_t)t) * (size_t)dim;
        for (int32_t i = 0; i < dim; i++) {
            out[i] += (double)text[i];
        }
    }
    for (int32_t i = 0; i < dim; i++) {
        sum += out[i] * out[i];
    }
    for (int32_t i = 0; i < dim; i++) {
        out[i] /= sum > 0 ? sqrt(sum) : 1;
    }
}

static void softmax(ranked *ranks, int32_t count) {
    double most = ranks[0].score, sum = 0;
    for (int32_t i = 1; i < count; i++) {
        most = ranks[i].score > most ? ranks[i].score : most;
    }
    for (int32_t i = 0; i < count; i++) {
        ranks[i].score = exp(ranks[i].score - most);
        sum += ranks[i].score;
    }
    for (int32_t i = 0; i < count; i++) {
        ranks[i].score /= sum;
    }
}

static void finish_classify(oc_srv_exchange *exchange) {
    const oc_srv_call *call = &exchange->call;
    const asked *about = exchange->state;
    oc_json_writer json;
    if (call->error.status) {
        answer_failure(exchange, &call->error);
        return;
    }
    const oc_openai_list *labels = &about->request.labels;
    int32_t dim = call->model->info->embed_dim, each = call->text.rows / labels->count;
    double *classes = malloc((size_t)labels->count * (size_t)dim * sizeof *classes);
    ranked *ranks = calloc((size_t)labels->count, sizeof *ranks);
    exchange->answer.failed |= !classes || !ranks;
    for (int32_t l = 0; classes && l < labels->count; l++) {
        make_class(call, l, each, classes + (size_t)l * (size_t)dim);
    }
    oc_json_write_open(&json, &exchange->answer, false);
    oc_json_write_object(&json);
    oc_json_write_text_member(&json, "object", "list");
    oc_json_write_key(&json, "data");
    oc_json_write_array(&json);
    for (int32_t i = 0; classes && ranks && i < call->image.rows; i++) {
        const float *image = call->image.embeds + (size_t)i * (size_t)dim;
        for (int32_t l = 0; l < labels->count; l++) {
            double cosine = 0;
            for (int32_t d = 0; d < dim; d++) {
                cosine += (double)image[d] * classes[(size_t)l * (size_t)dim + (size_t)d];
            }
            ranks[l] = (ranked){(double)call->model->info->logit_scale * cosine, l};
        }
        softmax(ranks, labels->count);
        qsort(ranks, (size_t)labels->count, sizeof *ranks, by_score);
        oc_json_write_object(&json);
        oc_json_write_int_member(&json, "index", i);
        oc_json_write_key(&json, "labels");
        oc_json_write_array(&json);
        for (int32_t l = 0; l < labels->count; l++) {
            oc_json_write_object(&json);
            oc_json_write_key(&json, "label");
            oc_json_write_slice(&json, labels->items[ranks[l].label].text);
            oc_json_write_key(&json, "score");
            oc_json_write_float(&json, (float)ranks[l].score);
            oc_json_write_end(&json);
        }
        oc_json_write_end(&json);
        oc_json_write_end(&json);
    }
    oc_json_write_end(&json);
    oc_json_write_text_member(&json, "model", call->model->name);
    write_usage(&json, about, call);
    oc_json_write_end(&json);
    free(classes);
    free(ranks);
    answer_ok(exchange);
}

static void answer_classify(oc_srv_exchange *exchange) {
    run(exchange, begin_classify, finish_classify);
}

/* -- lists
 * ----------------------------------------------------------------------------------------- */

static void write_model(oc_json_writer *json, const oc_srv_model *model) {
    oc_json_write_object(json);
    oc_json_write_text_member(json, "id", model->name);
    oc_json_write_text_member(json, "object", "model");
    oc_json_write_int_member(json, "created", model->loaded_unix_s);
    oc_json_write_text_member(json, "owned_by", "octavo");
    oc_json_write_end(json);
}

static void answer_models(oc_srv_exchange *exchange) {
    oc_srv_model *models[OC_LIMIT_SERVED_MODELS];
    oc_json_writer json;
    int32_t count = oc_srv_list_models(exchange, models, OC_LIMIT_SERVED_MODELS);
    oc_json_write_open(&json, &exchange->answer, false);
    oc_json_write_object(&json);
    oc_json_write_text_member(&json, "object", "list");
    oc_json_write_key(&json, "data");
    oc_json_write_array(&json);
    for (int32_t i = 0; i < count; i++) {
        write_model(&json, models[i]);
        oc_srv_model_release(models[i]);
    }
    oc_json_write_end(&json);
    oc_json_write_end(&json);
    oc_srv_answer(exchange, 200, "application/json");
    oc_srv_send(exchange);
}

static void answer_one_model(oc_srv_exchange *exchange) {
    octavo_error error;
    oc_srv_model *model;
    oc_json_writer json;
    oc_error_clear(&error);
    if (oc_srv_find_model(exchange, exchange->segments[0], 0, &model, &error)) {
        answer_failure(exchange, &error);
    } else {
        oc_json_write_open(&json, &exchange->answer, false);
        write_model(&json, model);
        oc_srv_model_release(model);
        oc_srv_answer(exchange, 200, "application/json");
    }
    oc_srv_send(exchange);
}

static void answer_info(oc_srv_exchange *exchange) {
    octavo_error error;
    oc_srv_model *model;
    oc_json_writer json;
    char version[24];
    oc_error_clear(&error);
    if (oc_srv_find_only_model(exchange, &model, &error)) {
        oc_srv_answer_error(exchange, &error);
        oc_srv_send(exchange);
        return;
    }
    snprintf(version, sizeof version, "%d.%d.%d", OCTAVO_VERSION_MAJOR, OCTAVO_VERSION_MINOR,
             OCTAVO_VERSION_PATCH);
    oc_json_write_open(&json, &exchange->answer, false);
    oc_json_write_object(&json);
    oc_json_write_text_member(&json, "model_id", model->name);
    oc_json_write_text_member(&json, "model_dtype", model->info->precision);
    oc_json_write_key(&json, "model_type");
    oc_json_write_object(&json);
    oc_json_write_key(&json, "embedding");
    oc_json_write_object(&json);
    oc_json_write_text_member(&json, "pooling", "model");
    oc_json_write_end(&json);
    oc_json_write_end(&json);
    oc_json_write_int_member(&json, "max_input_length", model->info->tokens_max);
    oc_json_write_int_member(&json, "max_client_batch_size", model->settings.queue_rows);
    oc_json_write_int_member(&json, "max_concurrent_requests", model->settings.queue_rows);
    oc_json_write_int_member(&json, "tokenization_workers", exchange->server->settings.workers);
    oc_json_write_text_member(&json, "version", version);
    oc_json_write_end(&json);
    oc_srv_model_release(model);
    oc_srv_answer(exchange, 200, "application/json");
    oc_srv_send(exchange);
}

const oc_srv_route_entry oc_srv_openai_routes[] = {
    {"POST", "v1/embeddings", answer_embeddings, false},
    {"POST", "v1/classify", answer_classify, false},
    {"GET", "v1/models", answer_models, false},
    {"GET", "v1/models/*", answer_one_model, false},
    {"POST", "embed", answer_embed, false},
    {"GET", "info", answer_info, false},
    {NULL, NULL, NULL, false},
};
