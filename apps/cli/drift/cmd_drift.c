/* cmd_drift.c - octavo drift: data, or a log, against what an engine was calibrated on. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/tool.h"
#include "base/sys/output.h"
#include "cli/commands/embed.h"
#include "cli/drift/data.h"
#include "cli/drift/plot.h"
#include "cli/line/commands.h"
#include "cli/output/errors.h"
#include "cli/output/progress.h"
#include "cli/output/render.h"
#include "cli/output/signals.h"

static octavo_status print_table(const oc_cli_node *report, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_cli_table table;
    oc_cli_table_open(&table, "<tower|<statistic|<state|>distance|>chance|>sure|>warning|>alarm|"
                              "<most at");
    for (const oc_cli_node *t = oc_cli_items(report, "towers"); t; t = t->next) {
        for (const oc_cli_node *s = oc_cli_items(t, "statistics"); s; s = s->next) {
            oc_cli_table_cell(&table, "%s", oc_cli_text(t, "tower", "?"));
            oc_cli_table_cell(&table, "%s", oc_cli_text(s, "name", "?"));
            oc_cli_table_cell(&table, "%s", oc_cli_text(s, "state", "?"));
            static const char *const numbers[] = {"distance", "chance", "sure", "warning", "alarm"};
            for (size_t i = 0; i < OC_COUNT(numbers); i++) {
                oc_cli_table_cell(&table, "%.3g", oc_cli_number(s, numbers[i], 0));
            }
            oc_cli_table_cell(&table, "%s", oc_cli_text(s, "quantizer", ""));
        }
    }
    OC_TRY(oc_cli_table_print(&table, 2, error));
done:
    oc_cli_table_close(&table);
    return status;
}

static octavo_status print_report(const oc_cli_node *report, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    char rows[OC_CLI_NUMBER_TEXT], window[OC_CLI_NUMBER_TEXT], then[OC_CLI_NUMBER_TEXT];
    oc_cli_say("%s: %s\n\n", oc_cli_text(report, "engine", "?"), oc_cli_text(report, "state", "?"));
    OC_TRY(print_table(report, error));
    printf("\n");
    for (const oc_cli_node *t = oc_cli_items(report, "towers"); t; t = t->next) {
        oc_cli_say("%s: %s rows looked at, the latest %s of them against %s of the calibration\n",
                   oc_cli_text(t, "tower", "?"),
                   oc_cli_grouped(oc_cli_number(t, "rows_watched", 0), rows),
                   oc_cli_grouped(oc_cli_number(t, "window_rows", 0), window),
                   oc_cli_grouped(oc_cli_number(t, "reference_rows", 0), then));
    }
done:
    return status;
}

static octavo_status save_plot(const oc_cli_options *options, const oc_cli_reports *reports,
                               oc_arena *arena, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_buffer picture;
    oc_buffer_init(&picture);
    OC_TRY(oc_cli_drift_plot(reports, arena, &picture, error));
    oc_cli_guard_output(options->plot);
    OC_TRY(oc_file_save(options->plot, picture.data, picture.size, error));
done:
    oc_cli_guard_nothing();
    oc_buffer_free(&picture);
    return status;
}

/* The data that the flags name, through the engine. */
static octavo_status compare(oc_cli_options *options, const octavo_tool_listener *listener,
                             oc_cli_reports *reports, oc_arena *arena, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    octavo_tool_watch_data data = oc_cli_watch_data(options);
    octavo_tool_watch_options watch = {.tolerance = options->tolerance,
                                       .window = options->window ? options->window : -1};
    char *report = NULL;
    OC_TRY(octavo_tool_drift(options->arguments.items[0], &data, &watch, listener, &report, error));
    char *kept = oc_arena_text(arena, report, strlen(report));
    if (!kept) {
        OC_NO_MEMORY(error, strlen(report));
    }
    OC_TRY(oc_cli_reports_add(reports, arena, kept, error));
done:
    octavo_free(report);
    return status;
}

octavo_status oc_cli_drift(oc_cli_options *options, int *verdict, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_cli_skipped skipped = {.count = 0};
    octavo_tool_listener listener = oc_cli_listener(options, &skipped);
    oc_cli_reports reports = {.count = 0};
    oc_arena arena;
    oc_arena_init(&arena);
    if (options->images || options->texts_file) {
        OC_TRY(compare(options, &listener, &reports, &arena, error));
    } else {
        OC_TRY(oc_cli_reports_read(&reports, &arena, options->arguments.items[0], error));
    }
    oc_cli_progress_clear(options->progress);
    if (reports.others) {
        oc_cli_notice(options, "%d line%s of the log %s no drift report and %s left out",
                      reports.others, OC_PLURAL(reports.others), reports.others > 1 ? "are" : "is",
                      reports.others > 1 ? "are" : "is");
    }
    const oc_cli_node *report = oc_cli_reports_last(&reports);
    if (options->plot) {
        OC_TRY(save_plot(options, &reports, &arena, error));
    }
    if (options->json) {
        printf("%s\n", reports.last);
    } else if (!options->quiet) {
        OC_TRY(print_report(report, error));
    }
    *verdict = strcmp(oc_cli_text(report, "state", ""), "alarm") == 0
                   ? 1
                   : oc_cli_skipped_verdict(&skipped);
done:
    oc_cli_skipped_free(&skipped);
    oc_arena_free(&arena);
    return status;
}
