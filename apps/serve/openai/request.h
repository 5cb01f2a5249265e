/* request.h - what is asked of /v1/embeddings, /v1/classify and /embed: one reader for their JSON.
 *
 * An input is a text, an image or a list of token ids, and says so by its type:
 *     "a text"                          a text
 *     "data:image/png;base64,..."       an image
 *     "https://..."                     an error, unless "modality" says what it is: it may be
 * meant as either, and the wrong one gives plausible numbers
 *     {"text": ...}, {"image": ...}     as they say; an image is a data: URI or base64
 *     {"type": "image_url", "image_url": {"url": ...}}, {"type": "text", "text": ...}
 *     [1, 2, 3]                         token ids, both ends counted
 * "modality": "text" or "image" says what bare strings are.  Each of "messages" is one input.
 */
#ifndef OC_SERVE_OPENAI_REQUEST_H
#define OC_SERVE_OPENAI_REQUEST_H

#include "base/json/json.h"

typedef enum oc_openai_kind {
    OC_OPENAI_BARE, /* a string that says nothing of itself; none is left behind reading */
    OC_OPENAI_TEXT,
    OC_OPENAI_IMAGE,
    OC_OPENAI_TOKENS
} oc_openai_kind;

typedef struct oc_openai_item {
    oc_openai_kind kind;
    oc_slice text;      /* TEXT: as it is; IMAGE: the file's bytes */
    const int32_t *ids; /* TOKENS */
    int32_t id_count;
} oc_openai_item;

/* A list that grows in the request's arena. */
typedef struct oc_openai_list {
    oc_openai_item *items;
    int32_t count;
} oc_openai_list;

typedef struct oc_openai_request {
    oc_json json; /* holds texts that had escapes */
    oc_arena arena;
    oc_slice model; /* data is NULL where none is named */
    oc_openai_list inputs, labels, templates;
    bool is_list;       /* the inputs stood in a list */
    bool is_base64;     /* "encoding_format" */
    bool raw;           /* "normalized" or "normalize" is false */
    int32_t dimensions; /* 0: all */
    oc_slice modality;
} oc_openai_request;

/* Text is borrowed from `body` or lies in the request.  *out is valid, and to be freed, after an
 * error too.  Cause INPUT: CORRUPT, INVALID_ARGUMENT  what is wrong, and where UNSUPPORTED an image
 * at an address: addresses are not fetched */
octavo_status oc_openai_request_read(const char *body, size_t size, oc_openai_request *out,
                                     octavo_error *error);
void oc_openai_request_free(oc_openai_request *request);

#endif
