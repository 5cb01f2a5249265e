/* cmd_inspect.c - octavo inspect: what an engine file holds. */
#include <stdio.h>
#include <string.h>

#include "api/tool.h"
#include "cli/line/commands.h"
#include "cli/output/render.h"
#include "cli/output/tree.h"

/* "1 x 3 x 4" */
static void shape_text(const oc_cli_node *shape, char *text, size_t size) {
    text[0] = 0;
    for (const oc_cli_node *item = shape; item; item = item->next) {
        size_t length = strlen(text);
        snprintf(text + length, size - length, "%s%.0f", length ? " x " : "", item->number);
    }
}

static octavo_status print_sections(const oc_cli_node *report, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    char text[OC_CLI_NUMBER_TEXT];
    oc_cli_table table;
    oc_cli_table_open(&table, "<section|>offset|>size|<checksum");
    for (const oc_cli_node *item = oc_cli_items(report, "sections"); item; item = item->next) {
        const oc_cli_node *checksum = oc_cli_at(item, "checksum");
        oc_cli_table_cell(&table, "%s", oc_cli_text(item, "name", "?"));
        oc_cli_table_cell(&table, "%.0f", oc_cli_number(item, "offset", 0));
        oc_cli_table_cell(&table, "%s", oc_cli_bytes(oc_cli_number(item, "bytes", 0), text));
        oc_cli_table_cell(&table, "%s", checksum && checksum->text ? checksum->text : "");
    }
    OC_TRY(oc_cli_table_print(&table, 2, error));
done:
    oc_cli_table_close(&table);
    return status;
}

static octavo_status print_operands(const oc_cli_node *report, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    char text[OC_CLI_NUMBER_TEXT];
    oc_cli_table table;
    oc_cli_table_open(&table, "<type|>tensors|>size");
    for (const oc_cli_node *item = oc_cli_items(report, "operands"); item; item = item->next) {
        oc_cli_table_cell(&table, "%s", oc_cli_text(item, "dtype", "?"));
        oc_cli_table_cell(&table, "%.0f", oc_cli_number(item, "tensors", 0));
        oc_cli_table_cell(&table, "%s", oc_cli_bytes(oc_cli_number(item, "bytes", 0), text));
    }
    OC_TRY(oc_cli_table_print(&table, 2, error));
done:
    oc_cli_table_close(&table);
    return status;
}

static octavo_status print_tensors(const oc_cli_node *report, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    char text[OC_CLI_NUMBER_TEXT], shape[128];
    oc_cli_table table;
    oc_cli_table_open(&table, "<type|<shape|>size|<tensor");
    for (const oc_cli_node *item = oc_cli_items(report, "tensors"); item; item = item->next) {
        shape_text(oc_cli_items(item, "shape"), shape, sizeof shape);
        oc_cli_table_cell(&table, "%s", oc_cli_text(item, "dtype", "?"));
        oc_cli_table_cell(&table, "%s", shape);
        oc_cli_table_cell(&table, "%s", oc_cli_bytes(oc_cli_number(item, "bytes", 0), text));
        oc_cli_table_cell(&table, "%s", oc_cli_text(item, "name", "?"));
    }
    OC_TRY(oc_cli_table_print(&table, 2, error));
done:
    oc_cli_table_close(&table);
    return status;
}

static void print_towers(const oc_cli_node *report) {
    const oc_cli_node *image = oc_cli_at(report, "image"), *text = oc_cli_at(report, "text");
    if (image && image->count) {
        oc_cli_say(
            "image: %.0f pixels a side, patches of %.0f, %.0f tokens; %.0f layers, width %.0f, "
            "%.0f heads\n",
            oc_cli_number(image, "size", 0), oc_cli_number(image, "patch", 0),
            oc_cli_number(image, "tokens", 0), oc_cli_number(image, "layers", 0),
            oc_cli_number(image, "width", 0), oc_cli_number(image, "heads", 0));
    }
    if (text && text->count) {
        oc_cli_say("text: %.0f tokens of %.0f; %.0f layers, width %.0f, %.0f heads\n",
                   oc_cli_number(text, "tokens", 0), oc_cli_number(text, "vocabulary", 0),
                   oc_cli_number(text, "layers", 0), oc_cli_number(text, "width", 0),
                   oc_cli_number(text, "heads", 0));
    }
    oc_cli_say("embeddings: %.0f values\n", oc_cli_number(report, "embed_dim", 0));
}

/* What drift is held against. */
static void print_reference(const oc_cli_node *reference) {
    const char *problem = oc_cli_text(reference, "problem", NULL);
    char text[160] = "";
    for (const oc_cli_node *t = oc_cli_items(reference, "towers"); t; t = t->next) {
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%s%.0f %.40ss", used ? " and " : "",
                 oc_cli_number(t, "rows", 0), oc_cli_text(t, "tower", "?"));
    }
    if (problem) {
        oc_cli_say("reference statistics: %s\n", problem);
    } else if (text[0]) {
        oc_cli_say("reference statistics of %s, %.0f quantizers\n", text,
                   oc_cli_number(reference, "quantizers", 0));
    }
}

static octavo_status print_report(const oc_cli_node *report, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    char size[OC_CLI_NUMBER_TEXT];
    const oc_cli_node *canaries = oc_cli_at(report, "canaries");
    const oc_cli_node *calibration = oc_cli_at(report, "calibration");
    const char *card = oc_cli_text(report, "card", NULL),
               *graph = oc_cli_text(report, "graph", NULL);
    oc_cli_say("%s: %s, %s, %s\n", oc_cli_text(report, "file", "?"),
               oc_cli_text(report, "name", "?"), oc_cli_text(report, "precision", "?"),
               oc_cli_bytes(oc_cli_number(report, "bytes", 0), size));
    oc_cli_say("format %s, written by octavo %s from a checkpoint of %s\n",
               oc_cli_text(report, "format", "?"), oc_cli_text(report, "octavo", "?"),
               oc_cli_text(report, "producer", "unknown origin"));
    print_towers(report);
    oc_cli_say("canaries: %.0f of parts, %.0f of the whole model; calibration record: %s\n",
               oc_cli_number(canaries, "part", 0), oc_cli_number(canaries, "model", 0),
               calibration && calibration->count ? "yes" : "no");
    for (const oc_cli_node *run = oc_cli_items(report, "tuned"); run; run = run->next) {
        char count[OC_CLI_NUMBER_TEXT];
        oc_cli_say("tuned for %s: %s, %s, octavo %s, %s\n", oc_cli_text(run, "model", "?"),
                   oc_cli_counted(oc_cli_number(run, "choices", 0), "choice", count),
                   oc_cli_text(run, "date", "?"), oc_cli_text(run, "octavo", "?"),
                   oc_cli_text(run, "software", "?"));
    }
    print_reference(oc_cli_at(report, "reference"));
    putchar('\n');
    OC_TRY(print_operands(report, error));
    putchar('\n');
    OC_TRY(print_sections(report, error));
    if (oc_cli_at(report, "tensors")) {
        putchar('\n');
        OC_TRY(print_tensors(report, error));
    }
    if (graph) {
        printf("\n%s%s", graph, graph[0] && graph[strlen(graph) - 1] == '\n' ? "" : "\n");
    }
    if (oc_cli_true(report, "verified")) {
        oc_cli_say("\nverified: every checksum and every canary is right\n");
    } else if (card) {
        oc_cli_say("\na model card of %zu bytes is in it: --json shows it\n", strlen(card));
    }
done:
    return status;
}

octavo_status oc_cli_inspect(oc_cli_options *options, int *verdict, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const char *path = options->arguments.items[0];
    int32_t flags = (options->verify ? OCTAVO_INSPECT_VERIFY : 0) |
                    (options->graph ? OCTAVO_INSPECT_GRAPH : 0) |
                    (options->tensors ? OCTAVO_INSPECT_TENSORS : 0);
    char *text = NULL;
    oc_arena arena;
    const oc_cli_node *report;
    (void)verdict;
    oc_arena_init(&arena);
    OC_TRY(octavo_tool_inspect(path, flags, &text, error));
    if (options->json) {
        printf("%s\n", text);
        goto done;
    }
    OC_TRY(oc_cli_tree(text, &arena, &report, error));
    OC_TRY(print_report(report, error));
done:
    if (status) {
        oc_error_path(error, path);
    }
    oc_arena_free(&arena);
    octavo_free(text);
    return status;
}
