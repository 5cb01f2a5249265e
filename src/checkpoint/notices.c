/* notices.c - see notices.h. */
#include "checkpoint/notices.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void oc_notice(oc_notices *notices, const char *format, ...) {
    char text[500] = "";
    va_list args;
    if (!notices) {
        return;
    }
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    const char *copy =
        notices->count < OC_NOTICES_MAX ? oc_arena_text(&notices->arena, text, strlen(text)) : NULL;
    if (copy) {
        notices->texts[notices->count++] = copy;
    } else {
        notices->left_out++;
    }
}

void oc_notices_free(oc_notices *notices) {
    oc_arena_free(&notices->arena);
    *notices = (oc_notices){0};
}
