/* build_report.h - what octavo_build tells about its work, as JSON. */
#ifndef OC_API_BUILD_REPORT_H
#define OC_API_BUILD_REPORT_H

#include "api/source.h"

typedef struct oc_build_facts {
    char version[32];
    char precision[96];                      /* in words, by what the modules became */
    uint64_t checkpoint_bytes, tensor_bytes; /* tensors in, tensors out */
    int32_t part_canaries, model_canaries;
    double seconds;
} oc_build_facts;

/* What is known before anything is written. */
void oc_build_facts_begin(oc_build_facts *facts, const oc_source *source);

/* {"checkpoint","engine","name","precision","seconds","checkpoint_bytes","tensor_bytes",
 *  "engine_bytes","towers":[{"name","layers","width","heads","parameters","weight_bytes","operands":[{"weight",
 *  "acts","modules","parameters"}...]}...],"widened":[{"module","why"}...],"unmerged","unread":[],"notices":[],
 *  "canaries":{"part","model"},"sections":[{"name","bytes"}...]} */
octavo_status oc_build_report(const oc_source *source, const oc_build_facts *facts,
                              const char *checkpoint, const char *engine, char **out,
                              octavo_error *error);

#endif
