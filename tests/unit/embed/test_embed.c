// links: embed
/* test_embed.c - batches of images and of texts: order, what is left out, what ends the work. */
#include "unit/input/text_tools.h"

#include "embed/embed.h"
#include "support/files.h"

enum { FILES = 11, EDGE = 16, IMAGE = EDGE * EDGE * 3, ROWS_MAX = 64, LANES = 3 };

static oc_image_processor clip_of_edge(void) {
    oc_image_processor processor = oc_image_processor_clip;
    processor.shortest_edge = processor.crop_height = processor.crop_width = EDGE;
    return processor;
}

static char folder[OC_TEST_PATH];
static char names[FILES][OC_TEST_PATH];
static const char *paths[FILES];

/* Of eleven files the third and fourth are no images, the eighth is not there, the last is cut
 * short. */
static int make_files(void **state) {
    (void)state;
    oc_test_folder(folder);
    for (int32_t i = 0; i < FILES; i++) {
        char name[16];
        size_t size;
        snprintf(name, sizeof name, "%02d.png", i);
        snprintf(names[i], sizeof names[i], "%s", oc_test_path(folder, name));
        paths[i] = names[i];
        char *image = oc_test_read(i % 2 ? TEST_DATA "/preprocess/png_rgb.png"
                                         : TEST_DATA "/preprocess/jpeg_exif_6.jpg",
                                   &size);
        if (i == 2 || i == 3) {
            oc_test_write(paths[i], "not an image", 12);
        } else if (i != 7) {
            oc_test_write(paths[i], image, i == FILES - 1 ? size / 2 : size);
        }
        free(image);
    }
    return 0;
}

static int remove_files(void **state) {
    (void)state;
    oc_test_folder_remove(folder);
    return 0;
}

static bool is_bad(int32_t i) {
    return i == 2 || i == 3 || i == 7 || i == FILES - 1;
}

/* What a job's functions saw. */
typedef struct seen {
    int32_t rows[ROWS_MAX], runs;           /* of each run */
    int32_t items[ROWS_MAX], item_count;    /* of all runs */
    int32_t out[ROWS_MAX], out_count;       /* left out */
    int32_t cut[ROWS_MAX][3], cut_count;    /* item, tokens, kept */
    uint64_t done, total;                   /* of the latest progress */
    int32_t fail_run, fail_out, cancel_run; /* which of them fails, from 1; 0: none */
    const oc_image_processor *processor;
    int32_t lengths[ROWS_MAX]; /* of each run's rows of ids */
    int32_t ids[ROWS_MAX][80]; /* of each item */
    /* Where lanes are asked for: what is under way on each, and the wait that fails, from 1. */
    int32_t lanes, finished, fail_finish;
    struct {
        const octavo_argument *input;
        const int32_t *items;
    } under_way[LANES];
} seen;

/* Each row holds the file it says. */
static void check_images(const seen *s, const octavo_argument *input, const int32_t *items) {
    uint8_t want[IMAGE];
    for (int32_t r = 0; r < input->tensor.shape[0]; r++) {
        assert_ok(oc_embed_read_image(s->processor, paths[items[r]], want, NULL));
        assert_memory_equal((const uint8_t *)input->tensor.data + r * IMAGE, want, IMAGE);
    }
}

/* A batch is as it was when it began. */
static octavo_status finish(void *user, int32_t lane, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    seen *s = user;
    assert_non_null(s->under_way[lane].input);
    if (strcmp(s->under_way[lane].input->name, "pixels") == 0) {
        check_images(s, s->under_way[lane].input, s->under_way[lane].items);
    }
    s->under_way[lane].input = NULL;
    if (++s->finished == s->fail_finish) {
        OC_FAIL(error, OCTAVO_UNAVAILABLE, OCTAVO_NO_OFFSET, "the device is lost");
    }
done:
    return status;
}

/* Lanes take turns, and have nothing under way when theirs comes. */
static void begin(seen *s, int32_t lane, const octavo_argument *input, const int32_t *items) {
    assert_int_equal(lane, s->lanes == 0 ? 0 : s->runs % s->lanes);
    if (s->lanes > 0) {
        assert_null(s->under_way[lane].input);
        s->under_way[lane].input = input;
        s->under_way[lane].items = items;
    }
}

static octavo_status run_images(void *user, int32_t lane, const octavo_argument *input,
                                const int32_t *items, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    seen *s = user;
    int32_t rows = (int32_t)input->tensor.shape[0];
    assert_string_equal(input->name, "pixels");
    assert_int_equal(input->tensor.dtype, OCTAVO_U8);
    assert_int_equal(input->tensor.rank, 4);
    assert_int_equal(input->tensor.shape[1], EDGE);
    assert_int_equal(input->tensor.shape[3], 3);
    if (s->runs + 1 == s->fail_run) {
        OC_FAIL(error, OCTAVO_UNAVAILABLE, OCTAVO_NO_OFFSET, "the device is gone");
    }
    begin(s, lane, input, items);
    check_images(s, input, items);
    for (int32_t r = 0; r < rows; r++) {
        s->items[s->item_count++] = items[r];
    }
    s->rows[s->runs++] = rows;
done:
    return status;
}

static octavo_status left_out(void *user, int32_t item, const octavo_error *why) {
    seen *s = user;
    assert_true(why->message[0] != '\0' && strstr(why->path, paths[item]) != NULL);
    s->out[s->out_count++] = item;
    return s->out_count == s->fail_out ? why->status : OCTAVO_OK;
}

static int32_t progress(void *user, const char *what, uint64_t done, uint64_t total) {
    seen *s = user;
    assert_string_equal(what, "testing");
    assert_true(done > s->done && done <= total && (s->total == 0 || total >= s->total));
    s->done = done;
    s->total = total;
    return s->runs == s->cancel_run;
}

static oc_embed_job job_of(seen *s, int32_t batch, int32_t threads) {
    return (oc_embed_job){.batch = batch,
                          .threads = threads,
                          .what = "testing",
                          .progress = progress,
                          .progress_user = s,
                          .user = s,
                          .lanes = s->lanes == 0 ? 1 : s->lanes,
                          .run = run_images,
                          .finish = s->lanes == 0 ? NULL : finish,
                          .left_out = left_out};
}

/* For every batch and number of threads, and lanes: all good images in order, all bad ones told
 * in order, and no run but the last is smaller than the batch. */
static void images_in_order(void **state) {
    (void)state;
    oc_image_processor processor = clip_of_edge();
    for (int32_t batch = 1; batch <= FILES + 1; batch++) {
        for (int32_t threads = 1; threads <= 4; threads++) {
            for (int32_t lanes = 0; lanes <= LANES; lanes++) {
                seen s = {.processor = &processor, .lanes = lanes};
                oc_embed_job job = job_of(&s, batch, threads);
                assert_ok(oc_embed_images(&job, &processor, paths, FILES, NULL));
                int32_t good = 0, bad = 0;
                for (int32_t i = 0; i < FILES; i++) {
                    if (is_bad(i)) {
                        assert_int_equal(s.out[bad++], i);
                    } else {
                        assert_int_equal(s.items[good++], i);
                    }
                }
                assert_int_equal(s.item_count, good);
                assert_int_equal(s.out_count, bad);
                assert_int_equal(s.finished, lanes == 0 ? 0 : s.runs);
                assert_int_equal(s.runs, (good + batch - 1) / batch);
                for (int32_t r = 0; r < s.runs - 1; r++) {
                    assert_int_equal(s.rows[r], batch);
                }
                assert_int_equal(s.done, FILES);
            }
        }
    }
}

/* A limit counts images that are run: bad ones are made up for, and none behind it is told. */
static void limits(void **state) {
    (void)state;
    oc_image_processor processor = clip_of_edge();
    static const int32_t bad_before[] = {0, 0, 0, 2, 2, 2, 3, 3, 4};
    for (int32_t limit = 1; limit <= 8; limit++) {
        seen s = {.processor = &processor};
        oc_embed_job job = job_of(&s, 3, 2);
        job.limit = limit;
        assert_ok(oc_embed_images(&job, &processor, paths, FILES, NULL));
        assert_int_equal(s.item_count, limit < FILES - 4 ? limit : FILES - 4);
        assert_int_equal(s.out_count, bad_before[limit]);
        assert_true(s.done <= s.total);
    }
}

/* What a run answers, and what the caller answers about a bad image, ends the work. */
static void ends(void **state) {
    (void)state;
    oc_image_processor processor = clip_of_edge();
    octavo_error error;
    seen s = {.processor = &processor, .fail_run = 2};
    oc_embed_job job = job_of(&s, 2, 3);
    oc_error_clear(&error);
    assert_int_equal(oc_embed_images(&job, &processor, paths, FILES, &error), OCTAVO_UNAVAILABLE);
    assert_string_equal(error.message, "the device is gone");
    assert_int_equal(s.runs, 1);
    s = (seen){.processor = &processor, .fail_out = 2};
    oc_error_clear(&error);
    assert_int_equal(oc_embed_images(&job, &processor, paths, FILES, &error), OCTAVO_UNSUPPORTED);
    assert_non_null(strstr(error.path, "03.png"));
    assert_int_equal(s.out_count, 2);
    assert_int_equal(oc_embed_images(&job, &processor, paths, 0, &error), OCTAVO_OK);
    s = (seen){.processor = &processor, .cancel_run = 2};
    assert_int_equal(oc_embed_images(&job, &processor, paths, FILES, &error), OCTAVO_CANCELLED);
    assert_int_equal(s.runs, 2);
    for (int32_t lanes = 1; lanes <= LANES; lanes++) { /* whatever ends it, no batch is forgotten */
        s = (seen){.processor = &processor, .lanes = lanes, .fail_run = 3};
        job = job_of(&s, 1, 3);
        oc_error_clear(&error);
        assert_int_equal(oc_embed_images(&job, &processor, paths, FILES, &error),
                         OCTAVO_UNAVAILABLE);
        assert_string_equal(error.message, "the device is gone");
        assert_int_equal(s.finished, 2);
        s = (seen){.processor = &processor, .lanes = lanes, .fail_finish = 2};
        oc_error_clear(&error);
        assert_int_equal(oc_embed_images(&job, &processor, paths, FILES, &error),
                         OCTAVO_UNAVAILABLE);
        assert_string_equal(error.message, "the device is lost");
        assert_int_equal(s.finished, s.runs);
    }
    s = (seen){.processor = &processor};
    job = job_of(&s, 2, 3);
    job.left_out = NULL; /* nobody listens */
    job.progress = NULL;
    assert_ok(oc_embed_images(&job, &processor, paths, FILES, NULL));
    assert_int_equal(s.item_count, FILES - 4);
}

/* -- texts ------------------------------------------------------------------------------------ */

static octavo_status run_texts(void *user, int32_t lane, const octavo_argument *input,
                               const int32_t *items, octavo_error *error) {
    seen *s = user;
    int32_t rows = (int32_t)input->tensor.shape[0], length = (int32_t)input->tensor.shape[1];
    (void)error;
    begin(s, lane, input, items);
    assert_string_equal(input->name, "input_ids");
    assert_int_equal(input->tensor.dtype, OCTAVO_I32);
    assert_int_equal(input->tensor.rank, 2);
    for (int32_t r = 0; r < rows; r++) {
        memcpy(s->ids[items[r]], (const int32_t *)input->tensor.data + r * length,
               (size_t)length * sizeof(int32_t));
        s->items[s->item_count++] = items[r];
    }
    s->lengths[s->runs] = length;
    s->rows[s->runs++] = rows;
    return OCTAVO_OK;
}

static void note_cut(void *user, int32_t item, int32_t tokens, int32_t kept) {
    seen *s = user;
    int32_t *to = s->cut[s->cut_count++];
    to[0] = item;
    to[1] = tokens;
    to[2] = kept;
}

/* Rows are as long as the longest text of their run, filled with the padding id; texts that are cut
 * are told. */
static void texts_in_batches(void **state) {
    (void)state;
    enum { TEXTS = 5, MOST = 8 };
    static const char *const texts[TEXTS] = {"the", "", "xxxxxxxxxxxx", "th", "the the"};
    static const int32_t tokens[TEXTS] = {3, 2, 14, 4, 4};
    const oc_tokenizer tokenizer = small_tokenizer();
    oc_bpe *bpe = make_bpe(&tokenizer);
    for (int32_t batch = 1; batch <= TEXTS + 1; batch++) {
        seen s = {.lanes = batch % (LANES + 1)};
        oc_embed_job job = job_of(&s, batch, 1);
        job.run = run_texts;
        job.cut = note_cut;
        job.limit = batch == 2 ? 4 : 0;
        int32_t wanted = batch == 2 ? 4 : TEXTS;
        assert_ok(oc_embed_texts(&job, bpe, MOST, texts, TEXTS, NULL));
        assert_int_equal(s.item_count, wanted);
        assert_int_equal(s.finished, s.lanes == 0 ? 0 : s.runs);
        assert_int_equal(s.done, wanted);
        assert_int_equal(s.cut_count, 1);
        assert_int_equal(s.cut[0][0], 2);
        assert_int_equal(s.cut[0][1], 14);
        assert_int_equal(s.cut[0][2], MOST);
        for (int32_t i = 0, run = 0, at = 0; i < wanted; i++) {
            int32_t want[MOST], count = 0;
            if (i == at + s.rows[run]) {
                at += s.rows[run++];
            }
            assert_int_equal(s.items[i], i);
            assert_ok(
                oc_bpe_encode(bpe, texts[i], strlen(texts[i]), want, MOST, &count, NULL, NULL));
            assert_int_equal(count, tokens[i] < MOST ? tokens[i] : MOST);
            assert_true(s.lengths[run] >= count && s.lengths[run] <= MOST);
            assert_memory_equal(s.ids[i], want, (size_t)count * sizeof *want);
            for (int32_t t = count; t < s.lengths[run]; t++) {
                assert_int_equal(s.ids[i][t], SMALL_END);
            }
        }
        if (batch == 1) {
            assert_int_equal(s.lengths[1], 2);
        }
    }
    oc_bpe_free(bpe);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(images_in_order),
        cmocka_unit_test(limits),
        cmocka_unit_test(ends),
        cmocka_unit_test(texts_in_batches),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
