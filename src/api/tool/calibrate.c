/* calibrate.c - see calibrate.h. */
#include "api/tool/calibrate.h"
#include "api/tool.h"

#include <stdlib.h>
#include <string.h>

#include "api/backends.h"
#include "api/processor_record.h"
#include "embed/embed.h"
#include "embed/items.h"
#include "runtime/session.h"
#include "text/files/tokenizer_files.h"

enum {
    BATCH_MAX = 16,
    OBSERVED_BYTES = 256 << 20, /* of one run; ViT-L/14 has 177 MB an image */
    NAMED_FILES = 4             /* of unreadable images; the others are counted */
};

/* -- values and their observers -----------------------------------------------------------------
 */

void oc_calibration_free(oc_calibration *calibration) {
    for (int32_t i = 0; i < calibration->count; i++) {
        oc_observer_free(&calibration->observers[i]);
    }
    free(calibration->observers);
    free(calibration->names);
    *calibration = (oc_calibration){0};
}

octavo_status oc_calibration_add(oc_calibration *calibration, const char *value, int32_t *index,
                                 octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_calibration *c = calibration;
    for (*index = 0; *index < c->count; ++*index) {
        if (strcmp(c->names[*index], value) == 0) {
            goto done;
        }
    }
    if (c->count == c->capacity) {
        int32_t capacity = c->capacity == 0 ? 64 : c->capacity * 2;
        const char **names = realloc(c->names, (size_t)capacity * sizeof *names);
        c->names = names == NULL ? c->names : names;
        oc_observer *observers = realloc(c->observers, (size_t)capacity * sizeof *observers);
        c->observers = observers == NULL ? c->observers : observers;
        if (names == NULL || observers == NULL) {
            OC_NO_MEMORY(error, (size_t)capacity * sizeof *observers);
        }
        c->capacity = capacity;
    }
    OC_TRY(oc_observer_create(&c->observers[c->count], error));
    c->names[c->count++] = value;
done:
    return status;
}

bool oc_calibration_needs(const oc_calibration *calibration, const oc_tower *tower) {
    for (int32_t i = 0; i < calibration->count; i++) {
        if (oc_tower_has_value(tower, calibration->names[i])) {
            return true;
        }
    }
    return false;
}

static void observe(void *user, const char *name, const float *values, int32_t rows,
                    int32_t columns) {
    oc_calibration *c = user;
    for (int32_t i = 0; i < c->count; i++) {
        if (strcmp(c->names[i], name) == 0) {
            oc_observer_add(&c->observers[i], values, (size_t)rows * (size_t)columns);
            return;
        }
    }
}

/* -- sessions -----------------------------------------------------------------------------------
 */

/* Rows of a run whose observed values stay within OBSERVED_BYTES; `tokens` to a row. */
static int32_t batch_of(const oc_calibration *c, const oc_tower *tower, int64_t tokens) {
    const oc_graph *graph = &c->source->recipe.graph;
    int64_t bytes = 1;
    for (int32_t i = 0; i < c->count; i++) {
        oc_value value = oc_graph_find(graph, c->names[i]);
        if (value >= 0 && oc_tower_has_value(tower, c->names[i])) {
            const oc_type *type = &graph->nodes[value].type;
            bytes += tokens * type->dims[type->rank - 1] * (int64_t)sizeof(float);
        }
    }
    int64_t rows = OBSERVED_BYTES / bytes;
    return rows < 1 ? 1 : rows > BATCH_MAX ? BATCH_MAX : (int32_t)rows;
}

/* Every row of every layer is looked at, and identical texts of a run are each computed, so that
 * each counts wherever it stands.  `weights` must outlive the session. */
static octavo_status make_session(oc_calibration *c, const oc_weight_source *weights,
                                  const oc_tower *tower, int32_t batch, oc_session **out,
                                  octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_model *model = NULL;
    oc_model_options load = {.threads = c->threads,
                             .savings =
                                 OC_SAVINGS_ALL & ~(OC_SAVING(DEDUP_TEXT) | OC_SAVING(LAST_ROW)),
                             .towers = tower->bit};
    oc_session_options options = {.batch_max = batch,
                                  .threads = c->threads,
                                  .observed = c->names,
                                  .observed_count = c->count,
                                  .observe = observe,
                                  .observe_user = c};
    OC_TRY(oc_backend_by_name(c->device, &load.backend, error));
    OC_TRY(oc_model_load(&c->source->recipe.graph, weights, &load, &model, error));
    OC_TRY(oc_session_create(model, &options, out, error));
done:
    oc_model_release(model);
    return status;
}

/* -- runs --------------------------------------------------------------------------------------
 */

typedef struct calibration_run {
    oc_calibration *calibration;
    oc_session *session;
    const char *const *given; /* paths or texts */
    size_t within;            /* where in a path the part within the folder begins */
    int32_t rows;
    int32_t bad; /* images that were left out */
    octavo_error first_error;
} calibration_run;

/* Nothing is asked for: the session shows its observers what passes. */
static octavo_status run(void *user, int32_t lane, const octavo_argument *input,
                         const int32_t *items, octavo_error *error) {
    calibration_run *r = user;
    (void)lane;
    (void)items;
    r->rows += (int32_t)input->tensor.shape[0];
    return oc_session_run(r->session, input, 1, NULL, 0, NULL, error);
}

static octavo_status left_out(void *user, int32_t item, const octavo_error *why) {
    calibration_run *r = user;
    r->first_error = r->bad == 0 ? *why : r->first_error;
    if (r->bad++ < NAMED_FILES) {
        oc_notice(&r->calibration->source->checkpoint->notices, "image %s is left out: %s",
                  r->given[item] + r->within, why->message);
    }
    return OCTAVO_OK;
}

static oc_embed_job job_of(calibration_run *r, int32_t batch, const char *what) {
    const oc_calibration *c = r->calibration;
    return (oc_embed_job){
        .batch = batch,
        .threads = c->threads,
        .limit = c->limit,
        .what = what,
        .progress = c->progress,
        .progress_user = c->progress_user,
        .user = r,
        .run = run,
        .left_out = left_out,
    };
}

octavo_status oc_calibrate_images(oc_calibration *calibration, const char *folder,
                                  octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_calibration *c = calibration;
    const oc_tower *tower = oc_tower_of_form(OC_FORM_BYTES);
    oc_image_processor processor = oc_processor_of(&c->source->preprocessor);
    int32_t batch = batch_of(c, tower, oc_source_longest(c->source, tower)), others;
    calibration_run r = {.calibration = c};
    oc_weight_source weights = oc_source_weights(c->source);
    oc_items images = {0};
    OC_TRY(oc_image_processor_check(&processor, error));
    OC_TRY(oc_items_walk(&images, folder, &others, error));
    if (images.count == 0) {
        OC_FAIL(error, OCTAVO_NOT_FOUND, OCTAVO_NO_OFFSET,
                "there is no image among the %d file%s of folder %s: no name ends in .jpg, .png or "
                ".webp",
                others, OC_PLURAL(others), folder);
    }
    OC_TRY(make_session(c, &weights, tower, batch, &r.session, error));
    r.given = images.items;
    r.within = strlen(folder) + !oc_slice_ends(oc_slice_of(folder), "/");
    oc_embed_job job = job_of(&r, batch, "calibrating images");
    OC_TRY(oc_embed_images(&job, &processor, images.items, images.count, error));
    if (r.rows == 0) {
        OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET,
                "none of the %d image%s in %s can be read; the first: %s", r.bad, OC_PLURAL(r.bad),
                folder, r.first_error.message);
    }
    if (r.bad > NAMED_FILES) {
        oc_notice(&c->source->checkpoint->notices, "%d more image%s left out", r.bad - NAMED_FILES,
                  r.bad - NAMED_FILES == 1 ? " is" : "s are");
    }
    c->images = r.rows;
done:
    oc_session_free(r.session);
    oc_items_free(&images);
    if (status != OCTAVO_OK) {
        oc_error_path(error, folder);
    }
    return status;
}

static octavo_status make_bpe(oc_source *source, oc_bpe **out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_buffer packed;
    oc_buffer_init(&packed);
    OC_TRY(oc_tokenizer_load(source->checkpoint->folder, source->config.text.positions, &packed,
                             error));
    OC_TRY(oc_source_check_tokenizer(source, &packed, error));
    OC_TRY(oc_bpe_create(packed.data, packed.size, out, error));
done:
    oc_buffer_free(&packed);
    return status;
}

octavo_status oc_calibrate_texts(oc_calibration *calibration, const char *path,
                                 octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_calibration *c = calibration;
    const oc_tower *tower = oc_tower_of_form(OC_FORM_IDS);
    calibration_run r = {.calibration = c};
    oc_weight_source weights = oc_source_weights(c->source);
    oc_items texts = {0};
    oc_bpe *bpe = NULL;
    OC_TRY(oc_items_read(&texts, path, false, error));
    if (texts.count == 0) {
        OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET, "there is no text in %s", path);
    }
    OC_TRY(make_bpe(c->source, &bpe, error));
    int32_t tokens_max = oc_bpe_describe(bpe).tokens_max;
    int32_t batch = batch_of(c, tower, tokens_max);
    OC_TRY(make_session(c, &weights, tower, batch, &r.session, error));
    r.given = texts.items;
    oc_embed_job job = job_of(&r, batch, "calibrating texts");
    OC_TRY(oc_embed_texts(&job, bpe, tokens_max, texts.items, texts.count, error));
    c->texts = r.rows;
done:
    oc_session_free(r.session);
    oc_bpe_free(bpe);
    oc_items_free(&texts);
    if (status != OCTAVO_OK) {
        oc_error_path(error, path);
    }
    return status;
}
