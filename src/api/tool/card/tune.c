/* tune.c - measuring the ways of doing an engine's steps, and keeping the winners in it. */
#include "runtime/tune/tune.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "api/backends.h"
#include "api/objects.h"
#include "api/require.h"
#include "api/tool.h"
#include "api/tool/batches.h"
#include "base/json/json_write.h"
#include "base/sys/output.h"
#include "engine/rewrite.h"

#define BATCHES "1,4,8,16,32,64"
static const double SECONDS = 0.2;

/* -- measuring ------------------------------------------------------------------------------ */

/* Without the choices that the engine has: the device's expectations are what others are held
 * against. */
static octavo_status open_model(const octavo_engine *engine, const oc_weight_source *source,
                                const octavo_tool_tune_options *options, oc_model **out,
                                octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    bool is_auto = options->device == NULL || strcmp(options->device, "auto") == 0;
    const char *device = is_auto ? "cuda" : options->device;
    oc_model_options load = {.threads = options->threads,
                             .tier = oc_backend_card(device),
                             .canaries = engine->canaries,
                             .canary_count = engine->canary_count,
                             .progress = options->progress,
                             .progress_user = options->progress_user};
    OC_TRY(oc_savings_parse(options->disable, &load.savings, error));
    OC_TRY(oc_backend_by_name(device, &load.backend, error));
    if (load.backend->tactics == NULL) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "there is nothing to tune: device %s does each step in one way; cuda has several",
                device);
    }
    OC_TRY(octavo_tool_device(device, error));
    OC_TRY(oc_model_load(&engine->graph, source, &load, out, error));
done:
    return status;
}

static octavo_status measure(oc_model *model, const octavo_tool_tune_options *options,
                             const oc_batches *batches, oc_tune_list *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int32_t sizes[OC_LIMIT_BATCH];
    oc_tune_options tune = {.batches = sizes,
                            .seconds = options->seconds > 0 ? options->seconds : SECONDS,
                            .progress = options->progress,
                            .progress_user = options->progress_user};
    for (int32_t size = 1; size <= OC_LIMIT_BATCH; size++) {
        if (batches->has[size]) {
            sizes[tune.batch_count++] = size;
        }
    }
    OC_TRY(oc_tune(model, &tune, out, error));
done:
    return status;
}

/* -- keeping -------------------------------------------------------------------------------- */

/* The engine with the choices; texts of `run` are borrowed. */
static octavo_status write_engine(const octavo_engine *engine, const oc_tuned_run *run,
                                  oc_output *output, const octavo_tool_tune_options *options,
                                  octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_tuned tuned;
    oc_arena arena;
    oc_buffer section;
    oc_arena_init(&arena);
    oc_buffer_init(&section);
    OC_TRY(oc_tuned_add(&engine->tuned, run, &arena, &tuned, error));
    OC_TRY(oc_tuned_write(&tuned, &section, error));
    OC_TRY(oc_engine_rewrite(engine->file, OC_SECTION_TUNED, section.data, section.size, output,
                             options->progress, options->progress_user, error));
    OC_TRY(oc_output_commit(output, error));
done:
    oc_buffer_free(&section);
    oc_arena_free(&arena);
    return status;
}

static octavo_status keep(const octavo_engine *engine, const oc_model *model,
                          const oc_tune_list *list, oc_output *output,
                          const octavo_tool_tune_options *options, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_device *device = oc_model_device(model);
    oc_traits traits = device->backend->traits(device);
    char date[16], version[32];
    time_t now = time(NULL);
    struct tm when;
    oc_arena arena;
    oc_arena_init(&arena);
    size_t bytes = (size_t)list->count * sizeof(oc_tuned_choice);
    oc_tuned_choice *choices = oc_arena_alloc(&arena, bytes);
    if (choices == NULL) {
        OC_NO_MEMORY(error, bytes);
    }
    for (int32_t i = 0; i < list->count; i++) {
        const oc_tune_choice *from = &list->items[i];
        choices[i] = (oc_tuned_choice){.what = from->what,
                                       .rows = from->rows,
                                       .best = from->best.name,
                                       .best_us = from->best.measured_us,
                                       .next = from->next.name,
                                       .next_us = from->next.measured_us};
    }
    gmtime_r(&now, &when);
    strftime(date, sizeof date, "%Y-%m-%d", &when);
    snprintf(version, sizeof version, "%d.%d.%d", OCTAVO_VERSION_MAJOR, OCTAVO_VERSION_MINOR,
             OCTAVO_VERSION_PATCH);
    OC_TRY(write_engine(engine,
                        &(oc_tuned_run){.model = traits.model,
                                        .software = traits.software,
                                        .octavo = version,
                                        .date = date,
                                        .choices = choices,
                                        .count = list->count},
                        output, options, error));
done:
    oc_arena_free(&arena);
    return status;
}

/* -- telling -------------------------------------------------------------------------------- */

static void write_way(oc_json_writer *json, const char *key, const oc_tune_way *way) {
    oc_json_write_key(json, key);
    oc_json_write_object(json);
    oc_json_write_text_member(json, "text", way->text);
    oc_json_write_text_member(json, "name", way->name);
    oc_json_write_double_member(json, "expected_us", way->expected_us);
    oc_json_write_double_member(json, "measured_us", way->measured_us);
    oc_json_write_end(json);
}

static octavo_status tell(const oc_model *model, const oc_tune_list *list, const char *engine,
                          const char *file, uint64_t start_ns, char **report, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_device *device = oc_model_device(model);
    oc_traits traits = device->backend->traits(device);
    double expected = 0, best = 0;
    oc_json_writer json;
    oc_buffer text;
    oc_buffer_init(&text);
    oc_json_write_open(&json, &text, true);
    oc_json_write_object(&json);
    oc_json_write_text_member(&json, "file", file);
    oc_json_write_text_member(&json, "engine", engine);
    oc_json_write_text_member(&json, "device", traits.model);
    oc_json_write_text_member(&json, "software", traits.software);
    uint64_t milliseconds = (oc_clock_ns() - start_ns) / 1000000;
    oc_json_write_double_member(&json, "seconds", (double)milliseconds / 1000);
    oc_json_write_key(&json, "choices");
    oc_json_write_array(&json);
    for (int32_t i = 0; i < list->count; i++) {
        const oc_tune_choice *choice = &list->items[i];
        expected += choice->steps * choice->expected.measured_us;
        best += choice->steps * choice->best.measured_us;
        oc_json_write_object(&json);
        oc_json_write_text_member(&json, "step", choice->step);
        oc_json_write_int_member(&json, "steps", choice->steps);
        oc_json_write_text_member(&json, "what", choice->what);
        oc_json_write_int_member(&json, "rows", choice->rows);
        oc_json_write_int_member(&json, "tried", choice->tried);
        write_way(&json, "expected", &choice->expected);
        write_way(&json, "best", &choice->best);
        write_way(&json, "next", &choice->next);
        oc_json_write_end(&json);
    }
    oc_json_write_end(&json);
    oc_json_write_double_member(&json, "expected_us", expected);
    oc_json_write_double_member(&json, "best_us", best);
    oc_json_write_end(&json);
    OC_TRY(oc_json_write_take(&json, report, error));
done:
    oc_buffer_free(&text);
    return status;
}

octavo_status octavo_tool_tune(const char *engine, const char *out,
                               const octavo_tool_tune_options *options, char **report,
                               octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    uint64_t start_ns = oc_clock_ns();
    octavo_engine *opened = NULL;
    oc_model *model = NULL;
    oc_tune_list list = {.count = 0};
    oc_output output = OC_OUTPUT_CLOSED;
    oc_batches batches;
    oc_error_clear(error);
    if (report != NULL) {
        *report = NULL;
    }
    OC_REQUIRE(error, engine);
    OC_REQUIRE(error, out);
    OC_REQUIRE(error, options);
    OC_TRY(oc_batches_read(options->batches == NULL ? BATCHES : options->batches, &batches, error));
    OC_TRY(octavo_engine_open(engine, &opened, error));
    oc_weight_source source = oc_engine_source(opened);
    OC_TRY(open_model(opened, &source, options, &model, error));
    OC_TRY(oc_output_open(out, &output, error)); /* before minutes of measuring */
    OC_TRY(measure(model, options, &batches, &list, error));
    if (list.count > 0) {
        OC_TRY(keep(opened, model, &list, &output, options, error));
    }
    if (report != NULL) {
        OC_TRY(tell(model, &list, engine, list.count > 0 ? out : NULL, start_ns, report, error));
    }
done:
    oc_output_abort(&output);
    oc_tune_list_free(&list);
    oc_model_release(model);
    octavo_engine_free(opened);
    if (status != OCTAVO_OK) {
        oc_error_path(error, engine);
    }
    return status;
}
