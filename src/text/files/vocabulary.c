/* vocabulary.c - from text to ids: bytes, merges, added tokens, tokens with a role. */
#include "text/files/vocabulary.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/utf8.h"
#include "text/unicode.h"

#define WORD_END "</w>"

typedef struct draft_merge {
    oc_slice left, right;
    uint64_t offset;
} draft_merge;

const char *const oc_role_keys[OC_ROLES] = {"bos_token", "eos_token", "unk_token", "pad_token",
                                            "sep_token", "cls_token", "mask_token"};

octavo_status oc_draft_init(oc_draft *draft, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    *draft = (oc_draft){0};
    oc_strmap_init(&draft->ids);
    oc_buffer_init(&draft->merges);
    oc_buffer_init(&draft->added);
    oc_arena_init(&draft->arena);
    draft->used = calloc(OC_LIMIT_VOCABULARY / 8, 1);
    if (!draft->used) {
        OC_NO_MEMORY(error, OC_LIMIT_VOCABULARY / 8);
    }
done:
    return status;
}

void oc_draft_free(oc_draft *draft) {
    oc_strmap_free(&draft->ids);
    oc_buffer_free(&draft->merges);
    oc_buffer_free(&draft->added);
    oc_arena_free(&draft->arena);
    free(draft->used);
    for (uint32_t i = 0; i < draft->reader_count; i++) {
        oc_json_close(&draft->readers[i]);
    }
    *draft = (oc_draft){0};
}

oc_json *oc_draft_reader(oc_draft *draft, oc_slice bytes, uint64_t base) {
    OC_ASSERT(draft->reader_count < OC_DRAFT_READERS);
    oc_json *json = &draft->readers[draft->reader_count++];
    oc_json_open(json, bytes.data, bytes.length, base, 0);
    return json;
}

/* Adds a text that is not there yet, with an id that is not there yet. */
static octavo_status add(oc_draft *draft, oc_slice text, uint32_t id, uint64_t offset,
                         octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int32_t *existing = NULL;
    if (id >= OC_LIMIT_VOCABULARY) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, offset, "token \"%.*s\" has id %u, the limit is %u",
                oc_slice_width(text), text.data, id, OC_LIMIT_VOCABULARY - 1);
    }
    if (draft->used[id / 8] >> id % 8 & 1) {
        OC_FAIL(error, OCTAVO_CORRUPT, offset, "token \"%.*s\" has id %u, which another has too",
                oc_slice_width(text), text.data, id);
    }
    OC_TRY(oc_strmap_add(&draft->ids, text, (int32_t)id, &existing, error));
    if (existing) {
        OC_FAIL(error, OCTAVO_CORRUPT, offset, "token \"%.*s\" has id %u, and id %d too",
                oc_slice_width(text), text.data, id, *existing);
    }
    draft->used[id / 8] |= (uint8_t)(1u << id % 8);
    draft->vocabulary = id >= draft->vocabulary ? id + 1 : draft->vocabulary;
done:
    return status;
}

octavo_status oc_draft_entry(oc_draft *draft, oc_slice text, uint32_t id, uint64_t offset,
                             octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    OC_TRY(add(draft, text, id, offset, error));
    draft->entries++;
done:
    return status;
}

octavo_status oc_draft_merge(oc_draft *draft, oc_slice left, oc_slice right, uint64_t offset,
                             octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    draft_merge merge = {left, right, offset};
    if (draft->merges.size / sizeof merge >= OC_LIMIT_VOCABULARY) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, offset, "more than %u merges", OC_LIMIT_VOCABULARY);
    }
    oc_buffer_append(&draft->merges, &merge, sizeof merge);
    OC_TRY(oc_buffer_status(&draft->merges, error));
done:
    return status;
}

octavo_status oc_draft_merge_text(oc_draft *draft, oc_slice merge, uint64_t offset,
                                  octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const char *space = merge.length ? memchr(merge.data, ' ', merge.length) : NULL;
    size_t left = space ? (size_t)(space - merge.data) : 0;
    size_t right = space ? merge.length - left - 1 : 0;
    if (left == 0 || right == 0 || memchr(space + 1, ' ', right)) {
        OC_FAIL(error, OCTAVO_CORRUPT, offset,
                "merge \"%.*s\" is not two tokens with one space between (byte %llu)",
                oc_slice_width(merge), merge.data, (unsigned long long)offset);
    }
    OC_TRY(oc_draft_merge(draft, (oc_slice){merge.data, left}, (oc_slice){space + 1, right}, offset,
                          error));
done:
    return status;
}

/* The added token with this id, or NULL. */
static oc_added_token *find_added(const oc_draft *draft, uint32_t id) {
    oc_added_token *added = (oc_added_token *)draft->added.data;
    for (size_t i = 0; i < draft->added.size / sizeof *added; i++) {
        if (added[i].id == id) {
            return &added[i];
        }
    }
    return NULL;
}

bool oc_draft_is_added(const oc_draft *draft, oc_slice text) {
    const int32_t *id = oc_strmap_find(&draft->ids, text);
    return id && find_added(draft, (uint32_t)*id);
}

octavo_status oc_draft_added(oc_draft *draft, oc_slice text, uint32_t id, bool normalised,
                             uint64_t offset, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const int32_t *known = oc_strmap_find(&draft->ids, text);
    oc_added_token token = {text, id, normalised};
    if (known && *known != (int32_t)id) {
        OC_FAIL(error, OCTAVO_CORRUPT, offset,
                "added token \"%.*s\" has id %u, the vocabulary has it as %d", oc_slice_width(text),
                text.data, id, *known);
    }
    if (!known) {
        OC_TRY(add(draft, text, id, offset, error));
        draft->outside++;
    }
    oc_added_token *existing = find_added(draft, id);
    if (existing) {
        existing->normalised = normalised;
        goto done;
    }
    if (draft->added.size / sizeof token >= OC_LIMIT_ADDED_TOKENS) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, offset, "more than %u added tokens",
                OC_LIMIT_ADDED_TOKENS);
    }
    oc_buffer_append(&draft->added, &token, sizeof token);
    OC_TRY(oc_buffer_status(&draft->added, error));
done:
    return status;
}

/* -- finishing -----------------------------------------------------------------------------------
 */

/* Byte-level vocabularies write each byte as one character: printable ones as themselves, the
 * other 68 as U+0100 and what follows. */
static size_t byte_text(uint8_t byte, char to[4]) {
    uint32_t order = oc_standard_byte_id(byte);
    return oc_utf8_write(order < 188 ? byte : 0x100 + order - 188, to);
}

static octavo_status find_bytes(const oc_draft *draft, oc_tokenizer *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    for (uint32_t b = 0; b < 512; b++) {
        char text[4 + sizeof WORD_END];
        size_t length = byte_text((uint8_t)b, text);
        if (b >= 256) {
            memcpy(text + length, WORD_END, sizeof WORD_END);
            length += strlen(WORD_END);
        }
        const int32_t *id = oc_strmap_find(&draft->ids, (oc_slice){text, length});
        if (!id && !draft->unknown.data) {
            OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                    "the vocabulary lacks \"%.*s\" (byte 0x%02x) and there is no unk_token",
                    (int)length, text, b & 255);
        }
        out->byte_ids[b] = id ? (uint32_t)*id : out->unknown;
    }
done:
    return status;
}

static octavo_status find_merges(oc_draft *draft, oc_tokenizer *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const draft_merge *from = (const draft_merge *)draft->merges.data;
    size_t count = draft->merges.size / sizeof *from;
    oc_merge *merges = oc_arena_alloc(&draft->arena, (count + 1) * sizeof *merges);
    oc_buffer whole;
    oc_buffer_init(&whole);
    if (!merges) {
        OC_NO_MEMORY(error, count * sizeof *merges);
    }
    for (size_t i = 0; i < count; i++) {
        whole.size = 0;
        oc_buffer_append(&whole, from[i].left.data, from[i].left.length);
        oc_buffer_append(&whole, from[i].right.data, from[i].right.length);
        OC_TRY(oc_buffer_status(&whole, error));
        const oc_slice texts[] = {from[i].left, from[i].right, {whole.data, whole.size}};
        uint32_t ids[3];
        for (int k = 0; k < 3; k++) {
            const int32_t *id = oc_strmap_find(&draft->ids, texts[k]);
            if (!id) {
                OC_FAIL(error, OCTAVO_CORRUPT, from[i].offset,
                        "merge %zu is \"%.*s\" + \"%.*s\", the vocabulary lacks \"%.*s\" (byte "
                        "%llu)",
                        i, oc_slice_width(texts[0]), texts[0].data, oc_slice_width(texts[1]),
                        texts[1].data, oc_slice_width(texts[k]), texts[k].data,
                        (unsigned long long)from[i].offset);
            }
            ids[k] = (uint32_t)*id;
        }
        merges[i] = (oc_merge){ids[0], ids[1], ids[2]};
    }
    out->merges = merges;
    out->merge_count = (uint32_t)count;
done:
    oc_buffer_free(&whole);
    return status;
}

octavo_status oc_draft_special(oc_draft *draft, const oc_named_token *token, uint64_t offset,
                               int32_t *id, octavo_error *error) {
    const int32_t *known = oc_strmap_find(&draft->ids, token->text);
    *id = known ? *known : -1;
    if (!known || find_added(draft, (uint32_t)*known)) {
        return OCTAVO_OK;
    }
    return oc_draft_added(draft, token->text, (uint32_t)*known, token->normalised, offset, error);
}

static octavo_status find_named(oc_draft *draft, oc_tokenizer *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int32_t ids[OC_ROLES];
    size_t listed = draft->added.size; /* by some file, which knows better than a role does */
    for (int role = 0; role < OC_ROLES; role++) {
        const oc_named_token *named = &draft->named[role];
        bool is_end = role == OC_ROLE_BEGIN || role == OC_ROLE_END;
        ids[role] = -1;
        if (named->text.data) {
            OC_TRY(oc_draft_special(draft, named, OCTAVO_NO_OFFSET, &ids[role], error));
        } else if (is_end) {
            OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET, "%s is null, but every text has one",
                    oc_role_keys[role]);
        }
        oc_added_token *added = ids[role] < 0 ? NULL : find_added(draft, (uint32_t)ids[role]);
        if (added && (size_t)((char *)added - draft->added.data) >= listed) {
            added->normalised = named->normalised; /* of two roles of a token the latter counts */
        }
        if (named->text.data && ids[role] < 0) {
            OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET, "the vocabulary lacks the %s \"%.*s\"",
                    oc_role_keys[role], oc_slice_width(named->text), named->text.data);
        }
    }
    out->begin = (uint32_t)ids[OC_ROLE_BEGIN];
    out->end = (uint32_t)ids[OC_ROLE_END];
    out->padding = ids[OC_ROLE_PADDING] < 0 ? out->end : (uint32_t)ids[OC_ROLE_PADDING];
    out->unknown = out->end;
    if (draft->unknown.data) {
        const int32_t *unknown = oc_strmap_find(&draft->ids, draft->unknown);
        OC_ASSERT(unknown);
        out->unknown = (uint32_t)*unknown;
    }
done:
    return status;
}

/* Tokens that are looked for in normalised text are normalised themselves. */
static octavo_status normalise_added(oc_draft *draft, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_text text = {0}, normal = {0};
    oc_added_token *added = (oc_added_token *)draft->added.data;
    for (size_t i = 0; i < draft->added.size / sizeof *added; i++) {
        if (!added[i].normalised) {
            continue;
        }
        OC_TRY(oc_text_decode(added[i].text, &text, error));
        OC_TRY(oc_text_normalise(text.points, text.count, &normal, error));
        char *bytes = oc_arena_alloc(&draft->arena, 4 * normal.count + 1);
        if (!bytes) {
            OC_NO_MEMORY(error, 4 * normal.count);
        }
        size_t length = 0;
        for (size_t k = 0; k < normal.count; k++) {
            length += oc_utf8_write(normal.points[k], bytes + length);
        }
        added[i].text = (oc_slice){bytes, length};
    }
done:
    oc_text_free(&text);
    oc_text_free(&normal);
    return status;
}

octavo_status oc_draft_finish(oc_draft *draft, uint32_t tokens_max, oc_tokenizer *out,
                              octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_tokenizer t = {.tokens_max = tokens_max, .split_end_tokens = draft->split_end_tokens};
    if (draft->outside > 0 && draft->vocabulary != draft->entries + draft->outside) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                "%u entries of the vocabulary and %u added tokens have ids up to %u: added tokens "
                "must follow without a gap",
                draft->entries, draft->outside, draft->vocabulary - 1);
    }
    OC_TRY(find_named(draft, &t, error));
    OC_TRY(find_bytes(draft, &t, error));
    OC_TRY(find_merges(draft, &t, error));
    OC_TRY(normalise_added(draft, error));
    t.vocabulary = draft->vocabulary;
    t.added = (const oc_added_token *)draft->added.data;
    t.added_count = (uint32_t)(draft->added.size / sizeof *t.added);
    OC_TRY(oc_tokenizer_verify(&t, error));
    *out = t;
done:
    return status;
}
