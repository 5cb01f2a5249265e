/* attention.c - softmax(scale q k^T) v, a query at a time; sums in double.
 *
 * A query whose visible keys are all hidden by the mask yields the mean of v over its visible
 * keys: this is what frameworks get, that add the smallest float to hidden scores.
 */
#include <math.h>

#include "backends/cpu/cut.h"
#include "backends/cpu/portable/portable.h"
#include "backends/cpu/portable/store.h"

/* Scores of `keys` keys become weights, not yet divided by their sum, which is returned.  NaN stays
 * NaN, but that of a hidden key is not seen. */
static double weigh(float *scores, int32_t keys, const uint8_t *mask) {
    float highest = -INFINITY;
    for (int32_t j = 0; j < keys; j++) {
        if (mask != NULL && mask[j] == 0) {
            scores[j] = -INFINITY;
        }
        highest = scores[j] > highest ? scores[j] : highest;
    }
    double sum = 0;
    for (int32_t j = 0; j < keys; j++) {
        scores[j] =
            scores[j] == -INFINITY && highest == -INFINITY ? 1.0f : expf(scores[j] - highest);
        sum += (double)scores[j];
    }
    return sum;
}

static int32_t attention_tasks(const oc_cpu_job *job) {
    return oc_cut_head_count(job);
}

/* local: double sums [head_dim], then float scores [keys] */
static void attention_task(const oc_cpu_job *job, int32_t index, void *local) {
    const oc_step_attention *step = &job->step->u.attention;
    oc_cut_head cut = oc_cut_head_at(job, index);
    int32_t dim = step->head_dim;
    double *sums = local;
    float *scores = (float *)(sums + dim);
    const float *k = (const float *)step->k.data + cut.key_row * step->k.stride + cut.column;
    const float *v = (const float *)step->v.data + cut.key_row * step->v.stride + cut.column;
    for (int32_t i = 0; i < cut.queries; i++) {
        const float *q =
            (const float *)step->q.data + (cut.q_row + i) * step->q.stride + cut.column;
        int32_t keys = oc_visible_keys(step, cut.keys, cut.place + i);
        for (int32_t j = 0; j < keys; j++) {
            double score = 0;
            for (int32_t d = 0; d < dim; d++) {
                score += (double)q[d] * (double)k[j * step->k.stride + d];
            }
            scores[j] = (float)(score * (double)step->scale);
        }
        double weights = weigh(scores, keys, cut.mask);
        for (int32_t d = 0; d < dim; d++) {
            sums[d] = 0;
        }
        for (int32_t j = 0; j < keys; j++) {
            for (int32_t d = 0; d < dim; d++) {
                sums[d] += (double)scores[j] * (double)v[j * step->v.stride + d];
            }
        }
        for (int32_t d = 0; d < dim; d++) {
            oc_portable_store(&step->out, (cut.q_row + i) * step->out.stride + cut.column + d,
                              (float)(sums[d] / weights));
        }
    }
}

static size_t attention_local(const oc_step *step, int32_t rows_max, int32_t keys_max) {
    (void)rows_max;
    return (size_t)step->u.attention.head_dim * sizeof(double) + (size_t)keys_max * sizeof(float);
}

const oc_cpu_kernel oc_portable_attention = {
    .name = "attention portable",
    .phases = {{attention_tasks, attention_task}},
    .local_bytes = attention_local,
};
