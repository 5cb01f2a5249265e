/* ref_attention.c - softmax(scale q k^T) v, head by head.
 *
 *   q, k, v [tokens, heads * head_dim] -> out, as step.h says; scores and softmax in float64.
 *
 * Key j of a sequence is visible to the query at place p if, in a causal step, j <= p.  Keys that
 * the mask hides weigh nothing; where it hides all visible ones, they weigh the same. */
#include <math.h>
#include <stdbool.h>

#include "backends/ref/ref_kernels.h"
#include "num/mathf.h"

static void scratch(const oc_step *step, int32_t keys_max, oc_scratch *scratch) {
    (void)step;
    oc_scratch_raise(scratch, 0, (size_t)keys_max * sizeof(double));
}

static bool all_hidden(const uint8_t *mask, int32_t keys) {
    for (int32_t j = 0; j < keys; j++) {
        if (mask[j] != 0) {
            return false;
        }
    }
    return true;
}

/* Scores of keys first .. first+keys-1, then their probabilities before division; returns the sum
 * to divide by. */
static double softmax(const oc_ref_job *job, int32_t query, int32_t column, int32_t first,
                      int32_t keys, double *weights) {
    const oc_step_attention *step = &job->step->u.attention;
    const uint8_t *mask = step->masked ? job->run->key_mask : NULL;
    double highest = -INFINITY, sum = 0;
    if (mask != NULL && all_hidden(mask + first, keys)) {
        for (int32_t j = 0; j < keys; j++) {
            weights[j] = 1;
        }
        return keys;
    }
    for (int32_t j = 0; j < keys; j++) {
        double dot = 0;
        for (int32_t d = 0; d < step->head_dim; d++) {
            dot += oc_ref_get(&step->q, query, column + d) *
                   oc_ref_get(&step->k, first + j, column + d);
        }
        weights[j] = mask != NULL && mask[first + j] == 0 ? -INFINITY : dot * step->scale;
        highest = weights[j] > highest ? weights[j] : highest;
    }
    for (int32_t j = 0; j < keys; j++) {
        weights[j] = weights[j] == -INFINITY ? 0 : oc_exp(weights[j] - highest);
        sum += weights[j];
    }
    return sum;
}

/* Task: one head of one sequence. */
static void head_task(void *context, int32_t index, int32_t thread) {
    const oc_ref_job *job = context;
    const oc_step_attention *step = &job->step->u.attention;
    int32_t sequence = index / step->heads;
    int32_t column = index % step->heads * step->head_dim;
    const int32_t *starts = job->run->starts[job->step->keys];
    int32_t first = starts[sequence];
    int32_t keys = starts[sequence + 1] - first;
    int32_t queries = step->query_rows == 0 ? keys : 1;
    double *weights = oc_ref_local(job, thread);
    for (int32_t i = 0; i < queries; i++) {
        int32_t place = step->query_rows == 0   ? i
                        : step->query_rows == 1 ? step->row
                                                : job->run->ends[sequence];
        int32_t query = step->query_rows == 0 ? first + i : sequence;
        int32_t visible = step->causal && place + 1 < keys ? place + 1 : keys;
        double sum = softmax(job, query, column, first, visible, weights);
        for (int32_t d = 0; d < step->head_dim; d++) {
            double value = 0;
            for (int32_t j = 0; j < visible; j++) {
                if (weights[j] != 0) {
                    value += weights[j] * oc_ref_get(&step->v, first + j, column + d);
                }
            }
            oc_ref_put(&step->out, query, column + d, value / sum, job->device->storage);
        }
    }
}

static void run(const oc_ref_job *job) {
    int32_t sequences = oc_sequences(job->run, job->step->keys);
    int32_t heads = job->step->u.attention.heads;
    oc_pool_run(job->pool, sequences * heads, head_task, (void *)job);
}

const oc_ref_family oc_ref_attention = {"attention_f64 ref", run, scratch};
