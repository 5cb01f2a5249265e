/* cmd_serve.c - octavo serve: models behind HTTP. */
#include "cli/line/commands.h"
#include "cli/output/errors.h"

#ifdef OC_SERVE
#include "serve/serve.h"

enum { EXIT_CONFIGURATION = 78 };

octavo_status oc_cli_serve(oc_cli_options *options, int *verdict, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    bool is_configuration;
    const oc_srv_options serve = {
        .repository = options->arguments.items[0],
        .listen = options->listen,
        .config = options->config,
        .api_keys = options->api_keys,
        .tls_cert = options->tls_cert,
        .tls_key = options->tls_key,
        .device = options->device,
        .tier = options->tier,
        .disable = options->disable,
        .threads = options->threads,
        .print_config = options->print_config,
        .json = options->json,
        .quiet = options->quiet,
    };
    status = oc_srv_serve(&serve, &is_configuration, error);
    if (status && is_configuration) {
        oc_cli_report("wrong configuration", "octavo serve", options->json, error);
        *verdict = EXIT_CONFIGURATION;
        status = OCTAVO_OK;
    }
    return status;
}

#else

octavo_status oc_cli_serve(oc_cli_options *options, int *verdict, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    (void)options;
    (void)verdict;
    OC_FAIL(error, OCTAVO_UNAVAILABLE, OCTAVO_NO_OFFSET,
            "this octavo was built without its server, for want of " OC_SERVE_MISSING);
done:
    return status;
}

#endif
