/* fake_driver.c - see fake_driver.h. */
#include "support/cuda/fake_driver.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/cuda/compiler.h"

enum { BLOCKS = 4096, INVALID = 1, NAME = 32, GRAPH_LAUNCHES = 1024 };

typedef enum block_kind { HANDLE, PINNED, CARD } block_kind;

typedef struct block {
    char *at;
    size_t bytes;
    block_kind kind;
    int32_t card;
    char name[NAME]; /* of a module: the kernel that was asked for last */
} block;

/* What a stream records: a kernel that would run. */
typedef struct recorded {
    const char *entry;
    void *parameters;
} recorded;

typedef struct recording {
    int32_t number; /* of an instance, from 1 */
    int32_t count;
    recorded launches[];
} recording;

static oc_fake_driver fake;
static block blocks[BLOCKS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static double clock_ms; /* the cards' */
static char contexts[OC_FAKE_CARDS];
static _Thread_local int32_t current = -1; /* card */
static _Thread_local recorded capture[GRAPH_LAUNCHES];
static _Thread_local int32_t captured = -1; /* launches so far; -1: nothing is recorded */

/* Whether this call is to fail; else it is counted. */
static bool fails(const char *symbol) {
    bool now = false;
    pthread_mutex_lock(&lock);
    if (++fake.calls == fake.fail_at) {
        snprintf(fake.failed, sizeof fake.failed, "%s", symbol);
        now = true;
    }
    pthread_mutex_unlock(&lock);
    return now;
}

static void note_wrong(bool is_wrong) {
    pthread_mutex_lock(&lock);
    fake.wrong += is_wrong;
    pthread_mutex_unlock(&lock);
}

#define CALL(symbol)                                                                               \
    if (fails(symbol)) {                                                                           \
        return fake.result;                                                                        \
    }

static void *keep(size_t bytes, block_kind kind) {
    pthread_mutex_lock(&lock);
    for (int i = 0; i < BLOCKS; i++) {
        if (blocks[i].at == NULL) {
            blocks[i] = (block){calloc(1, bytes + 1), bytes, kind, current, ""};
            fake.alive++;
            fake.wrong += current < 0;
            pthread_mutex_unlock(&lock);
            return blocks[i].at;
        }
    }
    abort();
}

static int32_t give_back(const void *at) {
    int32_t result = INVALID;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < BLOCKS && result != OC_CU_SUCCESS; i++) {
        if (at != NULL && blocks[i].at == at) {
            free(blocks[i].at);
            blocks[i].at = NULL;
            fake.alive--;
            result = OC_CU_SUCCESS;
        }
    }
    fake.wrong += result != OC_CU_SUCCESS;
    pthread_mutex_unlock(&lock);
    return result;
}

/* The block that holds the address; the lock is held. */
static block *find(const void *at) {
    const char *from = at;
    for (int i = 0; i < BLOCKS; i++) {
        if (blocks[i].at != NULL && from >= blocks[i].at && from < blocks[i].at + blocks[i].bytes) {
            return &blocks[i];
        }
    }
    return NULL;
}

/* So many bytes of the current card's memory lie there. */
static void check(const void *at, size_t bytes) {
    pthread_mutex_lock(&lock);
    const block *in = find(at);
    fake.wrong += in == NULL || in->kind != CARD || in->card != current ||
                  (const char *)at + bytes > in->at + in->bytes;
    pthread_mutex_unlock(&lock);
}

/* A handle of the current card. */
static void check_handle(const void *handle) {
    pthread_mutex_lock(&lock);
    const block *in = find(handle);
    fake.wrong += in == NULL || in->kind != HANDLE || in->card != current;
    pthread_mutex_unlock(&lock);
}

/* A kernel takes a millisecond, a copy a quarter, all else no time. */
static void work(double milliseconds) {
    pthread_mutex_lock(&lock);
    clock_ms += milliseconds;
    pthread_mutex_unlock(&lock);
}

static void run(const recorded *kernel) {
    work(1);
    if (fake.ran != NULL) {
        fake.ran(kernel->entry, kernel->parameters);
    }
}

static void *pointer(oc_cu_address address) {
    return (void *)(uintptr_t)address;
}

/* -- the card ------------------------------------------------------------------------------ */

static int32_t fake_init(uint32_t flags) {
    (void)flags;
    CALL("cuInit")
    return OC_CU_SUCCESS;
}

static int32_t fake_version(int32_t *version) {
    CALL("cuDriverGetVersion")
    *version = fake.driver_version;
    return OC_CU_SUCCESS;
}

static int32_t fake_device_count(int32_t *count) {
    CALL("cuDeviceGetCount")
    *count = fake.devices;
    return OC_CU_SUCCESS;
}

static int32_t fake_device_get(int32_t *device, int32_t index) {
    CALL("cuDeviceGet")
    *device = index;
    return OC_CU_SUCCESS;
}

static int32_t fake_device_name(char *name, int32_t bytes, int32_t device) {
    (void)device;
    CALL("cuDeviceGetName")
    snprintf(name, (size_t)bytes, "%s", fake.name);
    return OC_CU_SUCCESS;
}

static int32_t fake_device_memory(size_t *bytes, int32_t device) {
    (void)device;
    CALL("cuDeviceTotalMem")
    *bytes = (size_t)8 << 30;
    return OC_CU_SUCCESS;
}

static int32_t fake_device_bus(char *name, int32_t bytes, int32_t device) {
    CALL("cuDeviceGetPCIBusId")
    snprintf(name, (size_t)bytes, "0000:%02x:00.0", 0x1a + device);
    return OC_CU_SUCCESS;
}

static int32_t fake_device_attribute(int32_t *value, int32_t what, int32_t device) {
    (void)device;
    CALL("cuDeviceGetAttribute")
    *value = what == OC_CU_MAJOR             ? fake.major
             : what == OC_CU_MINOR           ? fake.minor
             : what == OC_CU_MULTIPROCESSORS ? 132
             : what == OC_CU_SHARED_OPTIN    ? 232448
             : what == OC_CU_CLOCK_KHZ       ? 1980000
                                             : 1;
    return OC_CU_SUCCESS;
}

static int32_t fake_context_retain(oc_cu_context *context, int32_t device) {
    CALL("cuDevicePrimaryCtxRetain")
    pthread_mutex_lock(&lock);
    fake.alive++;
    pthread_mutex_unlock(&lock);
    *context = (oc_cu_context)(void *)&contexts[device];
    return OC_CU_SUCCESS;
}

static int32_t fake_context_release(int32_t device) {
    (void)device;
    pthread_mutex_lock(&lock);
    fake.alive--;
    pthread_mutex_unlock(&lock);
    CALL("cuDevicePrimaryCtxRelease")
    return OC_CU_SUCCESS;
}

static int32_t fake_context_set(oc_cu_context context) {
    int32_t card = (int32_t)((char *)context - contexts);
    note_wrong(card < 0 || card >= fake.devices);
    current = card;
    CALL("cuCtxSetCurrent")
    return OC_CU_SUCCESS;
}

/* -- memory ---------------------------------------------------------------------------------- */

static int32_t fake_memory_info(size_t *free_bytes, size_t *total_bytes) {
    CALL("cuMemGetInfo")
    *free_bytes = fake.memory_left < 0 ? (size_t)1 << 33 : (size_t)fake.memory_left;
    *total_bytes = (size_t)1 << 33;
    return OC_CU_SUCCESS;
}

static int32_t fake_memory_create(oc_cu_address *address, size_t bytes) {
    CALL("cuMemAlloc")
    if (fake.memory_left >= 0 && (int64_t)bytes > fake.memory_left) {
        return OC_CU_OUT_OF_MEMORY;
    }
    *address = (oc_cu_address)(uintptr_t)keep(bytes, CARD);
    return OC_CU_SUCCESS;
}

static int32_t fake_memory_free(oc_cu_address address) {
    int32_t result = give_back(pointer(address));
    CALL("cuMemFree")
    return result;
}

static int32_t fake_host_create(void **memory, size_t bytes, uint32_t flags) {
    (void)flags;
    CALL("cuMemHostAlloc")
    *memory = keep(bytes, PINNED);
    return OC_CU_SUCCESS;
}

static int32_t fake_host_free(void *memory) {
    int32_t result = give_back(memory);
    CALL("cuMemFreeHost")
    return result;
}

static int32_t fake_pointer_attributes(uint32_t count, const int32_t *attributes, void **values,
                                       oc_cu_address pointer_) {
    CALL("cuPointerGetAttributes")
    pthread_mutex_lock(&lock);
    const block *in = find(pointer(pointer_));
    for (uint32_t i = 0; i < count && in != NULL && in->kind != HANDLE; i++) {
        switch (attributes[i]) {
        case OC_CU_POINTER_TYPE:
            *(uint32_t *)values[i] = in->kind == CARD ? OC_CU_DEVICE : OC_CU_HOST;
            break;
        case OC_CU_POINTER_DEVICE:
            *(int32_t *)values[i] = in->card;
            break;
        case OC_CU_POINTER_CONTEXT:
            *(void **)values[i] = &contexts[in->card];
            break;
        case OC_CU_POINTER_START:
            *(oc_cu_address *)values[i] = (oc_cu_address)(uintptr_t)in->at;
            break;
        case OC_CU_POINTER_BYTES:
            *(size_t *)values[i] = in->bytes;
            break;
        default:
            break;
        }
    }
    pthread_mutex_unlock(&lock);
    return OC_CU_SUCCESS;
}

static int32_t fake_upload(oc_cu_address to, const void *from, size_t bytes) {
    CALL("cuMemcpyHtoD")
    check(pointer(to), bytes);
    memcpy(pointer(to), from, bytes);
    return OC_CU_SUCCESS;
}

static int32_t fake_upload_async(oc_cu_address to, const void *from, size_t bytes,
                                 oc_cu_stream stream) {
    CALL("cuMemcpyHtoDAsync")
    check_handle(stream);
    work(0.25);
    check(pointer(to), bytes);
    pthread_mutex_lock(&lock);
    fake.uploaded += (int64_t)bytes;
    fake.uploads++;
    pthread_mutex_unlock(&lock);
    memcpy(pointer(to), from, bytes);
    return OC_CU_SUCCESS;
}

static int32_t fake_copy_2d(const oc_cu_copy *copy, oc_cu_stream stream) {
    (void)stream;
    CALL("cuMemcpy2DAsync")
    const char *from =
        copy->from_type == OC_CU_DEVICE ? pointer(copy->from_device) : copy->from_host;
    char *to = copy->to_type == OC_CU_DEVICE ? pointer(copy->to_device) : copy->to_host;
    for (size_t row = 0; row < copy->height; row++) {
        if (copy->from_type == OC_CU_DEVICE) {
            check(from, copy->width_bytes);
        }
        if (copy->to_type == OC_CU_DEVICE) {
            check(to, copy->width_bytes);
        }
        memcpy(to, from, copy->width_bytes);
        from += copy->from_pitch;
        to += copy->to_pitch;
    }
    return OC_CU_SUCCESS;
}

static int32_t fake_copy_device(oc_cu_address to, oc_cu_address from, size_t bytes,
                                oc_cu_stream stream) {
    (void)stream;
    CALL("cuMemcpyDtoDAsync")
    work(0.25);
    check(pointer(to), bytes);
    check(pointer(from), bytes);
    memcpy(pointer(to), pointer(from), bytes);
    return OC_CU_SUCCESS;
}

static int32_t fake_set_bytes(oc_cu_address to, uint8_t value, size_t bytes, oc_cu_stream stream) {
    (void)stream;
    CALL("cuMemsetD8Async")
    check(pointer(to), bytes);
    memset(pointer(to), value, bytes);
    return OC_CU_SUCCESS;
}

/* -- streams, events, graphs ----------------------------------------------------------------- */

#define HANDLE(name, type, symbol)                                                                 \
    static int32_t name(type *handle) {                                                            \
        CALL(symbol)                                                                               \
        *handle = (type)keep(sizeof(double), HANDLE); /* of an event: when */                      \
        return OC_CU_SUCCESS;                                                                      \
    }
#define HANDLE_FREE(name, type, symbol)                                                            \
    static int32_t name(type handle) {                                                             \
        int32_t result = give_back(handle);                                                        \
        CALL(symbol)                                                                               \
        return result;                                                                             \
    }
HANDLE(new_stream, oc_cu_stream, "cuStreamCreate")
HANDLE(new_event, oc_cu_event, "cuEventCreate")
HANDLE(new_module, oc_cu_module, "cuModuleLoadData")
HANDLE_FREE(fake_stream_free, oc_cu_stream, "cuStreamDestroy")
HANDLE_FREE(fake_event_free, oc_cu_event, "cuEventDestroy")
HANDLE_FREE(fake_graph_free, oc_cu_graph, "cuGraphDestroy")
HANDLE_FREE(fake_graph_exec_free, oc_cu_graph_exec, "cuGraphExecDestroy")
HANDLE_FREE(fake_module_free, oc_cu_module, "cuModuleUnload")

static int32_t fake_stream_create(oc_cu_stream *stream, uint32_t flags) {
    (void)flags;
    return new_stream(stream);
}

static int32_t fake_stream_wait(oc_cu_stream stream) {
    (void)stream;
    CALL("cuStreamSynchronize")
    return OC_CU_SUCCESS;
}

static int32_t fake_stream_wait_event(oc_cu_stream stream, oc_cu_event event, uint32_t flags) {
    (void)flags;
    CALL("cuStreamWaitEvent")
    check_handle(stream);
    check_handle(event);
    return OC_CU_SUCCESS;
}

static recording *keep_recording(int32_t number, int32_t count, const recorded *launches) {
    size_t bytes = (size_t)count * sizeof *launches;
    recording *kept = keep(sizeof *kept + bytes, HANDLE);
    kept->number = number;
    kept->count = count;
    memcpy(kept->launches, launches, bytes);
    return kept;
}

static int32_t fake_capture_begin(oc_cu_stream stream, int32_t mode) {
    (void)stream;
    (void)mode;
    CALL("cuStreamBeginCapture")
    captured = 0;
    return OC_CU_SUCCESS;
}

static int32_t fake_capture_end(oc_cu_stream stream, oc_cu_graph *graph) {
    (void)stream;
    int32_t count = captured;
    captured = -1;
    CALL("cuStreamEndCapture")
    *graph = (oc_cu_graph)(void *)keep_recording(0, count, capture);
    return OC_CU_SUCCESS;
}

static int32_t fake_graph_instantiate(oc_cu_graph_exec *exec, oc_cu_graph graph,
                                      unsigned long long flags) {
    const recording *from = (const recording *)(const void *)graph;
    (void)flags;
    CALL("cuGraphInstantiate")
    pthread_mutex_lock(&lock);
    int32_t number = ++fake.graphs;
    pthread_mutex_unlock(&lock);
    *exec = (oc_cu_graph_exec)(void *)keep_recording(number, from->count, from->launches);
    return OC_CU_SUCCESS;
}

static int32_t fake_graph_launch(oc_cu_graph_exec exec, oc_cu_stream stream) {
    const recording *launched = (const recording *)(const void *)exec;
    CALL("cuGraphLaunch")
    check_handle(stream);
    check_handle(exec);
    for (int32_t i = 0; i < launched->count; i++) {
        run(&launched->launches[i]);
    }
    pthread_mutex_lock(&lock);
    fake.graph = launched->number;
    pthread_mutex_unlock(&lock);
    return OC_CU_SUCCESS;
}

static int32_t fake_event_create(oc_cu_event *event, uint32_t flags) {
    (void)flags;
    return new_event(event);
}

static int32_t fake_event_record(oc_cu_event event, oc_cu_stream stream) {
    CALL("cuEventRecord")
    check_handle(event);
    check_handle(stream);
    pthread_mutex_lock(&lock);
    *(double *)(void *)event = clock_ms;
    fake.records++;
    pthread_mutex_unlock(&lock);
    return OC_CU_SUCCESS;
}

static int32_t fake_event_query(oc_cu_event event) {
    (void)event;
    CALL("cuEventQuery")
    return OC_CU_SUCCESS;
}

static int32_t fake_event_wait(oc_cu_event event) {
    (void)event;
    CALL("cuEventSynchronize")
    return OC_CU_SUCCESS;
}

static int32_t fake_event_elapsed(float *milliseconds, oc_cu_event start, oc_cu_event end) {
    CALL("cuEventElapsedTime")
    *milliseconds =
        fake.elapsed != NULL
            ? fake.elapsed(fake.graph)
            : (float)(*(const double *)(const void *)end - *(const double *)(const void *)start);
    return OC_CU_SUCCESS;
}

/* -- kernels --------------------------------------------------------------------------------- */

static int32_t fake_module_load(oc_cu_module *module, const void *image) {
    (void)image;
    return new_module(module);
}

static int32_t fake_module_function(oc_cu_function *function, oc_cu_module module,
                                    const char *name) {
    CALL("cuModuleGetFunction")
    note_wrong(name[0] == '\0');
    pthread_mutex_lock(&lock);
    block *in = find(module);
    snprintf(in->name, sizeof in->name, "%s", name);
    pthread_mutex_unlock(&lock);
    *function = (oc_cu_function)(void *)module;
    return OC_CU_SUCCESS;
}

static int32_t fake_function_set(oc_cu_function function, int32_t what, int32_t value) {
    (void)function;
    (void)what;
    (void)value;
    CALL("cuFuncSetAttribute")
    return OC_CU_SUCCESS;
}

static int32_t fake_launch(const oc_cu_launch *launch, oc_cu_function function, void **parameters,
                           void **extra) {
    (void)extra;
    CALL("cuLaunchKernelEx")
    note_wrong(launch->grid_x == 0 || launch->grid_y == 0 || launch->grid_z == 0 ||
               launch->block_x == 0 || launch->block_x > 1024 || parameters == NULL ||
               launch->grid_y > 65535 || launch->grid_z > 65535);
    check_handle(function);
    pthread_mutex_lock(&lock);
    const block *in = find(function);
    fake.launches++;
    recorded kernel = {in->name, parameters[0]};
    pthread_mutex_unlock(&lock);
    if (captured < 0) {
        run(&kernel);
        return OC_CU_SUCCESS;
    }
    if (captured == GRAPH_LAUNCHES) {
        abort();
    }
    capture[captured++] = kernel;
    return OC_CU_SUCCESS;
}

static int32_t fake_tensor_map(oc_cu_tensor_map *map, int32_t type, uint32_t rank,
                               oc_cu_address address, const uint64_t *sizes,
                               const uint64_t *strides, const uint32_t *box,
                               const uint32_t *element_strides, int32_t interleave, int32_t swizzle,
                               int32_t promotion, int32_t fill) {
    (void)type;
    (void)sizes;
    (void)element_strides;
    (void)interleave;
    (void)swizzle;
    (void)promotion;
    (void)fill;
    CALL("cuTensorMapEncodeTiled")
    note_wrong(rank < 1 || rank > 5 || address % 16 != 0 || strides[0] % 16 != 0 || box[0] == 0);
    memset(map, 0, sizeof *map);
    return OC_CU_SUCCESS;
}

static int32_t fake_error_name(int32_t result, const char **name) {
    (void)result;
    *name = "CUDA_ERROR_OF_PAPER";
    return OC_CU_SUCCESS;
}

static int32_t fake_error_text(int32_t result, const char **text) {
    (void)result;
    *text = "it is torn";
    return OC_CU_SUCCESS;
}

static octavo_status compile_nothing(const char *name, const char *defines,
                                     const char *architecture, void **image, size_t *bytes,
                                     octavo_error *error) {
    (void)name;
    (void)defines;
    (void)architecture;
    (void)error;
    *bytes = 1;
    *image = calloc(1, 1);
    return OCTAVO_OK;
}

static const oc_cu_driver driver = {
#define XX(member, symbol, parameters) .member = fake_##member,
    OC_CU_MAP(XX)
#undef XX
};

const oc_cu_driver *oc_fake_driver_table(void) {
    return &driver;
}

oc_fake_driver *oc_fake_driver_begin(void) {
    memset(&fake, 0, sizeof fake);
    memset(blocks, 0, sizeof blocks);
    clock_ms = 0;
    fake.devices = 2;
    fake.name = "a card of paper";
    fake.major = 9;
    fake.driver_version = 13000;
    fake.result = 999;
    fake.memory_left = -1;
    oc_cu_replace(&driver);
    oc_cuda_compiler_replace(compile_nothing);
    return &fake;
}

void oc_fake_driver_end(void) {
    oc_cu_replace(NULL);
    oc_cuda_compiler_replace(NULL);
}
