/* preset_engine.h - the engine of a random checkpoint, for measuring without a file. */
#ifndef OC_CLI_PRESET_ENGINE_H
#define OC_CLI_PRESET_ENGINE_H

#include "base/sys/output.h"
#include "cli/line/options.h"

typedef struct oc_cli_preset {
    oc_output_folder folder; /* never committed: all that was made goes with it */
    char *engine;            /* within */
} oc_cli_preset;

/* Makes the checkpoint of --preset (in --save-checkpoint where given) and builds its engine. */
octavo_status oc_cli_preset_make(const oc_cli_options *options, oc_cli_preset *out,
                                 octavo_error *error);
void oc_cli_preset_remove(oc_cli_preset *preset); /* a zeroed one is accepted */

#endif
