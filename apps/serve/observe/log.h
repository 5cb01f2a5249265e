/* log.h - what happens, a line each on stderr: for people, or as JSON objects.  Any thread. */
#ifndef OC_SERVE_LOG_H
#define OC_SERVE_LOG_H

#include <stdbool.h>

typedef enum oc_srv_severity {
    OC_SRV_NOTICE,
    OC_SRV_ALWAYS, /* a notice that --quiet leaves in */
    OC_SRV_ALARM   /* somebody should look */
} oc_srv_severity;

/* Before other threads run.  quiet: without notices. */
void oc_srv_log_open(bool json, bool quiet);

/* `event` is a word for machines; model: NULL where it is about none. */
void oc_srv_log(oc_srv_severity severity, const char *event, const char *model, const char *format,
                ...) __attribute__((format(printf, 4, 5)));

#endif
