/* device.h - what a backend is: one table of functions.
 *
 * A backend is added by filling oc_backend and naming it in src/api/backends.c.
 * Lowering asks the device to pack weights and to choose kernels; the session
 * asks it to run steps.  A device is used by one thread at a time; it may use
 * threads of its own.
 */
#ifndef OC_DEVICE_DEVICE_H
#define OC_DEVICE_DEVICE_H

#include "base/status.h"
#include "base/sys/clock.h"
#include "device/step.h"

typedef struct oc_device oc_device;

typedef struct oc_device_options {
    const char *tier; /* NULL: the best */
    int32_t threads;  /* 0: one for each usable core */
} oc_device_options;

/* A matrix to pack: [n,k] row-major in `parts` pieces along n, all of one dtype and k.
 * The device calls `read` for each part it wants, in any order and from any of its threads,
 * once a row range: row ranges together cover the matrix exactly once. */
typedef struct oc_matrix {
    int32_t n, k;
    octavo_dtype dtype;     /* F32, F16, BF16 or F8_E4M3 */
    int32_t acts_are_codes; /* the `a` operand will be E4M3 codes */
    int32_t is_table;       /* rows are looked up by TOKENS instead of multiplied */
    octavo_status (*read)(void *source, int32_t first_row, int32_t row_count, void *rows,
                          octavo_error *error);
    void *source;
} oc_matrix;

typedef struct oc_backend {
    const char *name; /* "cpu" */

    /* UNAVAILABLE: not on this machine; the sentence says what is missing. */
    octavo_status (*open)(const oc_device_options *options, oc_device **out, octavo_error *error);
    void (*close)(oc_device *device);

    /* "avx2, 2 threads" */
    void (*describe)(const oc_device *device, char *text, size_t bytes);

    /* Packs a matrix.  The result belongs to the device until unpack. */
    octavo_status (*pack)(oc_device *device, const oc_matrix *matrix, oc_packed **out,
                          octavo_error *error);
    void (*unpack)(oc_device *device, oc_packed *packed);
    size_t (*packed_bytes)(const oc_packed *packed);

    /* Chooses the kernel of a step: sets step->kernel and step->why and raises *scratch_bytes to
     * what the step needs at up to `rows_max` output rows and sequences of up to `keys_max` rows.
     * Data pointers of the step's activations are not set yet.  UNSUPPORTED: it cannot be run here.
     */
    octavo_status (*choose)(oc_device *device, oc_step *step, int32_t rows_max, int32_t keys_max,
                            size_t *scratch_bytes, octavo_error *error);

    /* Runs steps in order and waits, at most until the run's deadline.  Allocates nothing. seconds,
     * unless NULL, receives the wall time of each step.  scratch is aligned to 64. */
    octavo_status (*run)(oc_device *device, const oc_step *steps, int32_t count, const oc_run *run,
                         void *scratch, double *seconds, octavo_error *error);
} oc_backend;

struct oc_device {
    const oc_backend *backend;
};

/* DEADLINE_EXCEEDED where the run's time is over before step `done` of `count`. */
static inline octavo_status oc_run_check(const oc_run *run, int32_t done, int32_t count,
                                         octavo_error *error) {
    if (run->deadline_ns != 0 && oc_clock_ns() > run->deadline_ns) {
        return oc_fail(error, OCTAVO_DEADLINE_EXCEEDED, OCTAVO_NO_OFFSET, __FILE__, __LINE__,
                       "the time allowed was over after %d of %d steps", done, count);
    }
    return OCTAVO_OK;
}

/* Strides of activations: columns rounded up to 16 floats plus one cache line where rows would
 * lie a multiple of 4 KiB apart and share one L1 set (ViT-L/14's fc2: 121 ms against 183 ms). */
static inline int64_t oc_activation_stride(int32_t columns) {
    int64_t stride = ((int64_t)columns + 15) & ~(int64_t)15;
    return stride % 256 == 0 ? stride + 16 : stride;
}

#endif
