/* glob.c - only the latest '*' is ever tried again: what an earlier one could take, it can too. */
#include "checkpoint/quant/glob.h"

#include <stddef.h>

bool oc_glob_match(const char *pattern, const char *text) {
    const char *star = NULL, *taken = NULL; /* behind the latest '*'; end of what it takes */
    while (*text) {
        if (*pattern == '*') {
            star = ++pattern;
            taken = text;
        } else if (*pattern == '?' || *pattern == *text) {
            pattern++;
            text++;
        } else if (star) {
            pattern = star;
            text = ++taken;
        } else {
            return false;
        }
    }
    while (*pattern == '*') {
        pattern++;
    }
    return !*pattern;
}
