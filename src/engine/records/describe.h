/* describe.h - an engine file in figures, as plain data, for `octavo inspect`. */
#ifndef OC_ENGINE_DESCRIBE_H
#define OC_ENGINE_DESCRIBE_H

#include "engine/front.h"
#include "engine/reader.h"

typedef struct oc_engine_section_facts {
    const oc_section_kind *kind; /* name, flags, what it holds; NULL: not known, ignored */
    uint32_t type;
    uint64_t offset, bytes, checksum;
} oc_engine_section_facts;

typedef struct oc_engine_dtype_facts {
    octavo_dtype dtype;
    int32_t tensors;
    uint64_t bytes;
} oc_engine_dtype_facts;

enum { OC_ENGINE_DTYPES_MAX = 16 };

typedef struct oc_engine_facts {
    uint32_t major, minor;
    uint64_t file_bytes;
    uint64_t tensor_bytes; /* without padding */
    uint64_t model_bytes;  /* sections WEIGHTS, TENSORS and GRAPH */
    uint64_t record_bytes; /* all others, and the front */
    int32_t section_count, dtype_count;
    oc_engine_section_facts sections[OC_FORMAT_SECTIONS_MAX]; /* in file order */
    oc_engine_dtype_facts dtypes[OC_ENGINE_DTYPES_MAX];       /* those in use, in enum order */
} oc_engine_facts;

void oc_engine_describe(const oc_engine_file *file, oc_engine_facts *out);

#endif
