/* card.c - see card.h. */
#include "cli/bench/card.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/tool.h"

enum { NAP_NS = 10000000, NAPS = 5 };

static void note(oc_cli_watch *watch, const octavo_tool_card_state *state) {
    int32_t at = watch->card.samples++;
    const double values[OC_CLI_CARD_GAUGES] = {state->sm_mhz, state->memory_mhz, state->watts,
                                               state->celsius};
    for (int32_t i = 0; i < OC_CLI_CARD_GAUGES; i++) {
        watch->samples[i][at] = values[i];
    }
    watch->card.throttled |= state->throttled;
}

/* Every other sample goes, so that the rest still covers the whole time. */
static void thin(oc_cli_watch *watch) {
    watch->card.samples /= 2;
    for (int32_t i = 0; i < OC_CLI_CARD_GAUGES; i++) {
        for (int32_t at = 0; at < watch->card.samples; at++) {
            watch->samples[i][at] = watch->samples[i][2 * at];
        }
    }
}

static void *look(void *user) {
    oc_cli_watch *watch = user;
    octavo_tool_card_state state;
    int64_t naps = NAPS;
    while (octavo_tool_card(watch->session, &state, NULL) == OCTAVO_OK) {
        if (watch->card.samples == OC_CLI_CARD_SAMPLES) {
            thin(watch);
            naps *= 2;
        }
        note(watch, &state);
        for (int64_t i = 0; i < naps; i++) {
            if (atomic_load(&watch->over)) {
                return NULL;
            }
            nanosleep(&(struct timespec){.tv_nsec = NAP_NS}, NULL);
        }
    }
    return NULL;
}

void oc_cli_watch_begin(oc_cli_watch *watch, const octavo_session *session) {
    octavo_tool_card_state state;
    octavo_error *why = &watch->card.why;
    watch->session = NULL;
    watch->card = (oc_cli_card){.samples = 0};
    atomic_init(&watch->over, false);
    if (octavo_tool_card(session, &state, why) != OCTAVO_OK) {
        return;
    }
    watch->session = session;
    if (pthread_create(&watch->thread, NULL, look, watch) != 0) {
        watch->session = NULL;
        snprintf(why->message, sizeof why->message, "a thread is not to be had");
    }
}

static int by_value(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static oc_cli_gauge gauge(double *samples, int32_t count) {
    oc_cli_gauge out = {-1, -1};
    if (count > 0) {
        qsort(samples, (size_t)count, sizeof *samples, by_value);
        out = (oc_cli_gauge){samples[count / 2], samples[count - 1]};
    }
    return out;
}

void oc_cli_watch_end(oc_cli_watch *watch, oc_cli_card *out) {
    if (watch->session) {
        atomic_store(&watch->over, true);
        pthread_join(watch->thread, NULL);
        watch->session = NULL;
    }
    oc_cli_gauge *gauges[OC_CLI_CARD_GAUGES] = {&watch->card.sm_mhz, &watch->card.memory_mhz,
                                                &watch->card.watts, &watch->card.celsius};
    for (int32_t i = 0; i < OC_CLI_CARD_GAUGES; i++) {
        *gauges[i] = gauge(watch->samples[i], watch->card.samples);
    }
    *out = watch->card;
}

const char *oc_cli_card_reasons(uint32_t throttled, char *text, size_t bytes) {
    const char *reason;
    size_t at = 0;
    text[0] = 0;
    for (int32_t i = 0; (reason = octavo_tool_card_reason(i)); i++) {
        if (throttled >> i & 1 && at < bytes) {
            at += (size_t)snprintf(text + at, bytes - at, "%s%s", at ? ", " : "", reason);
        }
    }
    return text;
}
