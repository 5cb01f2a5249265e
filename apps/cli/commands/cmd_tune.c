/* cmd_tune.c - octavo tune: which GPU kernels are the fastest, measured and kept. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/tool.h"
#include "cli/line/commands.h"
#include "cli/output/progress.h"
#include "cli/output/render.h"
#include "cli/output/signals.h"
#include "cli/output/step_table.h"

static double gain(double from, double to) {
    return from > 0 ? 100 * (from - to) / from : 0;
}

static void add_way(oc_cli_table *table, const char *step, double rows, const oc_cli_node *way,
                    const char *what) {
    oc_cli_table_cell(table, "%s", step);
    if (step[0]) {
        oc_cli_table_cell(table, "%.0f", rows);
    } else {
        oc_cli_table_cell(table, "%s", "");
    }
    oc_cli_table_cell(table, "%s", oc_cli_text(way, "text", "?"));
    oc_cli_table_cell(table, "%.2f", oc_cli_number(way, "measured_us", 0));
    oc_cli_table_cell(table, "%s", what);
}

/* Of each choice the way that was expected to be the fastest and, where it is another, the one that
 * is. */
static octavo_status print_choices(const oc_cli_node *report, oc_arena *arena,
                                   octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_cli_table table;
    oc_cli_table_open(&table, "<step|>rows|<expected, and fastest|>us|>gain");
    for (const oc_cli_node *item = oc_cli_items(report, "choices"); item; item = item->next) {
        const oc_cli_node *expected = oc_cli_at(item, "expected"), *best = oc_cli_at(item, "best");
        const char *step = oc_cli_pattern(oc_cli_text(item, "step", "?"), arena);
        char text[OC_CLI_NUMBER_TEXT];
        add_way(&table, step ? step : "?", oc_cli_number(item, "rows", 0), expected, "");
        if (strcmp(oc_cli_text(expected, "name", "?"), oc_cli_text(best, "name", "?")) != 0) {
            snprintf(text, sizeof text, "%.1f %%",
                     gain(oc_cli_number(expected, "measured_us", 0),
                          oc_cli_number(best, "measured_us", 0)));
            add_way(&table, "", 0, best, text);
        }
    }
    OC_TRY(oc_cli_table_print(&table, 2, error));
done:
    oc_cli_table_close(&table);
    return status;
}

static octavo_status print_report(const char *text, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_cli_node *report;
    char count[OC_CLI_NUMBER_TEXT];
    oc_arena arena;
    oc_arena_init(&arena);
    OC_TRY(oc_cli_tree(text, &arena, &report, error));
    const oc_cli_node *choices = oc_cli_at(report, "choices");
    const char *device = oc_cli_text(report, "device", "?");
    if (!oc_cli_text(report, "file", NULL)) {
        oc_cli_say("%s does each step of %s in one way: there is nothing to tune, and nothing is "
                   "written\n",
                   device, oc_cli_text(report, "engine", "?"));
        goto done;
    }
    double from = oc_cli_number(report, "expected_us", 0), to = oc_cli_number(report, "best_us", 0);
    oc_cli_say("%s, %s\n\n", device, oc_cli_text(report, "software", "?"));
    OC_TRY(print_choices(report, &arena, error));
    oc_cli_say("\n%s: %s measured in %.0f s; all steps of all plans together: %.3f ms, %.3f ms "
               "tuned, %.1f %% less\n",
               oc_cli_text(report, "file", "?"),
               oc_cli_counted(choices ? choices->count : 0, "choice", count),
               oc_cli_number(report, "seconds", 0), 1e-3 * from, 1e-3 * to, gain(from, to));
done:
    oc_arena_free(&arena);
    return status;
}

octavo_status oc_cli_tune(oc_cli_options *options, int *verdict, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const char *engine = options->arguments.items[0];
    /* a link is followed: what it leads to is replaced */
    char *real = options->output ? NULL : realpath(engine, NULL), *report = NULL;
    const char *out = options->output ? options->output : real ? real : engine;
    octavo_tool_tune_options tune = {.device = options->device,
                                     .batches = options->batches,
                                     .disable = options->disable,
                                     .seconds = options->seconds,
                                     .threads = options->threads,
                                     .progress = oc_cli_progress_step,
                                     .progress_user = options->progress};
    (void)verdict;
    oc_cli_guard_output(out);
    OC_TRY(octavo_tool_tune(engine, out, &tune, &report, error));
    oc_cli_guard_nothing();
    oc_cli_progress_clear(options->progress);
    if (options->json) {
        printf("%s\n", report);
    } else if (!options->quiet) {
        OC_TRY(print_report(report, error));
    }
done:
    oc_cli_guard_nothing();
    octavo_free(report);
    free(real);
    return status;
}
