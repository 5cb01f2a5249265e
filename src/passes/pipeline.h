/* pipeline.h - the savings that run when a session is made, by name.
 *
 * Each rewrites a graph into one that yields the same outputs with less work: the same in real
 * numbers.  Where one adds up in another order float32 rounds otherwise, and a quantizer behind it
 * may choose another code; docs/numerics.md says how far that goes.  None knows a device.
 */
#ifndef OC_PASSES_PIPELINE_H
#define OC_PASSES_PIPELINE_H

#include "ir/graph.h"

/* bit, name for --disable, what it saves */
#define OC_SAVING_MAP(XX)                                                                          \
    XX(LAST_ROW, "last-row", "the last layer is computed only for the row that is read")           \
    XX(FOLD_SCALE, "fold-scale", "the softmax scale is part of Q's weights; may round otherwise")  \
    XX(MERGE_QKV, "merge-qkv", "Q, K and V of one input are one matrix product")                   \
    XX(FOLD_PIXELS, "fold-pixels",                                                                 \
       "mean, std and 1/255 are part of the patch weights; rounds otherwise")                      \
    XX(PREADD, "preadd",                                                                           \
       "position, class token and patch bias are added beforehand; rounds otherwise")              \
    XX(CUT_TEXT, "cut-text", "texts end at their end token and are packed without padding")        \
    XX(DEDUP_TEXT, "dedup-text", "identical texts of one run are computed once")                   \
    XX(TUNED, "tuned", "GPU steps go the way that octavo tune found fastest; the same bits")

enum {
#define XX(bit, name, what) OC_SAVING_INDEX_##bit,
    OC_SAVING_MAP(XX)
#undef XX
        OC_SAVING_COUNT
};

/* A set of savings: bit (1u << OC_SAVING_INDEX_...). */
typedef uint32_t oc_savings;
#define OC_SAVINGS_ALL ((1u << OC_SAVING_COUNT) - 1u)
#define OC_SAVING(bit) (1u << OC_SAVING_INDEX_##bit)

const char *oc_saving_name(int32_t index);
const char *oc_saving_text(int32_t index);

/* All savings but those in the comma list `disable` (NULL: none).
 *   INVALID_ARGUMENT  a name that does not exist; the sentence lists those that do */
octavo_status oc_savings_parse(const char *disable, oc_savings *out, octavo_error *error);

/* Copies what the named outputs need into an empty `out`.  A value that is named in `inputs`
 * becomes an input of its type, so that a graph can be entered anywhere: at pixel_values, or at a
 * layer; whether that is a graph is for oc_pipeline_run to say, which verifies it first.
 *   NOT_FOUND  a name that the graph lacks */
octavo_status oc_pass_select(const oc_graph *graph, const char *const *inputs, int32_t input_count,
                             const char *const *outputs, int32_t output_count, oc_graph *out,
                             octavo_error *error);

octavo_status oc_pass_last_row(oc_graph *graph, octavo_error *error);
octavo_status oc_pass_fold_scale(oc_graph *graph, octavo_error *error);
octavo_status oc_pass_merge_qkv(oc_graph *graph, octavo_error *error);
octavo_status oc_pass_fold_pixels(oc_graph *graph, octavo_error *error);
octavo_status oc_pass_preadd(oc_graph *graph, octavo_error *error);

/* Runs the passes of `savings` in order, verifying before and after each. */
octavo_status oc_pipeline_run(oc_graph *graph, oc_savings savings, octavo_error *error);

#endif
