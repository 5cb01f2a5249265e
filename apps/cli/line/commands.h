/* commands.h - every command and every flag of the program, each said once.
 *
 * The table drives parsing (options.c), help (help.c), man pages and completion (docgen.c).
 */
#ifndef OC_CLI_COMMANDS_H
#define OC_CLI_COMMANDS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "cli/line/options.h"

typedef enum oc_cli_kind {
    OC_CLI_SWITCH, /* bool */
    OC_CLI_TEXT,   /* const char * */
    OC_CLI_CHOICE, /* const char *: one of the words of `value`, "a|b|c" */
    OC_CLI_WORDS,  /* const char *: given several times, joined by commas */
    OC_CLI_LIST,   /* oc_cli_list: may be given several times */
    OC_CLI_COUNT,  /* int32_t from min to max */
    OC_CLI_NUMBER  /* double from min to max */
} oc_cli_kind;

typedef struct oc_cli_flag {
    const char *name; /* without dashes; NULL ends a list of flags */
    char letter;      /* short form, or 0 */
    bool required;
    oc_cli_kind kind;
    size_t field;      /* in oc_cli_options */
    const char *value; /* what help calls it */
    double min, max;
    const char *text;
} oc_cli_flag;

typedef struct oc_cli_command {
    const char *name;
    const char *arguments; /* as in "E.octavo IMAGE..." */
    int32_t arguments_min, arguments_max;
    const char *summary;      /* a line */
    const char *failure;      /* an error's first words */
    const char *about;        /* paragraphs, a blank line between */
    const char *example;      /* commands, a line each */
    const oc_cli_flag *flags; /* its own */
    bool runs;                /* makes sessions: takes --tier and --disable */
    /* *verdict, 0 before the call, becomes the exit code where a check failed. */
    octavo_status (*run)(oc_cli_options *options, int *verdict, octavo_error *error);
} oc_cli_command;

extern const oc_cli_command oc_cli_commands[]; /* ends with a name of NULL */

const oc_cli_command *oc_cli_find(const char *name); /* NULL: no such command */

/* Its flags: its own, those of commands that run sessions, those of all; NULL behind the last. */
const oc_cli_flag *oc_cli_flag_at(const oc_cli_command *command, int32_t index);

/* "octavo build CKPT -o E.octavo [FLAG...]" */
void oc_cli_usage(const oc_cli_command *command, oc_buffer *out);

#define OC_CLI_COMMAND_MAP(XX)                                                                     \
    XX(build)                                                                                      \
    XX(quantize)                                                                                   \
    XX(widen)                                                                                      \
    XX(run)                                                                                        \
    XX(embed)                                                                                      \
    XX(classify)                                                                                   \
    XX(search)                                                                                     \
    XX(serve)                                                                                      \
    XX(eval)                                                                                       \
    XX(bench)                                                                                      \
    XX(inspect)                                                                                    \
    XX(explain)                                                                                    \
    XX(calibrate)                                                                                  \
    XX(drift)                                                                                      \
    XX(tune)                                                                                       \
    XX(kernels)                                                                                    \
    XX(doctor)                                                                                     \
    XX(help)                                                                                       \
    XX(version)

#define XX(name)                                                                                   \
    octavo_status oc_cli_##name(oc_cli_options *options, int *verdict, octavo_error *error);
OC_CLI_COMMAND_MAP(XX)
#undef XX

#endif
