/* temporary.h - the neighbours under which outputs are written, and what killed processes left.
 *
 * A temporary is locked (flock) for as long as somebody writes it.  The system takes the lock away
 * with its process, however that ends: so a temporary of ours that nobody holds was left behind,
 * on whatever machine or in whatever container it was made.  Where a file system has no locks,
 * nothing is ever taken for left behind.
 */
#ifndef OC_BASE_TEMPORARY_H
#define OC_BASE_TEMPORARY_H

#include <stdbool.h>
#include <stdint.h>

/* ".NAME.PPPPPPPPXXXXXXXX.tmp" beside `path`: this process's number and something random, in hex;
 * long names are cut so that it stays a legal name.  NULL when memory is out: free() it. */
char *oc_temporary_name(const char *path);
/* Whether `entry` is such a name for files called `name`, and whose. */
bool oc_temporary_is_of(const char *entry, const char *name, uint32_t *process);

/* Locks what was just created at `path` and is open as fd; until that is closed it is held.  False:
 * it was taken for left behind meanwhile and is gone; another is to be created. */
bool oc_temporary_hold(int fd, const char *path);

/* Opens and locks a file or folder of this user that nobody holds.  -1: there is none such. */
int oc_temporary_claim(const char *path);

/* Removes a file, or a folder with all it holds; links are not followed. */
void oc_temporary_remove(const char *path);

/* Removes what was left behind beside `path` by those who wrote it. */
void oc_temporary_sweep(const char *path);

#endif
