/* step_table.h - steps of a session or modules of a model, those that differ by their layer only
 * taken together. */
#ifndef OC_CLI_STEP_TABLE_H
#define OC_CLI_STEP_TABLE_H

#include "cli/output/tree.h"

typedef struct oc_cli_step {
    const char *name; /* "vision.layers.*.fc1" */
    const char *kind, *kernel, *what;
    const char *why; /* where reasons differ in numbers only: the one with the largest */
    int32_t count;
    const char *operands;        /* "F8_E4M3": what its products multiply */
    double seconds, flop, bytes; /* of all of them, where they were measured; else 0 */
} oc_cli_step;

/* "layers.11.fc1" becomes "layers.*.fc1": a number between dots is a layer's.  In the arena; NULL
 * when memory is out. */
char *oc_cli_pattern(const char *name, oc_arena *arena);

/* The objects of a list, such as a program's steps in octavo_tool_explain's report, in their order;
 * `name_key` is the member with the name.  In the arena. */
octavo_status oc_cli_group(const oc_cli_node *list, const char *name_key, oc_arena *arena,
                           oc_cli_step **out, int32_t *count, octavo_error *error);

#endif
