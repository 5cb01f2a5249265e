/* bench_ready.c - time until an engine file is ready: opened, loaded with its canaries, a session.
 *
 * usage: bench_ready ENGINE [TURNS [THREADS]]      11 turns, one thread for each usable core
 * Each turn is a process of its own, so that all memory is new to it.  A line of JSON: median and
 * least of the wall clock and of processor time (of all threads), in milliseconds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <octavo.h>

enum { TURNS_MAX = 1000 };

typedef struct turn {
    double open, load, session, ready, cpu;
} turn;

static double now(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return 1e3 * (double)time.tv_sec + 1e-6 * (double)time.tv_nsec;
}

static octavo_status take_turn(const char *path, int32_t threads, turn *out, octavo_error *error) {
    octavo_engine *engine = NULL;
    octavo_model *model = NULL;
    octavo_session *session = NULL;
    octavo_model_options load = {.struct_size = sizeof load, .threads = threads};
    octavo_session_options make = {.struct_size = sizeof make, .batch_max = 1, .threads = threads};
    double start = now(CLOCK_MONOTONIC), cpu = now(CLOCK_PROCESS_CPUTIME_ID), opened = start,
           loaded = start;
    octavo_status status = octavo_engine_open(path, &engine, error);
    if (status == OCTAVO_OK) {
        opened = now(CLOCK_MONOTONIC);
        status = octavo_model_load(engine, &load, &model, error);
    }
    if (status == OCTAVO_OK) {
        loaded = now(CLOCK_MONOTONIC);
        status = octavo_session_create(model, &make, &session, error);
    }
    double end = now(CLOCK_MONOTONIC);
    *out = (turn){opened - start, loaded - opened, end - loaded, end - start,
                  now(CLOCK_PROCESS_CPUTIME_ID) - cpu};
    octavo_session_free(session);
    octavo_model_free(model);
    octavo_engine_free(engine);
    return status;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print(const char *name, const turn *turns, int count, size_t field) {
    static double values[TURNS_MAX];
    for (int i = 0; i < count; i++) {
        values[i] = ((const double *)&turns[i])[field];
    }
    qsort(values, (size_t)count, sizeof values[0], by_value);
    printf("%s\"%s_ms\": [%.1f, %.1f]", field == 0 ? "{" : ", ", name, values[count / 2],
           values[0]);
}

int main(int argc, char **argv) {
    int count = argc > 2 ? atoi(argv[2]) : 11;
    int32_t threads = argc > 3 ? (int32_t)atoi(argv[3]) : 0;
    if (argc < 2 || count < 1 || count > TURNS_MAX) {
        fprintf(stderr, "usage: bench_ready ENGINE [TURNS(1..%d) [THREADS]]\n", TURNS_MAX);
        return 64;
    }
    turn *turns = mmap(NULL, (size_t)count * sizeof *turns, PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < count && turns != MAP_FAILED; i++) {
        int ended = 1;
        pid_t child = fork();
        if (child == 0) {
            octavo_error error = {.message = ""};
            octavo_status status = take_turn(argv[1], threads, &turns[i], &error);
            if (status != OCTAVO_OK) {
                fprintf(stderr, "bench_ready: %s\n", error.message);
            }
            _exit(status == OCTAVO_OK ? 0 : 1);
        }
        if (child < 0 || waitpid(child, &ended, 0) != child || ended != 0) {
            return 1;
        }
    }
    if (turns == MAP_FAILED) {
        return 1;
    }
    static const char *const names[] = {"open", "load", "session", "ready", "cpu"};
    for (size_t field = 0; field < sizeof names / sizeof names[0]; field++) {
        print(names[field], turns, count, field);
    }
    puts("}");
    return 0;
}
