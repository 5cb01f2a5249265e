/* metadata.h - what the protocol tells about the server and its models, as JSON. */
#ifndef OC_SERVE_OIP_METADATA_H
#define OC_SERVE_OIP_METADATA_H

#include "base/json/json_write.h"
#include "serve/models/model.h"

void oc_oip_write_server(oc_json_writer *json);
void oc_oip_write_metadata(oc_json_writer *json, oc_srv_model *model);
void oc_oip_write_config(oc_json_writer *json, oc_srv_model *model);
/* One element of "model_stats". */
void oc_oip_write_statistics(oc_json_writer *json, oc_srv_model *model);

#endif
