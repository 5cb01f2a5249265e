/* permission.c - see permission.h. */
#include "backends/cpu/machine/permission.h"

#include <stdatomic.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { UNASKED, GIVEN, REFUSED };
enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };

const char *oc_cpu_tiles_refused(void) {
    static atomic_int answer = UNASKED;
#if defined(__x86_64__)
    if (atomic_load(&answer) == UNASKED) { /* two that ask at once get the same answer */
        long refused = syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA);
        atomic_store(&answer, refused == 0 ? GIVEN : REFUSED);
    }
#endif
    return atomic_load(&answer) == GIVEN ? NULL : "the operating system's permission for AMX";
}
