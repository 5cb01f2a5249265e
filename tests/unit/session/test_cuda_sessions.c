// links: test_support backends_cpu backends_cuda runtime
/* test_cuda_sessions.c - sessions on a card: tensors in its memory are taken where they lie, those
 * that do not lie where they say are refused, and a driver that fails loses nothing.  A fake driver
 * stands in for two cards: its kernels give each image a row that begins with its first pixel, and
 * each text one with its number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/cpu/cpu.h"
#include "backends/cuda/cuda.h"
#include "backends/cuda/kernels/args.h"
#include "runtime/session.h"
#include "support/cuda/fake_driver.h"
#include "support/files.h"
#include "support/graphs.h"
#include "support/random_graph.h"

/* Of the graph: 8 pixels a side, 7 positions, embeddings of 3; 9 ends a text. */
enum { SIDE = 8, IMAGE = SIDE * SIDE * 3, POSITIONS = 7, DIM = 3, END = 9, BATCH = 6, CARD = 1 };

static oc_graph graph;
static oc_fake_driver *fake;
static char folder[OC_TEST_PATH];
static uint8_t pixels[BATCH * IMAGE];
static const int32_t ids[BATCH * 2] = {1, END, 2, END, 1, END, 3, END, 2, END, 4, END};

static int begin(void **state) {
    (void)state;
    size_t bytes;
    char *text = oc_test_read(TEST_DATA "/corpus/graph/clip_f16", &bytes);
    oc_test_graph(text, &graph);
    free(text);
    oc_test_folder(folder);
    setenv("OCTAVO_KERNELS", folder, 1);
    for (int32_t i = 0; i < BATCH * IMAGE; i++) {
        pixels[i] = (uint8_t)(i * 7 + i / IMAGE);
    }
    return 0;
}

static int end(void **state) {
    (void)state;
    oc_graph_free(&graph);
    oc_test_folder_remove(folder);
    return 0;
}

/* -- the kernels --------------------------------------------------------------------------------
 */

static const uint8_t *seen_pixels; /* that the last run cut patches from */

static void ran(const char *entry, void *parameters) {
    if (strcmp(entry, "patches") == 0) {
        const oc_patches_args *args = parameters;
        const void *at = *(void **)(uintptr_t)args->pixels;
        seen_pixels = at;
    } else if (strcmp(entry, "norm_rows") == 0) {
        const oc_norm_args *args = parameters;
        const int32_t *rows = (const int32_t *)(uintptr_t)args->rows;
        float *out = (float *)(uintptr_t)args->out;
        for (int32_t r = 0; args->out_stride == 4 && r < *rows; r++) { /* rows of 3 floats: unit */
            out[r * 4] = seen_pixels == NULL ? (float)r : seen_pixels[r * IMAGE];
            out[r * 4 + 1] = (float)r;
            out[r * 4 + 2] = -1;
        }
    }
}

/* -- sessions ------------------------------------------------------------------------------------
 */

static octavo_status open_session(const oc_backend *backend, bool keep_hidden, oc_session **out,
                                  octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_model_options load = {.backend = backend,
                             .tier = backend == &oc_backend_cuda ? "1" : NULL,
                             .threads = 1,
                             .savings = OC_SAVINGS_ALL,
                             .keep_hidden = keep_hidden};
    oc_session_options options = {.batch_max = BATCH, .threads = 2};
    oc_weight_source source = {oc_random_read, &graph};
    oc_model *model = NULL;
    *out = NULL;
    OC_TRY(oc_model_load(&graph, &source, &load, &model, error));
    OC_TRY(oc_session_create(model, &options, out, error));
done:
    oc_model_release(model);
    return status;
}

/* What a program of the caller's has on the card. */
typedef struct card_memory {
    oc_cu_context context;
    oc_cu_stream stream;
    oc_cu_address pixels, embeds;
} card_memory;

static void open_memory(int32_t card, card_memory *out) {
    const oc_cu_driver *cu = oc_fake_driver_table();
    int32_t fail_at = fake->fail_at;
    fake->fail_at = 0; /* none of this is octavo's */
    int32_t calls = fake->calls;
    cu->context_retain(&out->context, card);
    cu->context_set(out->context);
    cu->stream_create(&out->stream, 0);
    cu->memory_create(&out->pixels, sizeof pixels);
    cu->memory_create(&out->embeds, BATCH * DIM * sizeof(float));
    memcpy((void *)(uintptr_t)out->pixels, pixels, sizeof pixels);
    fake->calls = calls;
    fake->fail_at = fail_at;
}

static void close_memory(int32_t card, card_memory *memory) {
    const oc_cu_driver *cu = oc_fake_driver_table();
    fake->fail_at = 0;
    cu->context_set(memory->context);
    cu->stream_free(memory->stream);
    cu->memory_free(memory->pixels);
    cu->memory_free(memory->embeds);
    cu->context_release(card);
}

static octavo_argument argument(const char *name, octavo_dtype dtype, int32_t rank,
                                const int64_t *shape, const void *data) {
    octavo_argument out = {.name = name, .tensor = {.dtype = dtype, .rank = rank}};
    memcpy(out.tensor.shape, shape, (size_t)rank * sizeof *shape);
    out.tensor.data = (void *)(uintptr_t)data;
    return out;
}

static octavo_argument on_card(octavo_argument a, oc_cu_address at) {
    a.tensor.memory = OCTAVO_MEMORY_CUDA;
    a.tensor.device = CARD;
    a.tensor.data = (void *)(uintptr_t)at;
    return a;
}

static octavo_argument images_of(const void *data) {
    return argument("pixels", OCTAVO_U8, 4, (const int64_t[]){BATCH, SIDE, SIDE, 3}, data);
}

static octavo_argument texts_of(const void *data) {
    return argument("input_ids", OCTAVO_I32, 2, (const int64_t[]){BATCH, 2}, data);
}

static octavo_argument embeds_of(const char *name, const void *data) {
    return argument(name, OCTAVO_F32, 2, (const int64_t[]){BATCH, DIM}, data);
}

static void check_images(const float *rows) {
    for (int32_t r = 0; r < BATCH; r++) {
        assert_true(rows[r * DIM] == pixels[r * IMAGE] && rows[r * DIM + 1] == (float)r &&
                    rows[r * DIM + 2] == -1);
    }
}

/* Texts that are equal are computed once. */
static void check_texts(const float *rows) {
    static const float which[BATCH] = {0, 1, 0, 2, 1, 3};
    for (int32_t r = 0; r < BATCH; r++) {
        assert_true(rows[r * DIM + 1] == which[r]);
    }
}

static bool near(double a, double b) {
    return fabs(a - b) < 1e-9 * fabs(b) + 1e-12;
}

/* -- in place ------------------------------------------------------------------------------------
 */

/* Any way in gives what any other gives, and what is on the card is not copied. */
static void tensors_are_taken_where_they_lie(void **state) {
    (void)state;
    octavo_error error = {0};
    oc_session *session = NULL;
    card_memory memory;
    float host[BATCH * DIM];
    fake = oc_fake_driver_begin();
    fake->ran = ran;
    open_memory(CARD, &memory);
    float *there = (float *)(uintptr_t)memory.embeds;
    if (open_session(&oc_backend_cuda, false, &session, &error) != OCTAVO_OK) {
        fail_msg("%s", error.message);
    }
    octavo_run_options options = {.struct_size = sizeof options, .stream = memory.stream};
    for (int32_t way = 0; way < 8; way++) {
        octavo_argument in = images_of(pixels), out = embeds_of("image_embeds", host);
        in = (way & 1) != 0 ? on_card(in, memory.pixels) : in;
        out = (way & 2) != 0 ? on_card(out, memory.embeds) : out;
        memset(host, 0, sizeof host);
        memset(there, 0, sizeof host);
        int64_t before = fake->uploaded;
        assert_int_equal(
            oc_session_run(session, &in, 1, &out, 1, (way & 4) != 0 ? &options : NULL, &error),
            OCTAVO_OK);
        check_images((way & 2) != 0 ? there : host);
        assert_int_equal(seen_pixels == (const void *)(uintptr_t)memory.pixels, way & 1);
        assert_int_equal(fake->uploaded - before >= (int64_t)sizeof pixels, (way & 1) == 0);
    }
    seen_pixels = NULL;
    for (int32_t way = 0; way < 2; way++) {
        octavo_argument in = texts_of(ids), out = embeds_of("text_embeds", host);
        out = way == 1 ? on_card(out, memory.embeds) : out;
        memset(there, 0, sizeof host);
        assert_int_equal(oc_session_run(session, &in, 1, &out, 1, NULL, &error), OCTAVO_OK);
        check_texts(way == 1 ? there : host);
    }
    oc_session_free(session);
    close_memory(CARD, &memory);
    assert_int_equal(fake->alive, 0);
    assert_int_equal(fake->wrong, 0);
    oc_fake_driver_end();
}

/* Times tell what moved: pixels that lie on the card have no way to it.  A run that reports its
 * steps reads them there too, and leaves its results. */
static void times_know_what_moved(void **state) {
    (void)state;
    octavo_error error = {0};
    oc_session *session = NULL;
    card_memory memory;
    float host[BATCH * DIM];
    oc_times times[2];
    double steps = 0;
    fake = oc_fake_driver_begin();
    fake->ran = ran;
    open_memory(CARD, &memory);
    assert_int_equal(open_session(&oc_backend_cuda, false, &session, &error), OCTAVO_OK);
    octavo_argument out = embeds_of("image_embeds", host), in[] = {images_of(pixels), out};
    in[1] = on_card(in[0], memory.pixels);
    (void)oc_session_times(session);
    for (int32_t way = 0; way < 2; way++) {
        assert_int_equal(oc_session_run(session, &in[way], 1, &out, 1, NULL, &error), OCTAVO_OK);
        times[way] = oc_session_times(session);
        assert_true(times[way].from_device > 0);
    }
    assert_true(near(times[0].to_device, 0.5e-3)); /* the run's numbers, and a piece of pixels */
    assert_true(near(times[1].to_device, 0.25e-3));
    assert_true(times[0].device > 0 && near(times[0].device, times[1].device));
    assert_int_equal(oc_session_profile(session, OC_REPORT_TIME, &error), OCTAVO_OK);
    memset(host, 0, sizeof host);
    seen_pixels = NULL;
    assert_int_equal(oc_session_run(session, &in[1], 1, &out, 1, NULL, &error), OCTAVO_OK);
    check_images(host);
    assert_ptr_equal(seen_pixels, (const void *)(uintptr_t)memory.pixels);
    for (int32_t i = 0; i < oc_session_plan_count(session, OC_PROGRAM_IMAGE_BYTES); i++) {
        const oc_step_report *reports = oc_session_reports_at(session, OC_PROGRAM_IMAGE_BYTES, i);
        const oc_plan *plan = oc_session_plan_at(session, OC_PROGRAM_IMAGE_BYTES, i);
        for (int32_t s = 0; s < plan->step_count; s++) {
            steps += reports[s].seconds;
        }
    }
    assert_true(near(steps, times[1].device));
    oc_session_free(session);
    close_memory(CARD, &memory);
    assert_int_equal(fake->alive, 0);
    assert_int_equal(fake->wrong, 0);
    oc_fake_driver_end();
}

/* -- refusals ------------------------------------------------------------------------------------
 */

static void refuses(oc_session *session, octavo_argument in, octavo_argument out,
                    const char *sentence) {
    octavo_error error = {0};
    assert_int_equal(oc_session_run(session, &in, 1, &out, 1, NULL, &error),
                     OCTAVO_INVALID_ARGUMENT);
    if (strstr(error.message, sentence) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", error.message, sentence);
    }
}

static void refuses_what_lies_elsewhere(void **state) {
    (void)state;
    octavo_error error = {0};
    oc_session *session = NULL;
    card_memory memory, other;
    float host[BATCH * DIM * 8];
    const oc_cu_driver *cu = oc_fake_driver_table();
    void *pinned = NULL;
    fake = oc_fake_driver_begin();
    open_memory(0, &other);
    open_memory(CARD, &memory);
    cu->host_create(&pinned, sizeof pixels, 0);
    if (open_session(&oc_backend_cuda, true, &session, &error) != OCTAVO_OK) {
        fail_msg("%s", error.message);
    }
    octavo_argument in = images_of(pixels), out = embeds_of("image_embeds", host), wrong;
    wrong = on_card(in, memory.pixels);
    wrong.tensor.device = 0;
    refuses(session, wrong, out, "pixels lies on card 0, this session is on card 1");
    wrong.tensor.device = -1;
    refuses(session, wrong, out, "pixels lies in memory 1 of device -1");
    refuses(session, on_card(in, (oc_cu_address)(uintptr_t)pixels), out, "are no card's memory");
    refuses(session, on_card(in, (oc_cu_address)(uintptr_t)pinned), out, "are pinned memory");
    refuses(session, on_card(in, other.pixels), out, "are memory of card 0");
    refuses(session, on_card(in, memory.pixels + 1), out,
            "pixels has 1152 bytes, the memory of card 1 ends 1151 bytes behind");
    refuses(session, in, on_card(out, memory.embeds + 2), "elements of F32 need a multiple of 4");
    refuses(session, in, on_card(out, memory.embeds + 4), "ends 68 bytes behind");
    refuses(session, in, embeds_of("image_embeds", (void *)(uintptr_t)memory.embeds),
            "image_embeds is said to lie in the host's memory, but its data at");
    refuses(session, on_card(texts_of(ids), memory.pixels), embeds_of("text_embeds", host),
            "input_ids lies in the memory of device 1; it is read on the host");
    wrong = argument("vision.hidden.1", OCTAVO_F32, 3, (const int64_t[]){BATCH, 5, 4}, host);
    refuses(session, in, on_card(wrong, memory.pixels), "it is widened on the host");
    oc_session_free(session);
    cu->host_free(pinned);
    close_memory(CARD, &memory);
    close_memory(0, &other);
    assert_int_equal(fake->alive, 0);
    assert_int_equal(fake->wrong, 0);
    oc_fake_driver_end();
}

/* A session on the CPU has neither memory of its own nor streams. */
static void cpu_takes_no_card(void **state) {
    (void)state;
    octavo_error error = {0};
    oc_session *session = NULL;
    float host[BATCH * DIM];
    octavo_run_options options = {.struct_size = sizeof options, .stream = host};
    octavo_argument in = images_of(pixels), out = embeds_of("image_embeds", host);
    assert_int_equal(open_session(&oc_backend_cpu, false, &session, &error), OCTAVO_OK);
    refuses(session, on_card(in, (oc_cu_address)(uintptr_t)pixels), out,
            "pixels lies in memory 1 of device 1, the device cpu takes the host's memory");
    assert_int_equal(oc_session_run(session, &in, 1, &out, 1, &options, &error),
                     OCTAVO_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "the device cpu has none"));
    oc_session_free(session);
}

/* -- faults --------------------------------------------------------------------------------------
 */

/* All ways in and out once. */
static octavo_status use_session(oc_session *session, const card_memory *memory,
                                 octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    float host[BATCH * DIM], logits[BATCH * BATCH];
    octavo_run_options options = {.struct_size = sizeof options, .stream = memory->stream};
    octavo_argument in[] = {images_of(pixels), texts_of(ids)};
    octavo_argument out[] = {
        embeds_of("image_embeds", host), on_card(embeds_of("text_embeds", NULL), memory->embeds),
        argument("logits_per_image", OCTAVO_F32, 2, (const int64_t[]){BATCH, BATCH}, logits)};
    octavo_argument there = on_card(in[0], memory->pixels);
    OC_TRY(oc_session_run(session, in, 2, out, 3, NULL, error));
    OC_TRY(oc_session_submit(session, &there, 1, out, 1, &options, error));
    OC_TRY(oc_session_wait(session, 0, error));
done:
    return status;
}

/* Each call of the runs fails once, and of those before some. */
static void fails_in_sentences(void **state) {
    (void)state;
    int32_t first = 1, last = 1, failed = 0;
    for (int32_t at = 0; at <= last; at += at == 0 || at >= first ? 1 : 37) {
        octavo_error error = {0};
        oc_session *session = NULL;
        card_memory memory;
        fake = oc_fake_driver_begin();
        fake->fail_at = at;
        open_memory(CARD, &memory);
        octavo_status status = open_session(&oc_backend_cuda, false, &session, &error);
        if (at == 0) {
            first = fake->calls + 1;
        }
        if (status == OCTAVO_OK) {
            status = use_session(session, &memory, &error);
        }
        if (at == 0) {
            last = fake->calls;
            assert_int_equal(status, OCTAVO_OK);
        } else if (status != OCTAVO_OK) {
            failed++;
            if (strstr(error.message, "NVIDIA driver fails to") == NULL) {
                fail_msg("call %d, %s: %s", at, fake->failed, error.message);
            }
        }
        fake->fail_at = 0;
        oc_session_free(session);
        close_memory(CARD, &memory);
        if (fake->alive != 0 || fake->wrong != 0) {
            fail_msg("call %d, %s: %d left, %d wrong", at, fake->failed, fake->alive, fake->wrong);
        }
    }
    print_message("%d calls make a session, %d run it; %d that failed were told\n", first - 1,
                  last - first + 1, failed);
    assert_true(failed > (last - first) / 2);
    oc_fake_driver_end();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tensors_are_taken_where_they_lie),
        cmocka_unit_test(times_know_what_moved),
        cmocka_unit_test(refuses_what_lies_elsewhere),
        cmocka_unit_test(cpu_takes_no_card),
        cmocka_unit_test(fails_in_sentences),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
