/* describe.c - see describe.h. */
#include "lower/describe.h"

#include <stdio.h>

void oc_step_describe(const oc_step *step, char *text, size_t bytes) {
    static const char *const acts[] = {"", " + gelu", " + quick_gelu", " + gelu_tanh"};
    const oc_step_gemm *gemm = &step->u.gemm;
    switch (step->kind) {
    case OC_STEP_GEMM:
        snprintf(text, bytes, "%s x weight%s%s%s%s -> %s", gemm->a.is_codes ? "e4m3" : "f32",
                 gemm->bias != NULL ? " + bias" : "", acts[gemm->act],
                 gemm->residual.columns != 0 ? " + residual" : "",
                 gemm->table != NULL ? " + table" : "", gemm->out.is_codes ? "e4m3" : "f32");
        break;
    case OC_STEP_NORM:
        snprintf(text, bytes, "%s -> %s", step->u.norm.gamma != NULL ? "layer norm" : "quantize",
                 step->u.norm.out.is_codes ? "e4m3" : "f32");
        break;
    case OC_STEP_ATTENTION:
        snprintf(text, bytes, "%d heads of %d%s, f32%s -> %s", step->u.attention.heads,
                 step->u.attention.head_dim, step->u.attention.causal ? ", causal" : "",
                 step->u.attention.query_rows != 0 ? ", one row of queries" : "",
                 step->u.attention.out.is_codes ? "e4m3" : "f32");
        break;
    case OC_STEP_POINTWISE:
        snprintf(text, bytes, "f32%s%s%s", acts[step->u.pointwise.act],
                 step->u.pointwise.y.columns != 0 ? " + f32" : "",
                 step->u.pointwise.table != NULL ? " + table" : "");
        break;
    case OC_STEP_PATCHES:
        snprintf(text, bytes, "%s pixels -> rows of patches",
                 step->u.patches.from_bytes ? "u8" : "f32");
        break;
    case OC_STEP_TOKENS:
        snprintf(text, bytes, "token table%s",
                 step->u.tokens.position != NULL ? " + position" : "");
        break;
    case OC_STEP_PICK:
        snprintf(text, bytes, "%s",
                 step->u.pick.from_ends ? "row of the end token" : "row of the class token");
        break;
    case OC_STEP_UNIT:
        snprintf(text, bytes, "x / |x|");
        break;
    case OC_STEP_LOGITS:
        snprintf(text, bytes, "image x text, scaled");
        break;
    case OC_STEP_COUNT:
        break;
    }
}
