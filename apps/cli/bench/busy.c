/* busy.c - see busy.h.  Linux tells both in /proc: the kernel's clock ticks that each core spent on
 * what, and how long a thread stood in a core's queue. */
#include "cli/bench/busy.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/sys/clock.h"

/* A measurement is taken as undisturbed up to these. */
static const double OTHERS_CORES = 0.15, WAITED_SHARE = 0.02;

/* Seconds that all cores together did something, 0.01 s at a time. */
static double busy_seconds(void) {
    double user, nice, system, idle, wait, hard, soft, stolen, seconds = -1;
    FILE *file = fopen("/proc/stat", "re");
    if (file && fscanf(file, "cpu %lf %lf %lf %lf %lf %lf %lf %lf", &user, &nice, &system, &idle,
                       &wait, &hard, &soft, &stolen) == 8) {
        seconds = (user + nice + system + hard + soft + stolen) / (double)sysconf(_SC_CLK_TCK);
    }
    if (file) {
        fclose(file);
    }
    return seconds;
}

/* Seconds that this process's threads stood in queues. */
static double waited_seconds(void) {
    double sum = 0, waited;
    char path[64];
    DIR *tasks = opendir("/proc/self/task");
    for (const struct dirent *entry; tasks && (entry = readdir(tasks));) {
        if (entry->d_name[0] == '.') {
            continue;
        }
        snprintf(path, sizeof path, "/proc/self/task/%.20s/schedstat", entry->d_name);
        FILE *file = fopen(path, "re");
        if (!file || fscanf(file, "%*f %lf", &waited) != 1) {
            sum = -1;
        } else if (sum >= 0) {
            sum += 1e-9 * waited;
        }
        if (file) {
            fclose(file);
        }
    }
    if (tasks) {
        closedir(tasks);
    }
    return tasks ? sum : -1;
}

void oc_cli_load_read(oc_cli_load *out) {
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    out->clock = 1e-9 * (double)oc_clock_ns();
    out->own = (double)used.tv_sec + 1e-9 * (double)used.tv_nsec;
    out->all = busy_seconds();
    out->waited = waited_seconds();
}

oc_cli_busy oc_cli_busy_since(const oc_cli_load *from, int32_t threads) {
    oc_cli_load now;
    oc_cli_busy busy = {-1, -1, false};
    oc_cli_load_read(&now);
    double wall = now.clock - from->clock, cores = (double)sysconf(_SC_NPROCESSORS_ONLN);
    if (wall <= 0) {
        return busy;
    }
    if (from->all >= 0 && now.all >= 0) {
        /* both readings are a tick coarse */
        double tick = 1 / (double)sysconf(_SC_CLK_TCK);
        double others = (now.all - from->all) - (now.own - from->own);
        busy.others_cores = others > 0 ? others / wall : 0;
        busy.spoiled = (others - 2 * tick) / wall + threads > cores + OTHERS_CORES;
    }
    if (from->waited >= 0 && now.waited >= 0) {
        busy.waited_share = (now.waited - from->waited) / (wall * threads);
        busy.spoiled = busy.spoiled || busy.waited_share > WAITED_SHARE;
    }
    return busy;
}
