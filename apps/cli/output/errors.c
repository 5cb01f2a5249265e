/* errors.c - see errors.h. */
#include "cli/output/errors.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/json/json_write.h"
#include "base/sys/io.h"
#include "cli/output/progress.h"
#include "cli/output/render.h"

int oc_cli_exit_code(const octavo_error *error) {
    switch (error->status) {
    case OCTAVO_OK:
        return 0;
    case OCTAVO_INVALID_ARGUMENT:
        return 64;
    case OCTAVO_CORRUPT:
        return error->cause == OCTAVO_CAUSE_CANARY ? 70 : 65;
    case OCTAVO_UNSUPPORTED:
        return 65;
    case OCTAVO_NOT_FOUND:
        return 66;
    case OCTAVO_UNAVAILABLE:
        return 69;
    case OCTAVO_EXHAUSTED:
        return 71;
    case OCTAVO_CANNOT_CREATE:
        return 73;
    case OCTAVO_IO:
        return 74;
    case OCTAVO_DEADLINE_EXCEEDED:
        return 75;
    case OCTAVO_CANCELLED:
        return 130;
    case OCTAVO_BAD_STATE:
    case OCTAVO_INTERNAL:
    case OCTAVO_STATUS_MAX_:
        break;
    }
    return 70;
}

static void write_all(int fd, const char *text, size_t size) {
    while (size > 0) {
        ssize_t put = write(fd, text, size);
        if (put <= 0) {
            return; /* nobody is left to tell */
        }
        text += put;
        size -= (size_t)put;
    }
}

static void write_json(oc_buffer *out, const octavo_error *error) {
    oc_json_writer json;
    oc_json_write_open(&json, out, false);
    oc_json_write_object(&json);
    oc_json_write_key(&json, "error");
    oc_json_write_object(&json);
    oc_json_write_key(&json, "status");
    oc_json_write_text(&json, octavo_status_name(error->status));
    oc_json_write_key(&json, "message");
    oc_json_write_text(&json, error->message);
    oc_json_write_key(&json, "file");
    oc_json_write_text(&json, error->path[0] ? error->path : NULL);
    oc_json_write_key(&json, "offset");
    if (error->offset == OCTAVO_NO_OFFSET) {
        oc_json_write_null(&json);
    } else {
        oc_json_write_int(&json, (int64_t)error->offset);
    }
    oc_json_write_end(&json);
    oc_json_write_end(&json);
    oc_buffer_byte(out, '\n');
}

int oc_cli_report(const char *what, const char *where, bool json, const octavo_error *error) {
    oc_buffer text;
    oc_buffer_init(&text);
    bool is_bug = error->status == OCTAVO_INTERNAL || error->status == OCTAVO_BAD_STATE;
    oc_buffer_printf(&text, "octavo: %s (%s", what, error->path[0] ? error->path : where);
    if (error->offset != OCTAVO_NO_OFFSET) {
        oc_buffer_printf(&text, ", byte %" PRIu64, error->offset);
    }
    if (is_bug && error->source) {
        oc_buffer_printf(&text, ", %s:%d", oc_path_name(error->source), error->line);
    }
    oc_buffer_printf(&text, "): %s\n", error->message[0] ? error->message : "no reason is known");
    write_all(STDERR_FILENO, text.data ? text.data : "octavo: memory is out\n",
              text.data ? text.size : 22);
    oc_buffer_free(&text);
    if (json) {
        write_json(&text, error);
        write_all(STDOUT_FILENO, text.data, text.size);
        oc_buffer_free(&text);
    }
    return oc_cli_exit_code(error);
}

void oc_cli_notice(const oc_cli_options *options, const char *format, ...) {
    if (options->quiet) {
        return;
    }
    va_list args;
    char *line = NULL;
    va_start(args, format);
    int length = vasprintf(&line, format, args);
    va_end(args);
    if (length >= 0) {
        oc_cli_clean(line, false);
        oc_cli_progress_clear(options->progress);
        fprintf(stderr, "octavo: %s\n", line);
        free(line);
    }
}
