/* quant_groups.c - see quant_groups.h. */
#include "checkpoint/quant/quant_groups.h"

#include <stdio.h>

#include "base/json/json.h"

enum { WORD_BYTES = 32 };

/* "weights" or "input_activations" of a group. */
typedef struct half {
    bool present; /* not null and not absent: quantized */
    bool dynamic;
    int32_t bits;
    char type[WORD_BYTES];     /* "float" */
    char strategy[WORD_BYTES]; /* "tensor"; "" is not said */
} half;

static octavo_status read_word(oc_json *json, char word[WORD_BYTES], octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_slice text;
    OC_TRY(oc_json_string(json, &text, error));
    snprintf(word, WORD_BYTES, "%.*s", oc_slice_width(text), text.data);
done:
    return status;
}

/* What a group_size says where there is no strategy. */
static octavo_status read_group_size(oc_json *json, half *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int32_t size;
    OC_TRY(oc_json_int32(json, -1, INT32_MAX, &size, error));
    if (!out->strategy[0]) {
        snprintf(out->strategy, WORD_BYTES, "%s", size < 0 ? "channel" : "group");
    }
done:
    return status;
}

/* Nulls that compressed-tensors refuses are refused: they would leave the scheme open. */
static octavo_status read_half(oc_json *json, half *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_slice key;
    bool is_null;
    OC_TRY(oc_json_null(json, &is_null, error));
    if (is_null) {
        goto done;
    }
    out->present = true;
    OC_TRY(oc_json_object(json, error));
    for (;;) {
        OC_TRY(oc_json_member(json, &key, error));
        if (!key.data) {
            break;
        } else if (oc_slice_is(key, "dynamic")) {
            OC_TRY(oc_json_bool(json, &out->dynamic, error));
        } else if (oc_slice_is(key, "num_bits")) {
            OC_TRY(oc_json_int32(json, 1, 64, &out->bits, error));
        } else if (oc_slice_is(key, "type")) {
            OC_TRY(read_word(json, out->type, error));
        } else if (oc_slice_is(key, "symmetric")) {
            bool symmetric;
            OC_TRY(oc_json_bool(json, &symmetric, error));
            if (!symmetric) {
                OC_JSON_FAIL(json, error, OCTAVO_UNSUPPORTED, "zero points are not read here");
            }
        } else if (oc_slice_is(key, "strategy") || oc_slice_is(key, "group_size")) {
            OC_TRY(oc_json_null(json, &is_null, error));
            OC_TRY(is_null                        ? OCTAVO_OK
                   : oc_slice_is(key, "strategy") ? read_word(json, out->strategy, error)
                                                  : read_group_size(json, out, error));
        } else {
            OC_TRY(oc_json_skip(json, NULL, error));
        }
    }
done:
    return status;
}

static bool is_whole(const half *h) {
    return !h->dynamic && (!h->strategy[0] || strcmp(h->strategy, "tensor") == 0);
}

/* "a scale for each channel" */
static void describe(const half *h, char *text, size_t capacity) {
    if (!h->present) {
        snprintf(text, capacity, "no scales");
    } else {
        snprintf(text, capacity, "%s for each %s", h->dynamic ? "dynamic scales" : "a scale",
                 h->strategy[0] ? h->strategy : "tensor");
    }
}

/* How a sentence about a scheme that is not read begins: llm-compressor's name for it. */
static const char *name_of(const half *weights, const half *inputs, bool compressed) {
    return !compressed ? ""
           : strcmp(weights->strategy, "channel") == 0 && strcmp(inputs->strategy, "token") == 0
               ? "compressed-tensors' FP8_DYNAMIC, "
           : strcmp(weights->strategy, "block") == 0 && inputs->dynamic
               ? "compressed-tensors' FP8_BLOCK, "
           : weights->present && !inputs->present ? "compressed-tensors with weights alone, "
                                                  : "compressed-tensors, ";
}

static octavo_status check_group(oc_json *json, const half *weights, const half *inputs,
                                 bool compressed, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const half *halves[] = {weights, inputs};
    static const char *const names[] = {"weights", "activations"};
    for (size_t i = 0; i < OC_COUNT(halves); i++) {
        if (halves[i]->present && halves[i]->bits != 8) {
            OC_JSON_FAIL(json, error, OCTAVO_UNSUPPORTED, "%s of %d bits are not read here, 8 are",
                         names[i], halves[i]->bits);
        }
        if (halves[i]->present && strcmp(halves[i]->type, "float") != 0) {
            OC_JSON_FAIL(json, error, OCTAVO_UNSUPPORTED,
                         "%s of kind \"%s\" are not read here, \"float\" is", names[i],
                         halves[i]->type);
        }
    }
    if (!is_whole(weights) || !is_whole(inputs) ||
        (compressed && weights->present != inputs->present)) {
        char of_weights[64], of_inputs[64];
        describe(weights, of_weights, sizeof of_weights);
        describe(inputs, of_inputs, sizeof of_inputs);
        OC_JSON_FAIL(json, error, OCTAVO_UNSUPPORTED,
                     "%sweights with %s and activations with %s are not read yet; both with one "
                     "static scale for the whole tensor are",
                     name_of(weights, inputs, compressed), of_weights, of_inputs);
    }
done:
    return status;
}

static octavo_status read_group(oc_json *json, bool compressed, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    /* compressed-tensors takes integers where no type is given */
    const half preset = {.bits = 8};
    half weights = preset, inputs = preset;
    oc_slice key;
    snprintf(weights.type, WORD_BYTES, "%s", compressed ? "int" : "float");
    snprintf(inputs.type, WORD_BYTES, "%s", weights.type);
    OC_TRY(oc_json_object(json, error));
    for (;;) {
        bool is_null;
        OC_TRY(oc_json_member(json, &key, error));
        if (!key.data) {
            break;
        } else if (oc_slice_is(key, "weights")) {
            OC_TRY(read_half(json, &weights, error));
        } else if (oc_slice_is(key, "input_activations")) {
            OC_TRY(read_half(json, &inputs, error));
        } else if (oc_slice_is(key, "output_activations")) {
            OC_TRY(oc_json_null(json, &is_null, error));
            if (!is_null) {
                OC_JSON_FAIL(json, error, OCTAVO_UNSUPPORTED,
                             "quantized outputs are not read here");
            }
        } else if (oc_slice_is(key, "format")) {
            oc_slice format = {0};
            OC_TRY(oc_json_null(json, &is_null, error));
            OC_TRY(is_null ? OCTAVO_OK : oc_json_string(json, &format, error));
            if (format.data && !oc_slice_is(format, OC_QUANT_FORMAT)) {
                OC_JSON_FAIL(json, error, OCTAVO_UNSUPPORTED,
                             "\"%.*s\" is not read yet, \"" OC_QUANT_FORMAT "\" is",
                             oc_slice_width(format), format.data);
            }
        } else {
            OC_TRY(oc_json_skip(json, NULL, error));
        }
    }
    OC_TRY(check_group(json, &weights, &inputs, compressed, error));
done:
    return status;
}

octavo_status oc_quant_groups_check(oc_slice groups, uint64_t base, bool compressed,
                                    octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_json json = {0};
    oc_slice key;
    oc_json_open(&json, groups.data, groups.length, base, 0);
    OC_TRY(oc_json_object(&json, error));
    for (;;) {
        OC_TRY(oc_json_member(&json, &key, error));
        if (!key.data) {
            break;
        }
        OC_TRY(read_group(&json, compressed, error));
    }
done:
    oc_json_close(&json);
    return status;
}
