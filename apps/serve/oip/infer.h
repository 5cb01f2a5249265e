/* infer.h - what a request of the Open Inference Protocol means to a model, and its results.
 *
 * Inputs, one of the images' and one of the texts':
 *     pixel_values  FP32  [n,3,S,S]   as preprocessed by the client
 *     pixels        UINT8 [n,S,S,3]   resized by the client
 *     images        BYTES [n] or [n,1] JPEG, PNG or WebP files; base64 where they come as JSON
 *     input_ids     INT32, INT64 [n,L], and attention_mask, optional
 *     texts         BYTES [n] or [n,1] UTF-8
 * Outputs, all FP32: image_embeds, text_embeds, image_embeds_raw, text_embeds_raw [n,D] and
 * logits_per_image [images,texts]; where none is asked for, all that the inputs make.
 */
#ifndef OC_SERVE_OIP_INFER_H
#define OC_SERVE_OIP_INFER_H

#include "serve/oip/request.h"
#include "serve/work/call.h"

/* Fills a call that was opened on its model.  What the call borrows lies in the request and its
 * body.  INVALID_ARGUMENT, CORRUPT: what does not fit the model; NOT_FOUND: an output that is none.
 */
octavo_status oc_oip_fill_call(oc_oip_request *request, oc_srv_call *call, octavo_error *error);

typedef struct oc_oip_result {
    const char *name;
    const float *data;
    int64_t shape[2];
    bool is_binary;
} oc_oip_result;

/* The results that were asked for, in that order: how many.  Logits are made in the arena; where
 * there is no memory for them the result has no data. */
int32_t oc_oip_results(oc_oip_request *request, const oc_srv_call *call,
                       oc_oip_result out[OC_LIMIT_OIP_TENSORS]);

/* An input or output of a model for metadata: -1 stands for any number. */
typedef struct oc_oip_port {
    const char *name;
    oc_oip_type type;
    int32_t rank;
    int64_t shape[OC_OIP_RANK];
} oc_oip_port;

enum { OC_OIP_PORTS = 8 };
int32_t oc_oip_ports(const struct oc_srv_model *model, bool outputs, oc_oip_port out[OC_OIP_PORTS]);

#endif
