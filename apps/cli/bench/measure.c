/* measure.c - see measure.h. */
#include "cli/bench/measure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/tool.h"
#include "base/size.h"
#include "base/sys/clock.h"
#include "cli/output/progress.h"

enum { RUNS_MIN = 3, RUNS_MAX = 1 << 20 };

/* splitmix64 (Steele, Lea, Flood 2014): the same input each time. */
static uint64_t next_random(uint64_t *state) {
    uint64_t mixed = *state += 0x9e3779b97f4a7c15u;
    mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebu;
    return mixed ^ mixed >> 31;
}

/* Ids below the one that ends a text: it is the largest, as old checkpoints ask for. */
static void fill_ids(int32_t *ids, const oc_cli_job *job, int32_t end) {
    uint64_t seed = 1;
    for (int32_t row = 0; row < job->batch; row++, ids += job->tokens) {
        for (int32_t t = 0; t < job->tokens; t++) {
            ids[t] = (int32_t)(next_random(&seed) % (uint64_t)end);
        }
        ids[job->tokens - 1] = end;
    }
}

octavo_status oc_cli_job_make(const oc_cli_model *model, int32_t tower, int32_t batch,
                              int32_t tokens, int32_t end, oc_cli_job *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    size_t side = (size_t)model->info->image_size, bytes = 0;
    bool is_text = tower == OCTAVO_TEXT;
    size_t row = is_text ? (size_t)tokens * sizeof(int32_t) : side * side * 3;
    *out = (oc_cli_job){.tower = tower, .batch = batch, .tokens = is_text ? tokens : 0};
    out->output = calloc((size_t)batch * (size_t)model->info->embed_dim, sizeof(float));
    out->input = oc_mul_size((size_t)batch, row, &bytes) ? malloc(bytes) : NULL;
    if (!out->input || !out->output) {
        OC_NO_MEMORY(error, bytes);
    }
    if (is_text) {
        fill_ids(out->input, out, end);
    } else {
        uint64_t seed = 1;
        for (size_t i = 0; i < bytes; i++) {
            ((uint8_t *)out->input)[i] = (uint8_t)next_random(&seed);
        }
    }
done:
    if (status) {
        oc_cli_job_free(out);
    }
    return status;
}

void oc_cli_job_free(oc_cli_job *job) {
    free(job->input);
    free(job->output);
    *job = (oc_cli_job){.input = NULL};
}

octavo_status oc_cli_job_run(const oc_cli_model *model, const oc_cli_job *job,
                             octavo_error *error) {
    int32_t side = model->info->image_size;
    octavo_tensor ids = {
        .dtype = OCTAVO_I32, .rank = 2, .shape = {job->batch, job->tokens}, .data = job->input};
    octavo_tensor pixels = {
        .dtype = OCTAVO_U8, .rank = 4, .shape = {job->batch, side, side, 3}, .data = job->input};
    octavo_tensor embeds = {.dtype = OCTAVO_F32,
                            .rank = 2,
                            .shape = {job->batch, model->info->embed_dim},
                            .data = job->output};
    bool is_text = job->tower == OCTAVO_TEXT;
    octavo_argument input = {.name = is_text ? "input_ids" : "pixels",
                             .tensor = is_text ? ids : pixels};
    octavo_argument output = {.name = is_text ? "text_embeds" : "image_embeds", .tensor = embeds};
    return octavo_session_run(model->session, &input, 1, &output, 1, NULL, error);
}

static double cpu_seconds(void) {
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (double)used.tv_sec + (double)used.tv_nsec * 1e-9;
}

static int by_value(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

/* Nearest rank. */
static double percentile(const double *sorted, int32_t count, double share) {
    int32_t rank = (int32_t)(share * count + 0.999999);
    return sorted[rank < 1 ? 0 : rank > count ? count - 1 : rank - 1];
}

/* Seconds of each run: wall, and the parts that octavo_tool_times tells. */
enum { WALL, TO_DEVICE, DEVICE, FROM_DEVICE, SERIES };

typedef struct samples {
    double *seconds[SERIES];
    int32_t count, capacity;
} samples;

static octavo_status add(samples *s, double wall, octavo_tool_times times, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const double values[SERIES] = {wall, times.to_device, times.device, times.from_device};
    if (s->count == s->capacity) {
        int32_t capacity = s->capacity ? 2 * s->capacity : 1024;
        for (int32_t i = 0; i < SERIES; i++) {
            double *more = realloc(s->seconds[i], (size_t)capacity * sizeof *more);
            if (!more) {
                OC_NO_MEMORY(error, (size_t)capacity * sizeof *more);
            }
            s->seconds[i] = more;
        }
        s->capacity = capacity;
    }
    for (int32_t i = 0; i < SERIES; i++) {
        s->seconds[i][s->count] = values[i];
    }
    s->count++;
done:
    return status;
}

static oc_cli_part part(const samples *s, int32_t series) {
    return (oc_cli_part){percentile(s->seconds[series], s->count, 0.5),
                         percentile(s->seconds[series], s->count, 0.9)};
}

static void summarise(const samples *s, oc_cli_timing *out) {
    for (int32_t i = 0; i < SERIES; i++) {
        qsort(s->seconds[i], (size_t)s->count, sizeof(double), by_value);
    }
    out->runs = s->count;
    out->to_device = part(s, TO_DEVICE);
    out->device = part(s, DEVICE);
    out->from_device = part(s, FROM_DEVICE);
    out->min_s = s->seconds[WALL][0];
    out->median_s = percentile(s->seconds[WALL], s->count, 0.5);
    out->p90_s = percentile(s->seconds[WALL], s->count, 0.9);
    out->p99_s = percentile(s->seconds[WALL], s->count, 0.99);
    out->spread = (out->p90_s - out->median_s) / out->median_s;
}

octavo_status oc_cli_time(const oc_cli_options *options, const oc_cli_model *model,
                          const oc_cli_job *job, oc_cli_timing *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_cli_load load;
    samples s = {.count = 0};
    oc_cli_watch *watch = calloc(1, sizeof *watch);
    double peak[2];
    uint64_t start = oc_clock_ns(), warm = (uint64_t)(options->warmup * 1e9);
    *out = (oc_cli_timing){.runs = 0};
    if (!watch) {
        OC_NO_MEMORY(error, sizeof *watch);
    }
    (void)octavo_tool_run_times(model->session); /* from now on they are taken */
    do {
        OC_TRY(oc_cli_job_run(model, job, error));
    } while (oc_clock_ns() - start < warm);
    peak[0] = octavo_tool_peak_gflops(model->session);
    oc_cli_watch_begin(watch, model->session);
    uint64_t now = oc_clock_ns(), wanted = (uint64_t)(options->duration * 1e9);
    double cpu = cpu_seconds();
    oc_cli_load_read(&load);
    for (start = now; s.count < RUNS_MIN || (now - start < wanted && s.count < RUNS_MAX);) {
        uint64_t before = oc_clock_ns();
        OC_TRY(oc_cli_job_run(model, job, error));
        now = oc_clock_ns();
        OC_TRY(
            add(&s, (double)(now - before) * 1e-9, octavo_tool_run_times(model->session), error));
        oc_cli_progress_step(options->progress, "measuring", now - start, wanted);
    }
    out->cpu_s = (cpu_seconds() - cpu) / s.count;
    out->busy = oc_cli_busy_since(&load, model->threads);
    oc_cli_watch_end(watch, &out->card);
    peak[1] = octavo_tool_peak_gflops(model->session);
    summarise(&s, out);
    out->flop = octavo_tool_flop(model->session, job->tower, job->batch, job->tokens);
    out->peak = octavo_tool_peak_name(model->session);
    out->peak_flops = 1e9 * (peak[0] > peak[1] ? peak[0] : peak[1]);
done:
    if (watch) {
        oc_cli_watch_end(watch, &out->card);
    }
    for (int32_t i = 0; i < SERIES; i++) {
        free(s.seconds[i]);
    }
    free(watch);
    return status;
}

double oc_cli_resident_mb(void) {
    double kib = 0;
    char line[256];
    FILE *file = fopen("/proc/self/status", "re");
    while (file && fgets(line, sizeof line, file)) {
        if (sscanf(line, "VmRSS: %lf", &kib) == 1) {
            break;
        }
    }
    if (file) {
        fclose(file);
    }
    return kib / 1024;
}
