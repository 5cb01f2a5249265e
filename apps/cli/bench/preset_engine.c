/* preset_engine.c - see preset_engine.h. */
#include "cli/bench/preset_engine.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/tool.h"
#include "base/sys/env.h"
#include "base/sys/io.h"
#include "cli/output/progress.h"
#include "cli/output/signals.h"

octavo_status oc_cli_preset_make(const oc_cli_options *options, oc_cli_preset *out,
                                 octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const char *given = options->work ? options->work : oc_env_get(OC_ENV_TMPDIR);
    char *checkpoint = NULL;
    octavo_build_options build = {.struct_size = sizeof build,
                                  .threads = options->threads,
                                  .progress = oc_cli_progress_step,
                                  .progress_user = options->progress};
    *out = (oc_cli_preset){.engine = NULL};
    char *place = oc_path_join(given ? given : "/tmp", "octavo-bench");
    if (!place) {
        OC_NO_MEMORY(error, 32);
    }
    OC_TRY(oc_output_folder_open(place, &out->folder, error));
    oc_cli_guard_output(out->folder.path);
    const char *folder = out->folder.temporary;
    out->engine = oc_path_join(folder, "preset.octavo");
    checkpoint = options->save_checkpoint ? strdup(options->save_checkpoint)
                                          : oc_path_join(folder, "checkpoint");
    if (!out->engine || !checkpoint) {
        OC_NO_MEMORY(error, strlen(folder));
    }
    oc_cli_guard_output(options->save_checkpoint);
    OC_TRY(octavo_tool_preset(options->preset, checkpoint, error));
    OC_TRY(octavo_build(checkpoint, out->engine, &build, NULL, error));
    malloc_trim(0); /* what building held is not the engine's */
done:
    free(checkpoint);
    free(place);
    return status;
}

void oc_cli_preset_remove(oc_cli_preset *preset) {
    oc_output_folder_abort(&preset->folder);
    oc_cli_guard_nothing();
    free(preset->engine);
    preset->engine = NULL;
}
