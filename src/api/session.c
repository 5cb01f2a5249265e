/* session.c - octavo.h's sessions over src/runtime's. */
#include <stdlib.h>

#include "api/objects.h"
#include "api/option_struct.h"
#include "api/require.h"
#include "base/sys/threads.h"

octavo_status octavo_session_create(octavo_model *model, const octavo_session_options *options,
                                    octavo_session **out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    octavo_session_options given = {.struct_size = sizeof given};
    octavo_session *session = NULL;
    oc_error_clear(error);
    OC_REQUIRE(error, out);
    *out = NULL;
    OC_REQUIRE(error, model);
    session = calloc(1, sizeof *session);
    if (session == NULL) {
        OC_NO_MEMORY(error, sizeof *session);
    }
    OC_TRY(oc_options_copy(&given, sizeof given, options,
                           OC_OPTIONS_LEAST(octavo_session_options, towers),
                           "octavo_session_options", error));
    oc_session_options inner = {.towers = given.towers,
                                .batch_max = given.batch_max,
                                .tokens_max = given.tokens_max,
                                .threads = given.threads};
    OC_TRY(oc_session_create(model->model, &inner, &session->session, error));
    oc_model_hold(model);
    session->model = model;
    session->info = (octavo_session_info){
        .towers = oc_session_towers(session->session),
        .batch_max = oc_session_batch_max(session->session),
        .tokens_max = oc_session_tokens_max(session->session),
        .threads = given.threads == 0 ? oc_usable_cores() : given.threads,
        .bytes = oc_session_bytes(session->session),
    };
    *out = session;
    session = NULL;
done:
    octavo_session_free(session);
    if (status != OCTAVO_OK && model != NULL) {
        oc_error_path(error, oc_engine_file_path(model->engine->file));
    }
    return status;
}

void octavo_session_free(octavo_session *session) {
    if (session != NULL) {
        oc_session_free(session->session);
        octavo_model_free(session->model);
        free(session);
    }
}

const octavo_session_info *octavo_session_describe(const octavo_session *session) {
    return session == NULL ? NULL : &session->info;
}

int32_t octavo_session_binding_count(const octavo_session *session) {
    return session == NULL ? 0 : oc_session_binding_count(session->session);
}

const octavo_binding *octavo_session_binding(const octavo_session *session, int32_t i) {
    return session == NULL ? NULL : oc_session_binding(session->session, i);
}

/* oc_session_run and oc_session_submit */
typedef octavo_status begin_fn(oc_session *, const octavo_argument *, int32_t,
                               const octavo_argument *, int32_t, const octavo_run_options *,
                               octavo_error *);

static octavo_status begin(begin_fn *begin_run, octavo_session *session,
                           const octavo_argument *inputs, int32_t input_count,
                           const octavo_argument *outputs, int32_t output_count,
                           const octavo_run_options *options, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    octavo_run_options given = {.struct_size = sizeof given};
    oc_error_clear(error);
    OC_REQUIRE(error, session);
    OC_TRY(oc_options_copy(&given, sizeof given, options,
                           OC_OPTIONS_LEAST(octavo_run_options, timeout_us), "octavo_run_options",
                           error));
    OC_TRY(begin_run(session->session, inputs, input_count, outputs, output_count, &given, error));
done:
    return status;
}

octavo_status octavo_session_run(octavo_session *session, const octavo_argument *inputs,
                                 int32_t input_count, const octavo_argument *outputs,
                                 int32_t output_count, const octavo_run_options *options,
                                 octavo_error *error) {
    return begin(oc_session_run, session, inputs, input_count, outputs, output_count, options,
                 error);
}

octavo_status octavo_session_submit(octavo_session *session, const octavo_argument *inputs,
                                    int32_t input_count, const octavo_argument *outputs,
                                    int32_t output_count, const octavo_run_options *options,
                                    octavo_error *error) {
    return begin(oc_session_submit, session, inputs, input_count, outputs, output_count, options,
                 error);
}

octavo_status octavo_session_wait(octavo_session *session, int64_t timeout_us,
                                  octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_error_clear(error);
    OC_REQUIRE(error, session);
    OC_TRY(oc_session_wait(session->session, timeout_us, error));
done:
    return status;
}

octavo_status octavo_session_check(octavo_session *session, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_error_clear(error);
    OC_REQUIRE(error, session);
    OC_TRY(oc_session_check(session->session, error));
done:
    if (status != OCTAVO_OK && session != NULL) {
        oc_error_path(error, oc_engine_file_path(session->model->engine->file));
    }
    return status;
}
