/* options.h - what a command line says. */
#ifndef OC_CLI_OPTIONS_H
#define OC_CLI_OPTIONS_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/status.h"

typedef struct oc_cli_list {
    const char **items;
    int32_t count;
} oc_cli_list;

/* One field a flag; commands.c says which flag fills which.  Text is NULL, numbers hold the
 * defaults that oc_cli_parse sets, where a flag is not given. */
typedef struct oc_cli_options {
    const struct oc_cli_command *command;
    oc_cli_list arguments; /* what is no flag, behind the command's name */

    bool help, json, quiet;
    int32_t threads; /* 0: one for each usable core */
    const char *device, *tier, *disable;

    const char *against, *api_keys, *architectures, *batches, *compare, *completion, *config, *data,
        *images, *inputs, *keep, *labels, *labels_file, *layout, *listen, *man, *method, *output,
        *outputs, *plot, *precision, *predictions, *preset, *report, *save_checkpoint, *skip,
        *templates_file, *texts_file, *tls_cert, *tls_key, *tower, *work;
    oc_cli_list texts;
    int32_t batch, limit, streams, tokens, top, window; /* 0: not given */
    double duration, seconds, warmup;                   /* seconds */
    double tolerance;                                   /* times thresholds; 0: not given */
    double max_drop;                                    /* percentage points; below 0: no gate */
    double max_spread;                                  /* share; below 0: no gate */
    bool dump_layers, fail_fast, graph, print_config, profile, strict, tensors, verify;

    struct oc_cli_progress *progress;
    oc_arena arena; /* of the lists and of joined texts */
} oc_cli_options;

/* Fills *out from a command line; argv[1] names the command.  The environment gives the defaults
 * of --threads and --tier.  *out is valid, and to be freed, after an error too.
 *   INVALID_ARGUMENT  the command line is wrong; the sentence says how
 *   UNAVAILABLE       a device that this build cannot use */
octavo_status oc_cli_parse(int argc, char **argv, oc_cli_options *out, octavo_error *error);
void oc_cli_options_free(oc_cli_options *options);

/* The words of "a,b,c", spaces around them removed, empty ones left out; in the options' arena. */
octavo_status oc_cli_split(oc_cli_options *options, const char *text, oc_cli_list *out,
                           octavo_error *error);

/* Adds an item to a list in the arena. */
octavo_status oc_cli_list_add(oc_arena *arena, oc_cli_list *list, const char *item,
                              octavo_error *error);

#endif
