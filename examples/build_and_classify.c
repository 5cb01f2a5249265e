/* build_and_classify.c - a checkpoint to an engine file, and an image to the label that fits best.
 *
 *     cc build_and_classify.c $(pkg-config --cflags --libs octavo) -lm -o build_and_classify
 *     ./build_and_classify clip-fp8/ clip.octavo photo.jpg rooster pigeon flamingo
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <octavo.h>

/* "a photo of a LABEL." as a row of token ids for each label; short rows are filled up. */
static octavo_status tokenize(const octavo_engine *engine, char *const *labels, int32_t count,
                              int32_t *ids, octavo_error *error) {
    const octavo_engine_info *info = octavo_engine_describe(engine);
    octavo_status status = OCTAVO_OK;
    for (int32_t i = 0; i < count && status == OCTAVO_OK; i++) {
        int32_t *row = ids + (ptrdiff_t)i * info->tokens_max, used = 0;
        char text[256];
        snprintf(text, sizeof text, "a photo of a %s.", labels[i]);
        status = octavo_tokenize(engine, text, strlen(text), row, &used, NULL, error);
        while (used < info->tokens_max) {
            row[used++] = info->pad_id;
        }
    }
    return status;
}

/* Logits to shares of one. */
static void softmax(float *values, int32_t count) {
    float most = values[0], sum = 0;
    for (int32_t i = 1; i < count; i++) {
        most = fmaxf(most, values[i]);
    }
    for (int32_t i = 0; i < count; i++) {
        values[i] = expf(values[i] - most);
        sum += values[i];
    }
    for (int32_t i = 0; i < count; i++) {
        values[i] /= sum;
    }
}

/* scores [count]: how well each label fits, as shares of one. */
static octavo_status classify(octavo_engine *engine, const char *image, char *const *labels,
                              int32_t count, float *scores, octavo_error *error) {
    const octavo_engine_info *info = octavo_engine_describe(engine);
    octavo_session_options options = {.struct_size = sizeof options, .batch_max = count};
    octavo_model *model = NULL;
    octavo_session *session = NULL;
    int64_t size = info->image_size, length = info->tokens_max;
    uint8_t *pixels = malloc((size_t)(size * size * 3));
    int32_t *ids = malloc((size_t)count * (size_t)length * sizeof *ids);
    octavo_argument inputs[] = {
        {.name = "pixels",
         .tensor = {.dtype = OCTAVO_U8, .rank = 4, .shape = {1, size, size, 3}, .data = pixels}},
        {.name = "input_ids",
         .tensor = {.dtype = OCTAVO_I32, .rank = 2, .shape = {count, length}, .data = ids}}};
    octavo_argument output = {
        .name = "logits_per_image",
        .tensor = {.dtype = OCTAVO_F32, .rank = 2, .shape = {1, count}, .data = scores}};
    octavo_status status = pixels && ids ? OCTAVO_OK : OCTAVO_EXHAUSTED;
    if (status == OCTAVO_OK) {
        status = octavo_preprocess_file(engine, image, pixels, error);
    }
    if (status == OCTAVO_OK) {
        status = tokenize(engine, labels, count, ids, error);
    }
    if (status == OCTAVO_OK) {
        status = octavo_model_load(engine, NULL, &model, error);
    }
    if (status == OCTAVO_OK) {
        status = octavo_session_create(model, &options, &session, error);
    }
    if (status == OCTAVO_OK) {
        status = octavo_session_run(session, inputs, 2, &output, 1, NULL, error);
    }
    if (status == OCTAVO_OK) {
        softmax(scores, count);
    }
    octavo_session_free(session);
    octavo_model_free(model);
    free(ids);
    free(pixels);
    return status;
}

int main(int argc, char **argv) {
    octavo_error error = {.message = ""};
    octavo_engine *engine = NULL;
    int32_t count = argc - 4;
    if (count < 1) {
        fprintf(stderr, "usage: build_and_classify CHECKPOINT ENGINE IMAGE LABEL...\n");
        return 64;
    }
    float *scores = calloc((size_t)count, sizeof *scores);
    octavo_status status =
        scores ? octavo_build(argv[1], argv[2], NULL, NULL, &error) : OCTAVO_EXHAUSTED;
    if (status == OCTAVO_OK) {
        status = octavo_engine_open(argv[2], &engine, &error);
    }
    if (status == OCTAVO_OK) {
        status = classify(engine, argv[3], argv + 4, count, scores, &error);
    }
    for (int32_t i = 0; i < count && status == OCTAVO_OK; i++) {
        printf("%6.1f %%  %s\n", 100 * (double)scores[i], argv[4 + i]);
    }
    if (status != OCTAVO_OK) {
        fprintf(stderr, "build_and_classify: %s: %s\n", octavo_status_name(status), error.message);
    }
    octavo_engine_free(engine);
    free(scores);
    return status == OCTAVO_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
