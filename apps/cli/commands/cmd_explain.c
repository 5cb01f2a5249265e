/* cmd_explain.c - octavo explain: why each step runs as it does on this device. */
#include <stdio.h>
#include <string.h>

#include "api/tool.h"
#include "cli/commands/open_model.h"
#include "cli/line/commands.h"
#include "cli/output/render.h"
#include "cli/output/step_table.h"

static octavo_status print_savings(const oc_cli_node *report, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_cli_table table;
    oc_cli_table_open(&table, "<saving|<on|<what it does");
    for (const oc_cli_node *item = oc_cli_items(report, "savings"); item; item = item->next) {
        oc_cli_table_cell(&table, "%s", oc_cli_text(item, "name", "?"));
        oc_cli_table_cell(&table, "%s", oc_cli_true(item, "on") ? "yes" : "no");
        oc_cli_table_cell(&table, "%s", oc_cli_text(item, "text", ""));
    }
    OC_TRY(oc_cli_table_print(&table, 2, error));
    oc_cli_say(
        "\nSavings are exact in real numbers. Where one rounds otherwise, float32 moves in its "
        "last digits, and FP8 codes behind it may move by one.\n");
done:
    oc_cli_table_close(&table);
    return status;
}

/* Whether a step before this one, alike but for its layer, has the same choice. */
static bool is_told(const oc_cli_node *step, const char *pattern, oc_arena *arena) {
    const oc_cli_node *choice = oc_cli_at(step, "choice");
    const char *name = oc_cli_text(oc_cli_at(choice, "chosen"), "name", "?");
    for (const oc_cli_node *at = step->parent->first; at != step; at = at->next) {
        const oc_cli_node *other = oc_cli_at(at, "choice");
        const char *its = other ? oc_cli_pattern(oc_cli_text(at, "name", "?"), arena) : NULL;
        if (its && strcmp(its, pattern) == 0 &&
            strcmp(oc_cli_text(oc_cli_at(other, "chosen"), "name", "?"), name) == 0 &&
            oc_cli_number(other, "rows", 0) == oc_cli_number(choice, "rows", 0)) {
            return true;
        }
    }
    return false;
}

static void add_way(oc_cli_table *table, const char *step, const oc_cli_node *choice,
                    const oc_cli_node *way, const char *by) {
    oc_cli_table_cell(table, "%s", step);
    if (step[0]) {
        oc_cli_table_cell(table, "%.0f", oc_cli_number(choice, "rows", 0));
    } else {
        oc_cli_table_cell(table, "%s", "");
    }
    oc_cli_table_cell(table, "%s", oc_cli_text(way, "text", "?"));
    oc_cli_table_cell(table, "%.2f", oc_cli_number(way, "microseconds", 0));
    oc_cli_table_cell(table, "%s", by);
}

/* Of steps that could be done otherwise: how they are done, and the runner-up. */
static octavo_status print_choices(const oc_cli_node *program, oc_arena *arena,
                                   octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_cli_table table;
    bool any = false;
    oc_cli_table_open(&table, "<choice|>rows|<way, and runner-up|>us|<by");
    for (const oc_cli_node *step = oc_cli_items(program, "steps"); step; step = step->next) {
        const oc_cli_node *choice = oc_cli_at(step, "choice");
        const char *name = choice ? oc_cli_pattern(oc_cli_text(step, "name", "?"), arena) : NULL;
        if (!name || is_told(step, name, arena)) {
            continue;
        }
        bool tuned = strcmp(oc_cli_text(choice, "by", ""), "tuning") == 0;
        char by[64];
        snprintf(by, sizeof by, "%s%s",
                 tuned                          ? "measured "
                 : oc_cli_true(choice, "stale") ? "model; tune again"
                                                : "model",
                 tuned ? oc_cli_text(choice, "date", "") : "");
        add_way(&table, name, choice, oc_cli_at(choice, "chosen"), by);
        if (oc_cli_at(choice, "next")) {
            add_way(&table, "", choice, oc_cli_at(choice, "next"), "");
        }
        any = true;
    }
    if (any) {
        putchar('\n');
    }
    OC_TRY(oc_cli_table_print(&table, 2, error));
done:
    oc_cli_table_close(&table);
    return status;
}

static octavo_status print_program(const oc_cli_node *program, oc_arena *arena,
                                   octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    char text[2][OC_CLI_NUMBER_TEXT];
    oc_cli_step *steps;
    int32_t count;
    oc_cli_table table;
    oc_cli_table_open(&table, ">times|<step|<kernel|<what and why");
    OC_TRY(oc_cli_group(oc_cli_at(program, "steps"), "name", arena, &steps, &count, error));
    oc_cli_say("\n%s: activations %s, scratch %s\n\n", oc_cli_text(program, "name", "?"),
               oc_cli_bytes(oc_cli_number(program, "arena_bytes", 0), text[0]),
               oc_cli_bytes(oc_cli_number(program, "scratch_bytes", 0), text[1]));
    for (int32_t i = 0; i < count; i++) {
        oc_cli_table_cell(&table, "%d", steps[i].count);
        oc_cli_table_cell(&table, "%s", steps[i].name);
        oc_cli_table_cell(&table, "%s", steps[i].kernel);
        oc_cli_table_cell(&table, "%s%s%s", steps[i].what[0] ? steps[i].what : steps[i].kind,
                          steps[i].why[0] ? ": " : "", steps[i].why);
    }
    OC_TRY(oc_cli_table_print(&table, 2, error));
    OC_TRY(print_choices(program, arena, error));
done:
    oc_cli_table_close(&table);
    return status;
}

octavo_status oc_cli_explain(oc_cli_options *options, int *verdict, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_cli_model model = {.engine = NULL};
    const oc_cli_node *report;
    char *text = NULL, size[OC_CLI_NUMBER_TEXT];
    oc_arena arena;
    (void)verdict;
    oc_arena_init(&arena);
    OC_TRY(oc_cli_model_open(options, &model, error));
    OC_TRY(oc_cli_model_ready(options, oc_cli_tower(options), options->batch, 0, &model, error));
    OC_TRY(octavo_tool_explain(model.session, &text, error));
    if (options->json) {
        printf("%s\n", text);
        goto done;
    }
    OC_TRY(oc_cli_tree(text, &arena, &report, error));
    double share = oc_cli_number(report, "canary_share", -1);
    char canaries[64] = "";
    if (share >= 0) {
        snprintf(canaries, sizeof canaries, "; canaries used %.0f %% of their tolerance",
                 100 * share);
    }
    oc_cli_say("%s on %s (%s), %s held%s\n\n", model.path, oc_cli_text(report, "device", "?"),
               oc_cli_text(report, "about", ""),
               oc_cli_bytes(oc_cli_number(report, "bytes", 0), size), canaries);
    OC_TRY(print_savings(report, error));
    for (const oc_cli_node *item = oc_cli_items(report, "programs"); item; item = item->next) {
        /* the program that takes pixel_values differs from the one that takes pixels in one step */
        if (strcmp(oc_cli_text(item, "name", ""), "image (values)") != 0) {
            OC_TRY(print_program(item, &arena, error));
        }
    }
done:
    oc_arena_free(&arena);
    octavo_free(text);
    oc_cli_model_close(&model);
    return status;
}
