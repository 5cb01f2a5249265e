/* engine_reseal.h - makes the checksums of a damaged engine file right again, so that
 * tests and fuzzing reach what is behind them.  Trusts nothing that the bytes say. */
#ifndef TESTS_ENGINE_RESEAL_H
#define TESTS_ENGINE_RESEAL_H

#include <stdbool.h>
#include <string.h>
#include <xxhash.h>

#include "engine/format.h"

/* The chunk hashes of one tensor, as far as its bytes are there. */
static inline uint64_t reseal_tensor(const uint8_t *weights, uint64_t weights_bytes,
                                     const oc_format_tensor *tensor, uint8_t *hashes,
                                     uint64_t hashes_left) {
    uint64_t done = 0, rows = tensor->rank >= 2 ? (uint64_t)tensor->shape[0] : 1;
    if (tensor->bytes == 0 || rows == 0 || rows > tensor->bytes || tensor->offset > weights_bytes ||
        tensor->bytes > weights_bytes - tensor->offset) {
        return 0;
    }
    uint64_t row_bytes = tensor->bytes / rows;
    uint64_t chunk = row_bytes * (uint64_t)oc_format_chunk_rows(row_bytes);
    for (uint64_t at = 0; at < tensor->bytes && done < hashes_left; at += chunk, done++) {
        uint64_t left = tensor->bytes - at;
        uint64_t hash =
            XXH3_64bits(weights + tensor->offset + at, (size_t)(left < chunk ? left : chunk));
        memcpy(hashes + done * sizeof hash, &hash, sizeof hash);
    }
    return done;
}

/* All chunk hashes; returns their hash, which is the checksum of WEIGHTS. */
static inline uint64_t reseal_tensors(uint8_t *table, uint64_t table_bytes, const uint8_t *weights,
                                      uint64_t weights_bytes) {
    oc_format_tensors head;
    if (table_bytes < sizeof head) {
        return 0;
    }
    memcpy(&head, table, sizeof head);
    uint64_t records = sizeof head + head.count * sizeof(oc_format_tensor), at = 0;
    if (records > table_bytes || head.chunk_count > (table_bytes - records) / sizeof(uint64_t)) {
        return 0;
    }
    for (uint32_t i = 0; i < head.count; i++) {
        oc_format_tensor tensor;
        memcpy(&tensor, table + sizeof head + i * sizeof tensor, sizeof tensor);
        at += reseal_tensor(weights, weights_bytes, &tensor,
                            table + records + at * sizeof(uint64_t), head.chunk_count - at);
    }
    return XXH3_64bits(table + records, (size_t)(head.chunk_count * sizeof(uint64_t)));
}

static inline void engine_reseal(uint8_t *file, size_t bytes) {
    oc_format_front front;
    if (bytes < sizeof front) {
        return;
    }
    memcpy(&front, file, sizeof front);
    oc_format_section *tensors = NULL, *weights = NULL;
    for (uint32_t i = 0; i < front.header.section_count && i < OC_FORMAT_SECTIONS_MAX; i++) {
        oc_format_section *section = &front.sections[i];
        bool inside = section->offset <= bytes && section->bytes <= bytes - section->offset;
        tensors = inside && section->type == OC_SECTION_TENSORS ? section : tensors;
        weights = inside && section->type == OC_SECTION_WEIGHTS ? section : weights;
    }
    uint64_t weights_checksum = tensors && weights && tensors != weights
                                    ? reseal_tensors(file + tensors->offset, tensors->bytes,
                                                     file + weights->offset, weights->bytes)
                                    : 0;
    for (uint32_t i = 0; i < front.header.section_count && i < OC_FORMAT_SECTIONS_MAX; i++) {
        oc_format_section *section = &front.sections[i];
        if (section == weights) {
            section->checksum = weights_checksum;
        } else if (section->offset <= bytes && section->bytes <= bytes - section->offset) {
            section->checksum = XXH3_64bits(file + section->offset, (size_t)section->bytes);
        }
    }
    front.seal = XXH3_64bits(&front, offsetof(oc_format_front, seal));
    memcpy(file, &front, sizeof front);
}

#endif
