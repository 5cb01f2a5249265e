/* make.h - making canaries with the referee, and running whole-model ones. */
#ifndef OC_API_CANARY_MAKE_H
#define OC_API_CANARY_MAKE_H

#include "api/source.h"
#include "engine/records/canary_record.h"

typedef struct oc_canary_list {
    oc_canary *items;
    int32_t count, capacity, part_count; /* parts come first */
    oc_arena arena;                      /* names and data */
} oc_canary_list;

/* Parts, and what `ref` makes of them: the ways into a tower, each layer in two halves, the way out
 * of it, logits, and one product of many rows. */
octavo_status oc_canary_make_parts(oc_source *source, int32_t threads, octavo_progress progress,
                                   void *user, oc_canary_list *out, octavo_error *error);

/* Two for each tower: a seeded picture or text and its embedding by `ref`.  The spread that
 * legitimate rounding causes is measured by running `ref` again with 16-bit storage; the limit is
 * 3 times the largest relative rms between the two, plus 1e-4. */
octavo_status oc_canary_make_models(oc_source *source, int32_t threads, octavo_progress progress,
                                    void *user, oc_canary_list *out, octavo_error *error);

/* Another canary, zeroed; and a tensor of zeros for it. */
octavo_status oc_canary_list_add(oc_canary_list *list, oc_canary **out, octavo_error *error);
octavo_status oc_canary_list_tensor(oc_canary_list *list, octavo_tensor *tensor, octavo_dtype dtype,
                                    int32_t rank, int64_t d0, int64_t d1, int64_t d2,
                                    octavo_error *error);
void oc_canary_list_free(oc_canary_list *list);

/* Opens the engine file on the default device and runs every canary, whole-model ones too.
 *   CORRUPT, cause CANARY  a deviation over its limit */
octavo_status oc_canary_verify_file(const char *path, int32_t threads, octavo_error *error);

#endif
