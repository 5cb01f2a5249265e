/* step_table.c - see step_table.h. */
#include "cli/output/step_table.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

char *oc_cli_pattern(const char *name, oc_arena *arena) {
    char *pattern = oc_arena_text(arena, name, strlen(name)), *to = pattern;
    for (const char *at = name; pattern && *at;) {
        size_t digits = strspn(at, "0123456789");
        bool begins = at == name || at[-1] == '.';
        if (digits && begins && (at[digits] == '.' || !at[digits])) {
            *to++ = '*';
            at += digits;
        } else {
            *to++ = *at++;
        }
    }
    if (pattern) {
        *to = 0;
    }
    return pattern;
}

/* True where two reasons differ in numbers only; *larger: b's is the larger where they first do. */
static bool is_same_reason(const char *a, const char *b, bool *larger) {
    bool decided = false;
    *larger = false;
    while (*a && *b) {
        if (isdigit((unsigned char)*a) && isdigit((unsigned char)*b)) {
            char *end_a, *end_b;
            double left = strtod(a, &end_a), right = strtod(b, &end_b);
            if (!decided && left != right) {
                *larger = right > left;
                decided = true;
            }
            a = end_a;
            b = end_b;
        } else if (*a++ != *b++) {
            return false;
        }
    }
    return *a == *b;
}

static bool is_alike(const oc_cli_step *a, const oc_cli_step *b, bool *larger) {
    return strcmp(a->name, b->name) == 0 && strcmp(a->kind, b->kind) == 0 &&
           strcmp(a->kernel, b->kernel) == 0 && strcmp(a->what, b->what) == 0 &&
           is_same_reason(a->why, b->why, larger);
}

octavo_status oc_cli_group(const oc_cli_node *list, const char *name_key, oc_arena *arena,
                           oc_cli_step **out, int32_t *count, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    size_t bytes = ((size_t)(list ? list->count : 0) + 1) * sizeof **out;
    *count = 0;
    *out = oc_arena_alloc(arena, bytes);
    if (!*out) {
        OC_NO_MEMORY(error, bytes);
    }
    for (const oc_cli_node *node = list ? list->first : NULL; node; node = node->next) {
        oc_cli_step step = {
            .name = oc_cli_pattern(oc_cli_text(node, name_key, "?"), arena),
            .kind = oc_cli_text(node, "kind", ""),
            .kernel = oc_cli_text(node, "kernel", ""),
            .what = oc_cli_text(node, "what", ""),
            .why = oc_cli_text(node, "why", ""),
            .operands = oc_cli_text(node, "operands", ""),
        };
        if (!step.name) {
            OC_NO_MEMORY(error, bytes);
        }
        int32_t i = 0;
        bool larger = false;
        while (i < *count && !is_alike(&(*out)[i], &step, &larger)) {
            i++;
        }
        if (i == *count) {
            (*out)[(*count)++] = step;
        }
        if (larger) {
            (*out)[i].why = step.why;
        }
        (*out)[i].count++;
        (*out)[i].seconds += oc_cli_number(node, "seconds", 0);
        (*out)[i].flop += oc_cli_number(node, "flop", 0);
        (*out)[i].bytes += oc_cli_number(node, "bytes", 0);
    }
done:
    return status;
}
