/* cut.c - how steps are cut into tasks; see cut.h. */
#include "backends/cpu/cut.h"

/* A row operation costs about 1 ns an element or less: 2 to 8 us. */
enum { TASK_ELEMENTS = 8192 };

/* Each task of a head packs its keys anew, which costs as much as 5 queries: pieces stay large. */
enum { PIECE_QUERIES = 96, TASKS_PER_THREAD = 4 };

static int32_t rows_per_task(int32_t columns) {
    return columns < TASK_ELEMENTS ? TASK_ELEMENTS / (columns > 0 ? columns : 1) : 1;
}

int32_t oc_cut_count(int32_t rows, int32_t columns) {
    int32_t step = rows_per_task(columns);
    return rows / step + (rows % step != 0);
}

oc_cut oc_cut_rows(int32_t rows, int32_t columns, int32_t index) {
    int32_t step = rows_per_task(columns);
    int32_t first = index * step;
    return (oc_cut){first, rows - first > step ? first + step : rows};
}

/* Pieces into which the queries of each head are cut: one, unless heads are too few for the threads
 * and sequences long. */
static int32_t pieces_of(const oc_cpu_job *job) {
    const oc_step_attention *step = &job->step->u.attention;
    int32_t sequences = oc_sequences(job->run, job->step->keys);
    int64_t heads = (int64_t)sequences * step->heads;
    int64_t wanted = (int64_t)job->threads * TASKS_PER_THREAD;
    if (job->threads == 1 || step->query_rows != 0 || heads >= wanted || heads == 0) {
        return 1;
    }
    const int32_t *starts = job->run->starts[job->step->keys];
    int32_t longest = 0;
    for (int32_t s = 0; s < sequences; s++) {
        int32_t length = starts[s + 1] - starts[s];
        longest = length > longest ? length : longest;
    }
    int64_t pieces = (wanted + heads - 1) / heads;
    int64_t most = longest > PIECE_QUERIES ? longest / PIECE_QUERIES : 1;
    return (int32_t)(pieces < most ? pieces : most);
}

int32_t oc_cut_head_count(const oc_cpu_job *job) {
    return oc_sequences(job->run, job->step->keys) * job->step->u.attention.heads * pieces_of(job);
}

oc_cut_head oc_cut_head_at(const oc_cpu_job *job, int32_t index) {
    const oc_step_attention *step = &job->step->u.attention;
    const oc_run *run = job->run;
    int32_t pieces = pieces_of(job);
    int32_t piece = index % pieces;
    int32_t head = index / pieces % step->heads;
    int32_t sequence = index / pieces / step->heads;
    int32_t start = run->starts[job->step->keys][sequence];
    int32_t keys = run->starts[job->step->keys][sequence + 1] - start;
    oc_cut_head cut = {.keys = keys, .queries = 1, .q_row = sequence, .key_row = start};
    cut.column = (int64_t)head * step->head_dim;
    if (step->masked && run->key_mask != NULL) {
        cut.mask = run->key_mask + start;
    }
    if (step->query_rows == 0) {
        int32_t first = (int32_t)((int64_t)keys * piece / pieces);
        cut.queries = (int32_t)((int64_t)keys * (piece + 1) / pieces) - first;
        cut.place = first;
        cut.q_row = start + first;
    } else {
        cut.place = step->query_rows == 1 ? step->row : run->ends[sequence];
    }
    return cut;
}
