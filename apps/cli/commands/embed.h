/* embed.h - files and texts to embeddings; what is told meanwhile. */
#ifndef OC_CLI_EMBED_H
#define OC_CLI_EMBED_H

#include "api/tool.h"
#include "base/json/json_write.h"
#include "cli/commands/open_model.h"

/* Images that were left out.  Zeroed: none. */
typedef struct oc_cli_skipped {
    const oc_cli_options *options;
    struct {
        char *file, *message;
    } * items;
    int32_t count, capacity;
} oc_cli_skipped;

/* A listener that shows progress and notices; an image that cannot be read is reported on stderr
 * and noted in *skipped, or is the error with --fail-fast.  Both arguments must outlive it. */
octavo_tool_listener oc_cli_listener(const oc_cli_options *options, oc_cli_skipped *skipped);
void oc_cli_skipped_free(oc_cli_skipped *skipped);

/* "skipped":[{"file","message"}...], and what it means for the exit code: 65 where any is. */
void oc_cli_json_skipped(oc_json_writer *json, const oc_cli_skipped *skipped);
int oc_cli_skipped_verdict(const oc_cli_skipped *skipped);

typedef struct oc_cli_embeds {
    float *rows;        /* [count, dim], L2-normalised */
    const char **names; /* [count]: the file or text of each row, borrowed from the lists */
    int32_t count, dim;
} oc_cli_embeds;

/* Zeroed *out before. */
octavo_status oc_cli_embed_images(const oc_cli_model *model, const oc_cli_list *files,
                                  const octavo_tool_listener *listener, oc_cli_embeds *out,
                                  octavo_error *error);
octavo_status oc_cli_embed_texts(const oc_cli_model *model, const oc_cli_list *texts,
                                 const octavo_tool_listener *listener, oc_cli_embeds *out,
                                 octavo_error *error);
void oc_cli_embeds_free(oc_cli_embeds *embeds); /* a zeroed one is accepted */

#endif
