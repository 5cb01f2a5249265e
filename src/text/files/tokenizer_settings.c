/* tokenizer_settings.c - the table of what each setting must say, and the walk over a value. */
#include "text/files/tokenizer_settings.h"

#include <assert.h>

#define CONTRACTIONS_AND_CLASSES "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+"
#define PATTERN                  CONTRACTIONS_AND_CLASSES
#define PATTERN_WITH_END_TOKENS  "<\\|startoftext\\|>|<\\|endoftext\\|>|" CONTRACTIONS_AND_CLASSES

typedef struct rule {
    const char *path;  /* "a.*": anything below a that no other line names */
    const char *text;  /* a STRING's; NULL: any */
    oc_json_type type; /* OC_JSON_END: any */
    bool needed;
} rule;

#define TEXT(path, text)                                                                           \
    { path, text, OC_JSON_STRING, true }
#define MAY_BE(path, type)                                                                         \
    { path, NULL, OC_JSON_##type, false }
#define MUST_BE(path, type)                                                                        \
    { path, NULL, OC_JSON_##type, true }

static const rule settings[] = {
    {"version", "1.0", OC_JSON_STRING, false},
    MAY_BE("truncation", NULL),
    {"truncation.direction", "Right", OC_JSON_STRING, false},
    MAY_BE("truncation.*", END), /* the model's own limit counts */
    MAY_BE("padding", NULL),
    {"padding.direction", "Right", OC_JSON_STRING, false},
    MAY_BE("padding.*", END),
    MAY_BE("decoder", NULL),
    MAY_BE("decoder.*", END),
    TEXT("normalizer.type", "Sequence"),
    TEXT("normalizer.normalizers[0].type", "NFC"),
    TEXT("normalizer.normalizers[1].type", "Replace"),
    TEXT("normalizer.normalizers[1].pattern.Regex", "\\s+"),
    TEXT("normalizer.normalizers[1].content", " "),
    TEXT("normalizer.normalizers[2].type", "Lowercase"),
    TEXT("pre_tokenizer.type", "Sequence"),
    TEXT("pre_tokenizer.pretokenizers[0].type", "Split"),
    TEXT("pre_tokenizer.pretokenizers[0].pattern.Regex", PATTERN),
    TEXT("pre_tokenizer.pretokenizers[0].pattern.Regex", PATTERN_WITH_END_TOKENS),
    TEXT("pre_tokenizer.pretokenizers[0].behavior", "Removed"),
    MUST_BE("pre_tokenizer.pretokenizers[0].invert", TRUE),
    TEXT("pre_tokenizer.pretokenizers[1].type", "ByteLevel"),
    MUST_BE("pre_tokenizer.pretokenizers[1].add_prefix_space", FALSE),
    MAY_BE("pre_tokenizer.pretokenizers[1].trim_offsets", END),
    MAY_BE("pre_tokenizer.pretokenizers[1].use_regex", TRUE),
    TEXT("post_processor.type", "RobertaProcessing"),
    MUST_BE("post_processor.sep[0]", STRING),
    MUST_BE("post_processor.sep[1]", NUMBER),
    MUST_BE("post_processor.cls[0]", STRING),
    MUST_BE("post_processor.cls[1]", NUMBER),
    MAY_BE("post_processor.trim_offsets", END),
    MAY_BE("post_processor.add_prefix_space", END), /* of offsets only */
    {"model.type", "BPE", OC_JSON_STRING, false},
    MAY_BE("model.dropout", NULL),
    MAY_BE("model.unk_token", STRING),
    MAY_BE("model.unk_token", NULL),
    {"model.continuing_subword_prefix", "", OC_JSON_STRING, false},
    MAY_BE("model.continuing_subword_prefix", NULL),
    TEXT("model.end_of_word_suffix", "</w>"),
    MAY_BE("model.fuse_unk", FALSE),
    MAY_BE("model.byte_fallback", FALSE),
    MAY_BE("model.ignore_merges", FALSE),
};

static_assert(OC_COUNT(settings) <= 64, "one bit of oc_tokenizer_settings.seen each");

static bool covers(const rule *setting, const char *path) {
    size_t length = strlen(setting->path);
    return setting->path[length - 1] == '*' ? strncmp(setting->path, path, length - 1) == 0
                                            : strcmp(setting->path, path) == 0;
}

/* What the rest of octavo wants to know of a setting. */
static void keep(oc_tokenizer_settings *found, const char *path, const oc_json_event *event) {
    static const struct {
        const char *path;
        oc_role role;
    } named[] = {{"post_processor.cls[0]", OC_ROLE_BEGIN},
                 {"post_processor.sep[0]", OC_ROLE_END},
                 {"model.unk_token", OC_ROLE_UNKNOWN},
                 {"padding.pad_token", OC_ROLE_PADDING}};
    for (size_t i = 0; i < OC_COUNT(named); i++) {
        if (event->type == OC_JSON_STRING && strcmp(path, named[i].path) == 0) {
            found->named[named[i].role] = event->text;
        }
    }
    if (strcmp(path, "post_processor.cls[1]") == 0) {
        found->begin = event->is_integer ? event->integer : -1;
    } else if (strcmp(path, "post_processor.sep[1]") == 0) {
        found->end = event->is_integer ? event->integer : -1;
    } else if (event->type == OC_JSON_STRING && oc_slice_is(event->text, PATTERN_WITH_END_TOKENS)) {
        found->split_end_tokens = true;
    }
}

/* A string, number, truth value or null at the place where the reader is. */
static octavo_status check_setting(oc_tokenizer_settings *found, oc_json *json,
                                   const oc_json_event *event, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const rule *wanted = NULL;
    char path[256];
    oc_json_path(json, path, sizeof path);
    for (size_t i = 0; i < OC_COUNT(settings); i++) {
        const rule *s = &settings[i];
        if (!covers(s, path) ||
            (wanted && strcmp(wanted->path, path) == 0 && strcmp(s->path, path) != 0)) {
            continue; /* another place; or a wider line behind the place's own */
        }
        wanted = s;
        if ((s->type == OC_JSON_END || s->type == event->type) &&
            (!s->text || oc_slice_is(event->text, s->text))) {
            found->seen |= UINT64_C(1) << i;
            keep(found, path, event);
            goto done;
        }
    }
    const char *literal = event->type == OC_JSON_TRUE    ? "true"
                          : event->type == OC_JSON_FALSE ? "false"
                          : event->type == OC_JSON_NULL  ? "null"
                                                         : "";
    oc_slice is = event->text.data ? event->text : oc_slice_of(literal);
    if (!wanted) {
        OC_JSON_FAIL(json, error, OCTAVO_UNSUPPORTED,
                     "is \"%.*s\", CLIP's tokenizer has no such setting", oc_slice_width(is),
                     is.data);
    }
    OC_JSON_FAIL(json, error, OCTAVO_UNSUPPORTED, "is \"%.*s\", CLIP's tokenizer has \"%s\"",
                 oc_slice_width(is), is.data,
                 wanted->text                    ? wanted->text
                 : wanted->type == OC_JSON_TRUE  ? "true"
                 : wanted->type == OC_JSON_FALSE ? "false"
                 : wanted->type == OC_JSON_NULL  ? "null"
                                                 : "another type of value");
done:
    return status;
}

octavo_status oc_tokenizer_settings_read(oc_tokenizer_settings *found, oc_json *json,
                                         octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    size_t depth = 0;
    do {
        oc_json_event event;
        OC_TRY(oc_json_next(json, &event, error));
        switch (event.type) {
        case OC_JSON_OBJECT_BEGIN:
        case OC_JSON_ARRAY_BEGIN:
            depth++;
            break;
        case OC_JSON_OBJECT_END:
        case OC_JSON_ARRAY_END:
            depth--;
            break;
        case OC_JSON_KEY:
            break;
        default:
            OC_TRY(check_setting(found, json, &event, error));
        }
    } while (depth > 0);
done:
    return status;
}

octavo_status oc_tokenizer_settings_check(const oc_tokenizer_settings *found, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    for (size_t i = 0; i < OC_COUNT(settings); i++) {
        bool seen = !settings[i].needed;
        for (size_t k = 0; k < OC_COUNT(settings); k++) {
            seen |= (found->seen >> k & 1) && strcmp(settings[k].path, settings[i].path) == 0;
        }
        if (!seen) {
            OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                    "%s is missing: this is no CLIP tokenizer", settings[i].path);
        }
    }
done:
    return status;
}
