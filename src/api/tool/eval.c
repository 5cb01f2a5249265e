/* eval.c - zero-shot accuracy over folders of labelled images. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "api/objects.h"
#include "api/require.h"
#include "api/tool.h"
#include "api/tool/embedder.h"
#include "base/json/json.h"
#include "base/limits.h"
#include "base/sys/clock.h"
#include "base/sys/io.h"
#include "evaluate/statistics.h"

/* labels.json, read. */
typedef struct label_file {
    oc_arena arena;
    const char **templates, **folders, **labels;
    int32_t template_count, class_count;
} label_file;

static octavo_status grow(oc_arena *arena, const char ***list, int32_t count, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    /* capacity doubles at powers of two; the old ones stay in the arena until it is freed */
    if (count == 0 || (count & (count - 1)) == 0) {
        const char **larger =
            oc_arena_alloc(arena, (size_t)(count == 0 ? 1 : count * 2) * sizeof *larger);
        if (larger == NULL) {
            OC_NO_MEMORY(error, (size_t)count * 2 * sizeof *larger);
        }
        if (count != 0) {
            memcpy(larger, *list, (size_t)count * sizeof *larger);
        }
        *list = larger;
    }
    if (count >= (int32_t)OC_LIMIT_LABELS) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET, "more than %u labels or templates",
                OC_LIMIT_LABELS);
    }
done:
    return status;
}

static octavo_status read_templates(oc_json *json, label_file *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    bool more;
    OC_TRY(oc_json_array(json, error));
    for (;;) {
        OC_TRY(oc_json_element(json, &more, error));
        if (!more) {
            break;
        }
        OC_TRY(grow(&out->arena, &out->templates, out->template_count, error));
        OC_TRY(oc_json_text(json, OC_LIMIT_TEXT_BYTES, &out->arena,
                            &out->templates[out->template_count], error));
        out->template_count++;
    }
done:
    return status;
}

static octavo_status read_classes(oc_json *json, label_file *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_slice key;
    OC_TRY(oc_json_object(json, error));
    for (;;) {
        OC_TRY(oc_json_member(json, &key, error));
        if (key.data == NULL) {
            break;
        }
        OC_TRY(grow(&out->arena, &out->folders, out->class_count, error));
        OC_TRY(grow(&out->arena, &out->labels, out->class_count, error));
        out->folders[out->class_count] = oc_arena_text(&out->arena, key.data, key.length);
        if (out->folders[out->class_count] == NULL) {
            OC_NO_MEMORY(error, key.length);
        }
        OC_TRY(oc_json_text(json, OC_LIMIT_TEXT_BYTES, &out->arena, &out->labels[out->class_count],
                            error));
        out->class_count++;
    }
done:
    return status;
}

static octavo_status read_labels(const char *path, label_file *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_json json = {0};
    char *bytes = NULL;
    size_t size = 0;
    oc_slice key;
    OC_TRY(oc_file_load(path, OC_LIMIT_CONFIG_BYTES, &bytes, &size, error));
    oc_json_open(&json, bytes, size, 0, 0);
    OC_TRY(oc_json_object(&json, error));
    for (;;) {
        OC_TRY(oc_json_member(&json, &key, error));
        if (key.data == NULL) {
            break;
        }
        if (oc_slice_is(key, "templates")) {
            OC_TRY(read_templates(&json, out, error));
        } else if (oc_slice_is(key, "classes")) {
            OC_TRY(read_classes(&json, out, error));
        } else {
            OC_TRY(oc_json_skip(&json, NULL, error));
        }
    }
    OC_TRY(oc_json_finish(&json, error));
    if (out->class_count == 0) {
        OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET, "%s names no classes", path);
    }
done:
    oc_json_close(&json);
    free(bytes);
    if (status != OCTAVO_OK) {
        oc_error_path(error, path);
    }
    return status;
}

/* The files of every class, in order; out->files and out->truth are set. */
static octavo_status list_images(const char *data, const label_file *labels, octavo_tool_eval *out,
                                 octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_listing listing = {0};
    char *folder = NULL;
    int32_t capacity = 0;
    for (int32_t c = 0; c < labels->class_count; c++) {
        free(folder);
        folder = oc_path_join(data, labels->folders[c]);
        if (folder == NULL) {
            OC_NO_MEMORY(error, 1);
        }
        oc_listing_free(&listing);
        OC_TRY(
            oc_folder_list(folder, false, OC_LIMIT_FILES - (uint32_t)out->images, &listing, error));
        for (uint32_t i = 0; i < listing.count; i++) {
            if (out->images == capacity) {
                capacity = capacity == 0 ? 1024 : capacity * 2;
                char **files = realloc(out->files, (size_t)capacity * sizeof *files);
                out->files = files == NULL ? out->files : files;
                int32_t *truth = realloc(out->truth, (size_t)capacity * sizeof *truth);
                out->truth = truth == NULL ? out->truth : truth;
                if (files == NULL || truth == NULL) {
                    OC_NO_MEMORY(error, (size_t)capacity * sizeof *files);
                }
            }
            out->files[out->images] = oc_path_join(labels->folders[c], listing.paths[i]);
            if (out->files[out->images] == NULL) {
                OC_NO_MEMORY(error, 1);
            }
            out->truth[out->images++] = c;
        }
    }
    if (out->images == 0) {
        OC_FAIL(error, OCTAVO_NOT_FOUND, OCTAVO_NO_OFFSET,
                "there are no images in the %d class folders of %s", labels->class_count, data);
    }
done:
    free(folder);
    oc_listing_free(&listing);
    return status;
}

/* Files that could not be read leave the lists. */
static void drop_unread(octavo_tool_eval *out, const uint8_t *ok) {
    int32_t kept = 0;
    for (int32_t i = 0; i < out->images; i++) {
        if (!ok[i]) {
            free(out->files[i]);
            continue;
        }
        out->files[kept] = out->files[i];
        out->truth[kept] = out->truth[i];
        memmove(out->embeds + (int64_t)kept * out->embed_dim,
                out->embeds + (int64_t)i * out->embed_dim,
                (size_t)out->embed_dim * sizeof *out->embeds);
        kept++;
    }
    out->skipped = out->images - kept;
    out->images = kept;
}

static octavo_status embed_all(const octavo_engine *engine, octavo_session *session,
                               const char *data, octavo_progress progress, void *user,
                               octavo_tool_eval *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    uint64_t start = oc_clock_ns();
    char **paths = calloc((size_t)out->images + 1, sizeof *paths);
    uint8_t *ok = calloc((size_t)out->images + 1, 1);
    out->embeds = calloc((size_t)out->images * (size_t)out->embed_dim + 1, sizeof *out->embeds);
    if (paths == NULL || ok == NULL || out->embeds == NULL) {
        OC_NO_MEMORY(error, (size_t)out->images * (size_t)out->embed_dim * sizeof *out->embeds);
    }
    for (int32_t i = 0; i < out->images; i++) {
        paths[i] = oc_path_join(data, out->files[i]);
        if (paths[i] == NULL) {
            OC_NO_MEMORY(error, 1);
        }
    }
    OC_TRY(oc_embed_images(engine, session, (const char *const *)paths, out->images, progress, user,
                           out->embeds, ok, NULL, error));
    out->images_per_s = (double)out->images / ((double)(oc_clock_ns() - start) * 1e-9);
done:
    for (int32_t i = 0; paths != NULL && i < out->images; i++) {
        free(paths[i]);
    }
    if (status == OCTAVO_OK) {
        drop_unread(out, ok);
    }
    free(paths);
    free(ok);
    return status;
}

static octavo_status score(octavo_tool_eval *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int64_t top1 = 0, top5 = 0;
    float *scores = calloc((size_t)out->classes, sizeof *scores);
    out->predicted = calloc((size_t)out->images + 1, sizeof *out->predicted);
    if (scores == NULL || out->predicted == NULL) {
        OC_NO_MEMORY(error, (size_t)out->images * sizeof *out->predicted);
    }
    for (int32_t i = 0; i < out->images; i++) {
        const float *image = out->embeds + (int64_t)i * out->embed_dim;
        int32_t best = 0;
        for (int32_t c = 0; c < out->classes; c++) {
            scores[c] = (float)oc_cosine(out->class_embeds + (int64_t)c * out->embed_dim, image,
                                         out->embed_dim);
            best = scores[c] > scores[best] ? c : best;
        }
        out->predicted[i] = best;
        top1 += best == out->truth[i];
        top5 += oc_rank_of(scores, out->classes, out->truth[i]) < 5;
    }
    out->top1 = (double)top1 / out->images;
    out->top5 = (double)top5 / out->images;
    oc_wilson95(top1, out->images, out->top1_ci95);
done:
    free(scores);
    return status;
}

octavo_status octavo_tool_eval_run(const octavo_engine *engine, octavo_session *session,
                                   const char *data, const char *labels, octavo_progress progress,
                                   void *user, octavo_tool_eval *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    label_file file = {0};
    octavo_tool_classes *classes = NULL;
    char *path = NULL;
    oc_error_clear(error);
    OC_REQUIRE(error, out);
    *out = (octavo_tool_eval){0};
    OC_REQUIRE(error, engine);
    OC_REQUIRE(error, session);
    OC_REQUIRE(error, data);
    path = labels == NULL ? oc_path_join(data, "labels.json") : strdup(labels);
    if (path == NULL) {
        OC_NO_MEMORY(error, 1);
    }
    OC_TRY(read_labels(path, &file, error));
    OC_TRY(list_images(data, &file, out, error));
    out->classes = file.class_count;
    out->embed_dim = engine->info.embed_dim;
    OC_TRY(octavo_tool_classes_create(engine, session, file.labels, file.class_count,
                                      file.templates, file.template_count, progress, user, &classes,
                                      error));
    out->class_embeds = malloc((size_t)out->classes * (size_t)out->embed_dim * sizeof(float));
    out->class_names = calloc((size_t)out->classes, sizeof *out->class_names);
    if (out->class_embeds == NULL || out->class_names == NULL) {
        OC_NO_MEMORY(error, (size_t)out->classes * (size_t)out->embed_dim * sizeof(float));
    }
    memcpy(out->class_embeds, octavo_tool_classes_embeds(classes),
           (size_t)out->classes * (size_t)out->embed_dim * sizeof(float));
    for (int32_t c = 0; c < out->classes; c++) {
        out->class_names[c] = strdup(file.folders[c]);
        if (out->class_names[c] == NULL) {
            OC_NO_MEMORY(error, 1);
        }
    }
    OC_TRY(embed_all(engine, session, data, progress, user, out, error));
    if (out->images == 0) {
        OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET,
                "none of the %d files in the class folders of %s could be read as an image",
                out->skipped, data);
    }
    OC_TRY(score(out, error));
done:
    free(path);
    octavo_tool_classes_free(classes);
    oc_arena_free(&file.arena);
    if (status != OCTAVO_OK) {
        octavo_tool_eval_free(out);
    }
    return status;
}

void octavo_tool_eval_free(octavo_tool_eval *eval) {
    if (eval == NULL) {
        return;
    }
    for (int32_t i = 0; eval->files != NULL && i < eval->images; i++) {
        free(eval->files[i]);
    }
    for (int32_t c = 0; eval->class_names != NULL && c < eval->classes; c++) {
        free(eval->class_names[c]);
    }
    free(eval->files);
    free(eval->class_names);
    free(eval->predicted);
    free(eval->truth);
    free(eval->embeds);
    free(eval->class_embeds);
    *eval = (octavo_tool_eval){0};
}

octavo_status octavo_tool_eval_compare(const octavo_tool_eval *a, const octavo_tool_eval *b,
                                       octavo_tool_eval_delta *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int32_t same = 0;
    double sum = 0;
    oc_error_clear(error);
    OC_REQUIRE(error, out);
    *out = (octavo_tool_eval_delta){.cosine_min = 1};
    OC_REQUIRE(error, a);
    OC_REQUIRE(error, b);
    if (a->images != b->images || a->images == 0) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "one evaluation has %d images, the other %d", a->images, b->images);
    }
    for (int32_t i = 0; i < a->images; i++) {
        bool right_a = a->predicted[i] == a->truth[i], right_b = b->predicted[i] == b->truth[i];
        if (strcmp(a->files[i], b->files[i]) != 0) {
            OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                    "image %d is %s in one evaluation and %s in the other", i, a->files[i],
                    b->files[i]);
        }
        same += a->predicted[i] == b->predicted[i];
        out->only_a += right_a && !right_b;
        out->only_b += right_b && !right_a;
        if (a->embed_dim == b->embed_dim) {
            double cosine = oc_cosine(a->embeds + (int64_t)i * a->embed_dim,
                                      b->embeds + (int64_t)i * a->embed_dim, a->embed_dim);
            sum += cosine;
            out->cosine_min = cosine < out->cosine_min ? cosine : out->cosine_min;
        }
    }
    out->agreement = (double)same / a->images;
    out->cosine_mean = sum / a->images;
    out->delta_top1 = a->top1 - b->top1;
    out->mcnemar_p = oc_mcnemar(out->only_a, out->only_b);
done:
    return status;
}
