/* embed_image.c - an image file to its embedding.
 *
 *     cc embed_image.c $(pkg-config --cflags --libs octavo) -lm -o embed_image
 *     ./embed_image clip.octavo photo.jpg
 *
 * An embedding is a vector of length one.  The dot product of two says how much alike two images
 * are, or an image and a text.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <octavo.h>

/* Decodes, resizes and crops the file as the model wants it, and runs the image tower.
 * embedding receives embed_dim floats. */
static octavo_status embed(const octavo_engine *engine, octavo_session *session, const char *path,
                           float *embedding, octavo_error *error) {
    const octavo_engine_info *info = octavo_engine_describe(engine);
    int64_t size = info->image_size;
    octavo_status status = OCTAVO_EXHAUSTED;
    uint8_t *pixels = malloc((size_t)(size * size * 3));
    octavo_argument input = {
        .name = "pixels",
        .tensor = {.dtype = OCTAVO_U8, .rank = 4, .shape = {1, size, size, 3}, .data = pixels}};
    octavo_argument output = {
        .name = "image_embeds",
        .tensor = {
            .dtype = OCTAVO_F32, .rank = 2, .shape = {1, info->embed_dim}, .data = embedding}};
    if (pixels) {
        status = octavo_preprocess_file(engine, path, pixels, error);
    }
    if (status == OCTAVO_OK) {
        status = octavo_session_run(session, &input, 1, &output, 1, NULL, error);
    }
    free(pixels);
    return status;
}

static void show(const float *embedding, int32_t count) {
    double squares = 0;
    for (int32_t i = 0; i < count; i++) {
        squares += (double)embedding[i] * (double)embedding[i];
    }
    for (int32_t i = 0; i < count && i < 6; i++) {
        printf("%+.4f ", (double)embedding[i]);
    }
    printf("... %d numbers, length %.4f\n", count, sqrt(squares));
}

int main(int argc, char **argv) {
    octavo_error error = {.message = ""};
    octavo_engine *engine = NULL;
    octavo_model *model = NULL;
    octavo_session *session = NULL;
    float *embedding = NULL;
    octavo_model_options options = {.struct_size = sizeof options, .towers = OCTAVO_IMAGE};
    if (argc != 3) {
        fprintf(stderr, "usage: embed_image ENGINE IMAGE\n");
        return 64;
    }
    /* Opening reads all but the weights.  A model reads these, and checks that this machine
     * computes the right answers before it is handed out.  A session runs it. */
    octavo_status status = octavo_engine_open(argv[1], &engine, &error);
    if (status == OCTAVO_OK) {
        status = octavo_model_load(engine, &options, &model, &error);
    }
    if (status == OCTAVO_OK) {
        status = octavo_session_create(model, NULL, &session, &error);
    }
    if (status == OCTAVO_OK) {
        const octavo_engine_info *info = octavo_engine_describe(engine);
        embedding = malloc((size_t)info->embed_dim * sizeof *embedding);
        status = embedding ? embed(engine, session, argv[2], embedding, &error) : OCTAVO_EXHAUSTED;
    }
    if (status == OCTAVO_OK) {
        show(embedding, octavo_engine_describe(engine)->embed_dim);
    } else {
        fprintf(stderr, "embed_image: %s: %s\n", octavo_status_name(status), error.message);
    }
    free(embedding);
    octavo_session_free(session);
    octavo_model_free(model);
    octavo_engine_free(engine);
    return status == OCTAVO_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
