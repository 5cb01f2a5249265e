// links: engine
/* fuzz_engine.c - engine files: opened as they are, then with their checksums made right, so that
 * what lies behind them is reached.  What opens is read whole; canaries and META go back to bytes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../tests/support/engine_reseal.h"
#include "engine/records/canary_record.h"
#include "engine/records/describe.h"
#include "engine/records/meta.h"
#include "engine/records/model.h"
#include "engine/verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds) {
    if (!holds) {
        abort();
    }
}

/* Canaries have one encoding: what decodes encodes to the same bytes. */
static void read_canaries(const oc_engine_file *file) {
    size_t bytes = 0;
    oc_canary *list = NULL;
    int32_t count = 0;
    oc_buffer again;
    const void *section = oc_engine_section(file, OC_SECTION_CANARIES, &bytes);
    if (section == NULL || oc_canaries_decode(section, bytes, &list, &count, NULL) != OCTAVO_OK) {
        return;
    }
    oc_buffer_init(&again);
    check(oc_canaries_encode(list, count, &again, NULL) == OCTAVO_OK);
    check(again.size == bytes && memcmp(again.data, section, bytes) == 0);
    oc_buffer_free(&again);
    free(list);
}

/* META may have other spellings: what is written from it reads as the same. */
static void read_meta(const oc_engine_file *file) {
    size_t bytes = 0;
    oc_engine_meta meta, again;
    oc_arena arena;
    oc_buffer text;
    const void *section = oc_engine_section(file, OC_SECTION_META, &bytes);
    oc_arena_init(&arena);
    oc_buffer_init(&text);
    if (oc_engine_meta_read(section, bytes, 0, &arena, &meta, NULL) == OCTAVO_OK) {
        check(oc_engine_meta_write(&meta, &text, NULL) == OCTAVO_OK);
        check(oc_engine_meta_read(text.data, text.size, 0, &arena, &again, NULL) == OCTAVO_OK);
        check(strcmp(meta.name, again.name) == 0 && meta.towers == again.towers);
        check(meta.source_tensor_bytes == again.source_tensor_bytes);
    }
    oc_buffer_free(&text);
    oc_arena_free(&arena);
}

static void read_all(const oc_engine_file *file) {
    oc_engine_facts facts;
    oc_graph graph;
    bool sound = true;
    oc_engine_describe(file, &facts);
    check(facts.tensor_bytes <= facts.model_bytes && facts.model_bytes < facts.file_bytes);
    for (int32_t i = 0; i < oc_engine_tensor_count(file); i++) {
        const oc_engine_tensor *tensor = oc_engine_tensor_at(file, i);
        uint8_t *whole = malloc(tensor->bytes), *row = malloc(tensor->row_bytes);
        octavo_status status = oc_engine_read_tensor(file, i, whole, NULL);
        check(oc_engine_tensor_find(file, tensor->name) == i);
        check(status == OCTAVO_OK || status == OCTAVO_CORRUPT);
        for (int64_t at = 0; at < tensor->rows && status == OCTAVO_OK; at += 1 + at / 8) {
            check(oc_engine_read_rows(file, i, at, 1, row, NULL) == OCTAVO_OK);
            check(memcmp(row, whole + (size_t)at * tensor->row_bytes, tensor->row_bytes) == 0);
        }
        sound = sound && status == OCTAVO_OK;
        free(whole);
        free(row);
    }
    check(oc_engine_verify(file, NULL, NULL, NULL) != OCTAVO_OK || sound);
    read_canaries(file);
    read_meta(file);
    oc_graph_init(&graph);
    if (oc_engine_graph(file, &graph, NULL) == OCTAVO_OK) {
        oc_graph_free(&graph);
    }
}

static void open_bytes(const uint8_t *data, size_t size) {
    static int descriptor = -1;
    static char path[32];
    octavo_error error = {0}, again = {0};
    oc_engine_file *file = NULL;
    if (descriptor < 0) {
        descriptor = memfd_create("engine", MFD_CLOEXEC);
        snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
    }
    check(ftruncate(descriptor, 0) == 0);
    check(pwrite(descriptor, data, size, 0) == (ssize_t)size);
    if (oc_engine_file_open(path, &file, &error) == OCTAVO_OK) {
        read_all(file);
    } else {
        check(file == NULL && error.message[0] != 0);
        check(oc_engine_file_open(path, &file, &again) == error.status);
        check(strcmp(error.message, again.message) == 0);
    }
    oc_engine_file_close(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint8_t *copy = malloc(size + 1);
    check(copy != NULL);
    memcpy(copy, data, size);
    open_bytes(copy, size);
    if (size >= sizeof(oc_format_front)) {
        uint64_t bytes = size;
        memcpy(copy + offsetof(oc_format_header, file_bytes), &bytes, sizeof bytes);
        engine_reseal(copy, size);
        open_bytes(copy, size);
    }
    free(copy);
    return 0;
}
