/* model.h - the graph of an engine file, its constants tied to the file's tensors. */
#ifndef OC_ENGINE_MODEL_H
#define OC_ENGINE_MODEL_H

#include "engine/reader.h"
#include "ir/graph.h"

/* Reads section GRAPH into the empty graph *out and gives each entry of its tensor table the number
 * of the file's tensor of that name as `source`.  On failure *out is empty.
 *   CORRUPT    the graph is malformed, or a tensor is missing or of another type than it says
 *   EXHAUSTED  out of memory */
octavo_status oc_engine_graph(const oc_engine_file *file, oc_graph *out, octavo_error *error);

#endif
