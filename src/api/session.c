/* session.c - octavo.h's sessions over src/runtime's. */
#include <stdlib.h>

#include "api/backends.h"
#include "api/objects.h"
#include "api/option_struct.h"
#include "base/limits.h"
#include "base/sys/threads.h"

octavo_status octavo_session_create(const octavo_engine *engine,
                                    const octavo_session_options *options, octavo_session **out,
                                    octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    octavo_session_options given = {.struct_size = sizeof given};
    oc_session_options inner = {0};
    oc_device_options device = {0};
    octavo_session *session = calloc(1, sizeof *session);
    oc_error_clear(error);
    *out = NULL;
    if (session == NULL) {
        OC_NO_MEMORY(error, sizeof *session);
    }
    OC_TRY(oc_options_copy(&given, sizeof given, options,
                           OC_OPTIONS_LEAST(octavo_session_options, flags),
                           "octavo_session_options", error));
    if ((given.flags & ~OCTAVO_KEEP_HIDDEN) != 0) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "flags is %d, only %d (OCTAVO_KEEP_HIDDEN) is known", given.flags,
                OCTAVO_KEEP_HIDDEN);
    }
    if (given.threads < 0 || given.threads > OC_LIMIT_THREADS) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "%d threads are asked for, it can be 1 to %d (0: one for each usable core)",
                given.threads, OC_LIMIT_THREADS);
    }
    OC_TRY(oc_savings_parse(given.disable, &inner.savings, error));
    device.tier = given.tier;
    device.threads = given.threads;
    inner.towers = given.towers;
    inner.batch_max = given.batch_max;
    inner.tokens_max = given.tokens_max;
    inner.keep_hidden = (given.flags & OCTAVO_KEEP_HIDDEN) != 0;
    inner.canaries = engine->canaries;
    inner.canary_count = engine->canary_count;
    oc_weight_source source = oc_engine_source(engine);
    OC_TRY(oc_device_open_by_name(given.device, &device, &inner.device, error));
    OC_TRY(oc_session_create(&engine->graph, &source, &inner, &session->session, error));
    session->engine = engine;
    session->threads = given.threads == 0 ? oc_usable_cores() : given.threads;
    *out = session;
    session = NULL;
done:
    free(session);
    if (status != OCTAVO_OK) {
        oc_error_path(error, oc_engine_file_path(engine->file));
    }
    return status;
}

void octavo_session_free(octavo_session *session) {
    if (session != NULL) {
        oc_session_free(session->session);
        free(session);
    }
}

int32_t octavo_session_binding_count(const octavo_session *session) {
    return oc_session_binding_count(session->session);
}

const octavo_binding *octavo_session_binding(const octavo_session *session, int32_t i) {
    return oc_session_binding(session->session, i);
}

octavo_status octavo_session_run(octavo_session *session, const octavo_argument *inputs,
                                 int32_t input_count, const octavo_argument *outputs,
                                 int32_t output_count, octavo_error *error) {
    oc_error_clear(error);
    return oc_session_run(session->session, inputs, input_count, outputs, output_count, error);
}
