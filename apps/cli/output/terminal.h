/* terminal.h - what stands behind stdout and stderr. */
#ifndef OC_CLI_TERMINAL_H
#define OC_CLI_TERMINAL_H

#include <stdbool.h>

/* Characters in a line of the terminal `fd`: what COLUMNS says, else what the terminal says, else
 * 80; 20 at least.  0: fd is no terminal, and lines may have any length. */
int oc_cli_terminal_width(int fd);

/* Whether a line of the terminal `fd` can be drawn again: not on a dumb one. */
bool oc_cli_terminal_redraws(int fd);

#endif
