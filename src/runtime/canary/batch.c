/* batch.c - see batch.h. */
#include "runtime/canary/batch.h"

#include <stdlib.h>

#include "base/limits.h"

enum { STREAM_IDS = 1 << 20, STREAM_PIXELS = 2 << 20 }; /* behind those of rows */

/* -- sequences ------------------------------------------------------------------------------- */

/* A sequence whose ids and rows are those of another stands for it. */
static int32_t content(const oc_canary_batch *batch, int32_t sequence) {
    const oc_canary_sequence *one = &batch->sequences[sequence];
    return one->like > 0 && one->flip == 0 && one->hide == batch->sequences[one->like - 1].hide
               ? one->like - 1
               : sequence;
}

static bool is_hidden(const oc_canary_sequence *sequence, int32_t place) {
    return sequence->hide > 0 && place % sequence->hide == sequence->hide - 1 &&
           place < sequence->length - 1;
}

/* An id that is not the end's, by the rule of the text tower. */
static int32_t draw_id(const oc_texts *texts, int32_t end, oc_rng *rng) {
    int32_t bound = texts->rule == 0 ? texts->vocabulary - 1 : end;
    int32_t id = bound > 0 ? (int32_t)oc_rng_below(rng, (uint64_t)bound) : 0;
    return texts->rule == 0 && id >= end ? id + 1 : id;
}

/* Rows of `width` ids: the texts, each with its end token, which fills the row as padding does. */
static void fill_ids(const oc_canary_batch *batch, const oc_texts *texts, int32_t width,
                     int32_t *ids, int32_t *mask) {
    bool inside = texts->rule == 0 && texts->eos >= 0 && texts->eos < texts->vocabulary;
    int32_t end = inside ? (int32_t)texts->eos : texts->vocabulary - 1;
    for (int32_t s = 0; s < batch->count; s++) {
        const oc_canary_sequence *sequence = &batch->sequences[s];
        int32_t source = sequence->like > 0 ? sequence->like - 1 : s;
        oc_rng rng;
        oc_rng_init(&rng, batch->seed, STREAM_IDS + (uint64_t)source);
        for (int32_t t = 0; t < width; t++) {
            int32_t id = draw_id(texts, end, &rng);
            if (sequence->flip == 1 && t == sequence->length / 2) {
                id = id > 0 ? id - 1 : id + 1;
                id = id == end ? id + (end > 1 ? -1 : 2) : id;
            }
            ids[s * width + t] = t >= sequence->length - 1 ? end : id;
            mask[s * width + t] = !is_hidden(sequence, t);
        }
    }
}

static octavo_status make_texts(oc_canary_batch *batch, const oc_texts *rules,
                                octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int32_t width = 0, *ids = NULL, *mask = NULL;
    for (int32_t s = 0; s < batch->count; s++) {
        width = batch->sequences[s].length > width ? batch->sequences[s].length : width;
    }
    width += width < rules->positions_max; /* a token behind the longest one's end */
    batch->texts = *rules;
    batch->texts.batch_max = batch->count;
    batch->texts.tokens_max = batch->count * width;
    OC_TRY(oc_texts_create(&batch->texts, error));
    ids = calloc((size_t)(batch->count * width), sizeof *ids);
    mask = calloc((size_t)(batch->count * width), sizeof *mask);
    if (ids == NULL || mask == NULL) {
        OC_NO_MEMORY(error, (size_t)(batch->count * width) * sizeof *ids);
    }
    fill_ids(batch, rules, width, ids, mask);
    octavo_tensor tensors[2];
    for (int32_t i = 0; i < 2; i++) {
        tensors[i] = (octavo_tensor){.dtype = OCTAVO_I32,
                                     .rank = 2,
                                     .shape = {batch->count, width},
                                     .const_data = i == 0 ? ids : mask};
    }
    OC_TRY(oc_texts_set(&batch->texts, &tensors[0], &tensors[1], error));
done:
    free(ids);
    free(mask);
    return status;
}

octavo_status oc_canary_batch_create(const oc_canary *canary, const oc_texts *texts,
                                     oc_canary_batch *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    *out = (oc_canary_batch){.tower = oc_tower_of_bit(canary->tower),
                             .count = canary->sequence_count,
                             .sequences = canary->sequences,
                             .seed = canary->seed};
    if (oc_tower_is_packed(out->tower)) {
        OC_TRY(make_texts(out, texts, error));
    } else {
        out->starts = calloc((size_t)out->count + 1, sizeof *out->starts);
        if (out->starts == NULL) {
            OC_NO_MEMORY(error, ((size_t)out->count + 1) * sizeof *out->starts);
        }
        for (int32_t s = 0; s < out->count; s++) {
            out->rows += out->sequences[s].length;
            out->starts[s + 1] = out->rows;
        }
    }
done:
    return status;
}

void oc_canary_batch_free(oc_canary_batch *batch) {
    free(batch->starts);
    oc_texts_free(&batch->texts);
}

/* -- running it ------------------------------------------------------------------------------ */

oc_run oc_canary_batch_run(const oc_canary_batch *batch) {
    oc_run run = {.pixels = NULL};
    if (oc_tower_is_packed(batch->tower)) {
        oc_texts_enter(&batch->texts, batch->tower, &run);
    } else {
        run.rows[batch->tower->sequences] = batch->count;
        run.rows[batch->tower->tokens] = batch->rows;
        run.starts[batch->tower->tokens] = batch->starts;
    }
    return run;
}

int32_t oc_canary_batch_end(const oc_canary_batch *batch, int32_t sequence) {
    return oc_tower_is_packed(batch->tower) ? batch->sequences[sequence].length - 1 : 0;
}

int64_t oc_canary_batch_row(const oc_canary_batch *batch, const oc_canary_kept *kept,
                            oc_rows rows) {
    const oc_texts *texts = &batch->texts;
    bool whole = !oc_rows_are_tokens(rows);
    if (!oc_tower_is_packed(batch->tower)) {
        return whole ? kept->sequence : batch->starts[kept->sequence] + kept->place;
    }
    int32_t which = texts->which[kept->sequence];
    int32_t row = texts->starts[which] + kept->place;
    return whole ? which : row < texts->starts[which + 1] ? row : -1;
}

/* -- values ---------------------------------------------------------------------------------- */

oc_canary_noise oc_canary_noise_begin(const oc_canary_batch *batch, int32_t stream,
                                      const oc_canary_kept *place) {
    oc_canary_noise noise = {.loud = place->place % 4 == 2 ? (uint32_t)place->place % 32 : 32};
    uint64_t row =
        (uint64_t)content(batch, place->sequence) * OC_LIMIT_TOKENS + (uint64_t)place->place;
    oc_rng_init(&noise.rng, (uint64_t)batch->seed << 32 | (uint32_t)stream, row);
    noise.scale = (float)(1 << place->place % 3) * 0.5f;
    return noise;
}

/* Shades that run across the picture, with noise: no two channels, corners or images are alike. */
void oc_canary_batch_pixels(const oc_canary_batch *batch, int32_t size, uint8_t *pixels) {
    for (int32_t s = 0; s < batch->count; s++) {
        uint8_t *image = pixels + (int64_t)s * size * size * 3;
        oc_rng rng;
        oc_rng_init(&rng, batch->seed, STREAM_PIXELS + (uint64_t)s);
        for (int32_t y = 0; y < size; y++) {
            for (int32_t x = 0; x < size; x++, image += 3) {
                uint64_t bits = oc_rng_bits(&rng);
                int32_t shades[3] = {x * 96 / size, y * 96 / size, (x + y) * 48 / size + 64};
                for (int32_t c = 0; c < 3; c++) {
                    image[c] = (uint8_t)(shades[(c + s) % 3] + (int32_t)(bits >> 8 * c & 95));
                }
            }
        }
    }
}

void oc_canary_batch_values(const oc_canary_batch *batch, int32_t size, float *values) {
    for (int32_t s = 0; s < batch->count; s++) {
        for (int32_t c = 0; c < 3; c++) {
            oc_canary_kept place = {s, c + 4};
            oc_canary_noise noise = oc_canary_noise_begin(batch, STREAM_PIXELS, &place);
            for (int64_t i = 0; i < (int64_t)size * size; i++) {
                *values++ = oc_canary_noise_next(&noise);
            }
        }
    }
}
