/* steps.c - see steps.h. */
#include "steps.h"

#include <ctype.h>
#include <string.h>

/* "layers.11.fc1" becomes "layers.*.fc1": a number between dots is a layer's. */
static char *pattern_of(const char *name, oc_arena *arena) {
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

static bool is_alike(const oc_cli_step *a, const oc_cli_step *b) {
    return strcmp(a->name, b->name) == 0 && strcmp(a->kind, b->kind) == 0 &&
           strcmp(a->kernel, b->kernel) == 0 && strcmp(a->what, b->what) == 0 &&
           strcmp(a->why, b->why) == 0;
}

octavo_status oc_cli_group_steps(const oc_cli_node *program, oc_arena *arena, oc_cli_step **out,
                                 int32_t *count, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_cli_node *list = oc_cli_at(program, "steps");
    size_t bytes = ((size_t)(list ? list->count : 0) + 1) * sizeof **out;
    *count = 0;
    *out = oc_arena_alloc(arena, bytes);
    if (!*out) {
        OC_NO_MEMORY(error, bytes);
    }
    for (const oc_cli_node *node = list ? list->first : NULL; node; node = node->next) {
        oc_cli_step step = {
            .name = pattern_of(oc_cli_text(node, "name", "?"), arena),
            .kind = oc_cli_text(node, "kind", ""),
            .kernel = oc_cli_text(node, "kernel", ""),
            .what = oc_cli_text(node, "what", ""),
            .why = oc_cli_text(node, "why", ""),
        };
        if (!step.name) {
            OC_NO_MEMORY(error, bytes);
        }
        int32_t i = 0;
        while (i < *count && !is_alike(&(*out)[i], &step)) {
            i++;
        }
        if (i == *count) {
            (*out)[(*count)++] = step;
        }
        (*out)[i].count++;
        (*out)[i].seconds += oc_cli_number(node, "seconds", 0);
    }
done:
    return status;
}
