/* cmd_quantize.c - octavo quantize: an FP8 checkpoint from photographs and texts. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/tool.h"
#include "cli/line/commands.h"
#include "cli/output/errors.h"
#include "cli/output/progress.h"
#include "cli/output/render.h"
#include "cli/output/signals.h"
#include "cli/output/step_table.h"

/* Modules that differ by their layer only. */
typedef struct module_group {
    const char *name; /* "vision_model.encoder.layers.*.mlp.fc1" */
    int32_t count;
    double range[2], saturated, error; /* least and largest; largest */
} module_group;

static void join(module_group *group, const oc_cli_node *module) {
    double range = oc_cli_number(module, "range", 0);
    group->range[0] = group->count ? fmin(group->range[0], range) : range;
    group->range[1] = fmax(group->range[1], range);
    group->saturated = fmax(group->saturated, oc_cli_number(module, "saturated", 0));
    group->error = fmax(group->error, oc_cli_number(module, "error", 0));
    group->count++;
}

static octavo_status group_modules(const oc_cli_node *list, oc_arena *arena, module_group **out,
                                   int32_t *count, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    size_t bytes = ((size_t)list->count + 1) * sizeof **out;
    *count = 0;
    *out = oc_arena_alloc(arena, bytes);
    if (!*out) {
        OC_NO_MEMORY(error, bytes);
    }
    for (const oc_cli_node *module = list->first; module; module = module->next) {
        const char *name = oc_cli_pattern(oc_cli_text(module, "name", "?"), arena);
        int32_t i = 0;
        if (!name) {
            OC_NO_MEMORY(error, bytes);
        }
        while (i < *count && strcmp((*out)[i].name, name) != 0) {
            i++;
        }
        if (i == *count) {
            (*out)[(*count)++] = (module_group){.name = name};
        }
        join(&(*out)[i], module);
    }
done:
    return status;
}

static octavo_status print_modules(const oc_cli_node *list, oc_arena *arena, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    module_group *groups;
    int32_t count;
    oc_cli_table table;
    oc_cli_table_open(&table, ">times|<module|>range|>saturated|>error");
    OC_TRY(group_modules(list, arena, &groups, &count, error));
    for (int32_t i = 0; i < count; i++) {
        const module_group *group = &groups[i];
        oc_cli_table_cell(&table, "%d", group->count);
        oc_cli_table_cell(&table, "%s", group->name);
        if (group->range[0] < group->range[1]) {
            oc_cli_table_cell(&table, "%.3g to %.3g", group->range[0], group->range[1]);
        } else {
            oc_cli_table_cell(&table, "%.3g", group->range[1]);
        }
        oc_cli_table_cell(&table, "%.3g %%", 100 * group->saturated);
        oc_cli_table_cell(&table, "%.1f %%", 100 * group->error);
    }
    OC_TRY(oc_cli_table_print(&table, 2, error));
done:
    oc_cli_table_close(&table);
    return status;
}

/* The module that FP8 hurts most, which is the first one to leave in 16 bit. */
static const oc_cli_node *worst_of(const oc_cli_node *list) {
    const oc_cli_node *worst = list->first;
    for (const oc_cli_node *module = list->first; module; module = module->next) {
        if (oc_cli_number(module, "error", 0) > oc_cli_number(worst, "error", 0)) {
            worst = module;
        }
    }
    return worst;
}

static octavo_status print_report(const oc_cli_options *options, const char *text,
                                  octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_cli_node *report;
    char linear[OC_CLI_NUMBER_TEXT], images[OC_CLI_NUMBER_TEXT], texts[OC_CLI_NUMBER_TEXT];
    oc_arena arena;
    oc_arena_init(&arena);
    OC_TRY(oc_cli_tree(text, &arena, &report, error));
    const oc_cli_node *modules = oc_cli_at(report, "modules");
    oc_cli_say("%s: %s in FP8, calibrated on %s and %s, ranges by %s\n\n", options->output,
               oc_cli_counted(modules->count, "module", linear),
               oc_cli_counted(oc_cli_number(report, "images", 0), "image", images),
               oc_cli_counted(oc_cli_number(report, "texts", 0), "text", texts),
               oc_cli_text(report, "method", "?"));
    OC_TRY(print_modules(modules, &arena, error));
    const oc_cli_node *worst = worst_of(modules);
    oc_cli_say(
        "\nInputs over the range saturate. The error is what to expect of a module's product, "
        "relative rms; largest: %.1f %%, %s\n",
        100 * oc_cli_number(worst, "error", 0), oc_cli_text(worst, "name", "?"));
    const oc_cli_node *reference = oc_cli_at(report, "reference");
    if (oc_cli_number(reference, "images", 0) + oc_cli_number(reference, "texts", 0) > 0) {
        oc_cli_say(
            "With reference statistics, for octavo drift, of what it is like in FP8: %s, %s\n",
            oc_cli_counted(oc_cli_number(reference, "images", 0), "image", images),
            oc_cli_counted(oc_cli_number(reference, "texts", 0), "text", texts));
    }
    for (const oc_cli_node *note = oc_cli_items(report, "notices"); note; note = note->next) {
        oc_cli_say("note: %s\n", note->text);
    }
    const char *out = options->output;
    int length = (int)strlen(out);
    while (length > 1 && out[length - 1] == '/') {
        length--;
    }
    oc_cli_say("next: octavo build %s -o %.*s.octavo; octavo eval with --against an engine of %s "
               "says what FP8 costs; --skip leaves modules in 16 bit\n",
               out, length, out, options->arguments.items[0]);
done:
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
