/* render.c - see render.h. */
#include "cli/output/render.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

enum {
    GAP = 2,       /* between columns */
    CELL_MAX = 48, /* characters of a column that is not wrapped */
    WRAP_MIN = 20  /* of the one that is */
};

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

/* Characters, each taken as one column wide. */
static int width_of(const char *text) {
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

/* Bytes of the next line of at most `width` characters: up to a space where there is one. */
static int line_bytes(const char *text, int width) {
    int most = bytes_of(text, width), at = most;
    if (text[most]) {
        while (at > 0 && text[at] != ' ') {
            at--;
        }
    }
    return at ? at : most;
}

void oc_cli_wrap(oc_buffer *out, const char *text, int indent) {
    while (*text) {
        size_t paragraph = strcspn(text, "\n");
        for (const char *end = text + paragraph; text < end;) {
            int bytes = line_bytes(text, OC_CLI_WIDTH - indent);
            bytes = bytes < end - text ? bytes : (int)(end - text);
            oc_buffer_printf(out, "%*s%.*s\n", indent, "", bytes, text);
            text += bytes + (text + bytes < end && text[bytes] == ' ');
        }
        if (*text && *++text == '\n') {
            oc_buffer_byte(out, '\n');
            text++;
        }
    }
}

void oc_cli_table_open(oc_cli_table *table, const char *columns) {
    *table = (oc_cli_table){.columns = columns, .column_count = 1};
    oc_arena_init(&table->arena);
    for (const char *at = columns; *at; at++) {
        table->column_count += *at == '|';
    }
}

void oc_cli_table_close(oc_cli_table *table) {
    oc_arena_free(&table->arena);
    free(table->cells);
    table->cells = NULL;
    table->cell_count = table->capacity = 0;
}

void oc_cli_table_cell(oc_cli_table *table, const char *format, ...) {
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    oc_cli_clean(text, false);
    if (table->cell_count == table->capacity) {
        int32_t capacity = table->capacity ? 2 * table->capacity : 64;
        char **cells = realloc(table->cells, (size_t)capacity * sizeof *cells);
        if (!cells) {
            table->failed = true;
            return;
        }
        table->cells = cells;
        table->capacity = capacity;
    }
    char *cell = oc_arena_text(&table->arena, text, strlen(text));
    if (!cell) {
        table->failed = true;
        return;
    }
    table->cells[table->cell_count++] = cell;
}

/* The title of column c, without its mark; *length bytes. */
static const char *title_of(const char *columns, int32_t c, int *length) {
    for (; c > 0; c--) {
        columns = strchr(columns, '|') + 1;
    }
    *length = (int)strcspn(columns, "|") - 1;
    return columns;
}

static void print_padded(const char *text, int bytes, int pad, bool to_the_right, bool is_last) {
    printf("%*s%.*s%*s", to_the_right ? pad : 0, "", bytes, text, is_last || to_the_right ? 0 : pad,
           "");
}

static void print_row(const oc_cli_table *table, int32_t first, const int *widths, int indent) {
    int at = indent;
    printf("%*s", indent, "");
    for (int32_t c = 0; c < table->column_count; c++) {
        int length, width = widths[c];
        const char *title = title_of(table->columns, c, &length);
        const char *cell = table->cells[first + c];
        bool is_last = c + 1 == table->column_count, right = title[0] == '>';
        int have = width_of(cell), pad = have < width ? width - have : 0;
        if (is_last && !right) {
            int bytes = line_bytes(cell, width);
            printf("%.*s", bytes, cell);
            for (cell += bytes; *cell; cell += bytes) {
                cell += *cell == ' ';
                bytes = line_bytes(cell, width);
                printf("\n%*s%.*s", at, "", bytes, cell);
            }
        } else if (have > width) {
            printf("%.*s..", bytes_of(cell, width - 2), cell);
        } else {
            print_padded(cell, (int)strlen(cell), pad, right, is_last);
        }
        at += width + GAP;
        printf("%*s", is_last ? 0 : GAP, "");
    }
    putchar('\n');
}

octavo_status oc_cli_table_print(oc_cli_table *table, int indent, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int *widths = calloc((size_t)table->column_count, sizeof *widths), total = indent;
    if (!widths || table->failed) {
        OC_NO_MEMORY(error, (size_t)table->column_count * sizeof *widths);
    }
    OC_ASSERT(table->cell_count % table->column_count == 0);
    for (int32_t c = 0; c < table->column_count; c++) {
        int length;
        const char *title = title_of(table->columns, c, &length);
        bool wraps = c + 1 == table->column_count && title[0] == '<';
        widths[c] = length;
        for (int32_t i = c; i < table->cell_count; i += table->column_count) {
            int width = width_of(table->cells[i]);
            widths[c] = width > widths[c] ? width : widths[c];
        }
        int most = !wraps                            ? CELL_MAX
                   : OC_CLI_WIDTH - total > WRAP_MIN ? OC_CLI_WIDTH - total
                                                     : WRAP_MIN;
        widths[c] = widths[c] < most ? widths[c] : most;
        total += widths[c] + GAP;
    }
    if (table->cell_count > 0) {
        printf("%*s", indent, "");
        for (int32_t c = 0; c < table->column_count; c++) {
            int length;
            const char *title = title_of(table->columns, c, &length);
            bool is_last = c + 1 == table->column_count;
            print_padded(title + 1, length, widths[c] - length, title[0] == '>', is_last);
            printf("%*s", is_last ? 0 : GAP, "");
        }
        putchar('\n');
    }
    for (int32_t i = 0; i + table->column_count <= table->cell_count; i += table->column_count) {
        print_row(table, i, widths, indent);
    }
done:
    free(widths);
    oc_cli_table_close(table);
    return status;
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
