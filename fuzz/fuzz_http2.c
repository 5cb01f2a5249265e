// links: serve
/* fuzz_http2.c - any bytes as frames of an HTTP/2 connection, behind a good preface: whatever they
 * ask for, nothing of it is left when the connection has gone.  The repository holds a model that
 * is not loaded, so that requests are read to their end and answered. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "serve/net/http2.h"

static void expect(bool condition) {
    if (!condition) {
        abort();
    }
}

static oc_srv_server server;
static oc_srv_reactor reactor;

static void on_bell(uv_async_t *bell) {
    (void)bell; /* mail is read below */
}

/* One folder for all inputs, removed as soon as it was read. */
static void set_up(void) {
    char folder[] = "/tmp/fuzz_http2_XXXXXX", model[64], file[96];
    oc_srv_model_settings defaults = oc_srv_model_defaults(NULL, NULL, 0, NULL);
    bool is_configuration;
    octavo_error error;
    oc_error_clear(&error);
    expect(mkdtemp(folder) != NULL);
    snprintf(model, sizeof model, "%s/m", folder);
    snprintf(file, sizeof file, "%s/1.octavo", model);
    expect(mkdir(model, 0700) == 0);
    FILE *empty = fopen(file, "w");
    expect(empty != NULL && fclose(empty) == 0);
    server.settings = oc_srv_settings_default();
    server.settings.max_body_mb = server.settings.memory_mb = 1;
    expect(oc_srv_repository_open(folder, &defaults, &server.repository, &is_configuration,
                                  &error) == OCTAVO_OK);
    expect(oc_srv_repository_start(server.repository, &error) != OCTAVO_OK);
    unlink(file);
    rmdir(model);
    rmdir(folder);
    expect(oc_srv_workers_create(1, &server.workers, &error) == OCTAVO_OK);
    reactor.server = &server;
    reactor.last = &reactor.first;
    pthread_mutex_init(&reactor.lock, NULL);
    expect(uv_loop_init(&reactor.loop) == 0);
    expect(uv_async_init(&reactor.loop, &reactor.bell, on_bell) == 0);
}

/* What comes back from workers and the repository's thread. */
static void read_mail(void) {
    pthread_mutex_lock(&reactor.lock);
    oc_srv_mail *mail = reactor.first;
    reactor.first = NULL;
    reactor.last = &reactor.first;
    pthread_mutex_unlock(&reactor.lock);
    while (mail) {
        oc_srv_mail *next = mail->next;
        mail->arrive(mail);
        mail = next;
    }
    uv_run(&reactor.loop, UV_RUN_NOWAIT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    /* It counts as closing: what is sent goes nowhere, and the loop knows nothing of it. */
    oc_srv_connection connection = {.reactor = &reactor, .closing = true, .is_chosen = true};
    if (!server.repository) {
        set_up();
    }
    connection.protocol = &oc_srv_http2;
    connection.state = oc_srv_http2_open(&connection);
    expect(connection.state != NULL);
    connection.protocol->read(connection.state, preface, sizeof preface - 1);
    size_t cut = size ? data[0] % size : 0; /* frames may come in parts */
    connection.protocol->read(connection.state, (const char *)data, cut);
    connection.protocol->tick(connection.state, 1);
    connection.protocol->read(connection.state, (const char *)data + cut, size - cut);
    read_mail();
    connection.protocol->drain(connection.state);
    connection.protocol->tick(connection.state, UINT64_MAX / 2);
    connection.protocol->gone(connection.state);
    while (atomic_load(&server.exchanges) > 0) {
        read_mail();
    }
    expect(atomic_load(&server.body_bytes) == 0);
    return 0;
}
