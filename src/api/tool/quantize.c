/* quantize.c - a 16-bit checkpoint to an FP8 folder: the walk of octavo_tool_quantize.
 *
 * FP8 becomes every linear module of the towers' layers; patch embedding, token table, positions,
 * norms and both projections never do.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/require.h"
#include "api/tool.h"
#include "api/tool/calibrate.h"
#include "api/tool/watch/learn_engine.h"
#include "base/json/json_write.h"
#include "base/limits.h"
#include "base/sys/clock.h"
#include "base/sys/io.h"
#include "base/sys/output.h"
#include "checkpoint/quant/glob.h"
#include "num/e4m3.h"
#include "quantize/record.h"
#include "quantize/write.h"

typedef struct quantizer {
    const octavo_tool_quantize_options *options;
    oc_fp8_layout layout;
    oc_range_method method;
    oc_source source;
    oc_calibration calibration;
    oc_fp8_module *modules;
    int32_t *observers; /* [module_count] indices in the calibration */
    int32_t module_count;
    const char **excluded; /* linear modules that are not FP8 in the end */
    int32_t excluded_count;
    oc_arena arena;
    oc_pass reference; /* what the reference was learned from; zeros: there is none */
    octavo_error *error;
} quantizer;

/* -- what to quantize ---------------------------------------------------------------------------
 */

/* The next glob of a comma list, in `arena`; NULL behind the last. */
static octavo_status next_glob(const char **list, oc_arena *arena, const char **glob,
                               octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    *glob = NULL;
    *list += strspn(*list, ",");
    size_t length = strcspn(*list, ",");
    if (length > OC_LIMIT_TENSOR_NAME) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "a pattern of modules to skip has %zu characters, names have %u at most", length,
                OC_LIMIT_TENSOR_NAME);
    }
    if (length != 0) {
        *glob = oc_arena_text(arena, *list, length);
        if (*glob == NULL) {
            OC_NO_MEMORY(error, length);
        }
        *list += length;
    }
done:
    return status;
}

/* Whether a skip pattern matches the module. */
static octavo_status is_skipped(quantizer *q, const char *module, bool *out) {
    octavo_status status = OCTAVO_OK;
    const char *list = q->options->skip == NULL ? "" : q->options->skip, *glob;
    *out = false;
    for (;;) {
        OC_TRY(next_glob(&list, &q->arena, &glob, q->error));
        if (glob == NULL) {
            break;
        }
        *out = *out || oc_glob_match(glob, module);
    }
done:
    return status;
}

/* A pattern that matches nothing is a mistake.  The part of a name before its last dot is its
 * module's path. */
static octavo_status check_skip(quantizer *q) {
    octavo_status status = OCTAVO_OK;
    const oc_checkpoint *checkpoint = q->source.checkpoint;
    const char *list = q->options->skip == NULL ? "" : q->options->skip, *glob;
    for (;;) {
        bool matches = false;
        OC_TRY(next_glob(&list, &q->arena, &glob, q->error));
        if (glob == NULL) {
            break;
        }
        for (int32_t i = 0; i < checkpoint->tensor_count && !matches; i++) {
            char module[OC_LIMIT_TENSOR_NAME + 1];
            const char *name = checkpoint->tensors[i].name, *dot = strrchr(name, '.');
            size_t length = dot == NULL ? 0 : (size_t)(dot - name);
            memcpy(module, name, length);
            module[length] = '\0';
            matches = oc_glob_match(glob, module);
        }
        if (!matches) {
            OC_FAIL(q->error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                    "'%s' is to be skipped, but the checkpoint has no such module", glob);
        }
    }
done:
    return status;
}

/* One linear node of the graph, with the weight of tensor `index`. */
static octavo_status add_module(quantizer *q, const oc_node *linear, int32_t index) {
    octavo_status status = OCTAVO_OK;
    const oc_recipe *recipe = &q->source.recipe;
    const char *tensor = recipe->graph.tensors[index].name;
    const char *input = recipe->graph.nodes[linear->inputs[0]].name;
    const char *module = oc_arena_text(&q->arena, tensor, strlen(tensor) - strlen(".weight"));
    bool skipped = false;
    if (module == NULL) {
        OC_NO_MEMORY(q->error, strlen(tensor));
    }
    OC_TRY(is_skipped(q, module, &skipped));
    if (skipped || strstr(input, ".layers.") == NULL) {
        q->excluded[q->excluded_count++] = module;
        goto done;
    }
    OC_TRY(oc_calibration_add(&q->calibration, input, &q->observers[q->module_count], q->error));
    q->modules[q->module_count++] =
        (oc_fp8_module){.name = module, .weight = recipe->tensors[index].from};
done:
    return status;
}

static octavo_status list_modules(quantizer *q) {
    octavo_status status = OCTAVO_OK;
    const oc_graph *graph = &q->source.recipe.graph;
    size_t most = (size_t)q->source.recipe.module_count + 1;
    q->modules = calloc(most, sizeof *q->modules);
    q->observers = calloc(most, sizeof *q->observers);
    q->excluded = calloc(most, sizeof *q->excluded);
    if (q->modules == NULL || q->observers == NULL || q->excluded == NULL) {
        OC_NO_MEMORY(q->error, most * sizeof *q->modules);
    }
    OC_TRY(check_skip(q));
    for (oc_value v = 0; v < graph->node_count; v++) {
        const oc_node *node = &graph->nodes[v];
        if (node->op == OC_OP_LINEAR && graph->nodes[node->inputs[1]].op == OC_OP_CONST) {
            OC_TRY(add_module(q, node, (int32_t)graph->nodes[node->inputs[1]].i[0]));
        }
    }
    if (q->module_count == 0) {
        OC_FAIL(q->error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "there is nothing to quantize: of %d linear modules %d are FP8 already and %d stay "
                "in 16 bit",
                q->source.recipe.module_count, q->source.quantization.fp8_count, q->excluded_count);
    }
    if (q->source.quantization.fp8_count != 0) {
        oc_notice(&q->source.checkpoint->notices,
                  "modules that are FP8 already and stay as they are: %d",
                  q->source.quantization.fp8_count);
    }
done:
    return status;
}

/* -- calibration --------------------------------------------------------------------------------
 */

/* Runs one tower's data, which must be there if a module of the tower wants it. */
static octavo_status calibrate_tower(quantizer *q, const oc_tower *tower) {
    octavo_status status = OCTAVO_OK;
    bool texts = oc_tower_is_packed(tower);
    const char *data = texts ? q->options->texts : q->options->images;
    bool needed = oc_calibration_needs(&q->calibration, tower);
    if (needed && data == NULL) {
        OC_FAIL(q->error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "the %s tower is to be quantized, but there are no %s to calibrate it on (%s, or "
                "--skip '%s*')",
                tower->name, tower->plural, texts ? "--texts FILE" : "--images DIR",
                q->source.recipe.roots[tower->bit]);
    }
    if (!needed && data != NULL) {
        oc_notice(&q->source.checkpoint->notices,
                  "%s is not looked at: no module of the %s tower becomes FP8", data, tower->name);
    }
    if (needed) {
        OC_TRY((texts ? oc_calibrate_texts : oc_calibrate_images)(&q->calibration, data, q->error));
    }
done:
    return status;
}

static octavo_status find_scales(quantizer *q) {
    octavo_status status = OCTAVO_OK;
    for (int32_t i = 0; i < q->module_count; i++) {
        oc_fp8_module *module = &q->modules[i];
        module->input = &q->calibration.observers[q->observers[i]];
        OC_TRY(oc_fp8_module_scale(q->method, module, q->error));
        if (module->weight_amax == 0.0f || oc_observer_amax(module->input) == 0.0f) {
            oc_notice(&q->source.checkpoint->notices, "module %s: %s zero, its scale is 1",
                      module->name,
                      module->weight_amax == 0.0f ? "all weights are" : "every input was");
        }
    }
done:
    return status;
}

/* -- output -------------------------------------------------------------------------------------
 */

static octavo_status write_folder(quantizer *q, const char *folder) {
    octavo_status status = OCTAVO_OK;
    oc_calibration_facts facts = {q->method, q->calibration.images, q->calibration.texts};
    oc_buffer record;
    oc_buffer_init(&record);
    OC_TRY(oc_calibration_write(&facts, q->modules, q->module_count, &record, q->error));
    oc_fp8_output output = {
        .checkpoint = q->source.checkpoint,
        .layout = q->layout,
        .modules = q->modules,
        .module_count = q->module_count,
        .excluded = {q->excluded, q->excluded_count, {NULL}},
        .record_name = OC_CALIBRATION_FILE,
        .record = {record.data, record.size},
        .progress = q->options->progress,
        .progress_user = q->options->progress_user,
    };
    for (int32_t t = 0; t < OC_TOWERS; t++) { /* in the order of exporters: text before vision */
        output.excluded.roots[t] = q->source.recipe.roots[oc_towers[OC_TOWERS - 1 - t].bit];
    }
    OC_TRY(oc_fp8_write(&output, folder, q->error));
done:
    oc_buffer_free(&record);
    return status;
}

/* What the model is like now that it is FP8: an engine of the folder runs the data once more. */
static octavo_status write_reference(quantizer *q, const char *folder) {
    octavo_status status = OCTAVO_OK;
    const octavo_tool_quantize_options *options = q->options;
    char *path = oc_path_join(folder, "reference.octavo");
    char *file = oc_path_join(folder, OC_REFERENCE_FILE);
    octavo_engine *engine = NULL;
    octavo_build_options build = {.struct_size = sizeof build, .threads = options->threads};
    octavo_tool_listener listener = {.progress = options->progress, .user = options->progress_user};
    octavo_tool_watch_data data = {
        .limit = options->limit, .threads = options->threads, .device = options->device};
    oc_learned learned = {.quantizers = 0};
    oc_buffer_init(&learned.section);
    data.images = q->calibration.images < OC_LEARN_ENGINE_LEAST ? NULL : options->images;
    data.texts = q->calibration.texts < OC_LEARN_ENGINE_LEAST ? NULL : options->texts;
    if (path == NULL || file == NULL) {
        OC_NO_MEMORY(q->error, strlen(folder));
    }
    if (data.images == NULL && data.texts == NULL) {
        goto done; /* too few */
    }
    OC_TRY(octavo_build(folder, path, &build, NULL, q->error));
    OC_TRY(octavo_engine_open(path, &engine, q->error));
    OC_TRY(oc_learn_engine(engine, &data, &listener, &learned, q->error));
    OC_TRY(oc_file_save(file, learned.section.data, learned.section.size, q->error));
    q->reference = learned.pass;
done:
    octavo_engine_free(engine);
    oc_buffer_free(&learned.section);
    if (path != NULL) {
        (void)remove(path); /* it is no part of the folder */
    }
    free(path);
    free(file);
    return status;
}

static void write_number(oc_json_writer *json, const char *key, float value) {
    oc_json_write_key(json, key);
    oc_json_write_float(json, value);
}

static void write_list(oc_json_writer *json, const char *key, const char *const *texts,
                       int32_t count) {
    oc_json_write_key(json, key);
    oc_json_write_array(json);
    for (int32_t i = 0; i < count; i++) {
        oc_json_write_text(json, texts[i]);
    }
    oc_json_write_end(json);
}

static octavo_status write_report(const quantizer *q, const char *folder, double seconds,
                                  char **report) {
    octavo_status status = OCTAVO_OK;
    const oc_notices *notices = &q->source.checkpoint->notices;
    oc_buffer text;
    oc_json_writer json;
    oc_buffer_init(&text);
    oc_json_write_open(&json, &text, true);
    oc_json_write_object(&json);
    oc_json_write_key(&json, "checkpoint");
    oc_json_write_text(&json, q->source.checkpoint->title);
    oc_json_write_key(&json, "folder");
    oc_json_write_text(&json, folder);
    oc_json_write_key(&json, "layout");
    oc_json_write_text(&json, oc_fp8_layout_name(q->layout));
    oc_json_write_key(&json, "method");
    oc_json_write_text(&json, oc_range_method_name(q->method));
    oc_json_write_key(&json, "seconds");
    oc_json_write_double(&json, seconds);
    oc_json_write_key(&json, "images");
    oc_json_write_int(&json, q->calibration.images);
    oc_json_write_key(&json, "texts");
    oc_json_write_int(&json, q->calibration.texts);
    oc_json_write_key(&json, "reference");
    oc_json_write_object(&json);
    oc_json_write_int_member(&json, "images", q->reference.images);
    oc_json_write_int_member(&json, "texts", q->reference.texts);
    oc_json_write_end(&json);
    oc_json_write_key(&json, "modules");
    oc_json_write_array(&json);
    for (int32_t i = 0; i < q->module_count; i++) {
        const oc_fp8_module *module = &q->modules[i];
        oc_json_write_object(&json);
        oc_json_write_key(&json, "name");
        oc_json_write_text(&json, module->name);
        write_number(&json, "amax", oc_observer_amax(module->input));
        write_number(&json, "input_scale", module->input_scale);
        write_number(&json, "range", module->input_scale * OC_E4M3_MAX);
        write_number(&json, "saturated", (float)oc_fp8_saturated(module));
        write_number(&json, "weight_amax", module->weight_amax);
        write_number(&json, "weight_scale", module->weight_scale);
        /* roundings of inputs and weights have nothing to do with each other */
        double input = oc_observer_relative_error(module->input, module->input_scale);
        write_number(&json, "input_error", (float)input);
        write_number(&json, "weight_error", (float)module->weight_error);
        write_number(&json, "error", (float)hypot(input, module->weight_error));
        oc_json_write_end(&json);
    }
    oc_json_write_end(&json);
    write_list(&json, "excluded", q->excluded, q->excluded_count);
    write_list(&json, "notices", notices->texts, notices->count);
    oc_json_write_end(&json);
    OC_TRY(oc_json_write_take(&json, report, q->error));
done:
    oc_buffer_free(&text);
    return status;
}

/* -- the whole ----------------------------------------------------------------------------------
 */

static octavo_status read_options(quantizer *q) {
    octavo_status status = OCTAVO_OK;
    const octavo_tool_quantize_options *options = q->options;
    if (options->limit < 0) {
        OC_FAIL(q->error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "%d images and texts at most are asked for, it must be 1 or more (or 0 for all)",
                options->limit);
    }
    if (options->threads < 0 || options->threads > OC_LIMIT_THREADS) {
        OC_FAIL(q->error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "%d threads are asked for, it can be 1 to %d (0: one for each usable core)",
                options->threads, OC_LIMIT_THREADS);
    }
    OC_TRY(oc_fp8_layout_find(options->layout, &q->layout, q->error));
    OC_TRY(oc_range_method_find(options->method, &q->method, q->error));
done:
    return status;
}

octavo_status octavo_tool_quantize(const char *checkpoint, const char *out,
                                   const octavo_tool_quantize_options *options, char **report,
                                   octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    quantizer q = {.options = options, .error = error};
    oc_output_folder folder = {0};
    uint64_t start = oc_clock_ns();
    oc_error_clear(error);
    if (report != NULL) {
        *report = NULL;
    }
    OC_REQUIRE(error, checkpoint);
    OC_REQUIRE(error, out);
    OC_REQUIRE(error, options);
    OC_TRY(read_options(&q));
    OC_TRY(oc_source_open(checkpoint, OCTAVO_AS_CHECKPOINT, NULL, &q.source, error));
    OC_TRY(list_modules(&q));
    OC_TRY(oc_output_folder_open(out, &folder, error)); /* now: calibration takes its time */
    q.calibration.source = &q.source;
    q.calibration.device = options->device;
    q.calibration.limit = options->limit;
    q.calibration.threads = options->threads;
    q.calibration.progress = options->progress;
    q.calibration.progress_user = options->progress_user;
    for (int32_t t = 0; t < OC_TOWERS; t++) {
        OC_TRY(calibrate_tower(&q, &oc_towers[t]));
    }
    OC_TRY(find_scales(&q));
    OC_TRY(write_folder(&q, folder.temporary));
    OC_TRY(write_reference(&q, folder.temporary));
    OC_TRY(oc_output_folder_commit(&folder, error));
    if (report != NULL) {
        OC_TRY(write_report(&q, out, (double)(oc_clock_ns() - start) * 1e-9, report));
    }
done:
    oc_output_folder_abort(&folder);
    oc_calibration_free(&q.calibration);
    free(q.modules);
    free(q.observers);
    free(q.excluded);
    oc_arena_free(&q.arena);
    oc_source_close(&q.source);
    return status;
}
