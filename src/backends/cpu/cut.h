/* cut.h - how steps that work row by row, or head by head, are cut into tasks.
 *
 * A task is worth a few microseconds.  The cut never shows in the result: rows are computed alone.
 */
#ifndef OC_CPU_CUT_H
#define OC_CPU_CUT_H

#include "backends/cpu/kernels.h"

/* Rows first .. end - 1. */
typedef struct oc_cut {
    int32_t first, end;
} oc_cut;

/* Tasks that cut `rows` rows of `columns` elements, and the rows of one of them. */
int32_t oc_cut_count(int32_t rows, int32_t columns);
oc_cut oc_cut_rows(int32_t rows, int32_t columns, int32_t index);

/* Elements that a row of logits reads: a text's columns for each text. */
static inline int32_t oc_logits_row(const oc_cpu_job *job) {
    int64_t elements = (int64_t)job->run->rows[OC_ROWS_TEXTS] * job->step->u.logits.text.columns;
    return elements < INT32_MAX ? (int32_t)elements : INT32_MAX;
}

/* Attention of one head of one sequence, for some of its queries. */
typedef struct oc_cut_head {
    int32_t keys;        /* rows of the sequence */
    int32_t queries;     /* of this task; 0: nothing to do */
    int32_t place;       /* of the first query in its sequence; the next ones follow it */
    int64_t q_row;       /* row of the first query in q and out */
    int64_t key_row;     /* row of the first key in k and v */
    int64_t column;      /* of the head in q, k, v and out */
    const uint8_t *mask; /* [keys], 0 hides; NULL: none hidden */
} oc_cut_head;

int32_t oc_cut_head_count(const oc_cpu_job *job);
oc_cut_head oc_cut_head_at(const oc_cpu_job *job, int32_t index);

/* Keys that the query at `place` may see if no mask hides them: 0 .. this - 1. */
static inline int32_t oc_visible_keys(const oc_step_attention *step, int32_t keys, int32_t place) {
    return step->causal && place + 1 < keys ? place + 1 : keys;
}

#endif
