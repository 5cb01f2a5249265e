/* norm.c - layer norm and quantizer for AVX-512.
 *
 * Mean and variance are the corrected two-pass form: a first mean m in float32, then the sums of
 * d = x - m and of d^2; sum(d) / n is what m lacks.  x - m is exact where x lies within a factor of
 * two of m, so a row far from zero loses nothing.  Sums run in 64 lanes.
 */
#include "backends/cpu/avx512/avx512.h"

#include <math.h>

#include "backends/cpu/avx512/quantize.h"
#include "backends/cpu/cut.h"

enum { LANES = OC_AVX512_LANES, CHAINS = 4 };

/* What maps a row to mean 0 and variance 1: ((x - mean) - shift) * factor. */
typedef struct moments {
    float mean, shift, factor;
} moments;

OC_AVX512_INLINE float total(const __m512 sums[CHAINS]) {
    return oc_avx512_total(
        _mm512_add_ps(_mm512_add_ps(sums[0], sums[1]), _mm512_add_ps(sums[2], sums[3])));
}

OC_AVX512 static moments measure(const float *x, int32_t columns, float eps) {
    int32_t whole = columns / (LANES * CHAINS) * (LANES * CHAINS);
    __m512 sums[CHAINS], squares[CHAINS];
    OC_UNROLL for (int i = 0; i < CHAINS; i++) {
        sums[i] = _mm512_setzero_ps();
        squares[i] = _mm512_setzero_ps();
    }
    for (int32_t c = 0; c < whole; c += LANES * CHAINS) {
        OC_UNROLL for (int i = 0; i < CHAINS; i++) {
            sums[i] = _mm512_add_ps(sums[i], _mm512_loadu_ps(x + c + i * LANES));
        }
    }
    for (int32_t c = whole; c < columns; c += LANES) {
        sums[0] = _mm512_add_ps(sums[0], oc_avx512_load(x + c, columns - c));
    }
    float count = (float)columns;
    float mean = total(sums) / count;

    __m512 means = _mm512_set1_ps(mean);
    OC_UNROLL for (int i = 0; i < CHAINS; i++) {
        sums[i] = _mm512_setzero_ps();
    }
    for (int32_t c = 0; c < whole; c += LANES * CHAINS) {
        OC_UNROLL for (int i = 0; i < CHAINS; i++) {
            __m512 d = _mm512_sub_ps(_mm512_loadu_ps(x + c + i * LANES), means);
            sums[i] = _mm512_add_ps(sums[i], d);
            squares[i] = _mm512_fmadd_ps(d, d, squares[i]);
        }
    }
    for (int32_t c = whole; c < columns; c += LANES) {
        __m512 d = _mm512_sub_ps(oc_avx512_load(x + c, columns - c), means);
        d = _mm512_maskz_mov_ps(oc_avx512_lanes(columns - c), d);
        sums[0] = _mm512_add_ps(sums[0], d);
        squares[0] = _mm512_fmadd_ps(d, d, squares[0]);
    }
    float shift = total(sums) / count;
    float variance = fmaxf(total(squares) / count - shift * shift, 0.0f);
    return (moments){mean, shift, 1.0f / sqrtf(variance + eps)};
}

static int32_t norm_tasks(const oc_cpu_job *job) {
    return oc_cut_count(job->rows, job->step->u.norm.out.columns);
}

/* A row of a dynamic quantizer: each block by its own largest magnitude; NaN in it makes it NaN. */
OC_AVX512 static void quantize_row(const oc_step_norm *step, int32_t r, const float *x) {
    int32_t columns = step->out.columns, width = step->block == 0 ? columns : step->block;
    float *scales = (float *)step->out_scale.data + r * step->out_scale.stride;
    for (int32_t first = 0; first < columns; first += width) {
        int32_t end = columns - first < width ? columns : first + width;
        __m512 most = _mm512_setzero_ps();
        __mmask16 nan = 0;
        for (int32_t c = first; c < end; c += LANES) {
            __m512 value = oc_avx512_load(x + c, end - c);
            nan |= _mm512_cmp_ps_mask(value, value, _CMP_UNORD_Q);
            most = _mm512_max_ps(most, _mm512_abs_ps(value));
        }
        float high = oc_avx512_highest(most);
        oc_view out = step->out;
        out.scale = nan != 0 ? NAN : high == 0.0f ? 1.0f : high / 448.0f;
        scales[first / width] = out.scale;
        for (int32_t c = first; c < end; c += LANES) {
            oc_avx512_store(&out, r * out.stride + c, oc_avx512_load(x + c, end - c), end - c);
        }
    }
}

OC_AVX512 static void norm_task(const oc_cpu_job *job, int32_t index, void *local) {
    (void)local;
    const oc_step_norm *step = &job->step->u.norm;
    int32_t columns = step->out.columns;
    oc_cut rows = oc_cut_rows(job->rows, columns, index);
    for (int32_t r = rows.first; r < rows.end; r++) {
        const float *x = (const float *)step->x.data + r * step->x.stride;
        int64_t at = r * step->out.stride;
        if (step->out_scale.columns != 0) {
            quantize_row(step, r, x);
            continue;
        }
        if (step->gamma == NULL) {
            for (int32_t c = 0; c < columns; c += LANES) {
                oc_avx512_store(&step->out, at + c, oc_avx512_load(x + c, columns - c),
                                columns - c);
            }
            continue;
        }
        moments m = measure(x, columns, step->eps);
        __m512 mean = _mm512_set1_ps(m.mean), factor = _mm512_set1_ps(m.factor);
        __m512 shift = _mm512_set1_ps(-m.shift * m.factor);
        for (int32_t c = 0; c < columns; c += LANES) {
            __m512 d = _mm512_sub_ps(oc_avx512_load(x + c, columns - c), mean);
            __m512 unit = _mm512_fmadd_ps(d, factor, shift);
            __m512 y =
                _mm512_fmadd_ps(unit, oc_avx512_load(oc_floats(step->gamma) + c, columns - c),
                                oc_avx512_load(oc_floats(step->beta) + c, columns - c));
            oc_avx512_store(&step->out, at + c, y, columns - c);
        }
    }
}

const oc_cpu_kernel oc_avx512_norm = {
    .name = "norm avx512",
    .phases = {{norm_tasks, norm_task}},
};
