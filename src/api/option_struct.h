/* option_struct.h - structs of options, whose first member says how much of them the caller knows.
 */
#ifndef OC_API_OPTION_STRUCT_H
#define OC_API_OPTION_STRUCT_H

#include <string.h>

#include "base/status.h"

/* Copies the caller's `given` (NULL: all defaults) over the defaults in `to`, which has `known`
 * bytes; both begin with struct_size.  A caller built against an older header has a shorter struct,
 * of `least` bytes or more; one built against a newer header a longer one.
 *   INVALID_ARGUMENT  a struct_size below `least`: it was not set */
static inline octavo_status oc_options_copy(void *to, size_t known, const void *given, size_t least,
                                            const char *name, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    size_t size = known;
    if (given == NULL) {
        goto done;
    }
    memcpy(&size, given, sizeof size);
    if (size < least) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "struct_size of %s is %zu, it must be sizeof(%s), which is %zu", name, size, name,
                known);
    }
    memcpy(to, given, size < known ? size : known);
done:
    return status;
}

/* The end of a struct as of version 0.1, whose last member was `last`. */
#define OC_OPTIONS_LEAST(type, last) (offsetof(type, last) + sizeof(((type *)NULL)->last))

#endif
