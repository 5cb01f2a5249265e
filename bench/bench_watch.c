/* bench_watch.c - what watching costs: runs of images that are watched and runs that are not, in
 * turns, in one session, with embeddings asked for in both.
 *
 * usage: bench_watch CALIBRATED.octavo BATCH TURNS [THREADS]       one thread
 * A line of JSON: median processor time (of all threads) of a run of each, the median of the turns'
 * ratios and its quartiles; and what looking at a row takes by itself.  A turn is four runs, one of
 * which counts codes when they are watched.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "api/tool.h"

enum { TURNS_MAX = 10000, RUNS = 4 };

static double cpu_now(void) {
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return 1e3 * (double)time.tv_sec + 1e-6 * (double)time.tv_nsec;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double share(double *values, int count, double at) {
    qsort(values, (size_t)count, sizeof *values, by_value);
    return values[(int)(at * (count - 1))];
}

int main(int argc, char **argv) {
    static double times[2][TURNS_MAX], ratios[TURNS_MAX];
    octavo_error error = {.message = ""};
    octavo_engine *engine = NULL;
    octavo_model *model = NULL;
    octavo_session *sessions[2] = {NULL, NULL}; /* the second is watched */
    octavo_tool_watch *watch = NULL;
    int32_t batch = argc > 2 ? atoi(argv[2]) : 0, threads = argc > 4 ? atoi(argv[4]) : 1;
    int turns = argc > 3 ? atoi(argv[3]) : 0;
    if (batch < 1 || turns < 1 || turns > TURNS_MAX) {
        fprintf(stderr, "usage: bench_watch CALIBRATED.octavo BATCH TURNS(1..%d) [THREADS]\n",
                TURNS_MAX);
        return 64;
    }
    octavo_model_options load = {
        .struct_size = sizeof load, .towers = OCTAVO_IMAGE, .threads = threads};
    octavo_session_options make = {
        .struct_size = sizeof make, .batch_max = batch, .threads = threads};
    octavo_status status = octavo_engine_open(argv[1], &engine, &error);
    status = status != OCTAVO_OK ? status : octavo_model_load(engine, &load, &model, &error);
    for (int i = 0; i < 2 && status == OCTAVO_OK; i++) {
        status = octavo_session_create(model, &make, &sessions[i], &error);
    }
    status = status != OCTAVO_OK ? status : octavo_tool_watch_create(engine, NULL, &watch, &error);
    status = status != OCTAVO_OK ? status : octavo_tool_watch_session(sessions[1], &error);
    if (status != OCTAVO_OK) {
        fprintf(stderr, "bench_watch: %s\n", error.message);
        return 1;
    }
    int64_t side = octavo_engine_describe(engine)->image_size;
    int64_t width = octavo_engine_describe(engine)->embed_dim;
    uint8_t *pixels = malloc((size_t)batch * (size_t)(side * side * 3));
    float *rows = malloc((size_t)batch * (size_t)width * sizeof *rows);
    if (pixels == NULL || rows == NULL) {
        return 1;
    }
    for (int64_t i = 0; i < batch * side * side * 3; i++) {
        pixels[i] = (uint8_t)(i * 2654435761u >> 11);
    }
    octavo_argument in = {
        .name = "pixels",
        .tensor = {OCTAVO_U8, 4, {batch, side, side, 3}, {.data = pixels}, .flags = 0}};
    octavo_argument out = {.name = "image_embeds_raw",
                           .tensor = {OCTAVO_F32, 2, {batch, width}, {.data = rows}, .flags = 0}};
    for (int turn = -1; turn < turns && status == OCTAVO_OK; turn++) { /* the first warms up */
        int to = turn < 0 ? 0 : turn;
        for (int i = 0; i < 2 && status == OCTAVO_OK; i++) {
            int on = (turn & 1) == 0 ? i : 1 - i;
            double start = cpu_now();
            for (int run = 0; run < RUNS && status == OCTAVO_OK; run++) {
                status = octavo_session_run(sessions[on], &in, 1, &out, 1, NULL, &error);
                if (on != 0) {
                    octavo_tool_watch_run(watch, sessions[on], &in, 1, &out, 1, NULL);
                }
            }
            times[on][to] = (cpu_now() - start) / RUNS;
        }
        ratios[to] = times[1][to] / times[0][to];
    }
    double start = cpu_now();
    for (int turn = 0; turn < turns && status == OCTAVO_OK; turn++) {
        octavo_tool_watch_run(watch, sessions[0], &in, 1, &out, 1, NULL);
    }
    double row_us = 1e3 * (cpu_now() - start) / turns / batch;
    if (status != OCTAVO_OK) {
        fprintf(stderr, "bench_watch: %s\n", error.message);
        return 1;
    }
    double median = share(ratios, turns, 0.5);
    printf("{\"batch\":%d,\"turns\":%d,\"ms\":%.3f,\"ms_watched\":%.3f,\"ratio\":%.4f,"
           "\"quartiles\":[%.4f,%.4f],\"row_us\":%.2f}\n",
           batch, turns, share(times[0], turns, 0.5), share(times[1], turns, 0.5), median,
           share(ratios, turns, 0.25), share(ratios, turns, 0.75), row_us);
    free(pixels);
    free(rows);
    octavo_tool_watch_free(watch);
    octavo_session_free(sessions[0]);
    octavo_session_free(sessions[1]);
    octavo_model_free(model);
    octavo_engine_free(engine);
    return 0;
}
