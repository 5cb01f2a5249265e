/* cmd_build.c - octavo build: checkpoint to engine file. */
#include <stdio.h>
#include <string.h>

#include "base/sys/output.h"
#include "cli/line/commands.h"
#include "cli/output/errors.h"
#include "cli/output/progress.h"
#include "cli/output/render.h"
#include "cli/output/signals.h"
#include "cli/output/step_table.h"

static octavo_status precision_of(const oc_cli_options *options, octavo_precision *out,
                                  octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const char *name = options->precision ? options->precision : "as-checkpoint";
    if (strcmp(name, "as-checkpoint") == 0) {
        *out = OCTAVO_AS_CHECKPOINT;
    } else if (strcmp(name, "f16") == 0) {
        *out = OCTAVO_PRECISION_F16;
    } else if (strcmp(name, "bf16") == 0) {
        *out = OCTAVO_PRECISION_BF16;
    } else if (strcmp(name, "fp8") == 0 || strcmp(name, "auto") == 0) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                "--precision %s is not made by build, which has no calibration data: "
                "`octavo quantize` makes an FP8 checkpoint, which build then takes as it is",
                name);
    } else {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "--precision takes one of as-checkpoint, bf16 and f16, not \"%s\"", name);
    }
done:
    return status;
}

static octavo_status print_towers(const oc_cli_node *report, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_cli_table table, operands;
    char text[OC_CLI_NUMBER_TEXT];
    oc_cli_table_open(&table, "<tower|>layers|>width|>heads|>parameters|>weights");
    oc_cli_table_open(&operands, "<tower|<weights|<activations|>modules|>parameters");
    for (const oc_cli_node *tower = oc_cli_items(report, "towers"); tower; tower = tower->next) {
        const char *name = oc_cli_text(tower, "name", "?");
        oc_cli_table_cell(&table, "%s", name);
        oc_cli_table_cell(&table, "%.0f", oc_cli_number(tower, "layers", 0));
        oc_cli_table_cell(&table, "%.0f", oc_cli_number(tower, "width", 0));
        oc_cli_table_cell(&table, "%.0f", oc_cli_number(tower, "heads", 0));
        oc_cli_table_cell(&table, "%s",
                          oc_cli_grouped(oc_cli_number(tower, "parameters", 0), text));
        oc_cli_table_cell(&table, "%s",
                          oc_cli_bytes(oc_cli_number(tower, "weight_bytes", 0), text));
        for (const oc_cli_node *use = oc_cli_items(tower, "operands"); use; use = use->next) {
            oc_cli_table_cell(&operands, "%s", name);
            oc_cli_table_cell(&operands, "%s", oc_cli_text(use, "weight", "?"));
            oc_cli_table_cell(&operands, "%s", oc_cli_text(use, "acts", "?"));
            oc_cli_table_cell(&operands, "%.0f", oc_cli_number(use, "modules", 0));
            oc_cli_table_cell(&operands, "%s",
                              oc_cli_grouped(oc_cli_number(use, "parameters", 0), text));
        }
    }
    OC_TRY(oc_cli_table_print(&table, 2, error));
    putchar('\n');
    OC_TRY(oc_cli_table_print(&operands, 2, error));
done:
    oc_cli_table_close(&operands);
    oc_cli_table_close(&table);
    return status;
}

/* [{"module","why"}...] under a title. */
static octavo_status print_reasons(const oc_cli_node *report, const char *key, const char *title,
                                   oc_arena *arena, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_cli_node *list = oc_cli_at(report, key);
    oc_cli_step *modules;
    int32_t count;
    oc_cli_table table;
    oc_cli_table_open(&table, ">times|<module|<why");
    if (!list || !list->first) {
        goto done;
    }
    printf("\n%s:\n", title);
    OC_TRY(oc_cli_group(list, "module", arena, &modules, &count, error));
    for (int32_t i = 0; i < count; i++) {
        oc_cli_table_cell(&table, "%d", modules[i].count);
        oc_cli_table_cell(&table, "%s", modules[i].name);
        oc_cli_table_cell(&table, "%s", modules[i].why);
    }
    OC_TRY(oc_cli_table_print(&table, 2, error));
done:
    oc_cli_table_close(&table);
    return status;
}

static void print_sizes(const oc_cli_node *report) {
    char text[2][OC_CLI_NUMBER_TEXT];
    double from = oc_cli_number(report, "checkpoint_bytes", 0);
    double to = oc_cli_number(report, "engine_bytes", 0);
    char more[32] = "";
    if (from > 0) {
        snprintf(more, sizeof more, " (%+.1f %%)", 100 * (to / from - 1));
    }
    oc_cli_say("\nsize: %s, the checkpoint's tensors %s%s\n", oc_cli_bytes(to, text[0]),
               oc_cli_bytes(from, text[1]), more);
    const oc_cli_node *canaries = oc_cli_at(report, "canaries");
    if (canaries) {
        oc_cli_say("canaries: %.0f of parts, %.0f of the whole model\n",
                   oc_cli_number(canaries, "part", 0), oc_cli_number(canaries, "model", 0));
    }
}

/* Sections and notices, wrapped. */
static octavo_status print_lines(const oc_cli_node *report, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    char size[OC_CLI_NUMBER_TEXT];
    oc_buffer text, line;
    oc_buffer_init(&text);
    oc_buffer_init(&line);
    const char *between = "sections: ";
    for (const oc_cli_node *item = oc_cli_items(report, "sections"); item; item = item->next) {
        oc_buffer_printf(&line, "%s%s %s", between, oc_cli_text(item, "name", "?"),
                         oc_cli_bytes(oc_cli_number(item, "bytes", 0), size));
        between = ", ";
    }
    oc_cli_wrap(&text, line.data ? line.data : "", 0);
    for (const oc_cli_node *note = oc_cli_items(report, "notices"); note; note = note->next) {
        line.size = 0;
        oc_buffer_printf(&line, "note: %s", note->text ? note->text : "");
        oc_cli_wrap(&text, line.data ? line.data : "", 0);
    }
    OC_TRY(oc_buffer_status(&line, error));
    OC_TRY(oc_buffer_status(&text, error));
    fputs(text.data ? text.data : "", stdout);
done:
    oc_buffer_free(&line);
    oc_buffer_free(&text);
    return status;
}

static octavo_status print_report(const oc_cli_options *options, const char *text,
                                  octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_cli_node *report;
    oc_arena arena;
    oc_arena_init(&arena);
    OC_TRY(oc_cli_tree(text, &arena, &report, error));
    oc_cli_say("%s: %s, %s, built in %.2f s\n\n", options->output, oc_cli_text(report, "name", "?"),
               oc_cli_text(report, "precision", "?"), oc_cli_number(report, "seconds", 0));
    OC_TRY(print_towers(report, error));
    OC_TRY(print_reasons(report, "widened", "widened to 16 bit", &arena, error));
    OC_TRY(print_reasons(report, "fell_back", "fell back", &arena, error));
    double unmerged = oc_cli_number(report, "unmerged", 0);
    if (unmerged > 0) {
        oc_cli_say("\nin %.0f layers Q, K and V stay apart: their input scales differ\n", unmerged);
    }
    print_sizes(report);
    OC_TRY(print_lines(report, error));
done:
    oc_arena_free(&arena);
    return status;
}

octavo_status oc_cli_build(oc_cli_options *options, int *verdict, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const char *checkpoint = options->arguments.items[0];
    char *report = NULL;
    octavo_build_options build = {
        .struct_size = sizeof build,
        .strict = options->strict,
        .threads = options->threads,
        .verify = options->verify,
        .keep = options->keep,
        .progress = oc_cli_progress_step,
        .progress_user = options->progress,
    };
    (void)verdict;
    OC_TRY(precision_of(options, &build.precision, error));
    oc_cli_guard_output(options->output);
    oc_cli_guard_output(options->report);
    OC_TRY(octavo_build(checkpoint, options->output, &build, &report, error));
    oc_cli_guard_nothing();
    oc_cli_progress_clear(options->progress);
    if (options->report) {
        OC_TRY(oc_file_save(options->report, report, strlen(report), error));
    }
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
