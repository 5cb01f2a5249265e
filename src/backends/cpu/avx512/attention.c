/* attention.c - softmax(scale q k^T) v for AVX-512, a head at a time: avx2/attention.c, which says
 * how and why, with panels twice as wide and blocks of twice as many queries. */
#include "backends/cpu/avx512/avx512.h"

#include <math.h>

#include "backends/cpu/avx512/math.h"
#include "backends/cpu/avx512/quantize.h"
#include "backends/cpu/cut.h"
#include "base/size.h"

enum { BLOCK = 12, PANEL = 32, HALF = 16, KEY_CHUNK = 256 };

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
    at.values = keys_up * head_dim;
    at.scores = at.values + keys * at.sum_stride;
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
OC_AVX512_INLINE void transpose(__m512 rows[16]) {
    __m512 pairs[16], quads[16];
    OC_UNROLL for (int i = 0; i < 16; i += 2) {
        pairs[i] = _mm512_unpacklo_ps(rows[i], rows[i + 1]);
        pairs[i + 1] = _mm512_unpackhi_ps(rows[i], rows[i + 1]);
    }
    OC_UNROLL for (int i = 0; i < 16; i += 4) {
        quads[i] = _mm512_shuffle_ps(pairs[i], pairs[i + 2], 0x44);
        quads[i + 1] = _mm512_shuffle_ps(pairs[i], pairs[i + 2], 0xee);
        quads[i + 2] = _mm512_shuffle_ps(pairs[i + 1], pairs[i + 3], 0x44);
        quads[i + 3] = _mm512_shuffle_ps(pairs[i + 1], pairs[i + 3], 0xee);
    }
    /* quads[4 g + c], lane l: column 4 l + c of rows 4 g .. 4 g + 3 */
    OC_UNROLL for (int c = 0; c < 4; c++) {
        __m512 low = _mm512_shuffle_f32x4(quads[c], quads[c + 4], 0x88);
        __m512 high = _mm512_shuffle_f32x4(quads[c + 8], quads[c + 12], 0x88);
        rows[c] = _mm512_shuffle_f32x4(low, high, 0x88);
        rows[c + 8] = _mm512_shuffle_f32x4(low, high, 0xdd);
        low = _mm512_shuffle_f32x4(quads[c], quads[c + 4], 0xdd);
        high = _mm512_shuffle_f32x4(quads[c + 8], quads[c + 12], 0xdd);
        rows[c + 4] = _mm512_shuffle_f32x4(low, high, 0x88);
        rows[c + 12] = _mm512_shuffle_f32x4(low, high, 0xdd);
    }
}

/* k [keys, head_dim] -> panels; lanes beyond the last key are zero. */
OC_AVX512 static void pack_keys(const float *k, int64_t stride, int32_t keys, int32_t head_dim,
                                float *panels) {
    for (int32_t first = 0; first < keys; first += HALF) {
        int32_t width = panel_width(first / PANEL * PANEL, keys);
        float *panel = panels + (int64_t)(first / PANEL * PANEL) * head_dim + first % PANEL;
        for (int32_t d = 0; d < head_dim; d += 16) {
            int32_t columns = head_dim - d < 16 ? head_dim - d : 16;
            __m512 rows[16];
            OC_UNROLL for (int i = 0; i < 16; i++) {
                rows[i] = first + i < keys ? oc_avx512_load(k + (first + i) * stride + d, columns)
                                           : _mm512_setzero_ps();
            }
            transpose(rows);
            OC_UNROLL for (int32_t i = 0; i < 16; i++) {
                if (i < columns) {
                    _mm512_storeu_ps(panel + (int64_t)(d + i) * width, rows[i]);
                }
            }
        }
    }
}

/* v [keys, head_dim] -> panels; columns beyond head_dim are zero. */
OC_AVX512 static void pack_values(const float *v, int64_t stride, int32_t keys, int32_t head_dim,
                                  float *panels) {
    for (int32_t d = 0; d < head_dim; d += HALF) {
        int32_t width = panel_width(d / PANEL * PANEL, head_dim);
        float *panel = panels + (int64_t)(d / PANEL * PANEL) * keys + d % PANEL;
        __mmask16 lanes = oc_avx512_lanes(head_dim - d);
        for (int32_t j = 0; j < keys; j++) {
            _mm512_storeu_ps(panel + (int64_t)j * width,
                             _mm512_maskz_loadu_ps(lanes, v + j * stride + d));
        }
    }
}

/* Rows are reached from every third one: their addresses take few registers. */
enum { STEP = 3, BASES = BLOCK / STEP };

/* c [rows, 16 vectors] = scale a [rows, depth] panel [depth, 16 vectors], or added to c.  rows and
 * vectors are constants where this is called. */
OC_AVX512_INLINE void multiply_tile(int rows, int vectors, const float *a, int64_t a_stride,
                                    const float *panel, int32_t depth, float scale, bool add,
                                    float *c, int64_t c_stride) {
    __m512 sums[BLOCK][2];
    const float *base[BASES];
    OC_UNROLL for (int r = 0; r < rows; r++) {
        OC_UNROLL for (int v = 0; v < vectors; v++) {
            sums[r][v] = _mm512_setzero_ps();
        }
    }
    OC_UNROLL for (int r = 0; r < rows; r += STEP) {
        base[r / STEP] = a + r * a_stride;
    }
    for (int32_t i = 0; i < depth; i++) {
        __m512 b[2];
        OC_UNROLL for (int v = 0; v < vectors; v++) {
            b[v] = _mm512_loadu_ps(panel + ((int64_t)i * vectors + v) * 16);
        }
        OC_UNROLL for (int r = 0; r < rows; r++) {
            __m512 x = _mm512_set1_ps(base[r / STEP][r % STEP * a_stride + i]);
            OC_UNROLL for (int v = 0; v < vectors; v++) {
                sums[r][v] = _mm512_fmadd_ps(x, b[v], sums[r][v]);
            }
        }
    }
    __m512 factor = _mm512_set1_ps(scale);
    OC_UNROLL for (int r = 0; r < rows; r++) {
        OC_UNROLL for (int v = 0; v < vectors; v++) {
            float *to = c + r * c_stride + (int64_t)v * 16;
            __m512 sum = _mm512_mul_ps(sums[r][v], factor);
            _mm512_storeu_ps(to, add ? _mm512_add_ps(_mm512_loadu_ps(to), sum) : sum);
        }
    }
}

OC_AVX512 static void multiply(int32_t rows, int32_t width, const float *a, int64_t a_stride,
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
        CASES(7);
        CASES(8);
        CASES(9);
        CASES(10);
        CASES(11);
        CASES(12);
#undef CASES
    }
}

/* 0 for keys that are seen, -infinity for those that the mask hides; 0 up to a whole vector. */
static void hide(const uint8_t *mask, int32_t keys, float *hidden) {
    for (int32_t j = 0; j < (int32_t)oc_round_up((size_t)keys, HALF); j++) {
        hidden[j] = j < keys && mask[j] == 0 ? -INFINITY : 0.0f;
    }
}

/* Scores of `visible` keys become weights, not yet divided by their sum, which is returned; those
 * up to `end` become 0.  hidden is what hide() made, or NULL.  NaN stays NaN, but that of a hidden
 * key is not seen. */
OC_AVX512 static float weigh(float *scores, int32_t visible, int32_t end, const float *hidden) {
    __m512 lowest = _mm512_set1_ps(-INFINITY);
    int32_t up = (int32_t)oc_round_up((size_t)visible, HALF);
    __m512 highs = lowest;
    for (int32_t j = 0; j < up; j += HALF) {
        __m512 s =
            _mm512_mask_mov_ps(lowest, oc_avx512_lanes(visible - j), _mm512_loadu_ps(scores + j));
        if (hidden != NULL) {
            __m512 h = _mm512_loadu_ps(hidden + j);
            s = _mm512_mask_mov_ps(s, _mm512_cmp_ps_mask(h, _mm512_setzero_ps(), _CMP_LT_OQ), h);
        }
        _mm512_storeu_ps(scores + j, s);
        highs = _mm512_max_ps(highs, s);
    }
    float high = oc_avx512_highest(highs);
    float sum;
    if (high == -INFINITY) { /* max forgets a NaN that numbers follow: it may be among them */
        sum = 0;
        for (int32_t j = 0; j < up; j++) {
            scores[j] = j >= visible ? 0.0f : scores[j] == -INFINITY ? 1.0f : NAN;
            sum += scores[j];
        }
    } else {
        __m512 top = _mm512_set1_ps(high);
        __m512 sums = _mm512_setzero_ps();
        for (int32_t j = 0; j < up; j += HALF) {
            __m512 weight = oc_avx512_exp(_mm512_sub_ps(_mm512_loadu_ps(scores + j), top));
            _mm512_storeu_ps(scores + j, weight);
            sums = _mm512_add_ps(sums, weight);
        }
        sum = oc_avx512_total(sums);
    }
    for (int32_t j = up; j < end; j++) {
        scores[j] = 0.0f;
    }
    return sum;
}

/* out [count] = sums / sum, as floats or codes. */
OC_AVX512 static void store_row(const float *sums, float sum, int32_t count, const oc_view *out,
                                int64_t at) {
    __m512 divisor = _mm512_set1_ps(sum);
    for (int32_t d = 0; d < count; d += 16) {
        __m512 value = _mm512_div_ps(_mm512_loadu_ps(sums + d), divisor);
        oc_avx512_store(out, at + d, value, count - d);
    }
}

static int32_t attention_tasks(const oc_cpu_job *job) {
    return oc_cut_head_count(job);
}

OC_AVX512 static void attention_task(const oc_cpu_job *job, int32_t index, void *local) {
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

const oc_cpu_kernel oc_avx512_attention = {
    .name = "attention avx512",
    .phases = {{attention_tasks, attention_task}},
    .local_bytes = attention_local,
};
