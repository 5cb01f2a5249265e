/* model_fields.h - the fields of a model, for the files of src/runtime. */
#ifndef OC_RUNTIME_MODEL_FIELDS_H
#define OC_RUNTIME_MODEL_FIELDS_H

#include <pthread.h>
#include <stdatomic.h>

#include "runtime/model.h"
#include "runtime/texts.h"

struct oc_model {
    atomic_int holders;
    const oc_graph *graph; /* borrowed */
    oc_device *device;
    oc_weights *weights;
    pthread_mutex_t lock;                /* of weights and programs, while a session is made */
    oc_graph programs[OC_PROGRAM_COUNT]; /* the part of the graph of each, with the savings */
    oc_savings savings;
    bool keep_hidden;
    int32_t towers, image_size;
    /* By row of towers.h; 0 for a tower that is not here. */
    int32_t longest[OC_TOWERS]; /* rows of the longest sequence; of pixels all have as many */
    int32_t embed_dims[OC_TOWERS];
    oc_texts texts;                 /* rules of the tower that takes ids */
    bool causal;                    /* ... what follows a token cannot reach it */
    struct oc_canary_set *canaries; /* NULL: none */
    double canary_share;
};

/* The rules with the model's savings. */
oc_texts oc_model_texts(const oc_model *model);

/* Sets what the graph decides: towers (of those `wanted`; 0: all), sizes, the rules of texts.
 *   INVALID_ARGUMENT  a tower that the graph lacks
 *   CORRUPT           an input or output that no run can serve, named */
octavo_status oc_model_read_graph(oc_model *model, int32_t wanted, octavo_error *error);

/* Whether the model has programs of this kind for sessions of these towers. */
bool oc_model_has(const oc_model *model, oc_program_kind kind, int32_t towers);

/* The plans of a program, one for each of `count` limits of runs: out [count].  `observed` are
 * values of the graph that become outputs besides.  Locks the store of weights. */
octavo_status oc_model_plans(oc_model *model, oc_program_kind kind, const oc_plan_limits *limits,
                             int32_t count, const char *const *observed, int32_t observed_count,
                             oc_plan *out, octavo_error *error);

/* Limits of a run of `batch` sequences of each tower, `tokens` rows in all of those with lengths of
 * their own. */
oc_plan_limits oc_model_limits(const oc_model *model, int32_t batch, int32_t tokens);

#endif
