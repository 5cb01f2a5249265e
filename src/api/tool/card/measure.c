/* measure.c - what a session's work is, what its device does at most, and where a run's time goes.
 */
#include <stdio.h>
#include <string.h>

#include "api/objects.h"
#include "api/require.h"
#include "api/tool.h"
#include "backends/cpu/cpu.h"
#include "backends/cuda/cuda.h"
#include "backends/cuda/measure/ceilings.h"
#include "backends/cuda/measure/state.h"

double octavo_tool_flop(const octavo_session *session, int32_t tower, int32_t batch,
                        int32_t tokens) {
    if (session == NULL || oc_tower_of_bit(tower) == NULL || batch < 0 || tokens < 0) {
        return 0;
    }
    const oc_graph *graph = &session->model->engine->graph;
    const oc_tower *row = oc_tower_of_bit(tower);
    double macs = 0;
    for (oc_value v = 0; v < graph->node_count; v++) {
        const oc_node *node = &graph->nodes[v];
        bool ours = oc_tower_has_value(row, node->name);
        double rows, width = (double)node->type.dims[node->type.rank == 3 ? 2 : 1];
        if (node->op == OC_OP_LINEAR) {
            if (!ours && strcmp(node->name, row->embeds_raw) != 0) {
                continue;
            }
            rows = node->type.rank == 2     ? 1
                   : node->type.dims[1] > 0 ? (double)node->type.dims[1]
                                            : tokens;
            macs += rows * width * (double)graph->nodes[node->inputs[1]].type.dims[1];
        } else if (node->op == OC_OP_ATTENTION && ours) {
            rows = node->type.dims[1] > 0 ? (double)node->type.dims[1] : tokens;
            macs += 2 * rows * rows * width;
        } else if (node->op == OC_OP_PATCH_EMBED && ours) {
            const oc_type *w = &graph->nodes[node->inputs[1]].type;
            macs += (double)node->type.dims[1] * width * 3.0 * (double)(w->dims[2] * w->dims[3]);
        }
    }
    return 2.0 * macs * batch;
}

const char *octavo_tool_peak_name(const octavo_session *session) {
    const oc_device *device = session == NULL ? NULL : oc_model_device(session->model->model);
    return device == NULL || device->backend != &oc_backend_cpu ? NULL
                                                                : oc_cpu_peak_name(device, 0);
}

double octavo_tool_peak_gflops(octavo_session *session) {
    return octavo_tool_peak_name(session) == NULL
               ? 0
               : oc_cpu_peak_rate(oc_model_device(session->model->model), 0, session->info.threads);
}

octavo_tool_times octavo_tool_run_times(const octavo_session *session) {
    oc_times times = {-1, -1, -1};
    if (session != NULL) {
        times = oc_session_times(session->session);
    }
    return (octavo_tool_times){times.to_device, times.device, times.from_device};
}

octavo_status octavo_tool_measure_ceilings(octavo_session *session, octavo_tool_ceilings *out,
                                           octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_cuda_ceilings card;
    oc_error_clear(error);
    OC_REQUIRE(error, out);
    *out = (octavo_tool_ceilings){.f8_flops = 0};
    OC_REQUIRE(error, session);
    const oc_device *device = oc_model_device(session->model->model);
    if (device->backend == &oc_backend_cuda) {
        OC_TRY(oc_cuda_measure_ceilings(device, &card, error));
        *out = (octavo_tool_ceilings){.f8_flops = card.f8_flops,
                                      .f16_flops = card.f16_flops,
                                      .bytes_per_s = card.bytes_per_s};
        snprintf(out->source, sizeof out->source, "%s", card.source);
    } else {
        out->f8_flops = out->f16_flops = 1e9 * octavo_tool_peak_gflops(session);
        snprintf(out->source, sizeof out->source,
                 out->f8_flops > 0
                     ? "multiply-adds of %s measured on the same threads; memory is not measured"
                     : "not measured on this device",
                 octavo_tool_peak_name(session));
    }
done:
    return status;
}

octavo_status octavo_tool_card(const octavo_session *session, octavo_tool_card_state *out,
                               octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_cuda_state state;
    oc_error_clear(error);
    OC_REQUIRE(error, out);
    *out = (octavo_tool_card_state){-1, -1, -1, -1, 0};
    OC_REQUIRE(error, session);
    const oc_device *device = oc_model_device(session->model->model);
    if (device->backend != &oc_backend_cuda) {
        OC_FAIL(error, OCTAVO_UNAVAILABLE, OCTAVO_NO_OFFSET, "device %s is no GPU",
                device->backend->name);
    }
    OC_TRY(oc_cuda_read_state(device, &state, error));
    *out = (octavo_tool_card_state){state.sm_mhz, state.memory_mhz, state.watts, state.celsius,
                                    state.throttled};
done:
    return status;
}

const char *octavo_tool_card_reason(int32_t index) {
    return oc_cuda_throttle_reason(index);
}

uint64_t octavo_tool_session_bytes(const octavo_session *session) {
    return session == NULL ? 0 : session->model->info.weight_bytes + session->info.bytes;
}
