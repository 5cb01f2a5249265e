/* render.c - see render.h. */
#include "cli/output/render.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/utf8.h"
#include "cli/output/terminal.h"

const char *oc_cli_bytes(double bytes, char text[OC_CLI_NUMBER_TEXT]) {
    static const char *const units[] = {"kB", "MB", "GB", "TB"};
    if (bytes < 1000) {
        snprintf(text, OC_CLI_NUMBER_TEXT, "%.0f bytes", bytes);
        return text;
    }
    size_t unit = 0;
    for (bytes /= 1000; bytes >= 999.5 && unit + 1 < OC_COUNT(units); unit++) {
        bytes /= 1000;
    }
    snprintf(text, OC_CLI_NUMBER_TEXT, bytes < 99.95 ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
    return text;
}

const char *oc_cli_counted(double count, const char *one, char text[OC_CLI_NUMBER_TEXT]) {
    snprintf(text, OC_CLI_NUMBER_TEXT, "%.0f %s%s", count, one, count == 1 ? "" : "s");
    return text;
}

const char *oc_cli_grouped(double count, char text[OC_CLI_NUMBER_TEXT]) {
    char digits[OC_CLI_NUMBER_TEXT];
    int length = snprintf(digits, sizeof digits, "%.0f", fmin(fabs(count), 1e15)), at = 0;
    for (int i = 0; i < length; i++) {
        text[at++] = digits[i];
        if (i + 1 < length && (length - 1 - i) % 3 == 0) {
            text[at++] = ',';
        }
    }
    text[at] = 0;
    return text;
}

void oc_cli_clean(char *text, bool keep_lines) {
    size_t size = strlen(text), used, length = 0;
    for (size_t i = 0; i < size; i += used) {
        uint32_t point;
        bool valid = oc_utf8_read(text + i, size - i, &point, &used);
        bool control = point < 0x20 || (point >= 0x7f && point < 0xa0);
        if (valid && (!control || (keep_lines && point == '\n'))) {
            memmove(text + length, text + i, used);
            length += used;
        } else {
            text[length++] = '?';
        }
    }
    text[length] = 0;
}

int oc_cli_text_width(const char *text) {
    int width = 0;
    for (; *text; text++) {
        width += ((unsigned char)*text & 0xc0) != 0x80;
    }
    return width;
}

/* Bytes of the first `width` characters. */
static int bytes_of(const char *text, int width) {
    int bytes = 0;
    while (text[bytes] && (width > 0 || ((unsigned char)text[bytes] & 0xc0) == 0x80)) {
        width -= ((unsigned char)text[bytes] & 0xc0) != 0x80;
        bytes++;
    }
    return bytes;
}

int oc_cli_line_bytes(const char *text, int width) {
    int most = bytes_of(text, width), at = most;
    if (!text[most]) {
        return most;
    }
    while (at > 0 && text[at] != ' ') {
        at--;
    }
    if (at == 0) { /* a name: behind one of its parts, if need be anywhere */
        at = most;
        while (at > 0 && !strchr("/.,_-", text[at - 1])) {
            at--;
        }
    }
    return at ? at : most;
}

void oc_cli_wrap(oc_buffer *out, const char *text, int indent) {
    int room = oc_cli_terminal_width(STDOUT_FILENO);
    int width = (room && room < OC_CLI_WIDTH ? room : OC_CLI_WIDTH) - indent;
    while (*text) {
        size_t paragraph = strcspn(text, "\n");
        if (paragraph == 0) {
            oc_buffer_byte(out, '\n');
        }
        for (const char *end = text + paragraph; text < end;) {
            int bytes = oc_cli_line_bytes(text, width);
            bytes = bytes < end - text ? bytes : (int)(end - text);
            oc_buffer_printf(out, "%*s%.*s\n", indent, "", bytes, text);
            text += bytes + (text + bytes < end && text[bytes] == ' ');
        }
        text += *text == '\n';
    }
}

void oc_cli_say(const char *format, ...) {
    oc_buffer lines;
    char *text = NULL;
    va_list args;
    oc_buffer_init(&lines);
    va_start(args, format);
    int length = vasprintf(&text, format, args);
    va_end(args);
    if (length >= 0) {
        oc_cli_wrap(&lines, text, 0);
        fputs(lines.data ? lines.data : "", stdout);
        free(text);
    }
    oc_buffer_free(&lines);
}

void oc_cli_json_fixed(oc_json_writer *json, const char *key, double value, int decimals) {
    char text[64];
    oc_json_write_key(json, key);
    if (isfinite(value) && fabs(value) < 1e15) {
        snprintf(text, sizeof text, "%.*f", decimals, value);
        oc_json_write_raw(json, oc_slice_of(text));
    } else {
        oc_json_write_null(json);
    }
}

octavo_status oc_cli_json_print(oc_json_writer *json, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    OC_TRY(oc_json_write_finish(json, error));
    fwrite(json->out->data, 1, json->out->size, stdout);
    putchar('\n');
done:
    return status;
}
