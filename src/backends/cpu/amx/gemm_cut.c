/* gemm_cut.c - see gemm_cut.h. */
#include "backends/cpu/amx/gemm_cut.h"

#include "backends/cpu/amx/tiles.h"
#include "backends/cpu/pack.h"

enum {
    A_TILES_MAX = 1024,   /* KiB of A that stay in L2 */
    SIDE = 2,             /* panels side by side */
    TASKS_PER_THREAD = 4, /* so that a late thread delays little */
    /* Cycles for a tile of k: a product of tiles; decoding a tile of a panel; bringing a tile of A
     * from where another core left it. */
    PRODUCT = 20,
    DECODE = 60,
    FETCH = 70
};

static int32_t divide_up(int32_t count, int32_t by) {
    return (count + by - 1) / by;
}

static void set_parts(oc_amx_cut *cut, int32_t row_parts, int32_t panel_parts) {
    cut->row_parts = row_parts < cut->row_tiles ? row_parts : cut->row_tiles;
    cut->panel_parts = panel_parts < cut->panels ? panel_parts : cut->panels;
    cut->most_rows = divide_up(cut->row_tiles, cut->row_parts);
    cut->most_panels = divide_up(cut->panels, cut->panel_parts);
    cut->panels_first = cut->most_rows * cut->k_tiles <= A_TILES_MAX;
}

static bool fits(const oc_amx_cut *cut) {
    int32_t panels = cut->panels_first ? SIDE : cut->most_panels;
    return cut->most_rows * OC_TILE_ROWS_MAX * panels <= OC_AMX_SUMS_MAX &&
           (cut->panels_first || cut->most_rows * OC_AMX_K_BLOCK <= A_TILES_MAX);
}

/* Into how many parts the rows go, so that a thread that has one of them, and some panels, is done
 * the soonest: fewer parts decode less, more parts fetch less. */
static int32_t best_row_parts(const oc_amx_cut *cut, int32_t threads) {
    int64_t least = INT64_MAX;
    int32_t best = 1;
    for (int32_t parts = 1; parts <= threads && parts <= cut->row_tiles; parts++) {
        int64_t rows = divide_up(cut->row_tiles, parts);
        int64_t panels = divide_up(cut->panels, threads / parts);
        int64_t cost = PRODUCT * rows * panels + DECODE * panels + FETCH * rows;
        if (cost < least) {
            least = cost;
            best = parts;
        }
    }
    return best;
}

oc_amx_cut oc_amx_cut_of(const oc_step_gemm *step, int32_t rows, int32_t threads) {
    const oc_cpu_matrix *weight = oc_cpu_matrix_of(step->weight);
    oc_amx_cut cut = {.row_tiles = divide_up(rows, OC_TILE_ROWS_MAX),
                      .k_tiles = divide_up(weight->k, OC_TILE_K),
                      .panels = divide_up(weight->n, OC_PANEL)};
    cut.tile_rows = divide_up(rows, cut.row_tiles);
    int32_t row_parts = best_row_parts(&cut, threads);
    int32_t panel_parts = threads / row_parts;
    set_parts(&cut, row_parts, panel_parts);
    while (!fits(&cut)) {
        if (cut.most_rows > cut.most_panels || cut.most_panels <= SIDE) {
            row_parts *= 2;
        } else {
            panel_parts *= 2;
        }
        set_parts(&cut, row_parts, panel_parts);
    }
    /* Of a task that ends panels first, smaller ones cost nothing. */
    for (int32_t more = TASKS_PER_THREAD; cut.panels_first && threads > 1 && more > 1; more--) {
        if (cut.panels >= panel_parts * more * SIDE) {
            set_parts(&cut, row_parts, panel_parts * more);
            break;
        }
    }
    return cut;
}
