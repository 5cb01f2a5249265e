/* message.h - the protocol's gRPC messages: those asked are read, those answered are written. */
#ifndef OC_SERVE_OIP_MESSAGE_H
#define OC_SERVE_OIP_MESSAGE_H

#include "base/buffer.h"
#include "serve/oip/infer.h"

/* ModelInferRequest.  Text and raw tensors are borrowed from `message`, typed contents lie in the
 * request's arena.  *out is valid, and to be freed, after an error too.
 *   CORRUPT, INVALID_ARGUMENT  what is wrong (cause INPUT)
 *   UNSUPPORTED                a valid part of the protocol that is not offered here */
octavo_status oc_oip_infer_message_read(oc_slice message, oc_oip_request *out, oc_slice *model,
                                        oc_slice *version, octavo_error *error);
/* ModelInferResponse, its tensors raw. */
void oc_oip_infer_message_write(oc_oip_request *request, const oc_srv_call *call, oc_buffer *out);

/* Two fields of a request, such as name and version: those of the numbers, data NULL where absent.
 * *flag, unless NULL, is the number of field 2 where it is one. */
octavo_status oc_oip_names_read(oc_slice message, uint32_t first, uint32_t second, oc_slice *one,
                                oc_slice *two, bool *flag, octavo_error *error);

void oc_oip_server_message_write(oc_buffer *out);
void oc_oip_metadata_message_write(struct oc_srv_model *model, oc_buffer *out);
void oc_oip_config_message_write(struct oc_srv_model *model, oc_buffer *out);
/* One ModelStatistics of a ModelStatisticsResponse. */
void oc_oip_statistics_message_write(struct oc_srv_model *model, oc_buffer *out);

#endif
