/* tune.h - which of a device's ways of doing a step is the fastest, measured.
 *
 * Sessions of the sizes asked for are planned; each different step of theirs that the device can do
 * in several ways, for each number of rows, is a choice.  The ways that the device expects to be
 * fastest are timed in turns (measure.h).
 */
#ifndef OC_RUNTIME_TUNE_H
#define OC_RUNTIME_TUNE_H

#include "runtime/model.h"

enum {
    /* Ways that are timed for each choice: the device's expectations are right to a tenth. */
    OC_TUNE_TRIED = 6
};

typedef struct oc_tune_options {
    const int32_t *batches; /* sizes of sessions */
    int32_t batch_count;
    double seconds; /* of measuring, for each choice */
    octavo_progress progress;
    void *progress_user;
} oc_tune_options;

/* One way that was timed. */
typedef struct oc_tune_way {
    char name[OC_TACTIC_NAME], text[OC_TACTIC_TEXT];
    double expected_us, measured_us;
} oc_tune_way;

typedef struct oc_tune_choice {
    char what[OC_TACTIC_NAME];
    int32_t rows;
    const char *step; /* the first that computes this, borrowed from `memory` of the list */
    int32_t steps;    /* of its plan that do */
    int32_t tried;
    oc_tune_way expected, best, next; /* expected to be fastest; fastest; runner-up */
} oc_tune_choice;

typedef struct oc_tune_list {
    oc_tune_choice *items;
    int32_t count, capacity;
    oc_arena memory;
} oc_tune_list;

/* *out is to be freed in any case.  The model is one without measured choices.
 *   EXHAUSTED    the device has too little memory for what is measured
 *   CANCELLED    progress said so
 *   others       as sessions of those sizes */
octavo_status oc_tune(oc_model *model, const oc_tune_options *options, oc_tune_list *out,
                      octavo_error *error);
void oc_tune_list_free(oc_tune_list *list);

#endif
