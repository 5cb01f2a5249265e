/* cmd_widen.c - octavo widen: a 16-bit checkpoint from an FP8 one. */
#include <stdio.h>
#include <string.h>

#include "api/tool.h"
#include "cli/line/commands.h"
#include "cli/output/progress.h"
#include "cli/output/render.h"
#include "cli/output/signals.h"

static octavo_status print_json(const char *folder, const char *precision, int32_t modules,
                                octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_buffer text;
    oc_json_writer json;
    oc_buffer_init(&text);
    oc_json_write_open(&json, &text, false);
    oc_json_write_object(&json);
    oc_json_write_key(&json, "folder");
    oc_json_write_text(&json, folder);
    oc_json_write_key(&json, "precision");
    oc_json_write_text(&json, precision);
    oc_json_write_key(&json, "modules");
    oc_json_write_int(&json, modules);
    oc_json_write_end(&json);
    OC_TRY(oc_cli_json_print(&json, error));
done:
    oc_buffer_free(&text);
    return status;
}

octavo_status oc_cli_widen(oc_cli_options *options, int *verdict, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const char *precision = options->precision ? options->precision : "f16";
    char text[OC_CLI_NUMBER_TEXT];
    int32_t modules;
    (void)verdict;
    oc_cli_guard_output(options->output);
    OC_TRY(octavo_tool_widen(options->arguments.items[0], options->output,
                             strcmp(precision, "f16") == 0 ? OCTAVO_PRECISION_F16
                                                           : OCTAVO_PRECISION_BF16,
                             oc_cli_progress_step, options->progress, &modules, error));
    oc_cli_progress_clear(options->progress);
    if (options->json) {
        OC_TRY(print_json(options->output, precision, modules, error));
    } else if (!options->quiet) {
        oc_cli_say("%s: %s from FP8 to %s\n", options->output,
                   oc_cli_counted(modules, "module", text), precision);
    }
done:
    oc_cli_guard_nothing();
    return status;
}
