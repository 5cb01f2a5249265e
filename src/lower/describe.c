/* describe.c - see describe.h. */
#include "lower/describe.h"

#include <stdio.h>

static const char *name_of(octavo_dtype dtype) {
    switch ((int)dtype) {
    case OCTAVO_F8_E4M3:
        return "e4m3";
    case OCTAVO_F16:
        return "f16";
    case OCTAVO_BF16:
        return "bf16";
    default:
        return "f32";
    }
}

void oc_step_describe(const oc_step *step, char *text, size_t bytes) {
    static const char *const acts[] = {"", " + gelu", " + quick_gelu", " + gelu_tanh"};
    const oc_step_gemm *gemm = &step->u.gemm;
    switch (step->kind) {
    case OC_STEP_GEMM:
        snprintf(text, bytes, "%s x weight%s%s%s%s -> %s", name_of(gemm->a.dtype),
                 gemm->bias != NULL ? " + bias" : "", acts[gemm->act],
                 gemm->residual.columns != 0 ? " + residual" : "",
                 gemm->table != NULL ? " + table" : "", name_of(gemm->out.dtype));
        break;
    case OC_STEP_NORM:
        snprintf(text, bytes, "%s -> %s", step->u.norm.gamma != NULL ? "layer norm" : "quantize",
                 name_of(step->u.norm.out.dtype));
        break;
    case OC_STEP_ATTENTION:
        snprintf(text, bytes, "%d heads of %d%s, %s%s -> %s", step->u.attention.heads,
                 step->u.attention.head_dim, step->u.attention.causal ? ", causal" : "",
                 name_of(step->u.attention.q.dtype),
                 step->u.attention.query_rows != 0 ? ", one row of queries" : "",
                 name_of(step->u.attention.out.dtype));
        break;
    case OC_STEP_POINTWISE:
        snprintf(text, bytes, "%s%s%s%s%s", name_of(step->u.pointwise.x.dtype),
                 acts[step->u.pointwise.act], step->u.pointwise.y.columns != 0 ? " + " : "",
                 step->u.pointwise.y.columns != 0 ? name_of(step->u.pointwise.y.dtype) : "",
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
