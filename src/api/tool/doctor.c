/* doctor.c - what this machine offers and what octavo will use of it. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <utf8proc.h>
#include <xxhash.h>

#include "api/tool.h"
#include "backends/cpu/cpu.h"
#include "backends/cpu/kernels.h"
#include "base/json/json_write.h"
#include "base/sys/env.h"
#include "base/sys/threads.h"

static void text_member(oc_json_writer *json, const char *key, const char *value) {
    oc_json_write_key(json, key);
    oc_json_write_text(json, value);
}

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

static void write_cpu(oc_json_writer *json) {
    static const char *const interesting[] = {"avx2",        "fma",         "f16c",
                                              "avx_vnni",    "avx512f",     "avx512_bf16",
                                              "avx512_vnni", "avx512_vbmi", "amx_bf16"};
    char text[8192];
    oc_json_write_key(json, "cpu");
    oc_json_write_object(json);
    read_cpuinfo("model name", text, sizeof text);
    text_member(json, "model", text);
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
        const char *best = oc_cpu_tier_name(0);
        oc_json_write_object(json);
        text_member(json, "name", (*tier)->name);
        oc_json_write_key(json, "available");
        oc_json_write_bool(json, (*tier)->available());
        oc_json_write_key(json, "default");
        oc_json_write_bool(json, best != NULL && strcmp(best, (*tier)->name) == 0);
        oc_json_write_end(json);
    }
    oc_json_write_end(json);
    oc_json_write_end(json);
}

/* Libraries that decode what comes from outside, by the version in use. */
static void write_libraries(oc_json_writer *json) {
    char text[32];
    oc_json_write_key(json, "libraries");
    oc_json_write_object(json);
    text_member(json, "utf8proc", utf8proc_version());
    text_member(json, "unicode", utf8proc_unicode_version());
    snprintf(text, sizeof text, "%u.%u.%u", XXH_versionNumber() / 10000,
             XXH_versionNumber() / 100 % 100, XXH_versionNumber() % 100);
    text_member(json, "xxhash", text);
    oc_json_write_end(json);
}

octavo_status octavo_tool_doctor(char **out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_buffer text;
    oc_json_writer json;
    char version[32];
    oc_error_clear(error);
    *out = NULL;
    oc_buffer_init(&text);
    oc_json_write_open(&json, &text, true);
    oc_json_write_object(&json);
    snprintf(version, sizeof version, "%d.%d.%d", OCTAVO_VERSION_MAJOR, OCTAVO_VERSION_MINOR,
             OCTAVO_VERSION_PATCH);
    text_member(&json, "version", version);
    write_cpu(&json);
    oc_json_write_key(&json, "gpus");
    oc_json_write_array(&json);
    oc_json_write_end(&json);
    write_libraries(&json);
    oc_json_write_key(&json, "environment");
    oc_json_write_object(&json);
    for (int32_t i = 0; i < OC_ENV_COUNT; i++) {
        text_member(&json, oc_env_name((oc_env)i), oc_env_get((oc_env)i));
    }
    oc_json_write_end(&json);
    oc_json_write_key(&json, "notes");
    oc_json_write_array(&json);
    oc_json_write_text(&json, "this build has no CUDA backend: engines run on the CPU");
    if (oc_cpu_tier_name(0) != NULL && strcmp(oc_cpu_tier_name(0), "portable") == 0) {
        oc_json_write_text(&json, "this processor lacks AVX2, FMA or F16C: the portable tier is "
                                  "several times slower");
    }
    oc_json_write_end(&json);
    oc_json_write_end(&json);
    OC_TRY(oc_json_write_finish(&json, error));
    *out = oc_buffer_take(&text, NULL);
    if (*out == NULL) {
        OC_NO_MEMORY(error, 1);
    }
done:
    oc_buffer_free(&text);
    return status;
}
