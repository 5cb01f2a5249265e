// links: serve
/* test_serve.c - the server's parts that need neither sockets nor threads: when a batch waits,
 * base64, the wire format of gRPC, deadlines, scopes of API keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "serve/codec/base64.h"
#include "serve/codec/protobuf.h"
#include "serve/config/keys.h"
#include "serve/models/folder.h"
#include "serve/oip/grpc.h"
#include "serve/work/cost.h"

static oc_srv_cost learnt(double fixed, double row) {
    oc_srv_cost cost = {.weight = 0};
    for (int32_t i = 0; i < 40; i++) {
        int32_t rows = 1 + i % 16;
        oc_srv_cost_learn(&cost, rows, fixed + row * rows);
    }
    return cost;
}

/* Protects: rows wait only where that shortens the sum of their times. */
static void test_cost(void **state) {
    (void)state;
    oc_srv_cost none = {.weight = 0};
    assert_true(oc_srv_cost_of(&none, 4) <= 0);
    assert_true(oc_srv_cost_wait(&none, 4, 1e-4) <= 0);
    oc_srv_cost flat = learnt(1e-2, 1e-5), linear = learnt(0, 1e-3);
    assert_true(fabs(oc_srv_cost_of(&flat, 16) - (1e-2 + 16e-5)) < 1e-6);
    assert_true(fabs(oc_srv_cost_of(&linear, 16) - (16e-3)) < 1e-6);
    assert_true(oc_srv_cost_wait(&flat, 1, 1e-3) > 0);    /* a fixed cost is worth sharing */
    assert_true(oc_srv_cost_wait(&flat, 8, 5e-3) <= 0);   /* eight wait too long for one */
    assert_true(oc_srv_cost_wait(&flat, 1, 1) <= 0);      /* nobody comes */
    assert_true(oc_srv_cost_wait(&linear, 1, 1e-4) <= 0); /* there is nothing to share */
    oc_srv_cost same = {.weight = 0};
    for (int i = 0; i < 10; i++) {
        oc_srv_cost_learn(&same, 4, 4e-3);
    }
    assert_true(fabs(oc_srv_cost_of(&same, 8) - (8e-3)) < 1e-6); /* one size tells of no other */
}

/* Protects: RFC 4648's vectors both ways, and that nothing else is taken. */
static void test_base64(void **state) {
    (void)state;
    static const char *const pairs[][2] = {{"", ""},
                                           {"f", "Zg=="},
                                           {"fo", "Zm8="},
                                           {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="},
                                           {"foobar", "Zm9vYmFy"},
                                           {"\xff\xfe\xfd", "//79"}};
    char bytes[64];
    size_t size;
    for (size_t i = 0; i < OC_COUNT(pairs); i++) {
        oc_buffer out;
        oc_buffer_init(&out);
        oc_srv_base64_append(&out, pairs[i][0], strlen(pairs[i][0]));
        assert_string_equal(out.data ? out.data : "", pairs[i][1]);
        assert_true(oc_srv_base64_decode(oc_slice_of(pairs[i][1]), bytes, &size));
        assert_int_equal(size, strlen(pairs[i][0]));
        assert_memory_equal(bytes, pairs[i][0], size);
        assert_true(size <= oc_srv_base64_room(strlen(pairs[i][1])));
        oc_buffer_free(&out);
    }
    static const char *const bad[] = {"Z",    "Zg=", "Zm9v=",    "Zm9v====", "Zm 9v",
                                      "Zm-_", "=",   "Zg==Zg==", "Zm9\xc3"};
    for (size_t i = 0; i < OC_COUNT(bad); i++) {
        assert_false(oc_srv_base64_decode(oc_slice_of(bad[i]), bytes, &size));
    }
    assert_true(oc_srv_base64_decode(oc_slice_of("Zg"), bytes, &size)); /* without its padding */
}

/* Protects: what is written is read, and what breaks off is refused at each byte. */
static void test_protobuf(void **state) {
    (void)state;
    static const uint64_t values[] = {1, 127, 128, 300, UINT32_MAX, UINT64_MAX};
    oc_buffer out;
    octavo_error error;
    oc_pb_field field;
    bool more;
    oc_buffer_init(&out);
    for (size_t i = 0; i < OC_COUNT(values); i++) {
        oc_pb_put_uint(&out, (uint32_t)i + 1, values[i]);
    }
    oc_pb_put_uint(&out, 9, 0); /* left out */
    oc_pb_put_text(&out, 20, "octavo");
    oc_pb_reader reader = oc_pb_open((oc_slice){out.data, out.size});
    for (size_t i = 0; i < OC_COUNT(values); i++) {
        assert_int_equal(oc_pb_next(&reader, &field, &more, NULL), OCTAVO_OK);
        assert_true(more && field.number == i + 1 && field.value == values[i]);
    }
    assert_int_equal(oc_pb_next(&reader, &field, &more, NULL), OCTAVO_OK);
    assert_true(more && field.number == 20 && oc_slice_is(field.bytes, "octavo"));
    assert_int_equal(oc_pb_next(&reader, &field, &more, NULL), OCTAVO_OK);
    assert_false(more);
    for (size_t cut = out.size - 7; cut < out.size; cut++) {
        reader = oc_pb_open((oc_slice){out.data, cut});
        octavo_status status = OCTAVO_OK;
        oc_error_clear(&error);
        for (more = true; more && status == OCTAVO_OK;) {
            status = oc_pb_next(&reader, &field, &more, &error);
        }
        assert_true(status == OCTAVO_CORRUPT && error.cause == OCTAVO_CAUSE_INPUT);
    }
    static const char *const bad[] = {
        "\x03", "\x0b", "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", "\x01", "\x0d\1"};
    for (size_t i = 0; i < OC_COUNT(bad); i++) {
        reader = oc_pb_open(oc_slice_of(bad[i]));
        assert_int_equal(oc_pb_next(&reader, &field, &more, NULL), OCTAVO_CORRUPT);
    }
    oc_buffer_free(&out);
}

/* Protects: every unit of grpc-timeout, and that nonsense is no deadline. */
static void test_deadline(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint64_t ns;
    } cases[] = {{"1n", 1},
                 {"7u", 7000},
                 {"12m", 12000000},
                 {"3S", 3000000000},
                 {"2M", 120000000000},
                 {"1H", 3600000000000},
                 {"99999999n", 99999999}};
    for (size_t i = 0; i < OC_COUNT(cases); i++) {
        uint64_t at = oc_srv_grpc_deadline(oc_slice_of(cases[i].text), 1000);
        assert_true(at >= 1000 + cases[i].ns && at <= 1001 + cases[i].ns);
    }
    static const char *const none[] = {"",    "S",          "1",         "1s",
                                       "-1S", "123456789S", "99999999H", "1.5S"};
    for (size_t i = 0; i < OC_COUNT(none); i++) {
        assert_int_equal(oc_srv_grpc_deadline(oc_slice_of(none[i]), 1000), 0);
    }
}

/* Protects: a key is what its hash says, and its models are its patterns. */
static void test_keys(void **state) {
    (void)state;
    static const char text[] =
        "{\"keys\":[{\"name\":\"a\",\"models\":[\"clip\",\"b-*\"],\"sha256\":"
        "\"9F86D081884C7D659A2FEAA0C55AD015A3BF4F1B2B0B822CD15D6C15B0F00A08\"}]}"; /* of "test" */
    oc_srv_keys *keys;
    assert_int_equal(oc_srv_keys_read("k", text, sizeof text - 1, &keys, NULL), OCTAVO_OK);
    const oc_srv_key *key = oc_srv_keys_find(keys, oc_slice_of("test"));
    assert_non_null(key);
    assert_null(oc_srv_keys_find(keys, oc_slice_of("Test")));
    assert_null(oc_srv_keys_find(keys, oc_slice_of("")));
    assert_false(key->admin);
    assert_true(oc_srv_key_may_use(key, oc_slice_of("clip")));
    assert_true(oc_srv_key_may_use(key, oc_slice_of("b-1")));
    assert_false(oc_srv_key_may_use(key, oc_slice_of("clip2")));
    oc_srv_keys_release(keys);
}

/* Protects: names that could lead out of the repository's folder are none. */
static void test_names(void **state) {
    (void)state;
    static const char *const bad[] = {"",    ".",   "..",       ".hidden", "a/b",
                                      "a b", "a\n", "\xc3\xa9", "a%2fb",   "a\\b"};
    assert_true(oc_srv_is_name(oc_slice_of("ViT-B_32.v2")));
    for (size_t i = 0; i < OC_COUNT(bad); i++) {
        assert_false(oc_srv_is_name(oc_slice_of(bad[i])));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cost),     cmocka_unit_test(test_base64),
        cmocka_unit_test(test_protobuf), cmocka_unit_test(test_deadline),
        cmocka_unit_test(test_keys),     cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
