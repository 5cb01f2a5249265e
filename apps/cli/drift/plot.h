/* plot.h - drift reports as a picture: SVG, a row of panels for each statistic. */
#ifndef OC_CLI_DRIFT_PLOT_H
#define OC_CLI_DRIFT_PLOT_H

#include "base/buffer.h"
#include "cli/drift/series.h"

/* Appends the picture's text.  Of each statistic: its distance over the rows that were looked at,
 * beside what chance explains and where a warning and an alarm begin; and where it is of one
 * number, that number's distribution now and at calibration.  EXHAUSTED: out of memory */
octavo_status oc_cli_drift_plot(const oc_cli_reports *reports, oc_arena *arena, oc_buffer *out,
                                octavo_error *error);

#endif
