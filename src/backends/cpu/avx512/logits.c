/* logits.c - scaled dot products of image and text embeddings for AVX-512, summed in 64 lanes. */
#include "backends/cpu/avx512/avx512.h"

#include "backends/cpu/avx512/vector.h"
#include "backends/cpu/cut.h"

enum { LANES = OC_AVX512_LANES, CHAINS = 4 };

OC_AVX512 static float dot(const float *a, const float *b, int32_t count) {
    __m512 sums[CHAINS];
    OC_UNROLL for (int i = 0; i < CHAINS; i++) {
        sums[i] = _mm512_setzero_ps();
    }
    int32_t whole = count / (LANES * CHAINS) * (LANES * CHAINS);
    for (int32_t c = 0; c < whole; c += LANES * CHAINS) {
        OC_UNROLL for (int i = 0; i < CHAINS; i++) {
            __m512 x = _mm512_loadu_ps(a + c + i * LANES);
            sums[i] = _mm512_fmadd_ps(x, _mm512_loadu_ps(b + c + i * LANES), sums[i]);
        }
    }
    for (int32_t c = whole; c < count; c += LANES) {
        __m512 x = oc_avx512_load(a + c, count - c);
        sums[0] = _mm512_fmadd_ps(x, oc_avx512_load(b + c, count - c), sums[0]);
    }
    return oc_avx512_total(
        _mm512_add_ps(_mm512_add_ps(sums[0], sums[1]), _mm512_add_ps(sums[2], sums[3])));
}

static int32_t logits_tasks(const oc_cpu_job *job) {
    return oc_cut_count(job->rows, oc_logits_row(job));
}

OC_AVX512 static void logits_task(const oc_cpu_job *job, int32_t index, void *local) {
    (void)local;
    const oc_step_logits *step = &job->step->u.logits;
    int32_t texts = job->run->rows[OC_ROWS_TEXTS];
    oc_cut rows = oc_cut_rows(job->rows, oc_logits_row(job), index);
    for (int32_t i = rows.first; i < rows.end; i++) {
        const float *image = (const float *)step->image.data + i * step->image.stride;
        float *out = (float *)step->out.data + i * step->out.stride;
        for (int32_t t = 0; t < texts; t++) {
            const float *text = (const float *)step->text.data + t * step->text.stride;
            out[t] = step->scale * dot(image, text, step->image.columns);
        }
    }
}

const oc_cpu_kernel oc_avx512_logits = {
    .name = "logits avx512",
    .phases = {{logits_tasks, logits_task}},
};
