// links: backends_cuda device base
/* fuzz_tuned.c - measured choices as an engine's section may hold them: what reads is written and
 * read as itself, goes together with another run, and whatever its names say, a device takes a way
 * of its own list that the kernel can have, or none.
 */
#include <stdlib.h>
#include <string.h>

#include "backends/cuda/cuda.h"
#include "backends/cuda/kernels/gemm/gemm_wgmma.h"
#include "backends/cuda/pack/paper.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds) {
    if (!holds) {
        abort();
    }
}

static void same(const oc_tuned *a, const oc_tuned *b) {
    check(a->count == b->count);
    for (int32_t i = 0; i < a->count; i++) {
        check(strcmp(a->runs[i].model, b->runs[i].model) == 0);
        check(a->runs[i].count == b->runs[i].count);
        for (int32_t j = 0; j < a->runs[i].count; j++) {
            const oc_tuned_choice *x = &a->runs[i].choices[j], *y = &b->runs[i].choices[j];
            check(strcmp(x->what, y->what) == 0 && strcmp(x->best, y->best) == 0);
            check(x->rows == y->rows && x->rows > 0);
            check(x->best_us == y->best_us && x->best_us > 0);
        }
    }
}

/* -- what a device makes of it ---------------------------------------------------------------- */

enum { N = 1024, K = 512, LONGEST = 257 };

static octavo_status read_zeros(void *source, int32_t first, int32_t count, void *rows,
                                octavo_error *error) {
    (void)source;
    (void)first;
    (void)error;
    memset(rows, 0, (size_t)count * K);
    return OCTAVO_OK;
}

/* A product and an attention of so many rows, on a card of paper of this model. */
static void choose(const oc_tuned *tuned, const char *model, int32_t rows) {
    const oc_backend *backend = &oc_backend_cuda;
    oc_paper paper = {.card = 3, .model = model};
    oc_device_options options = {.paper = &paper, .tuned = tuned};
    oc_matrix matrix = {.n = N,
                        .k = K,
                        .dtype = OCTAVO_F8_E4M3,
                        .use = OC_USE_FACTOR,
                        .acts_are_codes = 1,
                        .read = read_zeros};
    oc_gemm_product product = {
        .n = N, .k = K, .terms = 1, .out = OC_GEMM_F16, .residual = OC_GEMM_ABSENT};
    oc_device *device = NULL;
    oc_constant *weight = NULL;
    oc_scratch scratch = {0};
    static oc_tactics tactics;
    oc_pack_list_init(&paper.kernels);
    check(backend->open(&options, &device, NULL) == OCTAVO_OK);
    check(backend->constant_create(device, &matrix, &weight, NULL) == OCTAVO_OK);
    oc_plan_limits limits = {
        .rows_max = {[OC_ROWS_IMAGE_TOKENS] = rows, [OC_ROWS_IMAGES] = rows},
        .sequence_max = {[OC_ROWS_IMAGE_TOKENS] = LONGEST, [OC_ROWS_IMAGES] = 1}};
    oc_step steps[] = {{.kind = OC_STEP_GEMM, .name = "a"},
                       {.kind = OC_STEP_ATTENTION, .name = "b"}};
    oc_view view = {.columns = 1024, .dtype = OCTAVO_F16};
    steps[0].u.gemm = (oc_step_gemm){.a = {.columns = K, .dtype = OCTAVO_F8_E4M3, .scale = 1},
                                     .weight = weight,
                                     .out = {.columns = N, .dtype = OCTAVO_F16}};
    steps[1].u.attention = (oc_step_attention){
        .q = view, .k = view, .v = view, .out = view, .heads = 16, .head_dim = 64, .scale = 1};
    for (int32_t i = 0; i < 2; i++) {
        int32_t listed = 0;
        check(backend->choose(device, &steps[i], &limits, &scratch, NULL) == OCTAVO_OK);
        backend->tactics(device, &steps[i], &limits, &tactics);
        check(tactics.count > 1);
        for (int32_t t = 0; t < tactics.count; t++) {
            bool is_this = tactics.items[t].number == steps[i].tactic;
            listed += is_this;
            check(!is_this || tactics.tuned == NULL || tactics.is_stale ||
                  strcmp(tactics.items[t].name, tactics.tuned->best) == 0);
        }
        check(listed == 1);
    }
    check(oc_gemm_refusal(&product, oc_gemm_candidate(steps[0].tactic)) == NULL);
    backend->constant_free(device, weight);
    backend->close(device);
    oc_pack_list_free(&paper.kernels);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const oc_tuned_choice choice = {"gemm N=8", "SWAP=0", "", 1, 1, 0};
    static const oc_tuned_run run = {"m", "s", "o", "d", &choice, 1};
    oc_arena arena;
    oc_tuned tuned, again, more;
    oc_buffer text;
    octavo_error error = {0};
    oc_arena_init(&arena);
    oc_buffer_init(&text);
    octavo_status status = oc_tuned_read(data, size, 0, &arena, &tuned, &error);
    if (status != OCTAVO_OK) {
        check(tuned.count == 0 && error.message[0] != 0 && error.status == status);
    } else {
        check(oc_tuned_write(&tuned, &text, NULL) == OCTAVO_OK);
        check(oc_tuned_read(text.data, text.size, 0, &arena, &again, NULL) == OCTAVO_OK);
        same(&tuned, &again);
        if (oc_tuned_add(&tuned, &run, &arena, &more, NULL) == OCTAVO_OK) {
            check(oc_tuned_has(&more, "m") && more.runs[more.count - 1].count == 1);
        }
        for (int32_t i = 0; i < tuned.count && i < 4; i++) {
            const oc_tuned_run *at = &tuned.runs[i];
            choose(&tuned, at->model, at->count > 0 ? at->choices[at->count - 1].rows : 1);
        }
    }
    oc_buffer_free(&text);
    oc_arena_free(&arena);
    return 0;
}
