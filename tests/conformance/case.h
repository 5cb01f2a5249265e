/* case.h - one step with all its inputs, ready to run on any backend.
 *
 * Inputs lie in guarded buffers (support/guard.h) that end where the last value ends; gaps between
 * rows hold NaN.  Values come from the case's seed alone.
 */
#ifndef OC_TESTS_CONFORMANCE_CASE_H
#define OC_TESTS_CONFORMANCE_CASE_H

#include <stdbool.h>

#include "device/device.h"
#include "support/guard.h"
#include "support/random.h"

enum { OC_CASE_BUFFERS = 16, OC_CASE_CONSTANTS = 4, OC_CASE_VIEWS = 4, OC_CASE_FAMILIES = 9 };

/* What oc_matrix.read copies from, and how often it gave each row. */
typedef struct oc_case_matrix {
    const uint8_t *rows;
    size_t row_bytes;
    int32_t n;
    _Atomic uint8_t *reads; /* [n] */
} oc_case_matrix;

typedef struct oc_case {
    char name[160]; /* "gemm.f8_codes 7x33x257 bias" */
    uint64_t seed;
    oc_rng random;
    oc_step step; /* data of the output is NULL; weight or table is set when made */
    oc_run run;
    oc_matrix matrix;      /* n 0: none */
    oc_case_matrix source; /* of the matrix */
    bool in_place;         /* the residual lies where the output goes */
    bool every_way;        /* each way that a device has of doing it is taken */
    bool exact;            /* codes must be right even at ties */
    int32_t sequences;
    const int32_t *starts; /* [sequences + 1]: rows of the step's input or key row set, by sequence;
                            * runs are cut only between sequences */
    oc_guard buffers[OC_CASE_BUFFERS];
    int32_t buffer_count;
    oc_constant constants[OC_CASE_CONSTANTS]; /* of the step; they point into buffers */
    int32_t constant_count;
} oc_case;

/* A family makes its list of cases, and cases of random shape. */
typedef struct oc_case_family {
    const char *name;
    int32_t (*count)(void);
    void (*make)(oc_case *out, int32_t index);
    void (*make_random)(oc_case *out, uint64_t seed);
} oc_case_family;

extern const oc_case_family *const oc_case_families[OC_CASE_FAMILIES];
extern const oc_case_family oc_gemm_cases, oc_attention_cases, oc_norm_cases, oc_quantize_cases,
    oc_pointwise_cases, oc_embedding_cases, oc_patches_cases, oc_tokens_cases, oc_pick_cases;

/* -- for the families ------------------------------------------------------------------ */

void oc_case_begin(oc_case *c, oc_step_kind kind, uint64_t seed);
void oc_case_free(oc_case *c);

/* Adds words to the name. */
void oc_case_say(oc_case *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Rows one after another as sequences 0 .. count-1 of `lengths`, or of one length. */
void oc_case_sequences(oc_case *c, const int32_t *lengths, int32_t count, int32_t length);

/* What values a view holds. */
typedef enum oc_values {
    OC_VALUES_NORMAL,   /* mean 0, deviation 1 */
    OC_VALUES_OFFSET,   /* mean 8 */
    OC_VALUES_OUTLIER,  /* column 3, if there is one, 100 times the others */
    OC_VALUES_SPREAD,   /* from 2^-26 to 16, either sign */
    OC_VALUES_EQUAL,    /* all of one value */
    OC_VALUES_ANY_CODE, /* of codes: every value with equal chance */
    OC_VALUES_HUGE,     /* column 3, if there is one, 1,000 times the others */
    OC_VALUES_NAN,      /* as NORMAL, but for one NaN in the second row */
} oc_values;

/* A view of `rows` x `columns` inputs, `pad` elements from row to row more.  Codes: of scale
 * `scale`; floats: scale 0. */
oc_view oc_case_view(oc_case *c, int32_t rows, int32_t columns, int32_t pad, float scale,
                     oc_values values);
/* A view of outputs yet without data. */
oc_view oc_case_out(int32_t columns, int32_t pad, float scale);

void *oc_case_bytes(oc_case *c, size_t bytes, size_t align);
/* `count` floats of mean `mean` that differ from it by up to `spread`, in the host's memory. */
const oc_constant *oc_case_floats(oc_case *c, int32_t count, float mean, float spread);
/* The matrix of the case.  Codes are 100 times the values, or, so that the outlier is one, 3 times.
 */
void oc_case_weights(oc_case *c, int32_t n, int32_t k, octavo_dtype dtype, oc_values values);

/* -- for the harness ------------------------------------------------------------------- */

oc_view *oc_step_out(oc_step *step);
/* Rows of one of the step's inputs. */
int32_t oc_case_view_rows(const oc_case *c, const oc_view *view);
int32_t oc_case_out_rows(const oc_case *c);

/* The step and run of sequences first .. end-1 alone.  `starts` has room for sequences + 1. */
void oc_case_slice(const oc_case *c, int32_t first, int32_t end, oc_step *step, oc_run *run,
                   int32_t *starts);
/* First output row of sequence `sequence`, which may be the number of sequences. */
int32_t oc_case_out_row(const oc_case *c, int32_t sequence);

#endif
