/* status.h - how a function fails: one status, one `done:` label, one sentence.
 *
 *     octavo_status status = OCTAVO_OK;
 *     OC_TRY(read_header(file, &header, error));
 *     if (header.count > OC_LIMIT_TENSORS)
 *         OC_FAIL(error, OCTAVO_CORRUPT, 8, "header lists %u tensors, the limit is %u", ...);
 * done:
 *     free(header.names);
 *     return status;
 *
 * OC_FAIL and OC_TRY are for anything that a user, a file or the system can
 * cause.  OC_ASSERT is for what only a bug in octavo can cause; it is checked
 * in debug, fuzz and sanitizer builds (OC_CHECKED).
 */
#ifndef OC_BASE_STATUS_H
#define OC_BASE_STATUS_H

#include "octavo.h"

/* Fills *error (unless NULL or already filled) and returns `status`. */
octavo_status oc_fail(octavo_error *error, octavo_status status, uint64_t offset,
                      const char *source, int line, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

/* Notes the file at fault, unless one is noted already.  error may be NULL. */
void oc_error_path(octavo_error *error, const char *path);

/* Makes *error (unless NULL) empty, so that it can be filled anew. */
void oc_error_clear(octavo_error *error);

/* Tells `progress` (NULL: nobody asks) how far the work is.
 *   CANCELLED  it does not want the rest */
octavo_status oc_progress(octavo_progress progress, void *user, const char *what, uint64_t done,
                          uint64_t total, octavo_error *error);

#define OC_TRY(expr)                                                                               \
    do {                                                                                           \
        if ((status = (expr)) != OCTAVO_OK) {                                                      \
            goto done;                                                                             \
        }                                                                                          \
    } while (0)

#define OC_FAIL(error, code, offset, ...)                                                          \
    do {                                                                                           \
        status = oc_fail((error), (code), (offset), __FILE__, __LINE__, __VA_ARGS__);              \
        goto done;                                                                                 \
    } while (0)

#define OC_NO_MEMORY(error, bytes)                                                                 \
    OC_FAIL((error), OCTAVO_EXHAUSTED, OCTAVO_NO_OFFSET,                                           \
            "out of memory: %zu bytes are not to be had", (size_t)(bytes))

#ifdef OC_CHECKED
_Noreturn void oc_assert_failed(const char *source, int line, const char *what);
#define OC_ASSERT(cond) ((cond) ? (void)0 : oc_assert_failed(__FILE__, __LINE__, #cond))
#else
#define OC_ASSERT(cond) ((void)sizeof((cond) ? 1 : 0))
#endif

/* For sentences: "%d file%s", count, OC_PLURAL(count). */
#define OC_PLURAL(count) ((count) == 1 ? "" : "s")

#define OC_COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
