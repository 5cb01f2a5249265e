/* settings.c - see settings.h. */
#include "serve/config/settings.h"

#include <stddef.h>

#include "base/json/json.h"
#include "serve/config/place.h"

enum { TEXT, COUNT, NUMBER, TEXT_MAX = 256 };

typedef struct setting {
    int kind;
    const char *name;
    size_t field, from;
    double least, most;
} setting;

static const setting table[] = {
#define XX(kind, name, value, least, most, text)                                                   \
    {kind,  #name, offsetof(oc_srv_settings, name), offsetof(oc_srv_settings, name##_from),        \
     least, most},
    OC_SRV_SETTING_MAP(XX)
#undef XX
};

oc_srv_settings oc_srv_settings_default(void) {
    return (oc_srv_settings){
#define XX(kind, name, value, least, most, text) .name = value, .name##_from = "default",
        OC_SRV_SETTING_MAP(XX)
#undef XX
    };
}

static octavo_status read_value(oc_json *json, const setting *at, oc_arena *arena,
                                oc_srv_settings *settings, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    void *field = (char *)settings + at->field;
    double number;
    switch (at->kind) {
    case TEXT:
        OC_TRY(oc_json_text(json, TEXT_MAX, arena, field, error));
        break;
    case COUNT:
        OC_TRY(oc_json_int32(json, (int32_t)at->least, (int32_t)at->most, field, error));
        break;
    default:
        OC_TRY(oc_json_double(json, &number, error));
        if (number < at->least || number > at->most) {
            OC_JSON_FAIL(json, error, OCTAVO_INVALID_ARGUMENT, "a number from %g to %g is wanted",
                         at->least, at->most);
        }
        *(double *)field = number;
    }
done:
    return status;
}

octavo_status oc_srv_settings_read(const char *path, const char *text, size_t size, oc_arena *arena,
                                   oc_srv_settings *settings, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_json json;
    oc_slice key;
    oc_json_open(&json, text, size, 0, 0);
    OC_TRY(oc_json_object(&json, error));
    for (;;) {
        size_t i = 0;
        OC_TRY(oc_json_member(&json, &key, error));
        if (!key.data) {
            break;
        }
        while (i < OC_COUNT(table) && !oc_slice_is(key, table[i].name)) {
            i++;
        }
        if (i == OC_COUNT(table)) {
            OC_JSON_FAIL(&json, error, OCTAVO_INVALID_ARGUMENT,
                         "there is no such setting; `octavo serve --print-config` shows all");
        }
        OC_TRY(read_value(&json, &table[i], arena, settings, error));
        *(const char **)(void *)((char *)settings + table[i].from) = path;
    }
    OC_TRY(oc_json_finish(&json, error));
    if (settings->max_body_mb > settings->memory_mb) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "max_body_mb is %d, more than the %d of memory_mb", settings->max_body_mb,
                settings->memory_mb);
    }
done:
    if (status) {
        oc_srv_place(error, path, text, size);
    }
    oc_json_close(&json);
    return status;
}

void oc_srv_settings_write(oc_json_writer *json, const oc_srv_settings *settings) {
    oc_json_write_object(json);
    for (size_t i = 0; i < OC_COUNT(table); i++) {
        const void *field = (const char *)settings + table[i].field;
        oc_json_write_key(json, table[i].name);
        oc_json_write_object(json);
        oc_json_write_key(json, "value");
        if (table[i].kind == TEXT) {
            oc_json_write_text(json, *(const char *const *)field);
        } else if (table[i].kind == COUNT) {
            oc_json_write_int(json, *(const int32_t *)field);
        } else {
            oc_json_write_double(json, *(const double *)field);
        }
        oc_json_write_text_member(
            json, "from",
            *(const char *const *)(const void *)((const char *)settings + table[i].from));
        oc_json_write_end(json);
    }
    oc_json_write_end(json);
}
