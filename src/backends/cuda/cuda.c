/* cuda.c - a card as a device: opening it, constants, choosing kernels.  queue.c runs. */
#include "backends/cuda/cuda.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/cuda/constants.h"
#include "backends/cuda/copy/place.h"
#include "backends/cuda/kernels.h"
#include "backends/cuda/queue.h"

static const oc_cuda_family *const families[OC_STEP_COUNT] = {
#define XX(kind, member, text) [OC_STEP_##kind] = &oc_cuda_##member,
    OC_STEP_MAP(XX)
#undef XX
};

/* -- opening -------------------------------------------------------------------------------- */

octavo_status oc_cuda_enter(const oc_cuda_device *device, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    OC_CU(device->driver, context_set(device->context), "use the card", error);
done:
    return status;
}

static void cuda_close(oc_device *base) {
    oc_cuda_device *device = (oc_cuda_device *)base;
    if (device == NULL) {
        return;
    }
    if (device->context != NULL) { /* what can be given back is, in any case */
        (void)oc_cuda_enter(device, NULL);
        oc_cuda_kernels_free(device);
        device->driver->context_release(device->index);
    }
    pthread_mutex_destroy(&device->lock);
    oc_pack_close(&device->pack);
    free(device->cache);
    free(device);
}

static const char *const tiers[] = {"wgmma", "mma"}; /* cuda.h */

/* "N" or "N:TIER": the card's number, and which kernels; NULL or "": 0. */
static octavo_status read_name(const char *name, int32_t count, oc_cuda_device *device,
                               octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const char *text = name == NULL || name[0] == '\0' ? "0" : name;
    char *end = NULL;
    long index = strtol(text, &end, 10);
    if (end == text || (*end != '\0' && *end != ':') || index < 0) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "cuda:%s names no card; it must be a number such as cuda:0", text);
    }
    if (index >= count) {
        OC_FAIL(error, OCTAVO_UNAVAILABLE, OCTAVO_NO_OFFSET,
                "there is no card %ld; this machine has %d, the first is cuda:0", index, count);
    }
    device->index = (int32_t)index;
    for (size_t i = 0; *end == ':' && i < OC_COUNT(tiers); i++) {
        if (strcmp(end + 1, tiers[i]) == 0) {
            device->tier = tiers[i];
        }
    }
    if (*end == ':' && device->tier == NULL) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "cuda:%s asks for kernels called %s; there are wgmma and mma", text, end + 1);
    }
done:
    return status;
}

static octavo_status read_card(oc_cuda_device *device, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_cu_driver *cu = device->driver;
    int32_t shared = 0;
    OC_CU(cu, device_name(device->name, sizeof device->name, device->index), "name the card",
          error);
    OC_CU(cu, device_attribute(&device->major, OC_CU_MAJOR, device->index), "describe the card",
          error);
    OC_CU(cu, device_attribute(&device->minor, OC_CU_MINOR, device->index), "describe the card",
          error);
    OC_CU(cu, device_attribute(&device->multiprocessors, OC_CU_MULTIPROCESSORS, device->index),
          "describe the card", error);
    OC_CU(cu, device_attribute(&shared, OC_CU_SHARED_OPTIN, device->index), "describe the card",
          error);
    OC_CU(cu, version(&device->driver_version), "tell its version", error);
    device->shared_max = (size_t)shared;
    if (device->major < 8) {
        OC_FAIL(error, OCTAVO_UNAVAILABLE, OCTAVO_NO_OFFSET,
                "%s has compute capability %d.%d; octavo's kernels need 8.0 or newer", device->name,
                device->major, device->minor);
    }
    snprintf(device->architecture, sizeof device->architecture, "sm_%d%d%s", device->major,
             device->minor, device->major == 9 ? "a" : "");
    device->has_wgmma = device->major == 9 && (device->tier == NULL || device->tier == tiers[0]);
    if (device->tier == tiers[0] && !device->has_wgmma) {
        OC_FAIL(error, OCTAVO_UNAVAILABLE, OCTAVO_NO_OFFSET,
                "%s has compute capability %d.%d; wgmma kernels need 9.0", device->name,
                device->major, device->minor);
    }
    oc_cuda_model(device->name, device->architecture, device->multiprocessors, device->model);
    snprintf(device->software, sizeof device->software, "driver of CUDA %d.%d",
             device->driver_version / 1000, device->driver_version % 1000 / 10);
done:
    return status;
}

/* Where compiled kernels may be: a pack that is named has to be one. */
static octavo_status find_kernels(oc_cuda_device *device, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const char *pack = oc_cuda_pack_path();
    if (pack != NULL) {
        OC_TRY(oc_pack_open(pack, &device->pack, error));
    }
    device->cache = oc_cuda_cache_folder();
done:
    return status;
}

static octavo_status cuda_open(const oc_device_options *options, oc_device **out,
                               octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_cu_driver *cu = NULL;
    oc_cuda_device *device = NULL;
    int32_t count = 0;
    *out = NULL;
    oc_paper *paper = options == NULL ? NULL : options->paper;
    if (paper == NULL) {
        OC_TRY(oc_cu_open(&cu, error));
    } else {
        cu = &oc_paper_driver;
    }
    device = calloc(1, sizeof *device);
    if (device == NULL) {
        OC_NO_MEMORY(error, sizeof *device);
    }
    device->base.backend = &oc_backend_cuda;
    device->driver = cu;
    device->paper = paper;
    pthread_mutex_init(&device->lock, NULL);
    OC_CU(cu, device_count(&count), "count its cards", error);
    if (paper == NULL) {
        OC_TRY(read_name(options == NULL ? NULL : options->tier, count, device, error));
        OC_TRY(find_kernels(device, error));
    } else {
        device->index = paper->card;
    }
    OC_TRY(read_card(device, error));
    if (paper != NULL && paper->model != NULL) {
        snprintf(device->model, sizeof device->model, "%s", paper->model);
    }
    device->tuned = options == NULL ? NULL : options->tuned;
    OC_CU(cu, context_retain(&device->context, device->index), "open the card", error);
    OC_TRY(oc_cuda_enter(device, error));
    *out = &device->base;
    device = NULL;
done:
    cuda_close((oc_device *)device);
    return status;
}

static void cuda_describe(const oc_device *base, char *text, size_t bytes) {
    const oc_cuda_device *device = (const oc_cuda_device *)base;
    snprintf(text, bytes, "%d%s%s, %s, %s", device->index, device->tier == NULL ? "" : ":",
             device->tier == NULL ? "" : device->tier, device->name, device->architecture);
}

/* Few rows want other tiles than many.  Images come in powers of two more often than not; texts of
 * a dozen tokens, as many as the session takes, in any number of rows: a plan for 1.6 times as many
 * made their products 1.3 times as slow. */
static const int32_t buckets[] = {1, 4, 8, 16, 32, 64};
static const int32_t packed_buckets[] = {1, 2, 4, 6, 8, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96};

static oc_traits cuda_traits(const oc_device *base) {
    const oc_cuda_device *device = (const oc_cuda_device *)base;
    return (oc_traits){.storage = OCTAVO_F16,
                       .buffers = OCTAVO_F16,
                       .fuses = OC_FUSE_ALL,
                       .host_memory = false,
                       .normalizes = true,
                       .buckets = buckets,
                       .bucket_count = (int32_t)OC_COUNT(buckets),
                       .packed_buckets = packed_buckets,
                       .packed_bucket_count = (int32_t)OC_COUNT(packed_buckets),
                       .model = device->model,
                       .software = device->software};
}

octavo_status oc_cuda_memory(const oc_cuda_device *device, size_t bytes, oc_cu_address *out,
                             octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    size_t left = 0, total = 0;
    int32_t result = device->driver->memory_create(out, bytes);
    if (result == OC_CU_OUT_OF_MEMORY) {
        *out = 0;
        device->driver->memory_info(&left, &total);
        OC_FAIL(error, OCTAVO_EXHAUSTED, OCTAVO_NO_OFFSET,
                "%s has no %zu MiB left: %zu of its %zu MiB are free", device->name,
                (bytes >> 20) + 1, left >> 20, total >> 20);
    }
    if (result != OC_CU_SUCCESS) {
        *out = 0;
        status = oc_cu_fail(device->driver, result, "give memory of the card", error, __FILE__,
                            __LINE__);
    }
done:
    return status;
}

/* -- choosing -------------------------------------------------------------------------------- */

/* Rows of codes and of floats begin at multiples of 16 bytes, as copies by tensor maps want it. */
static int64_t cuda_stride(const oc_device *base, int32_t columns, octavo_dtype dtype) {
    int64_t unit = 16 / (int64_t)oc_dtype_bytes(dtype);
    (void)base;
    return (columns + unit - 1) / unit * unit;
}

/* Codes come in by gemm's a and leave where a quantizer was taken in; pick moves them. */
static bool operands_fit(const oc_step *step) {
    oc_step copy = *step;
    oc_view *views[OC_STEP_VIEWS] = {0};
    int32_t count = oc_step_views(&copy, views), outputs = oc_step_outputs(step);
    if (step->kind == OC_STEP_PICK) {
        return oc_is_codes(step->u.pick.x.dtype) == oc_is_codes(step->u.pick.out.dtype);
    }
    for (int32_t i = 0; i < count; i++) {
        bool is_a = step->kind == OC_STEP_GEMM && i == outputs;
        bool is_result = i == 0 && step->kind != OC_STEP_PATCHES && step->kind != OC_STEP_UNIT &&
                         step->kind != OC_STEP_LOGITS;
        if (views[i]->columns != 0 && oc_is_codes(views[i]->dtype) && !is_a && !is_result) {
            return false;
        }
    }
    return true;
}

static octavo_status cuda_choose(oc_device *base, oc_step *step, const oc_plan_limits *limits,
                                 oc_scratch *scratch, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    if ((uint32_t)step->kind >= OC_STEP_COUNT) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                "device cuda knows %d kinds of step, this one has number %d", OC_STEP_COUNT,
                (int)step->kind);
    }
    if (!operands_fit(step)) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                "step %s has E4M3 codes where the GPU's kernels take or give floats", step->name);
    }
    step->why[0] = '\0';
    const oc_cuda_family *family = families[step->kind];
    if (family->kernel != NULL) {
        step->kernel = family->kernel;
    } else {
        OC_TRY(family->choose((oc_cuda_device *)base, step, limits, scratch, error));
    }
done:
    return status;
}

static void cuda_tactics(const oc_device *base, const oc_step *step, const oc_plan_limits *limits,
                         oc_tactics *out) {
    const oc_cuda_family *family = families[step->kind];
    out->count = 0;
    if (family->tactics != NULL) {
        family->tactics((const oc_cuda_device *)base, step, limits, out);
    }
}

/* Steps go through their rows up and down in turn, so that each begins with what the one before it
 * left in the L2.  Attention goes up.  Where all fits into the L2, the order is nothing to gain
 * from. */
static bool is_descending(const oc_step *steps, int32_t count, int32_t index, int32_t rows) {
    enum { ROWS_ENOUGH = 8192 }; /* of 768 to 1024 columns: some 16 MB of floats */
    int32_t end = index;
    while (end < count && steps[end].kind != OC_STEP_ATTENTION) {
        end++;
    }
    return rows >= ROWS_ENOUGH && (end - index) % 2 != 0;
}

octavo_status oc_cuda_make(oc_cuda_maker *maker, const oc_step *steps, int32_t count, int32_t index,
                           octavo_error *error) {
    const oc_step *step = &steps[index];
    maker->descending = is_descending(steps, count, index, maker->limits->rows_max[step->rows]);
    return families[step->kind]->make(maker, step, error);
}

octavo_status oc_cuda_launch_add(oc_cuda_maker *maker, const char *name, const char *entry,
                                 const char *defines, const void *args, size_t bytes,
                                 oc_cuda_launch **out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_cuda_launch *launch = &maker->launches[maker->count];
    OC_ASSERT(bytes <= OC_CUDA_ARGS);
    *launch = (oc_cuda_launch){
        .grid = {1, 1, 1}, .parameter_count = 1, .overlaps = maker->device->major >= 9};
    memcpy(launch->args, args, bytes);
    OC_TRY(oc_cuda_kernel_get(maker->device, name, entry, defines, 0, &launch->function, error));
    maker->count++;
    *out = launch;
done:
    return status;
}

octavo_status oc_cuda_launch_start(const oc_cu_driver *cu, oc_cu_stream stream, oc_cuda_launch *l,
                                   octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    void *parameters[OC_COUNT(l->offsets)];
    oc_cu_launch_attribute attributes[2];
    oc_cu_launch config = {.grid_x = l->grid[0],
                           .grid_y = l->grid[1],
                           .grid_z = l->grid[2],
                           .block_x = l->threads,
                           .block_y = 1,
                           .block_z = 1,
                           .shared_bytes = l->shared_bytes,
                           .stream = stream,
                           .attributes = attributes};
    memset(attributes, 0, sizeof attributes);
    if (l->cluster != 0) {
        oc_cu_launch_attribute *cluster = &attributes[config.attribute_count++];
        cluster->id = OC_CU_LAUNCH_CLUSTER;
        cluster->value.cluster.x = l->cluster;
        cluster->value.cluster.y = cluster->value.cluster.z = 1;
    }
    if (l->overlaps) {
        oc_cu_launch_attribute *overlap = &attributes[config.attribute_count++];
        overlap->id = OC_CU_LAUNCH_PDL;
        overlap->value.flag = 1;
    }
    for (int32_t i = 0; i < l->parameter_count; i++) {
        parameters[i] = l->args + l->offsets[i];
    }
    OC_CU(cu, launch(&config, l->function, parameters, NULL), "start a kernel", error);
done:
    return status;
}

/* -- for doctor ------------------------------------------------------------------------------ */

int32_t oc_cuda_device_count(char *why, size_t bytes) {
    const oc_cu_driver *cu = NULL;
    octavo_error error;
    int32_t count = 0;
    oc_error_clear(&error);
    why[0] = '\0';
    if (oc_cu_open(&cu, &error) != OCTAVO_OK) {
        snprintf(why, bytes, "%s", error.message);
    } else if (cu->device_count(&count) != OC_CU_SUCCESS) {
        snprintf(why, bytes, "the NVIDIA driver does not tell how many cards there are");
        count = 0;
    }
    return count;
}

bool oc_cuda_device_describe(int32_t index, char *text, size_t bytes) {
    oc_cuda_device device = {.index = index};
    octavo_error error;
    size_t memory = 0;
    oc_error_clear(&error);
    bool is_read = oc_cu_open(&device.driver, &error) == OCTAVO_OK &&
                   read_card(&device, &error) == OCTAVO_OK &&
                   device.driver->device_memory(&memory, index) == OC_CU_SUCCESS;
    if (is_read) {
        snprintf(text, bytes, "%s, %d multiprocessors, %s, %zu GiB", device.name,
                 device.multiprocessors, device.architecture, memory >> 30);
    } else {
        snprintf(text, bytes, "%s", error.message);
    }
    return is_read;
}

const char *oc_cuda_tier_name(int32_t index, int32_t i) {
    oc_cuda_device device = {.index = index};
    bool is_read =
        oc_cu_open(&device.driver, NULL) == OCTAVO_OK && read_card(&device, NULL) == OCTAVO_OK;
    int32_t first = device.has_wgmma ? 0 : 1;
    return is_read && i >= 0 && first + i < (int32_t)OC_COUNT(tiers) ? tiers[first + i] : NULL;
}

const oc_backend oc_backend_cuda = {
    .name = "cuda",
    .open = cuda_open,
    .close = cuda_close,
    .describe = cuda_describe,
    .traits = cuda_traits,
    .constant_create = oc_cuda_constant_create,
    .constant_free = oc_cuda_constant_free,
    .stride = cuda_stride,
    .choose = cuda_choose,
    .tactics = cuda_tactics,
    .constant_copy = oc_cuda_constant_copy,
    .queue_create = oc_cuda_queue_create,
    .queue_free = oc_cuda_queue_free,
    .memory = oc_cuda_queue_memory,
    .compile = oc_cuda_compile_plan,
    .program_free = oc_cuda_program_free,
    .submit = oc_cuda_submit,
    .wait = oc_cuda_wait,
    .times = oc_cuda_times,
    .write = oc_cuda_write,
    .read = oc_cuda_read,
    .check_tensor = oc_cuda_check_tensor,
    .copy_rows = oc_cuda_copy_rows,
};
