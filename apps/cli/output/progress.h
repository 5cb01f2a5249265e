/* progress.h - a bar on the terminal for what takes over a second. */
#ifndef OC_CLI_PROGRESS_H
#define OC_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct oc_cli_progress {
    bool wanted; /* stderr is a terminal, and not --quiet */
    bool drawn;  /* a bar stands on the terminal's last line */
    uint64_t start_ns, drawn_ns;
} oc_cli_progress;

void oc_cli_progress_init(oc_cli_progress *progress, bool quiet);

/* An octavo_progress; `user` is an oc_cli_progress.  One thread at a time. */
int32_t oc_cli_progress_step(void *user, const char *what, uint64_t done, uint64_t total);

/* Takes the bar away, so that a line can be printed. */
void oc_cli_progress_clear(oc_cli_progress *progress);

#endif
