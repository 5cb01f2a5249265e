/* merges.c - the table of merges as sorted groups, and the merging of a word with a heap. */
#include "text/merges.h"

#include <stdlib.h>

enum { NOTHING = UINT32_MAX };

/* Sorts `order` by key(merge), keeping the order of equals; counts has vocabulary + 1 zeros and
 * receives where each key starts. */
static void sort_by(const oc_merge *merges, uint32_t count, bool by_left, const uint32_t *order,
                    uint32_t *sorted, uint32_t *counts, uint32_t vocabulary) {
    for (uint32_t i = 0; i < count; i++) {
        counts[1 + (by_left ? merges[i].left : merges[i].right)]++;
    }
    for (uint32_t id = 0; id < vocabulary; id++) {
        counts[id + 1] += counts[id];
    }
    for (uint32_t i = 0; i < count; i++) {
        const oc_merge *merge = &merges[order ? order[i] : i];
        sorted[counts[by_left ? merge->left : merge->right]++] = order ? order[i] : i;
    }
    memmove(counts + 1, counts, vocabulary * sizeof *counts);
    counts[0] = 0;
}

octavo_status oc_merges_create(const oc_tokenizer *tokenizer, oc_merges *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    uint32_t count = tokenizer->merge_count, vocabulary = tokenizer->vocabulary;
    size_t room = (size_t)count + 1;
    uint32_t *by_right = malloc(room * sizeof *by_right);
    uint32_t *scratch = calloc((size_t)vocabulary + 1, sizeof *scratch);
    *out = (oc_merges){
        .starts = calloc((size_t)vocabulary + 1, sizeof *out->starts),
        .rights = malloc(room * sizeof *out->rights),
        .ranks = malloc(room * sizeof *out->ranks),
        .results = malloc(room * sizeof *out->results),
        .vocabulary = vocabulary,
    };
    if (!by_right || !scratch || !out->starts || !out->rights || !out->ranks || !out->results) {
        OC_NO_MEMORY(error, room * sizeof *by_right);
    }
    sort_by(tokenizer->merges, count, false, NULL, by_right, scratch, vocabulary);
    sort_by(tokenizer->merges, count, true, by_right, out->ranks, out->starts, vocabulary);
    for (uint32_t i = 0; i < count; i++) {
        out->rights[i] = tokenizer->merges[out->ranks[i]].right;
        out->results[i] = tokenizer->merges[i].result;
    }
done:
    free(by_right);
    free(scratch);
    if (status != OCTAVO_OK) {
        oc_merges_free(out);
    }
    return status;
}

void oc_merges_free(oc_merges *merges) {
    free(merges->starts);
    free(merges->rights);
    free(merges->ranks);
    free(merges->results);
    *merges = (oc_merges){0};
}

/* The rank of the merge of two ids, NOTHING if they do not merge. */
static uint32_t find_rank(const oc_merges *merges, uint32_t left, uint32_t right) {
    uint32_t low = merges->starts[left], end = low, high = merges->starts[left + 1];
    while (low < high) { /* the first place behind all equals */
        uint32_t middle = low + (high - low) / 2;
        if (merges->rights[middle] <= right) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low > end && merges->rights[low - 1] == right ? merges->ranks[low - 1] : NOTHING;
}

octavo_status oc_word_reserve(oc_word *word, size_t count, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    if (count <= word->capacity) {
        goto done;
    }
    /* A merge takes one entry out and puts two in at most; there are less than `count` merges
     * and as many entries at first. */
    size_t room = count > 2 * word->capacity ? count : 2 * word->capacity;
    size_t heap_room = 2 * room;
    oc_symbol *symbols = realloc(word->symbols, room * sizeof *symbols);
    word->symbols = symbols ? symbols : word->symbols;
    uint64_t *heap = realloc(word->heap, heap_room * sizeof *heap);
    word->heap = heap ? heap : word->heap;
    if (!symbols || !heap) {
        OC_NO_MEMORY(error, room * sizeof *symbols);
    }
    word->capacity = room;
    word->heap_capacity = heap_room;
done:
    return status;
}

void oc_word_free(oc_word *word) {
    free(word->symbols);
    free(word->heap);
    *word = (oc_word){0};
}

static void heap_push(uint64_t *heap, size_t *size, uint64_t entry) {
    size_t at = (*size)++;
    while (at > 0 && heap[(at - 1) / 2] > entry) {
        heap[at] = heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap[at] = entry;
}

static uint64_t heap_pop(uint64_t *heap, size_t *size) {
    uint64_t top = heap[0], last = heap[--*size];
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < *size; at = child) {
        child += child + 1 < *size && heap[child + 1] < heap[child];
        if (heap[child] >= last) {
            break;
        }
        heap[at] = heap[child];
    }
    heap[at] = last;
    return top;
}

/* Queues the merge of symbol `at` and the one behind it, if there is one. */
static void offer(oc_word *word, size_t *waiting, const oc_merges *merges, int32_t at) {
    int32_t next = at < 0 ? -1 : word->symbols[at].next;
    if (next < 0) {
        return;
    }
    uint32_t rank = find_rank(merges, word->symbols[at].id, word->symbols[next].id);
    if (rank != NOTHING) {
        OC_ASSERT(*waiting < word->heap_capacity);
        heap_push(word->heap, waiting, (uint64_t)rank << 32 | (uint32_t)at);
    }
}

void oc_word_merge(oc_word *word, const oc_merges *merges) {
    oc_symbol *symbols = word->symbols;
    int32_t count = (int32_t)word->count;
    size_t waiting = 0;
    for (int32_t i = 0; i < count; i++) {
        symbols[i].previous = i - 1;
        symbols[i].next = i + 1 < count ? i + 1 : -1;
    }
    for (int32_t i = 0; i < count; i++) {
        offer(word, &waiting, merges, i);
    }
    while (waiting > 0) {
        uint64_t entry = heap_pop(word->heap, &waiting);
        uint32_t result = merges->results[entry >> 32];
        int32_t at = (int32_t)(entry & 0xffffffff);
        oc_symbol *left = &symbols[at];
        if (left->id == NOTHING || left->next < 0) {
            continue;
        }
        /* A pair that changed since still merges here if it yields the same id. */
        oc_symbol *right = &symbols[left->next];
        uint32_t rank = find_rank(merges, left->id, right->id);
        if (rank == NOTHING || merges->results[rank] != result) {
            continue;
        }
        left->id = result;
        left->next = right->next;
        right->id = NOTHING;
        if (left->next >= 0) {
            symbols[left->next].previous = at;
        }
        offer(word, &waiting, merges, left->previous);
        offer(word, &waiting, merges, at);
    }
    size_t kept = 0;
    for (int32_t i = 0; i >= 0 && i < count; i = symbols[i].next) {
        symbols[kept++].id = symbols[i].id;
    }
    word->count = kept;
}
