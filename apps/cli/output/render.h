/* render.h - numbers and tables for people: at most 100 columns, aligned, without colour. */
#ifndef OC_CLI_RENDER_H
#define OC_CLI_RENDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/json/json_write.h"
#include "base/status.h"

enum { OC_CLI_WIDTH = 100, OC_CLI_NUMBER_TEXT = 32 };

/* "23.9 MB", "812 bytes" */
const char *oc_cli_bytes(double bytes, char text[OC_CLI_NUMBER_TEXT]);
/* "1,298,000" */
const char *oc_cli_grouped(double count, char text[OC_CLI_NUMBER_TEXT]);

/* Control characters and invalid UTF-8 in texts from files become '?', in place. */
void oc_cli_clean(char *text, bool keep_lines);

/* A table, filled row by row.
 *
 *     oc_cli_table_open(&table, "<tower|>layers|<why");
 *     oc_cli_table_cell(&table, "%s", name); ... one call a column
 *     OC_TRY(oc_cli_table_print(&table, 2, error));
 *
 * '<' and '>' align a column; a last column on the left is wrapped where it is too wide,
 * other cells are cut ("..").  Memory
 * that is out shows in oc_cli_table_print.  Print or close frees it. */
typedef struct oc_cli_table {
    const char *columns;
    oc_arena arena;
    char **cells;
    int32_t column_count, cell_count, capacity;
    bool failed;
} oc_cli_table;

void oc_cli_table_open(oc_cli_table *table, const char *columns);
void oc_cli_table_cell(oc_cli_table *table, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Columns begin `indent` spaces from the left; a table without rows prints nothing. */
octavo_status oc_cli_table_print(oc_cli_table *table, int indent, octavo_error *error);
void oc_cli_table_close(oc_cli_table *table);

/* Prints text wrapped at OC_CLI_WIDTH, each line behind `indent` spaces. */
void oc_cli_wrap(oc_buffer *out, const char *text, int indent);

/* A member with so many decimals; null where the value is not finite. */
void oc_cli_json_fixed(oc_json_writer *json, const char *key, double value, int decimals);
/* Finishes and prints to stdout with a line's end. */
octavo_status oc_cli_json_print(oc_json_writer *json, octavo_error *error);

#endif
