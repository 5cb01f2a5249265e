/* plot.c - see plot.h. */
#include "cli/drift/plot.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/output/render.h"

/* All in pixels. */
enum {
    WIDTH = 980,
    TOP = 64,
    ROW = 150,   /* a statistic */
    TITLE = 24,  /* of a row, above its panels */
    HEIGHT = 92, /* of a panel */
    LEFT = 56,   /* where the first panel begins: numbers stand before it */
    LINE_WIDTH = 540,
    BARS_LEFT = 680,
    BARS_WIDTH = 270
};

static const char BLUE[] = "#1f6feb", GRAY[] = "#8b949e", INK[] = "#24292f", ORANGE[] = "#bf6a00",
                  RED[] = "#cf222e", GREEN[] = "#1a7f37";

static void escape(oc_buffer *out, const char *text) {
    for (; *text; text++) {
        if (*text == '<' || *text == '>' || *text == '&' || *text == '"') {
            oc_buffer_printf(out, "&#%d;", *text);
        } else {
            oc_buffer_byte(out, *text);
        }
    }
}

static void write_text(oc_buffer *out, double x, double y, const char *anchor, const char *colour,
                       int size, const char *text) {
    oc_buffer_printf(out,
                     "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" fill=\"%s\" font-size=\"%d\">",
                     x, y, anchor, colour, size);
    escape(out, text);
    oc_buffer_text(out, "</text>\n");
}

static const char *colour_of(const char *state) {
    return strcmp(state, "alarm") == 0 ? RED : strcmp(state, "warning") == 0 ? ORANGE : GREEN;
}

/* -- a statistic over time ------------------------------------------------------------------ */

typedef struct panel {
    oc_buffer *out;
    const oc_cli_series *series;
    bool squared;             /* what is sure is of the roots */
    double warning, alarm;    /* of what is sure */
    double top;               /* of the picture to this panel */
    double first, last, most; /* of rows; of distances */
} panel;

/* The distance at which so much is sure. */
static double level(const panel *p, double chance, double sure) {
    double root = sqrt(chance) + sqrt(sure);
    return p->squared ? root * root : chance + sure;
}

static double x_of(const panel *p, double rows) {
    double span = p->last - p->first;
    return LEFT + (span > 0 ? LINE_WIDTH * (rows - p->first) / span : LINE_WIDTH / 2.0);
}

static double y_of(const panel *p, double value) {
    return p->top + HEIGHT - HEIGHT * fmin(value / p->most, 1);
}

typedef double value_of(const panel *p, const oc_cli_moment *moment);

static double distance_of(const panel *p, const oc_cli_moment *moment) {
    (void)p;
    return moment->distance;
}

static double chance_of(const panel *p, const oc_cli_moment *moment) {
    (void)p;
    return moment->chance;
}

static double warning_of(const panel *p, const oc_cli_moment *moment) {
    return level(p, moment->chance, p->warning);
}

static double alarm_of(const panel *p, const oc_cli_moment *moment) {
    return level(p, moment->chance, p->alarm);
}

static void draw_points(const panel *p, value_of *of) {
    for (int32_t i = 0; i < p->series->count; i++) {
        const oc_cli_moment *moment = &p->series->items[i];
        oc_buffer_printf(p->out, "%.1f,%.1f ", x_of(p, moment->rows), y_of(p, of(p, moment)));
    }
}

static void draw_line(const panel *p, value_of *of, const char *colour, double width,
                      const char *dashes) {
    oc_buffer_text(p->out, "<polyline fill=\"none\" points=\"");
    draw_points(p, of);
    oc_buffer_printf(p->out, "\" stroke=\"%s\" stroke-width=\"%.1f\" stroke-dasharray=\"%s\"/>\n",
                     colour, width, dashes);
}

/* What chance explains: everything under it. */
static void draw_chance(const panel *p) {
    oc_buffer_printf(p->out, "<polygon fill=\"%s\" fill-opacity=\"0.18\" points=\"%.1f,%.1f ", GRAY,
                     x_of(p, p->first), p->top + HEIGHT);
    draw_points(p, chance_of);
    oc_buffer_printf(p->out, "%.1f,%.1f\"/>\n", x_of(p, p->last), p->top + HEIGHT);
}

static void draw_frame(const panel *p) {
    char text[48], rows[OC_CLI_NUMBER_TEXT];
    oc_buffer_printf(p->out,
                     "<path d=\"M%d %.1f V%.1f H%d\" fill=\"none\" stroke=\"%s\" "
                     "stroke-width=\"1\"/>\n",
                     LEFT, p->top, p->top + HEIGHT, LEFT + LINE_WIDTH, GRAY);
    snprintf(text, sizeof text, "%.2g", p->most);
    write_text(p->out, LEFT - 6, p->top + 8, "end", GRAY, 11, text);
    write_text(p->out, LEFT - 6, p->top + HEIGHT, "end", GRAY, 11, "0");
    if (p->last > p->first) {
        snprintf(text, sizeof text, "%s", oc_cli_grouped(p->first, rows));
        write_text(p->out, LEFT, p->top + HEIGHT + 14, "start", GRAY, 11, text);
    }
    snprintf(text, sizeof text, "%s rows", oc_cli_grouped(p->last, rows));
    write_text(p->out, p->last > p->first ? LEFT + LINE_WIDTH : x_of(p, p->last),
               p->top + HEIGHT + 14, p->last > p->first ? "end" : "middle", GRAY, 11, text);
}

static void draw_series(panel *p) {
    const oc_cli_series *series = p->series;
    if (series->count == 0) {
        return;
    }
    p->first = series->items[0].rows;
    p->last = series->items[series->count - 1].rows;
    for (int32_t i = 0; i < series->count; i++) {
        p->most = fmax(p->most, fmax(series->items[i].distance, alarm_of(p, &series->items[i])));
    }
    p->most = p->most > 0 ? 1.05 * p->most : 1;
    draw_frame(p);
    draw_chance(p);
    draw_line(p, warning_of, ORANGE, 1.2, "5 4");
    draw_line(p, alarm_of, RED, 1.2, "5 4");
    draw_line(p, distance_of, BLUE, 1.8, "none");
    const oc_cli_moment *last = &series->items[series->count - 1];
    oc_buffer_printf(p->out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"/>\n",
                     x_of(p, last->rows), y_of(p, last->distance), BLUE);
}

/* -- a number's distribution ---------------------------------------------------------------- */

static double largest(const oc_cli_node *shares, double least) {
    for (; shares; shares = shares->next) {
        least = fmax(least, shares->number);
    }
    return least;
}

static void draw_bars(oc_buffer *out, const oc_cli_node *statistic, double top) {
    const oc_cli_node *edges = oc_cli_items(statistic, "edges");
    const oc_cli_node *then = oc_cli_items(statistic, "reference");
    const oc_cli_node *now = oc_cli_items(statistic, "now");
    const oc_cli_node *list = oc_cli_at(statistic, "now");
    double most = largest(now, largest(then, 1e-9));
    int32_t count = list ? list->count : 0;
    char text[OC_CLI_NUMBER_TEXT];
    for (int32_t i = 0; i < count && then && now; i++, then = then->next, now = now->next) {
        double width = (double)BARS_WIDTH / count, x = BARS_LEFT + i * width;
        double old = HEIGHT * then->number / most, new = HEIGHT * now->number / most;
        oc_buffer_printf(out,
                         "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\" "
                         "fill-opacity=\"0.35\"/>\n",
                         x + 1, top + HEIGHT - old, width - 2, old, GRAY);
        oc_buffer_printf(out,
                         "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\" "
                         "fill-opacity=\"0.75\"/>\n",
                         x + width / 4, top + HEIGHT - new, width / 2, new, BLUE);
    }
    if (count > 0 && edges) {
        oc_buffer_printf(out,
                         "<path d=\"M%d %.1f H%d\" fill=\"none\" stroke=\"%s\" "
                         "stroke-width=\"1\"/>\n",
                         BARS_LEFT, top + HEIGHT, BARS_LEFT + BARS_WIDTH, GRAY);
        snprintf(text, sizeof text, fabs(edges->number) < 1000 ? "< %.4g" : "< %.0f",
                 edges->number);
        write_text(out, BARS_LEFT, top + HEIGHT + 14, "start", GRAY, 11, text);
        double before = edges->number, last = edges->number;
        while (edges->next) {
            before = edges->number;
            edges = edges->next;
            last = edges->number;
        }
        bool beside = last > before && last - before <= fmax(1e-6 * fabs(last), 1e-30);
        snprintf(text, sizeof text,
                 beside              ? "over %.4g"
                 : fabs(last) < 1000 ? "%.4g and over"
                                     : "%.0f and over",
                 beside ? before : last); /* a value that many have in common has a bin */
        write_text(out, BARS_LEFT + BARS_WIDTH, top + HEIGHT + 14, "end", GRAY, 11, text);
    }
}

/* -- the whole ------------------------------------------------------------------------------ */

static octavo_status draw_statistic(const oc_cli_reports *reports, const char *tower,
                                    const oc_cli_node *statistic, double top, oc_arena *arena,
                                    oc_buffer *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_cli_series series;
    char title[200];
    const char *name = oc_cli_text(statistic, "name", "?");
    const char *state = oc_cli_text(statistic, "state", "?");
    OC_TRY(oc_cli_series_of(reports, tower, name, arena, &series, error));
    panel p = {.out = out,
               .series = &series,
               .squared = oc_cli_true(statistic, "squared"),
               .warning = oc_cli_number(statistic, "warning", 0),
               .alarm = oc_cli_number(statistic, "alarm", 0),
               .top = top + TITLE};
    snprintf(title, sizeof title, "%.20s %.40s", tower, name);
    write_text(out, LEFT, top + 14, "start", INK, 14, title);
    snprintf(title, sizeof title, "%.20s: distance %.3g, chance %.3g, sure %.3g", state,
             oc_cli_number(statistic, "distance", 0), oc_cli_number(statistic, "chance", 0),
             oc_cli_number(statistic, "sure", 0));
    write_text(out, LEFT + LINE_WIDTH, top + 14, "end", colour_of(state), 12, title);
    draw_series(&p);
    draw_bars(out, statistic, p.top);
    if (oc_cli_text(statistic, "quantizer", NULL)) {
        snprintf(title, sizeof title, "most at %.150s", oc_cli_text(statistic, "quantizer", ""));
        write_text(out, BARS_LEFT, p.top + 14, "start", GRAY, 12, title);
    }
done:
    return status;
}

static void draw_legend(oc_buffer *out) {
    static const struct {
        const char *colour, *text;
        int x;
        bool box;
    } items[] = {{BLUE, "distance, and now", LEFT, false},
                 {GRAY, "explained by chance, and at calibration", LEFT + 150, true},
                 {ORANGE, "a warning begins", LEFT + 430, false},
                 {RED, "an alarm begins", LEFT + 570, false}};
    for (size_t i = 0; i < OC_COUNT(items); i++) {
        oc_buffer_printf(out,
                         "<rect x=\"%d\" y=\"%d\" width=\"16\" height=\"%d\" fill=\"%s\" "
                         "fill-opacity=\"%s\"/>\n",
                         items[i].x, items[i].box ? 38 : 43, items[i].box ? 12 : 3, items[i].colour,
                         items[i].box ? "0.35" : "1");
        write_text(out, items[i].x + 22, 49, "start", INK, 12, items[i].text);
    }
}

octavo_status oc_cli_drift_plot(const oc_cli_reports *reports, oc_arena *arena, oc_buffer *out,
                                octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_cli_node *report = oc_cli_reports_last(reports);
    const char *state = oc_cli_text(report, "state", "?");
    char title[300];
    int32_t rows = 0;
    for (const oc_cli_node *t = oc_cli_items(report, "towers"); t; t = t->next) {
        const oc_cli_node *statistics = oc_cli_at(t, "statistics");
        rows += statistics ? statistics->count : 0;
    }
    oc_buffer_printf(out,
                     "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
                     "viewBox=\"0 0 %d %d\" font-family=\"sans-serif\">\n"
                     "<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n",
                     WIDTH, TOP + rows * ROW, WIDTH, TOP + rows * ROW);
    snprintf(title, sizeof title, "Drift of %.200s: %.20s", oc_cli_text(report, "engine", "?"),
             state);
    write_text(out, LEFT, 24, "start", colour_of(state), 18, title);
    draw_legend(out);
    double top = TOP;
    for (const oc_cli_node *t = oc_cli_items(report, "towers"); t; t = t->next) {
        for (const oc_cli_node *s = oc_cli_items(t, "statistics"); s; s = s->next) {
            OC_TRY(
                draw_statistic(reports, oc_cli_text(t, "tower", "?"), s, top, arena, out, error));
            top += ROW;
        }
    }
    oc_buffer_text(out, "</svg>\n");
    OC_TRY(oc_buffer_status(out, error));
done:
    return status;
}
