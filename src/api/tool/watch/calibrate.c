/* calibrate.c - octavo_tool_calibrate: the reference of an engine, learned and kept in it. */
#include "api/require.h"
#include "api/tool/watch/learn_engine.h"
#include "base/json/json_write.h"
#include "base/sys/clock.h"
#include "base/sys/output.h"
#include "engine/rewrite.h"

static octavo_status tell(const char *file, const char *engine, const oc_learned *learned,
                          double seconds, char **report, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_pass *pass = &learned->pass;
    oc_json_writer json;
    oc_buffer text;
    oc_buffer_init(&text);
    oc_json_write_open(&json, &text, true);
    oc_json_write_object(&json);
    oc_json_write_text_member(&json, "file", file);
    oc_json_write_text_member(&json, "engine", engine);
    oc_json_write_text_member(&json, "device", pass->device);
    oc_json_write_double_member(&json, "seconds", seconds);
    oc_json_write_int_member(&json, "images", pass->images);
    oc_json_write_int_member(&json, "texts", pass->texts);
    oc_json_write_int_member(&json, "skipped", pass->skipped);
    oc_json_write_int_member(&json, "quantizers", learned->quantizers);
    oc_json_write_int_member(&json, "reference_bytes", (int64_t)learned->section.size);
    oc_json_write_end(&json);
    OC_TRY(oc_json_write_take(&json, report, error));
done:
    oc_buffer_free(&text);
    return status;
}

octavo_status octavo_tool_calibrate(const char *path, const char *out,
                                    const octavo_tool_watch_data *data,
                                    const octavo_tool_listener *listener, char **report,
                                    octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    uint64_t start = oc_clock_ns();
    octavo_engine *engine = NULL;
    oc_learned learned = {.quantizers = 0};
    oc_output output = OC_OUTPUT_CLOSED;
    oc_error_clear(error);
    oc_buffer_init(&learned.section);
    if (report != NULL) {
        *report = NULL;
    }
    OC_REQUIRE(error, path);
    OC_REQUIRE(error, out);
    OC_REQUIRE(error, data);
    OC_TRY(octavo_engine_open(path, &engine, error));
    OC_TRY(oc_output_open(out, &output, error)); /* now: a pass takes its time */
    OC_TRY(oc_learn_engine(engine, data, listener, &learned, error));
    OC_TRY(oc_engine_rewrite(engine->file, OC_SECTION_REFERENCE, learned.section.data,
                             learned.section.size, &output,
                             listener == NULL ? NULL : listener->progress,
                             listener == NULL ? NULL : listener->user, error));
    OC_TRY(oc_output_commit(&output, error));
    if (report != NULL) {
        double seconds = (double)(oc_clock_ns() - start) * 1e-9;
        OC_TRY(tell(out, path, &learned, seconds, report, error));
    }
done:
    oc_output_abort(&output);
    oc_buffer_free(&learned.section);
    octavo_engine_free(engine);
    return status;
}
