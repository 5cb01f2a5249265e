/* open_model.c - see open_model.h. */
#include "cli/commands/open_model.h"

#include <string.h>

#include "base/sys/clock.h"
#include "base/sys/threads.h"

octavo_status oc_cli_model_open(const oc_cli_options *options, oc_cli_model *out,
                                octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    uint64_t start = oc_clock_ns();
    *out = (oc_cli_model){.path = options->arguments.items[0]};
    OC_TRY(octavo_engine_open(out->path, &out->engine, error));
    out->info = octavo_engine_describe(out->engine);
    out->load_s = (double)(oc_clock_ns() - start) * 1e-9;
done:
    if (status) {
        oc_error_path(error, out->path);
    }
    return status;
}

octavo_status oc_cli_model_ready(const oc_cli_options *options, int32_t towers, int32_t batch,
                                 int32_t flags, oc_cli_model *model, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    uint64_t start = oc_clock_ns();
    int32_t missing = towers & ~model->info->towers;
    octavo_model_options load = {
        .struct_size = sizeof load,
        .device = options->device,
        .tier = options->tier,
        .disable = options->disable,
        .towers = towers,
        .threads = options->threads,
        .flags = flags,
    };
    octavo_session_options session = {
        .struct_size = sizeof session, .batch_max = batch, .threads = options->threads};
    if (missing) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET, "%s has no %s tower", model->path,
                missing & OCTAVO_IMAGE ? "image" : "text");
    }
    model->batch = batch;
    model->threads = options->threads ? options->threads : oc_usable_cores();
    OC_TRY(octavo_model_load(model->engine, &load, &model->model, error));
    OC_TRY(octavo_session_create(model->model, &session, &model->session, error));
    model->load_s += (double)(oc_clock_ns() - start) * 1e-9;
done:
    if (status) {
        oc_error_path(error, model->path);
    }
    return status;
}

void oc_cli_model_close(oc_cli_model *model) {
    octavo_session_free(model->session);
    octavo_model_free(model->model);
    octavo_engine_free(model->engine);
    *model = (oc_cli_model){.batch = 0};
}

int32_t oc_cli_tower(const oc_cli_options *options) {
    return !options->tower ? 0 : strcmp(options->tower, "image") == 0 ? OCTAVO_IMAGE : OCTAVO_TEXT;
}
