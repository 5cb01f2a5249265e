/* device.h - what a backend is: one table of functions.
 *
 * A backend is added by filling oc_backend and naming it in src/api/backends.c.
 *
 *   device   one of a kind of processor; makes constants, chooses kernels
 *   queue    memory for activations, and what works through steps there: threads, or a stream
 *   program  a plan made ready for one queue: kernels, addresses, whatever else can be settled
 *            before a run
 *
 * Threads.  Constants and queues may be made from one device by one thread at a time; a queue and
 * its programs belong to one thread at a time; different queues work at the same time.
 */
#ifndef OC_DEVICE_DEVICE_H
#define OC_DEVICE_DEVICE_H

#include "base/status.h"
#include "base/sys/clock.h"
#include "device/plan.h"
#include "device/tuned.h"

typedef struct oc_device oc_device;
typedef struct oc_queue oc_queue;
typedef struct oc_program oc_program;

typedef struct oc_device_options {
    const char *tier; /* NULL: the best */
    int32_t threads;  /* that make constants; 0: one for each usable core */
    /* cuda: NULL, or what makes a device of paper, on which nothing can be run: it keeps the
     * machine code that a real one would need (backends/cuda/pack/paper.h). */
    struct oc_paper *paper;
    const oc_tuned *tuned; /* measured choices of any cards, borrowed; NULL: none */
} oc_device_options;

/* What a step may take in of the operations behind it. */
enum {
    OC_FUSE_GELU = 1,     /* a product: its activation */
    OC_FUSE_ADD = 2,      /* a product: a residual */
    OC_FUSE_QUANTIZE = 4, /* any step: the quantizer of its result */
    OC_FUSE_ALL = 7
};

typedef struct oc_traits {
    octavo_dtype storage; /* what floats between steps are rounded to; F32: not at all */
    octavo_dtype buffers; /* ... and stored as; embeddings and logits are F32 on all devices */
    uint32_t fuses;       /* OC_FUSE_... */
    bool host_memory;     /* a queue's memory is the host's: `memory` says where */
    /* PATCHES normalises pixels on its way, for nothing: patch weights stay of the checkpoint's
     * type, which folding mean and deviation into them would not leave. */
    bool normalizes;
    /* Sequences of a run (images, or texts of full length), ascending, that want a plan of their
     * own beside the largest; the bits of a row are the same in all.  count 0: none does. */
    const int32_t *buckets;
    int32_t bucket_count;
    /* The same for packed texts, whose rows come in every number; count 0: `buckets`. */
    const int32_t *packed_buckets;
    int32_t packed_bucket_count;
    /* What measured choices are kept for, and with what they were measured, for people; the
     * device's own.  NULL: it does every step in one way. */
    const char *model, *software;
} oc_traits;

typedef enum oc_use {
    OC_USE_FLOATS, /* a vector or table [n,k] of F32, as it is */
    OC_USE_FACTOR, /* the right side of a product */
    OC_USE_ROWS    /* rows that TOKENS looks up */
} oc_use;

/* Numbers to become a constant: [n,k] row-major, all of one dtype.  The device calls `read` for
 * row ranges in any order and from any of its threads; together they cover the rows exactly once.
 */
typedef struct oc_matrix {
    int32_t n, k;
    octavo_dtype dtype; /* F32, F16, BF16 or F8_E4M3 */
    oc_use use;
    int32_t acts_are_codes; /* FACTOR: the `a` operand will be E4M3 codes */
    octavo_status (*read)(void *source, int32_t first_row, int32_t row_count, void *rows,
                          octavo_error *error);
    void *source;
} oc_matrix;

/* What a run may tell of each step.  Where a device's memory is not the host's, a run that tells
 * times may take its steps several times: what a step changes in place must then be made by a step
 * of the plan, not written by the host. */
enum { OC_REPORT_TIME = 1, OC_REPORT_CODES = 2 };

typedef struct oc_step_report {
    /* That the step took.  A device that overlaps steps tells by how much the run is longer for
     * having it; the sum is the run's. */
    double seconds;
    double flop, bytes; /* the least work it is (lower/cost.h); who hands in the run fills them */
    /* Of a result that is codes: how many there are, of these at the limit of +-448 (a value within
     * 4 % of it rounds to it, larger ones are cut to it), and zeros; and the largest code without
     * its sign, 0x7f for a NaN. */
    uint64_t codes, saturated, zeros;
    int32_t largest;
} oc_step_report;

/* Seconds of a run; below 0: not told. */
typedef struct oc_times {
    double to_device;   /* that what it brings was on its way to the device's memory */
    double device;      /* that the device worked on its steps */
    double from_device; /* that its results were on their way back and made floats of */
} oc_times;

/* Work handed to a queue; counts up from 1. */
typedef uint64_t oc_ticket;

typedef struct oc_backend {
    const char *name; /* "cpu" */

    /* UNAVAILABLE: not on this machine; the sentence says what is missing. */
    octavo_status (*open)(const oc_device_options *options, oc_device **out, octavo_error *error);
    void (*close)(oc_device *device);
    /* "avx2" */
    void (*describe)(const oc_device *device, char *text, size_t bytes);
    oc_traits (*traits)(const oc_device *device);

    /* The result belongs to the device until constant_free. */
    octavo_status (*constant_create)(oc_device *device, const oc_matrix *matrix, oc_constant **out,
                                     octavo_error *error);
    void (*constant_free)(oc_device *device, oc_constant *constant);

    /* Elements from row to row that buffers of so many columns are to have. */
    int64_t (*stride)(const oc_device *device, int32_t columns, octavo_dtype dtype);

    /* Chooses the kernel of a step: sets step->kernel and step->why, and raises *scratch to what
     * the step needs within `limits`.  UNSUPPORTED: it cannot be run here; a step that does not
     * fit its kernel's memory or numbers is refused here and nowhere later. */
    octavo_status (*choose)(oc_device *device, oc_step *step, const oc_plan_limits *limits,
                            oc_scratch *scratch, octavo_error *error);

    /* The ways in which a step whose kernel is chosen can be done, the one that is expected to be
     * fastest first; step->tactic is the number of one.  Which one changes no bit of any result.
     * NULL, as constant_copy then: every step is done in one way. */
    void (*tactics)(const oc_device *device, const oc_step *step, const oc_plan_limits *limits,
                    oc_tactics *out);
    /* Another constant with the same numbers, elsewhere in the device's memory. */
    octavo_status (*constant_copy)(oc_device *device, const oc_constant *constant,
                                   oc_constant **out, octavo_error *error);

    /* A queue of `threads` threads with `bytes` of memory: a plan's arena and scratch. */
    octavo_status (*queue_create)(oc_device *device, int32_t threads, size_t bytes, oc_queue **out,
                                  octavo_error *error);
    void (*queue_free)(oc_queue *queue); /* NULL is accepted */
    /* Where a queue's memory begins, if it is the host's; else NULL. */
    void *(*memory)(oc_queue *queue);

    /* Makes a plan whose kernels are chosen ready for the queue.  The plan is borrowed.
     *   INTERNAL  the queue has too little memory for it */
    octavo_status (*compile)(oc_queue *queue, const oc_plan *plan, oc_program **out,
                             octavo_error *error);
    void (*program_free)(oc_program *program); /* NULL is accepted */

    /* Starts the steps; *ticket is what to wait for.  The run's arrays are borrowed until the wait
     * is over.  reports [steps] receives what `report` (OC_REPORT_...) asks for; 0: reports may be
     * NULL, and nothing is allocated.  A device whose threads are the host's has done its work when
     * this returns.
     *   DEADLINE_EXCEEDED  the run's time was over before all steps had begun */
    octavo_status (*submit)(oc_queue *queue, oc_program *program, const oc_run *run,
                            uint32_t report, oc_step_report *reports, oc_ticket *ticket,
                            octavo_error *error);
    /* Returns when that work is done, at the latest at deadline_ns (0: none).
     *   DEADLINE_EXCEEDED  it is not; it goes on, and may be waited for again */
    octavo_status (*wait)(oc_queue *queue, oc_ticket ticket, uint64_t deadline_ns,
                          octavo_error *error);

    /* Where the time of the last run went that was submitted without reports, once it is waited for
     * and its results are read.  A queue takes times from the first call on, which has none to
     * tell. NULL: the device's threads and memory are the host's. */
    oc_times (*times)(oc_queue *queue);

    /* `count` rows of a view, floats or codes, to or from dense host rows: view row index[i], or
     * first + i where index is NULL, is host row i.  All work submitted before is done. */
    octavo_status (*write)(oc_queue *queue, const oc_plan *plan, const oc_view *view, int32_t first,
                           int32_t count, const void *rows, octavo_error *error);
    octavo_status (*read)(oc_queue *queue, const oc_plan *plan, const oc_view *view, int32_t first,
                          const int32_t *index, int32_t count, void *rows, octavo_error *error);

    /* Of devices that take tensors in memory of their own; NULL: the host's memory is all there is.
     *
     * Whether the `bytes` of a tensor lie where it says, and there only; `name` begins the
     * sentence.
     *   INVALID_ARGUMENT  they do not: on another card, beyond an allocation ... */
    octavo_status (*check_tensor)(const oc_device *device, const octavo_tensor *tensor,
                                  size_t bytes, const char *name, octavo_error *error);
    /* As `read`, to rows in the device's memory.
     *   UNSUPPORTED  the view is stored in another dtype than it is read in */
    octavo_status (*copy_rows)(oc_queue *queue, const oc_plan *plan, const oc_view *view,
                               int32_t first, const int32_t *index, int32_t count, void *rows,
                               octavo_error *error);
} oc_backend;

struct oc_device {
    const oc_backend *backend;
};

struct oc_queue {
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

/* Raises a step's scratch to at least so much. */
static inline void oc_scratch_raise(oc_scratch *scratch, size_t shared, size_t local) {
    shared = (shared + 63) & ~(size_t)63, local = (local + 63) & ~(size_t)63;
    scratch->shared = shared > scratch->shared ? shared : scratch->shared;
    scratch->local = local > scratch->local ? local : scratch->local;
}

/* Bytes that a queue of so many threads must have for a plan. */
static inline size_t oc_plan_bytes(const oc_plan *plan, int32_t threads) {
    return plan->arena_bytes + plan->scratch.shared + plan->scratch.local * (size_t)threads;
}

#endif
