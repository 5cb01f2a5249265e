/* tokens.c - rows of the token table, widened, plus rows of the position table, for AVX2 and F16C.
 */
#include "backends/cpu/avx2/avx2.h"

#include <string.h>

#include "backends/cpu/avx2/quantize.h"
#include "backends/cpu/cut.h"
#include "backends/cpu/pack.h"

/* The first `count` elements at element `at` of the table, at most 8. */
OC_AVX2_INLINE __m256 widen(const oc_constant *table, int64_t at, int32_t count) {
    if (table->dtype == OCTAVO_F32) {
        return oc_avx2_load((const float *)table->data + at, count);
    }
    uint16_t few[8] = {0};
    const uint16_t *from = (const uint16_t *)table->data + at;
    if (count < 8) {
        memcpy(few, from, (size_t)count * sizeof *few);
        from = few;
    }
    __m128i halves = _mm_loadu_si128((const __m128i *)(const void *)from);
    if (table->dtype == OCTAVO_F16) {
        return _mm256_cvtph_ps(halves);
    }
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16));
}

static int32_t tokens_tasks(const oc_cpu_job *job) {
    return oc_cut_count(job->rows, job->step->u.tokens.out.columns);
}

OC_AVX2 static void tokens_task(const oc_cpu_job *job, int32_t index, void *local) {
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
        for (int32_t c = 0; c < columns; c += 8) {
            __m256 value = widen(step->table, from + c, columns - c);
            if (position != NULL) {
                value = _mm256_add_ps(value, oc_avx2_load(position + c, columns - c));
            }
            oc_avx2_store(&step->out, r * step->out.stride + c, value, columns - c);
        }
    }
}

const oc_cpu_kernel oc_avx2_tokens = {
    .name = "tokens avx2",
    .phases = {{tokens_tasks, tokens_task}},
};
