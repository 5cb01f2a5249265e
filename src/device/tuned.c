/* tuned.c - measured choices, to JSON and back; see tuned.h. */
#include "device/tuned.h"

#include <stdlib.h>
#include <string.h>

#include "base/json/json.h"
#include "base/json/json_write.h"
#include "base/limits.h"

enum { TEXT_MAX = 512 }; /* a card's name and numbers */

bool oc_tuned_has(const oc_tuned *tuned, const char *model) {
    for (int32_t i = 0; tuned != NULL && model != NULL && i < tuned->count; i++) {
        if (strcmp(tuned->runs[i].model, model) == 0) {
            return true;
        }
    }
    return false;
}

/* -- to bytes ------------------------------------------------------------------------------- */

static void write_choice(oc_json_writer *json, const oc_tuned_choice *choice) {
    oc_json_write_object(json);
    oc_json_write_text_member(json, "what", choice->what);
    oc_json_write_key(json, "rows");
    oc_json_write_int(json, choice->rows);
    oc_json_write_text_member(json, "best", choice->best);
    oc_json_write_key(json, "best_us");
    oc_json_write_double(json, choice->best_us);
    if (choice->next[0] != '\0') {
        oc_json_write_text_member(json, "next", choice->next);
        oc_json_write_key(json, "next_us");
        oc_json_write_double(json, choice->next_us);
    }
    oc_json_write_end(json);
}

octavo_status oc_tuned_write(const oc_tuned *tuned, oc_buffer *out, octavo_error *error) {
    oc_json_writer json;
    oc_json_write_open(&json, out, false);
    oc_json_write_object(&json);
    oc_json_write_key(&json, "runs");
    oc_json_write_array(&json);
    for (int32_t i = 0; i < tuned->count; i++) {
        const oc_tuned_run *run = &tuned->runs[i];
        oc_json_write_object(&json);
        oc_json_write_text_member(&json, "model", run->model);
        oc_json_write_text_member(&json, "software", run->software);
        oc_json_write_text_member(&json, "octavo", run->octavo);
        oc_json_write_text_member(&json, "date", run->date);
        oc_json_write_key(&json, "choices");
        oc_json_write_array(&json);
        for (int32_t j = 0; j < run->count; j++) {
            write_choice(&json, &run->choices[j]);
        }
        oc_json_write_end(&json);
        oc_json_write_end(&json);
    }
    oc_json_write_end(&json);
    oc_json_write_end(&json);
    return oc_json_write_finish(&json, error);
}

/* -- from bytes ----------------------------------------------------------------------------- */

typedef struct reader {
    oc_json json;
    oc_arena *arena;
    oc_tuned_choice *choices; /* of the run that is being read; grows */
    int32_t count, capacity;
    int32_t total; /* of all runs so far */
} reader;

static octavo_status read_time(oc_json *json, double *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    OC_TRY(oc_json_double(json, out, error));
    if (!(*out > 0 && *out < 1e12)) {
        OC_JSON_FAIL(json, error, OCTAVO_CORRUPT, "%g is no time in microseconds", *out);
    }
done:
    return status;
}

static octavo_status read_choice(reader *in, oc_tuned_choice *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_json *json = &in->json;
    oc_tuned_choice choice = {.next = ""};
    OC_TRY(oc_json_object(json, error));
    for (;;) {
        oc_slice key;
        OC_TRY(oc_json_member(json, &key, error));
        if (key.data == NULL) {
            break;
        } else if (oc_slice_is(key, "what")) {
            OC_TRY(oc_json_text(json, OC_TACTIC_NAME, in->arena, &choice.what, error));
        } else if (oc_slice_is(key, "rows")) {
            OC_TRY(oc_json_int32(json, 1, INT32_MAX, &choice.rows, error));
        } else if (oc_slice_is(key, "best")) {
            OC_TRY(oc_json_text(json, OC_TACTIC_NAME, in->arena, &choice.best, error));
        } else if (oc_slice_is(key, "best_us")) {
            OC_TRY(read_time(json, &choice.best_us, error));
        } else if (oc_slice_is(key, "next")) {
            OC_TRY(oc_json_text(json, OC_TACTIC_NAME, in->arena, &choice.next, error));
        } else if (oc_slice_is(key, "next_us")) {
            OC_TRY(read_time(json, &choice.next_us, error));
        } else {
            OC_TRY(oc_json_skip(json, NULL, error));
        }
    }
    if (choice.what == NULL || choice.best == NULL || !(choice.best_us > 0) || choice.rows == 0 ||
        (choice.next[0] != '\0') != (choice.next_us > 0)) {
        OC_JSON_FAIL(json, error, OCTAVO_CORRUPT,
                     "a choice has what, rows, best and best_us, and next_us where it has next");
    }
    *out = choice;
done:
    return status;
}

static octavo_status read_choices(reader *in, oc_tuned_run *run, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    in->count = 0;
    OC_TRY(oc_json_array(&in->json, error));
    for (;;) {
        bool more;
        OC_TRY(oc_json_element(&in->json, &more, error));
        if (!more) {
            break;
        }
        if (++in->total > OC_LIMIT_TUNED_CHOICES) {
            OC_JSON_FAIL(&in->json, error, OCTAVO_CORRUPT,
                         "more than the %d choices that an engine can have",
                         OC_LIMIT_TUNED_CHOICES);
        }
        if (in->count == in->capacity) {
            int32_t capacity = in->capacity == 0 ? 64 : in->capacity * 2;
            oc_tuned_choice *grown = realloc(in->choices, (size_t)capacity * sizeof *grown);
            if (grown == NULL) {
                OC_NO_MEMORY(error, (size_t)capacity * sizeof *grown);
            }
            in->choices = grown;
            in->capacity = capacity;
        }
        OC_TRY(read_choice(in, &in->choices[in->count], error));
        in->count++;
    }
    size_t bytes = (size_t)in->count * sizeof *in->choices;
    oc_tuned_choice *kept = oc_arena_alloc(in->arena, bytes + 1);
    if (kept == NULL) {
        OC_NO_MEMORY(error, bytes);
    }
    if (bytes > 0) {
        memcpy(kept, in->choices, bytes);
    }
    run->choices = kept;
    run->count = in->count;
done:
    return status;
}

static octavo_status read_run(reader *in, oc_tuned_run *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_json *json = &in->json;
    oc_tuned_run run = {.model = NULL};
    OC_TRY(oc_json_object(json, error));
    for (;;) {
        oc_slice key;
        OC_TRY(oc_json_member(json, &key, error));
        if (key.data == NULL) {
            break;
        } else if (oc_slice_is(key, "model")) {
            OC_TRY(oc_json_text(json, TEXT_MAX, in->arena, &run.model, error));
        } else if (oc_slice_is(key, "software")) {
            OC_TRY(oc_json_text(json, TEXT_MAX, in->arena, &run.software, error));
        } else if (oc_slice_is(key, "octavo")) {
            OC_TRY(oc_json_text(json, TEXT_MAX, in->arena, &run.octavo, error));
        } else if (oc_slice_is(key, "date")) {
            OC_TRY(oc_json_text(json, TEXT_MAX, in->arena, &run.date, error));
        } else if (oc_slice_is(key, "choices")) {
            OC_TRY(read_choices(in, &run, error));
        } else {
            OC_TRY(oc_json_skip(json, NULL, error));
        }
    }
    if (run.model == NULL || run.software == NULL || run.octavo == NULL || run.date == NULL ||
        run.choices == NULL) {
        OC_JSON_FAIL(json, error, OCTAVO_CORRUPT,
                     "a run has model, software, octavo, date and choices");
    }
    *out = run;
done:
    return status;
}

static octavo_status read_runs(reader *in, oc_tuned *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_tuned_run *runs = oc_arena_alloc(in->arena, OC_LIMIT_TUNED_RUNS * sizeof *runs);
    if (runs == NULL) {
        OC_NO_MEMORY(error, OC_LIMIT_TUNED_RUNS * sizeof *runs);
    }
    OC_TRY(oc_json_array(&in->json, error));
    for (out->count = 0;; out->count++) {
        bool more;
        OC_TRY(oc_json_element(&in->json, &more, error));
        if (!more) {
            break;
        }
        if (out->count == OC_LIMIT_TUNED_RUNS) {
            OC_JSON_FAIL(&in->json, error, OCTAVO_CORRUPT,
                         "more than the %d runs that an engine can have", OC_LIMIT_TUNED_RUNS);
        }
        OC_TRY(read_run(in, &runs[out->count], error));
    }
    out->runs = runs;
done:
    return status;
}

octavo_status oc_tuned_read(const void *section, size_t bytes, uint64_t offset, oc_arena *arena,
                            oc_tuned *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    reader in = {.arena = arena};
    oc_tuned tuned = {.runs = NULL};
    *out = tuned;
    oc_json_open(&in.json, section, bytes, offset, 0);
    OC_TRY(oc_json_object(&in.json, error));
    for (;;) {
        oc_slice key;
        OC_TRY(oc_json_member(&in.json, &key, error));
        if (key.data == NULL) {
            break;
        } else if (oc_slice_is(key, "runs")) {
            OC_TRY(read_runs(&in, &tuned, error));
        } else {
            OC_TRY(oc_json_skip(&in.json, NULL, error));
        }
    }
    OC_TRY(oc_json_finish(&in.json, error));
    if (tuned.runs == NULL) {
        OC_FAIL(error, OCTAVO_CORRUPT, offset, "section TUNED has no member runs (byte %llu)",
                (unsigned long long)offset);
    }
    *out = tuned;
done:
    free(in.choices);
    oc_json_close(&in.json);
    return status;
}

/* -- together ------------------------------------------------------------------------------- */

static bool has_choice(const oc_tuned_run *run, const oc_tuned_choice *choice) {
    for (int32_t i = 0; i < run->count; i++) {
        if (run->choices[i].rows == choice->rows &&
            strcmp(run->choices[i].what, choice->what) == 0) {
            return true;
        }
    }
    return false;
}

octavo_status oc_tuned_add(const oc_tuned *old, const oc_tuned_run *run, oc_arena *arena,
                           oc_tuned *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    size_t bytes = ((size_t)old->count + 1) * sizeof(oc_tuned_run);
    oc_tuned_run *runs = oc_arena_alloc(arena, bytes);
    int64_t total = run->count;
    int32_t count = 0;
    if (runs == NULL) {
        OC_NO_MEMORY(error, bytes);
    }
    for (int32_t i = 0; i < old->count; i++) {
        const oc_tuned_run *from = &old->runs[i];
        bool is_same = strcmp(from->model, run->model) == 0;
        bytes = (size_t)from->count * sizeof *from->choices;
        oc_tuned_choice *kept = oc_arena_alloc(arena, bytes + 1);
        if (kept == NULL) {
            OC_NO_MEMORY(error, bytes);
        }
        runs[count] = *from;
        runs[count].choices = kept;
        runs[count].count = 0;
        for (int32_t j = 0; j < from->count; j++) {
            if (!is_same || !has_choice(run, &from->choices[j])) {
                kept[runs[count].count++] = from->choices[j];
            }
        }
        total += runs[count].count;
        count += runs[count].count > 0;
    }
    runs[count++] = *run;
    if (count > OC_LIMIT_TUNED_RUNS || total > OC_LIMIT_TUNED_CHOICES) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                "%lld tuned choices of %d runs of octavo tune are more than an engine can have, %d "
                "of %d; build it again to be rid of the old ones",
                (long long)total, count, OC_LIMIT_TUNED_CHOICES, OC_LIMIT_TUNED_RUNS);
    }
    *out = (oc_tuned){.runs = runs, .count = count};
done:
    return status;
}
