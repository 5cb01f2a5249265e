/* tolerances.c - see tolerances.h.  Columns: op,kernel,metric,limit,reason. */
#include "support/tolerances.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct line {
    char op[32], kernel[32], metric[32], reason[256];
    double limit;
} line;

static bool read_line(const char *text, line *out) {
    char limit[32];
    char *end;
    if (sscanf(text, "%31[^,],%31[^,],%31[^,],%31[^,],%255[^\n]", out->op, out->kernel, out->metric,
               limit, out->reason) != 5) {
        return false;
    }
    out->limit = strtod(limit, &end);
    return *end == '\0' && end != limit && out->limit >= 0;
}

static double find(const char *op, const char *kernel, const char *metric) {
    const char *path = PROJECT_DIR "/tests/tolerances.csv";
    FILE *file = fopen(path, "r");
    char text[512];
    size_t length = strcspn(kernel, " ");
    double named = -1, other = -1;
    int number = 0;
    while (file != NULL && fgets(text, sizeof text, file) != NULL) {
        line at;
        number++;
        if (number == 1) {
            continue;
        }
        if (!read_line(text, &at)) {
            fprintf(stderr, "%s:%d: not op,kernel,metric,limit,reason\n", path, number);
            abort();
        }
        if (strcmp(at.op, op) != 0 || strcmp(at.metric, metric) != 0) {
            continue;
        }
        if (strcmp(at.kernel, "*") == 0) {
            other = at.limit;
        } else if (strlen(at.kernel) == length && strncmp(at.kernel, kernel, length) == 0) {
            named = at.limit;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return named >= 0 ? named : other;
}

double oc_tolerance(const char *op, const char *kernel, const char *metric) {
    double limit = find(op, kernel, metric);
    if (limit < 0 && strcmp(metric, "code_max") == 0) {
        limit = find(op, kernel, "rel_max");
    }
    if (limit < 0) {
        fprintf(stderr, "tests/tolerances.csv has no limit of %s for op %s, kernel %s\n", metric,
                op, kernel);
        abort();
    }
    return limit;
}
