/* instance.h - one session of a model and the thread that owns it: takes batches from the model's
 * queue, runs them, and asks itself now and then whether the device still computes right.
 */
#ifndef OC_SERVE_INSTANCE_H
#define OC_SERVE_INSTANCE_H

#include "serve/work/queue.h"

typedef struct oc_srv_instance_options {
    const char *name;      /* of the thread */
    octavo_model *weights; /* borrowed */
    int32_t batch_max, threads;
    double delay_s; /* a row waits no longer for company */
    double check_s; /* between canaries */
} oc_srv_instance_options;

typedef struct oc_srv_instance oc_srv_instance;

/* Makes the session and starts the thread.  Errors of octavo_session_create. */
octavo_status oc_srv_instance_start(struct oc_srv_model *model,
                                    const oc_srv_instance_options *options, oc_srv_instance **out,
                                    octavo_error *error);
/* After the model's queue was closed: waits until nothing is left there, and ends. */
void oc_srv_instance_stop(oc_srv_instance *instance);

const char *oc_srv_instance_device(const oc_srv_instance *instance); /* "cpu" */
const octavo_session *oc_srv_instance_session(const oc_srv_instance *instance);
/* Seconds since a canary came out right, at `now_ns`. */
double oc_srv_instance_proof_age(const oc_srv_instance *instance, uint64_t now_ns);
/* Whether its last canary came out right: otherwise it computes nothing until one does. */
bool oc_srv_instance_is_right(const oc_srv_instance *instance);

#endif
