/* render.h - numbers, paragraphs and tables for people, as wide as their terminal, without colour.
 *
 * Where stdout is no terminal, tables are whole, a row a line, and paragraphs have 100 columns. */
#ifndef OC_CLI_RENDER_H
#define OC_CLI_RENDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/json/json_write.h"
#include "base/status.h"

enum {
    OC_CLI_WIDTH = 100, /* of a paragraph, at most */
    OC_CLI_COLUMNS = 16,
    OC_CLI_NUMBER_TEXT = 32
};

/* "23.9 MB", "812 bytes" */
const char *oc_cli_bytes(double bytes, char text[OC_CLI_NUMBER_TEXT]);
/* "1 image", "3 images" */
const char *oc_cli_counted(double count, const char *one, char text[OC_CLI_NUMBER_TEXT]);
/* "1,298,000" */
const char *oc_cli_grouped(double count, char text[OC_CLI_NUMBER_TEXT]);

/* Control characters and invalid UTF-8 in texts from files become '?', in place. */
void oc_cli_clean(char *text, bool keep_lines);

/* Characters, each taken as one column wide. */
int oc_cli_text_width(const char *text);
/* Bytes of the first line of text that is wrapped at so many characters: up to a space, or behind
 * a part of a name, where there is one.  1 at least, unless the text is empty. */
int oc_cli_line_bytes(const char *text, int width);

/* A table, filled row by row.
 *
 *     oc_cli_table_open(&table, "<tower|>layers|<why");
 *     oc_cli_table_cell(&table, "%s", name); ... one call a column
 *     OC_TRY(oc_cli_table_print(&table, 2, error));
 *
 * '<' and '>' align a column; '~' is decoration, left out where room is short.  Nothing else is
 * ever cut: texts ('<') are wrapped, the last and then the widest first, and where a row does not
 * fit even so, each cell stands on a line of its own behind its title.  Memory that is out shows in
 * oc_cli_table_print. Print or close frees it. */
typedef struct oc_cli_column {
    char mark;
    bool left_out;
    int width;
} oc_cli_column;

typedef struct oc_cli_table {
    oc_arena arena;
    char **cells; /* the titles, then row by row */
    int32_t column_count, cell_count, capacity;
    oc_cli_column columns[OC_CLI_COLUMNS];
    int gap; /* between columns */
    bool failed;
} oc_cli_table;

void oc_cli_table_open(oc_cli_table *table, const char *columns);
void oc_cli_table_cell(oc_cli_table *table, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Columns begin `indent` spaces from the left; a table without rows prints nothing. */
octavo_status oc_cli_table_print(oc_cli_table *table, int indent, octavo_error *error);
/* The same into a buffer, `room` characters wide; 0: as wide as need be. */
octavo_status oc_cli_table_write(oc_cli_table *table, int indent, int room, oc_buffer *out,
                                 octavo_error *error);
void oc_cli_table_close(oc_cli_table *table);

/* Adds text wrapped at stdout's width, each line behind `indent` spaces. */
void oc_cli_wrap(oc_buffer *out, const char *text, int indent);

/* Prints a paragraph wrapped at stdout's width. */
void oc_cli_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A member with so many decimals; null where the value is not finite. */
void oc_cli_json_fixed(oc_json_writer *json, const char *key, double value, int decimals);
/* Finishes and prints to stdout with a line's end. */
octavo_status oc_cli_json_print(oc_json_writer *json, octavo_error *error);

#endif
