/* paper.c - see paper.h. */
#include "backends/cuda/pack/paper.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Multiprocessors, and bytes of shared memory that a block can have, as NVIDIA's tables give them
 * (CUDA C++ Programming Guide, technical specifications by compute capability).  Only the products
 * of sm_90a are chosen by the number of multiprocessors, so only that architecture has several
 * cards. */
static const oc_paper_card cards[] = {
    {"sm_80", "A100", 8, 0, 108, 166912},       {"sm_86", "GeForce RTX 3090", 8, 6, 82, 101376},
    {"sm_89", "L40S", 8, 9, 142, 101376},       {"sm_90a", "H100 SXM, H200", 9, 0, 132, 232448},
    {"sm_90a", "H100 PCIe", 9, 0, 114, 232448}, {"sm_90a", "H20", 9, 0, 78, 232448},
    {"sm_100", "B200", 10, 0, 148, 232448},     {"sm_120", "GeForce RTX 5090", 12, 0, 170, 101376},
};

enum { VERSION = 13000, ALIGN = 256 };

static const char handle; /* of all that is made */
static _Atomic uint64_t memory_end = 1 << 20;

const oc_paper_card *oc_paper_card_at(int32_t index) {
    return index >= 0 && index < (int32_t)OC_COUNT(cards) ? &cards[index] : NULL;
}

void oc_cuda_model(const char *name, const char *architecture, int32_t multiprocessors,
                   char text[OC_CUDA_MODEL]) {
    snprintf(text, OC_CUDA_MODEL, "%s, %s, %d multiprocessors", name, architecture,
             multiprocessors);
}

bool oc_paper_card_stands_for(const oc_paper_card *card, const char *model) {
    char end[OC_CUDA_MODEL];
    oc_cuda_model("", card->architecture, card->multiprocessors, end);
    size_t length = strlen(model), wanted = strlen(end);
    return length > wanted && strcmp(model + length - wanted, end) == 0;
}

/* -- the card ------------------------------------------------------------------------------ */

static int32_t paper_init(uint32_t flags) {
    (void)flags;
    return OC_CU_SUCCESS;
}

static int32_t paper_version(int32_t *version) {
    *version = VERSION;
    return OC_CU_SUCCESS;
}

static int32_t paper_device_count(int32_t *count) {
    *count = (int32_t)OC_COUNT(cards);
    return OC_CU_SUCCESS;
}

static int32_t paper_device_get(int32_t *device, int32_t index) {
    *device = index;
    return OC_CU_SUCCESS;
}

static int32_t paper_device_name(char *name, int32_t bytes, int32_t device) {
    snprintf(name, (size_t)bytes, "%s of paper", cards[device].name);
    return OC_CU_SUCCESS;
}

static int32_t paper_device_memory(size_t *bytes, int32_t device) {
    (void)device;
    *bytes = SIZE_MAX / 2;
    return OC_CU_SUCCESS;
}

static int32_t paper_device_bus(char *name, int32_t bytes, int32_t device) {
    snprintf(name, (size_t)bytes, "paper:%d", device);
    return OC_CU_SUCCESS;
}

static int32_t paper_device_attribute(int32_t *value, int32_t what, int32_t device) {
    const oc_paper_card *card = &cards[device];
    *value = what == OC_CU_MAJOR             ? card->major
             : what == OC_CU_MINOR           ? card->minor
             : what == OC_CU_MULTIPROCESSORS ? card->multiprocessors
             : what == OC_CU_SHARED_OPTIN    ? card->shared_bytes
                                             : 1;
    return OC_CU_SUCCESS;
}

static int32_t paper_context_retain(oc_cu_context *context, int32_t device) {
    (void)device;
    *context = (oc_cu_context)(void *)(uintptr_t)&handle;
    return OC_CU_SUCCESS;
}

static int32_t paper_context_release(int32_t device) {
    (void)device;
    return OC_CU_SUCCESS;
}

static int32_t paper_context_set(oc_cu_context context) {
    (void)context;
    return OC_CU_SUCCESS;
}

/* -- memory ---------------------------------------------------------------------------------- */

static int32_t paper_memory_info(size_t *free_bytes, size_t *total_bytes) {
    *free_bytes = *total_bytes = SIZE_MAX / 2;
    return OC_CU_SUCCESS;
}

static int32_t paper_memory_create(oc_cu_address *address, size_t bytes) {
    *address = atomic_fetch_add(&memory_end, (bytes + 1 + ALIGN) / ALIGN * ALIGN);
    return OC_CU_SUCCESS;
}

static int32_t paper_memory_free(oc_cu_address address) {
    (void)address;
    return OC_CU_SUCCESS;
}

static int32_t paper_host_create(void **memory, size_t bytes, uint32_t flags) {
    (void)flags;
    *memory = calloc(1, bytes + 1); /* written to by the host */
    return *memory == NULL ? OC_CU_OUT_OF_MEMORY : OC_CU_SUCCESS;
}

static int32_t paper_host_free(void *memory) {
    free(memory);
    return OC_CU_SUCCESS;
}

static int32_t paper_pointer_attributes(uint32_t count, const int32_t *attributes, void **values,
                                        oc_cu_address pointer) {
    (void)count;
    (void)attributes;
    (void)values;
    (void)pointer;
    return OC_CU_SUCCESS;
}

static int32_t paper_upload(oc_cu_address to, const void *from, size_t bytes) {
    (void)to;
    (void)from;
    (void)bytes;
    return OC_CU_SUCCESS;
}

static int32_t paper_upload_async(oc_cu_address to, const void *from, size_t bytes,
                                  oc_cu_stream stream) {
    (void)stream;
    return paper_upload(to, from, bytes);
}

static int32_t paper_copy_2d(const oc_cu_copy *copy, oc_cu_stream stream) {
    (void)copy;
    (void)stream;
    return OC_CU_SUCCESS;
}

static int32_t paper_copy_device(oc_cu_address to, oc_cu_address from, size_t bytes,
                                 oc_cu_stream stream) {
    (void)to;
    (void)from;
    (void)bytes;
    (void)stream;
    return OC_CU_SUCCESS;
}

static int32_t paper_set_bytes(oc_cu_address to, uint8_t value, size_t bytes, oc_cu_stream stream) {
    (void)to;
    (void)value;
    (void)bytes;
    (void)stream;
    return OC_CU_SUCCESS;
}

/* -- streams, events, graphs ----------------------------------------------------------------- */

#define FREE(name, type)                                                                           \
    static int32_t paper_##name(type object) {                                                     \
        (void)object;                                                                              \
        return OC_CU_SUCCESS;                                                                      \
    }
FREE(stream_free, oc_cu_stream)
FREE(stream_wait, oc_cu_stream)
FREE(event_free, oc_cu_event)
FREE(event_query, oc_cu_event)
FREE(event_wait, oc_cu_event)
FREE(graph_free, oc_cu_graph)
FREE(graph_exec_free, oc_cu_graph_exec)
FREE(module_free, oc_cu_module)

static int32_t paper_stream_create(oc_cu_stream *stream, uint32_t flags) {
    (void)flags;
    *stream = (oc_cu_stream)(void *)(uintptr_t)&handle;
    return OC_CU_SUCCESS;
}

static int32_t paper_capture_begin(oc_cu_stream stream, int32_t mode) {
    (void)stream;
    (void)mode;
    return OC_CU_SUCCESS;
}

static int32_t paper_capture_end(oc_cu_stream stream, oc_cu_graph *graph) {
    (void)stream;
    *graph = (oc_cu_graph)(void *)(uintptr_t)&handle;
    return OC_CU_SUCCESS;
}

static int32_t paper_graph_instantiate(oc_cu_graph_exec *exec, oc_cu_graph graph,
                                       unsigned long long flags) {
    (void)graph;
    (void)flags;
    *exec = (oc_cu_graph_exec)(void *)(uintptr_t)&handle;
    return OC_CU_SUCCESS;
}

static int32_t paper_graph_launch(oc_cu_graph_exec exec, oc_cu_stream stream) {
    (void)exec;
    (void)stream;
    return OC_CU_SUCCESS;
}

static int32_t paper_event_create(oc_cu_event *event, uint32_t flags) {
    (void)flags;
    *event = (oc_cu_event)(void *)(uintptr_t)&handle;
    return OC_CU_SUCCESS;
}

static int32_t paper_event_record(oc_cu_event event, oc_cu_stream stream) {
    (void)event;
    (void)stream;
    return OC_CU_SUCCESS;
}

static int32_t paper_stream_wait_event(oc_cu_stream stream, oc_cu_event event, uint32_t flags) {
    (void)stream;
    (void)event;
    (void)flags;
    return OC_CU_SUCCESS;
}

static int32_t paper_event_elapsed(float *milliseconds, oc_cu_event start, oc_cu_event end) {
    (void)start;
    (void)end;
    *milliseconds = 0;
    return OC_CU_SUCCESS;
}

/* -- kernels --------------------------------------------------------------------------------- */

static int32_t paper_module_load(oc_cu_module *module, const void *image) {
    (void)image;
    *module = (oc_cu_module)(void *)(uintptr_t)&handle;
    return OC_CU_SUCCESS;
}

static int32_t paper_module_function(oc_cu_function *function, oc_cu_module module,
                                     const char *name) {
    (void)module;
    (void)name;
    *function = (oc_cu_function)(void *)(uintptr_t)&handle;
    return OC_CU_SUCCESS;
}

static int32_t paper_function_set(oc_cu_function function, int32_t what, int32_t value) {
    (void)function;
    (void)what;
    (void)value;
    return OC_CU_SUCCESS;
}

static int32_t paper_launch(const oc_cu_launch *launch, oc_cu_function function, void **parameters,
                            void **extra) {
    (void)launch;
    (void)function;
    (void)parameters;
    (void)extra;
    return OC_CU_SUCCESS;
}

static int32_t paper_tensor_map(oc_cu_tensor_map *map, int32_t type, uint32_t rank,
                                oc_cu_address address, const uint64_t *sizes,
                                const uint64_t *strides, const uint32_t *box,
                                const uint32_t *element_strides, int32_t interleave,
                                int32_t swizzle, int32_t promotion, int32_t fill) {
    (void)type;
    (void)rank;
    (void)address;
    (void)sizes;
    (void)strides;
    (void)box;
    (void)element_strides;
    (void)interleave;
    (void)swizzle;
    (void)promotion;
    (void)fill;
    memset(map, 0, sizeof *map);
    return OC_CU_SUCCESS;
}

static int32_t paper_error_name(int32_t result, const char **name) {
    *name = result == OC_CU_OUT_OF_MEMORY ? "out of memory" : "error";
    return OC_CU_SUCCESS;
}

static int32_t paper_error_text(int32_t result, const char **text) {
    (void)result;
    *text = "a card of paper";
    return OC_CU_SUCCESS;
}

const oc_cu_driver oc_paper_driver = {
#define XX(member, symbol, parameters) .member = paper_##member,
    OC_CU_MAP(XX)
#undef XX
};
