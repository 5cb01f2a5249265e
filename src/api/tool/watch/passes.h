/* passes.h - images and texts through an engine, for whoever looks at what comes out: calibrate,
 * which learns from it, and drift, which compares it. */
#ifndef OC_API_TOOL_WATCH_PASSES_H
#define OC_API_TOOL_WATCH_PASSES_H

#include "api/tool.h"
#include "api/tool/watch/rows.h"

typedef struct oc_pass {
    /* set by the caller */
    octavo_engine *engine;
    const octavo_tool_watch_data *data; /* images and texts; how */
    const octavo_tool_listener *listener;
    /* rows: the embeddings, before they are normalised; scalars as oc_row_reader_read.  The codes
     * of the run can be taken from the session. */
    octavo_status (*take)(void *user, oc_session *session, const oc_tower *tower,
                          const float *embeddings, const float *scalars, int32_t rows,
                          octavo_error *error);
    void *user;
    /* what was run */
    int32_t images, texts, skipped;
    char device[160]; /* that ran it */
} oc_pass;

/* Runs what data names, images first.  Images of a folder come in an order of their own, which a
 * seed decides: files of a kind lie together in folders, and do not come together.
 *   INVALID_ARGUMENT  neither images nor texts are given
 *   NOT_FOUND         no such folder or file; no images in it; no such tower, or no tokenizer
 *   CORRUPT           none of the images can be read; there is no text in the file
 *   others            as octavo_model_load, octavo_session_create and octavo_session_run */
octavo_status oc_pass_run(oc_pass *pass, octavo_error *error);

#endif
