// links: api
/* test_processor_record.c - the PROCESSOR section: to bytes and back, and malformed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "api/processor_record.h"

/* What is written reads as the processor that the checkpoint's parameters stand for. */
static void records_come_back(void **state) {
    (void)state;
    oc_preprocessor preprocessor = oc_preprocessor_default(48);
    oc_image_processor want, got;
    octavo_error error;
    oc_buffer record;
    oc_error_clear(&error);
    preprocessor.shortest_edge = 50;
    preprocessor.resample = (oc_resample)2;
    preprocessor.mean[1] = 0.123456789f;
    preprocessor.std[2] = 1e-3f;
    oc_buffer_init(&record);
    assert_int_equal(oc_processor_write(&preprocessor, &record, &error), OCTAVO_OK);
    want = oc_processor_of(&preprocessor);
    assert_int_equal(oc_processor_read(record.data, record.size, 0, &got, &error), OCTAVO_OK);
    assert_int_equal(got.crop_height, 48);
    assert_int_equal(got.crop_width, 48);
    assert_int_equal(got.shortest_edge, 50);
    assert_int_equal(got.resample, 2);
    for (int32_t c = 0; c < 3; c++) {
        assert_true(got.mean[c] == want.mean[c] && got.std[c] == want.std[c]);
    }
    oc_buffer_free(&record);
}

/* Members that are not known are skipped; everything else that is odd is refused at its byte. */
static void records_are_checked(void **state) {
    (void)state;
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"", ""},
        {"[]", ""},
        {"{\"image\": 3}", ""},
        {"{\"image\": {\"size\": \"64\"}}", "image.size"},
        {"{\"image\": {\"size\": 0}}", "image.size"},
        {"{\"image\": {\"size\": 2049}}", "2049"},
        {"{\"image\": {\"shortest_edge\": -1}}", "image.shortest_edge"},
        {"{\"image\": {\"size\": 64, \"resample\": 6}}", "image.resample"},
        {"{\"image\": {\"size\": 64, \"mean\": [0, 0]}}", "2 numbers, three expected"},
        {"{\"image\": {\"size\": 64, \"mean\": [0, 0, 0, 0]}}", "three numbers"},
        {"{\"image\": {\"size\": 64, \"mean\": [0, 0, 1e7]}}", "three numbers of ordinary size"},
        {"{\"image\": {\"size\": 64, \"std\": [1, 1, 0]}}", "image_std"},
        {"{\"image\": {\"size\": 64, \"size\": 64}}", "size"},
        {"{\"image\": {\"size\": 64}} x", ""},
        {"{}", ""}, /* no size at all */
    };
    oc_image_processor got;
    octavo_error error;
    static const char *const more =
        "{\"sound\": {\"rate\": [1]}, \"image\": {\"colour\": null, \"size\": 64}}";
    oc_error_clear(&error);
    if (oc_processor_read(more, strlen(more), 0, &got, &error) != OCTAVO_OK) {
        fail_msg("%s", error.message);
    }
    assert_int_equal(got.crop_width, 64);
    for (size_t i = 0; i < OC_COUNT(cases); i++) {
        oc_error_clear(&error);
        octavo_status status =
            oc_processor_read(cases[i].text, strlen(cases[i].text), 1000, &got, &error);
        if ((status != OCTAVO_CORRUPT && status != OCTAVO_UNSUPPORTED) ||
            strstr(error.message, cases[i].sentence) == NULL || error.message[0] == '\0') {
            fail_msg("%s: %d, %s", cases[i].text, status, error.message);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_come_back),
        cmocka_unit_test(records_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
