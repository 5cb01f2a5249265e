/* gaps.c - what backends cannot do, each with its reason.  A case named here must be refused as
 * UNSUPPORTED; one that passes has to leave the list. */
#include <fnmatch.h>
#include <string.h>

#include "conformance/suite.h"

const oc_gap oc_gaps_never[] = {
    {"cpu", "*", "patches *-> codes", "patches leave as floats; a norm step quantizes them"},
    {"cuda", "*", "patches *-> codes", "patches leave as floats; a norm step quantizes them"},
    {NULL, NULL, NULL, NULL},
};

const oc_gap oc_gaps_not_yet[] = {
    {"cpu", "*", "attention *codes in*", "attention takes floats for q, k and v"},
    {"cuda", "*", "attention *codes in*", "attention takes floats for q, k and v"},
    {NULL, NULL, NULL, NULL},
};

const oc_gap *oc_gap_find(const oc_gap *list, const char *backend, const char *tier,
                          const char *name) {
    for (const oc_gap *gap = list; gap->backend != NULL; gap++) {
        if (strcmp(gap->backend, backend) == 0 &&
            (strcmp(gap->tier, "*") == 0 || strcmp(gap->tier, tier) == 0) &&
            fnmatch(gap->pattern, name, 0) == 0) {
            return gap;
        }
    }
    return NULL;
}
