/* table.h - the TENSORS section, read: every tensor's name, type, place and chunk hashes. */
#ifndef OC_ENGINE_TABLE_H
#define OC_ENGINE_TABLE_H

#include "base/strmap.h"
#include "engine/format.h"
#include "engine/reader.h"

typedef struct oc_tensor_table {
    oc_engine_tensor *tensors; /* owned */
    oc_strmap by_name;         /* name -> number */
    int32_t count;
    uint64_t weights_bytes; /* of the WEIGHTS section */
    uint64_t weights_checksum;
} oc_tensor_table;

/* Reads and checks a TENSORS section that lies at `offset` of its file; tensors borrow names and
 * hashes from `data`, which is aligned to 8.  On failure *out is empty.
 *   CORRUPT      anything that format.h does not allow
 *   UNSUPPORTED  a dtype that octavo does not know
 *   EXHAUSTED    out of memory */
octavo_status oc_tensor_table_read(const void *data, size_t bytes, uint64_t offset,
                                   oc_tensor_table *out, octavo_error *error);
void oc_tensor_table_free(oc_tensor_table *table);

/* The tensor's number, or -1. */
int32_t oc_tensor_table_find(const oc_tensor_table *table, const char *name);

#endif
