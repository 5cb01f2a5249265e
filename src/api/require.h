/* require.h - arguments of octavo.h's functions that may not be NULL or negative. */
#ifndef OC_API_REQUIRE_H
#define OC_API_REQUIRE_H

#include "base/status.h"

/* In a function with `status` and `done:`. */
#define OC_REQUIRE(error, argument)                                                                \
    do {                                                                                           \
        if ((argument) == NULL) {                                                                  \
            OC_FAIL((error), OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET, "%s is NULL", #argument);  \
        }                                                                                          \
    } while (0)

#endif
