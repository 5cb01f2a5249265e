/* docgen.c - see docgen.h. */
#include "cli/line/docgen.h"

#include <ctype.h>
#include <string.h>

#include "base/sys/env.h"
#include "cli/output/errors.h"

/* Text as troff takes it: backslashes and dashes escaped, a first dot or quote hidden. */
static void troff_bytes(oc_buffer *out, const char *text, size_t size) {
    if (size && (text[0] == '.' || text[0] == '\'')) {
        oc_buffer_text(out, "\\&");
    }
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '\\') {
            oc_buffer_text(out, "\\e");
        } else if (text[i] == '-') {
            oc_buffer_text(out, "\\-");
        } else {
            oc_buffer_byte(out, text[i]);
        }
    }
}

static void troff(oc_buffer *out, const char *text) {
    troff_bytes(out, text, strlen(text));
}

/* Lines of text: a blank one begins a paragraph, or is left out where lines are kept. */
static void troff_lines(oc_buffer *out, const char *text, const char *between) {
    while (*text) {
        size_t length = strcspn(text, "\n");
        if (length) {
            troff_bytes(out, text, length);
            oc_buffer_byte(out, '\n');
        } else {
            oc_buffer_text(out, between);
        }
        text += length + (text[length] == '\n');
    }
}

static void man_title(oc_buffer *out, const char *command, const char *summary) {
    uint32_t version = octavo_version();
    oc_buffer_text(out, ".TH OCTAVO");
    if (command) {
        oc_buffer_text(out, "\\-");
        for (const char *at = command; *at; at++) {
            oc_buffer_byte(out, (char)toupper((unsigned char)*at));
        }
    }
    oc_buffer_printf(out, " 1 \"\" \"octavo %u.%u.%u\" \"Octavo\"\n.SH NAME\noctavo", version >> 16,
                     version >> 8 & 0xff, version & 0xff);
    if (command) {
        oc_buffer_printf(out, "\\-%s", command);
    }
    oc_buffer_text(out, " \\- ");
    troff(out, summary);
    oc_buffer_text(out, "\n.SH SYNOPSIS\n");
}

static void man_flags(oc_buffer *out, const oc_cli_command *command) {
    const oc_cli_flag *flag;
    oc_buffer_text(out, ".SH OPTIONS\n");
    for (int32_t i = 0; (flag = oc_cli_flag_at(command, i)); i++) {
        oc_buffer_text(out, ".TP\n");
        if (flag->letter) {
            oc_buffer_printf(out, "\\fB\\-%c\\fR, ", flag->letter);
        }
        oc_buffer_text(out, "\\fB\\-\\-");
        troff(out, flag->name);
        oc_buffer_text(out, "\\fR");
        if (flag->value) {
            oc_buffer_text(out, " \\fI");
            troff(out, flag->value);
            oc_buffer_text(out, "\\fR");
        }
        oc_buffer_byte(out, '\n');
        troff(out, flag->text);
        oc_buffer_text(out, flag->required ? " (required)\n" : "\n");
    }
}

static void man_end(oc_buffer *out) {
    oc_buffer_text(out, ".SH EXIT STATUS\n");
#define XX(code, text) oc_buffer_printf(out, ".TP\n%d\n%s\n", code, text);
    OC_CLI_EXIT_MAP(XX)
#undef XX
    oc_buffer_text(out, ".SH ENVIRONMENT\n");
    for (oc_env i = 0; i < OC_ENV_COUNT; i++) {
        oc_buffer_printf(out, ".TP\n%s\n", oc_env_name(i));
        troff(out, oc_env_about(i));
        oc_buffer_byte(out, '\n');
    }
}

static void man_program(oc_buffer *out) {
    man_title(out, NULL, "turn CLIP checkpoints into inference engines, and run them");
    oc_buffer_text(out, "\\fBoctavo\\fR \\fICOMMAND\\fR [\\fIARGUMENT\\fR...] [\\fIFLAG\\fR...]\n"
                        ".SH COMMANDS\n");
    for (const oc_cli_command *command = oc_cli_commands; command->name; command++) {
        oc_buffer_printf(out, ".TP\n\\fBoctavo\\-%s\\fR(1)\n", command->name);
        troff(out, command->summary);
        oc_buffer_byte(out, '\n');
    }
    man_end(out);
}

void oc_cli_man(const oc_cli_command *command, oc_buffer *out) {
    if (!command) {
        man_program(out);
        return;
    }
    man_title(out, command->name, command->summary);
    oc_buffer usage;
    oc_buffer_init(&usage);
    oc_cli_usage(command, &usage);
    troff(out, usage.data ? usage.data : "");
    oc_buffer_free(&usage);
    oc_buffer_text(out, "\n.SH DESCRIPTION\n");
    troff_lines(out, command->about, ".PP\n");
    man_flags(out, command);
    oc_buffer_text(out, ".SH EXAMPLES\n.nf\n");
    troff_lines(out, command->example, "");
    oc_buffer_text(out, ".fi\n");
    man_end(out);
    oc_buffer_text(out, ".SH SEE ALSO\n.BR octavo (1)\n");
}

/* "a|b|c" with spaces for bars. */
static void words_of(oc_buffer *out, const char *choices) {
    for (; *choices; choices++) {
        oc_buffer_byte(out, *choices == '|' ? ' ' : *choices);
    }
}

void oc_cli_completion(oc_buffer *out) {
    const oc_cli_flag *flag;
    oc_buffer_text(out,
                   "# bash completion for octavo, printed by `octavo help --completion bash`\n"
                   "_octavo() {\n"
                   "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
                   "    local flags='' values=''\n"
                   "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
                   "        mapfile -t COMPREPLY < <(compgen -W '");
    for (const oc_cli_command *command = oc_cli_commands; command->name; command++) {
        oc_buffer_printf(out, "%s ", command->name);
    }
    oc_buffer_text(out, "--help --version' -- \"$word\")\n"
                        "        return\n"
                        "    fi\n"
                        "    case ${COMP_WORDS[1]} in\n");
    for (const oc_cli_command *command = oc_cli_commands; command->name; command++) {
        oc_buffer_printf(out, "    %s)\n        flags='", command->name);
        for (int32_t i = 0; (flag = oc_cli_flag_at(command, i)); i++) {
            oc_buffer_printf(out, "%s--%s", i ? " " : "", flag->name);
        }
        oc_buffer_text(out, "'\n        case $before in\n");
        for (int32_t i = 0; (flag = oc_cli_flag_at(command, i)); i++) {
            if (flag->value && strchr(flag->value, '|')) {
                oc_buffer_printf(out, "        --%s) values='", flag->name);
                words_of(out, flag->value);
                oc_buffer_text(out, "' ;;\n");
            }
        }
        oc_buffer_text(out, "        esac\n        ;;\n");
    }
    oc_buffer_text(out, "    esac\n"
                        "    if [ -n \"$values\" ]; then\n"
                        "        mapfile -t COMPREPLY < <(compgen -W \"$values\" -- \"$word\")\n"
                        "    elif [ \"${word#-}\" != \"$word\" ]; then\n"
                        "        mapfile -t COMPREPLY < <(compgen -W \"$flags\" -- \"$word\")\n"
                        "    else\n"
                        "        mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
                        "    fi\n"
                        "}\n"
                        "complete -o filenames -F _octavo octavo\n");
}
