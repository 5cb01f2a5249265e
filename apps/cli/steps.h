/* steps.h - the steps of a session, those that differ by their layer only taken together. */
#ifndef OC_CLI_STEPS_H
#define OC_CLI_STEPS_H

#include "tree.h"

typedef struct oc_cli_step {
    const char *name; /* "image layers.*.fc1" */
    const char *kind, *kernel, *what, *why;
    int32_t count;
    double seconds; /* of all of them */
} oc_cli_step;

/* The steps of one program of octavo_tool_explain's report, in their order; in the arena. */
octavo_status oc_cli_group_steps(const oc_cli_node *program, oc_arena *arena, oc_cli_step **out,
                                 int32_t *count, octavo_error *error);

#endif
