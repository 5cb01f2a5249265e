/* layout.c - see layout.h. */
#include "quantize/layout.h"

#include <stdio.h>

#include "base/json/json.h"
#include "base/json/json_write.h"

static const struct {
    const char *name;
    int32_t scale_rank;
} layouts[] = {
#define XX(name, text, rank) {text, rank},
    OC_FP8_LAYOUT_MAP(XX)
#undef XX
};

octavo_status oc_fp8_layout_find(const char *name, oc_fp8_layout *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    *out = OC_FP8_MODELOPT;
    if (name == NULL) {
        goto done;
    }
    for (size_t i = 0; i < OC_COUNT(layouts); i++) {
        if (strcmp(layouts[i].name, name) == 0) {
            *out = (oc_fp8_layout)i;
            goto done;
        }
    }
    OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
            "there is no layout called '%s'; there are modelopt and compressed-tensors", name);
done:
    return status;
}

const char *oc_fp8_layout_name(oc_fp8_layout layout) {
    return layouts[layout].name;
}

int32_t oc_fp8_scale_rank(oc_fp8_layout layout) {
    return layouts[layout].scale_rank;
}

/* -- members that both layouts are made of ------------------------------------------------------
 */

static void write_text(oc_json_writer *json, const char *key, const char *value) {
    oc_json_write_key(json, key);
    oc_json_write_text(json, value);
}

static void write_excluded(oc_json_writer *json, const char *key, const oc_fp8_excluded *excluded,
                           bool embeddings) {
    oc_json_write_key(json, key);
    oc_json_write_array(json);
    for (size_t i = 0; i < OC_COUNT(excluded->roots); i++) {
        if (embeddings && excluded->roots[i] != NULL) {
            char glob[OC_LIMIT_TENSOR_NAME + 32];
            snprintf(glob, sizeof glob, "%s.embeddings*", excluded->roots[i]);
            oc_json_write_text(json, glob);
        }
    }
    for (int32_t i = 0; i < excluded->count; i++) {
        oc_json_write_text(json, excluded->modules[i]);
    }
    oc_json_write_end(json);
}

static void write_producer(oc_json_writer *json) {
    char version[32];
    snprintf(version, sizeof version, "%d.%d.%d", OCTAVO_VERSION_MAJOR, OCTAVO_VERSION_MINOR,
             OCTAVO_VERSION_PATCH);
    oc_json_write_key(json, "producer");
    oc_json_write_object(json);
    write_text(json, "name", "octavo");
    write_text(json, "version", version);
    oc_json_write_end(json);
}

/* 8-bit floats with one static scale a tensor. */
static void write_half(oc_json_writer *json, const char *key, bool named) {
    oc_json_write_key(json, key);
    oc_json_write_object(json);
    oc_json_write_key(json, "dynamic");
    oc_json_write_bool(json, false);
    oc_json_write_key(json, "num_bits");
    oc_json_write_int(json, 8);
    if (named) {
        write_text(json, "strategy", "tensor");
        oc_json_write_key(json, "symmetric");
        oc_json_write_bool(json, true);
    }
    write_text(json, "type", "float");
    oc_json_write_end(json);
}

static void write_groups(oc_json_writer *json, oc_fp8_layout layout) {
    bool named = layout == OC_FP8_COMPRESSED_TENSORS;
    oc_json_write_key(json, "config_groups");
    oc_json_write_object(json);
    oc_json_write_key(json, "group_0");
    oc_json_write_object(json);
    if (named) {
        write_text(json, "format", "float-quantized");
    }
    write_half(json, "input_activations", named);
    if (named) {
        oc_json_write_key(json, "output_activations");
        oc_json_write_null(json);
    }
    write_half(json, "weights", named);
    oc_json_write_key(json, "targets");
    oc_json_write_array(json);
    oc_json_write_text(json, "Linear");
    oc_json_write_end(json);
    oc_json_write_end(json);
    oc_json_write_end(json);
}

static void write_config(oc_json_writer *json, oc_fp8_layout layout,
                         const oc_fp8_excluded *excluded) {
    bool modelopt = layout == OC_FP8_MODELOPT;
    oc_json_write_object(json);
    write_groups(json, layout);
    if (!modelopt) {
        write_text(json, "format", "float-quantized");
        oc_json_write_key(json, "global_compression_ratio");
        oc_json_write_null(json);
    }
    write_excluded(json, "ignore", excluded, modelopt); /* the other targets linear modules alone */
    if (modelopt) {
        write_text(json, "quant_algo", "FP8");
        write_producer(json);
    } else {
        oc_json_write_key(json, "kv_cache_scheme");
        oc_json_write_null(json);
        write_text(json, "quantization_status", "compressed");
    }
    write_text(json, "quant_method", layouts[layout].name);
    oc_json_write_end(json);
}

octavo_status oc_fp8_hf_config(oc_fp8_layout layout, const oc_fp8_excluded *excluded,
                               oc_buffer *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_json_writer json;
    if (layout != OC_FP8_MODELOPT) {
        goto done;
    }
    oc_json_write_open(&json, out, true);
    oc_json_write_object(&json);
    write_producer(&json);
    oc_json_write_key(&json, "quantization");
    oc_json_write_object(&json);
    write_text(&json, "quant_algo", "FP8");
    oc_json_write_key(&json, "kv_cache_quant_algo");
    oc_json_write_null(&json);
    write_excluded(&json, "exclude_modules", excluded, true);
    oc_json_write_end(&json);
    oc_json_write_end(&json);
    OC_TRY(oc_json_write_finish(&json, error));
    oc_buffer_byte(out, '\n');
    OC_TRY(oc_buffer_status(out, error));
done:
    return status;
}

/* -- config.json --------------------------------------------------------------------------------
 */

/* The white space that begins `text`. */
static oc_slice leading_space(oc_slice text) {
    size_t length = 0;
    while (length < text.length && strchr(" \t\r\n", text.data[length]) != NULL) {
        length++;
    }
    return (oc_slice){text.data, length};
}

/* Copies the members that stay, each with all that stands between the one before it and itself.
 * *space receives what stands before the first member, *rest what follows the last. */
static octavo_status copy_members(oc_slice config, oc_buffer *out, oc_slice *space, oc_slice *rest,
                                  bool *any, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_json json = {0};
    oc_slice key, value;
    const char *end = config.data + config.length, *at;
    oc_json_open(&json, config.data, config.length, 0, 0);
    OC_TRY(oc_json_object(&json, error));
    at = config.data + leading_space(config).length + 1; /* behind the brace */
    oc_buffer_append(out, config.data, (size_t)(at - config.data));
    *space = leading_space((oc_slice){at, (size_t)(end - at)});
    *any = false;
    for (;;) {
        OC_TRY(oc_json_member(&json, &key, error));
        if (key.data == NULL) {
            break;
        }
        bool stays =
            !oc_slice_is(key, "quantization_config") && !oc_slice_is(key, "compression_config");
        OC_TRY(oc_json_skip(&json, &value, error));
        const char *behind = value.data + value.length;
        if (stays) {
            const char *from = at;
            size_t gap = leading_space((oc_slice){from, (size_t)(end - from)}).length;
            if (!*any && from[gap] == ',') { /* the first that stays, behind one that does not */
                from += gap + 1;
            }
            oc_buffer_append(out, from, (size_t)(behind - from));
            *any = true;
        }
        at = behind;
    }
    OC_TRY(oc_json_finish(&json, error));
    *rest = (oc_slice){at, (size_t)(end - at)};
done:
    oc_json_close(&json);
    return status;
}

/* Appends JSON that has two spaces a level, as a member's value behind `space`: that many more
 * before every line, and as many a level. */
static void append_indented(oc_buffer *out, const char *text, oc_slice space) {
    const char *unit = space.data;
    size_t width = space.length;
    for (size_t i = 0; i < space.length; i++) {
        if (space.data[i] == '\n') {
            unit = space.data + i + 1;
            width = space.length - i - 1;
        }
    }
    for (; *text != '\0'; text++) {
        oc_buffer_byte(out, *text);
        if (*text == '\n') {
            oc_buffer_append(out, unit, width);
            for (; text[1] == ' ' && text[2] == ' '; text += 2) {
                oc_buffer_append(out, unit, width);
            }
        }
    }
}

octavo_status oc_fp8_config(oc_fp8_layout layout, oc_slice config, const oc_fp8_excluded *excluded,
                            oc_buffer *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_buffer value;
    oc_json_writer json;
    oc_slice space, rest;
    bool any;
    oc_buffer_init(&value);
    OC_TRY(copy_members(config, out, &space, &rest, &any, error));
    bool lines = memchr(space.data, '\n', space.length) != NULL;
    oc_json_write_open(&json, &value, lines);
    write_config(&json, layout, excluded);
    OC_TRY(oc_json_write_finish(&json, error));
    oc_buffer_text(out, any ? "," : "");
    oc_buffer_append(out, space.data, space.length);
    oc_buffer_text(out, "\"quantization_config\": ");
    append_indented(out, value.data, space);
    oc_buffer_append(out, rest.data, rest.length);
    OC_TRY(oc_buffer_status(out, error));
done:
    oc_buffer_free(&value);
    return status;
}

octavo_status oc_plain_config(oc_slice config, oc_buffer *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_slice space, rest;
    bool any;
    OC_TRY(copy_members(config, out, &space, &rest, &any, error));
    oc_buffer_append(out, rest.data, rest.length);
    OC_TRY(oc_buffer_status(out, error));
done:
    return status;
}
