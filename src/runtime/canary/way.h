/* way.h - the part of a graph that a canary goes through, lowered as a session's programs are. */
#ifndef OC_RUNTIME_CANARY_WAY_H
#define OC_RUNTIME_CANARY_WAY_H

#include <string.h>

#include "runtime/model_fields.h"

static inline bool oc_canary_is_called(const oc_canary *canary, const char *input) {
    return strcmp(canary->input, input) == 0;
}

/* Whether it goes from the embeddings of two towers to logits. */
static inline bool oc_canary_is_logits(const oc_canary *canary) {
    return oc_canary_is_called(canary, oc_towers[oc_logits.rows].embeds);
}

/* The form in which the canary's input is entered; false: it is a value inside the tower. */
static inline bool oc_canary_enters(const oc_canary *canary, oc_form form) {
    const oc_tower *tower = oc_tower_of_bit(canary->tower);
    const oc_entry *entry = oc_tower_entry(tower, canary->input);
    return entry != NULL && entry->form == form;
}

/* The plan from the canary's input to its output, with the model's savings, on its device; of one
 * row of each sequence where nobody reads more.
 *   CORRUPT  a canary that does not fit the graph, named */
octavo_status oc_canary_plan(const oc_model *model, const oc_canary *canary,
                             const oc_plan_limits *limits, oc_plan *out, octavo_error *error);

#endif
