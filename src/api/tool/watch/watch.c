/* watch.c - octavo_tool_watch: a model's traffic against the reference of its engine. */
#include <stdlib.h>
#include <string.h>

#include "api/require.h"
#include "api/tool/watch/passes.h"
#include "base/strmap.h"
#include "base/sys/clock.h"
#include "runtime/check.h"
#include "watch/watch.h"

enum {
    COUNTED = 4
}; /* one run in so many counts codes: 0.3 % of the time, where each took 1.3 % */

struct octavo_tool_watch {
    octavo_engine *engine; /* held */
    oc_arena arena;        /* of the reference */
    oc_reference reference;
    oc_row_reader reader;
    oc_strmap quantizers;      /* by name */
    int32_t towers[OC_TOWERS]; /* of oc_towers, by number in the reference; -1: not known */
    oc_watch *watch;
};

/* -- making --------------------------------------------------------------------------------- */

static octavo_status read_reference(octavo_tool_watch *w, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    size_t bytes = 0;
    const void *section = oc_engine_section(w->engine->file, OC_SECTION_REFERENCE, &bytes);
    if (section == NULL) {
        OC_FAIL(error, OCTAVO_NOT_FOUND, OCTAVO_NO_OFFSET,
                "engine %s has no reference statistics: octavo calibrate adds them",
                w->engine->info.name);
    }
    OC_TRY(oc_reference_read(section, bytes, oc_section_offset(w->engine, OC_SECTION_REFERENCE),
                             &w->arena, &w->reference, error));
    for (int32_t t = 0; t < w->reference.tower_count; t++) {
        if (w->reference.towers[t].dim != w->engine->info.embed_dim) {
            OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET,
                    "the reference of the %s tower has %d dimensions, the engine's embeddings %d",
                    w->reference.towers[t].name, w->reference.towers[t].dim,
                    w->engine->info.embed_dim);
        }
    }
    OC_TRY(oc_strmap_reserve(&w->quantizers, (size_t)w->reference.quantizer_count, error));
    for (int32_t q = 0; q < w->reference.quantizer_count; q++) {
        OC_TRY(oc_strmap_add(&w->quantizers, oc_slice_of(w->reference.quantizers[q].name), q, NULL,
                             error));
    }
    for (int32_t t = 0; t < OC_TOWERS; t++) {
        w->towers[t] = oc_reference_tower(&w->reference, oc_towers[t].name);
    }
done:
    return status;
}

octavo_status octavo_tool_watch_create(octavo_engine *engine,
                                       const octavo_tool_watch_options *options,
                                       octavo_tool_watch **out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    octavo_tool_watch *watch = NULL;
    oc_watch_options inner = {0};
    oc_error_clear(error);
    OC_REQUIRE(error, out);
    *out = NULL;
    OC_REQUIRE(error, engine);
    watch = calloc(1, sizeof *watch);
    if (watch == NULL) {
        OC_NO_MEMORY(error, sizeof *watch);
    }
    oc_engine_hold(engine);
    watch->engine = engine;
    oc_arena_init(&watch->arena);
    oc_strmap_init(&watch->quantizers);
    OC_TRY(read_reference(watch, error));
    OC_TRY(oc_row_reader_create(engine, &watch->reader, error));
    if (options != NULL) {
        inner = (oc_watch_options){.false_alarms = options->false_alarms,
                                   .tolerance = options->tolerance,
                                   .budget = options->budget,
                                   .window = options->window};
    }
    OC_TRY(oc_watch_create(&watch->reference, &inner, &watch->watch, error));
    *out = watch;
    watch = NULL;
done:
    octavo_tool_watch_free(watch);
    if (status != OCTAVO_OK && engine != NULL) {
        oc_error_path(error, oc_engine_file_path(engine->file));
    }
    return status;
}

void octavo_tool_watch_free(octavo_tool_watch *watch) {
    if (watch != NULL) {
        oc_watch_free(watch->watch);
        oc_row_reader_free(&watch->reader);
        oc_strmap_free(&watch->quantizers);
        oc_arena_free(&watch->arena);
        octavo_engine_free(watch->engine);
        free(watch);
    }
}

octavo_status octavo_tool_watch_session(octavo_session *session, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_error_clear(error);
    OC_REQUIRE(error, session);
    OC_TRY(oc_session_profile(session->session, OC_REPORT_CODES, error));
    session->watched_runs = 0;
    session->is_watched = session->counts_codes = true;
done:
    return status;
}

/* -- rows ----------------------------------------------------------------------------------- */

typedef struct counting {
    const octavo_tool_watch *watch;
    oc_code_count *counts; /* [quantizer_count] */
} counting;

static void take_count(void *user, const char *step, const oc_code_count *count) {
    const counting *c = user;
    const int32_t *at = oc_strmap_find(&c->watch->quantizers, oc_slice_of(step));
    if (at != NULL) {
        c->counts[*at] = *count;
    }
}

/* The codes that a session counted in a run of that tower. */
static void take_counts(const octavo_tool_watch *w, oc_session *session, const oc_tower *tower,
                        oc_code_count *counts) {
    counting c = {.watch = w, .counts = counts};
    memset(counts, 0, (size_t)w->reference.quantizer_count * sizeof *counts);
    oc_take_codes(session, tower, take_count, &c);
}

static oc_code_count *make_counts(const octavo_tool_watch *w) {
    return malloc(((size_t)w->reference.quantizer_count + 1) * sizeof(oc_code_count));
}

/* The tower's embeddings among what was asked for, raw ones rather than those of length 1, if they
 * are in the host's memory. */
static const octavo_argument *find_embeddings(const oc_tower *tower, const octavo_argument *outputs,
                                              int32_t count, bool *is_raw) {
    const octavo_argument *found = oc_argument_find(outputs, count, tower->embeds_raw);
    *is_raw = found != NULL;
    found = found == NULL ? oc_argument_find(outputs, count, tower->embeds) : found;
    return found != NULL && found->tensor.memory == OCTAVO_MEMORY_HOST ? found : NULL;
}

/* Where memory is out, nothing is looked at. */
static void add(octavo_tool_watch *w, int32_t tower, const octavo_argument *input,
                const octavo_argument *embeddings, bool is_raw, const int32_t *sizes,
                const oc_code_count *codes) {
    int32_t rows = (int32_t)input->tensor.shape[0];
    bool wanted = embeddings != NULL && oc_watch_wants(w->watch, tower, rows);
    float *scalars = wanted ? malloc((size_t)rows * OC_SCALAR_COUNT * sizeof *scalars) : NULL;
    oc_watch_batch batch = {
        .tower = tower, .rows = rows, .is_raw = is_raw, .codes = codes, .code_rows = rows};
    if (scalars != NULL) {
        oc_row_reader_read(&w->reader, input, sizes, scalars);
        batch.embeddings = embeddings->tensor.const_data;
        batch.scalars = scalars;
    }
    if (scalars != NULL || codes != NULL) {
        oc_watch_add(w->watch, &batch);
    }
    free(scalars);
}

void octavo_tool_watch_run(octavo_tool_watch *w, octavo_session *session,
                           const octavo_argument *inputs, int32_t input_count,
                           const octavo_argument *outputs, int32_t output_count,
                           const int32_t *sizes) {
    uint64_t start = oc_clock_ns();
    if (w == NULL || session == NULL) {
        return;
    }
    oc_code_count *counts = session->counts_codes ? make_counts(w) : NULL;
    for (int32_t i = 0; i < input_count * OC_TOWERS; i++) {
        const oc_tower *tower = &oc_towers[i % OC_TOWERS];
        const octavo_argument *input = &inputs[i / OC_TOWERS];
        int32_t number = w->towers[i % OC_TOWERS];
        bool is_raw = false;
        if (number < 0 || oc_tower_entry(tower, input->name) == NULL) {
            continue;
        }
        if (counts != NULL) {
            take_counts(w, session->session, tower, counts);
        }
        const octavo_argument *embeddings = find_embeddings(tower, outputs, output_count, &is_raw);
        add(w, number, input, embeddings, is_raw, sizes, counts);
    }
    free(counts);
    if (session->is_watched) {
        session->counts_codes = ++session->watched_runs % COUNTED == 0;
        oc_session_report(session->session, session->counts_codes ? OC_REPORT_CODES : 0);
    }
    oc_watch_spend(w->watch, oc_clock_ns() - start);
}

/* -- reading -------------------------------------------------------------------------------- */

int32_t octavo_tool_watch_state(const octavo_tool_watch *watch) {
    return watch == NULL ? OC_WATCH_UNKNOWN : (int32_t)oc_watch_state_of(watch->watch);
}

int32_t octavo_tool_watch_values(octavo_tool_watch *watch, octavo_tool_watch_value *out,
                                 int32_t capacity) {
    int32_t count = 0;
    for (int32_t t = 0; watch != NULL && t < watch->reference.tower_count; t++) {
        oc_watch_counts counts = oc_watch_counts_of(watch->watch, t);
        for (int32_t s = 0; s < OC_STATISTIC_COUNT && count < capacity; s++) {
            oc_watch_value value = oc_watch_value_of(watch->watch, t, (oc_statistic)s);
            if (value.state != OC_WATCH_UNKNOWN) {
                out[count++] = (octavo_tool_watch_value){.tower = watch->reference.towers[t].name,
                                                         .name = oc_statistic_name((oc_statistic)s),
                                                         .state = (int32_t)value.state,
                                                         .distance = value.now.distance,
                                                         .chance = value.now.chance,
                                                         .sure = value.now.sure,
                                                         .rows_watched = counts.watched};
            }
        }
    }
    return count;
}

octavo_status octavo_tool_watch_report(octavo_tool_watch *watch, int32_t history, char **out,
                                       octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_buffer text;
    oc_json_writer json;
    oc_error_clear(error);
    oc_buffer_init(&text);
    OC_REQUIRE(error, out);
    *out = NULL;
    OC_REQUIRE(error, watch);
    oc_json_write_open(&json, &text, false);
    oc_watch_report(watch->watch, watch->engine->info.name, history != 0, &json);
    OC_TRY(oc_json_write_take(&json, out, error));
done:
    oc_buffer_free(&text);
    return status;
}

/* -- a folder ------------------------------------------------------------------------------- */

static octavo_status take(void *user, oc_session *session, const oc_tower *tower,
                          const float *embeddings, const float *scalars, int32_t rows,
                          octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    octavo_tool_watch *w = user;
    oc_watch_batch batch = {.tower = w->towers[oc_tower_index(tower)],
                            .rows = rows,
                            .embeddings = embeddings,
                            .is_raw = true,
                            .scalars = scalars,
                            .code_rows = rows};
    oc_code_count *counts = make_counts(w);
    if (counts == NULL) {
        OC_NO_MEMORY(error, (size_t)w->reference.quantizer_count * sizeof *counts);
    }
    if (batch.tower >= 0) {
        take_counts(w, session, tower, counts);
        batch.codes = counts;
        (void)oc_watch_wants(w->watch, batch.tower, rows); /* they count as seen */
        oc_watch_add(w->watch, &batch);
    }
done:
    free(counts);
    return status;
}

octavo_status octavo_tool_drift(const char *path, const octavo_tool_watch_data *data,
                                const octavo_tool_watch_options *options,
                                const octavo_tool_listener *listener, char **report,
                                octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    octavo_engine *engine = NULL;
    octavo_tool_watch *watch = NULL;
    oc_error_clear(error);
    OC_REQUIRE(error, report);
    *report = NULL;
    OC_REQUIRE(error, path);
    OC_REQUIRE(error, data);
    OC_TRY(octavo_engine_open(path, &engine, error));
    OC_TRY(octavo_tool_watch_create(engine, options, &watch, error));
    oc_pass pass = {
        .engine = engine, .data = data, .listener = listener, .take = take, .user = watch};
    OC_TRY(oc_pass_run(&pass, error));
    oc_watch_flush(watch->watch);
    OC_TRY(octavo_tool_watch_report(watch, 1, report, error));
done:
    octavo_tool_watch_free(watch);
    octavo_engine_free(engine);
    return status;
}
