// links: embed
/* test_items.c - lists: the images of a folder, the texts of a file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "embed/items.h"
#include "support/files.h"

static char folder[OC_TEST_PATH];

static int make_folder(void **state) {
    (void)state;
    oc_test_folder(folder);
    return 0;
}

static int remove_folder(void **state) {
    (void)state;
    oc_test_folder_remove(folder);
    return 0;
}

/* Images are found in all folders, by their suffix; a link to nothing is one of them, and reading
 * it says where it leads; the list may hold something already. */
static void walks(void **state) {
    (void)state;
    static const char *const files[] = {"w/b.JPG", "w/a/2.webp", "w/a/10.png", "w/c.txt",
                                        "w/d.jpeg.bak"};
    static const char *const want[] = {"first", "w/a/10.png", "w/a/2.webp", "w/b.JPG",
                                       "w/gone.jpg"};
    oc_items items = {0};
    int32_t others = -1;
    oc_test_folders(folder, "w/a");
    for (size_t i = 0; i < OC_COUNT(files); i++) {
        oc_test_write(oc_test_path(folder, files[i]), "x", 1);
    }
    assert_int_equal(symlink("../annex/x", oc_test_path(folder, "w/gone.jpg")), 0);
    assert_int_equal(symlink("../annex/x", oc_test_path(folder, "w/gone.txt")), 0);
    assert_int_equal(oc_items_add(&items, "first", 5, NULL), OCTAVO_OK);
    assert_int_equal(oc_items_walk(&items, oc_test_path(folder, "w"), &others, NULL), OCTAVO_OK);
    assert_int_equal(items.count, OC_COUNT(want));
    assert_int_equal(others, 3);
    for (int32_t i = 0; i < items.count; i++) {
        const char *path = i == 0 ? want[i] : oc_test_path(folder, want[i]);
        assert_string_equal(items.items[i], path);
    }
    oc_items_free(&items);
    assert_int_equal(oc_items_walk(&items, oc_test_path(folder, "nowhere"), &others, NULL),
                     OCTAVO_NOT_FOUND);
    assert_int_equal(items.count, 0);
    oc_items_free(&items);
}

static octavo_status read_list(const char *bytes, size_t size, bool keep_empty, oc_items *items,
                               octavo_error *error) {
    const char *path = oc_test_path(folder, "list");
    oc_test_write(path, bytes, size);
    *items = (oc_items){0};
    oc_error_clear(error);
    return oc_items_read(items, path, keep_empty, error);
}

/* Lines and JSON arrays of strings; items joined by '|'. */
static void reads(void **state) {
    (void)state;
    static const struct {
        const char *text, *kept, *filled; /* with and without empty ones */
    } cases[] = {
        {"", "", ""},
        {"a", "a|", "a|"},
        {"a\nb\r\n\nc", "a|b||c|", "a|b|c|"},
        {"\xef\xbb\xbf"
         "caf\xc3\xa9\n",
         "caf\xc3\xa9|", "caf\xc3\xa9|"},
        {"\n\r\n", "||", ""},
        {"[x] y\n{}\n", "[x] y|{}|", "[x] y|{}|"},
        {"{} of a\n\"b\"\n", "{} of a|\"b\"|", "{} of a|\"b\"|"},
        {"[\n\"koala\",\n\"\", \"p\\u00e9\"\n]\n", "koala||p\xc3\xa9|", "koala|p\xc3\xa9|"},
        {"\xef\xbb\xbf [ \"a,b\" ]", "a,b|", "a,b|"},
        {"[]", "", ""},
    };
    for (size_t i = 0; i < 2 * OC_COUNT(cases); i++) {
        const char *text = cases[i / 2].text;
        char joined[256] = "";
        oc_items items;
        octavo_error error;
        if (read_list(text, strlen(text), i % 2 == 0, &items, &error) != OCTAVO_OK) {
            fail_msg("case %zu: %s", i / 2, error.message);
        }
        for (int32_t t = 0; t < items.count; t++) {
            strcat(strcat(joined, items.items[t]), "|");
        }
        assert_string_equal(joined, i % 2 == 0 ? cases[i / 2].kept : cases[i / 2].filled);
        oc_items_free(&items);
    }
}

/* What is no list is refused with the line and the byte, and the file. */
static void refuses(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t size;
        uint64_t offset;
        const char *sentence;
    } cases[] = {
        {"caf\xe9\npyramid\n", 13, 3, "line 1 is not UTF-8: 0xe9 at byte 3"},
        {"a\nb\xc3", 4, 3, "line 2 is not UTF-8: 0xc3 at byte 3"},
        {"a\n\xed\xa0\x80", 5, 2, "line 2 is not UTF-8: 0xed at byte 2"},
        {"a\0b", 3, 1, "line 1 holds a zero byte (0x00 at byte 1)"},
        {"\xff\xfe"
         "a\0\n\0",
         6, 0, "it is UTF-16"},
        {"\xfe\xff\0a", 4, 0, "it is UTF-16"},
        {"{\"0\": \"cat\"}", 12, 0, "holds a JSON object"},
        {"[\"a\", 3]", 8, 6, "a string"},
        {"[\"a\", \"b\"", 9, 9, ""},
        {"[\"a\"] b", 7, 6, ""},
        {"[\"caf\xe9\"]", 8, 5, "UTF-8"},
    };
    for (size_t i = 0; i < OC_COUNT(cases); i++) {
        oc_items items;
        octavo_error error;
        octavo_status status = read_list(cases[i].text, cases[i].size, true, &items, &error);
        if (status != OCTAVO_CORRUPT || strstr(error.message, cases[i].sentence) == NULL ||
            error.offset != cases[i].offset || strstr(error.path, "list") == NULL) {
            fail_msg("case %zu: %d, %s (%s, %llu)", i, status, error.message, error.path,
                     (unsigned long long)error.offset);
        }
        oc_items_free(&items);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(walks),
        cmocka_unit_test(reads),
        cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
