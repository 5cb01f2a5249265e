/* classes.c - zero-shot classes from labels and templates. */
#include <stdlib.h>
#include <string.h>

#include "api/objects.h"
#include "api/require.h"
#include "api/tool/listener.h"
#include "base/buffer.h"
#include "base/limits.h"
#include "base/strmap.h"
#include "evaluate/statistics.h"

enum { NAMED_LABELS = 4 }; /* of those that come again; the others are counted */

struct octavo_tool_classes {
    int32_t count, dim;
    float logit_scale;
    float *embeds; /* [count, dim] */
};

/* `template` with every "{}" in it replaced by `label`. */
static char *fill(const char *template, const char *label) {
    oc_buffer text;
    oc_buffer_init(&text);
    for (const char *hole; (hole = strstr(template, "{}")) != NULL; template = hole + 2) {
        oc_buffer_append(&text, template, (size_t)(hole - template));
        oc_buffer_text(&text, label);
    }
    oc_buffer_text(&text, template);
    return oc_buffer_take(&text, NULL);
}

octavo_status octavo_tool_check_templates(const char *const *templates, int32_t count,
                                          octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_error_clear(error);
    for (int32_t i = 0; i < count; i++) {
        OC_REQUIRE(error, templates);
        OC_REQUIRE(error, templates[i]);
        if (strstr(templates[i], "{}") == NULL) {
            OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                    "template %d has no {} for the label: \"%.80s\"", i + 1, templates[i]);
        }
    }
done:
    return status;
}

/* Equal labels get equal scores: which of them is the best is chance. */
static octavo_status tell_equal_labels(const char *const *labels, int32_t count,
                                       const octavo_tool_listener *listener, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int32_t equal = 0, *first = NULL;
    oc_strmap map;
    oc_strmap_init(&map);
    for (int32_t i = 0; i < count; i++) {
        OC_TRY(oc_strmap_add(&map, oc_slice_of(labels[i]), i, &first, error));
        if (first != NULL && equal++ < NAMED_LABELS) {
            oc_tell(listener, "label %d is label %d again, with the same score: \"%.80s\"", i + 1,
                    *first + 1, labels[i]);
        }
    }
    if (equal > NAMED_LABELS) {
        int32_t more = equal - NAMED_LABELS;
        oc_tell(listener, "%d more label%s there already", more, more == 1 ? " is" : "s are");
    }
done:
    oc_strmap_free(&map);
    return status;
}

/* The sum of the unit embeddings of one label's texts, as a unit vector. */
static void average(const float *embeds, int32_t texts, int32_t dim, float *out) {
    memset(out, 0, (size_t)dim * sizeof *out);
    for (int32_t t = 0; t < texts; t++) {
        for (int32_t d = 0; d < dim; d++) {
            out[d] += embeds[(int64_t)t * dim + d] / (float)texts;
        }
    }
    oc_unit(out, dim);
}

octavo_status octavo_tool_classes_create(const octavo_engine *engine, octavo_session *session,
                                         const char *const *labels, int32_t label_count,
                                         const char *const *templates, int32_t template_count,
                                         const octavo_tool_listener *listener,
                                         octavo_tool_classes **out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    octavo_tool_classes *classes = NULL;
    static const char *alone = "{}";
    char **texts = NULL;
    float *embeds = NULL;
    int32_t dim;
    size_t count = 0;
    oc_error_clear(error);
    OC_REQUIRE(error, out);
    *out = NULL;
    OC_REQUIRE(error, engine);
    OC_REQUIRE(error, session);
    OC_REQUIRE(error, labels);
    dim = engine->info.embed_dim;
    if (template_count == 0) {
        templates = &alone;
        template_count = 1;
    }
    OC_REQUIRE(error, templates);
    if (label_count <= 0 || template_count < 0 || label_count > (int32_t)OC_LIMIT_LABELS ||
        template_count > (int32_t)OC_LIMIT_LABELS / label_count) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "%d label%s through %d template%s, there must be 1 to %u texts", label_count,
                OC_PLURAL(label_count), template_count, OC_PLURAL(template_count), OC_LIMIT_LABELS);
    }
    OC_TRY(octavo_tool_check_templates(templates, template_count, error));
    OC_TRY(tell_equal_labels(labels, label_count, listener, error));
    count = (size_t)label_count * (size_t)template_count;
    classes = calloc(1, sizeof *classes);
    texts = calloc(count, sizeof *texts);
    embeds = calloc(count * (size_t)dim, sizeof *embeds);
    if (classes == NULL || texts == NULL || embeds == NULL) {
        OC_NO_MEMORY(error, count * (size_t)dim * sizeof *embeds);
    }
    classes->embeds = calloc((size_t)label_count * (size_t)dim, sizeof *classes->embeds);
    if (classes->embeds == NULL) {
        OC_NO_MEMORY(error, (size_t)label_count * (size_t)dim * sizeof *embeds);
    }
    for (size_t i = 0; i < count; i++) {
        const char *label = labels[i / (size_t)template_count];
        const char *template = templates[i % (size_t)template_count];
        if (label == NULL || template == NULL) {
            OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET, "%s %zu is NULL",
                    label == NULL ? "label" : "template",
                    label == NULL ? i / (size_t)template_count : i % (size_t)template_count);
        }
        texts[i] = fill(template, label);
        if (texts[i] == NULL) {
            OC_NO_MEMORY(error, 1);
        }
    }
    OC_TRY(octavo_tool_embed_texts(engine, &(octavo_tool_sessions){&session, 1},
                                   (const char *const *)texts, (int32_t)count, listener, embeds,
                                   error));
    for (int32_t i = 0; i < label_count; i++) {
        average(embeds + (int64_t)i * template_count * dim, template_count, dim,
                classes->embeds + (int64_t)i * dim);
    }
    classes->count = label_count;
    classes->dim = dim;
    classes->logit_scale = engine->info.logit_scale;
    *out = classes;
    classes = NULL;
done:
    for (size_t i = 0; texts != NULL && i < count; i++) {
        free(texts[i]);
    }
    free(texts);
    free(embeds);
    octavo_tool_classes_free(classes);
    return status;
}

void octavo_tool_classes_free(octavo_tool_classes *classes) {
    if (classes != NULL) {
        free(classes->embeds);
        free(classes);
    }
}

const float *octavo_tool_classes_embeds(const octavo_tool_classes *classes) {
    return classes == NULL ? NULL : classes->embeds;
}

void octavo_tool_classes_score(const octavo_tool_classes *classes, const float *image,
                               float *scores) {
    if (classes == NULL || image == NULL || scores == NULL) {
        return;
    }
    for (int32_t i = 0; i < classes->count; i++) {
        scores[i] =
            (float)oc_cosine(classes->embeds + (int64_t)i * classes->dim, image, classes->dim);
    }
    oc_softmax(scores, classes->count, classes->logit_scale);
}
