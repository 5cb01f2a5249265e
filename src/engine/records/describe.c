/* describe.c - counting what an engine file holds. */
#include "engine/records/describe.h"

#include <stdbool.h>
#include <string.h>

static const octavo_dtype dtypes[] = {
#define XX(name, value, text, bytes) OCTAVO_##name,
    OCTAVO_DTYPE_MAP(XX)
#undef XX
};
_Static_assert(OC_COUNT(dtypes) <= OC_ENGINE_DTYPES_MAX, "room for every dtype");

static bool is_model(uint32_t type) {
    return type == OC_SECTION_WEIGHTS || type == OC_SECTION_TENSORS || type == OC_SECTION_GRAPH;
}

void oc_engine_describe(const oc_engine_file *file, oc_engine_facts *out) {
    const oc_format_front *front = oc_engine_file_front(file);
    memset(out, 0, sizeof *out);
    out->major = front->header.major;
    out->minor = front->header.minor;
    out->file_bytes = front->header.file_bytes;
    out->record_bytes = sizeof *front;
    out->section_count = (int32_t)front->header.section_count;
    for (int32_t i = 0; i < out->section_count; i++) {
        const oc_format_section *section = &front->sections[i];
        out->sections[i] = (oc_engine_section_facts){.kind = oc_section_kind_of(section->type),
                                                     .type = section->type,
                                                     .offset = section->offset,
                                                     .bytes = section->bytes,
                                                     .checksum = section->checksum};
        *(is_model(section->type) ? &out->model_bytes : &out->record_bytes) += section->bytes;
    }
    for (size_t d = 0; d < OC_COUNT(dtypes); d++) {
        oc_engine_dtype_facts *facts = &out->dtypes[out->dtype_count];
        for (int32_t i = 0; i < oc_engine_tensor_count(file); i++) {
            const oc_engine_tensor *tensor = oc_engine_tensor_at(file, i);
            if (tensor->dtype == dtypes[d]) {
                facts->dtype = tensor->dtype;
                facts->tensors++;
                facts->bytes += tensor->bytes;
            }
        }
        out->tensor_bytes += facts->bytes;
        out->dtype_count += facts->tensors > 0;
    }
}
