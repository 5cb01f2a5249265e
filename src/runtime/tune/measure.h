/* measure.h - the time that a step of a plan takes, in each of several ways.
 *
 * The step is put into a plan of its own, again and again: as one launch after another, as in a
 * run.  A product meets another copy of its weight each time, so many that no cache holds them all;
 * activations are two sets in turns, which lie where those of a run lie: in a cache if they fit.
 * All ways are timed in turns, so that a card that warms up is the same to all of them.
 */
#ifndef OC_RUNTIME_MEASURE_H
#define OC_RUNTIME_MEASURE_H

#include "runtime/model.h"

/* Seconds of one execution of step `index` of `plan`, medians: out [count], tactics [count].  At
 * most about `seconds` are spent on measuring, but each way is run three times. */
octavo_status oc_measure_step(oc_device *device, const oc_plan *plan, int32_t index,
                              const oc_tactic *tactics, int32_t count, double seconds, double *out,
                              octavo_error *error);

#endif
