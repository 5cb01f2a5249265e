/* gemm.c - GEMM of e4m3 codes by e4m3 codes in tiles of bfloat16, for AMX.
 *
 * Codes are exact in bfloat16 and their products in float32: what errs is the rounding of sums, in
 * the order that tiles.h tells.  A sum is one chain of tiles over ascending k, cut only where the
 * scales of blocks want it.  Rows of a last tile that are not there, and k behind the last, are
 * zeros.  So a row's bits depend neither on its place nor on company nor on the cut into tasks.
 *
 * First all of A becomes tiles, once for all threads.  A task then has some row tiles and some
 * panels.  Two panels at a time, it decodes a block of k into memory that stays in L1, and streams
 * its tiles of A along them from L2.
 */
#include <string.h>

#include "backends/cpu/amx/amx.h"
#include "backends/cpu/amx/gemm_cut.h"
#include "backends/cpu/amx/target.h"
#include "backends/cpu/amx/tiles.h"
#include "backends/cpu/avx512/decode.h"
#include "backends/cpu/avx512/gemm_finish.h"
#include "backends/cpu/gemm.h"
#include "backends/cpu/pack.h"
#include "base/size.h"

enum {
    BLOCK_K = OC_AMX_K_BLOCK * OC_TILE_K,
    PANEL_B = OC_AMX_K_BLOCK * OC_TILE_BYTES, /* bytes of a decoded block of a panel */
    B_BYTES = OC_TILE_BLOCK * PANEL_B,
    PREPARE_UNITS = 16, /* pairs of tiles that a task prepares, at most: 16,384 codes */
    LINE = 64
};

static bool takes(octavo_dtype weight, int32_t acts_are_codes) {
    return weight == OCTAVO_F8_E4M3 && acts_are_codes;
}

static void encode(uint8_t *panel, int32_t k, const oc_gemm_column *columns) {
    (void)columns;
    oc_avx512_regroup(panel, k);
}

static int32_t least(int32_t a, int32_t b) {
    return a < b ? a : b;
}

static bool is_scaled(const oc_step_gemm *step) {
    return step->a_scale.columns != 0 || step->block_scale != NULL;
}

/* -- memory: shared has the cut, then the tiles of A, [row tile][k tile]; local a block of panels,
 * sums [panels][rows][16] of a block of k, and those of all scaled blocks -----------------------
 */

enum { CUT_BYTES = (sizeof(oc_amx_cut) + LINE - 1) / LINE * LINE };

static int32_t tiles_of(int32_t count, int32_t size) {
    return (count + size - 1) / size;
}

static size_t shared_bytes(const oc_step *step, int32_t rows_max, int32_t keys_max) {
    (void)keys_max;
    return CUT_BYTES + (size_t)tiles_of(rows_max, OC_TILE_ROWS_MAX) *
                           (size_t)tiles_of(step->u.gemm.a.columns, OC_TILE_K) * OC_TILE_BYTES;
}

static size_t sums_bytes(const oc_step_gemm *step, int32_t rows_max) {
    size_t rows = (size_t)tiles_of(rows_max, OC_TILE_ROWS_MAX) * OC_TILE_ROWS_MAX;
    size_t panels = (size_t)tiles_of(step->out.columns, OC_PANEL);
    size_t count = rows * (panels > OC_TILE_BLOCK ? panels : OC_TILE_BLOCK);
    return (count < OC_AMX_SUMS_MAX ? count : OC_AMX_SUMS_MAX) * OC_PANEL * sizeof(float);
}

static size_t local_bytes(const oc_step *step, int32_t rows_max, int32_t keys_max) {
    (void)keys_max;
    return B_BYTES + sums_bytes(&step->u.gemm, rows_max) * (is_scaled(&step->u.gemm) ? 2 : 1);
}

static const oc_amx_cut *cut_in(const oc_cpu_job *job) {
    return job->shared;
}

static uint8_t *tile_of_a(const oc_cpu_job *job, int32_t row_tile, int32_t k_tile) {
    size_t index = (size_t)row_tile * (size_t)cut_in(job)->k_tiles + (size_t)k_tile;
    return (uint8_t *)job->shared + CUT_BYTES + index * OC_TILE_BYTES;
}

/* -- A to tiles, two of k at a time -------------------------------------------------------- */

static int32_t units_of_row(const oc_amx_cut *cut) {
    return (cut->k_tiles + 1) / 2;
}

static int32_t units_of_task(const oc_cpu_job *job) {
    const oc_amx_cut *cut = cut_in(job);
    int32_t share = cut->row_tiles * units_of_row(cut) / job->threads;
    return share < 1 ? 1 : least(share, PREPARE_UNITS);
}

static int32_t prepare_tasks(const oc_cpu_job *job) {
    if (job->rows == 0) {
        return 0;
    }
    oc_amx_cut cut = oc_amx_cut_of(&job->step->u.gemm, job->rows, job->threads);
    memcpy(job->shared, &cut, sizeof cut);
    return tiles_of(cut.row_tiles * units_of_row(&cut), units_of_task(job));
}

OC_AMX static void prepare_unit(const oc_cpu_job *job, int32_t row_tile, int32_t unit) {
    const oc_bf16_tables tables = oc_avx512_bf16_tables();
    const __m512i order = _mm512_setr_epi64(0, 4, 1, 5, 2, 6, 3, 7);
    const oc_view *a = &job->step->u.gemm.a;
    int32_t tile_rows = cut_in(job)->tile_rows, k = unit * 2 * OC_TILE_K;
    int32_t count = least(a->columns - k, 2 * OC_TILE_K);
    uint8_t *to = tile_of_a(job, row_tile, 2 * unit);
    for (int32_t i = 0; i < tile_rows; i++, to += LINE) {
        int32_t row = row_tile * tile_rows + i;
        const uint8_t *from = (const uint8_t *)a->data + row * a->stride + k;
        uint8_t padded[2 * OC_TILE_K] = {0};
        if (row >= job->rows) {
            from = padded;
        } else if (count < 2 * OC_TILE_K) {
            memcpy(padded, from, (size_t)count);
            from = padded;
        }
        __m512i codes = _mm512_permutexvar_epi64(order, _mm512_loadu_si512(from)), first, second;
        oc_avx512_bf16(&tables, codes, &first, &second);
        _mm512_store_si512(to, first);
        if (count > OC_TILE_K) {
            _mm512_store_si512(to + OC_TILE_BYTES, second);
        }
    }
}

static void prepare_task(const oc_cpu_job *job, int32_t index, void *local) {
    const oc_amx_cut *cut = cut_in(job);
    int32_t units = units_of_task(job), in_row = units_of_row(cut);
    int32_t end = least((index + 1) * units, cut->row_tiles * in_row);
    (void)local;
    for (int32_t i = index * units; i < end; i++) {
        prepare_unit(job, i / in_row, i % in_row);
    }
}

/* -- a task -------------------------------------------------------------------------------- */

typedef struct gemm_task {
    const oc_cpu_job *job;
    const oc_step_gemm *step;
    const oc_cpu_matrix *weight;
    const oc_amx_cut *cut;
    int32_t row_tile, row_tiles, panel, panels;
    uint8_t *b;
    float *sums, *totals; /* totals NULL: no scales */
    int64_t panel_sums;   /* floats from panel to panel in both */
} gemm_task;

/* Panels side by side over a block of k. */
typedef struct gemm_side {
    int32_t panel, panels;
    int32_t slot;     /* of the first in sums */
    int32_t k, k_end; /* a multiple of BLOCK_K; no more than that many */
} gemm_side;

static const uint8_t *codes_of(const gemm_task *task, int32_t panel, int32_t k) {
    return oc_cpu_bytes(task->weight) + (size_t)panel * task->weight->panel_bytes +
           (size_t)k * OC_PANEL;
}

/* One panel to tiles; k up to a whole tile becomes zeros. */
OC_AMX static void decode_panel(const uint8_t *codes, int32_t k, uint8_t *to) {
    const oc_bf16_tables tables = oc_avx512_bf16_tables();
    int32_t bytes = oc_gemm_round_k(k) * OC_PANEL;
    int32_t whole = (int32_t)oc_round_up((size_t)k, OC_TILE_K) * OC_PANEL;
    for (int32_t i = 0; i < bytes; i += OC_GROUP) {
        __m512i first, second;
        oc_avx512_bf16(&tables, _mm512_load_si512(codes + i), &first, &second);
        _mm512_store_si512(to + 2 * i, first);
        _mm512_store_si512(to + 2 * i + OC_GROUP, second);
    }
    memset(to + 2 * bytes, 0, (size_t)(whole - bytes) * 2);
}

/* Into L2, what is decoded next: more k of these panels, or the panels behind them. */
static void fetch_next(const gemm_task *task, const gemm_side *side) {
    bool more = side->k_end < task->weight->k && task->cut->panels_first;
    int32_t panel = more ? side->panel : side->panel + side->panels;
    int32_t end = least(panel + side->panels, task->cut->panels);
    int32_t k = more ? side->k_end : task->cut->panels_first ? 0 : side->k;
    size_t bytes = (size_t)least(task->weight->k - k, BLOCK_K) * OC_PANEL;
    for (; panel < end; panel++) {
        const uint8_t *from = codes_of(task, panel, k);
        for (size_t i = 0; i < bytes; i += LINE) {
            __builtin_prefetch(from + i, 0, 2);
        }
    }
}

/* totals = or += sums * the scales of block `block` of k, for one panel of some rows. */
OC_AMX static void add_scaled(const gemm_task *task, int32_t row, int32_t rows, int32_t panel,
                              int32_t block, const float *sums, float *totals) {
    const oc_step_gemm *step = task->step;
    int32_t k = step->a.columns, n = task->weight->n;
    int32_t blocks = step->block_k == 0 ? 1 : tiles_of(k, step->block_k);
    float factors[OC_PANEL];
    for (int32_t j = 0; j < OC_PANEL; j++) {
        int32_t column = least(panel * OC_PANEL + j, n - 1);
        factors[j] = step->block_scale == NULL
                         ? 1.0f
                         : oc_floats(step->block_scale)[column / step->block_n * blocks + block];
    }
    __m512 factor = _mm512_loadu_ps(factors);
    for (int32_t i = 0; i < rows; i++, sums += OC_PANEL, totals += OC_PANEL) {
        const float *scales = (const float *)step->a_scale.data + (row + i) * step->a_scale.stride;
        float scale = step->a_scale.columns == 0   ? 1.0f
                      : step->a_scale.columns == 1 ? scales[0]
                                                   : scales[block];
        __m512 part =
            _mm512_mul_ps(_mm512_load_ps(sums), _mm512_mul_ps(_mm512_set1_ps(scale), factor));
        _mm512_store_ps(totals, block == 0 ? part : _mm512_add_ps(_mm512_load_ps(totals), part));
    }
}

/* k .. end of the decoded block, which have the same scales, along all row tiles; then what follows
 * the sums where that was the last k. */
static void multiply(const gemm_task *task, const gemm_side *side, int32_t k, int32_t end) {
    const oc_step_gemm *step = task->step;
    int32_t tile_rows = task->cut->tile_rows, block_k = step->block_k;
    int32_t height = OC_TILE_BLOCK / side->panels;
    int32_t k_tile = (k - side->k) / OC_TILE_K, within = k % OC_TILE_K;
    for (int32_t r = 0; r < task->row_tiles; r += height) {
        int32_t tiles = least(task->row_tiles - r, height);
        int64_t at = (int64_t)side->slot * task->panel_sums + (int64_t)r * tile_rows * OC_PANEL;
        oc_amx_block block = {
            .a = tile_of_a(task->job, task->row_tile + r, k / OC_TILE_K) + 2 * within,
            .b = task->b + (size_t)k_tile * OC_TILE_BYTES + (size_t)within / 2 * LINE,
            .a_row = (int64_t)task->cut->k_tiles * OC_TILE_BYTES,
            .b_column = PANEL_B,
            .c = task->sums + at,
            .c_row = (int64_t)tile_rows * OC_PANEL,
            .c_column = task->panel_sums,
            .rows = tiles,
            .columns = side->panels,
            .steps = tiles_of(end - k, OC_TILE_K),
            .first = block_k == 0 ? k == 0 : k % block_k == 0,
        };
        oc_amx_multiply(&block);
        int32_t row = (task->row_tile + r) * tile_rows;
        int32_t rows = least(task->job->rows - row, tiles * tile_rows);
        for (int32_t i = 0; i < side->panels; i++) {
            int64_t of = at + i * task->panel_sums;
            bool ends = end == step->a.columns || (block_k != 0 && end % block_k == 0);
            if (task->totals != NULL && ends) {
                add_scaled(task, row, rows, side->panel + i, block_k == 0 ? 0 : k / block_k,
                           task->sums + of, task->totals + of);
            }
            if (end == step->a.columns) {
                oc_avx512_gemm_finish(step, row, rows, side->panel + i,
                                      (task->totals != NULL ? task->totals : task->sums) + of);
            }
        }
    }
}

static void work(const gemm_task *task, int32_t panel, int32_t panels, int32_t k) {
    const oc_step_gemm *step = task->step;
    gemm_side side = {.panel = panel, .panels = panels, .k = k};
    side.k_end = least(k + BLOCK_K, task->weight->k);
    side.slot = task->cut->panels_first ? 0 : panel - task->panel;
    for (int32_t i = 0; i < panels; i++) {
        decode_panel(codes_of(task, panel + i, k), side.k_end - k, task->b + (size_t)i * PANEL_B);
    }
    fetch_next(task, &side);
    for (int32_t end; k < side.k_end; k = end) {
        end = step->block_k == 0 ? side.k_end
                                 : least(side.k_end, (k / step->block_k + 1) * step->block_k);
        multiply(task, &side, k, end);
    }
}

static int32_t gemm_tasks(const oc_cpu_job *job) {
    return job->rows == 0 ? 0 : cut_in(job)->row_parts * cut_in(job)->panel_parts;
}

/* Tasks of the same rows follow each other. */
static void gemm_run(const oc_cpu_job *job, int32_t index, void *local) {
    const oc_amx_cut *cut = cut_in(job);
    const oc_step_gemm *step = &job->step->u.gemm;
    int32_t rows = index / cut->panel_parts, columns = index % cut->panel_parts;
    gemm_task task = {
        .job = job, .step = step, .weight = oc_cpu_matrix_of(step->weight), .cut = cut};
    task.row_tile = oc_amx_part(cut->row_tiles, cut->row_parts, rows);
    task.row_tiles = oc_amx_part(cut->row_tiles, cut->row_parts, rows + 1) - task.row_tile;
    task.panel = oc_amx_part(cut->panels, cut->panel_parts, columns);
    task.panels = oc_amx_part(cut->panels, cut->panel_parts, columns + 1) - task.panel;
    task.b = local;
    task.sums = (float *)(void *)(task.b + B_BYTES);
    task.panel_sums = (int64_t)task.row_tiles * cut->tile_rows * OC_PANEL;
    int32_t side = task.row_tiles == 1 ? OC_TILE_BLOCK : 2;
    int32_t slots = cut->panels_first ? side : task.panels;
    task.totals = is_scaled(step) ? task.sums + slots * task.panel_sums : NULL;

    bool is_fine = step->block_k > 0 && step->block_k < OC_TILE_K;
    oc_amx_shape(cut->tile_rows, is_fine ? step->block_k : OC_TILE_K);
    int32_t k = task.weight->k;
    int32_t outer_end = cut->panels_first ? task.panels : k,
            outer = cut->panels_first ? side : BLOCK_K;
    for (int32_t i = 0; i < outer_end; i += outer) {
        if (cut->panels_first) {
            for (int32_t at = 0; at < k; at += BLOCK_K) {
                work(&task, task.panel + i, least(task.panels - i, side), at);
            }
        } else {
            for (int32_t p = 0; p < task.panels; p += side) {
                work(&task, task.panel + p, least(task.panels - p, side), i);
            }
        }
    }
}

const oc_cpu_gemm oc_amx_gemm_bf16 = {
    .kernel = {.name = "gemm_bf16 amx",
               .phases = {{prepare_tasks, prepare_task}, {gemm_tasks, gemm_run}},
               .shared_bytes = shared_bytes,
               .local_bytes = local_bytes},
    .takes = takes,
    .pairs = true,
    .encode = encode,
    .code_factor = 1.0f,
    .gain = 8.0,
};
