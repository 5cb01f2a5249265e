/* reference.h - what a model's embeddings, inputs and FP8 codes were at calibration.
 *
 * In bytes it is JSON, the REFERENCE section of engine files (docs/engine-format.md).  Members that
 * a reader does not know are skipped; another version than OC_REFERENCE_VERSION is no reference.
 */
#ifndef OC_WATCH_REFERENCE_H
#define OC_WATCH_REFERENCE_H

#include "base/arena.h"
#include "base/buffer.h"
#include "watch/math/bins.h"
#include "watch/math/chance.h"
#include "watch/math/features.h"

enum { OC_REFERENCE_VERSION = 1 };

/* One number a row, watched by its distribution: name. */
#define OC_SCALAR_MAP(XX)                                                                          \
    XX(NORM, "norm")             /* length of the embedding before it is normalised */             \
    XX(CENTROID, "centroid")     /* its cosine to the mean of the calibration's */                 \
    XX(ALIGNMENT, "alignment")   /* its cosine to the mean of the other tower's calibration */     \
    XX(PIXELS, "pixels")         /* an image file's width times height */                          \
    XX(ASPECT, "aspect")         /* width over height */                                           \
    XX(BRIGHTNESS, "brightness") /* mean of what the model is given, 0 to 255 */                   \
    XX(CONTRAST, "contrast")     /* standard deviation of its pixels, 0 to 128 */                  \
    XX(DETAIL, "detail")         /* mean difference of pixels beside each other, of contrast */    \
    XX(WARMTH, "warmth")         /* mean of red less mean of blue */                               \
    XX(TOKENS, "tokens")         /* of a text, both ends counted */                                \
    XX(UNKNOWN, "unknown")       /* share of them that stand for no character as a whole */

typedef enum oc_scalar {
#define XX(name, text) OC_SCALAR_##name,
    OC_SCALAR_MAP(XX)
#undef XX
        OC_SCALAR_COUNT
} oc_scalar;

const char *oc_scalar_name(oc_scalar scalar);

/* One vector a row, watched by its mean. */
typedef enum oc_mean {
    OC_MEAN_EMBEDDING, /* the embedding, of length 1 */
    OC_MEAN_SPREAD,    /* (x - mean)^2 / variance, in each dimension */
    OC_MEAN_FEATURES,  /* features.h */
    OC_MEAN_COUNT
} oc_mean;

typedef struct oc_tower_reference {
    const char *name;                   /* "image", "text" */
    int32_t rows, dim;                  /* of the calibration: m; of an embedding */
    const float *mean, *variance;       /* [dim] */
    double bandwidth;                   /* of the features */
    uint64_t seed;                      /* ... whose number is OC_FREQUENCIES */
    const float *features;              /* [OC_FEATURES]: their mean */
    oc_spectrum spectra[OC_MEAN_COUNT]; /* of the covariances of a row's vectors */
    oc_bins scalars[OC_SCALAR_COUNT];   /* edge_count 0: not known */
} oc_tower_reference;

/* A step whose result is FP8 codes. */
typedef struct oc_quantizer_reference {
    const char *name;                          /* of the step */
    int32_t tower;                             /* index in towers */
    double rows, runs;                         /* sequences and runs that were counted */
    double saturated, zeros;                   /* shares of the codes: of +-448, of 0 */
    double saturated_variance, zeros_variance; /* of such a share of one sequence */
    double range;                              /* largest magnitude: code times scale */
} oc_quantizer_reference;

enum { OC_REFERENCE_TOWERS = 2 };

typedef struct oc_reference {
    int32_t tower_count, quantizer_count;
    oc_tower_reference towers[OC_REFERENCE_TOWERS];
    const oc_quantizer_reference *quantizers;
} oc_reference;

/* Index, or -1. */
int32_t oc_reference_tower(const oc_reference *reference, const char *name);

/* The cosine of a tower's mean embedding to another's is their alignment: NULL without another. */
const oc_tower_reference *oc_reference_other(const oc_reference *reference, int32_t tower);

/* Reads a section that lies at `offset` of its file; all that *out points to is in `arena`.
 *   CORRUPT      not such JSON, a member is missing or cannot be, more than base/limits.h allows;
 *                the byte in the file is named
 *   UNSUPPORTED  another version
 *   EXHAUSTED    out of memory */
octavo_status oc_reference_read(const void *section, size_t bytes, uint64_t offset, oc_arena *arena,
                                oc_reference *out, octavo_error *error);

/* Appends the section's bytes.  EXHAUSTED: out of memory. */
octavo_status oc_reference_write(const oc_reference *reference, oc_buffer *out,
                                 octavo_error *error);

#endif
