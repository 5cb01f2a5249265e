/* progress.c - see progress.h. */
#include "cli/output/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "base/sys/clock.h"
#include "cli/output/terminal.h"

enum {
    NAME = 24,   /* characters, where there is room */
    BAR = 32,    /* with its brackets */
    NUMBERS = 14 /* " 100 % 3600 s" and a last column that stays free */
};

static const uint64_t PATIENCE_NS = 1000000000, REDRAW_NS = 100000000;

void oc_cli_progress_init(oc_cli_progress *progress, bool quiet) {
    *progress = (oc_cli_progress){.wanted = !quiet && oc_cli_terminal_redraws(STDERR_FILENO),
                                  .start_ns = oc_clock_ns()};
}

int32_t oc_cli_progress_step(void *user, const char *what, uint64_t done, uint64_t total) {
    oc_cli_progress *progress = user;
    if (!progress->wanted || total == 0) {
        return 0;
    }
    uint64_t now = oc_clock_ns();
    if (now - progress->start_ns < PATIENCE_NS || now - progress->drawn_ns < REDRAW_NS) {
        return 0;
    }
    double share = done < total ? (double)done / (double)total : 1;
    char bar[BAR + 1] = "";
    int room = oc_cli_terminal_width(STDERR_FILENO) - NUMBERS; /* 6 at least */
    int name = room < NAME ? room : NAME;
    int length = room - name - 1 < BAR ? room - name - 1 : BAR;
    for (int i = 0; length > 2 && i < length; i++) {
        bar[i] = i == 0 ? '[' : i == length - 1 ? ']' : share * (length - 2) > i - 1 ? '#' : '.';
    }
    fprintf(stderr, "\r%-*.*s %s %3.0f %% %4.0f s\033[K", name, name, what, bar, 100 * share,
            (double)(now - progress->start_ns) * 1e-9);
    fflush(stderr);
    progress->drawn = true;
    progress->drawn_ns = now;
    return 0;
}

void oc_cli_progress_clear(oc_cli_progress *progress) {
    if (progress->drawn) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
        progress->drawn = false;
    }
}
