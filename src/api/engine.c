/* engine.c - opening an engine, and what needs an engine alone: text to ids, files to pixels. */
#include <stdlib.h>
#include <string.h>

#include "api/objects.h"
#include "api/processor_record.h"
#include "api/require.h"
#include "embed/embed.h"
#include "engine/records/model.h"
#include "num/convert.h"
#include "num/mathf.h"

static octavo_status read_weights(void *context, uint64_t source, int64_t first, int64_t count,
                                  void *dst, octavo_error *error) {
    return oc_engine_read_rows(context, (int32_t)source, first, count, dst, error);
}

oc_weight_source oc_engine_source(const octavo_engine *engine) {
    return (oc_weight_source){read_weights, engine->file};
}

static const oc_node *find_value(const octavo_engine *engine, const char *name) {
    oc_value value = oc_graph_find(&engine->graph, name);
    return value < 0 ? NULL : &engine->graph.nodes[value];
}

/* exp(logit_scale), or 1 without one. */
static octavo_status read_logit_scale(octavo_engine *engine, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int32_t index = oc_engine_tensor_find(engine->file, "logit_scale");
    uint64_t raw = 0;
    float value = 0;
    if (index >= 0 && oc_engine_tensor_at(engine->file, index)->bytes <= sizeof raw) {
        const oc_engine_tensor *tensor = oc_engine_tensor_at(engine->file, index);
        OC_TRY(oc_engine_read_tensor(engine->file, index, &raw, error));
        oc_convert_to_f32(tensor->dtype, &raw, &value, 1);
    }
    engine->info.logit_scale = (float)oc_exp((double)value);
done:
    return status;
}

/* The longest text that the tower has positions for. */
static int32_t count_positions(const octavo_engine *engine, const oc_tower *tower) {
    int32_t least = 0;
    for (oc_value v = 0; v < engine->graph.node_count; v++) {
        const oc_node *node = &engine->graph.nodes[v];
        if (node->op == OC_OP_ADD_ROWS && node->type.dims[0] == tower->dim) {
            int32_t positions = (int32_t)engine->graph.nodes[node->inputs[1]].type.dims[0];
            least = least == 0 || positions < least ? positions : least;
        }
    }
    return least;
}

/* What the graph says of its towers. */
static octavo_status read_towers(octavo_engine *engine, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    octavo_engine_info *info = &engine->info;
    bool complete = true;
    for (int32_t t = 0; t < OC_TOWERS; t++) {
        const oc_tower *tower = &oc_towers[t];
        const oc_node *embeds = find_value(engine, tower->embeds);
        const oc_node *pixels = find_value(engine, tower->entries[0].input);
        if (embeds == NULL) {
            continue;
        }
        info->towers |= tower->bit;
        info->embed_dim = info->embed_dim == 0 ? (int32_t)embeds->type.dims[1] : info->embed_dim;
        if (oc_tower_is_packed(tower)) {
            info->tokens_max = count_positions(engine, tower);
        } else {
            complete = complete && pixels != NULL;
            info->image_size = pixels == NULL ? 0 : (int32_t)pixels->type.dims[1];
        }
    }
    if (info->towers == 0 || info->towers != engine->meta.towers || !complete) {
        OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET,
                "the engine's description and its graph have different towers (%d, %d)",
                engine->meta.towers, info->towers);
    }
done:
    return status;
}

uint64_t oc_section_offset(const octavo_engine *engine, oc_section_type type) {
    const oc_format_front *front = oc_engine_file_front(engine->file);
    for (uint32_t i = 0; i < front->header.section_count; i++) {
        if (front->sections[i].type == (uint32_t)type) {
            return front->sections[i].offset;
        }
    }
    return 0;
}

static octavo_status read_sections(octavo_engine *engine, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    size_t bytes;
    const void *section = oc_engine_section(engine->file, OC_SECTION_META, &bytes);
    OC_TRY(oc_engine_meta_read(section, bytes, oc_section_offset(engine, OC_SECTION_META),
                               &engine->arena, &engine->meta, error));
    OC_TRY(oc_engine_graph(engine->file, &engine->graph, error));
    OC_TRY(oc_graph_check_entries(&engine->graph, error));
    OC_TRY(read_towers(engine, error));
    OC_TRY(read_logit_scale(engine, error));
    section = oc_engine_section(engine->file, OC_SECTION_TOKENIZER, &bytes);
    if (section != NULL) {
        OC_TRY(oc_bpe_create(section, bytes, &engine->bpe, error));
        oc_bpe_info bpe = oc_bpe_describe(engine->bpe);
        engine->info.pad_id = bpe.padding;
        if (bpe.tokens_max < engine->info.tokens_max) {
            engine->info.tokens_max = bpe.tokens_max;
        }
    }
    section = oc_engine_section(engine->file, OC_SECTION_PROCESSOR, &bytes);
    if (section != NULL) {
        int32_t height, width;
        OC_TRY(oc_processor_read(section, bytes, oc_section_offset(engine, OC_SECTION_PROCESSOR),
                                 &engine->processor, error));
        oc_image_processor_size(&engine->processor, &height, &width);
        if (height != engine->info.image_size || width != engine->info.image_size) {
            OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET,
                    "the image processor makes %dx%d pixels, the graph takes %d", height, width,
                    engine->info.image_size);
        }
        engine->has_processor = true;
    }
    section = oc_engine_section(engine->file, OC_SECTION_CANARIES, &bytes);
    if (section != NULL) {
        OC_TRY(oc_canaries_decode(section, bytes, &engine->canaries, &engine->canary_count, error));
    }
    section = oc_engine_section(engine->file, OC_SECTION_TUNED, &bytes);
    if (section != NULL) {
        OC_TRY(oc_tuned_read(section, bytes, oc_section_offset(engine, OC_SECTION_TUNED),
                             &engine->arena, &engine->tuned, error));
    }
    engine->info.name = engine->meta.name;
    engine->info.precision = engine->meta.precision;
done:
    return status;
}

/* Takes the file. */
static octavo_status make_engine(oc_engine_file *file, octavo_engine **out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    octavo_engine *engine = calloc(1, sizeof *engine);
    if (engine == NULL) {
        oc_engine_file_close(file);
        OC_NO_MEMORY(error, sizeof *engine);
    }
    atomic_init(&engine->holders, 1);
    oc_graph_init(&engine->graph);
    oc_arena_init(&engine->arena);
    engine->file = file;
    OC_TRY(read_sections(engine, error));
    *out = engine;
    engine = NULL;
done:
    octavo_engine_free(engine);
    return status;
}

octavo_status octavo_engine_open(const char *path, octavo_engine **out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_engine_file *file = NULL;
    oc_error_clear(error);
    OC_REQUIRE(error, out);
    *out = NULL;
    OC_REQUIRE(error, path);
    OC_TRY(oc_engine_file_open(path, &file, error));
    OC_TRY(make_engine(file, out, error));
done:
    if (status != OCTAVO_OK) {
        oc_error_path(error, path);
    }
    return status;
}

octavo_status octavo_engine_open_memory(const void *data, size_t bytes, const char *name,
                                        octavo_engine **out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_engine_file *file = NULL;
    oc_error_clear(error);
    OC_REQUIRE(error, out);
    *out = NULL;
    OC_REQUIRE(error, data);
    name = name == NULL ? "(memory)" : name;
    OC_TRY(oc_engine_file_open_memory(data, bytes, name, &file, error));
    OC_TRY(make_engine(file, out, error));
done:
    if (status != OCTAVO_OK) {
        oc_error_path(error, name);
    }
    return status;
}

void oc_engine_hold(octavo_engine *engine) {
    atomic_fetch_add(&engine->holders, 1);
}

void octavo_engine_free(octavo_engine *engine) {
    if (engine == NULL || atomic_fetch_sub(&engine->holders, 1) > 1) {
        return;
    }
    free(engine->canaries);
    oc_bpe_free(engine->bpe);
    oc_graph_free(&engine->graph);
    oc_arena_free(&engine->arena);
    oc_engine_file_close(engine->file);
    free(engine);
}

const octavo_engine_info *octavo_engine_describe(const octavo_engine *engine) {
    return engine == NULL ? NULL : &engine->info;
}

/* What one request brought is at fault, if anything is. */
static octavo_status of_input(octavo_status status, octavo_error *error) {
    if (status != OCTAVO_OK && error != NULL &&
        (status == OCTAVO_CORRUPT || status == OCTAVO_UNSUPPORTED)) {
        error->cause = OCTAVO_CAUSE_INPUT;
    }
    return status;
}

octavo_status oc_engine_has_tokenizer(const octavo_engine *engine, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_tower *tower = oc_tower_of_form(OC_FORM_IDS);
    if ((engine->info.towers & tower->bit) == 0) {
        OC_FAIL(error, OCTAVO_NOT_FOUND, OCTAVO_NO_OFFSET, "engine %s has no %s tower",
                engine->info.name, tower->name);
    }
    if (engine->bpe == NULL || engine->info.tokens_max < 2) {
        OC_FAIL(
            error, OCTAVO_NOT_FOUND, OCTAVO_NO_OFFSET,
            "engine %s has no tokenizer: none lay beside its checkpoint; put tokenizer.json, or "
            "vocab.json and merges.txt, there and build again",
            engine->info.name);
    }
done:
    return status;
}

octavo_status oc_engine_has_processor(const octavo_engine *engine, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_tower *tower = oc_tower_of_form(OC_FORM_BYTES);
    if (!engine->has_processor) {
        OC_FAIL(error, OCTAVO_NOT_FOUND, OCTAVO_NO_OFFSET, "engine %s has no %s %s",
                engine->info.name, tower->name,
                (engine->info.towers & tower->bit) == 0 ? "tower" : "processor");
    }
done:
    return status;
}

octavo_status octavo_tokenize(const octavo_engine *engine, const char *text, size_t bytes,
                              int32_t *ids, int32_t *count, int32_t *full_count,
                              octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_error_clear(error);
    OC_REQUIRE(error, count);
    *count = 0;
    if (full_count != NULL) {
        *full_count = 0;
    }
    OC_REQUIRE(error, engine);
    OC_REQUIRE(error, text);
    OC_REQUIRE(error, ids);
    OC_TRY(oc_engine_has_tokenizer(engine, error));
    OC_TRY(oc_bpe_encode(engine->bpe, text, bytes, ids, engine->info.tokens_max, count, full_count,
                         error));
done:
    return status;
}

octavo_status octavo_preprocess(const octavo_engine *engine, const void *data, size_t bytes,
                                uint8_t *pixels, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_error_clear(error);
    OC_REQUIRE(error, engine);
    OC_REQUIRE(error, data);
    OC_REQUIRE(error, pixels);
    OC_TRY(oc_engine_has_processor(engine, error));
    OC_TRY(of_input(oc_image_process(&engine->processor, data, bytes, pixels, error), error));
done:
    return status;
}

octavo_status octavo_preprocess_file(const octavo_engine *engine, const char *path, uint8_t *pixels,
                                     octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_error_clear(error);
    OC_REQUIRE(error, engine);
    OC_REQUIRE(error, path);
    OC_REQUIRE(error, pixels);
    OC_TRY(oc_engine_has_processor(engine, error));
    OC_TRY(of_input(oc_embed_read_image(&engine->processor, path, pixels, error), error));
done:
    return status;
}
