/* kernels.h - how a step becomes launches: one family of kernels a kind of step, each in
 * kernels/NAME.cu with its host half beside it. */
#ifndef OC_BACKENDS_CUDA_KERNELS_H
#define OC_BACKENDS_CUDA_KERNELS_H

#include "backends/cuda/constants.h"
#include "backends/cuda/device.h"

enum { OC_CUDA_ARGS = 512 };

/* One kernel with all that it is given. */
typedef struct oc_cuda_launch {
    oc_cu_function function;
    uint32_t grid[3], threads, shared_bytes, cluster; /* cluster: blocks along x, 0: none */
    bool overlaps; /* it waits for its predecessor by itself (programmatic dependent launch) */
    int32_t step;  /* whose it is */
    int32_t parameter_count, offsets[4]; /* bytes in args */
    _Alignas(64) char args[OC_CUDA_ARGS];
} oc_cuda_launch;

/* Where a program's queue keeps what a run brings, in the device's memory. */
typedef struct oc_cuda_inputs {
    oc_cu_address rows;                  /* int32 [OC_ROWS_COUNT] */
    oc_cu_address starts[OC_ROWS_COUNT]; /* of token row sets; int32 */
    oc_cu_address ends, ids, positions, mask;
    oc_cu_address pixels; /* where the address of the pixels lies */
} oc_cuda_inputs;

/* What makes launches of steps. */
typedef struct oc_cuda_maker {
    oc_cuda_device *device;
    const oc_plan_limits *limits;
    oc_cuda_inputs inputs;
    oc_cuda_launch *launches; /* of OC_CUDA_LAUNCHES a step at most */
    int32_t count;
    /* 1: the step is to begin with its last rows, which the one before it wrote last: they are in
     * the L2 still. */
    int32_t descending;
} oc_cuda_maker;

enum { OC_CUDA_LAUNCHES = 2 };

typedef struct oc_cuda_family {
    const char *kernel; /* the only one there is, for any such step; NULL: `choose` */
    /* Sets step->kernel, step->tactic and step->why; as oc_backend.choose. */
    octavo_status (*choose)(oc_cuda_device *device, oc_step *step, const oc_plan_limits *limits,
                            oc_scratch *scratch, octavo_error *error);
    /* As oc_backend.tactics; NULL: every step is done in one way. */
    void (*tactics)(const oc_cuda_device *device, const oc_step *step, const oc_plan_limits *limits,
                    oc_tactics *out);
    /* Appends the launches of a step whose views have addresses. */
    octavo_status (*make)(oc_cuda_maker *maker, const oc_step *step, octavo_error *error);
} oc_cuda_family;

extern const oc_cuda_family oc_cuda_patches, oc_cuda_tokens, oc_cuda_norm, oc_cuda_gemm,
    oc_cuda_attention, oc_cuda_pick, oc_cuda_pointwise, oc_cuda_unit, oc_cuda_logits;

/* A launch of kernel `entry` of kernels/NAME, compiled with `defines`, one parameter of `bytes`. */
octavo_status oc_cuda_launch_add(oc_cuda_maker *maker, const char *name, const char *entry,
                                 const char *defines, const void *args, size_t bytes,
                                 oc_cuda_launch **out, octavo_error *error);

/* Starts it on a stream, or records it where the stream is being captured. */
octavo_status oc_cuda_launch_start(const oc_cu_driver *driver, oc_cu_stream stream,
                                   oc_cuda_launch *launch, octavo_error *error);

/* The address of a row set's count. */
static inline oc_cu_address oc_cuda_rows(const oc_cuda_maker *maker, oc_rows rows) {
    return maker->inputs.rows + (size_t)rows * sizeof(int32_t);
}

/* The address of a view or constant, 0 for none. */
static inline oc_cu_address oc_cuda_at(const oc_view *view) {
    return view->columns == 0 ? 0 : (oc_cu_address)(uintptr_t)view->data;
}

static inline oc_cu_address oc_cuda_floats(const oc_constant *constant) {
    return constant == NULL ? 0 : (oc_cu_address)(uintptr_t)constant->data;
}

/* Of a view that may be none: 0. */
static inline int32_t oc_cuda_dtype(const oc_view *view) {
    return view->columns == 0 ? 0 : (int32_t)view->dtype;
}

#endif
