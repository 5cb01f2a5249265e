/* device_tensors.c - on a real card: tensors in its memory against the same in the host's, what a
 * second session adds, and how near a run from host memory comes to the card's own time.
 *
 *   device_tensors ENGINE [CARD [BATCH]]
 *
 * Prints one JSON object; 0: all is as it should be, 1: something is not, 77: there is no card.
 * It uses octavo.h and, for memory of its own, the driver, opened at run time. */
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "octavo.h"

enum { NO_CARD = 77, WARM = 20, RUNS = 40, WAYS = 4, SLACK_MIB = 32 /* graphs, modules */ };

static struct {
    int (*init)(unsigned flags);
    int (*device_get)(int *device, int index);
    int (*retain)(void **context, int device);
    int (*set)(void *context);
    int (*info)(size_t *left, size_t *total);
    int (*create)(uint64_t *address, size_t bytes);
    int (*upload)(uint64_t to, const void *from, size_t bytes);
    int (*download)(void *to, uint64_t from, size_t bytes);
    int (*pin)(void **memory, size_t bytes, unsigned flags);
    int (*stream)(void **stream, unsigned flags);
    int (*upload_later)(uint64_t to, const void *from, size_t bytes, void *stream);
} cu;

static bool open_driver(int card) {
    static const char *const names[] = {
        "cuInit",          "cuDeviceGet",    "cuDevicePrimaryCtxRetain", "cuCtxSetCurrent",
        "cuMemGetInfo_v2", "cuMemAlloc_v2",  "cuMemcpyHtoD_v2",          "cuMemcpyDtoH_v2",
        "cuMemHostAlloc",  "cuStreamCreate", "cuMemcpyHtoDAsync_v2"};
    void *library = dlopen("libcuda.so.1", RTLD_NOW), *context = NULL;
    int device = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        void *symbol = library == NULL ? NULL : dlsym(library, names[i]);
        if (symbol == NULL) {
            return false;
        }
        memcpy((char *)&cu + i * sizeof symbol, &symbol, sizeof symbol);
    }
    return cu.init(0) == 0 && cu.device_get(&device, card) == 0 &&
           cu.retain(&context, device) == 0 && cu.set(context) == 0;
}

static void must(int32_t result, const octavo_error *error, const char *what) {
    if (result != 0) {
        fprintf(stderr, "device_tensors: %s: %s\n", what,
                error == NULL ? "the driver fails" : error->message);
        exit(1);
    }
}

static size_t left(void) {
    size_t bytes = 0, total;
    must(cu.info(&bytes, &total), NULL, "cuMemGetInfo");
    return bytes;
}

static octavo_argument argument(const char *name, octavo_dtype dtype, int rank, const int64_t *dims,
                                void *data) {
    octavo_argument out = {.name = name, .tensor = {.dtype = dtype, .rank = rank, .data = data}};
    memcpy(out.tensor.shape, dims, (size_t)rank * sizeof *dims);
    return out;
}

static octavo_argument there(octavo_argument a, int card, uint64_t at) {
    a.tensor.memory = OCTAVO_MEMORY_CUDA;
    a.tensor.device = card;
    a.tensor.data = (void *)(uintptr_t)at;
    return a;
}

static void run(octavo_session *session, octavo_argument in, octavo_argument out, void *stream) {
    octavo_error error;
    octavo_run_options options = {.struct_size = sizeof options, .stream = stream};
    must((int32_t)octavo_session_run(session, &in, 1, &out, 1, &options, &error), &error, in.name);
}

static int by_value(const void *a, const void *b) {
    double one = *(const double *)a, right = *(const double *)b;
    return (one > right) - (one < right);
}

typedef struct kind_of_run {
    octavo_argument in, out;
    double ms; /* median of its runs */
} kind_of_run;

/* In turns: a card that has been busy for a while is slower than one that has not. */
static void time_ways(octavo_session *session, kind_of_run *ways, int count) {
    double ms[WAYS][RUNS];
    for (int i = 0; i < WARM + RUNS; i++) {
        for (int w = 0; w < count; w++) {
            struct timespec begin, end;
            clock_gettime(CLOCK_MONOTONIC, &begin);
            run(session, ways[w].in, ways[w].out, NULL);
            clock_gettime(CLOCK_MONOTONIC, &end);
            ms[w][i < WARM ? 0 : i - WARM] = 1e3 * (double)(end.tv_sec - begin.tv_sec) +
                                             1e-6 * (double)(end.tv_nsec - begin.tv_nsec);
        }
    }
    for (int w = 0; w < count; w++) {
        qsort(ms[w], RUNS, sizeof *ms[w], by_value);
        ways[w].ms = ms[w][RUNS / 2];
    }
}

int main(int count, char **words) {
    int card = count > 2 ? atoi(words[2]) : 0, batch = count > 3 ? atoi(words[3]) : 8;
    octavo_error error;
    octavo_engine *engine = NULL;
    octavo_model *model = NULL;
    octavo_session *first = NULL, *second = NULL;
    char device[32];
    if (count < 2 || batch < 1) {
        fprintf(stderr, "device_tensors ENGINE [CARD [BATCH]]\n");
        return 1;
    }
    if (!open_driver(card)) {
        fprintf(stderr, "device_tensors: there is no card %d\n", card);
        return NO_CARD;
    }
    snprintf(device, sizeof device, "cuda:%d", card);
    octavo_model_options load = {
        .struct_size = sizeof load, .device = device, .towers = OCTAVO_IMAGE};
    octavo_session_options options = {.struct_size = sizeof options, .batch_max = batch};
    must((int32_t)octavo_engine_open(words[1], &engine, &error), &error, "open");
    size_t before = left();
    must((int32_t)octavo_model_load(engine, &load, &model, &error), &error, "load");
    size_t loaded = left();
    must((int32_t)octavo_session_create(model, &options, &first, &error), &error, "session");
    size_t one = left();
    must((int32_t)octavo_session_create(model, &options, &second, &error), &error, "session");
    size_t two = left();

    const octavo_engine_info *info = octavo_engine_describe(engine);
    size_t side = (size_t)info->image_size, values = (size_t)batch * side * side * 3;
    size_t row = (size_t)info->embed_dim, out_bytes = (size_t)batch * row * sizeof(float);
    int64_t bytes_dims[] = {batch, (int64_t)side, (int64_t)side, 3};
    int64_t values_dims[] = {batch, 3, (int64_t)side, (int64_t)side};
    int64_t out_dims[] = {batch, (int64_t)row};
    uint8_t *pixels = malloc(values);
    float *floats = malloc(values * sizeof *floats);
    float *want = malloc(out_bytes), *got = malloc(out_bytes);
    void *pinned = NULL, *stream = NULL;
    uint64_t card_pixels, card_floats, card_out;
    if (pixels == NULL || floats == NULL || want == NULL || got == NULL) {
        return 1;
    }
    for (size_t i = 0; i < values; i++) {
        pixels[i] = (uint8_t)((i * 2654435761u) >> 13);
        floats[i] = (float)pixels[i] / 64.0f - 2.0f;
    }
    must(cu.create(&card_pixels, values), NULL, "cuMemAlloc");
    must(cu.create(&card_floats, values * sizeof *floats), NULL, "cuMemAlloc");
    must(cu.create(&card_out, out_bytes), NULL, "cuMemAlloc");
    must(cu.pin(&pinned, values, 0), NULL, "cuMemHostAlloc");
    must(cu.stream(&stream, 1), NULL, "cuStreamCreate");
    memcpy(pinned, pixels, values);

    octavo_argument in[] = {argument("pixels", OCTAVO_U8, 4, bytes_dims, pixels),
                            argument("pixel_values", OCTAVO_F32, 4, values_dims, floats)};
    octavo_argument out = argument("image_embeds", OCTAVO_F32, 2, out_dims, got);
    int wrong = 0;
    for (int which = 0; which < 2; which++) {
        uint64_t at = which == 0 ? card_pixels : card_floats;
        size_t bytes = which == 0 ? values : values * sizeof *floats;
        octavo_argument to = out;
        to.tensor.data = want;
        run(first, in[which], to, NULL); /* all of it the host's */
        for (int way = 1; way < 4; way++) {
            octavo_argument from = (way & 1) != 0 ? there(in[which], card, at) : in[which];
            to = (way & 2) != 0 ? there(out, card, card_out) : out;
            memset(got, 0, out_bytes);
            /* The input arrives on a stream that the run waits for. */
            must(cu.upload_later(at, in[which].tensor.const_data, bytes, stream), NULL, "upload");
            run((way & 1) != 0 ? first : second, from, to, stream);
            if ((way & 2) != 0) {
                must(cu.download(got, card_out, out_bytes), NULL, "cuMemcpyDtoH");
            }
            wrong += memcmp(want, got, out_bytes) != 0;
        }
    }
    octavo_argument from_pinned = in[0];
    from_pinned.tensor.data = pinned;
    octavo_argument to = out;
    to.tensor.data = want;
    run(first, in[0], to, NULL);
    memset(got, 0, out_bytes);
    run(second, from_pinned, out, NULL);
    wrong += memcmp(want, got, out_bytes) != 0;

    octavo_argument bad = there(in[0], card, (uint64_t)(uintptr_t)pixels);
    bool refused =
        octavo_session_run(first, &bad, 1, &out, 1, NULL, &error) == OCTAVO_INVALID_ARGUMENT;
    kind_of_run ways[WAYS] = {{there(in[0], card, card_pixels), there(out, card, card_out), 0},
                              {from_pinned, out, 0},
                              {in[0], out, 0},
                              {in[1], out, 0}};
    time_ways(first, ways, WAYS);
    double in_place = ways[0].ms, from_pin = ways[1].ms, pageable = ways[2].ms;
    double pageable_floats = ways[3].ms;
    size_t session_bytes = (size_t)octavo_session_describe(first)->bytes;
    size_t added = one > two ? one - two : 0;
    bool grew = added > session_bytes + ((size_t)SLACK_MIB << 20);
    printf("{\"card\":%d,\"batch\":%d,\"different\":%d,\"refused\":%s,\n"
           " \"mib\":{\"model\":%zu,\"first_session\":%zu,\"second_session\":%zu,"
           "\"of_activations\":%zu},\n"
           " \"ms\":{\"in_place\":%.3f,\"pinned\":%.3f,\"pageable\":%.3f,\"pageable_floats\":%.3f},"
           "\n \"share_of_in_place_rate\":{\"pinned\":%.4f,\"pageable\":%.4f,"
           "\"pageable_floats\":%.4f}}\n",
           card, batch, wrong, refused ? "true" : "false", (before - loaded) >> 20,
           (loaded - one) >> 20, added >> 20, session_bytes >> 20, in_place, from_pin, pageable,
           pageable_floats, in_place / from_pin, in_place / pageable, in_place / pageable_floats);
    octavo_session_free(first);
    octavo_session_free(second);
    octavo_model_free(model);
    octavo_engine_free(engine);
    return wrong != 0 || !refused || grew;
}
