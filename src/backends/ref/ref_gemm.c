/* ref_gemm.c - matrix products.
 *
 *   a [rows,k], weight [n,k] -> out [rows,n]
 *   out[r][c] = act(sum_i a[r][i] w[c][i] * column_scale[c] + bias[c]) + residual[r][c]
 *               + table[r mod period][c]
 *
 * Each sum runs over i = 0 .. k-1 in order, in float64, whatever the number of rows.  Four rows
 * of `a` go side by side through four weight rows, so that a weight is decoded once for up to
 * CHUNK rows; that is all the blocking there is. */
#include "backends/ref/ref_kernels.h"

enum { SIDE = 4, CHUNK = 64 };

typedef double lanes __attribute__((vector_size(8 * SIDE)));

typedef struct gemm_chunk {
    const oc_ref_job *job;
    int32_t first, rows; /* of out */
    lanes *wide;         /* [group of SIDE rows][k]: `a` as doubles, SIDE rows abreast */
} gemm_chunk;

static void scratch(const oc_step *step, int32_t keys_max, oc_scratch *scratch) {
    size_t k = (size_t)oc_ref_matrix_of(step->u.gemm.weight)->k;
    (void)keys_max;
    oc_scratch_raise(scratch, CHUNK * k * sizeof(double), SIDE * k * sizeof(double));
}

static void widen_group(void *context, int32_t group, int32_t thread) {
    const gemm_chunk *chunk = context;
    const oc_step_gemm *gemm = &chunk->job->step->u.gemm;
    int32_t k = oc_ref_matrix_of(gemm->weight)->k;
    lanes *wide = chunk->wide + (size_t)group * (size_t)k;
    oc_view a = gemm->a;
    a.scale = 1; /* codes as codes: column_scale holds their scale */
    (void)thread;
    for (int32_t lane = 0; lane < SIDE; lane++) {
        int32_t row = group * SIDE + lane;
        for (int32_t i = 0; i < k; i++) {
            wide[i][lane] = row < chunk->rows ? oc_ref_get(&a, chunk->first + row, i) : 0;
        }
    }
}

/* sums[j] of SIDE rows of `a` against weight row j, over i = first .. end - 1 */
static void multiply(const lanes *wide, const double *weights, int32_t k, int32_t first,
                     int32_t end, lanes sums[SIDE]) {
    const double *w0 = weights, *w1 = w0 + k, *w2 = w1 + k, *w3 = w2 + k;
    lanes s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};
    for (int32_t i = first; i < end; i++) {
        s0 += wide[i] * w0[i];
        s1 += wide[i] * w1[i];
        s2 += wide[i] * w2[i];
        s3 += wide[i] * w3[i];
    }
    sums[0] = s0;
    sums[1] = s1;
    sums[2] = s2;
    sums[3] = s3;
}

/* What the sum of block `block` of k at [row, column] is multiplied by. */
static double block_scale(const oc_step_gemm *gemm, int32_t blocks, int32_t row, int32_t column,
                          int32_t block) {
    double scale = 1;
    if (gemm->a_scale.columns != 0) {
        scale *= oc_ref_get(&gemm->a_scale, row, gemm->a_scale.columns == 1 ? 0 : block);
    }
    if (gemm->block_scale != NULL) {
        scale *= oc_floats(gemm->block_scale)[column / gemm->block_n * blocks + block];
    }
    return scale;
}

static void finish(const oc_ref_job *job, int32_t row, int32_t column, double sum) {
    const oc_step_gemm *gemm = &job->step->u.gemm;
    double value = sum;
    if (gemm->column_scale != NULL) {
        value *= oc_floats(gemm->column_scale)[column];
    }
    if (gemm->bias != NULL) {
        value += oc_floats(gemm->bias)[column];
    }
    value = oc_ref_activate(gemm->act, value);
    if (gemm->residual.columns != 0) {
        value += oc_ref_get(&gemm->residual, row, column);
    }
    if (gemm->table != NULL) {
        value += oc_floats(
            gemm->table)[(int64_t)(row % gemm->period) * oc_ref_matrix_of(gemm->weight)->n +
                         column];
    }
    oc_ref_put(&gemm->out, row, column, value, job->device->storage);
}

static void columns_task(void *context, int32_t index, int32_t thread) {
    const gemm_chunk *chunk = context;
    const oc_ref_job *job = chunk->job;
    const oc_step_gemm *step = &job->step->u.gemm;
    const oc_ref_matrix *weight = oc_ref_matrix_of(step->weight);
    size_t k = (size_t)weight->k;
    int32_t column = index * SIDE;
    int32_t columns = weight->n - column < SIDE ? weight->n - column : SIDE;
    double *rows = oc_ref_local(job, thread);
    for (int32_t j = 0; j < SIDE; j++) { /* past the last row: the last row again, unused */
        int32_t row = j < columns ? column + j : weight->n - 1;
        oc_ref_decode_row(job->device, weight, row, rows + (size_t)j * k);
    }
    int32_t block_k = step->block_k == 0 ? weight->k : step->block_k;
    int32_t blocks = (weight->k + block_k - 1) / block_k;
    for (int32_t row = 0; row < chunk->rows; row += SIDE) {
        double sums[SIDE][SIDE] = {{0}}; /* [column][row] */
        for (int32_t block = 0; block < blocks; block++) {
            int32_t first = block * block_k;
            int32_t end = weight->k - first < block_k ? weight->k : first + block_k;
            lanes part[SIDE];
            multiply(chunk->wide + (size_t)(row / SIDE) * k, rows, weight->k, first, end, part);
            for (int32_t lane = 0; lane < SIDE && row + lane < chunk->rows; lane++) {
                for (int32_t j = 0; j < columns; j++) {
                    sums[j][lane] +=
                        part[j][lane] *
                        block_scale(step, blocks, chunk->first + row + lane, column + j, block);
                }
            }
        }
        for (int32_t lane = 0; lane < SIDE && row + lane < chunk->rows; lane++) {
            for (int32_t j = 0; j < columns; j++) {
                finish(job, chunk->first + row + lane, column + j, sums[j][lane]);
            }
        }
    }
}

static void run(const oc_ref_job *job) {
    const oc_ref_matrix *weight = oc_ref_matrix_of(job->step->u.gemm.weight);
    gemm_chunk chunk = {
        .job = job,
        .wide = (lanes *)job->shared,
    };
    for (int32_t first = 0; first < job->rows; first += CHUNK) {
        chunk.first = first;
        chunk.rows = job->rows - first < CHUNK ? job->rows - first : CHUNK;
        oc_pool_run(job->pool, (chunk.rows + SIDE - 1) / SIDE, widen_group, &chunk);
        oc_pool_run(job->pool, (weight->n + SIDE - 1) / SIDE, columns_task, &chunk);
    }
}

const oc_ref_family oc_ref_gemm = {"gemm_f64 ref", run, scratch};
