/* cores.c - how many cores this process may use: its affinity mask and its cgroup's quota. */
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/sys/threads.h"

enum { PATH_BYTES = 4096 };

/* Bits of the affinity mask.  The kernel wants a mask as large as its own: try sizes. */
static int32_t affinity_cores(void) {
    for (int cpus = 1024; cpus <= 1 << 18; cpus *= 4) {
        cpu_set_t *set = CPU_ALLOC((size_t)cpus);
        size_t bytes = CPU_ALLOC_SIZE((size_t)cpus);
        int count = 0;
        if (set && sched_getaffinity(0, bytes, set) == 0) {
            count = CPU_COUNT_S(bytes, set);
        }
        CPU_FREE(set);
        if (count > 0) {
            return count;
        }
    }
    return 1;
}

/* The first line of folder + path + "/" + name, without its end. */
static bool read_line(const char *folder, const char *path, const char *name, char *line,
                      int capacity) {
    char full[PATH_BYTES];
    int length = snprintf(full, sizeof full, "%s%s/%s", folder, path, name);
    FILE *file = length > 0 && length < PATH_BYTES ? fopen(full, "re") : NULL;
    bool good = file && fgets(line, capacity, file);
    if (file) {
        fclose(file);
    }
    return good;
}

/* The smallest whole number of cores that cover the quotas of a cgroup and of those around it. */
static double quota_cores(const char *folder, char *path, bool version_2) {
    double least = OC_LIMIT_THREADS;
    for (;;) {
        char line[128], period_line[128];
        double quota = -1, period = 0;
        if (version_2 && read_line(folder, path, "cpu.max", line, sizeof line)) {
            /* "200000 100000", or "max 100000" */
            if (sscanf(line, "%lf %lf", &quota, &period) != 2) {
                quota = -1;
            }
        } else if (!version_2 && read_line(folder, path, "cpu.cfs_quota_us", line, sizeof line) &&
                   read_line(folder, path, "cpu.cfs_period_us", period_line, sizeof period_line) &&
                   (sscanf(line, "%lf", &quota) != 1 || sscanf(period_line, "%lf", &period) != 1)) {
            quota = -1;
        }
        if (quota > 0 && period > 0 && quota / period < least) {
            least = quota / period;
        }
        char *slash = strrchr(path, '/');
        if (!slash) {
            return least;
        }
        *slash = 0;
    }
}

int32_t oc_usable_cores(void) {
    int32_t cores = affinity_cores();
    double quota = OC_LIMIT_THREADS;
    FILE *groups = fopen("/proc/self/cgroup", "re");
    char line[PATH_BYTES];
    while (groups && fgets(line, sizeof line, groups)) {
        /* "0::/path" (version 2), "4:cpu,cpuacct:/path" (version 1) */
        line[strcspn(line, "\n")] = 0;
        char *controllers = strchr(line, ':');
        char *path = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!path) {
            continue;
        }
        *path++ = 0;
        controllers++;
        char list[PATH_BYTES + 2];
        snprintf(list, sizeof list, ",%s,", controllers);
        double cores_here = OC_LIMIT_THREADS;
        if (!controllers[0]) {
            cores_here = quota_cores("/sys/fs/cgroup", path, true);
        } else if (strstr(list, ",cpu,")) {
            cores_here = quota_cores("/sys/fs/cgroup/cpu", path, false);
        }
        quota = cores_here < quota ? cores_here : quota;
    }
    if (groups) {
        fclose(groups);
    }
    int32_t allowed = (int32_t)quota;
    allowed += quota > (double)allowed; /* part of a core is worth a thread */
    cores = allowed < cores ? allowed : cores;
    return cores < 1 ? 1 : cores < OC_LIMIT_THREADS ? cores : OC_LIMIT_THREADS;
}
