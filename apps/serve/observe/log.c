/* log.c - see log.h.  A line is one write, so that lines of several threads do not mix. */
#include "serve/observe/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/json/json_write.h"

static struct { bool json, quiet; } settings;

void oc_srv_log_open(bool json, bool quiet) {
    settings.json = json;
    settings.quiet = quiet;
}

static void write_json(oc_buffer *out, oc_srv_severity severity, const char *event,
                       const char *model, const char *text) {
    oc_json_writer json;
    char when[40], stamp[64];
    struct timespec now;
    struct tm parts;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(stamp, sizeof stamp, "%s.%03ldZ", when, now.tv_nsec / 1000000);
    oc_json_write_open(&json, out, false);
    oc_json_write_object(&json);
    oc_json_write_text_member(&json, "time", stamp);
    oc_json_write_text_member(&json, "severity", severity == OC_SRV_ALARM ? "alarm" : "notice");
    oc_json_write_text_member(&json, "event", event);
    if (model) {
        oc_json_write_text_member(&json, "model", model);
    }
    oc_json_write_text_member(&json, "message", text);
    oc_json_write_end(&json);
}

void oc_srv_log(oc_srv_severity severity, const char *event, const char *model, const char *format,
                ...) {
    oc_buffer line;
    char text[1024];
    va_list args;
    if (settings.quiet && severity == OC_SRV_NOTICE) {
        return;
    }
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    oc_buffer_init(&line);
    if (settings.json) {
        write_json(&line, severity, event, model, text);
    } else {
        for (char *at = text; *at; at++) {
            *at = (unsigned char)*at < 0x20 || *at == 0x7f ? '?' : *at;
        }
        oc_buffer_printf(&line, "octavo: %s%s%s", model ? model : "", model ? ": " : "", text);
    }
    oc_buffer_byte(&line, '\n');
    if (line.data) {
        ssize_t put = write(STDERR_FILENO, line.data, line.size);
        (void)put; /* nobody is left to tell */
    }
    oc_buffer_free(&line);
}
