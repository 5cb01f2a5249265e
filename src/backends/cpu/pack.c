/* pack.c - reads a matrix with all threads of the pool and lays it out in panels. */
#include "backends/cpu/pack.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/cpu/interleave.h"
#include "base/size.h"

enum {
    CHUNK_ROWS = 64,          /* read at once: enough to make a call cheap ... */
    CHUNK_BYTES = 256 * 1024, /* ... few enough to stay in L2 */
    ALIGN = 64
};

typedef struct pack_job {
    const oc_matrix *matrix;
    const oc_cpu_gemm *gemm; /* NULL: a table */
    oc_cpu_matrix *packed;
    oc_gemm_column *columns; /* [panels * 16], where the variant measures */
    uint8_t *buffers;        /* one for each thread */
    size_t buffer_bytes, row_bytes;
    int32_t chunk_rows;
    atomic_int failed;
    octavo_status status; /* of the first failure */
    octavo_error *error;
} pack_job;

static const uint8_t pair_order[OC_PANEL] = {0, 1, 2, 3, 8, 9, 10, 11, 4, 5, 6, 7, 12, 13, 14, 15};

/* k as packed in panels: pairs are rounded up. */
static int32_t packed_k(const oc_cpu_gemm *gemm, int32_t k) {
    return gemm->pairs ? (k + OC_K_ROUND - 1) / OC_K_ROUND * OC_K_ROUND : k;
}

static void interleave_panel(const pack_job *job, const uint8_t *from, uint8_t *panel) {
    const uint8_t *rows[OC_PANEL];
    for (int i = 0; i < OC_PANEL; i++) {
        rows[i] = from + (size_t)(job->gemm->pairs ? pair_order[i] : i) * job->row_bytes;
    }
    size_t unit = oc_cpu_dtype_bytes(job->matrix->dtype);
    size_t bytes = (size_t)packed_k(job->gemm, job->matrix->k) * OC_PANEL * unit;
    oc_interleave(rows, job->row_bytes, panel, bytes, job->gemm->pairs ? 2 : unit);
}

/* Reads the rows of a chunk; pads them with zero rows to whole panels; packs these. */
static void pack_chunk(void *context, int32_t index, int32_t thread) {
    pack_job *job = context;
    const oc_matrix *matrix = job->matrix;
    int32_t first = index * job->chunk_rows;
    int32_t count = matrix->n - first < job->chunk_rows ? matrix->n - first : job->chunk_rows;
    if (atomic_load_explicit(&job->failed, memory_order_relaxed) != 0) {
        return;
    }
    uint8_t *rows = job->gemm == NULL
                        ? (uint8_t *)job->packed->head.data + (size_t)first * job->row_bytes
                        : job->buffers + (size_t)thread * job->buffer_bytes;
    octavo_error error = {0};
    octavo_status status = matrix->read(matrix->source, first, count, rows, &error);
    if (status != OCTAVO_OK) {
        if (atomic_fetch_add(&job->failed, 1) == 0) {
            job->status = status;
            if (job->error != NULL) {
                *job->error = error;
            }
        }
        return;
    }
    if (job->gemm == NULL) {
        return;
    }
    int32_t padded = (count + OC_PANEL - 1) / OC_PANEL * OC_PANEL;
    memset(rows + (size_t)count * job->row_bytes, 0, (size_t)(padded - count) * job->row_bytes);
    for (int32_t i = 0; i < padded; i++) {
        if (job->columns != NULL) {
            job->gemm->measure(rows + (size_t)i * job->row_bytes, matrix->k,
                               &job->columns[first + i]);
        }
    }
    for (int32_t i = 0; i < padded; i += OC_PANEL) {
        size_t panel = (size_t)(first + i) / OC_PANEL;
        interleave_panel(job, rows + (size_t)i * job->row_bytes,
                         (uint8_t *)job->packed->head.data + panel * job->packed->panel_bytes);
    }
}

static void encode_panel(void *context, int32_t index, int32_t thread) {
    (void)thread;
    pack_job *job = context;
    uint8_t *panel = (uint8_t *)job->packed->head.data + (size_t)index * job->packed->panel_bytes;
    job->gemm->encode(panel, packed_k(job->gemm, job->matrix->k),
                      job->columns == NULL ? NULL : job->columns + (size_t)index * OC_PANEL);
}

/* Pairs, not yet encoded, to the plain order. */
static void unpair_panel(void *context, int32_t index, int32_t thread) {
    (void)thread;
    pack_job *job = context;
    uint8_t *at = (uint8_t *)job->packed->head.data + (size_t)index * job->packed->panel_bytes;
    uint8_t *end = at + (size_t)packed_k(job->gemm, job->matrix->k) * OC_PANEL;
    for (; at < end; at += 2 * OC_PANEL) {
        uint8_t pairs[2 * OC_PANEL];
        memcpy(pairs, at, sizeof(pairs));
        for (int i = 0; i < OC_PANEL; i++) {
            at[pair_order[i]] = pairs[2 * i];
            at[OC_PANEL + pair_order[i]] = pairs[2 * i + 1];
        }
    }
}

static double loss_of(const oc_gemm_column *columns, int32_t n) {
    double loss = 0.0, power = 0.0;
    for (int32_t i = 0; i < n; i++) {
        loss += columns[i].loss;
        power += columns[i].power;
    }
    return power > 0.0 ? sqrt(loss / power) : 0.0;
}

bool oc_cpu_gemm_is(const oc_cpu_gemm *gemm, const char *variant) {
    const char *name = gemm->kernel.name + strlen("gemm_");
    size_t length = strlen(variant);
    return strncmp(name, variant, length) == 0 && name[length] == ' ';
}

static int32_t least_side(const oc_matrix *matrix) {
    return matrix->n < matrix->k ? matrix->n : matrix->k;
}

/* Whether the matrix is too small for what the variant errs. */
static bool is_small_for(const oc_cpu_gemm *gemm, const oc_matrix *matrix) {
    return least_side(matrix) < gemm->side_min;
}

static bool is_had(const oc_cpu_gemm *gemm) {
    return gemm->lacks == NULL || gemm->lacks() == NULL;
}

/* The next variant from `at` on that takes the matrix, or NULL.  `only` and those behind it are
 * left; it is taken whatever it gains. */
static const oc_cpu_gemm *const *next_variant(const oc_cpu_gemm *const *at, const char *only,
                                              const oc_matrix *matrix) {
    bool reached = only == NULL;
    for (; *at != NULL; at++) {
        bool named = only != NULL && oc_cpu_gemm_is(*at, only);
        reached = reached || named;
        bool gains =
            named || (!is_small_for(*at, matrix) && ((*at)->pays == NULL || (*at)->pays()));
        if (reached && gains && is_had(*at) &&
            (*at)->takes(matrix->dtype, matrix->acts_are_codes)) {
            return at;
        }
    }
    return NULL;
}

/* Factors of an exact variant. */
static void fill_factor(oc_cpu_matrix *packed) {
    size_t columns = ((size_t)packed->n + OC_PANEL - 1) / OC_PANEL * OC_PANEL;
    for (size_t i = 0; i < columns; i++) {
        packed->factor[i] = packed->head.dtype == OCTAVO_F8_E4M3 ? packed->gemm->code_factor : 1.0f;
    }
}

/* Why an exact variant has the matrix, of those of the tier. */
static void explain(oc_cpu_matrix *packed, const oc_matrix *matrix, const char *only,
                    const oc_cpu_gemm *const *gemms) {
    while (*gemms != packed->gemm && !is_small_for(*gemms, matrix)) {
        gemms++;
    }
    if (only != NULL && oc_cpu_gemm_is(packed->gemm, only)) {
        snprintf(packed->why, sizeof(packed->why), "asked for: %s", only);
    } else if (matrix->dtype != OCTAVO_F8_E4M3) {
        snprintf(packed->why, sizeof(packed->why), "weights are %s", oc_dtype_name(matrix->dtype));
    } else if (!matrix->acts_are_codes) {
        snprintf(packed->why, sizeof(packed->why), "activations are not quantized");
    } else if (packed->gemm->gain > 0) {
        snprintf(packed->why, sizeof(packed->why),
                 "codes by codes as bfloat16, exactly: %.1fx as fast as float32",
                 packed->gemm->gain);
    } else if (*gemms != packed->gemm) {
        snprintf(packed->why, sizeof(packed->why),
                 "a side of %d is below %d: 16-bit integers gain %.1fx of little time, and err by "
                 "%.0e",
                 least_side(matrix), (*gemms)->side_min, (*gemms)->gain, (*gemms)->error);
    }
}

static octavo_status check(const oc_matrix *matrix, size_t *row_bytes, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    size_t unit = oc_cpu_dtype_bytes(matrix->dtype), all;
    if (unit == 0) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                "weights of dtype %s are not supported by the CPU device",
                oc_dtype_name(matrix->dtype));
    }
    if (matrix->n < 1 || matrix->k < 1 || matrix->n > INT32_MAX - CHUNK_ROWS ||
        matrix->k > INT32_MAX / 8 || !oc_mul_size((size_t)matrix->k, unit, row_bytes) ||
        !oc_mul_size(*row_bytes + ALIGN, (size_t)matrix->n + OC_PANEL, &all)) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "a matrix of [%d,%d] cannot be packed", matrix->n, matrix->k);
    }
done:
    return status;
}

/* Once all columns are measured: the variant keeps the matrix and encodes it, or the next one has
 * it. */
static octavo_status settle(pack_job *job, oc_pool *pool, const oc_cpu_gemm *const *variant,
                            octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_cpu_matrix *packed = job->packed;
    int32_t panels = (packed->n + OC_PANEL - 1) / OC_PANEL;
    double loss = loss_of(job->columns, packed->n), limit = job->gemm->loss_limit;
    if (loss <= limit) {
        for (int32_t i = 0; i < panels * OC_PANEL; i++) {
            packed->factor[i] = job->columns[i].factor;
        }
        snprintf(
            packed->why, sizeof(packed->why),
            "codes by codes as 16-bit integers: %.1fx as fast; weights lose %.1e, the limit is "
            "%.0e",
            job->gemm->gain, loss, limit);
        oc_pool_run(pool, panels, encode_panel, job);
        goto done;
    }
    variant = next_variant(variant + 1, NULL, job->matrix);
    if (variant == NULL) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                "kernel %s would lose %.1e of these weights, the limit is %.0e",
                job->gemm->kernel.name, loss, limit);
    }
    OC_ASSERT((*variant)->measure == NULL && !(*variant)->pairs);
    oc_pool_run(pool, panels, unpair_panel, job);
    packed->gemm = *variant;
    fill_factor(packed);
    snprintf(packed->why, sizeof(packed->why),
             "16-bit integers, %.1fx as fast, would lose %.1e of the weights; the limit is %.0e",
             job->gemm->gain, loss, limit);
done:
    return status;
}

/* Memory of the result. */
static octavo_status reserve(const pack_job *job, oc_cpu_heap *heap, oc_pool *pool,
                             octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_cpu_matrix *packed = job->packed;
    size_t data_bytes = job->row_bytes * (size_t)packed->n, factor_bytes = 0;
    if (packed->gemm != NULL) {
        size_t panels = ((size_t)packed->n + OC_PANEL - 1) / OC_PANEL;
        size_t k = (size_t)packed_k(packed->gemm, packed->k);
        packed->panel_bytes =
            oc_round_up(k * OC_PANEL * oc_cpu_dtype_bytes(packed->head.dtype), ALIGN);
        data_bytes = packed->panel_bytes * panels;
        factor_bytes = panels * OC_PANEL * sizeof(float);
    }
    packed->head.bytes = data_bytes + factor_bytes;
    packed->head.data = oc_cpu_heap_take(heap, pool, packed->head.bytes, &packed->slab);
    if (packed->head.data == NULL) {
        OC_NO_MEMORY(error, packed->head.bytes);
    }
    if (factor_bytes > 0) { /* behind the panels, which are whole lines */
        packed->factor = (float *)(void *)((uint8_t *)packed->head.data + data_bytes);
    }
done:
    return status;
}

/* Memory for the packing itself. */
static octavo_status prepare(pack_job *job, int32_t threads, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    size_t rows = CHUNK_BYTES / job->row_bytes / OC_PANEL * OC_PANEL;
    job->chunk_rows = rows < OC_PANEL ? OC_PANEL : rows > CHUNK_ROWS ? CHUNK_ROWS : (int32_t)rows;
    if (job->gemm == NULL) {
        goto done;
    }
    job->buffer_bytes = oc_round_up((size_t)job->chunk_rows * job->row_bytes, ALIGN);
    size_t bytes = job->buffer_bytes * (size_t)threads;
    job->buffers = oc_cpu_block(bytes);
    if (job->buffers == NULL) {
        OC_NO_MEMORY(error, bytes);
    }
    if (job->gemm->measure != NULL) {
        size_t count = ((size_t)job->matrix->n + OC_PANEL - 1) / OC_PANEL * OC_PANEL;
        job->columns = calloc(count, sizeof(*job->columns));
        if (job->columns == NULL) {
            OC_NO_MEMORY(error, count * sizeof(*job->columns));
        }
    }
done:
    return status;
}

octavo_status oc_cpu_pack(oc_pool *pool, oc_cpu_heap *heap, const oc_cpu_gemm *const *gemms,
                          const char *only, const oc_matrix *matrix, oc_constant **out,
                          octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_cpu_gemm *const *variant = NULL;
    pack_job job = {.matrix = matrix, .error = error};
    *out = NULL;

    OC_TRY(check(matrix, &job.row_bytes, error));
    if (matrix->use == OC_USE_FACTOR) {
        variant = next_variant(gemms, only, matrix);
        if (variant == NULL) {
            OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                    "no GEMM kernel%s%s takes %s weights with %s activations",
                    only == NULL ? "" : " ", only == NULL ? "" : only, oc_dtype_name(matrix->dtype),
                    matrix->acts_are_codes ? "quantized" : "float");
        }
        job.gemm = *variant;
    }
    job.packed = calloc(1, sizeof(*job.packed));
    if (job.packed == NULL) {
        OC_NO_MEMORY(error, sizeof(*job.packed));
    }
    job.packed->n = matrix->n;
    job.packed->k = matrix->k;
    job.packed->head.dtype = matrix->dtype;
    job.packed->gemm = job.gemm;
    OC_TRY(reserve(&job, heap, pool, error));
    OC_TRY(prepare(&job, oc_pool_threads(pool), error));

    oc_pool_run(pool, (matrix->n - 1) / job.chunk_rows + 1, pack_chunk, &job);
    if (atomic_load(&job.failed) != 0) {
        status = job.status;
        goto done;
    }
    if (job.columns != NULL) {
        OC_TRY(settle(&job, pool, variant, error));
    } else if (job.gemm != NULL) {
        fill_factor(job.packed);
        if (job.gemm->encode != NULL) {
            oc_pool_run(pool, (matrix->n - 1) / OC_PANEL + 1, encode_panel, &job);
        }
        explain(job.packed, matrix, only, gemms);
    }
    *out = &job.packed->head;
    job.packed = NULL;
done:
    free(job.columns);
    free(job.buffers);
    oc_cpu_unpack((oc_constant *)job.packed);
    return status;
}

void oc_cpu_unpack(oc_constant *constant) {
    oc_cpu_matrix *packed = (oc_cpu_matrix *)constant;
    if (packed != NULL) {
        oc_cpu_slab_release(packed->slab);
        free(packed);
    }
}
