/* explain.c - why each step of a session runs as it does, and what each took. */
#include <stdio.h>
#include <string.h>

#include "api/objects.h"
#include "api/require.h"
#include "api/tool.h"
#include "base/json/json_write.h"
#include "lower/cost.h"
#include "lower/describe.h"
#include "num/e4m3.h"
#include "passes/pipeline.h"

static const char *const step_kinds[] = {
#define XX(kind, member, text) text,
    OC_STEP_MAP(XX)
#undef XX
};

static void write_tactic(oc_json_writer *json, const char *key, const char *name, const char *text,
                         double microseconds) {
    oc_json_write_key(json, key);
    oc_json_write_object(json);
    oc_json_write_text_member(json, "text", text);
    oc_json_write_text_member(json, "name", name);
    oc_json_write_key(json, "microseconds");
    oc_json_write_double(json, microseconds);
    oc_json_write_end(json);
}

/* What people call a way of this name, or the name. */
static const char *text_of(const oc_tactics *tactics, const char *name) {
    for (int32_t i = 0; i < tactics->count; i++) {
        if (strcmp(tactics->items[i].name, name) == 0) {
            return tactics->items[i].text;
        }
    }
    return name;
}

/* How the step is done, and how it would be done next: as measured, or as the device expects. */
static void write_choice(oc_json_writer *json, const oc_step *step, const oc_tactics *tactics) {
    const oc_tuned_choice *tuned = tactics->is_stale ? NULL : tactics->tuned;
    const oc_tactic *next = &tactics->items[0];
    next += next->number == step->tactic && tactics->count > 1;
    oc_json_write_key(json, "choice");
    oc_json_write_object(json);
    oc_json_write_text_member(json, "by", tuned != NULL ? "tuning" : "model");
    oc_json_write_key(json, "rows");
    oc_json_write_int(json, tactics->rows);
    if (tuned != NULL) {
        write_tactic(json, "chosen", tuned->best, text_of(tactics, tuned->best), tuned->best_us);
        if (tuned->next[0] != '\0') {
            write_tactic(json, "next", tuned->next, text_of(tactics, tuned->next), tuned->next_us);
        }
        oc_json_write_text_member(json, "octavo", tactics->run->octavo);
        oc_json_write_text_member(json, "software", tactics->run->software);
        oc_json_write_text_member(json, "date", tactics->run->date);
    } else {
        for (int32_t i = 0; i < tactics->count; i++) {
            const oc_tactic *at = &tactics->items[i];
            if (at->number == step->tactic) {
                write_tactic(json, "chosen", at->name, at->text, at->microseconds);
            }
        }
        if (next->number != step->tactic) {
            write_tactic(json, "next", next->name, next->text, next->microseconds);
        }
        oc_json_write_key(json, "stale");
        oc_json_write_bool(json, tactics->is_stale);
    }
    oc_json_write_end(json);
}

/* report: NULL where nothing was measured. */
static void write_step(oc_json_writer *json, const oc_step *step, const oc_tactics *tactics,
                       const oc_step_report *report) {
    char what[160];
    oc_step_describe(step, what, sizeof what);
    oc_json_write_object(json);
    oc_json_write_text_member(json, "name", step->name);
    oc_json_write_text_member(json, "kind", step_kinds[step->kind]);
    oc_json_write_text_member(json, "kernel", step->kernel);
    oc_json_write_text_member(json, "what", what);
    oc_json_write_text_member(json, "why", step->why);
    oc_json_write_text_member(json, "operands", oc_dtype_name(oc_step_operands(step)));
    if (tactics->count > 0) {
        write_choice(json, step, tactics);
    }
    if (report != NULL) {
        oc_json_write_key(json, "seconds");
        oc_json_write_double(json, report->seconds);
        oc_json_write_key(json, "flop");
        oc_json_write_double(json, report->flop);
        oc_json_write_key(json, "bytes");
        oc_json_write_double(json, report->bytes);
    }
    if (report != NULL && report->codes != 0) {
        oc_json_write_key(json, "codes");
        oc_json_write_object(json);
        oc_json_write_key(json, "saturated");
        oc_json_write_double(json, (double)report->saturated / (double)report->codes);
        oc_json_write_key(json, "zero");
        oc_json_write_double(json, (double)report->zeros / (double)report->codes);
        oc_json_write_key(json, "largest");
        oc_json_write_double(json, (double)oc_e4m3_to_f32((uint8_t)report->largest));
        oc_json_write_end(json);
    }
    oc_json_write_end(json);
}

static double sum_seconds(const oc_plan *plan, const oc_step_report *reports) {
    double sum = 0;
    for (int32_t i = 0; reports != NULL && i < plan->step_count; i++) {
        sum += reports[i].seconds;
    }
    return sum;
}

static void write_program(oc_json_writer *json, const oc_session *session, oc_program_kind kind,
                          int32_t i, int32_t threads) {
    const oc_device *device = oc_model_device(oc_session_model(session));
    oc_tactics tactics = {.count = 0};
    const oc_plan *plan = oc_session_plan_at(session, kind, i);
    const oc_step_report *reports = oc_session_reports_at(session, kind, i);
    oc_json_write_object(json);
    oc_json_write_text_member(json, "name", oc_program_name(kind));
    if (oc_session_plan_count(session, kind) > 1) {
        const oc_tower *tower = oc_tower_of_program(kind);
        tower = tower == NULL ? &oc_towers[oc_logits.rows] : tower;
        oc_json_write_key(json, "rows_max");
        oc_json_write_int(
            json,
            plan->limits.rows_max[oc_tower_is_packed(tower) ? tower->tokens : tower->sequences]);
    }
    oc_json_write_key(json, "arena_bytes");
    oc_json_write_int(json, (int64_t)plan->arena_bytes);
    oc_json_write_key(json, "scratch_bytes");
    oc_json_write_int(json,
                      (int64_t)(plan->scratch.shared + plan->scratch.local * (size_t)threads));
    if (reports != NULL) {
        oc_json_write_key(json, "seconds");
        oc_json_write_double(json, sum_seconds(plan, reports));
    }
    oc_json_write_key(json, "steps");
    oc_json_write_array(json);
    for (int32_t s = 0; s < plan->step_count; s++) {
        if (device->backend->tactics != NULL) {
            device->backend->tactics(device, &plan->steps[s], &plan->limits, &tactics);
        }
        write_step(json, &plan->steps[s], &tactics, reports == NULL ? NULL : &reports[s]);
    }
    oc_json_write_end(json);
    oc_json_write_end(json);
}

/* Of each program the plan of the largest run; while profiling those that ran, if any did. */
static void write_programs(oc_json_writer *json, const oc_session *session, int32_t threads) {
    oc_json_write_key(json, "programs");
    oc_json_write_array(json);
    for (int32_t k = 0; k < OC_PROGRAM_COUNT; k++) {
        oc_program_kind kind = (oc_program_kind)k;
        int32_t count = oc_session_plan_count(session, kind), shown = 0;
        for (int32_t i = 0; i < count; i++) {
            bool ran = sum_seconds(oc_session_plan_at(session, kind, i),
                                   oc_session_reports_at(session, kind, i)) > 0;
            if (ran || (shown == 0 && i == count - 1)) {
                write_program(json, session, kind, i, threads);
                shown++;
            }
        }
    }
    oc_json_write_end(json);
}

octavo_status octavo_tool_explain(const octavo_session *session, char **out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    char about[160];
    oc_buffer text;
    oc_json_writer json;
    oc_error_clear(error);
    oc_buffer_init(&text);
    OC_REQUIRE(error, out);
    *out = NULL;
    OC_REQUIRE(error, session);
    const oc_device *device = oc_model_device(session->model->model);
    oc_savings savings = oc_model_savings(session->model->model);
    snprintf(about, sizeof about, "%s, %d thread%s", session->model->info.device_about,
             session->info.threads, session->info.threads == 1 ? "" : "s");
    oc_json_write_open(&json, &text, true);
    oc_json_write_object(&json);
    oc_json_write_text_member(&json, "device", device->backend->name);
    oc_json_write_text_member(&json, "about", about);
    oc_json_write_key(&json, "bytes");
    oc_json_write_int(&json, (int64_t)octavo_tool_session_bytes(session));
    oc_json_write_key(&json, "canary_share");
    oc_json_write_double(&json, session->model->info.canary_share);
    oc_json_write_key(&json, "savings");
    oc_json_write_array(&json);
    for (int32_t i = 0; i < OC_SAVING_COUNT; i++) {
        oc_json_write_object(&json);
        oc_json_write_text_member(&json, "name", oc_saving_name(i));
        oc_json_write_key(&json, "on");
        oc_json_write_bool(&json, (savings >> i & 1u) != 0);
        oc_json_write_text_member(&json, "text", oc_saving_text(i));
        oc_json_write_end(&json);
    }
    oc_json_write_end(&json);
    write_programs(&json, session->session, session->info.threads);
    oc_json_write_end(&json);
    OC_TRY(oc_json_write_take(&json, out, error));
done:
    oc_buffer_free(&text);
    return status;
}

octavo_status octavo_tool_profile(octavo_session *session, int32_t on, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_error_clear(error);
    OC_REQUIRE(error, session);
    OC_TRY(oc_session_profile(session->session, on != 0 ? OC_REPORT_TIME | OC_REPORT_CODES : 0,
                              error));
done:
    return status;
}
