/* writer.h - making an engine file.
 *
 *     oc_engine_writer_create(path)
 *     begin_tensor, append, append, ..., end_tensor     for each tensor, in file order
 *     oc_engine_writer_section(type, ...)                whenever; the file has them by type
 *     oc_engine_writer_finish
 *     oc_engine_writer_free
 *
 * Weights go to the disk as they come and are hashed on the way; the writer keeps the tensor table
 * and copies of the other sections, a few MB for any model.  The same calls give the same bytes.
 *
 * The file appears under its name in one moment, in oc_engine_writer_finish, synced and whole; a
 * writer that is freed earlier, or a process that is killed, leaves nothing under it.
 *
 * One thread at a time.  After a function here has failed, only oc_engine_writer_free may follow.
 */
#ifndef OC_ENGINE_WRITER_H
#define OC_ENGINE_WRITER_H

#include "base/status.h"
#include "engine/format.h"

typedef struct oc_engine_writer oc_engine_writer;

/* CANNOT_CREATE: the folder is missing or not writable. */
octavo_status oc_engine_writer_create(const char *path, oc_engine_writer **out,
                                      octavo_error *error);
void oc_engine_writer_free(oc_engine_writer *writer); /* NULL is accepted */

/* name: 1 to OC_LIMIT_TENSOR_NAME printable ASCII characters without space; it and shape [rank] are
 * copied.
 *   INVALID_ARGUMENT, UNSUPPORTED, CORRUPT  name, dtype or shape against format.h
 *   BAD_STATE  the tensor before was not ended */
octavo_status oc_engine_writer_begin_tensor(oc_engine_writer *writer, const char *name,
                                            octavo_dtype dtype, int32_t rank, const int64_t *shape,
                                            octavo_error *error);
/* The next bytes of the tensor, row-major, in pieces of any size.
 *   INVALID_ARGUMENT  more than the shape holds
 *   IO                the system failed to write (disk full included) */
octavo_status oc_engine_writer_append(oc_engine_writer *writer, const void *data, size_t bytes,
                                      octavo_error *error);
/* INVALID_ARGUMENT: fewer bytes came than the shape holds. */
octavo_status oc_engine_writer_end_tensor(oc_engine_writer *writer, octavo_error *error);

/* A section as a whole, copied; not TENSORS or WEIGHTS, which the writer makes.
 *   INVALID_ARGUMENT  empty, or given before */
octavo_status oc_engine_writer_section(oc_engine_writer *writer, oc_section_type type,
                                       const void *data, size_t bytes, octavo_error *error);

/* Writes what is left and checks the tables as a reader will.  The whole file can then be read
 * under *temporary (borrowed), to be tried before it gets its name.  Errors: finish's. */
octavo_status oc_engine_writer_seal(oc_engine_writer *writer, const char **temporary,
                                    octavo_error *error);

/* Seals, unless that was done, syncs and renames.
 *   CORRUPT  tables that a reader would refuse: a tensor's name twice, META or GRAPH missing
 *   IO       the system failed to write */
octavo_status oc_engine_writer_finish(oc_engine_writer *writer, octavo_error *error);

#endif
