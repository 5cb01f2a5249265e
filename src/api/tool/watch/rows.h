/* rows.h - what is watched of a run beside its embeddings: the numbers of each input, and the codes
 * that its session counted. */
#ifndef OC_API_TOOL_WATCH_ROWS_H
#define OC_API_TOOL_WATCH_ROWS_H

#include "api/objects.h"
#include "watch/math/codes.h"
#include "watch/reference.h"

/* What numbers are read with; made once for an engine, then only read. */
typedef struct oc_row_reader {
    const octavo_engine *engine;
    uint8_t *lone; /* [vocabulary]: whether an id is one byte of a longer character; may be NULL */
    int32_t vocabulary, end;
    float factor[3], offset[3]; /* from pixel_values back to bytes, a channel each */
} oc_row_reader;

octavo_status oc_row_reader_create(const octavo_engine *engine, oc_row_reader *out,
                                   octavo_error *error);
void oc_row_reader_free(oc_row_reader *reader); /* a zeroed one is accepted */

/* The numbers of the rows of an input (pixels, pixel_values or input_ids) to scalars
 * [rows, OC_SCALAR_COUNT], NAN where they are not known or the tensor is not in the host's memory.
 * sizes [rows, 2]: width and height of the picture, as it is looked at; NULL: not known. */
void oc_row_reader_read(const oc_row_reader *reader, const octavo_argument *input,
                        const int32_t *sizes, float *scalars);

/* Calls `take` for each step of the tower whose codes the session counted since the last call. */
void oc_take_codes(oc_session *session, const oc_tower *tower,
                   void (*take)(void *user, const char *step, const oc_code_count *count),
                   void *user);

#endif
