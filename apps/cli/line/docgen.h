/* docgen.h - man pages and completion, made from the table of commands. */
#ifndef OC_CLI_DOCGEN_H
#define OC_CLI_DOCGEN_H

#include "base/buffer.h"
#include "cli/line/commands.h"

/* A man page in troff's man macros; command NULL: of the program. */
void oc_cli_man(const oc_cli_command *command, oc_buffer *out);
/* A completion script for bash. */
void oc_cli_completion(oc_buffer *out);

#endif
