/* embed.c - see embed.h. */
#include "cli/commands/embed.h"

#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "cli/output/errors.h"
#include "cli/output/progress.h"

/* -- what is told ---------------------------------------------------------------------------- */

static int32_t step(void *user, const char *what, uint64_t done, uint64_t total) {
    const oc_cli_skipped *skipped = user;
    return oc_cli_progress_step(skipped->options->progress, what, done, total);
}

static void notice(void *user, const char *sentence) {
    const oc_cli_skipped *skipped = user;
    oc_cli_progress_clear(skipped->options->progress);
    oc_cli_notice(skipped->options, "%s", sentence);
}

static octavo_status left_out(void *user, const char *file, const octavo_error *why) {
    oc_cli_skipped *skipped = user;
    if (skipped->options->fail_fast) {
        return why->status;
    }
    oc_cli_progress_clear(skipped->options->progress);
    oc_cli_report("skipped", file, false, why);
    if (skipped->count == skipped->capacity) {
        int32_t capacity = skipped->capacity ? 2 * skipped->capacity : 16;
        void *items = realloc(skipped->items, (size_t)capacity * sizeof *skipped->items);
        if (!items) {
            return OCTAVO_EXHAUSTED;
        }
        skipped->items = items;
        skipped->capacity = capacity;
    }
    char *name = strdup(file), *message = strdup(why->message);
    skipped->items[skipped->count].file = name;
    skipped->items[skipped->count++].message = message;
    return name && message ? OCTAVO_OK : OCTAVO_EXHAUSTED;
}

octavo_tool_listener oc_cli_listener(const oc_cli_options *options, oc_cli_skipped *skipped) {
    *skipped = (oc_cli_skipped){.options = options};
    return (octavo_tool_listener){step, notice, left_out, skipped};
}

void oc_cli_skipped_free(oc_cli_skipped *skipped) {
    for (int32_t i = 0; i < skipped->count; i++) {
        free(skipped->items[i].file);
        free(skipped->items[i].message);
    }
    free(skipped->items);
    *skipped = (oc_cli_skipped){.options = NULL};
}

void oc_cli_json_skipped(oc_json_writer *json, const oc_cli_skipped *skipped) {
    oc_json_write_key(json, "skipped");
    oc_json_write_array(json);
    for (int32_t i = 0; i < skipped->count; i++) {
        oc_json_write_object(json);
        oc_json_write_key(json, "file");
        oc_json_write_text(json, skipped->items[i].file);
        oc_json_write_key(json, "message");
        oc_json_write_text(json, skipped->items[i].message);
        oc_json_write_end(json);
    }
    oc_json_write_end(json);
}

int oc_cli_skipped_verdict(const oc_cli_skipped *skipped) {
    return skipped->count ? 65 : 0;
}

/* -- rows ------------------------------------------------------------------------------------ */

static octavo_status open_embeds(oc_cli_embeds *out, int32_t count, int32_t dim,
                                 octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    size_t values = 0, bytes = 0;
    *out = (oc_cli_embeds){.dim = dim};
    if (!oc_mul_size((size_t)count + 1, (size_t)dim, &values) ||
        !oc_mul_size(values, sizeof(float), &bytes)) {
        OC_NO_MEMORY(error, SIZE_MAX);
    }
    out->rows = malloc(bytes);
    out->names = calloc((size_t)count + 1, sizeof *out->names);
    if (!out->rows || !out->names) {
        OC_NO_MEMORY(error, bytes);
    }
done:
    return status;
}

void oc_cli_embeds_free(oc_cli_embeds *embeds) {
    free(embeds->names);
    free(embeds->rows);
    *embeds = (oc_cli_embeds){.count = 0};
}

octavo_status oc_cli_embed_images(const oc_cli_model *model, const oc_cli_list *files,
                                  const octavo_tool_listener *listener, oc_cli_embeds *out,
                                  octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    octavo_tool_sessions sessions = {model->sessions, model->cards};
    int32_t *items = malloc(((size_t)files->count + 1) * sizeof *items);
    if (!items) {
        OC_NO_MEMORY(error, (size_t)files->count * sizeof *items);
    }
    OC_TRY(open_embeds(out, files->count, model->info->embed_dim, error));
    OC_TRY(octavo_tool_embed_images(model->engine, &sessions, files->items, files->count, listener,
                                    out->rows, items, &out->count, error));
    for (int32_t i = 0; i < out->count; i++) {
        out->names[i] = files->items[items[i]];
    }
done:
    free(items);
    return status;
}

octavo_status oc_cli_embed_texts(const oc_cli_model *model, const oc_cli_list *texts,
                                 const octavo_tool_listener *listener, oc_cli_embeds *out,
                                 octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    octavo_tool_sessions sessions = {model->sessions, model->cards};
    OC_TRY(open_embeds(out, texts->count, model->info->embed_dim, error));
    OC_TRY(octavo_tool_embed_texts(model->engine, &sessions, texts->items, texts->count, listener,
                                   out->rows, error));
    memcpy(out->names, texts->items, (size_t)texts->count * sizeof *out->names);
    out->count = texts->count;
done:
    return status;
}
