/* notices.h - what was read in another way than a file asks for, or left unread: sentences for
 * the build report. */
#ifndef OC_CHECKPOINT_NOTICES_H
#define OC_CHECKPOINT_NOTICES_H

#include <stdint.h>

#include "base/arena.h"

enum { OC_NOTICES_MAX = 32 };

/* Zeroed is empty.  One thread at a time. */
typedef struct oc_notices {
    oc_arena arena;
    const char *texts[OC_NOTICES_MAX]; /* each without a full stop */
    int32_t count;
    int32_t left_out; /* notices beyond OC_NOTICES_MAX, or for which memory was out */
} oc_notices;

/* Adds one, cut to 500 bytes.  notices may be NULL. */
void oc_notice(oc_notices *notices, const char *format, ...) __attribute__((format(printf, 2, 3)));
void oc_notices_free(oc_notices *notices);

#endif
