/* learn_engine.h - the reference of an engine, learned from data that it runs. */
#ifndef OC_API_TOOL_WATCH_LEARN_ENGINE_H
#define OC_API_TOOL_WATCH_LEARN_ENGINE_H

#include "api/tool/watch/passes.h"

typedef struct oc_learned {
    oc_buffer section;  /* of type REFERENCE; to be initialised before and freed after */
    int32_t quantizers; /* that it tells of */
    oc_pass pass;       /* what was run */
} oc_learned;

/* Appends to out->section.  Errors: octavo_tool_calibrate's. */
octavo_status oc_learn_engine(octavo_engine *engine, const octavo_tool_watch_data *data,
                              const octavo_tool_listener *listener, oc_learned *out,
                              octavo_error *error);

/* What a reference takes at least, of a tower that it tells of. */
enum { OC_LEARN_ENGINE_LEAST = 32 };

#endif
