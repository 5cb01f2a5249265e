/* gemm.c - the driver of GEMM: cuts rows and panels into tasks and walks k. */
#include "backends/cpu/gemm.h"

#include <string.h>

#include "backends/cpu/pack.h"
#include "base/size.h"

enum {
    PREPARE_ROWS = 4,         /* of codes, a task */
    A_BYTES = 256 * 1024,     /* of a row block over one k block: half of a small L2 */
    GROUP_MAX = 4,            /* panels that share these from L2; their sums take 64 B a row each */
    TASKS_PER_THREAD = 8,     /* so that a late thread delays little */
    PREFETCH_MAX = 16 * 1024, /* bytes of the next part to fetch ahead */
    LINE = 64
};

static int32_t blocks_of(int32_t k) {
    return (k + OC_K_BLOCK - 1) / OC_K_BLOCK;
}

static int32_t row_block_max(const oc_cpu_gemm *gemm) {
    int32_t rows = A_BYTES / (OC_K_BLOCK * gemm->a_bytes);
    return rows / gemm->tile_rows * gemm->tile_rows;
}

typedef struct gemm_cut {
    int32_t row_blocks, block_rows; /* the last block may have fewer */
    int32_t panels, groups, group_panels;
} gemm_cut;

static gemm_cut cut_of(const oc_cpu_job *job) {
    const oc_cpu_matrix *weight = oc_cpu_matrix_of(job->step->u.gemm.weight);
    int32_t rows = job->rows, row_max = row_block_max(weight->gemm);
    gemm_cut cut;
    cut.row_blocks = (rows + row_max - 1) / row_max;
    cut.block_rows = (rows + cut.row_blocks - 1) / cut.row_blocks;
    int32_t tile = weight->gemm->tile_rows;
    cut.block_rows = (cut.block_rows + tile - 1) / tile * tile;
    cut.panels = (weight->n + OC_PANEL - 1) / OC_PANEL;
    int32_t side = weight->gemm->tile_panels; /* by side */
    int64_t parts = (int64_t)cut.panels * cut.row_blocks / side /
                    ((int64_t)job->threads * TASKS_PER_THREAD) * side;
    cut.group_panels = parts < side ? side : parts > GROUP_MAX ? GROUP_MAX : (int32_t)parts;
    cut.groups = (cut.panels + cut.group_panels - 1) / cut.group_panels;
    return cut;
}

/* Prepared A, [k block][row][OC_K_BLOCK], then its scales, [k block][row]. */
static size_t prepared_bytes(const oc_cpu_matrix *weight, int32_t rows) {
    return (size_t)blocks_of(weight->k) * (size_t)rows * OC_K_BLOCK * (size_t)weight->gemm->a_bytes;
}

size_t oc_gemm_shared_bytes(const oc_step *step, int32_t rows_max, int32_t keys_max) {
    (void)keys_max;
    const oc_cpu_matrix *weight = oc_cpu_matrix_of(step->u.gemm.weight);
    if (!oc_is_codes(step->u.gemm.a.dtype)) {
        return 0;
    }
    return prepared_bytes(weight, rows_max) +
           (size_t)blocks_of(weight->k) * (size_t)rows_max * sizeof(float);
}

/* Decoded parts of as many panels as a tile takes. */
static size_t b_bytes(const oc_cpu_gemm *gemm) {
    return (size_t)gemm->tile_panels * OC_B_SCRATCH;
}

static bool is_block_scaled(const oc_step_gemm *step) {
    return step->a_scale.columns != 0 || step->block_scale != NULL;
}

/* Decoded B, sums of a group's panels, and of block scaled steps the sums of one block. */
size_t oc_gemm_local_bytes(const oc_step *step, int32_t rows_max, int32_t keys_max) {
    (void)keys_max;
    const oc_cpu_gemm *gemm = oc_cpu_matrix_of(step->u.gemm.weight)->gemm;
    int32_t block = row_block_max(gemm);
    size_t rows = (size_t)(rows_max < block ? rows_max : block);
    size_t panels = GROUP_MAX + (is_block_scaled(&step->u.gemm) ? 1 : 0);
    return b_bytes(gemm) + panels * rows * OC_PANEL * sizeof(float);
}

bool oc_gemm_blocks_fit(const oc_step_gemm *step) {
    int32_t k = step->block_k;
    return k >= 0 &&
           (k == 0 || k % OC_K_BLOCK == 0 || (OC_K_BLOCK % k == 0 && k % OC_K_ROUND == 0));
}

int32_t oc_gemm_prepare_tasks(const oc_cpu_job *job) {
    return oc_is_codes(job->step->u.gemm.a.dtype) ? (job->rows + PREPARE_ROWS - 1) / PREPARE_ROWS
                                                  : 0;
}

void oc_gemm_prepare_task(const oc_cpu_job *job, int32_t index, void *local) {
    (void)local;
    const oc_step_gemm *step = &job->step->u.gemm;
    const oc_cpu_matrix *weight = oc_cpu_matrix_of(step->weight);
    uint8_t *prepared = job->shared;
    float *scales = (float *)(prepared + prepared_bytes(weight, job->rows));
    size_t row_bytes = OC_K_BLOCK * (size_t)weight->gemm->a_bytes;
    int32_t end = (index + 1) * PREPARE_ROWS < job->rows ? (index + 1) * PREPARE_ROWS : job->rows;
    for (int32_t row = index * PREPARE_ROWS; row < end; row++) {
        const uint8_t *codes = (const uint8_t *)step->a.data + row * step->a.stride;
        for (int32_t block = 0; block < blocks_of(weight->k); block++) {
            int32_t first = block * OC_K_BLOCK;
            int32_t k = weight->k - first < OC_K_BLOCK ? weight->k - first : OC_K_BLOCK;
            size_t at = (size_t)block * (size_t)job->rows + (size_t)row;
            weight->gemm->prepare(codes + first, k, prepared + at * row_bytes, scales + at);
        }
    }
}

/* Rows row .. row + rows - 1 of A over a k block, prepared or as they lie in the step's view. */
static oc_gemm_rows rows_of(const oc_cpu_job *job, int32_t row, int32_t rows, int32_t block) {
    const oc_step_gemm *step = &job->step->u.gemm;
    const oc_cpu_matrix *weight = oc_cpu_matrix_of(step->weight);
    int32_t first = block * OC_K_BLOCK;
    oc_gemm_rows part = {.rows = rows};
    part.k = weight->k - first < OC_K_BLOCK ? weight->k - first : OC_K_BLOCK;
    if (oc_is_codes(step->a.dtype)) {
        const uint8_t *prepared = job->shared;
        size_t at = (size_t)block * (size_t)job->rows + (size_t)row;
        part.a = prepared + at * OC_K_BLOCK * (size_t)weight->gemm->a_bytes;
        part.stride = OC_K_BLOCK;
        part.scale = (const float *)(prepared + prepared_bytes(weight, job->rows)) + at;
    } else {
        part.a = (const float *)step->a.data + row * step->a.stride + first;
        part.stride = step->a.stride;
    }
    return part;
}

/* sums [rows,16] += part * the scales of block `block` of k, for columns 16 * panel on. */
static void add_scaled(const oc_step_gemm *step, int32_t n, int32_t row, int32_t rows,
                       int32_t panel, int32_t block, const float *part, float *sums) {
    int32_t k = step->a.columns;
    int32_t blocks = step->block_k == 0 ? 1 : (k + step->block_k - 1) / step->block_k;
    float factor[OC_PANEL];
    for (int32_t j = 0; j < OC_PANEL; j++) {
        int32_t column = panel * OC_PANEL + j < n ? panel * OC_PANEL + j : n - 1;
        factor[j] = step->block_scale == NULL
                        ? 1.0f
                        : oc_floats(step->block_scale)[column / step->block_n * blocks + block];
    }
    for (int32_t i = 0; i < rows; i++) {
        const float *scales = (const float *)step->a_scale.data + (row + i) * step->a_scale.stride;
        float scale = step->a_scale.columns == 0   ? 1.0f
                      : step->a_scale.columns == 1 ? scales[0]
                                                   : scales[block];
        for (int32_t j = 0; j < OC_PANEL; j++) {
            sums[OC_PANEL * i + j] += part[OC_PANEL * i + j] * (scale * factor[j]);
        }
    }
}

/* One panel of a block scaled step over one k block: each part of it that has scales of its own is
 * multiplied alone and added with these. */
static void multiply_scaled(const oc_cpu_job *job, const oc_gemm_rows *a, int32_t row,
                            int32_t panel, int32_t k_block, const uint8_t *from, void *b_scratch,
                            float *part, float *sums) {
    const oc_step_gemm *step = &job->step->u.gemm;
    const oc_cpu_matrix *weight = oc_cpu_matrix_of(step->weight);
    const oc_cpu_gemm *gemm = weight->gemm;
    int32_t unit = step->block_k == 0 || step->block_k > OC_K_BLOCK ? OC_K_BLOCK : step->block_k;
    size_t column_bytes = OC_PANEL * oc_cpu_dtype_bytes(weight->head.dtype);
    size_t a_bytes = oc_is_codes(step->a.dtype) ? (size_t)gemm->a_bytes : sizeof(float);
    if (k_block == 0) {
        memset(sums, 0, (size_t)a->rows * OC_PANEL * sizeof *sums);
    }
    for (int32_t at = 0; at < a->k; at += unit) {
        oc_gemm_rows some = *a;
        some.k = a->k - at < unit ? a->k - at : unit;
        some.a = (const uint8_t *)a->a + (size_t)at * a_bytes;
        const void *b =
            gemm->decode(weight->head.dtype, from + (size_t)at * column_bytes, some.k, b_scratch);
        int32_t first = k_block * OC_K_BLOCK + at;
        gemm->multiply(&some, &(oc_gemm_columns){.b = {b}, .c = {part}, .panels = 1}, true);
        add_scaled(step, weight->n, row, a->rows, panel,
                   step->block_k == 0 ? 0 : first / step->block_k, part, sums);
    }
}

static void prefetch(const uint8_t *from, size_t bytes) {
    for (size_t i = 0; i < bytes && i < PREFETCH_MAX; i += LINE) {
        __builtin_prefetch(from + i, 0, 2);
    }
}

int32_t oc_gemm_tasks(const oc_cpu_job *job) {
    if (job->rows == 0) {
        return 0;
    }
    gemm_cut cut = cut_of(job);
    return cut.row_blocks * cut.groups;
}

/* Tasks of the same panels follow each other, so that their weights come from a shared cache. */
void oc_gemm_task(const oc_cpu_job *job, int32_t index, void *local) {
    const oc_step_gemm *step = &job->step->u.gemm;
    const oc_cpu_matrix *weight = oc_cpu_matrix_of(step->weight);
    const oc_cpu_gemm *gemm = weight->gemm;
    gemm_cut cut = cut_of(job);
    int32_t row = index % cut.row_blocks * cut.block_rows;
    int32_t rows = job->rows - row < cut.block_rows ? job->rows - row : cut.block_rows;
    int32_t panel = index / cut.row_blocks * cut.group_panels;
    int32_t panels = cut.panels - panel < cut.group_panels ? cut.panels - panel : cut.group_panels;
    int32_t blocks = blocks_of(weight->k);
    size_t block_bytes = OC_K_BLOCK * OC_PANEL * oc_cpu_dtype_bytes(weight->head.dtype);
    float *sums = (float *)((uint8_t *)local + b_bytes(gemm));
    size_t sum_count = (size_t)rows * OC_PANEL;
    bool scaled = is_block_scaled(step);

    const uint8_t *base = oc_cpu_bytes(weight) + (size_t)panel * weight->panel_bytes;
    for (int32_t block = 0; block < blocks; block++) {
        oc_gemm_rows a = rows_of(job, row, rows, block);
        oc_gemm_columns columns = {.panels = 0};
        for (int32_t i = 0; i < panels; i++) {
            const uint8_t *from =
                base + (size_t)i * weight->panel_bytes + (size_t)block * block_bytes;
            float *c = sums + (size_t)i * sum_count;
            if (scaled) {
                multiply_scaled(job, &a, row, panel + i, block, from, local,
                                sums + GROUP_MAX * sum_count, c);
                continue;
            }
            int32_t side = columns.panels++;
            columns.b[side] = gemm->decode(weight->head.dtype, from, a.k,
                                           (uint8_t *)local + (size_t)side * OC_B_SCRATCH);
            columns.c[side] = c;
            /* While this part is multiplied the next one comes: the last part's next is that of
             * the group behind, most likely this thread's next task. */
            if (i + 1 < panels) {
                prefetch(from + weight->panel_bytes, block_bytes);
            } else if (block + 1 < blocks) {
                prefetch(base + (size_t)(block + 1) * block_bytes, block_bytes);
            } else if (panel + panels < cut.panels) {
                prefetch(base + (size_t)panels * weight->panel_bytes, block_bytes);
            }
            if (columns.panels == gemm->tile_panels || i + 1 == panels) {
                gemm->multiply(&a, &columns, block == 0);
                columns.panels = 0;
            }
        }
    }
    for (int32_t i = 0; i < panels; i++) {
        gemm->finish(step, row, rows, panel + i, sums + (size_t)i * sum_count);
    }
}
