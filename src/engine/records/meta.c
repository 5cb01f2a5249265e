/* meta.c - the META section, to JSON and back. */
#include "engine/records/meta.h"

#include "base/json/json.h"
#include "base/json/json_write.h"

enum { TEXT_MAX = 4096 }; /* names and producers are one line */

octavo_status oc_engine_meta_write(const oc_engine_meta *meta, oc_buffer *out,
                                   octavo_error *error) {
    oc_json_writer json;
    oc_json_write_open(&json, out, true);
    oc_json_write_object(&json);
    oc_json_write_key(&json, "octavo");
    oc_json_write_text(&json, meta->octavo);
    oc_json_write_key(&json, "name");
    oc_json_write_text(&json, meta->name);
    oc_json_write_key(&json, "precision");
    oc_json_write_text(&json, meta->precision);
    oc_json_write_key(&json, "towers");
    oc_json_write_array(&json);
    if (meta->towers & OCTAVO_IMAGE) {
        oc_json_write_text(&json, "image");
    }
    if (meta->towers & OCTAVO_TEXT) {
        oc_json_write_text(&json, "text");
    }
    oc_json_write_end(&json);
    oc_json_write_key(&json, "source");
    oc_json_write_object(&json);
    oc_json_write_key(&json, "architecture");
    oc_json_write_text(&json, meta->architecture);
    oc_json_write_key(&json, "producer");
    oc_json_write_text(&json, meta->producer);
    oc_json_write_key(&json, "tensors");
    oc_json_write_int(&json, meta->source_tensors);
    oc_json_write_key(&json, "tensor_bytes");
    oc_json_write_int(&json, meta->source_tensor_bytes);
    oc_json_write_end(&json);
    oc_json_write_end(&json);
    return oc_json_write_finish(&json, error);
}

static octavo_status read_towers(oc_json *json, int32_t *towers, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    bool more = true;
    OC_TRY(oc_json_array(json, error));
    for (;;) {
        oc_slice name;
        int32_t tower;
        OC_TRY(oc_json_element(json, &more, error));
        if (!more) {
            break;
        }
        OC_TRY(oc_json_string(json, &name, error));
        tower = oc_slice_is(name, "image")  ? OCTAVO_IMAGE
                : oc_slice_is(name, "text") ? OCTAVO_TEXT
                                            : 0;
        if (tower == 0 || (*towers & tower) != 0) {
            OC_JSON_FAIL(json, error, OCTAVO_CORRUPT,
                         "tower \"%.*s\", \"image\" and \"text\" can be, each once",
                         oc_slice_width(name), name.data);
        }
        *towers |= tower;
    }
    if (*towers == 0) {
        OC_JSON_FAIL(json, error, OCTAVO_CORRUPT, "an engine has at least one tower");
    }
done:
    return status;
}

static octavo_status read_source(oc_json *json, oc_arena *arena, oc_engine_meta *meta,
                                 octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    OC_TRY(oc_json_object(json, error));
    for (;;) {
        oc_slice key;
        OC_TRY(oc_json_member(json, &key, error));
        if (key.data == NULL) {
            break;
        } else if (oc_slice_is(key, "architecture")) {
            OC_TRY(oc_json_text(json, TEXT_MAX, arena, &meta->architecture, error));
        } else if (oc_slice_is(key, "producer")) {
            OC_TRY(oc_json_text(json, TEXT_MAX, arena, &meta->producer, error));
        } else if (oc_slice_is(key, "tensors")) {
            OC_TRY(oc_json_int64(json, 0, INT64_MAX, &meta->source_tensors, error));
        } else if (oc_slice_is(key, "tensor_bytes")) {
            OC_TRY(oc_json_int64(json, 0, INT64_MAX, &meta->source_tensor_bytes, error));
        } else {
            OC_TRY(oc_json_skip(json, NULL, error));
        }
    }
done:
    return status;
}

/* The name of a member that is missing, or NULL. */
static const char *missing(const oc_engine_meta *meta) {
    return meta->octavo == NULL         ? "octavo"
           : meta->name == NULL         ? "name"
           : meta->precision == NULL    ? "precision"
           : meta->towers == 0          ? "towers"
           : meta->architecture == NULL ? "source.architecture"
           : meta->producer == NULL     ? "source.producer"
                                        : NULL;
}

octavo_status oc_engine_meta_read(const void *section, size_t bytes, uint64_t offset,
                                  oc_arena *arena, oc_engine_meta *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_engine_meta meta = {0};
    oc_json json = {0};
    *out = meta;
    oc_json_open(&json, section, bytes, offset, 0);
    OC_TRY(oc_json_object(&json, error));
    for (;;) {
        oc_slice key;
        OC_TRY(oc_json_member(&json, &key, error));
        if (key.data == NULL) {
            break;
        } else if (oc_slice_is(key, "octavo")) {
            OC_TRY(oc_json_text(&json, TEXT_MAX, arena, &meta.octavo, error));
        } else if (oc_slice_is(key, "name")) {
            OC_TRY(oc_json_text(&json, TEXT_MAX, arena, &meta.name, error));
        } else if (oc_slice_is(key, "precision")) {
            OC_TRY(oc_json_text(&json, TEXT_MAX, arena, &meta.precision, error));
        } else if (oc_slice_is(key, "towers")) {
            OC_TRY(read_towers(&json, &meta.towers, error));
        } else if (oc_slice_is(key, "source")) {
            OC_TRY(read_source(&json, arena, &meta, error));
        } else {
            OC_TRY(oc_json_skip(&json, NULL, error));
        }
    }
    OC_TRY(oc_json_finish(&json, error));
    if (missing(&meta) != NULL) {
        OC_FAIL(error, OCTAVO_CORRUPT, offset, "section META has no member %s (byte %llu)",
                missing(&meta), (unsigned long long)offset);
    }
    *out = meta;
done:
    oc_json_close(&json);
    return status;
}
