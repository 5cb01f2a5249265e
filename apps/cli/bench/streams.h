/* streams.h - how much several sessions do at once, on one card or on all of them. */
#ifndef OC_CLI_STREAMS_H
#define OC_CLI_STREAMS_H

#include "cli/bench/measure.h"

enum { OC_CLI_CARDS = 16 };

/* Models of one engine, each on a card of its own; weights are once on each. */
typedef struct oc_cli_cards {
    octavo_model *models[OC_CLI_CARDS]; /* the first is borrowed */
    int32_t count;
} oc_cli_cards;

/* On all cards where `all`, else on the one that the model is on. */
octavo_status oc_cli_cards_open(const oc_cli_options *options, const oc_cli_model *model, bool all,
                                int32_t towers, oc_cli_cards *out, octavo_error *error);
void oc_cli_cards_close(oc_cli_cards *cards); /* a zeroed one is accepted */

/* Rows a second of `streams` sessions on each card, each with a thread that runs the job again and
 * again. */
octavo_status oc_cli_rate(const oc_cli_options *options, const oc_cli_model *model,
                          const oc_cli_cards *cards, const oc_cli_job *job, int32_t streams,
                          double *rows_per_s, octavo_error *error);

#endif
