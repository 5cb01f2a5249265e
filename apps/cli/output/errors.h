/* errors.h - how the program ends: sentences on stderr and exit codes. */
#ifndef OC_CLI_ERRORS_H
#define OC_CLI_ERRORS_H

#include "cli/line/options.h"

/* exit code, meaning */
#define OC_CLI_EXIT_MAP(XX)                                                                        \
    XX(0, "success")                                                                               \
    XX(1, "a check failed: accuracy or speed gate, comparison")                                    \
    XX(2, "the measurement was unstable")                                                          \
    XX(64, "wrong usage")                                                                          \
    XX(65, "bad or unsupported input data")                                                        \
    XX(66, "an input file, or what it must hold, is missing")                                      \
    XX(69, "the device is unavailable")                                                            \
    XX(70, "an internal error, or a canary that deviates")                                         \
    XX(71, "memory is out")                                                                        \
    XX(73, "an output cannot be created")                                                          \
    XX(74, "reading or writing failed")                                                            \
    XX(75, "not done in time")                                                                     \
    XX(78, "wrong configuration")                                                                  \
    XX(130, "interrupted")

int oc_cli_exit_code(const octavo_error *error);

/* Prints `octavo: WHAT (WHERE): WHY` to stderr and, with json, the error object to stdout.
 * Returns the exit code.  Does not use stdio: safe while another thread holds its locks. */
int oc_cli_report(const char *what, const char *where, bool json, const octavo_error *error);

/* Something to know that is no error, on stderr; not with --quiet. */
void oc_cli_notice(const oc_cli_options *options, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
