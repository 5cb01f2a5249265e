/* drift.c - see drift.h. */
#include "serve/observe/drift.h"

#include "serve/observe/log.h"

/* Of one core's time: looking at rows must not be felt. */
#define BUDGET 0.01

octavo_tool_watch *oc_srv_drift_open(octavo_engine *engine, const char *model) {
    octavo_error error;
    octavo_tool_watch *watch = NULL;
    octavo_tool_watch_options options = {.budget = BUDGET};
    oc_error_clear(&error);
    octavo_status status = octavo_tool_watch_create(engine, &options, &watch, &error);
    if (status != OCTAVO_OK && status != OCTAVO_NOT_FOUND) {
        oc_srv_log(OC_SRV_ALARM, "drift", model, "drift is not watched: %s", error.message);
    }
    return watch;
}

/* In the words of the statistic that says most. */
static void tell(oc_srv_model *model, int32_t state) {
    static const char *const names[] = {"ok", "warning", "alarm"};
    octavo_tool_watch_value values[OCTAVO_WATCH_VALUES_MAX];
    int32_t count = octavo_tool_watch_values(model->watch, values, OCTAVO_WATCH_VALUES_MAX);
    const octavo_tool_watch_value *worst = NULL;
    for (int32_t i = 0; i < count; i++) {
        if (values[i].state == state && (!worst || values[i].sure > worst->sure)) {
            worst = &values[i];
        }
    }
    if (state == 0 || !worst) {
        oc_srv_log(OC_SRV_NOTICE, "drift", model->name,
                   "drift is %s: what comes is like what the engine was calibrated on",
                   names[state]);
        return;
    }
    oc_srv_log(OC_SRV_ALARM, "drift", model->name,
               "drift is %s: %s %s is %.3g away from the calibration, %.3g of it for sure",
               names[state], worst->tower, worst->name, worst->distance, worst->sure);
}

void oc_srv_drift_run(oc_srv_model *model, octavo_session *session, const octavo_argument *inputs,
                      int32_t input_count, const octavo_argument *outputs, int32_t output_count) {
    if (!model->watch) {
        return;
    }
    octavo_tool_watch_run(model->watch, session, inputs, input_count, outputs, output_count, NULL);
    int32_t state = octavo_tool_watch_state(model->watch);
    if (state >= 0 && atomic_exchange(&model->drift, state) != state) {
        tell(model, state);
    }
}

octavo_status oc_srv_drift_report(oc_srv_model *model, char **out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    *out = NULL;
    if (!model->watch) {
        OC_FAIL(error, OCTAVO_NOT_FOUND, OCTAVO_NO_OFFSET,
                "the engine of %s has no reference to hold its traffic against; octavo calibrate "
                "adds one",
                model->name);
    }
    OC_TRY(octavo_tool_watch_report(model->watch, 1, out, error));
done:
    return status;
}
