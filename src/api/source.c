/* source.c - see source.h. */
#include "api/source.h"

#include "text/bpe.h"

octavo_status oc_source_open(const char *path, octavo_precision precision, const char *keep,
                             oc_source *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_recipe_options options = {precision, keep};
    *out = (oc_source){0};
    OC_TRY(oc_checkpoint_open(path, &out->checkpoint, error));
    OC_TRY(oc_model_config_load(out->checkpoint, &out->config, error));
    OC_TRY(oc_quant_check(out->checkpoint, &out->quantization, error));
    if ((out->config.towers & oc_tower_of_form(OC_FORM_BYTES)->bit) != 0) {
        OC_TRY(oc_preprocessor_load(out->checkpoint, out->config.vision.image_size,
                                    &out->preprocessor, error));
    }
    OC_TRY(oc_recipe_build(out->checkpoint, &out->config, &out->preprocessor, &options,
                           &out->recipe, error));
done:
    if (status != OCTAVO_OK) {
        oc_source_close(out);
        oc_error_path(error, path);
    }
    return status;
}

void oc_source_close(oc_source *source) {
    oc_recipe_free(&source->recipe);
    oc_checkpoint_free(source->checkpoint);
    *source = (oc_source){0};
}

const oc_tower_config *oc_source_tower(const oc_source *source, const oc_tower *tower) {
    const oc_model_config *config = &source->config;
    return (config->towers & tower->bit) == 0 ? NULL
           : oc_tower_is_packed(tower)        ? &config->text.tower
                                              : &config->vision.tower;
}

int32_t oc_source_longest(const oc_source *source, const oc_tower *tower) {
    const oc_vision_config *vision = &source->config.vision;
    int32_t side = vision->patch > 0 ? vision->image_size / vision->patch : 0;
    return oc_tower_is_packed(tower) ? source->config.text.positions : side * side + 1;
}

octavo_status oc_source_check_tokenizer(const oc_source *source, const oc_buffer *packed,
                                        octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_text_config *text = &source->config.text;
    oc_bpe *bpe = NULL;
    OC_TRY(oc_bpe_create(packed->data, packed->size, &bpe, error));
    oc_bpe_info info = oc_bpe_describe(bpe);
    if (info.vocabulary > text->vocabulary) {
        OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET,
                "the tokenizer is not this model's: it has %d tokens, the model's table %d",
                info.vocabulary, text->vocabulary);
    }
    if (text->eos_id != 2 && info.end != text->eos_id) {
        OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET,
                "the tokenizer is not this model's: it ends texts with token %d, the model looks "
                "for %d",
                info.end, text->eos_id);
    }
done:
    oc_bpe_free(bpe);
    return status;
}

static octavo_status read_weights(void *context, uint64_t source, int64_t first, int64_t count,
                                  void *dst, octavo_error *error) {
    return oc_recipe_read(context, (int32_t)source, first, count, dst, error);
}

oc_weight_source oc_source_weights(oc_source *source) {
    return (oc_weight_source){read_weights, &source->recipe};
}
