// links: checkpoint
/* test_nulls.c - every key that is read from a Hugging Face file, with null as its value: off for
 * switches, absent for values, and refused where transformers can do nothing with it either.  What
 * transformers makes of each was found by running 4.57.6 and 5.24.0. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "checkpoint/preprocessor.h"

typedef enum meaning {
    ABSENT,  /* as if the key were not there */
    OFF,     /* as false */
    REFUSED, /* named */
} meaning;

typedef struct member {
    const char *key, *value;
} member;

typedef struct row {
    const char *key;
    meaning meaning;
    const char *line4, *line5; /* what transformers 4 and 5 make of it */
} row;

/* What a file comes to, as bytes that can be compared. */
typedef struct result {
    octavo_status status;
    octavo_error error;
    oc_buffer bytes;
    oc_notices notices;
} result;

typedef struct kind {
    const char *name, *before, *after; /* text around the members */
    const member *members;             /* ended by {NULL} */
    void (*read)(oc_slice text, result *out);
} kind;

/* The members with `key` set to `value`; NULL: without it. */
static result read_with(const kind *k, const char *key, const char *value) {
    result out = {0};
    oc_buffer text;
    const char *comma = "";
    bool met = false;
    oc_buffer_init(&text);
    oc_buffer_init(&out.bytes);
    oc_error_clear(&out.error);
    oc_buffer_text(&text, k->before);
    for (const member *m = k->members; m->key; m++) {
        bool is_it = strcmp(m->key, key) == 0;
        const char *written = is_it ? value : m->value;
        met |= is_it;
        if (written) {
            oc_buffer_printf(&text, "%s\"%s\":%s", comma, m->key, written);
            comma = ",";
        }
    }
    if (!met && value) {
        oc_buffer_printf(&text, "%s\"%s\":%s", comma, key, value);
    }
    oc_buffer_text(&text, k->after);
    assert_int_equal(oc_buffer_status(&text, NULL), OCTAVO_OK);
    k->read((oc_slice){text.data, text.size}, &out);
    oc_buffer_free(&text);
    return out;
}

static void free_result(result *r) {
    oc_buffer_free(&r->bytes);
    oc_notices_free(&r->notices);
}

static void check_row(const kind *k, const row *r) {
    result null = read_with(k, r->key, "null");
    if (r->meaning == REFUSED) {
        if (null.status == OCTAVO_OK || !strstr(null.error.message, r->key)) {
            fail_msg("%s: %s null: status %d: %s", k->name, r->key, null.status,
                     null.error.message);
        }
    } else {
        result same = read_with(k, r->key, r->meaning == OFF ? "false" : NULL);
        if (null.status != same.status || null.bytes.size != same.bytes.size ||
            memcmp(null.bytes.data, same.bytes.data, null.bytes.size) != 0) {
            fail_msg("%s: %s null is not as if it were %s: status %d (%s), not %d (%s)", k->name,
                     r->key, r->meaning == OFF ? "false" : "absent", null.status,
                     null.error.message, same.status, same.error.message);
        }
        free_result(&same);
    }
    free_result(&null);
}

/* -- preprocessor_config.json ---------------------------------------------------------------- */

static void read_images(oc_slice text, result *out) {
    oc_preprocessor images;
    out->status =
        oc_preprocessor_read(text.data, text.length, 0, 224, &images, &out->notices, &out->error);
    if (out->status == OCTAVO_OK) {
        oc_buffer_append(&out->bytes, &images, sizeof images);
    }
}

static const member images_members[] = {{"size", "{\"height\":224,\"width\":224}"},
                                        {"crop_size", "224"},
                                        {"resample", "2"},
                                        {"rescale_factor", "0.00392156862745098"},
                                        {"image_mean", "[0.1,0.2,0.3]"},
                                        {"image_std", "[0.4,0.5,0.6]"},
                                        {NULL, NULL}};
static const kind images = {"preprocessor_config.json", "{", "}", images_members, read_images};

static const row images_rows[] = {
    {"do_resize", OFF, "off", "off"},
    {"do_center_crop", OFF, "off", "off"},
    {"do_rescale", OFF, "off", "off"},
    {"do_normalize", OFF, "off", "off"},
    {"do_convert_rgb", OFF, "off; RGB stays RGB", "the same"},
    {"default_to_square", OFF, "not read", "off"},
    {"do_pad", OFF, "not read", "off"},
    {"use_square_size", OFF, "off", "off"},
    {"size", ABSENT, "CLIP's own", "refused"},
    {"crop_size", ABSENT, "CLIP's own", "refused"},
    {"image_mean", ABSENT, "CLIP's own", "refused"},
    {"image_std", ABSENT, "CLIP's own", "refused"},
    {"resample", REFUSED, "refused", "refused"},
    {"rescale_factor", REFUSED, "refused", "refused"},
    {"image_processor_type", ABSENT, "CLIP's by config.json", "CLIP's by config.json"},
    {"feature_extractor_type", ABSENT, "not read", "not read"},
    {"data_format", ABSENT, "not read", "not read"},
};

static void test_images(void **state) {
    (void)state;
    for (size_t i = 0; i < OC_COUNT(images_rows); i++) {
        check_row(&images, &images_rows[i]);
    }
    static const char *const told[] = {"size", "crop_size", "image_mean", "image_std"};
    for (size_t i = 0; i < OC_COUNT(told); i++) {
        result r = read_with(&images, told[i], "null");
        assert_int_equal(r.notices.count, 1);
        assert_non_null(strstr(r.notices.texts[0], told[i]));
        free_result(&r);
    }
    result off = read_with(&images, "do_normalize", "null");
    oc_preprocessor *p = (oc_preprocessor *)(void *)off.bytes.data;
    assert_true(p->mean[0] == 0 && p->std[0] == 1); /* and not CLIP's */
    free_result(&off);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_images),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
