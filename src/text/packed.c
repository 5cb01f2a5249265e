/* packed.c - writing and reading the tokenizer's block. */
#include "text/packed.h"

#include "base/limits.h"
#include "base/size.h"
#include "base/utf8.h"

#define MAGIC 0x4b4f544fu /* "OTOK" */

enum { VERSION = 1, HEADER_WORDS = 11, STANDARD_BYTES = 512, ADDED_HEAD = 6 };

uint32_t oc_standard_byte_id(uint8_t byte) {
    uint32_t b = byte;
    if (b >= 0x21 && b <= 0x7e) {
        return b - 0x21;
    }
    if (b >= 0xa1 && b != 0xad) {
        return b - 0xa1 + 94 - (b > 0xad);
    }
    /* 188 printable ones, then 0x00-0x20, 0x7f-0xa0 and 0xad */
    return 188 + (b <= 0x20 ? b : b == 0xad ? 67 : b - 0x7f + 33);
}

static bool is_standard(const oc_tokenizer *tokenizer) {
    for (uint32_t b = 0; b < 256; b++) {
        uint32_t id = oc_standard_byte_id((uint8_t)b);
        if (tokenizer->byte_ids[b] != id || tokenizer->byte_ids[256 + b] != 256 + id) {
            return false;
        }
    }
    for (uint32_t i = 0; i < tokenizer->merge_count; i++) {
        if (tokenizer->merges[i].result != STANDARD_BYTES + i) {
            return false;
        }
    }
    return true;
}

static bool is_utf8(oc_slice text) {
    uint32_t point = 0;
    for (size_t at = 0, used; at < text.length; at += used) {
        if (!oc_utf8_read(text.data + at, text.length - at, &point, &used)) {
            return false;
        }
    }
    return true;
}

octavo_status oc_tokenizer_verify(const oc_tokenizer *tokenizer, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_tokenizer *t = tokenizer;
    const struct {
        const char *name;
        uint32_t value, low, high;
    } ranges[] = {
        {"vocabulary", t->vocabulary, 1, OC_LIMIT_VOCABULARY},
        {"number of merges", t->merge_count, 0, OC_LIMIT_VOCABULARY},
        {"number of added tokens", t->added_count, 0, OC_LIMIT_ADDED_TOKENS},
        {"longest text in tokens", t->tokens_max, 2, OC_LIMIT_TOKENS},
    };
    const struct {
        const char *name;
        uint32_t id;
    } ends[] = {
        {"begin", t->begin}, {"end", t->end}, {"padding", t->padding}, {"unknown", t->unknown}};

    for (size_t i = 0; i < OC_COUNT(ranges); i++) {
        if (ranges[i].value < ranges[i].low || ranges[i].value > ranges[i].high) {
            OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                    "the tokenizer's %s is %u, it must be in %u .. %u", ranges[i].name,
                    ranges[i].value, ranges[i].low, ranges[i].high);
        }
    }
    for (size_t i = 0; i < OC_COUNT(ends); i++) {
        if (ends[i].id >= t->vocabulary) {
            OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET,
                    "the tokenizer's %s token has id %u, ids end at %u", ends[i].name, ends[i].id,
                    t->vocabulary);
        }
    }
    for (uint32_t b = 0; b < 512; b++) {
        if (t->byte_ids[b] >= t->vocabulary) {
            OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET,
                    "the tokenizer's byte 0x%02x has id %u, ids end at %u", b & 255, t->byte_ids[b],
                    t->vocabulary);
        }
    }
    for (uint32_t i = 0; i < t->merge_count; i++) {
        const oc_merge *merge = &t->merges[i];
        if (merge->left >= t->vocabulary || merge->right >= t->vocabulary ||
            merge->result >= t->vocabulary) {
            OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET,
                    "merge %u of the tokenizer is %u %u -> %u, ids end at %u", i, merge->left,
                    merge->right, merge->result, t->vocabulary);
        }
    }
    for (uint32_t i = 0; i < t->added_count; i++) {
        oc_slice text = t->added[i].text;
        if (t->added[i].id >= t->vocabulary) {
            OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET,
                    "added token %.*s has id %u, ids end at %u", oc_slice_width(text), text.data,
                    t->added[i].id, t->vocabulary);
        }
        if (text.length == 0 || text.length > OC_LIMIT_ADDED_TOKEN_BYTES) {
            OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                    "added token %u has %zu bytes of text, it must have 1 .. %u", t->added[i].id,
                    text.length, OC_LIMIT_ADDED_TOKEN_BYTES);
        }
        if (!is_utf8(text)) {
            OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET, "added token %u is not UTF-8",
                    t->added[i].id);
        }
    }
done:
    return status;
}

/* -- writing --------------------------------------------------------------------------------- */

static char *put(char *to, uint32_t value, size_t width) {
    for (size_t i = 0; i < width; i++) {
        to[i] = (char)(value >> (8 * i) & 255);
    }
    return to + width;
}

octavo_status oc_tokenizer_pack(const oc_tokenizer *tokenizer, oc_buffer *out,
                                octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_tokenizer *t = tokenizer;
    OC_TRY(oc_tokenizer_verify(t, error));
    bool listed = !is_standard(t);
    size_t width = t->vocabulary > 65536 ? 4 : 2;
    /* verified counts: no sum below comes near SIZE_MAX */
    size_t bytes = HEADER_WORDS * sizeof(uint32_t) + (listed ? 512 * width : 0) +
                   (size_t)t->merge_count * (listed ? 3 : 2) * width;
    for (uint32_t i = 0; i < t->added_count; i++) {
        bytes += ADDED_HEAD + t->added[i].text.length;
    }
    char *to = oc_buffer_reserve(out, bytes + 1);
    if (!to) {
        OC_NO_MEMORY(error, bytes);
    }
    uint32_t flags = (listed ? OC_PACKED_EXPLICIT : 0u) | (width == 4 ? OC_PACKED_WIDE : 0u) |
                     (t->split_end_tokens ? OC_PACKED_SPLIT_END_TOKENS : 0u);
    const uint32_t header[HEADER_WORDS] = {
        MAGIC,    VERSION, flags,      t->vocabulary, t->merge_count, t->added_count,
        t->begin, t->end,  t->padding, t->unknown,    t->tokens_max};
    for (size_t i = 0; i < HEADER_WORDS; i++) {
        to = put(to, header[i], sizeof(uint32_t));
    }
    for (size_t b = 0; listed && b < 512; b++) {
        to = put(to, t->byte_ids[b], width);
    }
    for (uint32_t i = 0; i < t->merge_count; i++) {
        to = put(to, t->merges[i].left, width);
        to = put(to, t->merges[i].right, width);
        to = listed ? put(to, t->merges[i].result, width) : to;
    }
    for (uint32_t i = 0; i < t->added_count; i++) {
        const oc_added_token *added = &t->added[i];
        to = put(to, added->id, sizeof(uint32_t));
        to = put(to, added->normalised, 1);
        to = put(to, (uint32_t)added->text.length, 1);
        memcpy(to, added->text.data, added->text.length);
        to += added->text.length;
    }
    *to = '\0';
    out->size += bytes;
done:
    return status;
}

/* -- reading --------------------------------------------------------------------------------- */

static uint32_t get(const uint8_t **from, size_t width) {
    uint32_t value = 0;
    for (size_t i = 0; i < width; i++) {
        value |= (uint32_t)(*from)[i] << (8 * i);
    }
    *from += width;
    return value;
}

octavo_status oc_tokenizer_unpack(const void *block, size_t bytes, oc_arena *arena,
                                  oc_tokenizer *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const uint8_t *start = block, *at = start;
    uint32_t header[HEADER_WORDS];
    oc_tokenizer t = {0};
    if (bytes < sizeof header) {
        OC_FAIL(error, OCTAVO_CORRUPT, bytes, "tokenizer block has %zu bytes, its header alone %zu",
                bytes, sizeof header);
    }
    for (size_t i = 0; i < HEADER_WORDS; i++) {
        header[i] = get(&at, sizeof(uint32_t));
    }
    if (header[0] != MAGIC) {
        OC_FAIL(error, OCTAVO_CORRUPT, 0, "tokenizer block starts with 0x%08x instead of 0x%08x",
                header[0], MAGIC);
    }
    if (header[1] != VERSION) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, 4, "tokenizer block has version %u, read here is %d",
                header[1], VERSION);
    }
    uint32_t flags = header[2];
    if (flags > (OC_PACKED_EXPLICIT | OC_PACKED_WIDE | OC_PACKED_SPLIT_END_TOKENS)) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, 8, "tokenizer block has unknown flags 0x%x", flags);
    }
    bool listed = flags & OC_PACKED_EXPLICIT;
    size_t width = flags & OC_PACKED_WIDE ? 4 : 2;
    t.split_end_tokens = flags & OC_PACKED_SPLIT_END_TOKENS;
    t.vocabulary = header[3];
    t.merge_count = header[4];
    t.added_count = header[5];
    t.begin = header[6];
    t.end = header[7];
    t.padding = header[8];
    t.unknown = header[9];
    t.tokens_max = header[10];
    if (t.merge_count > OC_LIMIT_VOCABULARY || t.added_count > OC_LIMIT_ADDED_TOKENS) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, 16,
                "tokenizer block has %u merges and %u added tokens, the limits are %u and %u",
                t.merge_count, t.added_count, OC_LIMIT_VOCABULARY, OC_LIMIT_ADDED_TOKENS);
    }
    size_t fixed = sizeof header + (listed ? 512 * width : 0) +
                   (size_t)t.merge_count * (listed ? 3 : 2) * width;
    if (bytes < fixed) {
        OC_FAIL(error, OCTAVO_CORRUPT, bytes,
                "tokenizer block has %zu bytes, %u merges end at byte %zu", bytes, t.merge_count,
                fixed);
    }
    oc_merge *merges = oc_arena_alloc(arena, (t.merge_count + 1) * sizeof *merges);
    oc_added_token *added = oc_arena_alloc(arena, (t.added_count + 1) * sizeof *added);
    if (!merges || !added) {
        OC_NO_MEMORY(error, (t.merge_count + 1) * sizeof *merges);
    }
    for (uint32_t b = 0; b < 512; b++) {
        uint32_t standard = oc_standard_byte_id((uint8_t)b) + (b & 256);
        t.byte_ids[b] = listed ? get(&at, width) : standard;
    }
    for (uint32_t i = 0; i < t.merge_count; i++) {
        merges[i].left = get(&at, width);
        merges[i].right = get(&at, width);
        merges[i].result = listed ? get(&at, width) : STANDARD_BYTES + i;
    }
    for (uint32_t i = 0; i < t.added_count; i++) {
        size_t left = bytes - (size_t)(at - start);
        size_t length = left < ADDED_HEAD ? 0 : at[ADDED_HEAD - 1];
        if (left < ADDED_HEAD || left - ADDED_HEAD < length || at[ADDED_HEAD - 2] > 1) {
            OC_FAIL(error, OCTAVO_CORRUPT, (uint64_t)(at - start),
                    "added token %u of %u is malformed", i, t.added_count);
        }
        added[i].id = get(&at, sizeof(uint32_t));
        added[i].normalised = get(&at, 1);
        added[i].text = (oc_slice){(const char *)at + 1, length};
        at += 1 + length;
    }
    if (at != start + bytes) {
        OC_FAIL(error, OCTAVO_CORRUPT, (uint64_t)(at - start),
                "tokenizer block has %zu bytes, its content ends at byte %td", bytes, at - start);
    }
    t.merges = merges;
    t.added = added;
    OC_TRY(oc_tokenizer_verify(&t, error));
    *out = t;
done:
    return status;
}
