/* doctor.c - what this machine offers and what octavo will use of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jpeglib.h>
#include <png.h>
#include <utf8proc.h>
#include <webp/decode.h>
#include <xxhash.h>

#include "api/backends.h"
#include "api/require.h"
#include "api/tool.h"
#include "backends/cpu/cpu.h"
#include "backends/cpu/kernels.h"
#include "backends/cuda/compiler.h"
#include "backends/cuda/cuda.h"
#include "base/json/json_write.h"
#include "base/sys/env.h"
#include "base/sys/threads.h"

/* A field of the first processor in /proc/cpuinfo, without its name. */
static void read_cpuinfo(const char *field, char *value, size_t bytes) {
    FILE *file = fopen("/proc/cpuinfo", "re");
    char line[8192];
    snprintf(value, bytes, "unknown");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        char *colon = strchr(line, ':');
        if (colon != NULL && strncmp(line, field, strlen(field)) == 0) {
            snprintf(value, bytes, "%s", colon + 1 + strspn(colon + 1, " \t"));
            value[strcspn(value, "\n")] = '\0';
            break;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
}

/* What engines would run on, and in words, "cpu (avx2, 2 threads)"; NULL, and why that cannot be
 * had. */
static oc_device *open_processor(const char *tier, int32_t threads, char *text, size_t bytes) {
    oc_device_options options = {.threads = threads, .tier = tier};
    oc_device *device = NULL;
    octavo_error error;
    char about[160];
    oc_error_clear(&error);
    if (oc_backend_cpu.open(&options, &device, &error) == OCTAVO_OK) {
        int32_t used = threads == 0 ? oc_usable_cores() : threads;
        oc_backend_cpu.describe(device, about, sizeof about);
        snprintf(text, bytes, "%s (%s, %d thread%s)", oc_backend_cpu.name, about, used,
                 used == 1 ? "" : "s");
    } else {
        snprintf(text, bytes, "%s", error.message);
    }
    return device;
}

/* What the arithmetic units do at most. */
static void write_peaks(oc_json_writer *json, const oc_device *device, int32_t threads) {
    const char *name;
    oc_json_write_key(json, "peaks");
    oc_json_write_array(json);
    for (int32_t i = 0; device != NULL && (name = oc_cpu_peak_name(device, i)) != NULL; i++) {
        oc_json_write_object(json);
        oc_json_write_text_member(json, "name", name);
        oc_json_write_double_member(json, "gflops", oc_cpu_peak_rate(device, i, threads));
        oc_json_write_end(json);
    }
    oc_json_write_end(json);
}

/* tier: as asked for, perhaps "avx2:f32"; NULL: the best. */
static bool is_used(const char *tier, const char *name) {
    const char *best = oc_cpu_tier_name(0);
    size_t length = tier == NULL ? 0 : strcspn(tier, ":");
    return length == 0 ? best != NULL && strcmp(best, name) == 0
                       : strlen(name) == length && strncmp(name, tier, length) == 0;
}

static void write_cpu(oc_json_writer *json, const char *tier_asked, const oc_device *device,
                      int32_t threads) {
    static const char *const interesting[] = {"avx2",        "fma",         "f16c",
                                              "avx_vnni",    "avx512f",     "avx512_bf16",
                                              "avx512_vnni", "avx512_vbmi", "amx_bf16"};
    char text[8192];
    oc_json_write_key(json, "cpu");
    oc_json_write_object(json);
    read_cpuinfo("model name", text, sizeof text);
    oc_json_write_text_member(json, "model", text);
    oc_json_write_key(json, "cores");
    oc_json_write_int(json, sysconf(_SC_NPROCESSORS_ONLN));
    oc_json_write_key(json, "usable_cores");
    oc_json_write_int(json, oc_usable_cores());
    oc_json_write_key(json, "features");
    oc_json_write_array(json);
    read_cpuinfo("flags", text, sizeof text);
    char *rest = NULL;
    for (char *word = strtok_r(text, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        for (size_t i = 0; i < OC_COUNT(interesting); i++) {
            if (strcmp(word, interesting[i]) == 0) {
                oc_json_write_text(json, word);
            }
        }
    }
    oc_json_write_end(json);
    oc_json_write_key(json, "tiers");
    oc_json_write_array(json);
    for (const oc_cpu_tier *const *tier = oc_cpu_tiers; *tier != NULL; tier++) {
        oc_json_write_object(json);
        oc_json_write_text_member(json, "name", (*tier)->name);
        oc_json_write_key(json, "available");
        oc_json_write_bool(json, (*tier)->lacks() == NULL);
        oc_json_write_text_member(json, "lacks", (*tier)->lacks());
        oc_json_write_key(json, "default");
        oc_json_write_bool(json, device != NULL && is_used(tier_asked, (*tier)->name));
        oc_json_write_end(json);
    }
    oc_json_write_end(json);
    write_peaks(json, device, threads);
    oc_json_write_end(json);
}

/* Kernels that a card can be asked for. */
static void write_tiers(oc_json_writer *json, int32_t card) {
    const char *name;
    oc_json_write_key(json, "tiers");
    oc_json_write_array(json);
    for (int32_t i = 0; (name = oc_cuda_tier_name(card, i)) != NULL; i++) {
        oc_json_write_object(json);
        oc_json_write_text_member(json, "name", name);
        oc_json_write_key(json, "default");
        oc_json_write_bool(json, i == 0);
        oc_json_write_end(json);
    }
    oc_json_write_end(json);
}

/* Cards, and what compiles their kernels; `why` there are none. */
static void write_gpus(oc_json_writer *json, char *why, size_t bytes) {
    char text[512];
    int32_t count = oc_cuda_device_count(why, bytes);
    oc_json_write_key(json, "gpus");
    oc_json_write_array(json);
    for (int32_t i = 0; i < count; i++) {
        oc_json_write_object(json);
        snprintf(text, sizeof text, "cuda:%d", i);
        oc_json_write_text_member(json, "device", text);
        oc_json_write_key(json, "available");
        bool is_usable = oc_cuda_device_describe(i, text, sizeof text);
        oc_json_write_bool(json, is_usable);
        oc_json_write_text_member(json, "about", text);
        write_tiers(json, i);
        oc_json_write_end(json);
    }
    oc_json_write_end(json);
    oc_json_write_key(json, "kernel_compiler");
    oc_json_write_object(json);
    oc_json_write_key(json, "available");
    oc_json_write_bool(json, oc_cuda_compiler_describe(text, sizeof text));
    oc_json_write_text_member(json, "about", text);
    oc_json_write_end(json);
}

#define TEXT_OF(x)       #x
#define TEXT_OF_VALUE(x) TEXT_OF(x)

/* Libraries that decode what comes from outside, by the version in use; libjpeg does not tell that:
 * by the version that this was built with. */
static void write_libraries(oc_json_writer *json) {
    char text[32];
    int webp = WebPGetDecoderVersion();
    oc_json_write_key(json, "libraries");
    oc_json_write_object(json);
#ifdef LIBJPEG_TURBO_VERSION
    oc_json_write_text_member(json, "libjpeg-turbo", TEXT_OF_VALUE(LIBJPEG_TURBO_VERSION));
#else
    oc_json_write_text_member(json, "libjpeg", TEXT_OF_VALUE(JPEG_LIB_VERSION));
#endif
    oc_json_write_text_member(json, "libpng", png_get_libpng_ver(NULL));
    snprintf(text, sizeof text, "%d.%d.%d", webp >> 16, webp >> 8 & 0xff, webp & 0xff);
    oc_json_write_text_member(json, "libwebp", text);
    oc_json_write_text_member(json, "utf8proc", utf8proc_version());
    oc_json_write_text_member(json, "unicode", utf8proc_unicode_version());
    snprintf(text, sizeof text, "%u.%u.%u", XXH_versionNumber() / 10000,
             XXH_versionNumber() / 100 % 100, XXH_versionNumber() % 100);
    oc_json_write_text_member(json, "xxhash", text);
    oc_json_write_end(json);
}

int32_t octavo_tool_cards(void) {
    char why[256];
    return oc_cuda_device_count(why, sizeof why);
}

octavo_status octavo_tool_device(const char *device, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    char why[256];
    const char *card = oc_backend_card(device);
    oc_error_clear(error);
    if (device == NULL || strncmp(device, "cuda", 4) != 0) {
        goto done;
    }
    int32_t count = oc_cuda_device_count(why, sizeof why);
    if (count == 0) {
        OC_FAIL(error, OCTAVO_UNAVAILABLE, OCTAVO_NO_OFFSET, "device %s: %s", device, why);
    }
    long index = card == NULL ? 0 : strtol(card, NULL, 10);
    if (index >= count) {
        OC_FAIL(error, OCTAVO_UNAVAILABLE, OCTAVO_NO_OFFSET,
                "device %s: there is no card %ld; this machine has %d, the first is cuda:0", device,
                index, count);
    }
done:
    return status;
}

octavo_status octavo_tool_doctor(const char *tier, int32_t threads, char **out,
                                 octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_buffer text;
    oc_json_writer json;
    char version[32], no_gpu[256], about[sizeof(((octavo_error *)NULL)->message)];
    oc_device *device = NULL;
    oc_error_clear(error);
    oc_buffer_init(&text);
    OC_REQUIRE(error, out);
    *out = NULL;
    oc_json_write_open(&json, &text, true);
    oc_json_write_object(&json);
    snprintf(version, sizeof version, "%d.%d.%d", OCTAVO_VERSION_MAJOR, OCTAVO_VERSION_MINOR,
             OCTAVO_VERSION_PATCH);
    oc_json_write_text_member(&json, "version", version);
    device = open_processor(tier, threads, about, sizeof about);
    write_cpu(&json, tier, device, threads);
    oc_json_write_text_member(&json, "will_use", device != NULL ? about : NULL);
    oc_json_write_key(&json, "problems");
    oc_json_write_array(&json);
    if (device == NULL) {
        oc_json_write_text(&json, about);
    }
    oc_json_write_end(&json);
    write_gpus(&json, no_gpu, sizeof no_gpu);
    write_libraries(&json);
    oc_json_write_key(&json, "environment");
    oc_json_write_object(&json);
    for (int32_t i = 0; i < OC_ENV_COUNT; i++) {
        oc_json_write_text_member(&json, oc_env_name((oc_env)i), oc_env_get((oc_env)i));
    }
    oc_json_write_end(&json);
    oc_json_write_key(&json, "notes");
    oc_json_write_array(&json);
    if (no_gpu[0] != '\0') {
        oc_json_write_text(&json, no_gpu);
    }
    if (oc_cpu_tier_name(0) != NULL && strcmp(oc_cpu_tier_name(0), "portable") == 0) {
        oc_json_write_text(&json, "this processor lacks AVX2, FMA or F16C: the portable tier is "
                                  "several times slower");
    }
    oc_json_write_end(&json);
    oc_json_write_end(&json);
    OC_TRY(oc_json_write_take(&json, out, error));
done:
    oc_backend_cpu.close(device);
    oc_buffer_free(&text);
    return status;
}
