/* added.c - a sorted list that is narrowed character by character. */
#include "text/added.h"

#include <stdlib.h>

#include "base/utf8.h"

static int compare_points(const uint32_t *a, size_t a_count, const uint32_t *b, size_t b_count) {
    for (size_t i = 0; i < a_count && i < b_count; i++) {
        if (a[i] != b[i]) {
            return a[i] < b[i] ? -1 : 1;
        }
    }
    return (a_count > b_count) - (a_count < b_count);
}

static int compare_entries(const void *a, const void *b) {
    const oc_added_entry *left = a, *right = b;
    return compare_points(left->points, left->length, right->points, right->length);
}

octavo_status oc_added_create(const oc_tokenizer *tokenizer, bool normalised, oc_added_set *out,
                              octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    size_t bytes = 0, point_count = 0;
    *out = (oc_added_set){0};
    for (uint32_t i = 0; i < tokenizer->added_count; i++) {
        bytes += tokenizer->added[i].text.length;
    }
    out->entries = calloc((size_t)tokenizer->added_count + 1, sizeof *out->entries);
    out->points = calloc(bytes + 1, sizeof *out->points);
    if (!out->entries || !out->points) {
        OC_NO_MEMORY(error, bytes * sizeof *out->points);
    }
    for (uint32_t i = 0; i < tokenizer->added_count; i++) {
        const oc_added_token *token = &tokenizer->added[i];
        if (token->normalised != normalised) {
            continue;
        }
        oc_added_entry *entry = &out->entries[out->count++];
        uint32_t *points = out->points + point_count;
        for (size_t at = 0, used; at < token->text.length; at += used) {
            (void)oc_utf8_read(token->text.data + at, token->text.length - at,
                               &points[entry->length++], &used);
        }
        entry->points = points;
        entry->id = token->id;
        point_count += entry->length;
        if (points[0] < 128) {
            out->starts[points[0]] = true;
        }
    }
    qsort(out->entries, out->count, sizeof *out->entries, compare_entries);
    for (uint32_t i = 1; i < out->count; i++) {
        if (compare_entries(&out->entries[i - 1], &out->entries[i]) == 0) {
            OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                    "added tokens %u and %u are found by the same text", out->entries[i - 1].id,
                    out->entries[i].id);
        }
    }
done:
    if (status != OCTAVO_OK) {
        oc_added_free(out);
    }
    return status;
}

void oc_added_free(oc_added_set *set) {
    free(set->entries);
    free(set->points);
    *set = (oc_added_set){0};
}

/* The first of entries[low .. high), all longer than `depth`, whose character there is not
 * below `point`. */
static uint32_t narrow(const oc_added_set *set, uint32_t low, uint32_t high, size_t depth,
                       uint32_t point) {
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (set->entries[middle].points[depth] < point) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The longest token that points[0 .. count) starts with. */
static const oc_added_entry *match(const oc_added_set *set, const uint32_t *points, size_t count) {
    const oc_added_entry *best = NULL;
    uint32_t low = 0, high = set->count;
    for (size_t depth = 0; low < high; depth++) {
        if (set->entries[low].length == depth) { /* sorts before its continuations */
            best = &set->entries[low++];
        }
        if (depth == count) {
            break;
        }
        low = narrow(set, low, high, depth, points[depth]);
        high = narrow(set, low, high, depth, points[depth] + 1);
    }
    return best;
}

const oc_added_entry *oc_added_find(const oc_added_set *set, const uint32_t *points, size_t count,
                                    size_t from, size_t *start) {
    for (size_t at = from; at < count && set->count > 0; at++) {
        if (points[at] < 128 && !set->starts[points[at]]) {
            continue;
        }
        const oc_added_entry *found = match(set, points + at, count - at);
        if (found) {
            *start = at;
            return found;
        }
    }
    *start = count;
    return NULL;
}
