/* canary_make.h - making canaries with the referee, and running whole-model ones. */
#ifndef OC_API_CANARY_MAKE_H
#define OC_API_CANARY_MAKE_H

#include "api/source.h"
#include "engine/records/canary_record.h"

typedef struct oc_canary_list {
    oc_canary *items;
    int32_t count, capacity, layer_count; /* layer canaries come first */
    oc_arena arena;                       /* names and data */
} oc_canary_list;

/* One for each layer: 4 token vectors of seeded noise and what `ref` makes of them. */
octavo_status oc_canary_make_layers(oc_source *source, int32_t threads, octavo_progress progress,
                                    void *user, oc_canary_list *out, octavo_error *error);

/* Two for each tower: a seeded picture or text and its embedding by `ref`.  The spread that
 * legitimate rounding causes is measured by running `ref` again with 16-bit storage; the limit is
 * 3 times the largest 1 - cosine between the two, plus 1e-5. */
octavo_status oc_canary_make_models(oc_source *source, int32_t threads, octavo_progress progress,
                                    void *user, oc_canary_list *out, octavo_error *error);

void oc_canary_list_free(oc_canary_list *list);

/* Opens the engine file on the default device and runs every canary, whole-model ones too.
 *   CORRUPT, cause CANARY  a deviation over its limit */
octavo_status oc_canary_verify_file(const char *path, int32_t threads, octavo_error *error);

#endif
