/* lowering.h - the state of one walk from graph to plan; shared by plan.c, steps.c and emit.c. */
#ifndef OC_LOWER_LOWERING_H
#define OC_LOWER_LOWERING_H

#include "lower/plan.h"

/* Where an activation lives. */
typedef struct oc_place {
    oc_rows rows;
    oc_view view; /* columns 0: it has no place */
} oc_place;

typedef struct oc_lowering {
    const oc_graph *graph;
    oc_weights *weights;
    oc_device *device; /* of the weights */
    oc_traits traits;
    oc_plan *plan;
    int32_t step_capacity;
    oc_place *places; /* [node_count + 1]; the last is for rows that are no value */
    int32_t *uses;    /* [node_count], outputs counted */
    oc_value *user;   /* [node_count]: the last node that uses it, or -1 */
    bool *taken;      /* [node_count]: lowered as part of an earlier step */
    octavo_error *error;
} oc_lowering;

/* Turns node `value`, and what it can take in, into steps (steps.c). */
octavo_status oc_lower_node(oc_lowering *l, oc_value value);

/* -- for steps.c (emit.c) ------------------------------------------------------------------ */

/* The row set of a value, by its type. */
oc_rows oc_rows_of(const oc_type *type);

/* A new buffer for `value`: floats as the device stores them, or codes of `scale`. */
octavo_status oc_lower_place(oc_lowering *l, oc_value value, const oc_type *type, bool codes,
                             float scale);

/* Appends a step, sets its views by the places of values and counts lives.  Each pair of
 * (view_offset, value) says which oc_view of the step is which value. */
typedef struct oc_lower_view {
    size_t view_offset;
    oc_value value;
} oc_lower_view;
octavo_status oc_lower_step(oc_lowering *l, const oc_step *step, const oc_lower_view *views,
                            int32_t view_count);

#endif
