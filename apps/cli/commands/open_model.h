/* open_model.h - an engine made ready as the command line says. */
#ifndef OC_CLI_MODEL_H
#define OC_CLI_MODEL_H

#include "cli/line/options.h"

enum {
    OC_CLI_BATCH = 16, /* rows of one run where no flag tells */
    OC_CLI_CARDS = 16  /* that --device cuda:all takes at most */
};

typedef struct oc_cli_model {
    const char *path;
    octavo_engine *engine;
    octavo_session *session; /* the first of these: one a card with --device cuda:all, else one */
    octavo_session *sessions[OC_CLI_CARDS];
    octavo_model *models[OC_CLI_CARDS]; /* each with the weights on its card */
    int32_t cards;
    const octavo_engine_info *info;
    int32_t batch;   /* rows of one run at most */
    int32_t threads; /* as given, or one for each usable core */
    double load_s;   /* to open and make ready */
} oc_cli_model;

/* Opens the engine that the first argument names. */
octavo_status oc_cli_model_open(const oc_cli_options *options, oc_cli_model *out,
                                octavo_error *error);
/* Makes the sessions.  towers: OCTAVO_IMAGE, OCTAVO_TEXT, both, or 0 for all that there are; those
 * asked for must be there.  flags: of the session. */
octavo_status oc_cli_model_ready(const oc_cli_options *options, int32_t towers, int32_t batch,
                                 int32_t flags, oc_cli_model *model, octavo_error *error);
void oc_cli_model_close(oc_cli_model *model); /* a zeroed one is accepted */

/* OCTAVO_IMAGE or OCTAVO_TEXT of --tower; 0 where it is not given. */
int32_t oc_cli_tower(const oc_cli_options *options);

#endif
