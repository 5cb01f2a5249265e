/* metrics.h - the server's numbers as Prometheus and OpenMetrics read them. */
#ifndef OC_SERVE_METRICS_H
#define OC_SERVE_METRICS_H

#include "base/buffer.h"
#include "serve/server.h"

/* Text format 0.0.4, or OpenMetrics 1.0.0.  octavo_* are ours; nv_inference_* are Triton's names
 * for the same, as its dashboards ask for them. */
void oc_srv_metrics_write(oc_srv_server *server, bool open_metrics, oc_buffer *out);

#endif
