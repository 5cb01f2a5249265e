/* recipes.c - the table of architectures, and what all of their recipes have in common. */
#include <string.h>

#include "recipes/builder.h"
#include "recipes/keep.h"
#include "recipes/unread.h"

/* One line an architecture, under the name that checkpoint/config.c has it. */
static const struct {
    const char *architecture;
    oc_recipe_writer write;
    const char *elsewhere[3]; /* globs of tensors that belong to another part of a whole model */
} recipes[] = {
    {"CLIPModel", oc_clip_write, {NULL}},
    {"CLIPVisionModelWithProjection", oc_clip_write, {"text_*", "logit_scale", NULL}},
    {"CLIPTextModelWithProjection", oc_clip_write, {"vis*", "logit_scale", NULL}},
};

octavo_status oc_recipe_build(oc_checkpoint *checkpoint, const oc_model_config *config,
                              const oc_preprocessor *preprocessor, const oc_recipe_options *options,
                              oc_recipe *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_builder b = {.recipe = out, .checkpoint = checkpoint, .options = *options, .error = error};
    size_t i = 0;
    *out = (oc_recipe){0};
    oc_graph_init(&out->graph);
    OC_TRY(oc_keep_check(options->keep, error));
    while (i < OC_COUNT(recipes) && strcmp(recipes[i].architecture, config->architecture) != 0) {
        i++;
    }
    if (i == OC_COUNT(recipes)) {
        OC_FAIL(error, OCTAVO_INTERNAL, OCTAVO_NO_OFFSET, "there is no recipe for %s",
                config->architecture);
    }
    recipes[i].write(&b, config, preprocessor);
    OC_TRY(b.status);
    OC_TRY(oc_keep_check_used(options->keep, out->modules, out->module_count, error));
    OC_TRY(oc_verify(&out->graph, error));
    OC_TRY(oc_unread_note(out, checkpoint, recipes[i].elsewhere, error));
done:
    if (status != OCTAVO_OK) {
        oc_recipe_free(out);
    }
    return status;
}
