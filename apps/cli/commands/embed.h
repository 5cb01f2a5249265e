/* embed.h - files and texts to embeddings, batch by batch. */
#ifndef OC_CLI_EMBED_H
#define OC_CLI_EMBED_H

#include "base/json/json_write.h"
#include "cli/commands/open_model.h"

typedef struct oc_cli_skipped {
    const char *file; /* borrowed from the list of images */
    char *message;
} oc_cli_skipped;

typedef struct oc_cli_embeds {
    float *rows;        /* [count, dim], L2-normalised */
    const char **names; /* [count]: the file or text of each row, borrowed from the lists */
    int32_t count, dim;
    oc_cli_skipped *skipped; /* images that could not be read */
    int32_t skipped_count;
} oc_cli_embeds;

/* An image that cannot be read is reported on stderr and skipped; with --fail-fast it is the
 * error.  Images are decoded on the model's number of threads. */
octavo_status oc_cli_embed_images(const oc_cli_options *options, const oc_cli_model *model,
                                  const oc_cli_list *files, oc_cli_embeds *out,
                                  octavo_error *error);

/* Texts that are cut are told in notices.  Zeroed *out before. */
octavo_status oc_cli_embed_texts(const oc_cli_options *options, const oc_cli_model *model,
                                 const oc_cli_list *texts, oc_cli_embeds *out, octavo_error *error);
void oc_cli_embeds_free(oc_cli_embeds *embeds); /* a zeroed one is accepted */

/* "skipped":[{"file","message"}...], and what it means for the exit code: 65 where any is. */
void oc_cli_json_skipped(oc_json_writer *json, const oc_cli_embeds *embeds);
int oc_cli_skipped_verdict(const oc_cli_embeds *embeds);

/* Tells in a notice where a text has more tokens than the model takes. */
octavo_status oc_cli_check_length(const oc_cli_options *options, const octavo_engine *engine,
                                  const char *text, int32_t *ids, int32_t *count,
                                  octavo_error *error);

#endif
