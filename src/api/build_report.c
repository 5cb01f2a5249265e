/* build_report.c - see build_report.h. */
#include "api/build_report.h"

#include <stdio.h>
#include <string.h>

#include "base/json/json_write.h"
#include "engine/records/describe.h"

/* "F16", "FP8 (E4M3, per tensor, static), some layers BF16" */
static void describe_precision(const oc_recipe *recipe, char *text, size_t bytes) {
    static const char *const scalings[] = {"unscaled", "per tensor", "per channel", "per block"};
    const oc_recipe_module *fp8 = NULL;
    octavo_dtype other = (octavo_dtype)0; /* of a layer, or where none has it, of what is around */
    bool mixed = false;
    for (int32_t i = 0; i < recipe->module_count; i++) {
        const oc_recipe_module *module = &recipe->modules[i];
        bool is_layer = strstr(module->name, ".layers.") != NULL;
        if (oc_dtype_is_fp8(module->weight.dtype)) {
            fp8 = fp8 == NULL ? module : fp8;
        } else if (is_layer || other == 0) {
            mixed = mixed || is_layer;
            other = module->weight.dtype;
        }
    }
    if (fp8 == NULL) {
        snprintf(text, bytes, "%s", oc_dtype_name(other));
    } else {
        snprintf(text, bytes, "FP8 (E4M3, %s, %s)%s%s", scalings[fp8->weight.scaling],
                 fp8->acts.dynamic ? "dynamic" : "static", mixed ? ", some layers " : "",
                 mixed ? oc_dtype_name(other) : "");
    }
}

void oc_build_facts_begin(oc_build_facts *facts, const oc_source *source) {
    snprintf(facts->version, sizeof facts->version, "%d.%d.%d", OCTAVO_VERSION_MAJOR,
             OCTAVO_VERSION_MINOR, OCTAVO_VERSION_PATCH);
    for (int32_t i = 0; i < source->checkpoint->tensor_count; i++) {
        facts->checkpoint_bytes += source->checkpoint->tensors[i].bytes;
    }
    describe_precision(&source->recipe, facts->precision, sizeof facts->precision);
}

/* Modules of one tower by operand types. */
static void write_operands(oc_json_writer *json, const oc_recipe *recipe, int32_t tower) {
    static const octavo_dtype dtypes[] = {OCTAVO_F8_E4M3, OCTAVO_F16, OCTAVO_BF16, OCTAVO_F32};
    oc_json_write_key(json, "operands");
    oc_json_write_array(json);
    for (size_t w = 0; w < OC_COUNT(dtypes); w++) {
        for (size_t a = 0; a < 2; a++) {
            octavo_dtype acts = a == 0 ? OCTAVO_F8_E4M3 : OCTAVO_F16;
            int32_t modules = 0;
            int64_t parameters = 0;
            for (int32_t i = 0; i < recipe->module_count; i++) {
                const oc_recipe_module *module = &recipe->modules[i];
                if (module->tower == tower && module->weight.dtype == dtypes[w] &&
                    module->acts.dtype == acts) {
                    modules++;
                    parameters += module->parameters;
                }
            }
            if (modules != 0) {
                oc_json_write_object(json);
                oc_json_write_key(json, "weight");
                oc_json_write_text(json, oc_dtype_name(dtypes[w]));
                oc_json_write_key(json, "acts");
                oc_json_write_text(json, a == 0 ? "F8_E4M3" : "float");
                oc_json_write_key(json, "modules");
                oc_json_write_int(json, modules);
                oc_json_write_key(json, "parameters");
                oc_json_write_int(json, parameters);
                oc_json_write_end(json);
            }
        }
    }
    oc_json_write_end(json);
}

static void write_tower(oc_json_writer *json, const oc_recipe *recipe, const oc_tower *tower,
                        const oc_tower_config *config) {
    int64_t parameters = 0, bytes = 0;
    for (int32_t i = 0; i < recipe->module_count; i++) {
        const oc_recipe_module *module = &recipe->modules[i];
        if (module->tower == tower->bit) {
            parameters += module->parameters;
            bytes += module->parameters * (int64_t)oc_dtype_bytes(module->weight.dtype);
        }
    }
    oc_json_write_object(json);
    oc_json_write_key(json, "name");
    oc_json_write_text(json, tower->name);
    oc_json_write_key(json, "layers");
    oc_json_write_int(json, config->layers);
    oc_json_write_key(json, "width");
    oc_json_write_int(json, config->width);
    oc_json_write_key(json, "heads");
    oc_json_write_int(json, config->heads);
    oc_json_write_key(json, "parameters");
    oc_json_write_int(json, parameters);
    oc_json_write_key(json, "weight_bytes");
    oc_json_write_int(json, bytes);
    write_operands(json, recipe, tower->bit);
    oc_json_write_end(json);
}

static void write_widened(oc_json_writer *json, const oc_source *source) {
    const oc_recipe *recipe = &source->recipe;
    oc_json_write_key(json, "widened");
    oc_json_write_array(json);
    for (int32_t i = 0; i < recipe->module_count; i++) {
        if (recipe->modules[i].why != NULL) {
            oc_json_write_object(json);
            oc_json_write_key(json, "module");
            oc_json_write_text(json, recipe->modules[i].name);
            oc_json_write_key(json, "why");
            oc_json_write_text(json, recipe->modules[i].why);
            oc_json_write_end(json);
        }
    }
    oc_json_write_end(json);
    oc_json_write_key(json, "unmerged");
    oc_json_write_int(json, recipe->unmerged);
    oc_json_write_key(json, "unread");
    oc_json_write_array(json);
    for (int32_t i = 0; i < recipe->unread_count; i++) {
        oc_json_write_text(json, recipe->unread[i]);
    }
    oc_json_write_end(json);
    oc_json_write_key(json, "notices");
    oc_json_write_array(json);
    for (int32_t i = 0; i < source->checkpoint->notices.count; i++) {
        oc_json_write_text(json, source->checkpoint->notices.texts[i]);
    }
    oc_json_write_end(json);
}

/* The engine file as it was written. */
static octavo_status write_file(oc_json_writer *json, const char *engine, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_engine_file *file = NULL;
    oc_engine_facts facts;
    OC_TRY(oc_engine_file_open(engine, &file, error));
    oc_engine_describe(file, &facts);
    oc_json_write_key(json, "engine_bytes");
    oc_json_write_int(json, (int64_t)facts.file_bytes);
    oc_json_write_key(json, "sections");
    oc_json_write_array(json);
    for (int32_t i = 0; i < facts.section_count; i++) {
        oc_json_write_object(json);
        oc_json_write_key(json, "name");
        oc_json_write_text(json, facts.sections[i].kind->name);
        oc_json_write_key(json, "bytes");
        oc_json_write_int(json, (int64_t)facts.sections[i].bytes);
        oc_json_write_end(json);
    }
    oc_json_write_end(json);
done:
    oc_engine_file_close(file);
    return status;
}

octavo_status oc_build_report(const oc_source *source, const oc_build_facts *facts,
                              const char *checkpoint, const char *engine, char **out,
                              octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_buffer text;
    oc_json_writer json;
    oc_buffer_init(&text);
    oc_json_write_open(&json, &text, true);
    oc_json_write_object(&json);
    oc_json_write_key(&json, "checkpoint");
    oc_json_write_text(&json, checkpoint);
    oc_json_write_key(&json, "engine");
    oc_json_write_text(&json, engine);
    oc_json_write_key(&json, "name");
    oc_json_write_text(&json, source->checkpoint->title);
    oc_json_write_key(&json, "producer");
    oc_json_write_text(&json, source->quantization.producer);
    oc_json_write_key(&json, "precision");
    oc_json_write_text(&json, facts->precision);
    oc_json_write_key(&json, "seconds");
    oc_json_write_double(&json, facts->seconds);
    oc_json_write_key(&json, "checkpoint_bytes");
    oc_json_write_int(&json, (int64_t)facts->checkpoint_bytes);
    oc_json_write_key(&json, "tensor_bytes");
    oc_json_write_int(&json, (int64_t)facts->tensor_bytes);
    oc_json_write_key(&json, "towers");
    oc_json_write_array(&json);
    for (int32_t t = 0; t < OC_TOWERS; t++) {
        const oc_tower_config *config = oc_source_tower(source, &oc_towers[t]);
        if (config != NULL) {
            write_tower(&json, &source->recipe, &oc_towers[t], config);
        }
    }
    oc_json_write_end(&json);
    write_widened(&json, source);
    oc_json_write_key(&json, "canaries");
    oc_json_write_object(&json);
    oc_json_write_key(&json, "part");
    oc_json_write_int(&json, facts->part_canaries);
    oc_json_write_key(&json, "model");
    oc_json_write_int(&json, facts->model_canaries);
    oc_json_write_end(&json);
    OC_TRY(write_file(&json, engine, error));
    oc_json_write_end(&json);
    OC_TRY(oc_json_write_take(&json, out, error));
done:
    oc_buffer_free(&text);
    return status;
}
