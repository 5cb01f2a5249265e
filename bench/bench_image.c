/* bench_image.c - image files to the pixels of a tower, one core.
 *
 * usage: bench_image EDGE FILE...
 * Reads the files, then for each line on standard input processes all of them (shortest edge EDGE,
 * bicubic, centre crop) and prints the nanoseconds that took, by the clock and of the processor.
 * image_vs_pillow.py drives it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "vision/processor.h"

typedef struct file {
    void *data;
    size_t size;
} file;

static int read_file(const char *path, file *out) {
    FILE *stream = fopen(path, "rb");
    if (!stream) {
        return 1;
    }
    int failed = fseek(stream, 0, SEEK_END);
    long size = ftell(stream);
    out->size = size > 0 ? (size_t)size : 0;
    out->data = malloc(out->size + 1);
    rewind(stream);
    failed |= !out->data || fread(out->data, 1, out->size, stream) != out->size;
    failed |= fclose(stream);
    return failed;
}

static long long now(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

int main(int argc, char **argv) {
    if (argc < 3) {
        fprintf(stderr, "usage: bench_image EDGE FILE...\n");
        return 1;
    }
    oc_image_processor processor = oc_image_processor_clip;
    processor.shortest_edge = atoi(argv[1]);
    processor.crop_height = processor.crop_width = processor.shortest_edge;
    int count = argc - 2;
    file *files = calloc((size_t)count, sizeof *files);
    uint8_t *pixels = NULL;
    octavo_error error = {0};
    int failed = !files || oc_image_processor_check(&processor, &error) != OCTAVO_OK;
    for (int i = 0; !failed && i < count; i++) {
        failed = read_file(argv[2 + i], &files[i]);
    }
    if (!failed) {
        pixels = malloc((size_t)processor.crop_height * (size_t)processor.crop_width * 3);
        failed = !pixels;
    }
    char line[16];
    while (!failed && fgets(line, sizeof line, stdin)) {
        long long begin = now(CLOCK_MONOTONIC);
        long long begin_cpu = now(CLOCK_PROCESS_CPUTIME_ID);
        for (int i = 0; i < count && !failed; i++) {
            failed = oc_image_process(&processor, files[i].data, files[i].size, pixels, &error) !=
                     OCTAVO_OK;
        }
        printf("%lld %lld\n", now(CLOCK_MONOTONIC) - begin,
               now(CLOCK_PROCESS_CPUTIME_ID) - begin_cpu);
        failed |= fflush(stdout);
    }
    if (failed) {
        fprintf(stderr, "bench_image: %s\n", error.message[0] ? error.message : "cannot read");
    }
    for (int i = 0; files && i < count; i++) {
        free(files[i].data);
    }
    free(files);
    free(pixels);
    return failed;
}
