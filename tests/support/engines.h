/* engines.h - engines of the checkpoints under tests/data/tiny-clip, built once a program, and
 * sessions on every device of this machine.  To be included behind cmocka.h. */
#ifndef OC_TESTS_ENGINES_H
#define OC_TESTS_ENGINES_H

#include "api/tool.h"
#include "backends/cpu/cpu.h"
#include "base/status.h"
#include "support/files.h"

enum { OC_TEST_ENGINES = 16, OC_TEST_DEVICES = 8 };

static char oc_test_engine_folder[OC_TEST_PATH]; /* where they lie; "" before the first */
static struct {
    char name[48];
    octavo_engine *engine;
} oc_test_engines[OC_TEST_ENGINES];
static int32_t oc_test_engine_count;

/* The path of the engine of checkpoint `name`, built when it is first asked for. */
static inline const char *oc_test_engine_path(const char *name) {
    char file[96];
    octavo_error error;
    snprintf(file, sizeof file, "%s.octavo", name);
    if (oc_test_engine_folder[0] == '\0') {
        oc_test_folder(oc_test_engine_folder);
    }
    const char *path = oc_test_path(oc_test_engine_folder, file);
    if (access(path, R_OK) != 0) {
        char checkpoint[OC_TEST_PATH];
        snprintf(checkpoint, sizeof checkpoint, "%s/tiny-clip/%s", TEST_DATA, name);
        if (octavo_build(checkpoint, path, NULL, NULL, &error) != OCTAVO_OK) {
            fail_msg("%s: %s", name, error.message);
        }
    }
    return path;
}

/* The engine itself, open until the program ends. */
static inline octavo_engine *oc_test_engine(const char *name) {
    octavo_error error;
    for (int32_t i = 0; i < oc_test_engine_count; i++) {
        if (strcmp(oc_test_engines[i].name, name) == 0) {
            return oc_test_engines[i].engine;
        }
    }
    assert_true(oc_test_engine_count < OC_TEST_ENGINES);
    octavo_engine **engine = &oc_test_engines[oc_test_engine_count].engine;
    if (octavo_engine_open(oc_test_engine_path(name), engine, &error) != OCTAVO_OK) {
        fail_msg("%s: %s", name, error.message);
    }
    snprintf(oc_test_engines[oc_test_engine_count].name, sizeof oc_test_engines[0].name, "%s",
             name);
    oc_test_engine_count++;
    return *engine;
}

/* Teardown of the whole program. */
static inline int oc_test_engines_free(void **state) {
    (void)state;
    for (int32_t i = 0; i < oc_test_engine_count; i++) {
        octavo_engine_free(oc_test_engines[i].engine);
    }
    if (oc_test_engine_folder[0] != '\0') {
        oc_test_folder_remove(oc_test_engine_folder);
    }
    return 0;
}

/* -- devices --------------------------------------------------------------------------------- */

typedef struct oc_test_device {
    const char *device, *tier;
    char label[48]; /* both, for messages */
} oc_test_device;

/* The referee, then every CPU tier that this machine has, best first; returns how many. */
static inline int32_t oc_test_devices(oc_test_device out[OC_TEST_DEVICES]) {
    int32_t count = 0;
    out[count++] = (oc_test_device){"ref", NULL, "ref"};
    while (count < OC_TEST_DEVICES && oc_cpu_tier_name(count - 1) != NULL) {
        out[count] = (oc_test_device){"cpu", oc_cpu_tier_name(count - 1), ""};
        snprintf(out[count].label, sizeof out[count].label, "cpu %s", out[count].tier);
        count++;
    }
    return count;
}

/* What a model and its one session are made with. */
typedef struct oc_test_options {
    const char *device, *tier, *disable;
    int32_t towers, batch_max, tokens_max, threads, flags;
} oc_test_options;

/* A session that alone holds its model. */
static inline octavo_status oc_test_open(octavo_engine *engine, const oc_test_options *options,
                                         octavo_session **out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    octavo_model *model = NULL;
    octavo_model_options load = {.struct_size = sizeof load,
                                 .device = options->device,
                                 .tier = options->tier,
                                 .disable = options->disable,
                                 .towers = options->towers,
                                 .threads = options->threads,
                                 .flags = options->flags};
    octavo_session_options session = {.struct_size = sizeof session,
                                      .batch_max = options->batch_max,
                                      .tokens_max = options->tokens_max,
                                      .threads = options->threads};
    *out = NULL;
    OC_TRY(octavo_model_load(engine, &load, &model, error));
    OC_TRY(octavo_session_create(model, &session, out, error));
done:
    octavo_model_free(model);
    return status;
}

static inline octavo_session *oc_test_session(octavo_engine *engine, oc_test_device device,
                                              oc_test_options options) {
    octavo_session *session = NULL;
    octavo_error error;
    options.device = device.device;
    options.tier = device.tier;
    if (oc_test_open(engine, &options, &session, &error) != OCTAVO_OK) {
        fail_msg("%s: %s", device.label, error.message);
    }
    return session;
}

static inline void oc_test_run(octavo_session *session, const octavo_argument *inputs,
                               int32_t input_count, const octavo_argument *outputs,
                               int32_t output_count) {
    octavo_error error;
    if (octavo_session_run(session, inputs, input_count, outputs, output_count, NULL, &error) !=
        OCTAVO_OK) {
        fail_msg("%s", error.message);
    }
}

/* -- references ------------------------------------------------------------------------------ */

static inline void oc_test_reference(const char *name, octavo_tool_tensors *out) {
    char path[OC_TEST_PATH];
    octavo_error error;
    snprintf(path, sizeof path, "%s/tiny-clip/%s/reference.safetensors", TEST_DATA, name);
    if (octavo_tool_tensors_load(path, out, &error) != OCTAVO_OK) {
        fail_msg("%s: %s", path, error.message);
    }
}

/* The tensor called `name`, or NULL. */
static inline octavo_tensor *oc_test_tensor(const octavo_tool_tensors *tensors, const char *name) {
    for (int32_t i = 0; i < tensors->count; i++) {
        if (strcmp(tensors->items[i].name, name) == 0) {
            return &tensors->items[i].tensor;
        }
    }
    return NULL;
}

static inline int64_t oc_test_elements(const octavo_tensor *tensor) {
    int64_t count = 1;
    for (int32_t i = 0; i < tensor->rank; i++) {
        count *= tensor->shape[i];
    }
    return count;
}

#endif
