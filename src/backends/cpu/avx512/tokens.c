/* tokens.c - rows of the token table, widened, plus rows of the position table, for AVX-512. */
#include "backends/cpu/avx512/avx512.h"
#include "backends/cpu/avx512/quantize.h"
#include "backends/cpu/cut.h"
#include "backends/cpu/pack.h"

/* The first `count` elements at element `at` of the table, at most 16. */
OC_AVX512_INLINE __m512 widen(const oc_constant *table, int64_t at, int32_t count) {
    if (table->dtype == OCTAVO_F32) {
        return oc_avx512_load((const float *)table->data + at, count);
    }
    const uint16_t *from = (const uint16_t *)table->data + at;
    __m256i halves = _mm256_maskz_loadu_epi16(oc_avx512_lanes(count), from);
    if (table->dtype == OCTAVO_F16) {
        return _mm512_cvtph_ps(halves);
    }
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
}

static int32_t tokens_tasks(const oc_cpu_job *job) {
    return oc_cut_count(job->rows, job->step->u.tokens.out.columns);
}

OC_AVX512 static void tokens_task(const oc_cpu_job *job, int32_t index, void *local) {
    (void)local;
    const oc_step_tokens *step = &job->step->u.tokens;
    int32_t columns = step->out.columns;
    oc_cut rows = oc_cut_rows(job->rows, columns, index);
    for (int32_t r = rows.first; r < rows.end; r++) {
        int64_t from = (int64_t)job->run->ids[r] * columns;
        const float *position = NULL;
        if (step->position != NULL) {
            position = oc_floats(step->position) + (int64_t)job->run->positions[r] * columns;
        }
        for (int32_t c = 0; c < columns; c += OC_AVX512_LANES) {
            __m512 value = widen(step->table, from + c, columns - c);
            if (position != NULL) {
                value = _mm512_add_ps(value, oc_avx512_load(position + c, columns - c));
            }
            oc_avx512_store(&step->out, r * step->out.stride + c, value, columns - c);
        }
    }
}

const oc_cpu_kernel oc_avx512_tokens = {
    .name = "tokens avx512",
    .phases = {{tokens_tasks, tokens_task}},
};
