/* help.c - `octavo help`, `octavo COMMAND --help` and `octavo version`. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/sys/env.h"
#include "cli/line/docgen.h"
#include "cli/line/suggest.h"
#include "cli/output/errors.h"
#include "cli/output/render.h"
#include "cli/output/terminal.h"

enum { FLAG_INDENT = 4, TEXT_INDENT = 8 };

static void add_pair(oc_cli_table *table, const char *name, const char *text) {
    oc_cli_table_cell(table, "%s", name);
    oc_cli_table_cell(table, "%s", text);
}

static octavo_status help_program(oc_buffer *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int room = oc_cli_terminal_width(STDOUT_FILENO);
    oc_cli_table table;
    oc_cli_wrap(out,
                "octavo - turn CLIP checkpoints into inference engines, and run them\n\n"
                "usage: octavo COMMAND ...\n\n",
                0);
    oc_cli_table_open(&table, "<|<");
    for (const oc_cli_command *command = oc_cli_commands; command->name; command++) {
        add_pair(&table, command->name, command->summary);
    }
    OC_TRY(oc_cli_table_write(&table, 2, room, out, error));
    oc_cli_wrap(out, "\n`octavo COMMAND --help` says more. Environment:\n\n", 0);
    oc_cli_table_open(&table, "<|<");
    for (oc_env i = OC_ENV_OCTAVO_THREADS; i <= OC_ENV_OCTAVO_TIER; i++) {
        add_pair(&table, oc_env_name(i), oc_env_about(i));
    }
    OC_TRY(oc_cli_table_write(&table, 2, room, out, error));
    oc_buffer_text(out, "\nExit codes:\n\n");
    oc_cli_table_open(&table, ">|<");
#define XX(code, text) add_pair(&table, #code, text);
    OC_CLI_EXIT_MAP(XX)
#undef XX
    OC_TRY(oc_cli_table_write(&table, 2, room, out, error));
done:
    oc_cli_table_close(&table);
    return status;
}

static void help_command(const oc_cli_command *command, oc_buffer *out) {
    const oc_cli_flag *flag;
    oc_buffer line;
    oc_buffer_init(&line);
    oc_buffer_printf(&line, "octavo %s - %s\n\nusage: ", command->name, command->summary);
    oc_cli_usage(command, &line);
    oc_cli_wrap(out, line.data ? line.data : "", 0);
    oc_buffer_byte(out, '\n');
    oc_buffer_free(&line);
    if (command->about[0]) {
        oc_cli_wrap(out, command->about, 0);
        oc_buffer_byte(out, '\n');
    }
    for (int32_t i = 0; (flag = oc_cli_flag_at(command, i)); i++) {
        oc_buffer_printf(out, "%*s", FLAG_INDENT - 2, "");
        if (flag->letter) {
            oc_buffer_printf(out, "-%c, ", flag->letter);
        }
        oc_buffer_printf(out, "--%s%s%s\n", flag->name, flag->value ? " " : "",
                         flag->value ? flag->value : "");
        oc_cli_wrap(out, flag->text, TEXT_INDENT);
    }
    oc_buffer_text(out, "\nfor example:\n");
    oc_cli_wrap(out, command->example, FLAG_INDENT);
}

/* The text as it is, or as the one JSON object. */
static octavo_status print_text(const oc_cli_options *options, const char *key, oc_buffer *text,
                                octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_json_writer json;
    oc_buffer object;
    oc_buffer_init(&object);
    OC_TRY(oc_buffer_status(text, error));
    if (!options->json) {
        fwrite(text->data, 1, text->size, stdout);
        goto done;
    }
    oc_json_write_open(&json, &object, false);
    oc_json_write_object(&json);
    oc_json_write_key(&json, key);
    oc_json_write_text(&json, text->data);
    oc_json_write_end(&json);
    OC_TRY(oc_cli_json_print(&json, error));
done:
    oc_buffer_free(&object);
    return status;
}

octavo_status oc_cli_help(oc_cli_options *options, int *verdict, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const char *name = options->man               ? options->man
                       : options->arguments.count ? options->arguments.items[0]
                                                  : "octavo";
    bool is_program = strcmp(name, "octavo") == 0;
    const oc_cli_command *command = oc_cli_find(name);
    oc_buffer text;
    (void)verdict;
    oc_buffer_init(&text);
    if (!is_program && !command) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET, "there is no command \"%s\"%s",
                name, oc_cli_command_hint(name, (char[OC_CLI_HINT]){0}));
    }
    if (options->completion) {
        oc_cli_completion(&text);
    } else if (options->man) {
        oc_cli_man(is_program ? NULL : command, &text);
    } else if (is_program) {
        OC_TRY(help_program(&text, error));
    } else {
        help_command(command, &text);
    }
    OC_TRY(print_text(options, "help", &text, error));
done:
    oc_buffer_free(&text);
    return status;
}

octavo_status oc_cli_version(oc_cli_options *options, int *verdict, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    uint32_t version = octavo_version();
    oc_buffer text;
    (void)verdict;
    oc_buffer_init(&text);
    oc_buffer_printf(&text, options->json ? "%u.%u.%u" : "octavo %u.%u.%u\n", version >> 16,
                     version >> 8 & 0xff, version & 0xff);
    OC_TRY(print_text(options, "version", &text, error));
done:
    oc_buffer_free(&text);
    return status;
}
