/* busy.h - whether other programs took time from a measurement. */
#ifndef OC_CLI_BUSY_H
#define OC_CLI_BUSY_H

#include <stdbool.h>
#include <stdint.h>

/* What the machine and this process had used at a moment, in seconds; below 0: it is not told. */
typedef struct oc_cli_load {
    double clock;  /* wall */
    double own;    /* CPU time of this process */
    double all;    /* of all cores: of all processes, and what a hypervisor took */
    double waited; /* of this process's threads: ready to run, while others ran */
} oc_cli_load;

typedef struct oc_cli_busy {
    double others_cores; /* that others used, on average; below 0: not told */
    double waited_share; /* of the time of this program's threads; below 0: not told */
    bool spoiled;        /* more than a quiet machine gives */
} oc_cli_busy;

void oc_cli_load_read(oc_cli_load *out);
/* From `from` to now, for a program that wants to run so many threads. */
oc_cli_busy oc_cli_busy_since(const oc_cli_load *from, int32_t threads);

#endif
