/* library.h - shared libraries that are opened when they are first needed. */
#ifndef OC_BASE_LIBRARY_H
#define OC_BASE_LIBRARY_H

#include <stddef.h>

/* A function, and where its address goes in a table of them. */
typedef struct oc_symbol {
    const char *name;
    size_t offset;
} oc_symbol;

typedef enum oc_library_found {
    OC_LIBRARY_LOADED,
    OC_LIBRARY_ABSENT,
    OC_LIBRARY_LACKS
} oc_library_found;

/* Fills `table` with the addresses of functions of the library called `file`, which stays loaded.
 * ABSENT: it cannot be opened; LACKS: it has no function *missing. */
oc_library_found oc_library_load(const char *file, const oc_symbol *symbols, size_t count,
                                 void *table, const char **missing);

#endif
