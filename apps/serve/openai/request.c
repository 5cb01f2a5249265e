/* request.c - see request.h. */
#include "serve/openai/request.h"

#include <string.h>

#include "serve/codec/base64.h"

enum { IDS_MAX = OC_LIMIT_TOKENS };

static octavo_status add(oc_openai_request *request, oc_openai_list *list, oc_openai_item item,
                         octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    if ((uint32_t)list->count == OC_LIMIT_OPENAI_INPUTS) {
        OC_JSON_FAIL(&request->json, error, OCTAVO_INVALID_ARGUMENT, "over %u inputs",
                     OC_LIMIT_OPENAI_INPUTS);
    }
    if ((list->count & (list->count - 1)) == 0) { /* it grows at powers of two */
        size_t capacity = list->count ? 2 * (size_t)list->count : 1;
        oc_openai_item *items = oc_arena_alloc(&request->arena, capacity * sizeof *items);
        if (!items) {
            OC_NO_MEMORY(error, capacity * sizeof *items);
        }
        if (list->count) {
            memcpy(items, list->items, (size_t)list->count * sizeof *items);
        }
        list->items = items;
    }
    list->items[list->count++] = item;
done:
    return status;
}

/* The bytes of "data:image/...;base64,..." or of plain base64. */
static octavo_status read_image(oc_openai_request *request, oc_slice text, oc_openai_item *out,
                                octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    if (oc_slice_starts(text, "http://") || oc_slice_starts(text, "https://")) {
        OC_JSON_FAIL(&request->json, error, OCTAVO_UNSUPPORTED,
                     "an image at an address: addresses are not fetched, send the image as a data: "
                     "URI or as base64");
    }
    if (oc_slice_starts(text, "data:")) {
        static const char marker[] = ";base64,";
        const char *comma = memchr(text.data, ',', text.length);
        size_t head = comma ? (size_t)(comma - text.data) + 1 : 0;
        if (head < sizeof marker - 1 ||
            memcmp(comma + 1 - (sizeof marker - 1), marker, sizeof marker - 1) != 0) {
            OC_JSON_FAIL(&request->json, error, OCTAVO_INVALID_ARGUMENT,
                         "a data: URI whose image is not in base64");
        }
        text.data += head;
        text.length -= head;
    }
    size_t room = oc_srv_base64_room(text.length), size;
    char *bytes = oc_arena_alloc(&request->arena, room);
    if (!bytes) {
        OC_NO_MEMORY(error, room);
    }
    if (!oc_srv_base64_decode(text, bytes, &size)) {
        OC_JSON_FAIL(&request->json, error, OCTAVO_INVALID_ARGUMENT,
                     "an image is a data: URI or base64, and this is neither");
    }
    *out = (oc_openai_item){.kind = OC_OPENAI_IMAGE, .text = {bytes, size}};
done:
    return status;
}

/* What stands where an image is meant: a string, or {"url": string}. */
static octavo_status read_image_value(oc_openai_request *request, oc_openai_item *out,
                                      octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_json *json = &request->json;
    oc_json_type type;
    oc_slice key, text;
    OC_TRY(oc_json_peek(json, &type, error));
    if (type == OC_JSON_STRING) {
        OC_TRY(oc_json_string(json, &text, error));
        OC_TRY(read_image(request, text, out, error));
        goto done;
    }
    OC_TRY(oc_json_object(json, error));
    for (;;) {
        OC_TRY(oc_json_member(json, &key, error));
        if (!key.data) {
            break;
        }
        if (oc_slice_is(key, "url")) {
            OC_TRY(oc_json_string(json, &text, error));
            OC_TRY(read_image(request, text, out, error));
        } else {
            OC_TRY(oc_json_skip(json, NULL, error));
        }
    }
    if (out->kind != OC_OPENAI_IMAGE) {
        OC_JSON_FAIL(json, error, OCTAVO_INVALID_ARGUMENT, "the image has no url");
    }
done:
    return status;
}

/* {"text": ...} or {"image": ...}, also with "type" and "image_url": exactly one of them. */
static octavo_status read_object(oc_openai_request *request, oc_openai_item *out,
                                 octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_json *json = &request->json;
    oc_slice key;
    int values = 0;
    OC_TRY(oc_json_object(json, error));
    for (;;) {
        OC_TRY(oc_json_member(json, &key, error));
        if (!key.data) {
            break;
        }
        if (oc_slice_is(key, "text")) {
            out->kind = OC_OPENAI_TEXT;
            OC_TRY(oc_json_string(json, &out->text, error));
            values++;
        } else if (oc_slice_is(key, "image") || oc_slice_is(key, "image_url")) {
            OC_TRY(read_image_value(request, out, error));
            values++;
        } else if (oc_slice_is(key, "type")) {
            OC_TRY(oc_json_skip(json, NULL, error)); /* the value says the same */
        } else {
            OC_JSON_FAIL(json, error, OCTAVO_INVALID_ARGUMENT,
                         "an input is {\"text\": ...} or {\"image\": ...}");
        }
    }
    if (values != 1) {
        OC_JSON_FAIL(json, error, OCTAVO_INVALID_ARGUMENT,
                     values ? "one input is a text or an image, not both"
                            : "the input has neither text nor image");
    }
done:
    return status;
}

/* Token ids; the array has begun, and a number comes next. */
static octavo_status read_ids(oc_openai_request *request, oc_openai_item *out,
                              octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int32_t ids[256], *all = ids, capacity = (int32_t)OC_COUNT(ids);
    bool more = true;
    *out = (oc_openai_item){.kind = OC_OPENAI_TOKENS};
    while (more) {
        if (out->id_count == IDS_MAX) {
            OC_JSON_FAIL(&request->json, error, OCTAVO_INVALID_ARGUMENT, "over %d tokens", IDS_MAX);
        }
        if (out->id_count == capacity) {
            int32_t *larger =
                oc_arena_alloc(&request->arena, 2 * (size_t)capacity * sizeof *larger);
            if (!larger) {
                OC_NO_MEMORY(error, 2 * (size_t)capacity * sizeof *larger);
            }
            memcpy(larger, all, (size_t)capacity * sizeof *larger);
            all = larger;
            capacity *= 2;
        }
        OC_TRY(oc_json_int32(&request->json, 0, INT32_MAX, &all[out->id_count], error));
        out->id_count++;
        OC_TRY(oc_json_element(&request->json, &more, error));
    }
    int32_t *kept = oc_arena_alloc(&request->arena, (size_t)out->id_count * sizeof *kept);
    if (!kept) {
        OC_NO_MEMORY(error, (size_t)out->id_count * sizeof *kept);
    }
    memcpy(kept, all, (size_t)out->id_count * sizeof *kept);
    out->ids = kept;
done:
    return status;
}

static octavo_status read_item(oc_openai_request *request, oc_openai_item *out,
                               octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_json *json = &request->json;
    oc_json_type type;
    bool more;
    *out = (oc_openai_item){.kind = OC_OPENAI_BARE};
    OC_TRY(oc_json_peek(json, &type, error));
    if (type == OC_JSON_OBJECT_BEGIN) {
        OC_TRY(read_object(request, out, error));
    } else if (type == OC_JSON_ARRAY_BEGIN) {
        OC_TRY(oc_json_array(json, error));
        OC_TRY(oc_json_element(json, &more, error));
        if (!more) {
            OC_JSON_FAIL(json, error, OCTAVO_INVALID_ARGUMENT, "an input of no tokens");
        }
        OC_TRY(read_ids(request, out, error));
    } else {
        OC_TRY(oc_json_string(json, &out->text, error));
    }
done:
    return status;
}

static octavo_status read_inputs(oc_openai_request *request, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_json *json = &request->json;
    oc_json_type type;
    oc_openai_item item;
    bool more;
    OC_TRY(oc_json_peek(json, &type, error));
    if (type != OC_JSON_ARRAY_BEGIN) {
        OC_TRY(read_item(request, &item, error));
        OC_TRY(add(request, &request->inputs, item, error));
        goto done;
    }
    request->is_list = true;
    OC_TRY(oc_json_array(json, error));
    for (;;) {
        OC_TRY(oc_json_element(json, &more, error));
        if (!more) {
            break;
        }
        OC_TRY(oc_json_peek(json, &type, error));
        if (type == OC_JSON_NUMBER && request->inputs.count == 0) { /* [1, 2, 3] is one input */
            OC_TRY(read_ids(request, &item, error));
            OC_TRY(add(request, &request->inputs, item, error));
            break;
        }
        OC_TRY(read_item(request, &item, error));
        OC_TRY(add(request, &request->inputs, item, error));
    }
done:
    return status;
}

/* A message's content: a string, or a list with one part. */
static octavo_status read_content(oc_openai_request *request, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_json *json = &request->json;
    oc_json_type type;
    oc_openai_item item = {.kind = OC_OPENAI_TEXT};
    bool more;
    int parts = 0;
    OC_TRY(oc_json_peek(json, &type, error));
    if (type == OC_JSON_STRING) {
        OC_TRY(oc_json_string(json, &item.text, error));
        OC_TRY(add(request, &request->inputs, item, error));
        goto done;
    }
    OC_TRY(oc_json_array(json, error));
    for (;;) {
        OC_TRY(oc_json_element(json, &more, error));
        if (!more) {
            break;
        }
        if (parts++ > 0) {
            OC_JSON_FAIL(json, error, OCTAVO_INVALID_ARGUMENT,
                         "a message has one part here: a text or an image, which have an embedding "
                         "each");
        }
        item = (oc_openai_item){.kind = OC_OPENAI_BARE};
        OC_TRY(read_object(request, &item, error));
        OC_TRY(add(request, &request->inputs, item, error));
    }
    if (parts == 0) {
        OC_JSON_FAIL(json, error, OCTAVO_INVALID_ARGUMENT, "the message is empty");
    }
done:
    return status;
}

static octavo_status read_messages(oc_openai_request *request, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_json *json = &request->json;
    oc_slice key;
    bool more;
    OC_TRY(oc_json_array(json, error));
    for (;;) {
        OC_TRY(oc_json_element(json, &more, error));
        if (!more) {
            break;
        }
        OC_TRY(oc_json_object(json, error));
        for (;;) {
            OC_TRY(oc_json_member(json, &key, error));
            if (!key.data) {
                break;
            }
            if (oc_slice_is(key, "content")) {
                OC_TRY(read_content(request, error));
            } else {
                OC_TRY(oc_json_skip(json, NULL, error));
            }
        }
    }
done:
    return status;
}

/* A list of strings, of which none is looked into. */
static octavo_status read_texts(oc_openai_request *request, oc_openai_list *list,
                                octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_openai_item item = {.kind = OC_OPENAI_TEXT};
    bool more;
    OC_TRY(oc_json_array(&request->json, error));
    for (;;) {
        OC_TRY(oc_json_element(&request->json, &more, error));
        if (!more) {
            break;
        }
        OC_TRY(oc_json_string(&request->json, &item.text, error));
        OC_TRY(add(request, list, item, error));
    }
done:
    return status;
}

static octavo_status read_word(oc_openai_request *request, const char *one, const char *other,
                               oc_slice *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    OC_TRY(oc_json_string(&request->json, out, error));
    if (!oc_slice_is(*out, one) && !oc_slice_is(*out, other)) {
        OC_JSON_FAIL(&request->json, error, OCTAVO_INVALID_ARGUMENT,
                     "%s or %s is wanted, not \"%.*s\"", one, other, oc_slice_width(*out),
                     out->data);
    }
done:
    return status;
}

static octavo_status read_member(oc_openai_request *request, oc_slice key, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_json *json = &request->json;
    oc_slice word;
    bool flag;
    if (oc_slice_is(key, "model")) {
        OC_TRY(oc_json_string(json, &request->model, error));
    } else if (oc_slice_is(key, "input") || oc_slice_is(key, "inputs")) {
        OC_TRY(read_inputs(request, error));
    } else if (oc_slice_is(key, "messages")) {
        OC_TRY(read_messages(request, error));
    } else if (oc_slice_is(key, "labels")) {
        OC_TRY(read_texts(request, &request->labels, error));
    } else if (oc_slice_is(key, "templates")) {
        OC_TRY(read_texts(request, &request->templates, error));
    } else if (oc_slice_is(key, "encoding_format") || oc_slice_is(key, "embedding_type")) {
        OC_TRY(read_word(request, "float", "base64", &word, error));
        request->is_base64 = oc_slice_is(word, "base64");
    } else if (oc_slice_is(key, "modality")) {
        OC_TRY(read_word(request, "text", "image", &request->modality, error));
    } else if (oc_slice_is(key, "dimensions")) {
        OC_TRY(oc_json_int32(json, 1, INT32_MAX, &request->dimensions, error));
    } else if (oc_slice_is(key, "normalized") || oc_slice_is(key, "normalize")) {
        OC_TRY(oc_json_bool(json, &flag, error));
        request->raw = !flag;
    } else {
        OC_TRY(oc_json_skip(json, NULL, error));
    }
done:
    return status;
}

/* Now that "modality" is known wherever it stood. */
static octavo_status decide(oc_openai_request *request, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    bool tokens = false, others = false;
    for (int32_t i = 0; i < request->inputs.count; i++) {
        oc_openai_item *item = &request->inputs.items[i];
        bool is_url =
            (oc_slice_starts(item->text, "http://") || oc_slice_starts(item->text, "https://")) &&
            !memchr(item->text.data, ' ', item->text.length);
        bool as_image = request->modality.data ? oc_slice_is(request->modality, "image")
                                               : oc_slice_starts(item->text, "data:image/");
        if (item->kind == OC_OPENAI_BARE && as_image) {
            OC_TRY(read_image(request, item->text, item, error));
        } else if (item->kind == OC_OPENAI_BARE && is_url && !request->modality.data) {
            OC_JSON_FAIL(&request->json, error, OCTAVO_INVALID_ARGUMENT,
                         "input %d is an address, which may be meant as a text or as an image: say "
                         "{\"text\": ...}, or send the image itself",
                         i);
        } else if (item->kind == OC_OPENAI_BARE) {
            item->kind = OC_OPENAI_TEXT;
        }
        tokens |= item->kind == OC_OPENAI_TOKENS;
        others |= item->kind == OC_OPENAI_TEXT;
    }
    if (tokens && others) {
        OC_JSON_FAIL(&request->json, error, OCTAVO_INVALID_ARGUMENT,
                     "texts and lists of tokens in one request");
    }
    if (request->inputs.count == 0) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET, "the request has no input");
    }
done:
    return status;
}

octavo_status oc_openai_request_read(const char *body, size_t size, oc_openai_request *out,
                                     octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_slice key;
    bool is_null;
    memset(out, 0, sizeof *out);
    oc_arena_init(&out->arena);
    oc_json_open(&out->json, body, size, 0, 0);
    OC_TRY(oc_json_object(&out->json, error));
    for (;;) {
        OC_TRY(oc_json_member(&out->json, &key, error));
        if (!key.data) {
            break;
        }
        OC_TRY(oc_json_null(&out->json, &is_null, error)); /* clients send null for "not given" */
        if (!is_null) {
            OC_TRY(read_member(out, key, error));
        }
    }
    OC_TRY(oc_json_finish(&out->json, error));
    OC_TRY(decide(out, error));
done:
    if (status && status != OCTAVO_EXHAUSTED && error) {
        error->cause = OCTAVO_CAUSE_INPUT;
    }
    return status;
}

void oc_openai_request_free(oc_openai_request *request) {
    oc_json_close(&request->json);
    oc_arena_free(&request->arena);
}
