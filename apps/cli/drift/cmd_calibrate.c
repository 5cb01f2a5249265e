/* cmd_calibrate.c - octavo calibrate: reference statistics for an engine. */
#include <stdio.h>
#include <stdlib.h>

#include "api/tool.h"
#include "cli/commands/embed.h"
#include "cli/drift/data.h"
#include "cli/line/commands.h"
#include "cli/output/progress.h"
#include "cli/output/render.h"
#include "cli/output/signals.h"
#include "cli/output/tree.h"

static octavo_status print_report(const char *text, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_cli_node *report;
    char images[OC_CLI_NUMBER_TEXT], texts[OC_CLI_NUMBER_TEXT], bytes[OC_CLI_NUMBER_TEXT];
    oc_arena arena;
    oc_arena_init(&arena);
    OC_TRY(oc_cli_tree(text, &arena, &report, error));
    oc_cli_say("%s: learned from %s and %s in %.1f s on %s; %.0f quantizers, %s added\n",
               oc_cli_text(report, "file", "?"),
               oc_cli_counted(oc_cli_number(report, "images", 0), "image", images),
               oc_cli_counted(oc_cli_number(report, "texts", 0), "text", texts),
               oc_cli_number(report, "seconds", 0), oc_cli_text(report, "device", "?"),
               oc_cli_number(report, "quantizers", 0),
               oc_cli_bytes(oc_cli_number(report, "reference_bytes", 0), bytes));
done:
    oc_arena_free(&arena);
    return status;
}

octavo_status oc_cli_calibrate(oc_cli_options *options, int *verdict, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const char *engine = options->arguments.items[0];
    /* a link is followed: what it leads to is replaced */
    char *real = options->output ? NULL : realpath(engine, NULL), *report = NULL;
    const char *out = options->output ? options->output : real ? real : engine;
    oc_cli_skipped skipped = {.count = 0};
    octavo_tool_listener listener = oc_cli_listener(options, &skipped);
    octavo_tool_watch_data data = oc_cli_watch_data(options);
    oc_cli_guard_output(out);
    OC_TRY(octavo_tool_calibrate(engine, out, &data, &listener, &report, error));
    oc_cli_guard_nothing();
    oc_cli_progress_clear(options->progress);
    if (options->json) {
        printf("%s\n", report);
    } else if (!options->quiet) {
        OC_TRY(print_report(report, error));
    }
    *verdict = oc_cli_skipped_verdict(&skipped);
done:
    oc_cli_guard_nothing();
    oc_cli_skipped_free(&skipped);
    octavo_free(report);
    free(real);
    return status;
}
