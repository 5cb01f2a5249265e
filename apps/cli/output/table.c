/* table.c - the tables of render.h: measured, fitted to the terminal, printed. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/output/render.h"
#include "cli/output/terminal.h"

enum {
    GAP = 2,    /* between columns */
    PROSE = 20, /* characters down to which the last text is wrapped before others are */
    NARROW = 12 /* characters down to which any text is */
};

void oc_cli_table_open(oc_cli_table *table, const char *columns) {
    *table = (oc_cli_table){.gap = GAP};
    oc_arena_init(&table->arena);
    while (*columns && table->column_count < OC_CLI_COLUMNS) {
        int length = (int)strcspn(columns, "|");
        table->columns[table->column_count++].mark = columns[0];
        oc_cli_table_cell(table, "%.*s", length - 1, columns + 1);
        columns += length + (columns[length] == '|');
    }
}

void oc_cli_table_close(oc_cli_table *table) {
    oc_arena_free(&table->arena);
    free(table->cells);
    table->cells = NULL;
    table->cell_count = table->capacity = 0;
}

void oc_cli_table_cell(oc_cli_table *table, const char *format, ...) {
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int length = vasprintf(&text, format, args);
    va_end(args);
    if (length < 0) {
        table->failed = true;
        return;
    }
    oc_cli_clean(text, false);
    if (table->cell_count == table->capacity) {
        int32_t capacity = table->capacity ? 2 * table->capacity : 64;
        char **cells = realloc(table->cells, (size_t)capacity * sizeof *cells);
        if (cells) {
            table->cells = cells;
            table->capacity = capacity;
        }
    }
    char *cell = oc_arena_text(&table->arena, text, strlen(text));
    free(text);
    if (!cell || table->cell_count == table->capacity) {
        table->failed = true;
        return;
    }
    table->cells[table->cell_count++] = cell;
}

/* Each column as wide as its widest cell. */
static void measure(oc_cli_table *table) {
    for (int32_t i = 0; i < table->cell_count; i++) {
        int have = oc_cli_text_width(table->cells[i]);
        int *width = &table->columns[i % table->column_count].width;
        *width = have > *width ? have : *width;
    }
}

static int total_of(const oc_cli_table *table, int indent) {
    int total = indent - table->gap;
    for (int32_t c = 0; c < table->column_count; c++) {
        total += table->columns[c].left_out ? 0 : table->columns[c].width + table->gap;
    }
    return total;
}

/* The column of text that is to become narrower: the last, where prose stands, then the widest;
 * NULL: there is none. */
static oc_cli_column *widest_of(oc_cli_table *table) {
    oc_cli_column *widest = NULL, *last = &table->columns[table->column_count - 1];
    if (last->mark == '<' && last->width > PROSE) {
        return last;
    }
    for (int32_t c = 0; c < table->column_count; c++) {
        oc_cli_column *column = &table->columns[c];
        if (column->mark == '<' && column->width > NARROW &&
            column->width > oc_cli_text_width(table->cells[c]) &&
            (!widest || column->width >= widest->width)) {
            widest = column;
        }
    }
    return widest;
}

/* Leaves out decoration, narrows texts and then gaps until a row fits; false where it cannot. */
static bool fit(oc_cli_table *table, int indent, int room) {
    for (int32_t c = 0; c < table->column_count; c++) {
        table->columns[c].left_out =
            table->columns[c].mark == '~' && total_of(table, indent) > room;
    }
    int over = total_of(table, indent) - room;
    if (over > 0 && over <= (GAP - 1) * (table->column_count - 1)) {
        table->gap = 1; /* rather than a wrapped name */
    }
    while (total_of(table, indent) > room) {
        oc_cli_column *widest = widest_of(table);
        if (!widest && table->gap == 1) {
            return false;
        }
        *(widest ? &widest->width : &table->gap) -= 1;
    }
    return true;
}

/* A row of cells, in as many lines as its longest text takes. */
static void write_row(const oc_cli_table *table, int32_t first, int indent, oc_buffer *out) {
    const char *rest[OC_CLI_COLUMNS];
    for (int32_t c = 0; c < table->column_count; c++) {
        rest[c] = table->columns[c].left_out ? "" : table->cells[first + c];
    }
    for (bool more = true; more;) {
        int blank = indent; /* spaces that are printed once something follows */
        more = false;
        for (int32_t c = 0; c < table->column_count; c++) {
            const oc_cli_column *column = &table->columns[c];
            int bytes = oc_cli_line_bytes(rest[c], column->width);
            int pad =
                column->width - oc_cli_text_width(rest[c]) + oc_cli_text_width(rest[c] + bytes);
            if (column->left_out) {
                continue;
            }
            int before = column->mark == '>' ? pad : 0;
            blank += before;
            if (bytes) {
                oc_buffer_printf(out, "%*s%.*s", blank, "", bytes, rest[c]);
                blank = 0;
            }
            blank += pad - before + table->gap;
            rest[c] += bytes;
            rest[c] += *rest[c] == ' ';
            more = more || *rest[c];
        }
        oc_buffer_byte(out, '\n');
    }
}

/* Where a row does not fit: each cell on a line of its own, behind its title. */
static void write_record(const oc_cli_table *table, int32_t first, int indent, int room,
                         oc_buffer *out) {
    int longest = 0;
    for (int32_t c = 0; c < table->column_count; c++) {
        int width = oc_cli_text_width(table->cells[c]);
        longest = width > longest ? width : longest;
    }
    int width = room - indent - longest - GAP;
    for (int32_t c = 0; c < table->column_count; c++) {
        const char *title = table->cells[c], *rest = table->cells[first + c];
        while (*rest && table->columns[c].mark != '~') {
            int bytes = oc_cli_line_bytes(rest, width < NARROW ? NARROW : width);
            oc_buffer_printf(out, "%*s%s%*s%.*s\n", indent, "", title,
                             longest - oc_cli_text_width(title) + GAP, "", bytes, rest);
            title = ""; /* of the lines that follow */
            rest += bytes;
            rest += *rest == ' ';
        }
    }
}

static bool has_titles(const oc_cli_table *table) {
    int32_t c = 0;
    while (c < table->column_count && !table->cells[c][0]) {
        c++;
    }
    return c < table->column_count;
}

octavo_status oc_cli_table_write(oc_cli_table *table, int indent, int room, oc_buffer *out,
                                 octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    if (table->failed) {
        OC_NO_MEMORY(error, (size_t)table->capacity * sizeof *table->cells);
    }
    OC_ASSERT(table->cell_count % table->column_count == 0);
    measure(table);
    bool fits = room == 0 || fit(table, indent, room);
    bool titles = fits && table->cell_count > table->column_count && has_titles(table);
    for (int32_t i = titles ? 0 : table->column_count; i < table->cell_count;
         i += table->column_count) {
        if (fits) {
            write_row(table, i, indent, out);
        } else {
            oc_buffer_text(out, i > table->column_count ? "\n" : "");
            write_record(table, i, indent, room, out);
        }
    }
    OC_TRY(oc_buffer_status(out, error));
done:
    oc_cli_table_close(table);
    return status;
}

octavo_status oc_cli_table_print(oc_cli_table *table, int indent, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_buffer text;
    oc_buffer_init(&text);
    OC_TRY(oc_cli_table_write(table, indent, oc_cli_terminal_width(STDOUT_FILENO), &text, error));
    fwrite(text.data ? text.data : "", 1, text.size, stdout);
done:
    oc_buffer_free(&text);
    return status;
}
