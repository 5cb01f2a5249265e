/* data.h - what calibrate and drift run through an engine, as the command line says. */
#ifndef OC_CLI_DRIFT_DATA_H
#define OC_CLI_DRIFT_DATA_H

#include "api/tool.h"
#include "cli/line/options.h"

static inline octavo_tool_watch_data oc_cli_watch_data(const oc_cli_options *options) {
    return (octavo_tool_watch_data){.images = options->images,
                                    .texts = options->texts_file,
                                    .limit = options->limit,
                                    .threads = options->threads,
                                    .device = options->device,
                                    .tier = options->tier,
                                    .disable = options->disable};
}

#endif
