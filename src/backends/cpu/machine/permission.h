/* permission.h - the operating system's permission to use AMX.
 *
 * Linux gives the 8 KiB of tile registers only to processes that ask.  It refuses where a process
 * has set up a signal stack that is too small for them; Octavo sets up none. */
#ifndef OC_CPU_MACHINE_PERMISSION_H
#define OC_CPU_MACHINE_PERMISSION_H

/* Asks, the first time.  NULL: given, for all threads from here on.  Else a word for what refuses,
 * "the operating system's permission for AMX".  Only where oc_cpu_features has AMX_TILE. */
const char *oc_cpu_tiles_refused(void);

#endif
