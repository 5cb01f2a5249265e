/* open_model.c - see open_model.h. */
#include "cli/commands/open_model.h"

#include <stdio.h>
#include <string.h>

#include "api/tool.h"
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

/* A model and a session on one device. */
static octavo_status open_card(const oc_cli_options *options, const char *device, int32_t towers,
                               int32_t flags, oc_cli_model *model, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    octavo_model_options load = {
        .struct_size = sizeof load,
        .device = device,
        .tier = options->tier,
        .disable = options->disable,
        .towers = towers,
        .threads = options->threads,
        .flags = flags,
    };
    octavo_session_options session = {
        .struct_size = sizeof session, .batch_max = model->batch, .threads = options->threads};
    int32_t card = model->cards++;
    OC_TRY(octavo_model_load(model->engine, &load, &model->models[card], error));
    OC_TRY(octavo_session_create(model->models[card], &session, &model->sessions[card], error));
done:
    if (status && device != options->device) { /* one of several */
        octavo_error as_it_was = *error;
        snprintf(error->message, sizeof error->message, "%.40s: %.690s", device, as_it_was.message);
    }
    return status;
}

octavo_status oc_cli_model_ready(const oc_cli_options *options, int32_t towers, int32_t batch,
                                 int32_t flags, oc_cli_model *model, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    uint64_t start = oc_clock_ns();
    int32_t missing = towers & ~model->info->towers;
    bool is_all = options->device && strcmp(options->device, "cuda:all") == 0;
    int32_t cards = is_all ? octavo_tool_cards() : 1;
    char device[32];
    if (missing) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET, "%s has no %s tower", model->path,
                missing & OCTAVO_IMAGE ? "image" : "text");
    }
    if (cards > OC_CLI_CARDS) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                "this machine has %d cards, %d are used at most", cards, OC_CLI_CARDS);
    }
    model->batch = batch;
    model->threads = options->threads ? options->threads : oc_usable_cores();
    for (int32_t card = 0; card < cards || card == 0; card++) { /* without one, cuda:0 says why */
        snprintf(device, sizeof device, "cuda:%d", card);
        OC_TRY(open_card(options, is_all ? device : options->device, towers, flags, model, error));
    }
    model->session = model->sessions[0];
    model->load_s += (double)(oc_clock_ns() - start) * 1e-9;
done:
    if (status) {
        oc_error_path(error, model->path);
    }
    return status;
}

void oc_cli_model_close(oc_cli_model *model) {
    for (int32_t card = 0; card < model->cards; card++) {
        octavo_session_free(model->sessions[card]);
        octavo_model_free(model->models[card]);
    }
    octavo_engine_free(model->engine);
    *model = (oc_cli_model){.batch = 0};
}

int32_t oc_cli_tower(const oc_cli_options *options) {
    return !options->tower ? 0 : strcmp(options->tower, "image") == 0 ? OCTAVO_IMAGE : OCTAVO_TEXT;
}
