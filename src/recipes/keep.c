/* keep.c - see keep.h. */
#include "recipes/keep.h"

#include <string.h>

#include "base/limits.h"
#include "checkpoint/quant/glob.h"

static const char type[] = "=f16";

typedef struct item {
    const char *next; /* the rest of the list */
    char glob[OC_LIMIT_TENSOR_NAME + 1];
} item;

/* The next item of the list, or false at its end; glob is "" where it is malformed. */
static bool read_item(item *at) {
    size_t length = strcspn(at->next, ","), tail = sizeof type - 1;
    if (length == 0 && at->next[0] == '\0') {
        return false;
    }
    at->glob[0] = '\0';
    if (length > tail && length - tail < sizeof at->glob &&
        memcmp(at->next + length - tail, type, tail) == 0) {
        memcpy(at->glob, at->next, length - tail);
        at->glob[length - tail] = '\0';
    }
    at->next += length + (at->next[length] == ',');
    return true;
}

octavo_status oc_keep_check(const char *keep, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    for (item at = {.next = keep == NULL ? "" : keep}; read_item(&at);) {
        if (at.glob[0] == '\0') {
            OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                    "keep is '%s', it must be GLOB=f16, several with commas between", keep);
        }
    }
done:
    return status;
}

bool oc_keep_has(const char *keep, const char *module) {
    for (item at = {.next = keep == NULL ? "" : keep}; read_item(&at);) {
        if (oc_glob_match(at.glob, module)) {
            return true;
        }
    }
    return false;
}

octavo_status oc_keep_check_used(const char *keep, const oc_recipe_module *modules, int32_t count,
                                 octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    for (item at = {.next = keep == NULL ? "" : keep}; read_item(&at);) {
        int32_t i = 0;
        while (i < count && !oc_glob_match(at.glob, modules[i].name)) {
            i++;
        }
        if (i == count) {
            OC_FAIL(
                error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "no linear module matches '%s', which is to be kept; they have names such as %s",
                at.glob, count == 0 ? "" : modules[0].name);
        }
    }
done:
    return status;
}
