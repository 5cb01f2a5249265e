/* batches.h - sizes of sessions, as a command is told them: "1,8,64". */
#ifndef OC_API_TOOL_BATCHES_H
#define OC_API_TOOL_BATCHES_H

#include <stdbool.h>
#include <string.h>

#include "base/json/number.h"
#include "base/limits.h"
#include "base/status.h"

typedef struct oc_batches {
    bool has[OC_LIMIT_BATCH + 1];
    int32_t count;
} oc_batches;

/* INVALID_ARGUMENT: a word that is no size. */
static inline octavo_status oc_batches_read(const char *words, oc_batches *out,
                                            octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int64_t value;
    memset(out, 0, sizeof *out);
    for (const char *at = words; at != NULL; at = strchr(at, ',')) {
        at += *at == ',';
        size_t length = strcspn(at, ",");
        if (!oc_parse_int64(at, length, &value) || value < 1 || value > OC_LIMIT_BATCH) {
            OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                    "batches are whole numbers from 1 to %d, not \"%.*s\"", OC_LIMIT_BATCH,
                    (int)(length < 64 ? length : 64), at);
        }
        out->count += !out->has[value];
        out->has[value] = true;
    }
done:
    return status;
}

#endif
