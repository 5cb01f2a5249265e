/* terminal.c - see terminal.h. */
#include "cli/output/terminal.h"

#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/json/number.h"
#include "base/sys/env.h"

enum { WIDTH_USUAL = 80, WIDTH_MIN = 20, WIDTH_MAX = 10000 };

int oc_cli_terminal_width(int fd) {
    struct winsize size;
    const char *given = oc_env_get(OC_ENV_COLUMNS);
    int64_t width = 0;
    if (!isatty(fd)) {
        return 0;
    }
    if (!given || !oc_parse_int64(given, strlen(given), &width) || width < 1) {
        width = ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
    }
    return width == 0          ? WIDTH_USUAL
           : width < WIDTH_MIN ? WIDTH_MIN
           : width > WIDTH_MAX ? WIDTH_MAX
                               : (int)width;
}

bool oc_cli_terminal_redraws(int fd) {
    const char *kind = oc_env_get(OC_ENV_TERM);
    return isatty(fd) && kind && strcmp(kind, "dumb") != 0;
}
