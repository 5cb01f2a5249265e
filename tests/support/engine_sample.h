/* engine_sample.h - a small engine file with something of everything in it, for tests. */
#ifndef TESTS_ENGINE_SAMPLE_H
#define TESTS_ENGINE_SAMPLE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/reader.h"
#include "engine/records/canary_record.h"
#include "engine/records/meta.h"
#include "engine/writer.h"

typedef struct sample_tensor {
    const char *name;
    octavo_dtype dtype;
    int32_t rank;
    int64_t shape[OCTAVO_MAX_RANK];
    size_t bytes;
} sample_tensor;

/* Ranks 0 to 4; `fc` has three chunks of 16, 16 and 8 rows, `long` rows longer than a chunk. */
static const sample_tensor sample_tensors[] = {
    {"logit_scale", OCTAVO_F32, 0, {0}, 4},
    {"fc.bias", OCTAVO_F16, 1, {5}, 10},
    {"fc.weight", OCTAVO_F8_E4M3, 2, {40, 1024}, 40960},
    {"long", OCTAVO_F32, 2, {2, 5000}, 40000},
    {"patch.weight", OCTAVO_BF16, 4, {3, 3, 2, 2}, 72},
};
enum { SAMPLE_TENSORS = 5, SAMPLE_FC = 2, SAMPLE_LONG = 3 };

#define SAMPLE_GRAPH                                                                               \
    "octavo graph 1\n"                                                                             \
    "tensor \"fc.bias\" F16[5]\n"                                                                  \
    "%0 = const tensor=0 : F16[5] \"bias\"\n"                                                      \
    "output %0\n"
#define SAMPLE_CARD "Model card: nothing is promised.\n"

/* Byte i of tensor `index`. */
static inline uint8_t sample_byte(int32_t index, size_t i) {
    return (uint8_t)((i * 2654435761u + (size_t)index * 40503u) >> 9);
}

static inline uint8_t *sample_bytes(int32_t index) {
    uint8_t *bytes = malloc(sample_tensors[index].bytes);
    for (size_t i = 0; bytes != NULL && i < sample_tensors[index].bytes; i++) {
        bytes[i] = sample_byte(index, i);
    }
    return bytes;
}

static inline octavo_status sample_sections(oc_engine_writer *writer, octavo_error *error) {
    static const oc_engine_meta meta = {.octavo = "0.1.0",
                                        .name = "sample",
                                        .precision = "FP8",
                                        .towers = OCTAVO_IMAGE | OCTAVO_TEXT,
                                        .architecture = "CLIPModel",
                                        .producer = "",
                                        .source_tensors = SAMPLE_TENSORS,
                                        .source_tensor_bytes = 81046};
    float expected[6] = {0.5f, 1, 1.5f, 2, 2.5f, 3};
    int32_t ids[4] = {1, 17, 9, 2};
    static const oc_canary_sequence sequences[] = {{2, 0, 0, 0}};
    static const oc_canary_kept kept[] = {{0, 0}, {0, 1}};
    oc_canary canaries[2] = {
        {.kind = OC_CANARY_PART,
         .tower = OCTAVO_IMAGE,
         .input = "in",
         .output = "out",
         .limits = {0.01f, 0.02f},
         .seed = 7,
         .sequence_count = 1,
         .kept_count = 2,
         .sequences = sequences,
         .kept = kept,
         .expected = {.dtype = OCTAVO_F32, .rank = 2, .shape = {2, 3}, .data = expected}},
        {.kind = OC_CANARY_MODEL,
         .tower = OCTAVO_TEXT,
         .input = "input_ids",
         .output = "text_embeds",
         .limits = {0.001f, 0.001f},
         .given = {.dtype = OCTAVO_I32, .rank = 1, .shape = {4}, .data = ids},
         .expected = {.dtype = OCTAVO_F32, .rank = 1, .shape = {5}, .data = expected}}};
    octavo_status status = OCTAVO_OK;
    oc_buffer text, records;
    oc_buffer_init(&text);
    oc_buffer_init(&records);
    OC_TRY(oc_engine_meta_write(&meta, &text, error));
    OC_TRY(oc_canaries_encode(canaries, 2, &records, error));
    OC_TRY(
        oc_engine_writer_section(writer, OC_SECTION_CARD, SAMPLE_CARD, strlen(SAMPLE_CARD), error));
    OC_TRY(oc_engine_writer_section(writer, OC_SECTION_META, text.data, text.size, error));
    OC_TRY(oc_engine_writer_section(writer, OC_SECTION_GRAPH, SAMPLE_GRAPH, strlen(SAMPLE_GRAPH),
                                    error));
    OC_TRY(
        oc_engine_writer_section(writer, OC_SECTION_CANARIES, records.data, records.size, error));
done:
    oc_buffer_free(&text);
    oc_buffer_free(&records);
    return status;
}

/* Writes the sample, each tensor in pieces of `piece` bytes. */
static inline octavo_status sample_write(const char *path, size_t piece, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_engine_writer *writer = NULL;
    uint8_t *bytes = NULL;
    OC_TRY(oc_engine_writer_create(path, &writer, error));
    for (int32_t i = 0; i < SAMPLE_TENSORS; i++) {
        const sample_tensor *tensor = &sample_tensors[i];
        free(bytes);
        bytes = sample_bytes(i);
        OC_TRY(oc_engine_writer_begin_tensor(writer, tensor->name, tensor->dtype, tensor->rank,
                                             tensor->shape, error));
        for (size_t at = 0; at < tensor->bytes; at += piece) {
            size_t left = tensor->bytes - at;
            OC_TRY(oc_engine_writer_append(writer, bytes + at, left < piece ? left : piece, error));
        }
        OC_TRY(oc_engine_writer_end_tensor(writer, error));
    }
    OC_TRY(sample_sections(writer, error));
    OC_TRY(oc_engine_writer_finish(writer, error));
done:
    oc_engine_writer_free(writer);
    free(bytes);
    return status;
}

/* A whole file in memory, for tests that change it. */
static inline uint8_t *sample_load(const char *path, size_t *bytes) {
    FILE *file = fopen(path, "rb");
    uint8_t *data = NULL;
    if (file != NULL && fseek(file, 0, SEEK_END) == 0) {
        *bytes = (size_t)ftell(file);
        rewind(file);
        data = malloc(*bytes);
        if (data != NULL && fread(data, 1, *bytes, file) != *bytes) {
            free(data);
            data = NULL;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return data;
}

#endif
