/* texts.c - see texts.h. */
#include "runtime/texts.h"

#include <stdlib.h>
#include <string.h>

octavo_status oc_texts_create(oc_texts *texts, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    size_t tokens = (size_t)texts->tokens_max, batch = (size_t)texts->batch_max;
    texts->ids = calloc(tokens, sizeof *texts->ids);
    texts->place = calloc(tokens, sizeof *texts->place);
    texts->key_mask = calloc(tokens, sizeof *texts->key_mask);
    texts->starts = calloc(batch + 1, sizeof *texts->starts);
    texts->ends = calloc(batch, sizeof *texts->ends);
    texts->which = calloc(batch, sizeof *texts->which);
    if (texts->ids == NULL || texts->place == NULL || texts->key_mask == NULL ||
        texts->starts == NULL || texts->ends == NULL || texts->which == NULL) {
        OC_NO_MEMORY(error, tokens * 9 + batch * 12);
    }
done:
    return status;
}

void oc_texts_free(oc_texts *texts) {
    free(texts->ids);
    free(texts->place);
    free(texts->key_mask);
    free(texts->starts);
    free(texts->ends);
    free(texts->which);
}

static int64_t element(const octavo_tensor *tensor, int64_t i) {
    return tensor->dtype == OCTAVO_I64 ? ((const int64_t *)tensor->const_data)[i]
                                       : ((const int32_t *)tensor->const_data)[i];
}

/* Where the text of one row ends, by the checkpoint's rule. */
static int32_t find_end(const oc_texts *texts, const octavo_tensor *ids, int64_t row) {
    int64_t length = ids->shape[1];
    int32_t end = 0;
    for (int32_t t = 0; t < length; t++) {
        int64_t id = element(ids, row * length + t);
        if (texts->rule == 0 && id == texts->eos) {
            return t;
        }
        if (texts->rule == 1 && id > element(ids, row * length + end)) {
            end = t;
        }
    }
    return end;
}

/* The whole row, also what lies behind the end of its text: what is accepted does not depend on
 * what is computed. */
static octavo_status check_row(const oc_texts *texts, const octavo_tensor *ids,
                               const octavo_tensor *mask, int64_t row, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    for (int64_t t = 0; t < ids->shape[1]; t++) {
        int64_t id = element(ids, row * ids->shape[1] + t);
        int64_t seen = mask == NULL ? 1 : element(mask, row * ids->shape[1] + t);
        if (id < 0 || id >= texts->vocabulary) {
            OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                    "token id %lld at row %lld, place %lld is outside the vocabulary of %d",
                    (long long)id, (long long)row, (long long)t, texts->vocabulary);
        }
        if (seen != 0 && seen != 1) {
            OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                    "%s at row %lld, place %lld is %lld, neither 0 nor 1",
                    oc_tower_of_form(OC_FORM_IDS)->mask, (long long)row, (long long)t,
                    (long long)seen);
        }
    }
done:
    return status;
}

/* The row's ids and mask behind those of the texts before it; *length of them. */
static octavo_status append(oc_texts *texts, const octavo_tensor *ids, const octavo_tensor *mask,
                            int64_t row, int32_t *length, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int32_t end = find_end(texts, ids, row);
    OC_TRY(check_row(texts, ids, mask, row, error));
    *length = texts->cut ? end + 1 : (int32_t)ids->shape[1];
    if (texts->tokens + *length > texts->tokens_max) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "the texts up to row %lld have %d tokens, the session was made for %d",
                (long long)row, texts->tokens + *length, texts->tokens_max);
    }
    for (int32_t t = 0; t < *length; t++) {
        texts->ids[texts->tokens + t] = (int32_t)element(ids, row * ids->shape[1] + t);
        texts->key_mask[texts->tokens + t] =
            mask == NULL || element(mask, row * ids->shape[1] + t) != 0;
        texts->place[texts->tokens + t] = t;
    }
    texts->ends[texts->count] = end;
done:
    return status;
}

/* A text before the last that equals it, or -1. */
static int32_t find_twin(const oc_texts *texts, int32_t length) {
    const int32_t *ids = texts->ids + texts->tokens;
    const uint8_t *mask = texts->key_mask + texts->tokens;
    for (int32_t i = 0; texts->dedup && i < texts->count; i++) {
        int32_t start = texts->starts[i];
        if (texts->starts[i + 1] - start == length && texts->ends[i] == texts->ends[texts->count] &&
            memcmp(texts->ids + start, ids, (size_t)length * sizeof *ids) == 0 &&
            memcmp(texts->key_mask + start, mask, (size_t)length) == 0) {
            return i;
        }
    }
    return -1;
}

octavo_status oc_texts_set(oc_texts *texts, const octavo_tensor *ids, const octavo_tensor *mask,
                           octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    texts->count = 0;
    texts->tokens = 0;
    texts->masked = false;
    texts->starts[0] = 0;
    for (int64_t row = 0; row < ids->shape[0]; row++) {
        int32_t length;
        OC_TRY(append(texts, ids, mask, row, &length, error));
        int32_t twin = find_twin(texts, length);
        texts->which[row] = twin < 0 ? texts->count : twin;
        if (twin < 0) {
            for (int32_t t = 0; t < length; t++) {
                texts->masked |= texts->key_mask[texts->tokens + t] == 0;
            }
            texts->tokens += length;
            texts->starts[++texts->count] = texts->tokens;
        }
    }
done:
    return status;
}

void oc_texts_enter(const oc_texts *texts, const oc_tower *tower, oc_run *run) {
    run->ids = texts->ids;
    run->positions = texts->place;
    run->ends = texts->ends;
    run->key_mask = texts->masked ? texts->key_mask : NULL;
    run->rows[tower->sequences] = texts->count;
    run->rows[tower->tokens] = texts->tokens;
    run->starts[tower->tokens] = texts->starts;
}
