/* help.h - the texts that are made from the table of commands: help, man pages, completion. */
#ifndef OC_CLI_HELP_H
#define OC_CLI_HELP_H

#include "base/buffer.h"
#include "cli/line/commands.h"

/* "octavo build CKPT -o E.octavo [FLAG...]" */
void oc_cli_usage(const oc_cli_command *command, oc_buffer *out);

void oc_cli_help_program(oc_buffer *out);
void oc_cli_help_command(const oc_cli_command *command, oc_buffer *out);

/* A man page in troff's man macros; command NULL: of the program. */
void oc_cli_man(const oc_cli_command *command, oc_buffer *out);
/* A completion script for bash. */
void oc_cli_completion(oc_buffer *out);

#endif
