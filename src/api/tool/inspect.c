/* inspect.c - what an engine file holds, as JSON. */
#include <stdio.h>
#include <string.h>

#include "api/canary/make.h"
#include "api/objects.h"
#include "api/require.h"
#include "api/tool.h"
#include "base/json/json_write.h"
#include "engine/records/describe.h"
#include "engine/verify.h"
#include "watch/reference.h"

/* Layers, heads and width of a tower, by its nodes' names. */
static void write_tower(oc_json_writer *json, const octavo_engine *engine, const oc_tower *tower) {
    int32_t layers = 0, heads = 0;
    int64_t width = 0, tokens = 0, patch = 0, vocabulary = 0, rule = -1;
    for (oc_value v = 0; v < engine->graph.node_count; v++) {
        const oc_node *node = &engine->graph.nodes[v];
        bool ids = oc_tower_is_packed(tower);
        if (node->op == OC_OP_ATTENTION && oc_tower_has_value(tower, node->name)) {
            layers++;
            heads = (int32_t)node->i[0];
            width = node->type.dims[2];
            tokens = node->type.dims[1];
        }
        if (!ids && node->op == OC_OP_PATCH_EMBED) {
            patch = engine->graph.nodes[node->inputs[1]].type.dims[2];
        }
        if (ids && node->op == OC_OP_EMBED_TOKENS) {
            vocabulary = engine->graph.nodes[node->inputs[1]].type.dims[0];
        }
        if (ids && node->op == OC_OP_END_OF_TEXT) {
            rule = node->i[0];
        }
    }
    oc_json_write_key(json, tower->name);
    oc_json_write_object(json);
    oc_json_write_int_member(json, "width", width);
    oc_json_write_int_member(json, "layers", layers);
    oc_json_write_int_member(json, "heads", heads);
    if (patch != 0) {
        oc_json_write_int_member(json, "size", engine->info.image_size);
        oc_json_write_int_member(json, "patch", patch);
        oc_json_write_int_member(json, "tokens", tokens);
    }
    if (vocabulary != 0) {
        oc_json_write_int_member(json, "tokens", engine->info.tokens_max);
        oc_json_write_int_member(json, "vocabulary", vocabulary);
        oc_json_write_text_member(json, "end_of_text",
                                  rule == 1 ? "largest id" : "first end token");
    }
    oc_json_write_end(json);
}

static void write_file(oc_json_writer *json, const oc_engine_facts *facts) {
    char text[32];
    oc_json_write_key(json, "operands");
    oc_json_write_array(json);
    for (int32_t i = 0; i < facts->dtype_count; i++) {
        oc_json_write_object(json);
        oc_json_write_text_member(json, "dtype", oc_dtype_name(facts->dtypes[i].dtype));
        oc_json_write_int_member(json, "tensors", facts->dtypes[i].tensors);
        oc_json_write_int_member(json, "bytes", (int64_t)facts->dtypes[i].bytes);
        oc_json_write_end(json);
    }
    oc_json_write_end(json);
    oc_json_write_key(json, "sections");
    oc_json_write_array(json);
    for (int32_t i = 0; i < facts->section_count; i++) {
        const oc_engine_section_facts *section = &facts->sections[i];
        oc_json_write_object(json);
        oc_json_write_text_member(json, "name",
                                  section->kind == NULL ? "unknown" : section->kind->name);
        oc_json_write_int_member(json, "offset", (int64_t)section->offset);
        oc_json_write_int_member(json, "bytes", (int64_t)section->bytes);
        snprintf(text, sizeof text, "%016llx", (unsigned long long)section->checksum);
        oc_json_write_text_member(json, "checksum", text);
        oc_json_write_end(json);
    }
    oc_json_write_end(json);
    oc_json_write_int_member(json, "tensor_bytes", (int64_t)facts->tensor_bytes);
    oc_json_write_int_member(json, "model_bytes", (int64_t)facts->model_bytes);
    oc_json_write_int_member(json, "record_bytes", (int64_t)facts->record_bytes);
}

static void write_tensors(oc_json_writer *json, const octavo_engine *engine) {
    oc_json_write_key(json, "tensors");
    oc_json_write_array(json);
    for (int32_t i = 0; i < oc_engine_tensor_count(engine->file); i++) {
        const oc_engine_tensor *tensor = oc_engine_tensor_at(engine->file, i);
        oc_json_write_object(json);
        oc_json_write_text_member(json, "name", tensor->name);
        oc_json_write_text_member(json, "dtype", oc_dtype_name(tensor->dtype));
        oc_json_write_key(json, "shape");
        oc_json_write_array(json);
        for (int32_t d = 0; d < tensor->rank; d++) {
            oc_json_write_int(json, tensor->shape[d]);
        }
        oc_json_write_end(json);
        oc_json_write_int_member(json, "bytes", (int64_t)tensor->bytes);
        oc_json_write_end(json);
    }
    oc_json_write_end(json);
}

/* A text section as a string; a JSON section as it is. */
static void write_record(oc_json_writer *json, const octavo_engine *engine, const char *key,
                         oc_section_type type, bool is_json) {
    size_t bytes;
    const char *section = oc_engine_section(engine->file, type, &bytes);
    oc_json_write_key(json, key);
    if (section == NULL) {
        oc_json_write_null(json);
    } else if (is_json) {
        oc_json_write_raw(json, (oc_slice){section, bytes});
    } else {
        oc_json_write_slice(json, (oc_slice){section, bytes});
    }
}

static void write_tuned(oc_json_writer *json, const oc_tuned *tuned) {
    oc_json_write_key(json, "tuned");
    oc_json_write_array(json);
    for (int32_t i = 0; i < tuned->count; i++) {
        oc_json_write_object(json);
        oc_json_write_text_member(json, "model", tuned->runs[i].model);
        oc_json_write_text_member(json, "software", tuned->runs[i].software);
        oc_json_write_text_member(json, "octavo", tuned->runs[i].octavo);
        oc_json_write_text_member(json, "date", tuned->runs[i].date);
        oc_json_write_int_member(json, "choices", tuned->runs[i].count);
        oc_json_write_end(json);
    }
    oc_json_write_end(json);
}

/* What watching holds traffic against, in short; a section that cannot be read is a problem told.
 */
static void write_reference(oc_json_writer *json, const octavo_engine *engine) {
    size_t bytes;
    const void *section = oc_engine_section(engine->file, OC_SECTION_REFERENCE, &bytes);
    oc_reference reference;
    octavo_error error;
    oc_arena arena;
    oc_json_write_key(json, "reference");
    if (section == NULL) {
        oc_json_write_null(json);
        return;
    }
    oc_arena_init(&arena);
    oc_error_clear(&error);
    oc_json_write_object(json);
    if (oc_reference_read(section, bytes, oc_section_offset(engine, OC_SECTION_REFERENCE), &arena,
                          &reference, &error) == OCTAVO_OK) {
        oc_json_write_key(json, "towers");
        oc_json_write_array(json);
        for (int32_t t = 0; t < reference.tower_count; t++) {
            oc_json_write_object(json);
            oc_json_write_text_member(json, "tower", reference.towers[t].name);
            oc_json_write_int_member(json, "rows", reference.towers[t].rows);
            oc_json_write_end(json);
        }
        oc_json_write_end(json);
        oc_json_write_int_member(json, "quantizers", reference.quantizer_count);
    } else {
        oc_json_write_text_member(json, "problem", error.message);
    }
    oc_json_write_end(json);
    oc_arena_free(&arena);
}

static void write_engine(oc_json_writer *json, const octavo_engine *engine, const char *path,
                         int32_t flags) {
    oc_engine_facts facts;
    char version[32];
    int32_t parts = 0;
    oc_engine_describe(engine->file, &facts);
    oc_json_write_text_member(json, "file", path);
    snprintf(version, sizeof version, "%u.%u", facts.major, facts.minor);
    oc_json_write_text_member(json, "format", version);
    oc_json_write_int_member(json, "bytes", (int64_t)facts.file_bytes);
    oc_json_write_text_member(json, "name", engine->meta.name);
    oc_json_write_text_member(json, "precision", engine->meta.precision);
    oc_json_write_text_member(json, "architecture", engine->meta.architecture);
    oc_json_write_text_member(json, "producer", engine->meta.producer);
    oc_json_write_text_member(json, "octavo", engine->meta.octavo);
    oc_json_write_key(json, "towers");
    oc_json_write_array(json);
    for (int32_t t = 0; t < OC_TOWERS; t++) {
        if ((engine->info.towers & oc_towers[t].bit) != 0) {
            oc_json_write_text(json, oc_towers[t].name);
        }
    }
    oc_json_write_end(json);
    oc_json_write_int_member(json, "embed_dim", engine->info.embed_dim);
    for (int32_t t = 0; t < OC_TOWERS; t++) {
        if ((engine->info.towers & oc_towers[t].bit) != 0) {
            write_tower(json, engine, &oc_towers[t]);
        }
    }
    write_file(json, &facts);
    for (int32_t i = 0; i < engine->canary_count; i++) {
        parts += engine->canaries[i].kind == OC_CANARY_PART;
    }
    oc_json_write_key(json, "canaries");
    oc_json_write_object(json);
    oc_json_write_int_member(json, "part", parts);
    oc_json_write_int_member(json, "model", engine->canary_count - parts);
    oc_json_write_end(json);
    write_tuned(json, &engine->tuned);
    write_reference(json, engine);
    write_record(json, engine, "calibration", OC_SECTION_CALIBRATION, true);
    write_record(json, engine, "card", OC_SECTION_CARD, false);
    if ((flags & OCTAVO_INSPECT_GRAPH) != 0) {
        write_record(json, engine, "graph", OC_SECTION_GRAPH, false);
    }
    if ((flags & OCTAVO_INSPECT_TENSORS) != 0) {
        write_tensors(json, engine);
    }
}

octavo_status octavo_tool_inspect(const char *path, int32_t flags, char **out,
                                  octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    octavo_engine *engine = NULL;
    oc_buffer text;
    oc_json_writer json;
    oc_error_clear(error);
    oc_buffer_init(&text);
    OC_REQUIRE(error, out);
    *out = NULL;
    OC_REQUIRE(error, path);
    OC_TRY(octavo_engine_open(path, &engine, error));
    if ((flags & OCTAVO_INSPECT_VERIFY) != 0) {
        OC_TRY(oc_engine_verify(engine->file, NULL, NULL, error));
        OC_TRY(oc_canary_verify_file(path, 0, error));
    }
    oc_json_write_open(&json, &text, true);
    oc_json_write_object(&json);
    write_engine(&json, engine, path, flags);
    if ((flags & OCTAVO_INSPECT_VERIFY) != 0) {
        oc_json_write_key(&json, "verified");
        oc_json_write_bool(&json, true);
    }
    oc_json_write_end(&json);
    OC_TRY(oc_json_write_take(&json, out, error));
done:
    oc_buffer_free(&text);
    octavo_engine_free(engine);
    return status;
}
