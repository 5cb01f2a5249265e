/* series.c - see series.h. */
#include "cli/drift/series.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/sys/io.h"

/* -- reports -------------------------------------------------------------------------------- */

static octavo_status keep(oc_cli_reports *reports, oc_arena *arena, const oc_cli_node *report,
                          octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    if (reports->count == reports->capacity) { /* the old list stays in the arena */
        int32_t capacity = reports->capacity ? 2 * reports->capacity : 16;
        const oc_cli_node **items = oc_arena_alloc(arena, (size_t)capacity * sizeof *items);
        if (!items) {
            OC_NO_MEMORY(error, (size_t)capacity * sizeof *items);
        }
        if (reports->count) {
            memcpy(items, reports->items, (size_t)reports->count * sizeof *items);
        }
        reports->items = items;
        reports->capacity = capacity;
    }
    reports->items[reports->count++] = report;
done:
    return status;
}

/* The report that a line is or has; NULL: none. */
static const oc_cli_node *find(const oc_cli_node *line) {
    const oc_cli_node *inner = oc_cli_at(line, "drift");
    return oc_cli_at(line, "towers") ? line : oc_cli_at(inner, "towers") ? inner : NULL;
}

octavo_status oc_cli_reports_add(oc_cli_reports *reports, oc_arena *arena, const char *text,
                                 octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_cli_node *line = NULL, *report;
    OC_TRY(oc_cli_tree(text, arena, &line, error));
    report = find(line);
    if (!report) {
        OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET,
                "this JSON has no member towers: it is no "
                "drift report");
    }
    OC_TRY(keep(reports, arena, report, error));
    reports->last = text;
done:
    return status;
}

octavo_status oc_cli_reports_read(oc_cli_reports *reports, oc_arena *arena, const char *path,
                                  octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    char *bytes = NULL;
    size_t size;
    OC_TRY(oc_file_load(path, OC_LIMIT_LIST_BYTES, &bytes, &size, error));
    char *text = oc_arena_text(arena, bytes, size); /* trees borrow nothing, but the last line */
    if (!text) {
        OC_NO_MEMORY(error, size);
    }
    if (oc_cli_reports_add(reports, arena, text, NULL) == OCTAVO_OK) {
        goto done; /* the whole file is one */
    }
    for (char *line = text, *next; line; line = next) {
        next = strchr(line, '\n');
        if (next) {
            *next++ = '\0';
        }
        octavo_status added = oc_cli_reports_add(reports, arena, line, NULL);
        if (added == OCTAVO_EXHAUSTED) {
            OC_NO_MEMORY(error, size);
        }
        reports->others += added != OCTAVO_OK && line[0] != '\0';
    }
    if (reports->count == 0) {
        OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET,
                "it is no drift report, and none of its %d lines is one or has one as its member "
                "drift",
                reports->others);
    }
done:
    free(bytes);
    if (status != OCTAVO_OK) {
        oc_error_path(error, path);
    }
    return status;
}

/* -- series --------------------------------------------------------------------------------- */

static const oc_cli_node *by_text(const oc_cli_node *items, const char *key, const char *text) {
    while (items && strcmp(oc_cli_text(items, key, ""), text) != 0) {
        items = items->next;
    }
    return items;
}

static int32_t children(const oc_cli_node *node) {
    return node ? node->count : 0;
}

static void add(oc_cli_series *series, double rows, const oc_cli_node *distance,
                const oc_cli_node *chance) {
    bool is_new = series->count == 0 || rows > series->items[series->count - 1].rows;
    if (is_new && distance && chance && distance->type == OC_JSON_NUMBER &&
        chance->type == OC_JSON_NUMBER) {
        series->items[series->count++] = (oc_cli_moment){rows, distance->number, chance->number};
    }
}

static void add_report(const oc_cli_node *report, const char *tower_name, const char *name,
                       oc_cli_series *series) {
    const oc_cli_node *tower = by_text(oc_cli_items(report, "towers"), "tower", tower_name);
    const oc_cli_node *history = oc_cli_at(tower, "history");
    const oc_cli_node *then = by_text(oc_cli_items(history, "statistics"), "name", name);
    const oc_cli_node *now = by_text(oc_cli_items(tower, "statistics"), "name", name);
    const oc_cli_node *rows = oc_cli_items(history, "rows");
    const oc_cli_node *distance = oc_cli_items(then, "distance");
    const oc_cli_node *chance = oc_cli_items(then, "chance");
    while (rows && distance && chance) {
        add(series, rows->number, distance, chance);
        rows = rows->next;
        distance = distance->next;
        chance = chance->next;
    }
    add(series, oc_cli_number(tower, "rows_watched", 0), oc_cli_at(now, "distance"),
        oc_cli_at(now, "chance"));
}

octavo_status oc_cli_series_of(const oc_cli_reports *reports, const char *tower, const char *name,
                               oc_arena *arena, oc_cli_series *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    size_t most = 0;
    for (int32_t i = 0; i < reports->count; i++) {
        const oc_cli_node *of = by_text(oc_cli_items(reports->items[i], "towers"), "tower", tower);
        most += 1 + (size_t)children(oc_cli_at(oc_cli_at(of, "history"), "rows"));
    }
    *out = (oc_cli_series){.items = oc_arena_alloc(arena, most * sizeof *out->items)};
    if (!out->items) {
        OC_NO_MEMORY(error, most * sizeof *out->items);
    }
    for (int32_t i = 0; i < reports->count; i++) {
        add_report(reports->items[i], tower, name, out);
    }
done:
    return status;
}
