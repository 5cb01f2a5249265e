/* bpe.c - the walk from text to ids. */
#include "text/bpe.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/utf8.h"
#include "text/added.h"
#include "text/merges.h"
#include "text/unicode.h"

struct oc_bpe {
    oc_bpe_info info;
    uint32_t byte_ids[512];
    bool split_end_tokens;
    oc_merges merges;
    oc_added_set raw, normalised; /* looked for before and after normalising */
};

octavo_status oc_bpe_create(const void *block, size_t bytes, oc_bpe **out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_arena arena;
    oc_tokenizer tokenizer;
    oc_bpe *bpe = NULL;
    *out = NULL;
    oc_arena_init(&arena);
    OC_TRY(oc_tokenizer_unpack(block, bytes, &arena, &tokenizer, error));
    bpe = calloc(1, sizeof *bpe);
    if (!bpe) {
        OC_NO_MEMORY(error, sizeof *bpe);
    }
    bpe->info = (oc_bpe_info){
        .vocabulary = (int32_t)tokenizer.vocabulary,
        .begin = (int32_t)tokenizer.begin,
        .end = (int32_t)tokenizer.end,
        .padding = (int32_t)tokenizer.padding,
        .tokens_max = (int32_t)tokenizer.tokens_max,
    };
    memcpy(bpe->byte_ids, tokenizer.byte_ids, sizeof bpe->byte_ids);
    bpe->split_end_tokens = tokenizer.split_end_tokens;
    OC_TRY(oc_merges_create(&tokenizer, &bpe->merges, error));
    OC_TRY(oc_added_create(&tokenizer, false, &bpe->raw, error));
    OC_TRY(oc_added_create(&tokenizer, true, &bpe->normalised, error));
    *out = bpe;
    bpe = NULL;
done:
    oc_bpe_free(bpe);
    oc_arena_free(&arena);
    return status;
}

const uint32_t *oc_bpe_byte_ids(const oc_bpe *bpe) {
    return bpe->byte_ids;
}

void oc_bpe_free(oc_bpe *bpe) {
    if (bpe) {
        oc_merges_free(&bpe->merges);
        oc_added_free(&bpe->raw);
        oc_added_free(&bpe->normalised);
        free(bpe);
    }
}

oc_bpe_info oc_bpe_describe(const oc_bpe *bpe) {
    return bpe->info;
}

/* -- encoding -----------------------------------------------------------------------------------
 */

typedef struct encoder {
    const oc_bpe *bpe;
    oc_text text, normalised; /* all of the text; the stretch between two added tokens */
    oc_word word;
    int32_t *ids;
    size_t capacity; /* of ids, the end token's place left out */
    size_t count;    /* of the uncut text */
} encoder;

static void emit(encoder *e, uint32_t id) {
    if (e->count < e->capacity) {
        e->ids[e->count] = (int32_t)id;
    }
    e->count++;
}

static octavo_status encode_word(encoder *e, const uint32_t *points, size_t count,
                                 octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const uint32_t *byte_ids = e->bpe->byte_ids;
    oc_word *word = &e->word;
    size_t size = 0;
    char bytes[4];
    for (size_t i = 0; i < count; i++) {
        size += oc_utf8_write(points[i], bytes);
    }
    OC_TRY(oc_word_reserve(word, size, error));
    word->count = 0;
    for (size_t i = 0; i < count; i++) {
        size_t length = oc_utf8_write(points[i], bytes);
        for (size_t k = 0; k < length; k++) {
            bool last = i + 1 == count && k + 1 == length;
            word->symbols[word->count++].id = byte_ids[(last ? 256 : 0) + (uint8_t)bytes[k]];
        }
    }
    oc_word_merge(word, &e->bpe->merges);
    for (size_t i = 0; i < word->count; i++) {
        emit(e, word->symbols[i].id);
    }
done:
    return status;
}

static bool starts_with(const uint32_t *points, size_t count, const char *text) {
    size_t i = 0;
    while (text[i] && i < count && points[i] == (uint8_t)text[i]) {
        i++;
    }
    return !text[i];
}

static size_t end_token_length(const uint32_t *points, size_t count) {
    static const char *const end_tokens[] = {"<|startoftext|>", "<|endoftext|>"};
    for (size_t i = 0; i < OC_COUNT(end_tokens); i++) {
        if (starts_with(points, count, end_tokens[i])) {
            return strlen(end_tokens[i]);
        }
    }
    return 0;
}

/* Length of the word at points[0], which is no space:
 *     's | 't | 're | 've | 'm | 'll | 'd | letters | one number | a run of anything else */
static size_t word_length(const uint32_t *points, size_t count) {
    static const char contractions[][4] = {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"};
    for (size_t i = 0; points[0] == '\'' && i < OC_COUNT(contractions); i++) {
        if (starts_with(points, count, contractions[i])) {
            return strlen(contractions[i]);
        }
    }
    oc_text_class class = oc_text_classify(points[0]);
    size_t length = 1;
    while (class != OC_TEXT_NUMBER && length < count && oc_text_classify(points[length]) == class) {
        length++;
    }
    return length;
}

/* Encodes normalised text without added tokens. */
static octavo_status encode_words(encoder *e, const uint32_t *points, size_t count,
                                  octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    for (size_t at = 0, length; at < count; at += length) {
        length = e->bpe->split_end_tokens ? end_token_length(points + at, count - at) : 0;
        if (length > 0) { /* one word for the first pattern, three for ByteLevel's own */
            OC_TRY(encode_word(e, points + at, 2, error));
            OC_TRY(encode_word(e, points + at + 2, length - 4, error));
            OC_TRY(encode_word(e, points + at + length - 2, 2, error));
        } else if (oc_text_classify(points[at]) == OC_TEXT_SPACE) {
            length = 1;
        } else {
            length = word_length(points + at, count - at);
            OC_TRY(encode_word(e, points + at, length, error));
        }
    }
done:
    return status;
}

/* Encodes text in which no raw added token is left. */
static octavo_status encode_stretch(encoder *e, const uint32_t *points, size_t count,
                                    octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_text *text = &e->normalised;
    OC_TRY(oc_text_normalise(points, count, &e->normalised, error));
    for (size_t at = 0, start; at < text->count;) {
        const oc_added_entry *added =
            oc_added_find(&e->bpe->normalised, text->points, text->count, at, &start);
        OC_TRY(encode_words(e, text->points + at, start - at, error));
        at = start;
        if (added) {
            emit(e, added->id);
            at += added->length;
        }
    }
done:
    return status;
}

octavo_status oc_bpe_encode(const oc_bpe *bpe, const char *text, size_t bytes, int32_t *ids,
                            int32_t capacity, int32_t *count, int32_t *full_count,
                            octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    encoder e = {.bpe = bpe, .ids = ids};
    *count = 0;
    if (full_count) {
        *full_count = 0;
    }
    if (capacity < 2) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "room for %d token ids, the begin and the end token alone need 2", capacity);
    }
    if (bytes > OC_LIMIT_TEXT_BYTES) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "text has %zu bytes, the limit is %u", bytes, OC_LIMIT_TEXT_BYTES);
    }
    e.capacity = (size_t)capacity - 1;
    emit(&e, (uint32_t)bpe->info.begin);
    OC_TRY(oc_text_decode((oc_slice){text, bytes}, &e.text, error));
    for (size_t at = 0, start; at < e.text.count;) {
        const oc_added_entry *added =
            oc_added_find(&bpe->raw, e.text.points, e.text.count, at, &start);
        OC_TRY(encode_stretch(&e, e.text.points + at, start - at, error));
        at = start;
        if (added) {
            emit(&e, added->id);
            at += added->length;
        }
    }
    size_t written = e.count < e.capacity ? e.count : e.capacity;
    ids[written] = bpe->info.end;
    *count = (int32_t)written + 1;
    if (full_count) {
        *full_count = (int32_t)e.count + 1;
    }
done:
    oc_text_free(&e.text);
    oc_text_free(&e.normalised);
    oc_word_free(&e.word);
    return status;
}
