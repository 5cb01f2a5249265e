/* attention_bench.c - the CUDA attention kernels alone: right, and how fast.
 *
 *   attention_bench list            one line a variant: file name, source, -D options
 *   attention_bench check DIR [KERNEL]  every variant against float64, with cubins of DIR
 *   attention_bench small DIR       a few small cases, for compute-sanitizer
 *   attention_bench time DIR JSON [CASE]  CUDA graphs over rotating buffers, medians
 *
 * bench/gpu/attention builds cubins and this program.  Needs libcuda.so.1 and nothing else. */
#include <dlfcn.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/cuda/kernels/attention/attention_variant.h"

#include "attention_driver.inc"

/* ---- variants ---- */

/* The chosen fields; the rest is derived. */
typedef struct choice {
    const char *text;
    oc_attention_variant v;
} choice;

/* tail_ -1: as the longest sequence has it */
#define WT(text, groups, blocks_, stages_, tiles_, turns_, tail_)                                  \
    {                                                                                              \
        text, {                                                                                    \
            .kind = OC_ATTENTION_WGMMA, .warps = 4 * (groups), .heads = 1, .blocks = blocks_,      \
            .stages = stages_, .tiles = tiles_, .turns = turns_, .tail = tail_                     \
        }                                                                                          \
    }
#define WG(text, groups, blocks_, stages_, tiles_, tail_)                                          \
    WT(text, groups, blocks_, stages_, tiles_, 0, tail_)
#define MM(text, queries_, keys_, blocks_, warps_, ctas_)                                          \
    {                                                                                              \
        text, {                                                                                    \
            .kind = OC_ATTENTION_MMA, .queries = queries_, .keys = keys_, .blocks = blocks_,       \
            .warps = warps_, .ctas = ctas_                                                         \
        }                                                                                          \
    }
#define RW(text, heads_, warps_)                                                                   \
    {                                                                                              \
        text, {                                                                                    \
            .kind = OC_ATTENTION_ROW, .heads = heads_, .warps = warps_                             \
        }                                                                                          \
    }

enum { CHOICES = 8 };

typedef struct timed {
    const char *name;
    int sequences, length, heads; /* length < 0: ragged, 3 .. 2 * -length - 3 */
    bool causal;
    int query_rows, longest;
    double peer; /* best of three in torch on an H200, us */
    choice choices[CHOICES];
} timed;

static const timed timed_cases[] = {
#include "attention_cases.inc"
};
enum { TIMED = sizeof timed_cases / sizeof *timed_cases };

static oc_attention_shape shape_of(const timed *t) {
    int length = t->length < 0 ? -2 * t->length : t->length;
    return (oc_attention_shape){.sequences = t->sequences,
                                .length = length,
                                .longest = t->longest ? t->longest : length,
                                .heads = t->heads,
                                .head_dim = 64,
                                .causal = t->causal,
                                .one_buffer = true,
                                .query_rows = t->query_rows,
                                .wgmma = true,
                                .processors = 132};
}

typedef struct checked {
    const char *name;
    int lengths[16];
    int heads, head_dim, longest;
    bool causal, masked, out_f16;
    int query_rows;
    choice choice;
} checked;

static const checked checks[] = {
#include "attention_checks.inc"
};
enum { CHECKS = sizeof checks / sizeof *checks };

static oc_attention_shape check_shape(const checked *c) {
    int sequences = 0, longest = 0;
    for (; sequences < 16 && c->lengths[sequences] > 0; sequences++) {
        longest = c->lengths[sequences] > longest ? c->lengths[sequences] : longest;
    }
    return (oc_attention_shape){.sequences = sequences,
                                .length = longest,
                                .longest = c->longest,
                                .heads = c->heads,
                                .head_dim = c->head_dim,
                                .causal = c->causal,
                                .masked = c->masked,
                                .out_f16 = c->out_f16,
                                .one_buffer = c->query_rows == 0,
                                .query_rows = c->query_rows,
                                .wgmma = true,
                                .processors = 132};
}

/* "wgmma-1f3a...": of what is compiled. */
static void variant_file(const oc_attention_variant *v, char name[64]) {
    char text[1024];
    oc_attention_defines(v, text, sizeof text);
    uint64_t hash = 14695981039346656037u;
    for (const char *c = text; *c; c++) {
        hash = (hash ^ (uint8_t)*c) * 1099511628211u;
    }
    snprintf(name, 64, "%s-%016llx", oc_attention_name(v->kind), (unsigned long long)hash);
}

static void list_one(const oc_attention_shape *shape, oc_attention_variant v, const char *of) {
    char name[64], text[1024];
    if (!oc_attention_derive(shape, &v)) {
        fprintf(stderr, "%s: no variant\n", of);
        exit(1);
    }
    variant_file(&v, name);
    oc_attention_defines(&v, text, sizeof text);
    printf("%s %s.cu", name, oc_attention_name(v.kind));
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        char *space = strrchr(line, ' ');
        *space = 0;
        printf(" -D%s=%s", line + 8, space + 1);
    }
    printf("\n");
}

/* Variant j of a timed case: first the chosen one, then those that compete; false: no more. */
static bool timed_variant(const timed *t, int j, oc_attention_variant *v, const char **text) {
    oc_attention_shape shape = shape_of(t);
    if (j == 0) {
        *text = "chosen";
        return oc_attention_choose(&shape, v);
    }
    if (j > CHOICES || t->choices[j - 1].text == NULL) {
        return false;
    }
    *v = t->choices[j - 1].v, *text = t->choices[j - 1].text;
    return oc_attention_derive(&shape, v);
}

static void list(void) {
    for (int i = 0; i < CHECKS; i++) {
        oc_attention_shape shape = check_shape(&checks[i]);
        list_one(&shape, checks[i].choice.v, checks[i].name);
    }
    for (int i = 0; i < TIMED; i++) {
        oc_attention_variant v;
        const char *text;
        oc_attention_shape shape = shape_of(&timed_cases[i]);
        for (int j = 0; timed_variant(&timed_cases[i], j, &v, &text); j++) {
            list_one(&shape, v, timed_cases[i].name);
        }
    }
}

typedef struct loaded {
    void *module, *function;
} loaded;

static bool load(const char *folder, const oc_attention_variant *v, loaded *l) {
    char name[64], path[512];
    variant_file(v, name);
    snprintf(path, sizeof path, "%s/%s.cubin", folder, name);
    result r = cuModuleLoad(&l->module, path);
    if (r != 0) {
        printf("%s: driver says %d\n", path, r);
        return false;
    }
    TRY(cuModuleGetFunction(&l->function, l->module, oc_attention_name(v->kind)));
    TRY(cuFuncSetAttribute(l->function, 8 /* MAX_DYNAMIC_SHARED_SIZE_BYTES */,
                           (int)v->shared_bytes));
    TRY(cuFuncSetAttribute(l->function, 9 /* PREFERRED_SHARED_MEMORY_CARVEOUT */, 100));
    return true;
}

/* Of the whole buffer [rows, columns] F16. */
static tensor_map map_of(device_pointer buffer, int rows, int columns, int box) {
    tensor_map map;
    uint64_t sizes[2] = {(uint64_t)columns, (uint64_t)rows};
    uint64_t strides[1] = {(uint64_t)columns * 2};
    uint32_t boxes[2] = {64, (uint32_t)box}, steps[2] = {1, 1};
    TRY(cuTensorMapEncodeTiled(&map, 6 /* FLOAT16 */, 2, (void *)(uintptr_t)buffer, sizes, strides,
                               boxes, steps, 0, 3 /* SWIZZLE_128B */, 3 /* L2_256B */, 0));
    return map;
}

static result launch(const loaded *l, const oc_attention_variant *v, const tensor_map *map,
                     const oc_attention_args *args, bool dependent) {
    void *with_map[] = {(void *)(uintptr_t)map, (void *)(uintptr_t)args};
    void **parameters = v->kind == OC_ATTENTION_WGMMA ? with_map : with_map + 1;
    launch_attribute early = {.id = 6 /* PROGRAMMATIC_STREAM_SERIALIZATION */, .value = {1}};
    launch_config config = {.grid = {(unsigned)v->grid_x, (unsigned)v->grid_y, 1},
                            .block = {(unsigned)v->threads, 1, 1},
                            .shared = (unsigned)v->shared_bytes,
                            .stream = stream,
                            .attributes = &early,
                            .count = dependent ? 1 : 0};
    return cuLaunchKernelEx(&config, l->function, parameters, NULL);
}

/* ---- checks ---- */

enum {
    BEFORE = 3,
    AFTER = 300,
    GAP = 32
}; /* rows of `out` and of q, k, v around; columns of out */

typedef struct problem {
    const checked *c;
    oc_attention_variant v;
    loaded l;
    int sequences, tokens, columns, out_rows, out_stride, element;
    int starts[17], ends[16];
    uint8_t mask[4096];
    device_pointer qkv, q, out, d_starts, d_sequences, d_ends, d_mask;
} problem;

static void run_check(const problem *p, const uint16_t *qkv, const uint16_t *q, int from,
                      int sequences, uint8_t *out) {
    const checked *c = p->c;
    int width = c->heads * c->head_dim;
    size_t out_bytes = (size_t)(p->out_rows + BEFORE + AFTER) * (size_t)p->out_stride * p->element;
    size_t qkv_row = (size_t)p->columns * 2;
    TRY(cuMemcpyHtoD_v2(p->qkv, qkv, (size_t)(p->tokens + BEFORE + AFTER) * qkv_row));
    TRY(cuMemsetD8_v2(p->out, 0xff, out_bytes));
    TRY(cuMemcpyHtoD_v2(p->d_sequences, &sequences, 4));
    device_pointer row0 = p->qkv + BEFORE * qkv_row;
    oc_attention_args args = {.q = row0,
                              .k = row0 + (size_t)width * 2,
                              .v = row0 + (size_t)width * 4,
                              .out = p->out + (size_t)BEFORE * p->out_stride * p->element,
                              .starts = p->d_starts + 4u * (unsigned)from,
                              .sequences = p->d_sequences,
                              .ends = p->d_ends + 4u * (unsigned)from,
                              .mask = p->d_mask,
                              .q_stride = p->columns,
                              .k_stride = p->columns,
                              .v_stride = p->columns,
                              .out_stride = p->out_stride,
                              .q_column = 0,
                              .k_column = width,
                              .v_column = 2 * width,
                              .heads = c->heads,
                              .row = 0,
                              .scale_log2 = 1.44269504f / sqrtf((float)c->head_dim),
                              .inv_out_scale = 64.0f,
                              .sequences_max = sequences};
    if (c->query_rows != 0) {
        TRY(cuMemcpyHtoD_v2(p->q, q, (size_t)p->sequences * (size_t)width * 2));
        args.q = p->q + (size_t)from * (size_t)width * 2, args.q_stride = width;
        args.out += (size_t)from * p->out_stride * p->element;
    }
    tensor_map map = map_of(row0, p->tokens + AFTER, p->columns, p->v.box ? p->v.box : 64);
    TRY(launch(&p->l, &p->v, &map, &args, false));
    result r = cuStreamSynchronize(stream);
    if (r != 0) {
        printf("%s: kernel ended with %d\n", c->name, r);
        exit(1);
    }
    TRY(cuMemcpyDtoH_v2(out, p->out, out_bytes));
}

static double *widened(const uint16_t *from, size_t count) {
    double *to = malloc(count * sizeof(double));
    for (size_t i = 0; i < count; i++) {
        to[i] = of_f16(from[i]);
    }
    return to;
}

static void reference(const problem *p, const uint16_t *qkv16, const uint16_t *q16, double *out) {
    const checked *c = p->c;
    int width = c->heads * c->head_dim;
    double *qkv = widened(qkv16, (size_t)(p->tokens + BEFORE) * p->columns);
    double *q = widened(q16, (size_t)p->sequences * width);
    double *weights = malloc(4096 * sizeof(double));
    for (int s = 0; s < p->sequences; s++) {
        int first = p->starts[s], keys = p->starts[s + 1] - first;
        for (int h = 0; h < c->heads; h++) {
            for (int i = 0; i < (c->query_rows ? 1 : keys); i++) {
                int place = c->query_rows == 0 ? i : c->query_rows == 1 ? 0 : p->ends[s];
                const double *query = c->query_rows
                                          ? q + (size_t)s * width
                                          : qkv + (size_t)(first + i + BEFORE) * p->columns;
                int visible = c->causal && place + 1 < keys ? place + 1 : keys;
                double highest = -INFINITY, sum = 0;
                bool any = !c->masked;
                for (int j = 0; j < visible; j++) {
                    any = any || p->mask[first + j] != 0;
                }
                for (int j = 0; j < visible; j++) {
                    const double *key =
                        qkv + (size_t)(first + j + BEFORE) * p->columns + width + h * c->head_dim;
                    double dot = 0;
                    for (int d = 0; d < c->head_dim; d++) {
                        dot += query[h * c->head_dim + d] * key[d];
                    }
                    weights[j] = !any                                   ? 0
                                 : c->masked && p->mask[first + j] == 0 ? -INFINITY
                                                                        : dot / sqrt(c->head_dim);
                    highest = weights[j] > highest ? weights[j] : highest;
                }
                for (int j = 0; j < visible; j++) {
                    weights[j] = exp(weights[j] - highest);
                    sum += weights[j];
                }
                for (int d = 0; d < c->head_dim; d++) {
                    double value = 0;
                    for (int j = 0; j < visible; j++) {
                        value += weights[j] * qkv[(size_t)(first + j + BEFORE) * p->columns +
                                                  2 * width + h * c->head_dim + d];
                    }
                    int row = c->query_rows ? s : first + i;
                    out[(size_t)row * width + h * c->head_dim + d] = value / sum;
                }
            }
        }
    }
    free(weights), free(qkv), free(q);
}

static double get(const problem *p, const uint8_t *out, int row, int column) {
    size_t at = (size_t)(row + BEFORE) * p->out_stride + column;
    return p->element == 2 ? of_f16(((const uint16_t *)(const void *)out)[at])
                           : of_e4m3(out[at]) / 64.0;
}

/* How many bytes outside rows from .. to - 1 were written. */
static int touched(const problem *p, const uint8_t *out, int from, int to) {
    int count = 0, width = p->c->heads * p->c->head_dim;
    for (int r = -BEFORE; r < p->out_rows + AFTER; r++) {
        for (int b = 0; b < p->out_stride * p->element; b++) {
            bool inside = r >= from && r < to && b < width * p->element;
            count += !inside && out[(size_t)(r + BEFORE) * p->out_stride * p->element + b] != 0xff;
        }
    }
    return count;
}

static int check_one(const char *folder, const checked *c) {
    problem p = {.c = c};
    seed = 88172645463325252u; /* like cases have like data: their hashes tell like bits */
    oc_attention_shape shape = check_shape(c);
    p.v = c->choice.v;
    shape.sequences += 2; /* of the plan: more than there are */
    shape.length += 70 < shape.longest - shape.length ? 70 : 0;
    if (!oc_attention_derive(&shape, &p.v)) {
        printf("%s: no variant\n", c->name);
        return 1;
    }
    if (!load(folder, &p.v, &p.l)) {
        return 1;
    }
    int width = c->heads * c->head_dim;
    for (; p.sequences < 16 && c->lengths[p.sequences] > 0; p.sequences++) {
        p.starts[p.sequences + 1] = p.starts[p.sequences] + c->lengths[p.sequences];
        p.ends[p.sequences] = (int)(random_bits() % (unsigned)c->lengths[p.sequences]);
    }
    p.tokens = p.starts[p.sequences];
    for (int i = 0; i < p.tokens; i++) {
        p.mask[i] = random_bits() % 3 != 0;
    }
    for (int i = p.starts[p.sequences - 1]; i < p.tokens; i++) {
        p.mask[i] = 0; /* all hidden */
    }
    p.mask[0] = p.mask[1] = 0; /* the first rows of a causal step see hidden keys only */
    p.columns = 3 * width, p.element = c->out_f16 ? 2 : 1;
    p.out_rows = c->query_rows ? p.sequences : p.tokens, p.out_stride = width + GAP;
    size_t elements = (size_t)(p.tokens + BEFORE + AFTER) * p.columns;
    size_t out_bytes = (size_t)(p.out_rows + BEFORE + AFTER) * p.out_stride * p.element;
    uint16_t *qkv = malloc(elements * 2), *other = malloc(elements * 2);
    uint16_t *q = malloc((size_t)p.sequences * width * 2);
    uint8_t *out = malloc(out_bytes), *again = malloc(out_bytes);
    double *right = malloc((size_t)p.out_rows * width * sizeof(double));
    for (size_t i = 0; i < elements; i++) {
        bool real = i >= (size_t)BEFORE * p.columns && i < (size_t)(BEFORE + p.tokens) * p.columns;
        float spread = i % p.columns < (size_t)2 * width ? 1.5f : 1.0f;
        qkv[i] = real ? f16_of(random_normal() * spread) : 0x7e00;
    }
    for (int i = 0; i < p.sequences * width; i++) {
        q[i] = f16_of(random_normal() * 1.5f);
    }
    TRY(cuMemAlloc_v2(&p.qkv, elements * 2));
    TRY(cuMemAlloc_v2(&p.q, (size_t)p.sequences * width * 2));
    TRY(cuMemAlloc_v2(&p.out, out_bytes));
    TRY(cuMemAlloc_v2(&p.d_starts, sizeof p.starts));
    TRY(cuMemAlloc_v2(&p.d_ends, sizeof p.ends));
    TRY(cuMemAlloc_v2(&p.d_sequences, 4));
    TRY(cuMemAlloc_v2(&p.d_mask, sizeof p.mask));
    TRY(cuMemcpyHtoD_v2(p.d_starts, p.starts, sizeof p.starts));
    TRY(cuMemcpyHtoD_v2(p.d_ends, p.ends, sizeof p.ends));
    TRY(cuMemcpyHtoD_v2(p.d_mask, p.mask, sizeof p.mask));

    int failures = 0;
    uint32_t hash = 2166136261u;
    reference(&p, qkv, q, right);
    run_check(&p, qkv, q, 0, p.sequences, out);
    double error = 0, power = 0, worst = 0;
    int nans = 0, off = 0;
    for (int r = 0; r < p.out_rows; r++) {
        for (int d = 0; d < width; d++) {
            double want = right[(size_t)r * width + d], got = get(&p, out, r, d);
            double e = fabs(got - want), ulp = p.element == 2 ? 0 : fabs(want) / 16 + 0.00098 / 64;
            nans += isnan(got);
            e = isnan(got) ? 0 : e;
            error += e * e, power += want * want;
            worst = e > worst ? e : worst;
            off += e > ulp * 1.02 + 1.5e-3 * fabs(want) + 1.5e-3;
        }
    }
    double relative = sqrt(error / power);
    bool good = nans == 0 && off == 0 && relative < (p.element == 2 ? 6e-4 : 0.032);
    failures += !good;
    for (size_t i = 0; i < out_bytes; i++) {
        hash = (hash ^ out[i]) * 16777619u;
    }
    int outside = touched(&p, out, 0, p.out_rows);
    failures += outside != 0;

    /* Alone, all else NaN, at the place where it was: the same bits. */
    int alone = 0;
    for (int turn = 0; turn < 2; turn++) {
        int s = turn == 0 ? p.sequences - 1 : p.sequences / 2;
        int from = c->query_rows ? s : p.starts[s], to = c->query_rows ? s + 1 : p.starts[s + 1];
        for (size_t i = 0; i < elements; i++) {
            int row = (int)(i / (size_t)p.columns) - BEFORE;
            other[i] = row >= p.starts[s] && row < p.starts[s + 1] ? qkv[i] : 0x7e00;
        }
        run_check(&p, other, q, s, 1, again);
        size_t at = (size_t)(from + BEFORE) * p.out_stride * p.element;
        for (int r = from; r < to; r++, at += (size_t)p.out_stride * p.element) {
            alone += memcmp(out + at, again + at, (size_t)width * p.element) != 0;
        }
        alone += touched(&p, again, from, to);
    }
    failures += alone != 0;

    /* A NaN in one key of head 0: rows that see it are NaN, all else keeps its bits. */
    int spread = 0, s = p.sequences / 2, key = (p.starts[s + 1] - p.starts[s]) / 2;
    if (!c->masked) {
        memcpy(other, qkv, elements * 2);
        other[(size_t)(p.starts[s] + key + BEFORE) * p.columns + width + 5] = 0x7e00;
        run_check(&p, other, q, 0, p.sequences, again);
        for (int r = 0; r < p.out_rows; r++) {
            bool of_s = c->query_rows ? r == s : r >= p.starts[s] && r < p.starts[s + 1];
            int place = c->query_rows == 0 ? r - p.starts[s] : c->query_rows == 1 ? 0 : p.ends[s];
            bool sees = of_s && (!c->causal || key <= place);
            for (int d = 0; d < width; d++) {
                double a = get(&p, out, r, d), b = get(&p, again, r, d);
                spread += sees && d < c->head_dim ? !isnan(b) : a != b;
            }
        }
    }
    failures += spread != 0;
    printf("%-20s %-16s rel %.2e worst %.1e bits %08x%s", c->name, oc_attention_name(p.v.kind),
           relative, worst, hash, failures ? " FAILED" : "\n");
    if (failures) {
        printf(" off %d nan %d outside %d alone %d spread %d\n", off, nans, outside, alone, spread);
    }
    fflush(stdout);
    device_pointer all[] = {p.qkv, p.q, p.out, p.d_starts, p.d_ends, p.d_sequences, p.d_mask};
    for (int i = 0; i < 7; i++) {
        TRY(cuMemFree_v2(all[i]));
    }
    TRY(cuModuleUnload(p.l.module));
    free(qkv), free(other), free(q), free(out), free(again), free(right);
    return failures;
}

/* ---- times ---- */

static int by_value(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void time_case(const char *folder, const timed *t, FILE *json) {
    int *starts = calloc((size_t)t->sequences + 1, 4), *ends = calloc((size_t)t->sequences, 4);
    for (int s = 0; s < t->sequences; s++) {
        int length =
            t->length > 0 ? t->length : 3 + (int)(random_bits() % (unsigned)(-2 * t->length - 5));
        starts[s + 1] = starts[s] + length;
        ends[s] = length - 1;
    }
    int tokens = starts[t->sequences], width = t->heads * 64, columns = 3 * width;
    size_t in = (size_t)tokens * columns * 2, out = (size_t)tokens * width;
    int sets = (int)(240e6 / (double)(in + out));
    sets = sets < 3 ? 3 : sets > 20 ? 20 : sets;
    device_pointer buffers[20], outs[20], queries, d_starts, d_sequences, d_ends;
    uint16_t *host = malloc(in);
    for (size_t i = 0; i < in / 2; i++) {
        host[i] = f16_of(random_normal() * 1.2f);
    }
    for (int i = 0; i < sets; i++) {
        TRY(cuMemAlloc_v2(&buffers[i], in));
        TRY(cuMemAlloc_v2(&outs[i], out));
        TRY(cuMemcpyHtoD_v2(buffers[i], host, in));
    }
    TRY(cuMemAlloc_v2(&queries, (size_t)t->sequences * width * 2));
    TRY(cuMemcpyHtoD_v2(queries, host, (size_t)t->sequences * width * 2));
    TRY(cuMemAlloc_v2(&d_starts, ((size_t)t->sequences + 1) * 4));
    TRY(cuMemcpyHtoD_v2(d_starts, starts, ((size_t)t->sequences + 1) * 4));
    TRY(cuMemAlloc_v2(&d_ends, (size_t)t->sequences * 4));
    TRY(cuMemcpyHtoD_v2(d_ends, ends, (size_t)t->sequences * 4));
    TRY(cuMemAlloc_v2(&d_sequences, 4));
    TRY(cuMemcpyHtoD_v2(d_sequences, &t->sequences, 4));
    double flops = 0;
    for (int s = 0; s < t->sequences; s++) {
        double length = starts[s + 1] - starts[s];
        flops += (t->query_rows ? 1 : length) * length * 256 * t->heads * (t->causal ? 0.5 : 1);
    }
    oc_attention_variant v;
    const char *text;
    for (int j = 0; timed_variant(t, j, &v, &text); j++) {
        loaded l;
        if (!load(folder, &v, &l)) {
            continue;
        }
        double medians[2], low = 0;
        for (int dependent = 0; dependent < 2; dependent++) {
            void *graph, *executable, *begin, *end;
            TRY(cuStreamBeginCapture_v2(stream, 2));
            for (int i = 0; i < sets; i++) {
                oc_attention_args args = {.q = t->query_rows ? queries : buffers[i],
                                          .k = buffers[i] + (size_t)width * 2,
                                          .v = buffers[i] + (size_t)width * 4,
                                          .out = outs[i],
                                          .starts = d_starts,
                                          .sequences = d_sequences,
                                          .ends = d_ends,
                                          .q_stride = t->query_rows ? width : columns,
                                          .k_stride = columns,
                                          .v_stride = columns,
                                          .out_stride = width,
                                          .k_column = width,
                                          .v_column = 2 * width,
                                          .heads = t->heads,
                                          .scale_log2 = 1.44269504f / 8,
                                          .inv_out_scale = 64,
                                          .sequences_max = t->sequences};
                tensor_map map = map_of(buffers[i], tokens, columns, v.box ? v.box : 64);
                TRY(launch(&l, &v, &map, &args, dependent));
            }
            TRY(cuStreamEndCapture(stream, &graph));
            TRY(cuGraphInstantiateWithFlags(&executable, graph, 0));
            TRY(cuEventCreate(&begin, 0));
            TRY(cuEventCreate(&end, 0));
            float times[40];
            for (int i = -3; i < 40; i++) {
                TRY(cuEventRecord(begin, stream));
                TRY(cuGraphLaunch(executable, stream));
                TRY(cuEventRecord(end, stream));
                TRY(cuEventSynchronize(end));
                if (i >= 0) {
                    TRY(cuEventElapsedTime(&times[i], begin, end));
                }
            }
            qsort(times, 40, sizeof *times, by_value);
            medians[dependent] = times[20] * 1e3 / sets;
            low = dependent ? low : times[4] * 1e3 / sets;
            TRY(cuGraphExecDestroy(executable));
            TRY(cuGraphDestroy(graph));
        }
        double us = medians[0];
        printf("%-13s %-25s %7.2f us (pdl %.2f) predicted %.1f %4.0f TFLOP/s %5.2f TB/s x%.2f\n",
               t->name, text, us, medians[1], v.predicted_us, flops / us * 1e-6,
               (double)(in + out) / us * 1e-6, t->peer / us);
        fflush(stdout);
        fprintf(json,
                "{\"case\": \"%s\", \"variant\": \"%s\", \"us\": %.3f, \"dependent_us\": %.3f, "
                "\"p10\": %.3f, "
                "\"gflop\": "
                "%.3f, \"bytes\": %zu, \"grid\": %d, \"threads\": %d, \"shared\": %zu}\n",
                t->name, text, us, medians[1], low, flops * 1e-9, in + out, v.grid_x, v.threads,
                v.shared_bytes);
        TRY(cuModuleUnload(l.module));
    }
    for (int i = 0; i < sets; i++) {
        TRY(cuMemFree_v2(buffers[i]));
        TRY(cuMemFree_v2(outs[i]));
    }
    TRY(cuMemFree_v2(queries));
    TRY(cuMemFree_v2(d_starts));
    TRY(cuMemFree_v2(d_ends));
    TRY(cuMemFree_v2(d_sequences));
    free(host), free(starts), free(ends);
}

int main(int argc, char **argv) {
    char card[64];
    const char *verb = argc > 1 ? argv[1] : "";
    if (strcmp(verb, "list") == 0) {
        list();
        return 0;
    }
    if (argc < 3) {
        printf("usage: attention_bench list | check DIR | small DIR | time DIR JSON\n");
        return 64;
    }
    open_driver(card);
    if (strcmp(verb, "time") == 0 && argc > 3) {
        FILE *json = fopen(argv[3], "a");
        if (json == NULL) {
            return 74;
        }
        fprintf(json, "{\"card\": \"%s\"}\n", card);
        printf("%s\n", card);
        for (int i = 0; i < TIMED; i++) {
            if (argc < 5 || strstr(timed_cases[i].name, argv[4]) != NULL) {
                time_case(argv[2], &timed_cases[i], json);
            }
        }
        fclose(json);
        return 0;
    }
    int failures = 0, step = strcmp(verb, "small") == 0 ? 5 : 1;
    for (int i = 0; i < CHECKS; i += step) {
        if (argc > 3 && strstr(oc_attention_name(checks[i].choice.v.kind), argv[3]) == NULL) {
            continue;
        }
        failures += check_one(argv[2], &checks[i]) != 0;
    }
    printf("%s: %d checks of %d failed\n", card, failures, (CHECKS + step - 1) / step);
    return failures != 0;
}
