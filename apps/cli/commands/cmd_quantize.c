/* cmd_quantize.c - octavo quantize: an FP8 checkpoint from photographs and texts. */
#include <stdio.h>

#include "api/tool.h"
#include "cli/line/commands.h"
#include "cli/output/errors.h"
#include "cli/output/progress.h"
#include "cli/output/render.h"
#include "cli/output/signals.h"
#include "cli/output/tree.h"

static octavo_status print_report(const oc_cli_options *options, const char *text,
                                  octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_cli_node *report;
    oc_cli_table table;
    oc_arena arena;
    oc_arena_init(&arena);
    oc_cli_table_open(&table, "<module|>largest input|>largest weight");
    OC_TRY(oc_cli_tree(text, &arena, &report, error));
    const oc_cli_node *modules = oc_cli_at(report, "modules");
    printf("%s: %d modules in FP8, calibrated on %.0f images and %.0f texts\n\n", options->output,
           modules ? modules->count : 0, oc_cli_number(report, "images", 0),
           oc_cli_number(report, "texts", 0));
    for (const oc_cli_node *module = oc_cli_items(report, "modules"); module;
         module = module->next) {
        oc_cli_table_cell(&table, "%s", oc_cli_text(module, "name", "?"));
        oc_cli_table_cell(&table, "%.4g", oc_cli_number(module, "amax", 0));
        oc_cli_table_cell(&table, "%.4g", oc_cli_number(module, "weight_amax", 0));
    }
    OC_TRY(oc_cli_table_print(&table, 2, error));
    for (const oc_cli_node *notice = oc_cli_items(report, "notices"); notice;
         notice = notice->next) {
        printf("note: %s\n", notice->text);
    }
done:
    oc_cli_table_close(&table);
    oc_arena_free(&arena);
    return status;
}

octavo_status oc_cli_quantize(oc_cli_options *options, int *verdict, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const char *checkpoint = options->arguments.items[0];
    char *report = NULL;
    octavo_tool_quantize_options quantize = {
        .images = options->images,
        .texts = options->texts_file,
        .layout = options->layout,
        .method = options->method,
        .skip = options->skip,
        .limit = options->limit,
        .threads = options->threads,
        .progress = oc_cli_progress_step,
        .progress_user = options->progress,
        .device = options->device,
    };
    (void)verdict;
    if (!options->images && !options->texts_file) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "there is nothing to calibrate on: --images DIR, --texts FILE or both");
    }
    oc_cli_guard_output(options->output);
    OC_TRY(octavo_tool_quantize(checkpoint, options->output, &quantize, &report, error));
    oc_cli_progress_clear(options->progress);
    if (options->json) {
        printf("%s\n", report);
    } else if (!options->quiet) {
        OC_TRY(print_report(options, report, error));
    }
done:
    oc_cli_guard_nothing();
    octavo_free(report);
    return status;
}
