/* batch.h - the input of a canary, made again from its seed: pixels, ids with their mask, rows.
 *
 * Engines would be much larger if they kept inputs.  All numbers come from whole ones by one
 * rounding, so that they are the same on every machine.
 *
 * Rows are like those that a layer sees: a bell of values around a mean that is not zero, with
 * lengths that differ from row to row, and in every fourth row a channel of 32 that stands out
 * eightfold and drives quantizers to their end.
 */
#ifndef OC_RUNTIME_CANARY_BATCH_H
#define OC_RUNTIME_CANARY_BATCH_H

#include "engine/records/canary_record.h"
#include "num/rng.h"
#include "runtime/texts.h"
#include "runtime/towers.h"

/* The sequences of one or more canaries of a tower, as a run takes them. */
typedef struct oc_canary_batch {
    const oc_tower *tower;
    int32_t count;                       /* sequences */
    const oc_canary_sequence *sequences; /* borrowed */
    uint32_t seed;
    int32_t rows;    /* of sequences that are not packed */
    int32_t *starts; /* [count + 1], of these */
    oc_texts texts;  /* of packed ones: cut, without repetitions, as in any run */
} oc_canary_batch;

/* texts: its fixed fields but batch_max and tokens_max.  No text is longer than positions_max. */
octavo_status oc_canary_batch_create(const oc_canary *canary, const oc_texts *texts,
                                     oc_canary_batch *out, octavo_error *error);
void oc_canary_batch_free(oc_canary_batch *batch);

/* The run of all sequences; pixels are the caller's. */
oc_run oc_canary_batch_run(const oc_canary_batch *batch);

/* Where a row of the output lies: of a place where the rows are tokens, or of a whole sequence;
 * -1: the run does not compute it. */
int64_t oc_canary_batch_row(const oc_canary_batch *batch, const oc_canary_kept *kept, oc_rows rows);

/* The place that stands for a whole sequence: an image's first, a text's end. */
int32_t oc_canary_batch_end(const oc_canary_batch *batch, int32_t sequence);

/* Values of one row, from the first on.  stream: the canary's number; rows of different streams
 * are unlike. */
typedef struct oc_canary_noise {
    oc_rng rng;
    uint64_t sums;
    float scale;
    uint32_t column, loud; /* loud: the column of 32 that stands out; 32: none */
} oc_canary_noise;

oc_canary_noise oc_canary_noise_begin(const oc_canary_batch *batch, int32_t stream,
                                      const oc_canary_kept *place);

static inline float oc_canary_noise_next(oc_canary_noise *noise) {
    uint32_t column = noise->column++;
    if (column % 2 == 0) { /* in each half, the sum of four bytes */
        uint64_t bits = oc_rng_bits(&noise->rng);
        bits = (bits & 0x00ff00ff00ff00ff) + (bits >> 8 & 0x00ff00ff00ff00ff);
        noise->sums = bits + (bits >> 16);
    } else {
        noise->sums >>= 32;
    }
    /* the sum of four uniform numbers: a bell, without a logarithm */
    int32_t sum = (int32_t)(noise->sums & 0xffff) - 510;
    float value = (float)sum * 0x1p-7f;
    return (column % 32 == noise->loud ? value * 8 + 0.5f : value + 0.5f) * noise->scale;
}

/* pixels U8 [count,size,size,3] or F32 [count,3,size,size] */
void oc_canary_batch_pixels(const oc_canary_batch *batch, int32_t size, uint8_t *pixels);
void oc_canary_batch_values(const oc_canary_batch *batch, int32_t size, float *values);

#endif
