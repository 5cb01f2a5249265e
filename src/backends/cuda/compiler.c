/* compiler.c - see compiler.h.  Names and numbers are those of NVRTC's documentation. */
#include "backends/cuda/compiler.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/cuda/sources.h"
#include "base/buffer.h"
#include "base/sys/env.h"
#include "base/sys/library.h"

enum { HEADERS_MAX = 32, LOG_MAX = 1 << 16 };

typedef struct nvrtc_program *nvrtc_program;

typedef struct nvrtc {
    int32_t (*version)(int32_t *major, int32_t *minor);
    int32_t (*create)(nvrtc_program *program, const char *text, const char *name, int32_t count,
                      const char *const *headers, const char *const *header_names);
    int32_t (*compile)(nvrtc_program program, int32_t count, const char *const *options);
    int32_t (*log_size)(nvrtc_program program, size_t *bytes);
    int32_t (*log)(nvrtc_program program, char *text);
    int32_t (*image_size)(nvrtc_program program, size_t *bytes);
    int32_t (*image)(nvrtc_program program, char *image);
    int32_t (*destroy)(nvrtc_program *program);
    const char *(*error_text)(int32_t result);
} nvrtc;

static const oc_symbol symbols[] = {
    {"nvrtcVersion", offsetof(nvrtc, version)},
    {"nvrtcCreateProgram", offsetof(nvrtc, create)},
    {"nvrtcCompileProgram", offsetof(nvrtc, compile)},
    {"nvrtcGetProgramLogSize", offsetof(nvrtc, log_size)},
    {"nvrtcGetProgramLog", offsetof(nvrtc, log)},
    {"nvrtcGetCUBINSize", offsetof(nvrtc, image_size)},
    {"nvrtcGetCUBIN", offsetof(nvrtc, image)},
    {"nvrtcDestroyProgram", offsetof(nvrtc, destroy)},
    {"nvrtcGetErrorString", offsetof(nvrtc, error_text)},
};

static struct {
    pthread_mutex_t lock;
    bool opened, has;
    oc_cuda_compile_fn replaced;
    nvrtc api;
    char about[256];
} state = {.lock = PTHREAD_MUTEX_INITIALIZER};

static oc_library_found load(const char *file) {
    const char *missing;
    return oc_library_load(file, symbols, OC_COUNT(symbols), &state.api, &missing);
}

/* Under the lock. */
static void open_library(void) {
    static const char *const names[] = {"libnvrtc.so.13", "/usr/local/cuda/lib64/libnvrtc.so.13",
                                        "libnvrtc.so.12", "/usr/local/cuda/lib64/libnvrtc.so.12",
                                        "libnvrtc.so"};
    const char *asked = oc_env_get(OC_ENV_OCTAVO_NVRTC), *name = asked;
    int32_t major = 0, minor = 0;
    oc_library_found found = asked == NULL ? OC_LIBRARY_ABSENT : load(asked);
    for (size_t i = 0; asked == NULL && found == OC_LIBRARY_ABSENT && i < OC_COUNT(names); i++) {
        name = names[i];
        found = load(name);
    }
    state.opened = true;
    state.has = found == OC_LIBRARY_LOADED && state.api.version(&major, &minor) == 0;
    if (state.has) {
        snprintf(state.about, sizeof state.about, "NVRTC %d.%d, %s", major, minor, name);
    } else if (asked != NULL) {
        snprintf(state.about, sizeof state.about, "OCTAVO_NVRTC names %.120s, which is not NVRTC",
                 asked);
    } else {
        snprintf(state.about, sizeof state.about,
                 "NVRTC (libnvrtc.so.13 or .12) is not found; the CUDA toolkit has it, and so has "
                 "`pip install nvidia-cuda-nvrtc`: then set OCTAVO_NVRTC to its libnvrtc.so.13");
    }
}

bool oc_cuda_compiler_describe(char *text, size_t bytes) {
    pthread_mutex_lock(&state.lock);
    if (!state.opened) {
        open_library();
    }
    snprintf(text, bytes, "%s", state.about);
    bool has = state.has;
    pthread_mutex_unlock(&state.lock);
    return has;
}

/* The log's beginning, for a sentence. */
static void read_log(nvrtc_program program, char *text, size_t bytes) {
    size_t size = 0;
    char *log = NULL;
    text[0] = '\0';
    if (state.api.log_size(program, &size) == 0 && size > 1 && size < LOG_MAX &&
        (log = malloc(size)) != NULL && state.api.log(program, log) == 0) {
        snprintf(text, bytes, "%s", log);
    }
    free(log);
}

void oc_cuda_compiler_replace(oc_cuda_compile_fn compile) {
    state.replaced = compile;
}

octavo_status oc_cuda_compile(const char *name, const char *defines, const char *architecture,
                              void **image, size_t *bytes, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    if (state.replaced != NULL) {
        return state.replaced(name, defines, architecture, image, bytes, error);
    }
    const oc_cuda_source *source = oc_cuda_source_find(name);
    const char *headers[HEADERS_MAX], *header_names[HEADERS_MAX];
    char option[64], log[640];
    const char *options[] = {option, "--std=c++17"};
    int32_t count = 0, result;
    nvrtc_program program = NULL;
    oc_buffer text;
    *image = NULL;
    oc_buffer_init(&text);
    if (!oc_cuda_compiler_describe(log, sizeof log)) {
        OC_FAIL(error, OCTAVO_UNAVAILABLE, OCTAVO_NO_OFFSET,
                "kernel %s has to be compiled for %s: %s.  Where there is one, `octavo kernels "
                "pack --arch %s E.octavo -o FILE` compiles all that an engine needs; then set "
                "OCTAVO_KERNELS to FILE",
                name, architecture, log, architecture);
    }
    OC_ASSERT(source != NULL);
    for (const oc_cuda_source *s = oc_cuda_sources; s->name != NULL; s++) {
        if (strstr(s->name, ".cu") == NULL || strstr(s->name, ".cuh") != NULL) {
            OC_ASSERT(count < HEADERS_MAX);
            headers[count] = s->text;
            header_names[count++] = s->name;
        }
    }
    oc_buffer_text(&text, defines);
    oc_buffer_text(&text, source->text);
    oc_buffer_byte(&text, '\0');
    OC_TRY(oc_buffer_status(&text, error));
    snprintf(option, sizeof option, "--gpu-architecture=%s", architecture);
    result = state.api.create(&program, text.data, name, count, headers, header_names);
    if (result == 0) {
        result = state.api.compile(program, (int32_t)OC_COUNT(options), options);
    }
    if (result != 0) {
        read_log(program, log, sizeof log);
        OC_FAIL(error, OCTAVO_INTERNAL, OCTAVO_NO_OFFSET, "NVRTC refuses kernel %s for %s (%s): %s",
                name, architecture, state.api.error_text(result), log);
    }
    if (state.api.image_size(program, bytes) != 0 || (*image = malloc(*bytes + 1)) == NULL) {
        OC_NO_MEMORY(error, *bytes);
    }
    if (state.api.image(program, *image) != 0) {
        OC_FAIL(error, OCTAVO_INTERNAL, OCTAVO_NO_OFFSET, "NVRTC gives no machine code of %s",
                name);
    }
done:
    if (program != NULL) {
        state.api.destroy(&program);
    }
    if (status != OCTAVO_OK) {
        free(*image);
        *image = NULL;
    }
    oc_buffer_free(&text);
    return status;
}
