/* prefixes.h - what each step adds to a run.
 *
 * Kernels of a graph overlap: one begins to load while its predecessor ends, and an event between
 * the two would keep them apart.  So none is put there.  For each number of steps there is a graph
 * of the first so many; all are run one behind the other, and what a step takes is what its graph
 * takes longer than the one without it: in its place, with the caches as its predecessors leave
 * them, all overlap counted.  The sum is the run's time.  A single difference can be below 0 by
 * chance; over some runs that evens out.  The first step has the start of the graph with it.
 */
#ifndef OC_BACKENDS_CUDA_MEASURE_PREFIXES_H
#define OC_BACKENDS_CUDA_MEASURE_PREFIXES_H

#include "backends/cuda/driver.h"
#include "device/device.h"

typedef struct oc_cuda_prefixes oc_cuda_prefixes;

/* Makes the graph of the program's first `steps` steps, 1 .. step_count. */
typedef octavo_status (*oc_cuda_capture)(void *program, int32_t steps, oc_cu_graph_exec *out,
                                         octavo_error *error);

/* The context is current; the stream is borrowed. */
octavo_status oc_cuda_prefixes_create(const oc_cu_driver *driver, oc_cu_stream stream,
                                      int32_t step_count, oc_cuda_capture capture, void *program,
                                      oc_cuda_prefixes **out, octavo_error *error);
void oc_cuda_prefixes_free(oc_cuda_prefixes *prefixes); /* NULL is accepted */

/* Runs them all, the longest first, and waits; reports [step_count] receive their seconds.  What
 * the last one leaves in memory is no run's result. */
octavo_status oc_cuda_prefixes_time(oc_cuda_prefixes *prefixes, oc_step_report *reports,
                                    octavo_error *error);

#endif
