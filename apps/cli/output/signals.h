/* signals.h - a clean end when the program is stopped from outside.
 *
 * SIGINT, SIGTERM and SIGHUP are taken by a thread of their own, which removes what is half
 * written and ends the process with 128 + the signal's number.
 * The one place of the program with state of its own, since a signal has no other.
 */
#ifndef OC_CLI_SIGNALS_H
#define OC_CLI_SIGNALS_H

#include <stdbool.h>

#include "base/status.h"

/* Before any other thread is started. */
octavo_status oc_cli_signals_start(octavo_error *error);

/* From now on errors are told as this command's.  Texts are borrowed for good. */
void oc_cli_signals_about(const char *what, const char *where, bool json);

/* An output file or folder whose temporary neighbours (base/output.h) must go.  Borrowed until
 * oc_cli_guard_nothing. */
void oc_cli_guard_output(const char *path);
void oc_cli_guard_nothing(void);

#endif
