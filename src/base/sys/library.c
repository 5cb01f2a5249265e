/* library.c - see library.h. */
#include "base/sys/library.h"

#include <dlfcn.h>
#include <string.h>

oc_library_found oc_library_load(const char *file, const oc_symbol *symbols, size_t count,
                                 void *table, const char **missing) {
    void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    *missing = NULL;
    if (library == NULL) {
        return OC_LIBRARY_ABSENT;
    }
    for (size_t i = 0; i < count; i++) {
        void *address = dlsym(library, symbols[i].name);
        if (address == NULL) {
            *missing = symbols[i].name;
            return OC_LIBRARY_LACKS;
        }
        memcpy((char *)table + symbols[i].offset, &address, sizeof address);
    }
    return OC_LIBRARY_LOADED;
}
