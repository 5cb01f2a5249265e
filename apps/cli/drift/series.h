/* series.h - drift reports, one or a log of them, and how a statistic went over them. */
#ifndef OC_CLI_DRIFT_SERIES_H
#define OC_CLI_DRIFT_SERIES_H

#include "cli/output/tree.h"

/* Reports in order; trees and the list are in the arena. */
typedef struct oc_cli_reports {
    const oc_cli_node **items;
    int32_t count, capacity;
    int32_t others;   /* lines that are none */
    const char *last; /* text of the last one */
} oc_cli_reports;

/* Adds one report.  CORRUPT: it is none. */
octavo_status oc_cli_reports_add(oc_cli_reports *reports, oc_arena *arena, const char *text,
                                 octavo_error *error);

/* Reads a file: one report, or a log whose lines are reports or have one as their member "drift".
 * Other lines are counted.
 *   NOT_FOUND, IO  the file
 *   CORRUPT        no line has one */
octavo_status oc_cli_reports_read(oc_cli_reports *reports, oc_arena *arena, const char *path,
                                  octavo_error *error);

/* The newest; there is one. */
static inline const oc_cli_node *oc_cli_reports_last(const oc_cli_reports *reports) {
    return reports->items[reports->count - 1];
}

/* One comparison. */
typedef struct oc_cli_moment {
    double rows, distance, chance;
} oc_cli_moment;

typedef struct oc_cli_series {
    oc_cli_moment *items; /* by rows, ascending; in the arena */
    int32_t count;
} oc_cli_series;

/* The comparisons of a statistic of a tower that all reports tell of. */
octavo_status oc_cli_series_of(const oc_cli_reports *reports, const char *tower, const char *name,
                               oc_arena *arena, oc_cli_series *out, octavo_error *error);

#endif
