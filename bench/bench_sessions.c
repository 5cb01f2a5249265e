/* bench_sessions.c - what a model and each of its sessions cost: time to be ready, memory.
 *
 * usage: bench_sessions ENGINE BATCH SESSIONS
 * Opens the engine, loads the model and runs every session once on full batches, so that its memory
 * has been touched.  A line of JSON for the model and for each session.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <octavo.h>

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* Resident memory of this process, of which what belongs to no file is apart, in MB. */
static void print_memory(void) {
    unsigned long size = 0, resident = 0, of_files = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    double page = 1e-6 * (double)sysconf(_SC_PAGESIZE);
    if (file == NULL || fscanf(file, "%lu %lu %lu", &size, &resident, &of_files) != 3) {
        fprintf(stderr, "/proc/self/statm cannot be read\n");
    }
    if (file != NULL) {
        fclose(file);
    }
    printf(" \"rss_mb\": %.1f, \"anonymous_mb\": %.1f}\n", page * (double)resident,
           page * (double)(resident - of_files));
}

static octavo_status run(octavo_session *session, const octavo_engine_info *info, int32_t batch,
                         octavo_error *error) {
    int64_t side = info->image_size, length = info->tokens_max, width = info->embed_dim;
    uint8_t *pixels = calloc((size_t)batch, (size_t)(side * side * 3) + 1);
    int32_t *ids = malloc(((size_t)batch * (size_t)length + 1) * sizeof *ids);
    float *rows = malloc(2 * (size_t)batch * (size_t)width * sizeof *rows);
    octavo_status status = pixels && ids && rows ? OCTAVO_OK : OCTAVO_EXHAUSTED;
    octavo_argument in[] = {
        {.name = "pixels",
         .tensor = {OCTAVO_U8, 4, {batch, side, side, 3}, {.data = pixels}, .flags = 0}},
        {.name = "input_ids",
         .tensor = {OCTAVO_I32, 2, {batch, length}, {.data = ids}, .flags = 0}}};
    octavo_argument out[] = {
        {.name = "image_embeds",
         .tensor = {OCTAVO_F32, 2, {batch, width}, {.data = rows}, .flags = 0}},
        {.name = "text_embeds",
         .tensor = {OCTAVO_F32, 2, {batch, width}, {.data = rows + batch * width}, .flags = 0}}};
    for (int64_t i = 0; status == OCTAVO_OK && i < batch * length; i++) {
        ids[i] = (int32_t)(1 + i % 97); /* unlike texts, none of which ends early */
    }
    if (status == OCTAVO_OK) {
        int image = (info->towers & OCTAVO_IMAGE) != 0, text = (info->towers & OCTAVO_TEXT) != 0;
        status = octavo_session_run(session, in + !image, image + text, out + !image, image + text,
                                    NULL, error);
    }
    free(pixels);
    free(ids);
    free(rows);
    return status;
}

int main(int argc, char **argv) {
    octavo_error error = {.message = ""};
    octavo_engine *engine = NULL;
    octavo_model *model = NULL;
    octavo_session *sessions[64] = {NULL};
    if (argc != 4 || atoi(argv[2]) < 1 || atoi(argv[3]) < 1 || atoi(argv[3]) > 64) {
        fprintf(stderr, "usage: bench_sessions ENGINE BATCH SESSIONS(1..64)\n");
        return 64;
    }
    octavo_session_options options = {.struct_size = sizeof options, .batch_max = atoi(argv[2])};
    double start = now();
    octavo_status status = octavo_engine_open(argv[1], &engine, &error);
    if (status == OCTAVO_OK) {
        status = octavo_model_load(engine, NULL, &model, &error);
    }
    if (status == OCTAVO_OK) {
        printf("{\"model\": 1, \"ready_s\": %.4f,", now() - start);
        print_memory();
    }
    for (int i = 0; i < atoi(argv[3]) && status == OCTAVO_OK; i++) {
        start = now();
        status = octavo_session_create(model, &options, &sessions[i], &error);
        double ready = now() - start;
        if (status == OCTAVO_OK) {
            status = run(sessions[i], octavo_engine_describe(engine), options.batch_max, &error);
        }
        if (status == OCTAVO_OK) {
            printf("{\"session\": %d, \"ready_s\": %.4f, \"own_mb\": %.1f,", i + 1, ready,
                   1e-6 * (double)octavo_session_describe(sessions[i])->bytes);
            print_memory();
        }
    }
    if (status != OCTAVO_OK) {
        fprintf(stderr, "bench_sessions: %s\n", error.message);
    }
    for (int i = 0; i < 64; i++) {
        octavo_session_free(sessions[i]);
    }
    octavo_model_free(model);
    octavo_engine_free(engine);
    return status == OCTAVO_OK ? 0 : 1;
}
