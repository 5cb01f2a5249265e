/* calibrate.c - see calibrate.h. */
#include "api/tool/calibrate.h"
#include "api/tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/backends.h"
#include "api/processor_record.h"
#include "base/limits.h"
#include "base/sys/io.h"
#include "base/sys/threads.h"
#include "runtime/session.h"
#include "text/bpe.h"
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

static bool is_of_tower(const char *value, int32_t tower) {
    const char *prefix = tower == OCTAVO_IMAGE ? "vision." : "text.";
    return strncmp(value, prefix, strlen(prefix)) == 0;
}

bool oc_calibration_needs(const oc_calibration *calibration, int32_t tower) {
    for (int32_t i = 0; i < calibration->count; i++) {
        if (is_of_tower(calibration->names[i], tower)) {
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

static octavo_status progress(const oc_calibration *c, const char *what, int64_t done,
                              int64_t total, octavo_error *error) {
    return oc_progress(c->progress, c->progress_user, what, (uint64_t)done, (uint64_t)total, error);
}

/* -- sessions -----------------------------------------------------------------------------------
 */

/* Rows of a run whose observed values stay within OBSERVED_BYTES; `tokens` to a row. */
static int32_t batch_of(const oc_calibration *c, int32_t tower, int64_t tokens) {
    const oc_graph *graph = &c->source->recipe.graph;
    int64_t bytes = 1;
    for (int32_t i = 0; i < c->count; i++) {
        oc_value value = oc_graph_find(graph, c->names[i]);
        if (value >= 0 && is_of_tower(c->names[i], tower)) {
            const oc_type *type = &graph->nodes[value].type;
            bytes += tokens * type->dims[type->rank - 1] * (int64_t)sizeof(float);
        }
    }
    int64_t rows = OBSERVED_BYTES / bytes;
    return rows < 1 ? 1 : rows > BATCH_MAX ? BATCH_MAX : (int32_t)rows;
}

/* Every row of every layer is looked at, and identical texts of a run are each computed, so that
 * each counts wherever it stands.  `weights` must outlive the session. */
static octavo_status make_session(oc_calibration *c, const oc_weight_source *weights, int32_t tower,
                                  int32_t batch, oc_session **out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_model *model = NULL;
    oc_model_options load = {.threads = c->threads,
                             .savings =
                                 OC_SAVINGS_ALL & ~(OC_SAVING(DEDUP_TEXT) | OC_SAVING(LAST_ROW)),
                             .towers = tower};
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

/* -- images -------------------------------------------------------------------------------------
 */

typedef struct image_job {
    const char *path; /* within the folder */
    uint8_t *pixels;
    octavo_error error;
    bool good;
} image_job;

typedef struct image_run {
    oc_image_processor processor;
    const char *folder;
    size_t image_bytes;
    image_job jobs[BATCH_MAX];
    int32_t bad; /* files that were left out */
    octavo_error first_error;
} image_run;

static void decode(void *context, int32_t index, int32_t thread) {
    image_run *run = context;
    image_job *job = &run->jobs[index];
    octavo_status status = OCTAVO_OK;
    octavo_error *error = &job->error;
    char *bytes = NULL, *path = oc_path_join(run->folder, job->path);
    size_t size = 0;
    (void)thread;
    oc_error_clear(error);
    if (path == NULL) {
        OC_NO_MEMORY(error, strlen(job->path));
    }
    OC_TRY(oc_file_load(path, OC_LIMIT_IMAGE_BYTES, &bytes, &size, error));
    OC_TRY(oc_image_process(&run->processor, bytes, size, job->pixels, error));
done:
    job->good = status == OCTAVO_OK;
    free(bytes);
    free(path);
}

static octavo_status list_images(const char *folder, oc_listing *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    uint32_t kept = 0;
    OC_TRY(oc_folder_list(folder, true, OC_LIMIT_FILES, out, error));
    for (uint32_t i = 0; i < out->count; i++) {
        if (octavo_tool_has_image_suffix(out->paths[i])) {
            out->paths[kept++] = out->paths[i];
        }
    }
    if (kept == 0) {
        OC_FAIL(error, OCTAVO_NOT_FOUND, OCTAVO_NO_OFFSET,
                "there is no image among the %u files of folder %s: no name ends in .jpg, .png or "
                ".webp",
                out->count, folder);
    }
    out->count = kept;
done:
    return status;
}

/* Decodes `count` files from `paths` on and runs the good ones; notes the others. */
static octavo_status run_images(oc_calibration *c, oc_session *session, oc_pool *pool,
                                image_run *run, const char *const *paths, int32_t count,
                                octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    uint8_t *pixels = run->jobs[0].pixels;
    int64_t side = c->source->config.vision.image_size;
    int32_t good = 0;
    for (int32_t i = 0; i < count; i++) {
        run->jobs[i].path = paths[i];
    }
    oc_pool_run(pool, count, decode, run);
    for (int32_t i = 0; i < count; i++) {
        image_job *job = &run->jobs[i];
        if (job->good) {
            memmove(pixels + (size_t)good++ * run->image_bytes, job->pixels, run->image_bytes);
            continue;
        }
        run->first_error = run->bad == 0 ? job->error : run->first_error;
        if (run->bad++ < NAMED_FILES) {
            oc_notice(&c->source->checkpoint->notices, "image %s is left out: %s", job->path,
                      job->error.message);
        }
    }
    if (good != 0) {
        octavo_argument in = {
            .name = "pixels",
            .tensor = {
                .dtype = OCTAVO_U8, .rank = 4, .shape = {good, side, side, 3}, .data = pixels}};
        OC_TRY(oc_session_run(session, &in, 1, NULL, 0, 0, error));
    }
    c->images += good;
done:
    return status;
}

octavo_status oc_calibrate_images(oc_calibration *calibration, const char *folder,
                                  octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_calibration *c = calibration;
    const oc_vision_config *vision = &c->source->config.vision;
    int64_t side = vision->image_size, across = side / vision->patch;
    int32_t batch = batch_of(c, OCTAVO_IMAGE, across * across + 1);
    oc_listing listing = {0};
    oc_weight_source weights = oc_source_weights(c->source);
    oc_session *session = NULL;
    oc_pool *pool = NULL;
    uint8_t *pixels = NULL;
    image_run *run = calloc(1, sizeof *run);
    if (run == NULL) {
        OC_NO_MEMORY(error, sizeof *run);
    }
    OC_TRY(list_images(folder, &listing, error));
    run->folder = folder;
    run->processor = oc_processor_of(&c->source->preprocessor);
    run->image_bytes = (size_t)(side * side * 3);
    OC_TRY(oc_image_processor_check(&run->processor, error));
    pixels = malloc((size_t)batch * run->image_bytes);
    if (pixels == NULL) {
        OC_NO_MEMORY(error, (size_t)batch * run->image_bytes);
    }
    for (int32_t i = 0; i < batch; i++) {
        run->jobs[i].pixels = pixels + (size_t)i * run->image_bytes;
    }
    OC_TRY(make_session(c, &weights, OCTAVO_IMAGE, batch, &session, error));
    OC_TRY(oc_pool_create(c->threads, &pool, error));
    int32_t files = (int32_t)listing.count;
    int32_t wanted = c->limit != 0 && c->limit < files ? c->limit : files;
    for (int32_t at = 0, count; at < files && c->images < wanted; at += count) {
        count = files - at < batch ? files - at : batch;
        count = wanted - c->images < count ? wanted - c->images : count;
        OC_TRY(run_images(c, session, pool, run, listing.paths + at, count, error));
        OC_TRY(progress(c, "calibrating images", c->images + run->bad, wanted + run->bad, error));
    }
    if (c->images == 0) {
        OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET,
                "none of the %d images in %s can be read; the first: %s", run->bad, folder,
                run->first_error.message);
    }
    if (run->bad > NAMED_FILES) {
        oc_notice(&c->source->checkpoint->notices, "%d more images are left out",
                  run->bad - NAMED_FILES);
    }
done:
    oc_pool_free(pool);
    oc_session_free(session);
    free(pixels);
    free(run);
    oc_listing_free(&listing);
    if (status != OCTAVO_OK) {
        oc_error_path(error, folder);
    }
    return status;
}

/* -- texts --------------------------------------------------------------------------------------
 */

/* The next line that is not empty, without its end; data is NULL behind the last. */
static oc_slice next_line(const char **at, const char *end) {
    oc_slice line = {0};
    while (*at < end && line.length == 0) {
        const char *feed = memchr(*at, '\n', (size_t)(end - *at));
        line = (oc_slice){*at, (size_t)((feed == NULL ? end : feed) - *at)};
        *at += line.length + (feed != NULL);
        if (line.length != 0 && line.data[line.length - 1] == '\r') {
            line.length--;
        }
    }
    return line.length == 0 ? (oc_slice){0} : line;
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
    oc_weight_source weights = oc_source_weights(c->source);
    oc_session *session = NULL;
    oc_bpe *bpe = NULL;
    char *bytes = NULL;
    int32_t *ids = NULL, lines = 0, batch = 0, rows = 0;
    size_t size = 0;
    OC_TRY(oc_file_load(path, OC_LIMIT_LIST_BYTES, &bytes, &size, error));
    const char *mark = "\xef\xbb\xbf", *end = bytes + size;
    const char *first = size >= 3 && memcmp(bytes, mark, 3) == 0 ? bytes + 3 : bytes, *at = first;
    while (next_line(&at, end).data != NULL && (c->limit == 0 || lines < c->limit)) {
        lines++;
    }
    if (lines == 0) {
        OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET, "there is no text in %s (%zu bytes)", path,
                size);
    }
    OC_TRY(make_bpe(c->source, &bpe, error));
    oc_bpe_info info = oc_bpe_describe(bpe);
    batch = batch_of(c, OCTAVO_TEXT, info.tokens_max);
    ids = malloc((size_t)batch * (size_t)info.tokens_max * sizeof *ids);
    if (ids == NULL) {
        OC_NO_MEMORY(error, (size_t)batch * (size_t)info.tokens_max * sizeof *ids);
    }
    OC_TRY(make_session(c, &weights, OCTAVO_TEXT, batch, &session, error));
    for (at = first; c->texts < lines; c->texts += rows) {
        rows = lines - c->texts < batch ? lines - c->texts : batch;
        for (int32_t r = 0; r < rows; r++) {
            oc_slice line = next_line(&at, end);
            int32_t used = 0, *row = ids + (size_t)r * (size_t)info.tokens_max;
            OC_TRY(oc_bpe_encode(bpe, line.data, line.length, row, info.tokens_max, &used, NULL,
                                 error));
            for (int32_t t = used; t < info.tokens_max; t++) {
                row[t] = info.padding;
            }
        }
        octavo_argument in = {
            .name = "input_ids",
            .tensor = {
                .dtype = OCTAVO_I32, .rank = 2, .shape = {rows, info.tokens_max}, .data = ids}};
        OC_TRY(oc_session_run(session, &in, 1, NULL, 0, 0, error));
        OC_TRY(progress(c, "calibrating texts", c->texts + rows, lines, error));
    }
done:
    oc_session_free(session);
    oc_bpe_free(bpe);
    free(ids);
    free(bytes);
    if (status != OCTAVO_OK) {
        oc_error_path(error, path);
    }
    return status;
}
