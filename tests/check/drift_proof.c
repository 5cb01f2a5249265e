/* drift_proof.c - planted drifts must be told, clean traffic must not: on photographs, by an
 * engine.
 *
 * usage: drift_proof CALIBRATED.octavo CLEAN OTHER [REQUESTS]       100000 clean requests
 * CLEAN: a folder of images such as the engine was calibrated on, none of which calibration saw;
 * OTHER: a folder of another kind.  What a run of each image gives is kept, and requests are drawn
 * from that with replacement: none of REQUESTS clean ones may raise an alarm, and each planted
 * drift must raise one within 1,000.  A line for each; exit 1 where one fails.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/tool/watch/passes.h"
#include "base/strmap.h"
#include "base/sys/io.h"
#include "num/rng.h"
#include "watch/watch.h"

enum { WITHIN = 1000 };

/* What a run of one image gives. */
typedef struct sample {
    float scalars[OC_SCALAR_COUNT];
    float *embedding;
    oc_code_count *codes;
} sample;

typedef struct samples {
    sample *items;
    int32_t count;
} samples;

typedef struct proof {
    octavo_engine *engine;
    octavo_session *session;
    oc_arena arena;
    oc_reference reference;
    oc_row_reader reader;
    oc_strmap names;
    const octavo_engine_info *info;
    oc_code_count *codes; /* of the run at hand */
} proof;

static void check(octavo_status status, const octavo_error *error) {
    if (status != OCTAVO_OK) {
        fprintf(stderr, "drift_proof: %s\n", error->message);
        exit(2);
    }
}

static void take(void *user, const char *step, const oc_code_count *count) {
    proof *p = user;
    const int32_t *at = oc_strmap_find(&p->names, oc_slice_of(step));
    if (at != NULL) {
        p->codes[*at] = *count;
    }
}

static void open_proof(const char *path, proof *p) {
    octavo_error error;
    size_t bytes;
    octavo_model *model = NULL;
    octavo_model_options load = {.struct_size = sizeof load, .towers = OCTAVO_IMAGE};
    octavo_session_options make = {.struct_size = sizeof make, .batch_max = 1};
    oc_arena_init(&p->arena);
    oc_strmap_init(&p->names);
    check(octavo_engine_open(path, &p->engine, &error), &error);
    const void *section = oc_engine_section(p->engine->file, OC_SECTION_REFERENCE, &bytes);
    if (section == NULL) {
        fprintf(stderr, "drift_proof: %s has no reference: octavo calibrate adds one\n", path);
        exit(2);
    }
    check(oc_reference_read(section, bytes, 0, &p->arena, &p->reference, &error), &error);
    for (int32_t q = 0; q < p->reference.quantizer_count; q++) {
        check(
            oc_strmap_add(&p->names, oc_slice_of(p->reference.quantizers[q].name), q, NULL, &error),
            &error);
    }
    check(octavo_model_load(p->engine, &load, &model, &error), &error);
    check(octavo_session_create(model, &make, &p->session, &error), &error);
    octavo_model_free(model);
    check(oc_session_profile(p->session->session, OC_REPORT_CODES, &error), &error);
    check(oc_row_reader_create(p->engine, &p->reader, &error), &error);
    p->info = octavo_engine_describe(p->engine);
}

/* -- drifts --------------------------------------------------------------------------------- */

static void blur(uint8_t *pixels, int32_t side, double sigma) {
    int32_t radius = (int32_t)ceil(3 * sigma);
    double *line = malloc((size_t)side * sizeof *line);
    for (int32_t pass = 0; pass < 2; pass++) {
        for (int32_t i = 0; i < side * 3; i++) {
            uint8_t *at = pass == 0 ? pixels + (i / 3) * side * 3 + i % 3 : pixels + i;
            int32_t step = pass == 0 ? 3 : side * 3;
            for (int32_t x = 0; x < side; x++) {
                double sum = 0, weights = 0;
                for (int32_t k = -radius; k <= radius; k++) {
                    int32_t from = x + k < 0 ? 0 : x + k >= side ? side - 1 : x + k;
                    double weight = exp(-k * k / (2 * sigma * sigma));
                    sum += weight * at[from * step];
                    weights += weight;
                }
                line[x] = sum / weights;
            }
            for (int32_t x = 0; x < side; x++) {
                at[x * step] = (uint8_t)lrint(line[x]);
            }
        }
    }
    free(line);
}

typedef enum drift {
    CLEAN,
    BLUR_1,
    BLUR_2,
    INVERTED,
    DARK,
    BGR,
    SWAPPED,      /* mean and std have changed places */
    HALVES,       /* mean 0.5, std 0.5, as other models have */
    UNNORMALISED, /* 0 to 1 */
    DRIFTS
} drift;

static const char *const drift_names[DRIFTS] = {"clean",
                                                "Gaussian blur, sigma 1 pixel",
                                                "Gaussian blur, sigma 2 pixels",
                                                "colours inverted",
                                                "brightness 0.3x",
                                                "red and blue swapped",
                                                "mean and std swapped",
                                                "mean and std 0.5",
                                                "not normalised"};

/* pixels [side, side, 3] -> values [3, side, side] where normalisation drifts; false: it does not
 */
static bool plant(const proof *p, drift which, uint8_t *pixels, float *values) {
    int32_t side = p->info->image_size, area = side * side;
    oc_image_processor processor = p->engine->processor;
    for (int32_t i = 0; i < area * 3; i++) {
        pixels[i] = which == INVERTED ? (uint8_t)(255 - pixels[i])
                    : which == DARK   ? (uint8_t)lrint(0.3 * pixels[i])
                                      : pixels[i];
    }
    for (int32_t i = 0; which == BGR && i < area; i++) {
        uint8_t red = pixels[3 * i];
        pixels[3 * i] = pixels[3 * i + 2];
        pixels[3 * i + 2] = red;
    }
    if (which == BLUR_1 || which == BLUR_2) {
        blur(pixels, side, which == BLUR_1 ? 1 : 2);
    }
    for (int c = 0; c < 3; c++) {
        double mean = processor.mean[c];
        processor.mean[c] = which == SWAPPED ? processor.std[c] : which == HALVES ? 0.5 : mean;
        processor.std[c] = which == SWAPPED ? mean : which == HALVES ? 0.5 : processor.std[c];
    }
    processor.do_normalize = processor.do_normalize && which != UNNORMALISED;
    oc_image_normalize(&processor, pixels, values);
    return which >= SWAPPED;
}

/* -- runs ----------------------------------------------------------------------------------- */

static void run(proof *p, const char *path, drift which, sample *out) {
    octavo_error error;
    int32_t side = p->info->image_size, dim = p->info->embed_dim, sizes[2] = {0, 0};
    size_t quantizers = (size_t)p->reference.quantizer_count + 1, bytes = 0;
    uint8_t *pixels = malloc((size_t)side * (size_t)side * 3);
    float *values = malloc((size_t)side * (size_t)side * 3 * sizeof *values);
    char *file = NULL;
    out->embedding = malloc((size_t)dim * sizeof(float));
    out->codes = calloc(quantizers, sizeof *out->codes);
    check(octavo_preprocess_file(p->engine, path, pixels, &error), &error);
    check(oc_file_load(path, 1 << 26, &file, &bytes, &error), &error);
    check(octavo_tool_image_size(file, bytes, &sizes[0], &sizes[1], &error), &error);
    bool is_values = plant(p, which, pixels, values);
    octavo_argument in = {
        .name = "pixels",
        .tensor = {.dtype = OCTAVO_U8, .rank = 4, .shape = {1, side, side, 3}, .data = pixels}};
    octavo_argument in_values = {
        .name = "pixel_values",
        .tensor = {.dtype = OCTAVO_F32, .rank = 4, .shape = {1, 3, side, side}, .data = values}};
    octavo_argument output = {
        .name = "image_embeds_raw",
        .tensor = {.dtype = OCTAVO_F32, .rank = 2, .shape = {1, dim}, .data = out->embedding}};
    const octavo_argument *input = is_values ? &in_values : &in;
    check(octavo_session_run(p->session, input, 1, &output, 1, NULL, &error), &error);
    oc_row_reader_read(&p->reader, input, sizes, out->scalars);
    p->codes = out->codes;
    oc_take_codes(p->session->session, oc_tower_of_form(OC_FORM_BYTES), take, p);
    free(file);
    free(pixels);
    free(values);
}

static samples run_folder(proof *p, const char *folder, drift which) {
    octavo_error error;
    octavo_tool_list list;
    int32_t others;
    check(octavo_tool_find_images(folder, &list, &others, &error), &error);
    samples out = {calloc((size_t)list.count, sizeof *out.items), list.count};
    for (int32_t i = 0; i < list.count; i++) {
        run(p, list.items[i], which, &out.items[i]);
    }
    octavo_tool_list_free(&list);
    return out;
}

static void free_samples(samples *of) {
    for (int32_t i = 0; i < of->count; i++) {
        free(of->items[i].embedding);
        free(of->items[i].codes);
    }
    free(of->items);
}

/* -- requests ------------------------------------------------------------------------------- */

static void draw(proof *p, oc_watch *watch, const samples *from, oc_rng *rng) {
    const sample *s = &from->items[oc_rng_below(rng, (uint64_t)from->count)];
    oc_watch_add(watch, &(oc_watch_batch){.tower = oc_reference_tower(&p->reference, "image"),
                                          .rows = 1,
                                          .embeddings = s->embedding,
                                          .is_raw = true,
                                          .scalars = s->scalars,
                                          .codes = s->codes,
                                          .code_rows = 1});
}

/* The statistics in that state or above: distance and what of it is sure. */
static void tell(proof *p, oc_watch *watch, oc_watch_state least) {
    int32_t tower = oc_reference_tower(&p->reference, "image");
    for (int32_t i = 0; i < OC_STATISTIC_COUNT; i++) {
        oc_watch_value value = oc_watch_value_of(watch, tower, (oc_statistic)i);
        if (value.state >= least) {
            printf(" %s %.2g/%.2g", oc_statistic_name((oc_statistic)i), value.now.distance,
                   value.now.sure);
        }
    }
}

static bool prove_clean(proof *p, const samples *clean, int32_t requests) {
    oc_watch *watch = NULL;
    octavo_error error;
    oc_rng rng;
    int32_t warnings = 0, alarms = 0;
    double worst[OC_STATISTIC_COUNT] = {0}, distance[OC_STATISTIC_COUNT] = {0};
    check(oc_watch_create(&p->reference, NULL, &watch, &error), &error);
    oc_rng_init(&rng, 5, 0);
    for (int32_t i = 0; i < requests; i++) {
        draw(p, watch, clean, &rng);
        alarms += oc_watch_state_of(watch) == OC_WATCH_ALARM;
        warnings += oc_watch_state_of(watch) == OC_WATCH_WARNING;
        for (int32_t s = 0; i % 125 == 124 && s < OC_STATISTIC_COUNT; s++) {
            oc_watch_value value = oc_watch_value_of(
                watch, oc_reference_tower(&p->reference, "image"), (oc_statistic)s);
            worst[s] = fmax(worst[s], value.now.sure);
            distance[s] = fmax(distance[s], value.now.distance);
        }
    }
    printf("clean: %d requests, %d under an alarm, %d under a warning; the most of each, "
           "distance/sure:",
           requests, alarms, warnings);
    for (int32_t s = 0; s < OC_STATISTIC_COUNT; s++) {
        printf(" %s %.2g/%.2g", oc_statistic_name((oc_statistic)s), distance[s], worst[s]);
    }
    printf("\n");
    oc_watch_free(watch);
    return alarms == 0;
}

/* Behind a window of clean requests; true: the alarm came in time. */
static bool prove_drift(proof *p, const samples *clean, const samples *drifted, const char *name) {
    oc_watch *watch = NULL;
    octavo_error error;
    oc_rng rng;
    int32_t requests = 0;
    check(oc_watch_create(&p->reference, NULL, &watch, &error), &error);
    oc_rng_init(&rng, 7, 0);
    for (int32_t i = 0; i < 1000; i++) {
        draw(p, watch, clean, &rng);
    }
    while (requests < WITHIN && oc_watch_state_of(watch) != OC_WATCH_ALARM) {
        draw(p, watch, drifted, &rng);
        requests++;
    }
    bool told = oc_watch_state_of(watch) == OC_WATCH_ALARM;
    printf("%s: %s after %d requests, distance/sure:", name, told ? "alarm" : "NO ALARM", requests);
    tell(p, watch, told ? OC_WATCH_ALARM : OC_WATCH_OK);
    for (; requests < WITHIN; requests++) {
        draw(p, watch, drifted, &rng);
    }
    printf("; after %d:", WITHIN);
    tell(p, watch, OC_WATCH_ALARM);
    printf("\n");
    oc_watch_free(watch);
    return told;
}

int main(int argc, char **argv) {
    proof p = {0};
    bool good = true;
    if (argc < 4) {
        fprintf(stderr, "usage: drift_proof CALIBRATED.octavo CLEAN OTHER [REQUESTS]\n");
        return 64;
    }
    open_proof(argv[1], &p);
    samples clean = run_folder(&p, argv[2], CLEAN);
    good = prove_clean(&p, &clean, argc > 4 ? atoi(argv[4]) : 100000);
    for (int which = BLUR_1; which <= DRIFTS; which++) {
        bool is_other = which == DRIFTS;
        samples drifted =
            run_folder(&p, is_other ? argv[3] : argv[2], is_other ? CLEAN : (drift)which);
        bool told =
            prove_drift(&p, &clean, &drifted, is_other ? "another domain" : drift_names[which]);
        good = good && told;
        free_samples(&drifted);
        fflush(stdout);
    }
    free_samples(&clean);
    oc_row_reader_free(&p.reader);
    oc_strmap_free(&p.names);
    oc_arena_free(&p.arena);
    octavo_session_free(p.session);
    octavo_engine_free(p.engine);
    return good ? 0 : 1;
}
