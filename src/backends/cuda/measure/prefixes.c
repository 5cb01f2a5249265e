/* prefixes.c - see prefixes.h. */
#include "backends/cuda/measure/prefixes.h"

#include <stdlib.h>

struct oc_cuda_prefixes {
    const oc_cu_driver *driver; /* borrowed */
    oc_cu_stream stream;        /* borrowed */
    int32_t count;
    oc_cu_graph_exec *graphs; /* [count]: of 1, 2 ... steps */
    oc_cu_event *events;      /* [count + 1]: graph i is between i + 1 and i */
};

octavo_status oc_cuda_prefixes_create(const oc_cu_driver *driver, oc_cu_stream stream,
                                      int32_t step_count, oc_cuda_capture capture, void *program,
                                      oc_cuda_prefixes **out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_cuda_prefixes *prefixes = calloc(1, sizeof *prefixes);
    size_t most = (size_t)step_count + 1;
    *out = NULL;
    if (prefixes == NULL) {
        OC_NO_MEMORY(error, sizeof *prefixes);
    }
    prefixes->driver = driver;
    prefixes->stream = stream;
    prefixes->count = step_count;
    prefixes->graphs = calloc(most, sizeof(oc_cu_graph_exec));
    prefixes->events = calloc(most, sizeof(oc_cu_event));
    if (prefixes->graphs == NULL || prefixes->events == NULL) {
        OC_NO_MEMORY(error, most * sizeof(oc_cu_event));
    }
    for (int32_t i = 0; i <= step_count; i++) {
        OC_CU(driver, event_create(&prefixes->events[i], 0), "make an event", error);
    }
    for (int32_t i = 0; i < step_count; i++) {
        OC_TRY(capture(program, i + 1, &prefixes->graphs[i], error));
    }
    *out = prefixes;
    prefixes = NULL;
done:
    oc_cuda_prefixes_free(prefixes);
    return status;
}

void oc_cuda_prefixes_free(oc_cuda_prefixes *prefixes) {
    if (prefixes == NULL) {
        return;
    }
    for (int32_t i = 0; prefixes->graphs != NULL && i < prefixes->count; i++) {
        if (prefixes->graphs[i] != NULL) {
            prefixes->driver->graph_exec_free(prefixes->graphs[i]);
        }
    }
    for (int32_t i = 0; prefixes->events != NULL && i <= prefixes->count; i++) {
        if (prefixes->events[i] != NULL) {
            prefixes->driver->event_free(prefixes->events[i]);
        }
    }
    free(prefixes->graphs);
    free(prefixes->events);
    free(prefixes);
}

octavo_status oc_cuda_prefixes_time(oc_cuda_prefixes *prefixes, oc_step_report *reports,
                                    octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_cu_driver *cu = prefixes->driver;
    int32_t count = prefixes->count;
    double before = 0; /* of one step less */
    if (count == 0) {
        goto done;
    }
    /* A run ahead of all, so that the card works while the rest is handed to it: then no graph
     * waits for the host, the short ones at the end least of all. */
    OC_CU(cu, graph_launch(prefixes->graphs[count - 1], prefixes->stream), "start a graph", error);
    OC_CU(cu, event_record(prefixes->events[count], prefixes->stream), "record an event", error);
    for (int32_t i = count - 1; i >= 0; i--) {
        OC_CU(cu, graph_launch(prefixes->graphs[i], prefixes->stream), "start a graph", error);
        OC_CU(cu, event_record(prefixes->events[i], prefixes->stream), "record an event", error);
    }
    OC_CU(cu, stream_wait(prefixes->stream), "finish a run", error);
    for (int32_t i = 0; i < count; i++) {
        float milliseconds = 0;
        OC_CU(cu, event_elapsed(&milliseconds, prefixes->events[i + 1], prefixes->events[i]),
              "time a step", error);
        reports[i].seconds = 1e-3 * (double)milliseconds - before;
        before = 1e-3 * (double)milliseconds;
    }
done:
    return status;
}
