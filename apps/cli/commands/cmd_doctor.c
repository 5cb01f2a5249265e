/* cmd_doctor.c - octavo doctor: what this machine offers and what will be used. */
#include <stdio.h>

#include "api/tool.h"
#include "base/sys/env.h"
#include "cli/line/commands.h"
#include "cli/output/render.h"
#include "cli/output/tree.h"

enum { WRONG_CONFIGURATION = 78 };

static const char *item_text(const oc_cli_node *item) {
    return item->text ? item->text : oc_cli_text(item, "name", "?");
}

static void print_words(const char *title, const oc_cli_node *item, const char *none) {
    oc_buffer words;
    oc_buffer_init(&words);
    for (const oc_cli_node *word = item; word; word = word->next) {
        oc_buffer_printf(&words, " %s", item_text(word));
    }
    oc_cli_say("%s:%s\n", title, words.data ? words.data : none);
    oc_buffer_free(&words);
}

static octavo_status print_report(const oc_cli_node *report, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_cli_node *cpu = oc_cli_at(report, "cpu");
    oc_cli_table table, libraries;
    oc_cli_table_open(&table, "<tier|<here");
    oc_cli_table_open(&libraries, "<library|<version");
    oc_cli_say("octavo %s\ncpu: %s, %.0f cores, %.0f usable\n", oc_cli_text(report, "version", "?"),
               oc_cli_text(cpu, "model", "?"), oc_cli_number(cpu, "cores", 0),
               oc_cli_number(cpu, "usable_cores", 0));
    print_words("features", oc_cli_items(cpu, "features"), " none that octavo uses");
    for (const oc_cli_node *tier = oc_cli_items(cpu, "tiers"); tier; tier = tier->next) {
        oc_cli_table_cell(&table, "%s", oc_cli_text(tier, "name", "?"));
        if (oc_cli_true(tier, "available")) {
            oc_cli_table_cell(&table, "yes%s",
                              oc_cli_true(tier, "default") ? ", will be used" : "");
        } else {
            oc_cli_table_cell(&table, "no, it needs %s", oc_cli_text(tier, "lacks", "?"));
        }
    }
    OC_TRY(oc_cli_table_print(&table, 2, error));
    oc_cli_say("will use: %s\n", oc_cli_text(report, "will_use", "nothing, see below"));
    for (const oc_cli_node *peak = oc_cli_items(cpu, "peaks"); peak; peak = peak->next) {
        oc_cli_say("  at most %.4g GFLOP/s of %s multiply-adds\n", oc_cli_number(peak, "gflops", 0),
                   oc_cli_text(peak, "name", "?"));
    }
    for (const oc_cli_node *gpu = oc_cli_items(report, "gpus"); gpu; gpu = gpu->next) {
        const char *device = oc_cli_text(gpu, "device", "?");
        oc_cli_say("%s: %s\n", device, oc_cli_text(gpu, "about", "?"));
        for (const oc_cli_node *tier = oc_cli_items(gpu, "tiers"); tier; tier = tier->next) {
            const char *name = oc_cli_text(tier, "name", "?");
            oc_cli_say("  kernels %s%s: --device %s:%s\n", name,
                       oc_cli_true(tier, "default") ? ", will be used" : "", device, name);
        }
    }
    if (oc_cli_items(report, "gpus")) {
        oc_cli_say("GPU kernels are compiled by %s\n",
                   oc_cli_text(oc_cli_at(report, "kernel_compiler"), "about", "?"));
    } else {
        oc_cli_say("gpus: none\n");
    }
    putchar('\n');
    for (const oc_cli_node *item = oc_cli_items(report, "libraries"); item; item = item->next) {
        oc_cli_table_cell(&libraries, "%s", item->key ? item->key : "?");
        oc_cli_table_cell(&libraries, "%s", item_text(item));
    }
    OC_TRY(oc_cli_table_print(&libraries, 2, error));
    putchar('\n');
    for (oc_env i = 0; i < OC_ENV_COUNT; i++) {
        if (oc_env_get(i)) {
            oc_cli_say("%s=%s (%s)\n", oc_env_name(i), oc_env_get(i), oc_env_about(i));
        }
    }
    for (const oc_cli_node *note = oc_cli_items(report, "notes"); note; note = note->next) {
        oc_cli_say("note: %s\n", item_text(note));
    }
    for (const oc_cli_node *item = oc_cli_items(report, "problems"); item; item = item->next) {
        oc_cli_say("problem: %s\n", item_text(item));
    }
done:
    oc_cli_table_close(&libraries);
    oc_cli_table_close(&table);
    return status;
}

octavo_status oc_cli_doctor(oc_cli_options *options, int *verdict, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_cli_node *report;
    char *text = NULL;
    oc_arena arena;
    oc_arena_init(&arena);
    OC_TRY(octavo_tool_doctor(options->tier, options->threads, &text, error));
    OC_TRY(oc_cli_tree(text, &arena, &report, error));
    *verdict = oc_cli_items(report, "problems") ? WRONG_CONFIGURATION : 0;
    if (options->json) {
        printf("%s\n", text);
        goto done;
    }
    OC_TRY(print_report(report, error));
done:
    oc_arena_free(&arena);
    octavo_free(text);
    return status;
}
