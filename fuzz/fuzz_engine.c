// links: api engine
/* fuzz_engine.c - all that an engine file can reach: opened as it is, then with its checksums made
 * right, so that what lies behind them is reached.  What opens is read whole; canaries, META and
 * measured choices go back to bytes; a model is loaded with its canaries, a session made, explained
 * and run.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../tests/support/engine_reseal.h"
#include "api/tool.h"
#include "device/tuned.h"
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

/* So may measured choices. */
static void read_tuned(const oc_engine_file *file) {
    size_t bytes = 0;
    oc_tuned tuned, again;
    oc_arena arena;
    oc_buffer text;
    const void *section = oc_engine_section(file, OC_SECTION_TUNED, &bytes);
    oc_arena_init(&arena);
    oc_buffer_init(&text);
    if (section != NULL && oc_tuned_read(section, bytes, 0, &arena, &tuned, NULL) == OCTAVO_OK) {
        check(oc_tuned_write(&tuned, &text, NULL) == OCTAVO_OK);
        check(oc_tuned_read(text.data, text.size, 0, &arena, &again, NULL) == OCTAVO_OK);
        check(tuned.count == again.count);
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
    read_tuned(file);
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

/* -- what a file makes of a run ------------------------------------------------------------------
 */

enum { ROWS = 2, LENGTH = 3, DIM_MAX = 1024, SIDE_MAX = 64 };

/* What a file may be told: never that the caller or octavo is wrong. */
static bool is_verdict(octavo_status status, const octavo_error *error) {
    return status == OCTAVO_OK || ((status == OCTAVO_CORRUPT || status == OCTAVO_UNSUPPORTED ||
                                    status == OCTAVO_NOT_FOUND || status == OCTAVO_EXHAUSTED) &&
                                   error->status == status && error->message[0] != 0);
}

static bool has_logits(const octavo_session *session) {
    for (int32_t i = 0; i < octavo_session_binding_count(session); i++) {
        if (strcmp(octavo_session_binding(session, i)->name, "logits_per_image") == 0) {
            return true;
        }
    }
    return false;
}

/* Two images and two texts through everything; run twice, the bits are the same. */
static void run_session(octavo_session *session, const octavo_engine_info *engine) {
    static uint8_t pixels[ROWS * SIDE_MAX * SIDE_MAX * 3];
    static float image[2][ROWS * DIM_MAX], text[2][ROWS * DIM_MAX], logits[ROWS * ROWS];
    static const int32_t ids[ROWS * LENGTH] = {1, 2, 3, 1, 4, 1};
    static const int32_t mask[ROWS * LENGTH] = {1, 1, 1, 1, 0, 1};
    octavo_error error = {0};
    int64_t side = engine->image_size, dim = engine->embed_dim;
#define TENSOR(type, dims, ...) .tensor = {.dtype = (type), .rank = (dims), .shape = {__VA_ARGS__} }
    octavo_argument inputs[] = {
        {.name = "pixels", TENSOR(OCTAVO_U8, 4, ROWS, side, side, 3)},
        {.name = "input_ids", TENSOR(OCTAVO_I32, 2, ROWS, LENGTH)},
        {.name = "attention_mask", TENSOR(OCTAVO_I32, 2, ROWS, LENGTH)},
    };
    octavo_argument outputs[] = {
        {.name = "image_embeds", TENSOR(OCTAVO_F32, 2, ROWS, dim)},
        {.name = "text_embeds", TENSOR(OCTAVO_F32, 2, ROWS, dim)},
        {.name = "logits_per_image", TENSOR(OCTAVO_F32, 2, ROWS, ROWS)},
    };
    inputs[0].tensor.const_data = pixels;
    inputs[1].tensor.const_data = ids;
    inputs[2].tensor.const_data = mask;
    outputs[2].tensor.data = logits;
    if (side > SIDE_MAX || dim > DIM_MAX) {
        return;
    }
    for (size_t i = 0; i < sizeof pixels; i++) {
        pixels[i] = (uint8_t)(i * 2654435761u >> 13);
    }
    int32_t first = engine->towers == OCTAVO_TEXT ? 1 : 0;
    int32_t input_count = engine->towers == OCTAVO_IMAGE ? 1 : 3 - first, output_count = 1;
    if (engine->towers == (OCTAVO_IMAGE | OCTAVO_TEXT)) {
        output_count = has_logits(session) ? 3 : 2;
    }
    for (int32_t i = 0; i < 2; i++) {
        outputs[0].tensor.data = image[i];
        outputs[1].tensor.data = text[i];
        octavo_status status = octavo_session_run(session, inputs + first, input_count,
                                                  outputs + first, output_count, NULL, &error);
        /* ids beyond a small vocabulary, texts longer than all places, two widths, no logits */
        check(status == OCTAVO_OK || status == OCTAVO_INVALID_ARGUMENT);
        if (status != OCTAVO_OK) {
            return;
        }
    }
    check(memcmp(image[0], image[1], (size_t)(ROWS * dim) * sizeof(float)) == 0);
    check(memcmp(text[0], text[1], (size_t)(ROWS * dim) * sizeof(float)) == 0);
}

static void run_bytes(const uint8_t *data, size_t size) {
    octavo_error error = {0};
    octavo_engine *engine = NULL;
    octavo_model *model = NULL;
    octavo_session *session = NULL;
    octavo_model_options load = {.struct_size = sizeof load, .threads = 1};
    octavo_session_options options = {.struct_size = sizeof options, .batch_max = 2, .threads = 1};
    char *json = NULL;
    octavo_status status = octavo_engine_open_memory(data, size, NULL, &engine, &error);
    check(is_verdict(status, &error) && (engine != NULL) == (status == OCTAVO_OK));
    if (status != OCTAVO_OK) {
        return;
    }
    status = octavo_model_load(engine, &load, &model, &error);
    check(is_verdict(status, &error) && (model != NULL) == (status == OCTAVO_OK));
    if (status == OCTAVO_OK) {
        status = octavo_session_create(model, &options, &session, &error);
        check(is_verdict(status, &error) && (session != NULL) == (status == OCTAVO_OK));
    }
    if (status == OCTAVO_OK) {
        check(octavo_tool_explain(session, &json, &error) == OCTAVO_OK && json != NULL);
        octavo_free(json);
        run_session(session, octavo_engine_describe(engine));
    }
    octavo_session_free(session);
    octavo_model_free(model);
    octavo_engine_free(engine);
}

/* -- inputs
 * ---------------------------------------------------------------------------------------- */

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size) __attribute__((weak));
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

/* Mutates one section in its place: it may shrink, or grow into its padding; the others stay where
 * they are, and the checksums are right. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
    oc_format_front front;
    if (size < sizeof front || seed % 16 == 0) {
        return LLVMFuzzerMutate(data, size, max_size);
    }
    memcpy(&front, data, sizeof front);
    uint32_t count = front.header.section_count;
    count = count < OC_FORMAT_SECTIONS_MAX ? count : OC_FORMAT_SECTIONS_MAX;
    oc_format_section *section = &front.sections[seed / 16 % (count + 1)];
    if (section >= front.sections + count || section->offset > size ||
        section->bytes > size - section->offset || section->bytes == 0) {
        return LLVMFuzzerMutate(data, size, max_size);
    }
    uint64_t room = (section->bytes + OC_FORMAT_ALIGNMENT - 1) & ~(OC_FORMAT_ALIGNMENT - 1ull);
    bool is_last = section->offset + room >= size;
    room = is_last ? size - section->offset : room;
    uint64_t bytes = LLVMFuzzerMutate(data + section->offset, section->bytes, room);
    if (!is_last && room - bytes < OC_FORMAT_ALIGNMENT) {
        section->bytes = bytes;
    }
    if (bytes < room) {
        memset(data + section->offset + bytes, 0, room - bytes);
    }
    memcpy(data, &front, sizeof front);
    engine_reseal(data, size);
    return size;
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
        run_bytes(copy, size);
    }
    free(copy);
    return 0;
}
