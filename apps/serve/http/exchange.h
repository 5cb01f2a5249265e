/* exchange.h - one request and its answer, whatever protocol brought it.
 *
 * An exchange belongs to the reactor of its connection.  While a call or a task works on it, only
 * these touch it; it comes back by oc_srv_exchange_post.  Where the client leaves meanwhile,
 * `stream` becomes NULL and the call is cancelled: the exchange lives on until the work has come
 * back.
 */
#ifndef OC_SERVE_EXCHANGE_H
#define OC_SERVE_EXCHANGE_H

#include "base/buffer.h"
#include "base/limits.h"
#include "serve/config/keys.h"
#include "serve/models/model.h"
#include "serve/net/mail.h"

enum {
    OC_SRV_ANSWER_HEADERS = 8,
    OC_SRV_SEGMENTS = 2 /* variable ones of a path */
};

typedef struct oc_srv_field {
    uint32_t name, name_length, value, value_length; /* within `head` */
} oc_srv_field;

typedef struct oc_srv_exchange {
    struct oc_srv_server *server;
    struct oc_srv_reactor *reactor;
    oc_srv_mail mail;
    void *stream;                                   /* of its protocol; NULL: the client has gone */
    void (*send)(struct oc_srv_exchange *exchange); /* brings the answer to the stream */

    /* What is asked. */
    const char *method; /* static */
    oc_buffer head;
    uint32_t target_length, path_length; /* the target begins `head` */
    oc_srv_field fields[OC_LIMIT_HTTP_HEADERS];
    int32_t field_count;
    oc_buffer body;
    size_t charged;                     /* bytes of the server's budget that it holds */
    oc_slice segments[OC_SRV_SEGMENTS]; /* of the path, as the route has them */
    uint64_t begun_ns;

    /* What is answered. */
    int32_t status;
    const char *type;
    struct {
        const char *name; /* static, lower case */
        char value[160];
    } headers[OC_SRV_ANSWER_HEADERS];
    int32_t header_count;
    oc_buffer answer;

    /* Of gRPC: the status and sentence that end the answer, which is then a message. */
    bool is_grpc;
    int32_t grpc_status;
    char grpc_message[512];

    oc_srv_keys *keys;     /* held; NULL: the server has none */
    const oc_srv_key *key; /* the client's, of these; NULL: it has none */

    /* The work. */
    uint64_t deadline_ns; /* that the client's protocol gave; 0: none */
    atomic_bool gone;     /* the client is: nobody waits for the answer */
    oc_srv_task task;
    oc_srv_call call; /* its model is NULL where there is none */
    void *state;      /* of the handler */
    void (*free_state)(void *state);
    octavo_status (*begin)(struct oc_srv_exchange *exchange, octavo_error *error);
    void (*finish)(struct oc_srv_exchange *exchange);
    bool heavy_answer; /* which takes long enough to be a worker's */
    bool finished;
} oc_srv_exchange;

oc_srv_exchange *oc_srv_exchange_create(struct oc_srv_reactor *reactor); /* NULL: memory is out */
void oc_srv_exchange_free(oc_srv_exchange *exchange);

/* -- asking --------------------------------------------------------------------------------------
 */

oc_slice oc_srv_exchange_path(const oc_srv_exchange *exchange);
/* What stands behind the '?'; empty where nothing does. */
oc_slice oc_srv_exchange_query(const oc_srv_exchange *exchange);
/* The value of a header, by its name in lower case; data is NULL where it is not there. */
oc_slice oc_srv_exchange_header(const oc_srv_exchange *exchange, const char *name);
/* Adds a header; pieces of one go on where they ended.  False: over the limits. */
bool oc_srv_exchange_field(oc_srv_exchange *exchange, oc_slice name, oc_slice value);

/* -- answering ----------------------------------------------------------------------------------
 */

void oc_srv_answer_header(oc_srv_exchange *exchange, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* What stands in `answer` is the answer, with this status and static type. */
void oc_srv_answer(oc_srv_exchange *exchange, int32_t status, const char *type);
/* {"error": "sentence"} with the status of the error. */
void oc_srv_answer_error(oc_srv_exchange *exchange, const octavo_error *error);
/* Sends it.  The reactor's thread; the exchange is the stream's again. */
void oc_srv_send(oc_srv_exchange *exchange);

/* -- working -------------------------------------------------------------------------------------
 */

/* `begin` reads the body and fills exchange->call, which is then started; on_worker: where that
 * takes too long for a reactor.  However it ends, `finish` makes the answer: exchange->call.error
 * tells what went wrong.  Both run on the reactor's or on a worker's thread. */
void oc_srv_exchange_run(oc_srv_exchange *exchange,
                         octavo_status (*begin)(oc_srv_exchange *exchange, octavo_error *error),
                         void (*finish)(oc_srv_exchange *exchange), bool on_worker);
/* Any thread: the answer is there. */
void oc_srv_exchange_post(oc_srv_exchange *exchange);

#endif
