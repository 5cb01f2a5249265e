/* serve.h - the server, as the program starts it. */
#ifndef OC_SERVE_H
#define OC_SERVE_H

#include <stdbool.h>

#include "base/status.h"

typedef struct oc_srv_options {
    const char *repository;              /* a folder of models, or one engine file */
    const char *listen;                  /* ADDR:PORT; this and those below: NULL where not given */
    const char *config;                  /* a file of settings */
    const char *api_keys;                /* a file of keys */
    const char *tls_cert, *tls_key;      /* files in PEM */
    const char *device, *tier, *disable; /* of models whose model.json says nothing else */
    int32_t threads;
    bool print_config; /* says what is in force, and starts nothing */
    bool json, quiet;  /* of the log */
} oc_srv_options;

/* Serves until SIGTERM or SIGINT, lets what is in work end, and returns OK.  The calling thread
 * must be the process's first, and the signals not blocked.  *is_configuration, on an error: what
 * is wrong stands in a configuration file or in these options; error->path may be
 * "FILE:LINE:COLUMN". IO  the address cannot be listened on errors of reading configuration,
 * opening engines and loading models */
octavo_status oc_srv_serve(const oc_srv_options *options, bool *is_configuration,
                           octavo_error *error);

#endif
