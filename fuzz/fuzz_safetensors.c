// links: checkpoint
/* fuzz_safetensors.c - .safetensors files: what reads is opened as a quantized checkpoint too, and
 * written again; what is written reads as the same.  Answers never change from one time to the
 * next.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "checkpoint/files/safetensors_write.h"
#include "checkpoint/quant/quant_layout.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[64], model_path[96], again_path[96], config_path[96];

static void check(bool holds) {
    if (!holds) {
        abort();
    }
}

static void clean_up(void) {
    unlink(model_path);
    unlink(again_path);
    unlink(config_path);
    rmdir(folder);
}

static void write_file(const char *path, const void *bytes, size_t size) {
    FILE *file = fopen(path, "wb");
    check(file && fwrite(bytes, 1, size, file) == size && fclose(file) == 0);
}

/* A folder in memory, whose config.json says Model Optimizer's FP8. */
static void set_up(void) {
    static const char config[] = "{\"quantization_config\":{\"quant_method\":\"modelopt\","
                                 "\"quant_algo\":\"FP8\",\"ignore\":[\"a*\",\"*.fc2\"]}}";
    snprintf(folder, sizeof folder, "%s/octavo-fuzz-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    check(mkdtemp(folder) != NULL);
    snprintf(model_path, sizeof model_path, "%s/model.safetensors", folder);
    snprintf(again_path, sizeof again_path, "%s/again.safetensors", folder);
    snprintf(config_path, sizeof config_path, "%s/config.json", folder);
    write_file(config_path, config, sizeof config - 1);
    check(atexit(clean_up) == 0);
}

static void check_header(const oc_safetensors *header, size_t size) {
    uint64_t end = header->tensor_count ? header->tensors[0].offset : size;
    for (int32_t i = 0; i < header->tensor_count; i++) {
        const oc_st_tensor *tensor = &header->tensors[i];
        check(tensor->offset == end && tensor->dtype_name && tensor->name[0]);
        check(tensor->rank >= 0 && tensor->rank <= OC_LIMIT_TENSOR_RANK);
        end += tensor->bytes;
    }
    check(end == size);
}

/* What is read is what lies there, all of it finite. */
static void check_values(const uint8_t *data, const oc_ckpt_tensor *tensor) {
    uint8_t *bytes = malloc((size_t)tensor->bytes + 1);
    check(bytes != NULL);
    check(oc_checkpoint_read_bytes(tensor, 0, (size_t)tensor->bytes, bytes, NULL) == OCTAVO_OK);
    check(memcmp(bytes, data + tensor->offset, (size_t)tensor->bytes) == 0);
    if (tensor->dtype) {
        size_t count = (size_t)(tensor->bytes / oc_st_dtype_bytes(tensor->dtype));
        octavo_status status = oc_checkpoint_read(tensor, 0, count, bytes, NULL);
        check(status == OCTAVO_OK || status == OCTAVO_CORRUPT);
    }
    free(bytes);
}

static void check_quantized(const uint8_t *data, size_t size) {
    oc_checkpoint *checkpoint = NULL;
    octavo_error error = {0};
    oc_quant_facts facts;
    write_file(model_path, data, size);
    if (oc_checkpoint_open(folder, &checkpoint, &error) != OCTAVO_OK) {
        check(checkpoint == NULL && error.message[0]); /* one tensor in two spellings */
        return;
    }
    octavo_status status = oc_quant_check(checkpoint, &facts, &error);
    check(status == OCTAVO_OK || error.message[0]);
    for (int32_t i = 0; i < checkpoint->tensor_count && status == OCTAVO_OK; i++) {
        const oc_ckpt_tensor *tensor = &checkpoint->tensors[i];
        oc_linear_layout linear;
        char path[OC_LIMIT_TENSOR_NAME + 1];
        snprintf(path, sizeof path, "%s", tensor->name);
        char *dot = strrchr(path, '.');
        if (tensor->rank == 2 && dot && strcmp(dot, ".weight") == 0) {
            *dot = 0;
            status =
                oc_linear_find(checkpoint, path, tensor->shape[0], tensor->shape[1], &linear, NULL);
            check(status != OCTAVO_OK || linear.weight == tensor);
            if (status == OCTAVO_OK && linear.weight_scale) {
                float scale = 0;
                check(oc_scale_value(linear.weight_scale, &scale, NULL) == OCTAVO_OK && scale > 0);
                check(linear.input_format.dtype == 0 ||
                      (oc_scale_value(linear.input_scale, &scale, NULL) == OCTAVO_OK && scale > 0));
                facts.fp8_count--;
            }
        }
        check_values(data, tensor);
    }
    check(status != OCTAVO_OK || facts.fp8_count == 0);
    oc_checkpoint_free(checkpoint);
}

/* Writes what was read; false where the file holds what octavo does not write. */
static bool write_again(const oc_safetensors *header, const uint8_t *data) {
    octavo_argument *tensors = calloc((size_t)header->tensor_count + 1, sizeof *tensors);
    bool writes = true;
    check(tensors != NULL);
    for (int32_t i = 0; i < header->tensor_count && writes; i++) {
        const oc_st_tensor *from = &header->tensors[i];
        writes = from->dtype && from->rank <= OCTAVO_MAX_RANK;
        tensors[i].name = from->name;
        tensors[i].tensor = (octavo_tensor){.dtype = from->dtype,
                                            .rank = from->rank,
                                            .shape = {0},
                                            .data = (void *)(uintptr_t)(data + from->offset)};
        for (int32_t d = 0; d < from->rank && writes; d++) {
            tensors[i].tensor.shape[d] = from->shape[d];
        }
    }
    if (writes) {
        octavo_error error = {0};
        /* A zero dimension beside huge ones is the one thing that reads but does not write. */
        octavo_status status =
            oc_safetensors_save(again_path, tensors, header->tensor_count, header->metadata,
                                header->metadata_count, &error);
        writes = status == OCTAVO_OK;
        check(writes || status == OCTAVO_INVALID_ARGUMENT);
    }
    free(tensors);
    return writes;
}

static void compare(const oc_safetensors *a, const uint8_t *data) {
    char *again = NULL;
    size_t size = 0;
    oc_safetensors b;
    check(oc_file_load(again_path, SIZE_MAX, &again, &size, NULL) == OCTAVO_OK);
    check(oc_safetensors_read(again, size, size, &b, NULL) == OCTAVO_OK);
    check(a->tensor_count == b.tensor_count && a->metadata_count == b.metadata_count);
    for (int32_t i = 0; i < a->metadata_count; i++) {
        check(strcmp(a->metadata[i].key, b.metadata[i].key) == 0);
        check(strcmp(a->metadata[i].value, b.metadata[i].value) == 0);
    }
    for (int32_t i = 0; i < a->tensor_count; i++) {
        const oc_st_tensor *x = &a->tensors[i], *y = b.tensors;
        while (strcmp(x->name, y->name) != 0) {
            y++;
            check(y < b.tensors + b.tensor_count);
        }
        check(x->dtype == y->dtype && x->rank == y->rank && x->bytes == y->bytes);
        check(memcmp(x->shape, y->shape, sizeof x->shape) == 0);
        check(x->bytes == 0 || memcmp(data + x->offset, again + y->offset, x->bytes) == 0);
        check(y->bytes == 0 || y->offset % oc_st_dtype_bytes(y->dtype) == 0);
    }
    oc_safetensors_free(&b);
    free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    oc_safetensors header, twice;
    octavo_error error = {0}, again = {0};
    if (!folder[0]) {
        set_up();
    }
    octavo_status status = oc_safetensors_read(data, size, size, &header, &error);
    check(oc_safetensors_read(data, size, size, &twice, &again) == status);
    check(error.offset == again.offset && strcmp(error.message, again.message) == 0);
    oc_safetensors_free(&twice);
    if (status != OCTAVO_OK) {
        check(error.message[0] && !header.tensors);
        return 0;
    }
    check_header(&header, size);
    check_quantized(data, size);
    if (write_again(&header, data)) {
        compare(&header, data);
    }
    oc_safetensors_free(&header);
    return 0;
}
