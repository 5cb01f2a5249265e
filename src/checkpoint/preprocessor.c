/* preprocessor.c - one image processor as a file says it.  preprocessor_files.c finds the file. */
#include "checkpoint/preprocessor.h"

#include <math.h>

#include "base/json/json.h"

/* As the file says it, before it is reduced to oc_preprocessor. */
typedef struct recipe {
    int32_t edge, height, width; /* of "size"; edge 0: to height and width */
    int32_t crop_height, crop_width;
    bool edge_is_number; /* "size" is one: a square's side after all if default_to_square */
    bool default_to_square;
    bool do_resize, do_crop, do_rescale, do_normalize;
    const char *missing; /* the key of a null that cannot be done without; NULL: none */
    double rescale;
    int32_t resample;
    float mean[3], std[3];
} recipe;

oc_preprocessor oc_preprocessor_default(int32_t image_size) {
    return (oc_preprocessor){.image_size = image_size,
                             .shortest_edge = image_size,
                             .resample = OC_RESAMPLE_BICUBIC,
                             .mean = {0.48145466f, 0.4578275f, 0.40821073f},
                             .std = {0.26862954f, 0.26130258f, 0.27577711f}};
}

/* {"height","width"}, or where `edge` is not NULL {"shortest_edge"}; a null is as good as absent.
 */
static octavo_status read_sides(oc_json *json, int32_t *edge, int32_t *height, int32_t *width,
                                octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_slice key;
    int32_t sides[3] = {0}; /* shortest_edge, height, width */
    OC_TRY(oc_json_object(json, error));
    for (;;) {
        bool is_null;
        OC_TRY(oc_json_member(json, &key, error));
        if (!key.data) {
            break;
        }
        OC_TRY(oc_json_null(json, &is_null, error));
        if (is_null) {
            continue;
        }
        int at = edge && oc_slice_is(key, "shortest_edge") ? 0
                 : oc_slice_is(key, "height")              ? 1
                 : oc_slice_is(key, "width")               ? 2
                                                           : -1;
        if (at < 0) {
            OC_JSON_FAIL(json, error, OCTAVO_UNSUPPORTED, "a size by \"%.*s\" is not done here",
                         oc_slice_width(key), key.data);
        }
        OC_TRY(oc_json_int32(json, 1, OC_LIMIT_IMAGE_SIZE, &sides[at], error));
    }
    bool by_edge = sides[0] && !sides[1] && !sides[2];
    bool by_sides = !sides[0] && sides[1] && sides[2];
    if (!by_edge && !by_sides) {
        OC_JSON_FAIL(json, error, OCTAVO_CORRUPT, "expected %sboth height and width",
                     edge ? "either shortest_edge or " : "");
    }
    if (edge) {
        *edge = sides[0];
    }
    *height = sides[1];
    *width = sides[2];
done:
    return status;
}

/* A size in any form: a number, which is the shortest edge where `edge` is not NULL and a square's
 * side otherwise; [height, width]; or an object. */
static octavo_status read_size(oc_json *json, int32_t *edge, int32_t *height, int32_t *width,
                               octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_json_type type;
    OC_TRY(oc_json_peek(json, &type, error));
    if (type == OC_JSON_NUMBER) {
        int32_t side;
        OC_TRY(oc_json_int32(json, 1, OC_LIMIT_IMAGE_SIZE, &side, error));
        *height = *width = edge ? 0 : side;
        if (edge) {
            *edge = side;
        }
    } else if (type == OC_JSON_ARRAY_BEGIN) {
        bool more;
        OC_TRY(oc_json_array(json, error));
        OC_TRY(oc_json_int32(json, 1, OC_LIMIT_IMAGE_SIZE, height, error));
        OC_TRY(oc_json_int32(json, 1, OC_LIMIT_IMAGE_SIZE, width, error));
        OC_TRY(oc_json_element(json, &more, error));
        if (more) {
            OC_JSON_FAIL(json, error, OCTAVO_CORRUPT, "expected height and width, found more");
        }
        if (edge) {
            *edge = 0;
        }
    } else {
        OC_TRY(read_sides(json, edge, height, width, error));
    }
done:
    return status;
}

static octavo_status read_triple(oc_json *json, double least, float out[3], octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    bool more;
    OC_TRY(oc_json_array(json, error));
    for (int i = 0; i < 3; i++) {
        double value;
        OC_TRY(oc_json_double(json, &value, error));
        if (!(value >= least && value <= 1e6)) {
            OC_JSON_FAIL(json, error, OCTAVO_CORRUPT, "%g is not between %g and 1e6", value, least);
        }
        out[i] = (float)value;
    }
    OC_TRY(oc_json_element(json, &more, error));
    if (more) {
        OC_JSON_FAIL(json, error, OCTAVO_CORRUPT, "expected three numbers, found more");
    }
done:
    return status;
}

static octavo_status check_type(oc_json *json, octavo_error *error) {
    static const char *const known[] = {"CLIPImageProcessor", "CLIPImageProcessorFast",
                                        "CLIPImageProcessorPil", "CLIPFeatureExtractor"};
    octavo_status status = OCTAVO_OK;
    oc_slice name;
    OC_TRY(oc_json_string(json, &name, error));
    for (size_t i = 0; i < OC_COUNT(known); i++) {
        if (oc_slice_is(name, known[i])) {
            goto done;
        }
    }
    OC_JSON_FAIL(json, error, OCTAVO_UNSUPPORTED, "\"%.*s\" is not done here, %s is",
                 oc_slice_width(name), name.data, known[0]);
done:
    return status;
}

/* A null.  Switches are off by it, in every transformers.  Without resample or rescale_factor
 * nothing can be done.  Sizes, mean and std are CLIP's own then to transformers 4; 5 refuses. */
static void read_null(oc_slice key, recipe *r, oc_notices *notices) {
    static const char *const needed[] = {"resample", "rescale_factor"};
    static const char *const preset[] = {"size", "crop_size", "image_mean", "image_std"};
    for (size_t i = 0; i < OC_COUNT(needed); i++) {
        r->missing = oc_slice_is(key, needed[i]) ? needed[i] : r->missing;
    }
    for (size_t i = 0; i < OC_COUNT(preset); i++) {
        if (oc_slice_is(key, preset[i])) {
            oc_notice(
                notices,
                "the image processor's %s is null: CLIP's own is used, as transformers 4 does "
                "(transformers 5 refuses such a file)",
                preset[i]);
        }
    }
}

static octavo_status read_entry(oc_json *json, oc_slice key, recipe *r, oc_notices *notices,
                                octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const struct {
        const char *key;
        bool *value;
    } switches[] = {{"do_resize", &r->do_resize},
                    {"do_center_crop", &r->do_crop},
                    {"do_rescale", &r->do_rescale},
                    {"do_normalize", &r->do_normalize},
                    {"default_to_square", &r->default_to_square}};
    bool is_null;
    OC_TRY(oc_json_null(json, &is_null, error));
    for (size_t i = 0; i < OC_COUNT(switches); i++) {
        if (oc_slice_is(key, switches[i].key)) {
            *switches[i].value = false;
            OC_TRY(is_null ? OCTAVO_OK : oc_json_bool(json, switches[i].value, error));
            goto done;
        }
    }
    if (is_null) {
        read_null(key, r, notices);
        goto done;
    }
    if (oc_slice_is(key, "size")) {
        oc_json_type type;
        OC_TRY(oc_json_peek(json, &type, error));
        r->edge_is_number = type == OC_JSON_NUMBER;
        OC_TRY(read_size(json, &r->edge, &r->height, &r->width, error));
    } else if (oc_slice_is(key, "crop_size")) {
        OC_TRY(read_size(json, NULL, &r->crop_height, &r->crop_width, error));
    } else if (oc_slice_is(key, "resample")) {
        OC_TRY(oc_json_int32(json, 0, 5, &r->resample, error));
        if (r->resample < OC_RESAMPLE_LANCZOS || r->resample > OC_RESAMPLE_BICUBIC) {
            OC_JSON_FAIL(json, error, OCTAVO_UNSUPPORTED,
                         "Pillow's resampling filter %d is not done here; 1 (Lanczos), 2 "
                         "(bilinear) and 3 (bicubic) are",
                         r->resample);
        }
    } else if (oc_slice_is(key, "rescale_factor")) {
        OC_TRY(oc_json_double(json, &r->rescale, error));
    } else if (oc_slice_is(key, "image_mean")) {
        OC_TRY(read_triple(json, -1e6, r->mean, error));
    } else if (oc_slice_is(key, "image_std")) {
        OC_TRY(read_triple(json, 1e-6, r->std, error));
    } else if (oc_slice_is(key, "image_processor_type") ||
               oc_slice_is(key, "feature_extractor_type")) {
        OC_TRY(check_type(json, error));
    } else if (oc_slice_is(key, "do_pad") || oc_slice_is(key, "use_square_size")) {
        bool value;
        OC_TRY(oc_json_bool(json, &value, error));
        if (value) {
            OC_JSON_FAIL(json, error, OCTAVO_UNSUPPORTED, "this is not done here");
        }
    } else {
        OC_TRY(oc_json_skip(json, NULL, error));
    }
done:
    return status;
}

/* What the recipe comes to, where it is one that is done here. */
static octavo_status reduce(recipe *r, int32_t image_size, oc_preprocessor *out,
                            octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    if (r->edge_is_number && r->default_to_square) { /* transformers 5; 4 did not heed it */
        r->height = r->width = r->edge;
        r->edge = 0;
    }
    int32_t height = r->do_crop ? r->crop_height : r->height;
    int32_t width = r->do_crop ? r->crop_width : r->width;
    if (!r->do_resize || !r->do_rescale || fabs(r->rescale * 255 - 1) > 1e-6) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                "the image processor has do_resize %s, do_rescale %s and rescale_factor %.9g; "
                "only true, true and 1/255 are done here",
                r->do_resize ? "true" : "false", r->do_rescale ? "true" : "false", r->rescale);
    }
    if (r->missing) {
        OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET,
                "the image processor's %s is null, and cannot be done without", r->missing);
    }
    if (!r->do_crop && r->edge) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                "the image processor resizes by shortest_edge and has do_center_crop false, so "
                "that its images are no squares");
    }
    if (height != image_size || width != image_size) {
        OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET,
                "the image processor makes images of %dx%d pixels, the model takes %dx%d", width,
                height, image_size, image_size);
    }
    if (r->edge ? r->edge < image_size : r->height != r->width || r->height != image_size) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                "the image processor crops %dx%d pixels from images resized to %dx%d", image_size,
                image_size, r->edge ? r->edge : r->width, r->edge ? r->edge : r->height);
    }
    *out = (oc_preprocessor){
        .image_size = image_size, .shortest_edge = r->edge, .resample = (oc_resample)r->resample};
    for (int i = 0; i < 3; i++) {
        out->mean[i] = r->do_normalize ? r->mean[i] : 0;
        out->std[i] = r->do_normalize ? r->std[i] : 1;
    }
done:
    return status;
}

octavo_status oc_preprocessor_read(const char *bytes, size_t size, uint64_t base,
                                   int32_t image_size, oc_preprocessor *out, oc_notices *notices,
                                   octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_preprocessor preset = oc_preprocessor_default(224);
    recipe r = {.edge = preset.shortest_edge,
                .crop_height = preset.image_size,
                .crop_width = preset.image_size,
                .do_resize = true,
                .do_crop = true,
                .do_rescale = true,
                .do_normalize = true,
                .rescale = 1.0 / 255,
                .resample = (int32_t)preset.resample};
    oc_json json = {0};
    oc_slice key;
    *out = (oc_preprocessor){0};
    memcpy(r.mean, preset.mean, sizeof r.mean);
    memcpy(r.std, preset.std, sizeof r.std);
    oc_json_open(&json, bytes, size, base, 0);
    OC_TRY(oc_json_object(&json, error));
    for (;;) {
        OC_TRY(oc_json_member(&json, &key, error));
        if (!key.data) {
            break;
        }
        OC_TRY(read_entry(&json, key, &r, notices, error));
    }
    OC_TRY(oc_json_finish(&json, error));
    OC_TRY(reduce(&r, image_size, out, error));
done:
    oc_json_close(&json);
    return status;
}
