/* cmd_kernels.c - octavo kernels: packing, listing and clearing compiled GPU kernels. */
#include <stdio.h>
#include <string.h>

#include "api/tool.h"
#include "cli/bench/preset_engine.h"
#include "cli/line/commands.h"
#include "cli/output/progress.h"
#include "cli/output/render.h"
#include "cli/output/signals.h"
#include "cli/output/tree.h"

typedef octavo_status (*printer)(const oc_cli_options *options, const oc_cli_node *report,
                                 octavo_error *error);

/* The report as it is, or as `print` renders it. */
static octavo_status tell(const oc_cli_options *options, const char *text, printer print,
                          octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_cli_node *report;
    oc_arena arena;
    oc_arena_init(&arena);
    if (options->json) {
        printf("%s\n", text);
        goto done;
    }
    OC_TRY(oc_cli_tree(text, &arena, &report, error));
    OC_TRY(print(options, report, error));
done:
    oc_arena_free(&arena);
    return status;
}

/* -- pack ---------------------------------------------------------------------------------- */

static octavo_status print_pack(const oc_cli_options *options, const oc_cli_node *report,
                                octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    char text[OC_CLI_NUMBER_TEXT];
    oc_cli_table table;
    oc_cli_table_open(&table, "<architecture|>kernels|>size|<cards");
    for (const oc_cli_node *item = oc_cli_items(report, "architectures"); item; item = item->next) {
        oc_buffer cards;
        oc_buffer_init(&cards);
        for (const oc_cli_node *card = oc_cli_items(item, "cards"); card; card = card->next) {
            oc_buffer_printf(&cards, "%s%s", cards.size ? ", " : "", card->text ? card->text : "?");
        }
        oc_cli_table_cell(&table, "%s", oc_cli_text(item, "name", "?"));
        oc_cli_table_cell(&table, "%.0f", oc_cli_number(item, "kernels", 0));
        oc_cli_table_cell(&table, "%s", oc_cli_bytes(oc_cli_number(item, "bytes", 0), text));
        oc_cli_table_cell(&table, "%s", cards.data ? cards.data : "");
        oc_buffer_free(&cards);
    }
    if (!options->quiet) {
        const oc_cli_node *batches = oc_cli_at(report, "batches");
        oc_cli_say("%s: %s, for sessions of up to %.0f rows, packed in %.1f s by %s\n\n",
                   options->output, oc_cli_bytes(oc_cli_number(report, "bytes", 0), text),
                   batches && batches->last ? batches->last->number : 0,
                   oc_cli_number(report, "seconds", 0), oc_cli_text(report, "compiler", "?"));
        OC_TRY(oc_cli_table_print(&table, 2, error));
    }
done:
    oc_cli_table_close(&table);
    return status;
}

static octavo_status pack(oc_cli_options *options, const char *engine, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_cli_preset preset = {.engine = NULL};
    octavo_tool_pack_options with = {.architectures = options->architectures,
                                     .batches = options->batches,
                                     .disable = options->disable,
                                     .threads = options->threads,
                                     .progress = oc_cli_progress_step,
                                     .progress_user = options->progress};
    char *report = NULL;
    if (!options->output || !options->architectures) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET, "%s is missing",
                options->output ? "--arch ARCH" : "--output FILE");
    }
    if ((engine != NULL) == (options->preset != NULL)) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "either an engine file or --preset is packed for: %s are given",
                engine ? "both" : "none of them");
    }
    if (options->preset) {
        OC_TRY(oc_cli_preset_make(options, &preset, error));
    }
    OC_TRY(octavo_tool_kernels_pack(engine ? engine : preset.engine, options->output, &with,
                                    &report, error));
    oc_cli_progress_clear(options->progress);
    OC_TRY(tell(options, report, print_pack, error));
done:
    octavo_free(report);
    oc_cli_preset_remove(&preset);
    return status;
}

/* -- list ---------------------------------------------------------------------------------- */

/* A row for the kernels of one name and architecture, which the first of them begins. */
static void add_row(oc_cli_table *table, const oc_cli_node *first) {
    char text[OC_CLI_NUMBER_TEXT];
    const char *kernel = oc_cli_text(first, "kernel", "?");
    const char *architecture = oc_cli_text(first, "architecture", "?");
    const char *made = "";
    int32_t count = 0, others = 0;
    double bytes = 0;
    for (const oc_cli_node *item = first->parent->first; item; item = item->next) {
        if (strcmp(oc_cli_text(item, "kernel", "?"), kernel) == 0 &&
            strcmp(oc_cli_text(item, "architecture", "?"), architecture) == 0) {
            const char *when = oc_cli_text(item, "made", "");
            if (count == 0 && item != first) {
                return; /* it has its row */
            }
            made = strcmp(when, made) > 0 ? when : made;
            bytes += oc_cli_number(item, "bytes", 0);
            others += !oc_cli_true(item, "current");
            count++;
        }
    }
    oc_cli_table_cell(table, "%d", count);
    oc_cli_table_cell(table, "%s", kernel);
    oc_cli_table_cell(table, "%s", architecture);
    oc_cli_table_cell(table, "%s", oc_cli_bytes(bytes, text));
    oc_cli_table_cell(table, "%.10s %.5s", made, strlen(made) > 11 ? made + 11 : "");
    if (others > 0) {
        oc_cli_table_cell(table, "%d of another version of octavo", others);
    } else {
        oc_cli_table_cell(table, "%s", "");
    }
}

static octavo_status print_place(const oc_cli_node *place, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    char text[OC_CLI_NUMBER_TEXT], count[OC_CLI_NUMBER_TEXT];
    const oc_cli_node *kernels = oc_cli_at(place, "kernels");
    double damaged = oc_cli_number(place, "damaged", 0);
    oc_cli_table table;
    oc_cli_table_open(&table, ">times|<kernel|<architecture|>size|<made, or last (UTC)|<");
    for (const oc_cli_node *item = oc_cli_items(place, "kernels"); item; item = item->next) {
        add_row(&table, item);
    }
    oc_cli_say("%s: %s, %s\n", oc_cli_text(place, "path", "?"),
               oc_cli_counted(kernels ? kernels->count : 0, "kernel", count),
               oc_cli_bytes(oc_cli_number(place, "bytes", 0), text));
    if (damaged > 0) {
        oc_cli_say("damaged, to be made anew: %s\n", oc_cli_counted(damaged, "file", text));
    }
    if (kernels && kernels->count > 0) {
        putchar('\n');
        OC_TRY(oc_cli_table_print(&table, 2, error));
    }
done:
    oc_cli_table_close(&table);
    return status;
}

static octavo_status print_list(const oc_cli_options *options, const oc_cli_node *report,
                                octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    (void)options;
    for (const oc_cli_node *place = oc_cli_items(report, "places"); place; place = place->next) {
        OC_TRY(print_place(place, error));
        if (place->next) {
            putchar('\n');
        }
    }
done:
    return status;
}

static octavo_status list(const oc_cli_options *options, const char *path, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    char *report = NULL;
    OC_TRY(octavo_tool_kernels_list(path, &report, error));
    OC_TRY(tell(options, report, print_list, error));
done:
    octavo_free(report);
    return status;
}

/* -- clear --------------------------------------------------------------------------------- */

static octavo_status print_clear(const oc_cli_options *options, const oc_cli_node *report,
                                 octavo_error *error) {
    char count[OC_CLI_NUMBER_TEXT], size[OC_CLI_NUMBER_TEXT], rest[OC_CLI_NUMBER_TEXT];
    double left = oc_cli_number(report, "left", 0);
    (void)error;
    if (!options->quiet) {
        oc_cli_say("%s: %s removed, %s freed%s%s\n",
                   oc_cli_text(report, "folder", "the cache, which is nowhere"),
                   oc_cli_counted(oc_cli_number(report, "removed", 0), "kernel", count),
                   oc_cli_bytes(oc_cli_number(report, "bytes", 0), size),
                   left > 0 ? "; not octavo's, left: " : "",
                   left > 0 ? oc_cli_counted(left, "file", rest) : "");
    }
    return OCTAVO_OK;
}

static octavo_status clear(const oc_cli_options *options, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    char *report = NULL;
    OC_TRY(octavo_tool_kernels_clear(&report, error));
    OC_TRY(tell(options, report, print_clear, error));
done:
    octavo_free(report);
    return status;
}

octavo_status oc_cli_kernels(oc_cli_options *options, int *verdict, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const char *what = options->arguments.items[0];
    const char *file = options->arguments.count > 1 ? options->arguments.items[1] : NULL;
    (void)verdict;
    if (strcmp(what, "pack") == 0) {
        OC_TRY(pack(options, file, error));
    } else if (strcmp(what, "list") == 0) {
        OC_TRY(list(options, file, error));
    } else if (strcmp(what, "clear") == 0 && file == NULL) {
        OC_TRY(clear(options, error));
    } else {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "octavo kernels takes pack, list or clear%s, not \"%s\"",
                file ? ", and clear no file" : "", what);
    }
done:
    return status;
}
