// links: watch num base
/* fuzz_reference.c - reference statistics as an engine's section may hold them: what reads is
 * written and read as itself, and a watch can be made of it, fed and asked without a number that
 * breaks it.
 */
#include <stdlib.h>
#include <string.h>

#include "watch/watch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { DIM_MAX = 64, ROWS = 3 }; /* wider ones are read and written only */

static void check(bool holds) {
    if (!holds) {
        abort();
    }
}

static void same(const oc_reference *a, const oc_reference *b) {
    check(a->tower_count == b->tower_count && a->quantizer_count == b->quantizer_count);
    for (int32_t t = 0; t < a->tower_count; t++) {
        const oc_tower_reference *x = &a->towers[t], *y = &b->towers[t];
        check(x->dim == y->dim && x->rows == y->rows && strcmp(x->name, y->name) == 0);
        check(memcmp(x->mean, y->mean, (size_t)x->dim * sizeof *x->mean) == 0);
        check(memcmp(x->scalars, y->scalars, sizeof x->scalars) == 0);
        check(memcmp(x->spectra, y->spectra, sizeof x->spectra) == 0);
    }
    for (int32_t q = 0; q < a->quantizer_count; q++) {
        check(strcmp(a->quantizers[q].name, b->quantizers[q].name) == 0);
        check(a->quantizers[q].saturated == b->quantizers[q].saturated);
    }
}

static void watch_it(const oc_reference *reference) {
    oc_watch *watch = NULL;
    float rows[ROWS * DIM_MAX], scalars[ROWS * OC_SCALAR_COUNT];
    oc_json_writer json;
    oc_buffer text;
    oc_code_count *codes = calloc((size_t)reference->quantizer_count + 1, sizeof *codes);
    check(codes != NULL && oc_watch_create(reference, NULL, &watch, NULL) == OCTAVO_OK);
    for (int32_t i = 0; i < ROWS * DIM_MAX; i++) {
        rows[i] = (float)((i * 7) % 13) - 6;
    }
    for (int32_t i = 0; i < ROWS * OC_SCALAR_COUNT; i++) {
        scalars[i] = (float)(i * i);
    }
    for (int32_t q = 0; q < reference->quantizer_count; q++) {
        codes[q] = (oc_code_count){100, (uint64_t)q % 100, 3, 1};
    }
    for (int32_t t = 0; t < reference->tower_count; t++) {
        for (int32_t run = 0; run < OC_RUNS_LEAST; run++) {
            oc_watch_add(watch, &(oc_watch_batch){.tower = t,
                                                  .rows = ROWS,
                                                  .embeddings = rows,
                                                  .is_raw = run % 2 == 0,
                                                  .scalars = scalars,
                                                  .codes = codes,
                                                  .code_rows = ROWS});
        }
    }
    oc_watch_flush(watch);
    oc_buffer_init(&text);
    oc_json_write_open(&json, &text, false);
    oc_watch_report(watch, "e", true, &json);
    check(oc_json_write_finish(&json, NULL) == OCTAVO_OK);
    oc_buffer_free(&text);
    oc_watch_free(watch);
    free(codes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    oc_arena arena;
    oc_reference reference, again;
    oc_buffer text;
    octavo_error error = {0};
    bool is_small = true;
    oc_arena_init(&arena);
    oc_buffer_init(&text);
    octavo_status status = oc_reference_read(data, size, 0, &arena, &reference, &error);
    if (status != OCTAVO_OK) {
        check(reference.tower_count == 0 && error.message[0] != 0 && error.status == status);
    } else {
        check(oc_reference_write(&reference, &text, NULL) == OCTAVO_OK);
        check(oc_reference_read(text.data, text.size, 0, &arena, &again, NULL) == OCTAVO_OK);
        same(&reference, &again);
        for (int32_t t = 0; t < reference.tower_count; t++) {
            is_small = is_small && reference.towers[t].dim <= DIM_MAX;
        }
        if (is_small) {
            watch_it(&reference);
        }
    }
    oc_buffer_free(&text);
    oc_arena_free(&arena);
    return 0;
}
