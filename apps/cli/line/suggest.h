/* suggest.h - what a name that does not exist was probably meant to be. */
#ifndef OC_CLI_SUGGEST_H
#define OC_CLI_SUGGEST_H

#include "cli/line/commands.h"

enum { OC_CLI_HINT = 160 };

/* The end of a sentence about a command that does not exist: "; did you mean build?", or where to
 * find those that do. */
const char *oc_cli_command_hint(const char *name, char text[OC_CLI_HINT]);

/* The same about a flag, given as "--name", "--name=value" or "-n": what it may mean, or whose flag
 * it is, or where to look. */
const char *oc_cli_flag_hint(const oc_cli_command *command, const char *given,
                             char text[OC_CLI_HINT]);

#endif
