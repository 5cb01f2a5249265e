/* driver.h - NVIDIA's driver: libcuda, opened at run time, and the few of its types that are used.
 *
 * Names, numbers and layouts are those of the CUDA driver API (CUDA 12.3 and newer; documented at
 * docs.nvidia.com/cuda/cuda-driver-api).  No header or library of the toolkit is needed to build.
 */
#ifndef OC_BACKENDS_CUDA_DRIVER_H
#define OC_BACKENDS_CUDA_DRIVER_H

#include <stdbool.h>

#include "base/status.h"

typedef uint64_t oc_cu_address; /* in the device's memory */
typedef struct oc_cu_context *oc_cu_context;
typedef struct oc_cu_module *oc_cu_module;
typedef struct oc_cu_function *oc_cu_function;
typedef struct oc_cu_stream *oc_cu_stream;
typedef struct oc_cu_event *oc_cu_event;
typedef struct oc_cu_graph *oc_cu_graph;
typedef struct oc_cu_graph_exec *oc_cu_graph_exec;

/* CUtensorMap */
typedef struct oc_cu_tensor_map {
    uint64_t words[16];
} __attribute__((aligned(64))) oc_cu_tensor_map;

enum { /* CUresult */
       OC_CU_SUCCESS = 0,
       OC_CU_OUT_OF_MEMORY = 2,
       OC_CU_NO_DEVICE = 100,
       OC_CU_NO_BINARY = 209,
       OC_CU_NOT_READY = 600,
};

enum { /* CUdevice_attribute */
       OC_CU_MULTIPROCESSORS = 16,
       OC_CU_MAJOR = 75,
       OC_CU_MINOR = 76,
       OC_CU_SHARED_OPTIN = 97,
       OC_CU_L2_BYTES = 38,
       OC_CU_CLOCK_KHZ = 13, /* the highest */
};

enum {                 /* CUmemorytype, and CUpointer_attribute */
       OC_CU_HOST = 1, /* pinned */
       OC_CU_DEVICE = 2,
       OC_CU_POINTER_CONTEXT = 1,
       OC_CU_POINTER_TYPE = 2,
       OC_CU_POINTER_MANAGED = 8,
       OC_CU_POINTER_DEVICE = 9,
       OC_CU_POINTER_START = 11,
       OC_CU_POINTER_BYTES = 12,
};

enum { /* CUtensorMapDataType, CUtensorMapSwizzle, CUtensorMapL2promotion */
       OC_CU_MAP_U8 = 0,
       OC_CU_MAP_F16 = 6,
       OC_CU_MAP_SWIZZLE_128 = 3,
       OC_CU_MAP_L2_256 = 3,
};

enum { /* CUfunction_attribute, CUlaunchAttributeID, flags */
       OC_CU_FUNCTION_SHARED = 8,
       OC_CU_LAUNCH_CLUSTER = 4,
       OC_CU_LAUNCH_PDL = 6,
       OC_CU_STREAM_NON_BLOCKING = 1,
       OC_CU_EVENT_NO_TIMING = 2,
       OC_CU_CAPTURE_THREAD_LOCAL = 1,
};

/* CUlaunchAttribute */
typedef struct oc_cu_launch_attribute {
    int32_t id;
    char pad[4];
    union {
        char pad[64];
        struct {
            uint32_t x, y, z;
        } cluster;
        int32_t flag;
    } value;
} oc_cu_launch_attribute;

/* CUlaunchConfig */
typedef struct oc_cu_launch {
    uint32_t grid_x, grid_y, grid_z, block_x, block_y, block_z, shared_bytes;
    oc_cu_stream stream;
    oc_cu_launch_attribute *attributes;
    uint32_t attribute_count;
} oc_cu_launch;

/* CUDA_MEMCPY2D */
typedef struct oc_cu_copy {
    size_t from_x, from_y;
    int32_t from_type; /* OC_CU_HOST or OC_CU_DEVICE */
    const void *from_host;
    oc_cu_address from_device;
    void *from_array;
    size_t from_pitch, to_x, to_y;
    int32_t to_type;
    void *to_host;
    oc_cu_address to_device;
    void *to_array;
    size_t to_pitch, width_bytes, height;
} oc_cu_copy;

/* member, symbol in libcuda, parameters */
#define OC_CU_MAP(XX)                                                                              \
    XX(init, "cuInit", (uint32_t flags))                                                           \
    XX(version, "cuDriverGetVersion", (int32_t * version))                                         \
    XX(device_count, "cuDeviceGetCount", (int32_t * count))                                        \
    XX(device_get, "cuDeviceGet", (int32_t * device, int32_t index))                               \
    XX(device_name, "cuDeviceGetName", (char *name, int32_t bytes, int32_t device))                \
    XX(device_memory, "cuDeviceTotalMem_v2", (size_t * bytes, int32_t device))                     \
    XX(device_attribute, "cuDeviceGetAttribute", (int32_t * value, int32_t what, int32_t device))  \
    XX(device_bus, "cuDeviceGetPCIBusId", (char *name, int32_t bytes, int32_t device))             \
    XX(context_retain, "cuDevicePrimaryCtxRetain", (oc_cu_context * context, int32_t device))      \
    XX(context_release, "cuDevicePrimaryCtxRelease_v2", (int32_t device))                          \
    XX(context_set, "cuCtxSetCurrent", (oc_cu_context context))                                    \
    XX(memory_info, "cuMemGetInfo_v2", (size_t * free_bytes, size_t * total_bytes))                \
    XX(memory_create, "cuMemAlloc_v2", (oc_cu_address * address, size_t bytes))                    \
    XX(memory_free, "cuMemFree_v2", (oc_cu_address address))                                       \
    XX(host_create, "cuMemHostAlloc", (void **memory, size_t bytes, uint32_t flags))               \
    XX(host_free, "cuMemFreeHost", (void *memory))                                                 \
    XX(pointer_attributes, "cuPointerGetAttributes",                                               \
       (uint32_t count, const int32_t *attributes, void **values, oc_cu_address pointer))          \
    XX(upload, "cuMemcpyHtoD_v2", (oc_cu_address to, const void *from, size_t bytes))              \
    XX(upload_async, "cuMemcpyHtoDAsync_v2",                                                       \
       (oc_cu_address to, const void *from, size_t bytes, oc_cu_stream stream))                    \
    XX(copy_2d, "cuMemcpy2DAsync_v2", (const oc_cu_copy *copy, oc_cu_stream stream))               \
    XX(copy_device, "cuMemcpyDtoDAsync_v2",                                                        \
       (oc_cu_address to, oc_cu_address from, size_t bytes, oc_cu_stream stream))                  \
    XX(set_bytes, "cuMemsetD8Async",                                                               \
       (oc_cu_address to, uint8_t value, size_t bytes, oc_cu_stream stream))                       \
    XX(stream_create, "cuStreamCreate", (oc_cu_stream * stream, uint32_t flags))                   \
    XX(stream_free, "cuStreamDestroy_v2", (oc_cu_stream stream))                                   \
    XX(stream_wait, "cuStreamSynchronize", (oc_cu_stream stream))                                  \
    XX(stream_wait_event, "cuStreamWaitEvent",                                                     \
       (oc_cu_stream stream, oc_cu_event event, uint32_t flags))                                   \
    XX(capture_begin, "cuStreamBeginCapture_v2", (oc_cu_stream stream, int32_t mode))              \
    XX(capture_end, "cuStreamEndCapture", (oc_cu_stream stream, oc_cu_graph * graph))              \
    XX(graph_instantiate, "cuGraphInstantiateWithFlags",                                           \
       (oc_cu_graph_exec * exec, oc_cu_graph graph, unsigned long long flags))                     \
    XX(graph_launch, "cuGraphLaunch", (oc_cu_graph_exec exec, oc_cu_stream stream))                \
    XX(graph_exec_free, "cuGraphExecDestroy", (oc_cu_graph_exec exec))                             \
    XX(graph_free, "cuGraphDestroy", (oc_cu_graph graph))                                          \
    XX(event_create, "cuEventCreate", (oc_cu_event * event, uint32_t flags))                       \
    XX(event_free, "cuEventDestroy_v2", (oc_cu_event event))                                       \
    XX(event_record, "cuEventRecord", (oc_cu_event event, oc_cu_stream stream))                    \
    XX(event_query, "cuEventQuery", (oc_cu_event event))                                           \
    XX(event_wait, "cuEventSynchronize", (oc_cu_event event))                                      \
    XX(event_elapsed, "cuEventElapsedTime",                                                        \
       (float *milliseconds, oc_cu_event start, oc_cu_event end))                                  \
    XX(module_load, "cuModuleLoadData", (oc_cu_module * module, const void *image))                \
    XX(module_free, "cuModuleUnload", (oc_cu_module module))                                       \
    XX(module_function, "cuModuleGetFunction",                                                     \
       (oc_cu_function * function, oc_cu_module module, const char *name))                         \
    XX(function_set, "cuFuncSetAttribute", (oc_cu_function function, int32_t what, int32_t value)) \
    XX(launch, "cuLaunchKernelEx",                                                                 \
       (const oc_cu_launch *launch, oc_cu_function function, void **parameters, void **extra))     \
    XX(tensor_map, "cuTensorMapEncodeTiled",                                                       \
       (oc_cu_tensor_map * map, int32_t type, uint32_t rank, oc_cu_address address,                \
        const uint64_t *sizes, const uint64_t *strides, const uint32_t *box,                       \
        const uint32_t *element_strides, int32_t interleave, int32_t swizzle, int32_t promotion,   \
        int32_t fill))                                                                             \
    XX(error_name, "cuGetErrorName", (int32_t result, const char **name))                          \
    XX(error_text, "cuGetErrorString", (int32_t result, const char **text))

/* Each returns a CUresult. */
typedef struct oc_cu_driver {
#define XX(member, symbol, parameters) int32_t(*member) parameters;
    OC_CU_MAP(XX)
#undef XX
} oc_cu_driver;

/* The driver, opened and initialised by the first call; later ones give the same answer.
 * Any thread.
 *   UNAVAILABLE  no libcuda, one that lacks a function, or no device */
octavo_status oc_cu_open(const oc_cu_driver **out, octavo_error *error);

/* Tests: what oc_cu_open gives from now on; NULL: libcuda again. */
void oc_cu_replace(const oc_cu_driver *driver);

/* Fills *error from a CUresult: "the GPU's driver fails to WHAT: CUDA_ERROR_...: ...".  Out of
 * memory is EXHAUSTED, all else UNAVAILABLE. */
octavo_status oc_cu_fail(const oc_cu_driver *driver, int32_t result, const char *what,
                         octavo_error *error, const char *source, int line);

/* Calls a function of the driver; `what` completes the sentence. */
#define OC_CU(driver, call, what, error)                                                           \
    do {                                                                                           \
        int32_t oc_result = (driver)->call;                                                        \
        if (oc_result != OC_CU_SUCCESS) {                                                          \
            status = oc_cu_fail((driver), oc_result, (what), (error), __FILE__, __LINE__);         \
            goto done;                                                                             \
        }                                                                                          \
    } while (0)

#endif
