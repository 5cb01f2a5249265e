/* card.h - what a GPU does while something is measured on it: clocks, power, temperature. */
#ifndef OC_CLI_CARD_H
#define OC_CLI_CARD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "octavo.h"

typedef struct oc_cli_gauge {
    double median, max; /* of the samples; below 0: not told */
} oc_cli_gauge;

typedef struct oc_cli_card {
    int32_t samples; /* 0: none, and why.message says why */
    oc_cli_gauge sm_mhz, memory_mhz, watts, celsius;
    uint32_t throttled; /* reasons seen, as octavo_tool_card_state.throttled */
    octavo_error why;
} oc_cli_card;

/* A thread that looks at the session's card every 50 ms.  Its fields are its own. */
enum { OC_CLI_CARD_SAMPLES = 1024, OC_CLI_CARD_GAUGES = 4 };
typedef struct oc_cli_watch {
    const octavo_session *session; /* NULL: nothing to look at */
    pthread_t thread;
    atomic_bool over;
    double samples[OC_CLI_CARD_GAUGES][OC_CLI_CARD_SAMPLES];
    oc_cli_card card;
} oc_cli_watch;

/* Looks at nothing where there is no NVML, or the device is no GPU. */
void oc_cli_watch_begin(oc_cli_watch *watch, const octavo_session *session);
void oc_cli_watch_end(oc_cli_watch *watch, oc_cli_card *out); /* a zeroed one is accepted */

/* "power cap, too hot, by software", or "" */
const char *oc_cli_card_reasons(uint32_t throttled, char *text, size_t bytes);

#endif
