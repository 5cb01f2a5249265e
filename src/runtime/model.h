/* model.h - a graph made ready on one device: its weights, packed once, and what its canaries said.
 *
 * What octavo.h calls a model, without engine files: src/api opens those.
 *
 * Threads.  After oc_model_load a model is only read, but for the store of weights, which
 * sessions lock while they are made: any number of threads may make and use sessions of it.
 */
#ifndef OC_RUNTIME_MODEL_H
#define OC_RUNTIME_MODEL_H

#include "engine/records/canary_record.h"
#include "lower/plan.h"
#include "passes/pipeline.h"
#include "runtime/towers.h"

typedef struct oc_model oc_model;

typedef struct oc_model_options {
    const oc_backend *backend;
    const char *tier; /* NULL: the best */
    int32_t threads;  /* that pack weights; 0: one for each usable core */
    oc_savings savings;
    int32_t towers;            /* bits of rows of towers.h; 0: all that the graph has */
    bool keep_hidden;          /* sessions can be asked for hidden states: no saving skips a row */
    const oc_canary *canaries; /* run before the model is handed out */
    int32_t canary_count;
    /* oc_device_options': canaries are then made ready as on a real device, and not run. */
    struct oc_paper *paper;
    const oc_tuned *tuned;    /* measured choices; must outlive the model; NULL: none */
    octavo_progress progress; /* NULL: none */
    void *progress_user;
} oc_model_options;

/* Whether a run can serve the graph: its inputs are those of the towers' entries and masks, each in
 * its own place; embeddings are one row for each sequence, and logits their products.
 *   CORRUPT  a value that is not so, named */
octavo_status oc_graph_check_entries(const oc_graph *graph, octavo_error *error);

/* graph and source are borrowed and must outlive the model.  The caller holds the model until
 * oc_model_release.  Errors: octavo_model_load's. */
octavo_status oc_model_load(const oc_graph *graph, const oc_weight_source *source,
                            const oc_model_options *options, oc_model **out, octavo_error *error);
void oc_model_release(oc_model *model); /* NULL is accepted; the last holder's frees it */

int32_t oc_model_towers(const oc_model *model);
oc_savings oc_model_savings(const oc_model *model); /* in effect */
size_t oc_model_weight_bytes(const oc_model *model);
/* How far the worst canary was from its reference, of its limit; 0 without any. */
double oc_model_canary_share(const oc_model *model);
oc_device *oc_model_device(const oc_model *model);

#endif
