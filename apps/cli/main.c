/* main.c - the program octavo: reads the command line, runs one command, tells how it ended. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/line/commands.h"
#include "cli/output/errors.h"
#include "cli/output/progress.h"
#include "cli/output/signals.h"

/* What was printed must have arrived; a reader that has gone is nobody to tell. */
static octavo_status flush(octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    errno = 0;
    if ((fflush(stdout) != 0 || ferror(stdout)) && errno != EPIPE) {
        OC_FAIL(error, OCTAVO_IO, OCTAVO_NO_OFFSET, "cannot write the output: %s",
                errno ? strerror(errno) : "an earlier write failed");
    }
done:
    return status;
}

int main(int argc, char **argv) {
    octavo_status status = OCTAVO_OK;
    octavo_error failure, *error = &failure;
    oc_cli_options options;
    oc_cli_progress progress;
    const char *what = "wrong usage";
    char where[64] = "octavo";
    int verdict = 0;
    oc_error_clear(error);
    status = oc_cli_parse(argc, argv, &options, error);
    const oc_cli_command *command = options.command;
    if (command) {
        snprintf(where, sizeof where, "octavo %s", command->name);
        what = status == OCTAVO_INVALID_ARGUMENT ? what : command->failure;
    }
    if (status || !command) {
        goto done;
    }
    if (command->run != oc_cli_serve) { /* which ends by signals in its own way */
        OC_TRY(oc_cli_signals_start(error));
    }
    oc_cli_progress_init(&progress, options.quiet);
    options.progress = &progress;
    if (options.help) {
        options.arguments = (oc_cli_list){(const char *[]){command->name}, 1};
        status = oc_cli_help(&options, &verdict, error);
    } else {
        oc_cli_signals_about(what, where, options.json);
        status = command->run(&options, &verdict, error);
    }
    oc_cli_progress_clear(&progress);
    if (status == OCTAVO_OK) {
        status = flush(error);
    }
done:
    if (status) {
        verdict = oc_cli_report(what, where, options.json, error);
    }
    oc_cli_options_free(&options);
    return verdict;
}
