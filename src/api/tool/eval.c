/* eval.c - zero-shot accuracy over folders of labelled images. */
#include <stdlib.h>
#include <string.h>

#include "api/objects.h"
#include "api/require.h"
#include "api/tool.h"
#include "api/tool/class_folders.h"
#include "api/tool/listener.h"
#include "base/sys/clock.h"
#include "base/sys/io.h"
#include "evaluate/statistics.h"

/* Embeds all that can be read; out->files and out->truth say what that is. */
static octavo_status embed_all(const octavo_engine *engine, const octavo_tool_sessions *sessions,
                               const oc_class_folders *folders,
                               const octavo_tool_listener *listener, octavo_tool_eval *out,
                               octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    uint64_t start = oc_clock_ns();
    const oc_items *images = &folders->images;
    size_t count = (size_t)images->count;
    int32_t *items = calloc(count + 1, sizeof *items);
    out->files = calloc(count + 1, sizeof *out->files);
    out->truth = calloc(count + 1, sizeof *out->truth);
    out->embeds = calloc(count * (size_t)out->embed_dim + 1, sizeof *out->embeds);
    if (items == NULL || out->files == NULL || out->truth == NULL || out->embeds == NULL) {
        OC_NO_MEMORY(error, count * (size_t)out->embed_dim * sizeof *out->embeds);
    }
    OC_TRY(octavo_tool_embed_images(engine, sessions, images->items, images->count, listener,
                                    out->embeds, items, &out->images, error));
    out->images_per_s = (double)out->images / ((double)(oc_clock_ns() - start) * 1e-9);
    out->skipped = images->count - out->images;
    for (int32_t i = 0; i < out->images; i++) {
        out->truth[i] = folders->truth[items[i]];
        out->files[i] = strdup(images->items[items[i]] + folders->within);
        if (out->files[i] == NULL) {
            OC_NO_MEMORY(error, 1);
        }
    }
done:
    free(items);
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

octavo_status octavo_tool_eval_run(const octavo_engine *engine,
                                   const octavo_tool_sessions *sessions, const char *data,
                                   const char *labels, const octavo_tool_listener *listener,
                                   octavo_tool_eval *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_class_folders folders = {0};
    octavo_tool_classes *classes = NULL;
    char *path = NULL;
    oc_error_clear(error);
    OC_REQUIRE(error, out);
    *out = (octavo_tool_eval){0};
    OC_REQUIRE(error, engine);
    OC_TRY(oc_check_sessions(sessions, error));
    OC_REQUIRE(error, data);
    path = labels == NULL ? oc_path_join(data, "labels.json") : strdup(labels);
    if (path == NULL) {
        OC_NO_MEMORY(error, strlen(data));
    }
    OC_TRY(oc_class_folders_read(&folders, data, path, listener, error));
    out->classes = folders.labels.count;
    out->embed_dim = engine->info.embed_dim;
    size_t floats = (size_t)out->classes * (size_t)out->embed_dim;
    OC_TRY(octavo_tool_classes_create(engine, sessions->items[0], folders.labels.items,
                                      out->classes, folders.templates.items,
                                      folders.templates.count, listener, &classes, error));
    out->class_embeds = malloc(floats * sizeof(float));
    out->class_names = calloc((size_t)out->classes, sizeof *out->class_names);
    if (out->class_embeds == NULL || out->class_names == NULL) {
        OC_NO_MEMORY(error, floats * sizeof(float));
    }
    memcpy(out->class_embeds, octavo_tool_classes_embeds(classes), floats * sizeof(float));
    for (int32_t c = 0; c < out->classes; c++) {
        out->class_names[c] = strdup(folders.folders.items[c]);
        if (out->class_names[c] == NULL) {
            OC_NO_MEMORY(error, 1);
        }
    }
    OC_TRY(embed_all(engine, sessions, &folders, listener, out, error));
    if (out->images == 0) {
        OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET,
                "no file in the class folders of %s can be read as an image (%d tried)", data,
                out->skipped);
    }
    OC_TRY(score(out, error));
done:
    if (status != OCTAVO_OK) {
        octavo_tool_eval_free(out);
    }
    free(path);
    octavo_tool_classes_free(classes);
    oc_class_folders_free(&folders);
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
                "one evaluation has %d image%s, the other %d", a->images, OC_PLURAL(a->images),
                b->images);
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
    out->worse_p = oc_mcnemar_fewer(out->only_a, out->only_b);
done:
    return status;
}
