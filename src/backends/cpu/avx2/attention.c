/* attention.c - softmax(scale q k^T) v for AVX2, a head at a time.
 *
 * A task packs K transposed into panels of 16 keys, [head_dim][16], and V into panels of 16
 * columns, [keys][16]; a last panel that needs no more than 8 is 8 wide.  Both products then are
 * one micro-kernel, up to 6 rows times one panel.  Queries go in blocks of at most 6: scores of all
 * their keys into local memory, softmax in place, product with V, division by the sum.
 *
 * A score is one chain of fused multiply-adds over head_dim.  A weighted sum is one chain for each
 * 256 keys, and these are added in order, so that the error does not grow with long sequences.
 * A query whose visible keys are all hidden by the mask yields the mean of v over its visible
 * keys: this is what frameworks get, that add the smallest float to hidden scores.
 */
#include "backends/cpu/avx2/avx2.h"

#include <math.h>

#include "backends/cpu/avx2/math.h"
#include "backends/cpu/avx2/quantize.h"
#include "backends/cpu/cut.h"
#include "base/size.h"

enum { BLOCK = 6, PANEL = 16, HALF = 8, KEY_CHUNK = 256 };

/* What a thread's local memory holds, in floats. */
typedef struct layout {
    int64_t score_stride, sum_stride;
    int64_t values, scores, sums, hidden; /* keys are at 0 */
    int64_t end;
} layout;

static layout layout_of(int32_t keys, int32_t head_dim) {
    layout at;
    int64_t keys_up = (int64_t)oc_round_up((size_t)keys, HALF);
    at.sum_stride = (int64_t)oc_round_up((size_t)head_dim, HALF);
    at.score_stride = oc_cpu_stride(keys);
    at.values = (int64_t)oc_round_up((size_t)(keys_up * head_dim), PANEL);
    at.scores = at.values + (int64_t)oc_round_up((size_t)(keys * at.sum_stride), PANEL);
    at.sums = at.scores + BLOCK * at.score_stride;
    at.hidden = at.sums + BLOCK * at.sum_stride;
    at.end = at.hidden + keys_up;
    return at;
}

/* Columns of the panel that starts at `first` of `count`. */
static int32_t panel_width(int32_t first, int32_t count) {
    return count - first > HALF ? PANEL : HALF;
}

/* rows[i] becomes column i. */
OC_AVX2_INLINE void transpose(__m256 rows[8]) {
    __m256 pairs[8], quads[8];
    OC_UNROLL for (int i = 0; i < 8; i += 2) {
        pairs[i] = _mm256_unpacklo_ps(rows[i], rows[i + 1]);
        pairs[i + 1] = _mm256_unpackhi_ps(rows[i], rows[i + 1]);
    }
    OC_UNROLL for (int i = 0; i < 8; i += 4) {
        quads[i] = _mm256_shuffle_ps(pairs[i], pairs[i + 2], 0x44);
        quads[i + 1] = _mm256_shuffle_ps(pairs[i], pairs[i + 2], 0xee);
        quads[i + 2] = _mm256_shuffle_ps(pairs[i + 1], pairs[i + 3], 0x44);
        quads[i + 3] = _mm256_shuffle_ps(pairs[i + 1], pairs[i + 3], 0xee);
    }
    OC_UNROLL for (int i = 0; i < 4; i++) {
        rows[i] = _mm256_permute2f128_ps(quads[i], quads[i + 4], 0x20);
        rows[i + 4] = _mm256_permute2f128_ps(quads[i], quads[i + 4], 0x31);
    }
}

/* k [keys, head_dim] -> panels; lanes beyond the last key are zero. */
OC_AVX2 static void pack_keys(const float *k, int64_t stride, int32_t keys, int32_t head_dim,
                              float *panels) {
    for (int32_t first = 0; first < keys; first += HALF) {
        int32_t width = panel_width(first / PANEL * PANEL, keys);
        float *panel = panels + (int64_t)(first / PANEL * PANEL) * head_dim + first % PANEL;
        for (int32_t d = 0; d < head_dim; d += 8) {
            int32_t columns = head_dim - d < 8 ? head_dim - d : 8;
            __m256i mask = oc_avx2_lanes(columns);
            __m256 rows[8];
            OC_UNROLL for (int i = 0; i < 8; i++) {
                rows[i] = first + i < keys ? _mm256_maskload_ps(k + (first + i) * stride + d, mask)
                                           : _mm256_setzero_ps();
            }
            transpose(rows);
            for (int32_t i = 0; i < columns; i++) {
                _mm256_storeu_ps(panel + (int64_t)(d + i) * width, rows[i]);
            }
        }
    }
}

/* v [keys, head_dim] -> panels; columns beyond head_dim are zero. */
OC_AVX2 static void pack_values(const float *v, int64_t stride, int32_t keys, int32_t head_dim,
                                float *panels) {
    for (int32_t d = 0; d < head_dim; d += HALF) {
        int32_t width = panel_width(d / PANEL * PANEL, head_dim);
        float *panel = panels + (int64_t)(d / PANEL * PANEL) * keys + d % PANEL;
        __m256i mask = oc_avx2_lanes(head_dim - d);
        for (int32_t j = 0; j < keys; j++) {
            _mm256_storeu_ps(panel + (int64_t)j * width,
                             _mm256_maskload_ps(v + j * stride + d, mask));
        }
    }
}

/* c [rows, 8 vectors] = scale a [rows, depth] panel [depth, 8 vectors], or added to c.  rows and
 * vectors are constants where this is called. */
OC_AVX2_INLINE void multiply_tile(int rows, int vectors, const float *a, int64_t a_stride,
                                  const float *panel, int32_t depth, float scale, bool add,
                                  float *c, int64_t c_stride) {
    __m256 sums[BLOCK][2];
    OC_UNROLL for (int r = 0; r < rows; r++) {
        OC_UNROLL for (int v = 0; v < vectors; v++) {
            sums[r][v] = _mm256_setzero_ps();
        }
    }
    for (int32_t i = 0; i < depth; i++) {
        __m256 b[2];
        OC_UNROLL for (int v = 0; v < vectors; v++) {
            b[v] = _mm256_loadu_ps(panel + ((int64_t)i * vectors + v) * 8);
        }
        OC_UNROLL for (int r = 0; r < rows; r++) {
            __m256 x = _mm256_broadcast_ss(a + r * a_stride + i);
            OC_UNROLL for (int v = 0; v < vectors; v++) {
                sums[r][v] = _mm256_fmadd_ps(x, b[v], sums[r][v]);
            }
        }
    }
    __m256 factor = _mm256_set1_ps(scale);
    OC_UNROLL for (int r = 0; r < rows; r++) {
        OC_UNROLL for (int v = 0; v < vectors; v++) {
            float *to = c + r * c_stride + (int64_t)v * 8;
            __m256 sum = _mm256_mul_ps(sums[r][v], factor);
            _mm256_storeu_ps(to, add ? _mm256_add_ps(_mm256_loadu_ps(to), sum) : sum);
        }
    }
}

OC_AVX2 static void multiply(int32_t rows, int32_t width, const float *a, int64_t a_stride,
                             const float *panel, int32_t depth, float scale, bool add, float *c,
                             int64_t c_stride) {
    switch (rows * 2 + (width == PANEL)) {
#define CASES(count)                                                                               \
    case 2 * count:                                                                                \
        multiply_tile(count, 1, a, a_stride, panel, depth, scale, add, c, c_stride);               \
        break;                                                                                     \
    case 2 * count + 1:                                                                            \
        multiply_tile(count, 2, a, a_stride, panel, depth, scale, add, c, c_stride);               \
        break
        CASES(1);
        CASES(2);
        CASES(3);
        CASES(4);
        CASES(5);
        CASES(6);
#undef CASES
    }
}

/* 0 for keys that are seen, -infinity for those that the mask hides; 0 up to a whole vector. */
static void hide(const uint8_t *mask, int32_t keys, float *hidden) {
    for (int32_t j = 0; j < (int32_t)oc_round_up((size_t)keys, 8); j++) {
        hidden[j] = j < keys && mask[j] == 0 ? -INFINITY : 0.0f;
    }
}

/* Scores of `visible` keys become weights, not yet divided by their sum, which is returned; those
 * up to `end` become 0.  hidden is what hide() made, or NULL.  NaN stays NaN, but that of a hidden
 * key is not seen. */
OC_AVX2 static float weigh(float *scores, int32_t visible, int32_t end, const float *hidden) {
    __m256 lowest = _mm256_set1_ps(-INFINITY);
    int32_t up = (int32_t)oc_round_up((size_t)visible, 8);
    if (up != visible) {
        __m256i seen = oc_avx2_lanes(visible - (up - 8));
        __m256 last = _mm256_loadu_ps(scores + up - 8);
        last = _mm256_blendv_ps(lowest, last, _mm256_castsi256_ps(seen));
        _mm256_storeu_ps(scores + up - 8, last);
    }
    if (hidden != NULL) {
        for (int32_t j = 0; j < up; j += 8) {
            __m256 s = _mm256_loadu_ps(scores + j);
            __m256 h = _mm256_loadu_ps(hidden + j);
            _mm256_storeu_ps(scores + j, _mm256_blendv_ps(s, h, h)); /* by the sign */
        }
    }
    __m256 highs = lowest;
    for (int32_t j = 0; j < up; j += 8) {
        highs = _mm256_max_ps(highs, _mm256_loadu_ps(scores + j));
    }
    float high = oc_avx2_highest(highs);
    float sum;
    if (high == -INFINITY) { /* max forgets a NaN that numbers follow: it may be among them */
        sum = 0;
        for (int32_t j = 0; j < up; j++) {
            scores[j] = j >= visible ? 0.0f : scores[j] == -INFINITY ? 1.0f : NAN;
            sum += scores[j];
        }
    } else {
        __m256 top = _mm256_set1_ps(high);
        __m256 sums = _mm256_setzero_ps();
        for (int32_t j = 0; j < up; j += 8) {
            __m256 weight = oc_avx2_exp(_mm256_sub_ps(_mm256_loadu_ps(scores + j), top));
            _mm256_storeu_ps(scores + j, weight);
            sums = _mm256_add_ps(sums, weight);
        }
        sum = oc_avx2_total(sums);
    }
    for (int32_t j = up; j < end; j++) {
        scores[j] = 0.0f;
    }
    return sum;
}

/* out [count] = sums / sum, as floats or codes. */
OC_AVX2 static void store_row(const float *sums, float sum, int32_t count, const oc_view *out,
                              int64_t at) {
    __m256 divisor = _mm256_set1_ps(sum);
    for (int32_t d = 0; d < count; d += 8) {
        __m256 value = _mm256_div_ps(_mm256_loadu_ps(sums + d), divisor);
        oc_avx2_store(out, at + d, value, count - d);
    }
}

static int32_t attention_tasks(const oc_cpu_job *job) {
    return oc_cut_head_count(job);
}

OC_AVX2 static void attention_task(const oc_cpu_job *job, int32_t index, void *local) {
    const oc_step_attention *step = &job->step->u.attention;
    oc_cut_head cut = oc_cut_head_at(job, index);
    if (cut.queries == 0) {
        return;
    }
    int32_t dim = step->head_dim;
    int32_t key_count = oc_visible_keys(step, cut.keys, cut.place + cut.queries - 1);
    layout at = layout_of(key_count, dim);
    float *base = local;
    float *keys = base, *values = base + at.values;
    float *scores = base + at.scores, *sums = base + at.sums;
    float *hidden = cut.mask != NULL ? base + at.hidden : NULL;

    const float *k = (const float *)step->k.data + cut.key_row * step->k.stride + cut.column;
    const float *v = (const float *)step->v.data + cut.key_row * step->v.stride + cut.column;
    pack_keys(k, step->k.stride, key_count, dim, keys);
    pack_values(v, step->v.stride, key_count, dim, values);
    if (hidden != NULL) {
        hide(cut.mask, key_count, hidden);
    }

    int32_t blocks = (cut.queries + BLOCK - 1) / BLOCK;
    for (int32_t b = 0; b < blocks; b++) {
        int32_t first = (int32_t)((int64_t)cut.queries * b / blocks);
        int32_t rows = (int32_t)((int64_t)cut.queries * (b + 1) / blocks) - first;
        int32_t end = oc_visible_keys(step, key_count, cut.place + first + rows - 1);
        const float *q =
            (const float *)step->q.data + (cut.q_row + first) * step->q.stride + cut.column;
        for (int32_t j = 0; j < end; j += PANEL) {
            multiply(rows, panel_width(j, key_count), q, step->q.stride, keys + (int64_t)j * dim,
                     dim, step->scale, false, scores + j, at.score_stride);
        }
        float weight_sums[BLOCK];
        for (int32_t r = 0; r < rows; r++) {
            int32_t visible = oc_visible_keys(step, key_count, cut.place + first + r);
            weight_sums[r] = weigh(scores + r * at.score_stride, visible, end, hidden);
        }
        for (int32_t j = 0; j < end; j += KEY_CHUNK) {
            int32_t depth = end - j < KEY_CHUNK ? end - j : KEY_CHUNK;
            for (int32_t d = 0; d < dim; d += PANEL) {
                int32_t width = panel_width(d, dim);
                multiply(rows, width, scores + j, at.score_stride,
                         values + (int64_t)d * key_count + (int64_t)j * width, depth, 1.0f, j > 0,
                         sums + d, at.sum_stride);
            }
        }
        for (int32_t r = 0; r < rows; r++) {
            store_row(sums + r * at.sum_stride, weight_sums[r], dim, &step->out,
                      (cut.q_row + first + r) * step->out.stride + cut.column);
        }
    }
}

static size_t attention_local(const oc_step *step, int32_t rows_max, int32_t keys_max) {
    (void)rows_max;
    return (size_t)layout_of(keys_max, step->u.attention.head_dim).end * sizeof(float);
}

const oc_cpu_kernel oc_avx2_attention = {
    .name = "attention avx2",
    .phases = {{attention_tasks, attention_task}},
    .local_bytes = attention_local,
};
