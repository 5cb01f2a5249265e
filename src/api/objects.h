/* objects.h - what engines, models and sessions are made of, for the files of src/api. */
#ifndef OC_API_OBJECTS_H
#define OC_API_OBJECTS_H

#include "engine/reader.h"
#include <stdatomic.h>

#include "engine/records/canary_record.h"
#include "engine/records/meta.h"
#include "ir/graph.h"
#include "lower/weights.h"
#include "runtime/session.h"
#include "text/bpe.h"
#include "vision/processor.h"

struct octavo_engine {
    atomic_int holders;
    oc_engine_file *file;
    oc_graph graph;
    oc_arena arena;
    oc_engine_meta meta;
    oc_bpe *bpe;        /* NULL: no tokenizer */
    bool has_processor; /* an image tower */
    oc_image_processor processor;
    oc_canary *canaries;
    int32_t canary_count;
    oc_tuned tuned; /* in the arena */
    octavo_engine_info info;
};

struct octavo_model {
    atomic_int holders;
    oc_model *model;
    octavo_engine *engine; /* held */
    char about[512];       /* what info.device_about says */
    octavo_model_info info;
};

struct octavo_session {
    oc_session *session;
    octavo_model *model; /* held */
    octavo_session_info info;
    /* Of octavo_tool_watch_session: the latest run counted codes; runs since then. */
    bool is_watched, counts_codes;
    uint32_t watched_runs;
};

/* Adds a holder; *_free takes one away. */
void oc_engine_hold(octavo_engine *engine);
void oc_model_hold(octavo_model *model);

/* NOT_FOUND where it cannot take texts, or images: the sentence says what is missing. */
octavo_status oc_engine_has_tokenizer(const octavo_engine *engine, octavo_error *error);
octavo_status oc_engine_has_processor(const octavo_engine *engine, octavo_error *error);

/* Where the section lies in the file; 0 where it has none. */
uint64_t oc_section_offset(const octavo_engine *engine, oc_section_type type);

/* A weight source that reads an engine file. */
oc_weight_source oc_engine_source(const octavo_engine *engine);

#endif
