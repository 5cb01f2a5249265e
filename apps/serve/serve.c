/* serve.c - the server from its first line to its last: configuration, models, threads, signals. */
#include "serve/serve.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json/json_write.h"
#include "base/limits.h"
#include "base/sys/clock.h"
#include "base/sys/io.h"
#include "base/sys/threads.h"
#include "serve/net/listener.h"
#include "serve/net/tls.h"
#include "serve/observe/log.h"

/* The first thread's: its loop takes connections, signals and the steps of ending. */
typedef struct run {
    oc_srv_server server;
    oc_srv_listener listener;
    uv_loop_t loop;
    uv_signal_t signals[3];
    uv_timer_t ending; /* looks how far the drain is */
    uint64_t asked_ns; /* when the first signal to end came; 0: none has */
    bool drained;      /* reactors were told */
    oc_arena arena;    /* of the settings */
    oc_srv_change reload;
    atomic_bool reloading, reload_again;
} run;

bool oc_srv_server_charge(oc_srv_server *server, size_t bytes) {
    size_t most = (size_t)server->settings.memory_mb << 20;
    size_t before = atomic_fetch_add(&server->body_bytes, bytes);
    if (bytes > most || before > most - bytes) {
        atomic_fetch_sub(&server->body_bytes, bytes);
        return false;
    }
    return true;
}

void oc_srv_server_hold(oc_srv_server *server, size_t bytes) {
    atomic_fetch_add(&server->body_bytes, bytes);
}

void oc_srv_server_discharge(oc_srv_server *server, size_t bytes) {
    atomic_fetch_sub(&server->body_bytes, bytes);
}

oc_srv_keys *oc_srv_server_keys(oc_srv_server *server) {
    pthread_mutex_lock(&server->lock);
    oc_srv_keys *keys = server->keys;
    if (keys) {
        oc_srv_keys_hold(keys);
    }
    pthread_mutex_unlock(&server->lock);
    return keys;
}

/* Reads the file of API keys, which then takes the place of what held before. */
static octavo_status read_keys(oc_srv_server *server, bool *is_configuration, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const char *path = server->settings.api_keys;
    oc_srv_keys *keys = NULL;
    char *text = NULL;
    size_t size;
    if (!path[0]) {
        goto done;
    }
    OC_TRY(oc_file_load(path, OC_LIMIT_CONFIG_BYTES, &text, &size, error));
    status = oc_srv_keys_read(path, text, size, &keys, error);
    *is_configuration |= status != OCTAVO_OK;
    OC_TRY(status);
    pthread_mutex_lock(&server->lock);
    oc_srv_keys *old = server->keys;
    server->keys = keys;
    pthread_mutex_unlock(&server->lock);
    oc_srv_keys_release(old);
done:
    free(text);
    return status;
}

SSL_CTX *oc_srv_server_tls(oc_srv_server *server) {
    pthread_mutex_lock(&server->lock);
    SSL_CTX *tls = server->tls;
    if (tls) {
        SSL_CTX_up_ref(tls);
    }
    pthread_mutex_unlock(&server->lock);
    return tls;
}

/* Reads certificate and key, which connections from now on use. */
static octavo_status read_tls(oc_srv_server *server, bool *is_configuration, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_srv_settings *settings = &server->settings;
    SSL_CTX *tls = NULL;
    if (!settings->tls_cert[0] && !settings->tls_key[0] && !settings->tls_client_ca[0]) {
        goto done;
    }
    if (!settings->tls_cert[0] || !settings->tls_key[0]) {
        *is_configuration = true;
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "tls_cert and tls_key go together, and %s is missing",
                settings->tls_cert[0] ? "tls_key" : "tls_cert");
    }
    status = oc_srv_tls_open(settings->tls_cert, settings->tls_key, settings->tls_client_ca, &tls,
                             error);
    *is_configuration |= status == OCTAVO_INVALID_ARGUMENT;
    OC_TRY(status);
    pthread_mutex_lock(&server->lock);
    SSL_CTX *old = server->tls;
    server->tls = tls;
    pthread_mutex_unlock(&server->lock);
    SSL_CTX_free(old);
done:
    return status;
}

/* -- configuration -------------------------------------------------------------------------------
 */

static octavo_status configure(const oc_srv_options *options, run *all, bool *is_configuration,
                               octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_srv_settings *settings = &all->server.settings;
    char *text = NULL;
    size_t size;
    *settings = oc_srv_settings_default();
    if (options->config) {
        OC_TRY(oc_file_load(options->config, OC_LIMIT_CONFIG_BYTES, &text, &size, error));
        status = oc_srv_settings_read(options->config, text, size, &all->arena, settings, error);
        *is_configuration |= status != OCTAVO_OK;
        OC_TRY(status);
    }
    if (options->listen) {
        settings->listen = options->listen;
        settings->listen_from = "--listen";
    }
    if (options->api_keys) {
        settings->api_keys = options->api_keys;
        settings->api_keys_from = "--api-keys";
    }
    if (options->tls_cert) {
        settings->tls_cert = options->tls_cert;
        settings->tls_cert_from = "--tls-cert";
    }
    if (options->tls_key) {
        settings->tls_key = options->tls_key;
        settings->tls_key_from = "--tls-key";
    }
    OC_TRY(read_keys(&all->server, is_configuration, error));
    OC_TRY(read_tls(&all->server, is_configuration, error));
    if (settings->workers == 0) {
        settings->workers = oc_usable_cores();
    }
    oc_srv_model_settings defaults =
        oc_srv_model_defaults(options->device, options->tier, options->threads, options->disable);
    bool is_model = false;
    status = oc_srv_repository_open(options->repository, &defaults, &all->server.repository,
                                    &is_model, error);
    *is_configuration |= is_model;
done:
    free(text);
    return status;
}

static octavo_status print_config(const run *all, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_buffer out;
    oc_json_writer json;
    oc_buffer_init(&out);
    oc_json_write_open(&json, &out, true);
    oc_json_write_object(&json);
    oc_json_write_key(&json, "settings");
    oc_srv_settings_write(&json, &all->server.settings);
    oc_json_write_key(&json, "models");
    oc_srv_repository_settings(all->server.repository, &json);
    oc_json_write_end(&json);
    OC_TRY(oc_json_write_finish(&json, error));
    printf("%s\n", out.data);
done:
    oc_buffer_free(&out);
    return status;
}

/* -- signals -------------------------------------------------------------------------------------
 */

/* What is read at the start and may change; what is wrong now leaves in force what was. */
static void read_again(oc_srv_server *server) {
    octavo_error error;
    bool is_configuration = false;
    oc_error_clear(&error);
    if (read_keys(server, &is_configuration, &error)) {
        oc_srv_log(OC_SRV_ALARM, "change_failed", NULL, "the API keys stay as they were: %s: %s",
                   error.path, error.message);
    }
    oc_error_clear(&error);
    if (read_tls(server, &is_configuration, &error)) {
        oc_srv_log(OC_SRV_ALARM, "change_failed", NULL, "the certificate stays as it was: %s: %s",
                   error.path, error.message);
    }
}

static void reloaded(oc_srv_change *change) {
    run *all = change->user;
    atomic_store(&all->reloading, false);
}

static void begin_reload(run *all) {
    if (atomic_exchange(&all->reloading, true)) {
        atomic_store(&all->reload_again, true); /* looked at by the timer */
        return;
    }
    all->reload = (oc_srv_change){.kind = OC_SRV_RELOAD, .done = reloaded, .user = all};
    oc_srv_log(OC_SRV_NOTICE, "reload", NULL, "SIGHUP: looking at the repository again");
    read_again(&all->server);
    oc_srv_repository_change(all->server.repository, &all->reload);
}

static void on_signal(uv_signal_t *handle, int number) {
    run *all = handle->data;
    if (number == SIGHUP) {
        begin_reload(all);
    } else if (all->asked_ns == 0) {
        oc_srv_log(OC_SRV_NOTICE, "drain", NULL, "SIG%s: ending, not ready any more",
                   sigabbrev_np(number));
        atomic_store(&all->server.draining, true);
        all->asked_ns = oc_clock_ns();
    } else if (number == SIGINT) {
        uv_stop(&all->loop); /* a second Ctrl-C does not wait */
    }
}

/* Every tenth of a second: the drain goes from "not ready" over "no more connections" to the end.
 */
static void on_time(uv_timer_t *timer) {
    run *all = timer->data;
    oc_srv_server *server = &all->server;
    const oc_srv_settings *settings = &server->settings;
    if (!atomic_load(&all->reloading) && atomic_exchange(&all->reload_again, false)) {
        begin_reload(all);
    }
    if (all->asked_ns == 0) {
        return;
    }
    double seconds = (double)(oc_clock_ns() - all->asked_ns) * 1e-9;
    if (!all->drained && seconds >= settings->drain_delay_s) {
        all->drained = true;
        oc_srv_listener_close(&all->listener);
        for (int32_t i = 0; i < settings->reactors; i++) {
            oc_srv_reactor_drain(&server->reactors[i]);
        }
    } else if (all->drained && atomic_load(&server->connections) == 0 &&
               atomic_load(&server->exchanges) == 0) {
        uv_stop(&all->loop);
    } else if (all->drained && seconds >= settings->drain_delay_s + settings->drain_timeout_s) {
        oc_srv_log(OC_SRV_ALARM, "drain_timeout", NULL,
                   "%d requests on %d connections are not done after %g s: ending all the same",
                   atomic_load(&server->exchanges), atomic_load(&server->connections),
                   settings->drain_timeout_s);
        uv_stop(&all->loop);
    }
}

static void start_loop(run *all) {
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
    oc_srv_listener_start(&all->listener, &all->loop);
    for (size_t i = 0; i < OC_COUNT(numbers); i++) {
        uv_signal_init(&all->loop, &all->signals[i]);
        all->signals[i].data = all;
        uv_signal_start(&all->signals[i], on_signal, numbers[i]);
    }
    uv_timer_init(&all->loop, &all->ending);
    all->ending.data = all;
    uv_timer_start(&all->ending, on_time, 100, 100);
}

static void end_loop(run *all) {
    oc_srv_listener_close(&all->listener);
    for (size_t i = 0; i < OC_COUNT(all->signals); i++) {
        uv_close((uv_handle_t *)&all->signals[i], NULL);
    }
    uv_close((uv_handle_t *)&all->ending, NULL);
    uv_run(&all->loop, UV_RUN_DEFAULT);
}

/* -- all of it
 * ------------------------------------------------------------------------------------- */

static octavo_status start_reactors(oc_srv_server *server, int32_t *started, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int32_t count = server->settings.reactors;
    server->reactors = calloc((size_t)count, sizeof *server->reactors);
    if (!server->reactors) {
        OC_NO_MEMORY(error, (size_t)count * sizeof *server->reactors);
    }
    for (; *started < count; ++*started) {
        OC_TRY(oc_srv_reactor_start(server, *started, &server->reactors[*started], error));
    }
done:
    return status;
}

/* On stderr, and with --json as the one object on stdout. */
static octavo_status tell_address(const oc_srv_options *options, const run *all,
                                  octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_buffer out;
    oc_json_writer json;
    oc_buffer_init(&out);
    oc_srv_log(OC_SRV_ALWAYS, "listening", NULL, "listening on %s", all->listener.address);
    if (options->json) {
        oc_json_write_open(&json, &out, false);
        oc_json_write_object(&json);
        oc_json_write_text_member(&json, "listening", all->listener.address);
        oc_json_write_end(&json);
        OC_TRY(oc_json_write_finish(&json, error));
        printf("%s\n", out.data);
        fflush(stdout);
    }
done:
    oc_buffer_free(&out);
    return status;
}

octavo_status oc_srv_serve(const oc_srv_options *options, bool *is_configuration,
                           octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    run *all = calloc(1, sizeof *all);
    int32_t reactors = 0;
    bool has_loop = false;
    *is_configuration = false;
    if (!all) {
        OC_NO_MEMORY(error, sizeof *all);
    }
    oc_srv_server *server = &all->server;
    oc_arena_init(&all->arena);
    pthread_mutex_init(&server->lock, NULL);
    all->listener.fd = -1;
    signal(SIGPIPE, SIG_IGN);
    oc_srv_log_open(options->json, options->quiet);
    OC_TRY(configure(options, all, is_configuration, error));
    if (options->print_config) {
        OC_TRY(print_config(all, error));
        goto done;
    }
    OC_TRY(oc_srv_workers_create(server->settings.workers, &server->workers, error));
    OC_TRY(oc_srv_repository_start(server->repository, error));
    OC_TRY(oc_srv_listener_open(server, server->settings.listen, &all->listener, error));
    OC_TRY(start_reactors(server, &reactors, error));
    if (uv_loop_init(&all->loop) != 0) {
        OC_NO_MEMORY(error, sizeof all->loop);
    }
    has_loop = true;
    start_loop(all);
    OC_TRY(tell_address(options, all, error));
    uv_run(&all->loop, UV_RUN_DEFAULT);
    oc_srv_log(OC_SRV_NOTICE, "ended", NULL, "ended");
done:
    if (all) {
        if (has_loop) {
            end_loop(all);
        }
        for (int32_t i = 0; i < reactors; i++) {
            oc_srv_reactor_abort(&server->reactors[i]);
        }
        while (atomic_load(&server->exchanges) > 0) {
            usleep(1000); /* what is computed now comes back and is dropped */
        }
        for (int32_t i = 0; i < reactors; i++) {
            oc_srv_reactor_stop(&server->reactors[i]);
        }
        oc_srv_repository_free(server->repository);
        oc_srv_workers_free(server->workers);
        oc_srv_keys_release(server->keys);
        SSL_CTX_free(server->tls);
        pthread_mutex_destroy(&server->lock);
        if (has_loop) {
            uv_loop_close(&all->loop);
        }
        free(server->reactors);
        oc_arena_free(&all->arena);
        free(all);
    }
    return status;
}
