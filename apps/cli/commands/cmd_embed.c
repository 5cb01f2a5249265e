/* cmd_embed.c - octavo embed: images and texts to rows of floats. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/tool.h"
#include "base/limits.h"
#include "base/sys/io.h"
#include "base/sys/output.h"
#include "cli/commands/embed.h"
#include "cli/line/commands.h"
#include "cli/line/lists.h"
#include "cli/output/errors.h"
#include "cli/output/render.h"
#include "cli/output/signals.h"

/* The rows of both lists, images first. */
typedef struct rows {
    oc_cli_embeds parts[2];
    int32_t count, dim;
    oc_cli_skipped skipped;
} rows;

enum { NPY_DICT = 128 - 10 }; /* behind magic, version and its own length */

static const char *const kinds[] = {"file", "text"};

/* numpy's format 1.0: magic, header length, a Python dict filled with spaces to a multiple of 64
 * bytes, then the values.  https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */
static octavo_status save_npy(oc_output *output, const rows *all, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    static const uint8_t magic[] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, NPY_DICT, 0};
    char dict[NPY_DICT], line[NPY_DICT + 1];
    _Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "floats are written as they lie");
    snprintf(dict, sizeof dict, "{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }",
             all->count, all->dim);
    snprintf(line, sizeof line, "%-*s\n", NPY_DICT - 1, dict);
    OC_TRY(oc_output_append(output, magic, sizeof magic, error));
    OC_TRY(oc_output_append(output, line, NPY_DICT, error));
    for (int i = 0; i < 2; i++) {
        const oc_cli_embeds *part = &all->parts[i];
        size_t bytes = (size_t)part->count * (size_t)all->dim * sizeof(float);
        OC_TRY(oc_output_append(output, part->rows, bytes, error));
    }
done:
    return status;
}

static octavo_status save_jsonl(oc_output *output, const rows *all, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_buffer line;
    oc_json_writer json;
    oc_buffer_init(&line);
    for (int i = 0; i < 2; i++) {
        const oc_cli_embeds *part = &all->parts[i];
        for (int32_t r = 0; r < part->count; r++) {
            line.size = 0;
            oc_json_write_open(&json, &line, false);
            oc_json_write_object(&json);
            oc_json_write_key(&json, kinds[i]);
            oc_json_write_text(&json, part->names[r]);
            oc_json_write_key(&json, "embedding");
            oc_json_write_array(&json);
            for (int32_t c = 0; c < all->dim; c++) {
                oc_json_write_float(&json, part->rows[(size_t)r * (size_t)all->dim + (size_t)c]);
            }
            oc_json_write_end(&json);
            oc_json_write_end(&json);
            OC_TRY(oc_json_write_finish(&json, error));
            oc_buffer_byte(&line, '\n');
            OC_TRY(oc_buffer_status(&line, error));
            OC_TRY(oc_output_append(output, line.data, line.size, error));
        }
    }
done:
    oc_buffer_free(&line);
    return status;
}

static octavo_status save_safetensors(const char *path, const rows *all, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    size_t bytes = (size_t)all->count * (size_t)all->dim * sizeof(float);
    float *values = malloc(bytes + 1);
    oc_buffer names;
    oc_json_writer json;
    oc_buffer_init(&names);
    if (!values) {
        OC_NO_MEMORY(error, bytes);
    }
    oc_json_write_open(&json, &names, false);
    oc_json_write_array(&json);
    for (int i = 0, at = 0; i < 2; i++) {
        const oc_cli_embeds *part = &all->parts[i];
        for (int32_t r = 0; r < part->count; r++, at++) {
            memcpy(values + (size_t)at * (size_t)all->dim,
                   part->rows + (size_t)r * (size_t)all->dim, (size_t)all->dim * sizeof(float));
            oc_json_write_text(&json, part->names[r]);
        }
    }
    oc_json_write_end(&json);
    OC_TRY(oc_json_write_finish(&json, error));
    octavo_argument tensors[] = {
        {.name = "embeddings",
         .tensor =
             {.dtype = OCTAVO_F32, .rank = 2, .shape = {all->count, all->dim}, .data = values}},
        {.name = "names",
         .tensor =
             {.dtype = OCTAVO_U8, .rank = 1, .shape = {(int64_t)names.size}, .data = names.data}},
    };
    OC_TRY(octavo_tool_tensors_save(path, tensors, OC_COUNT(tensors), error));
done:
    oc_buffer_free(&names);
    free(values);
    return status;
}

static octavo_status tell(const oc_cli_options *options, const rows *all, double load_s,
                          octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_buffer buffer;
    oc_json_writer json;
    oc_buffer_init(&buffer);
    if (!options->json) {
        if (!options->quiet) {
            int32_t images = all->parts[0].count, texts = all->parts[1].count;
            printf("%s: %d image%s and %d text%s, %d values each", options->output, images,
                   OC_PLURAL(images), texts, OC_PLURAL(texts), all->dim);
            printf(all->skipped.count ? "; %d skipped\n" : "\n", all->skipped.count);
        }
        goto done;
    }
    oc_json_write_open(&json, &buffer, false);
    oc_json_write_object(&json);
    oc_json_write_key(&json, "output");
    oc_json_write_text(&json, options->output);
    oc_json_write_key(&json, "images");
    oc_json_write_int(&json, all->parts[0].count);
    oc_json_write_key(&json, "texts");
    oc_json_write_int(&json, all->parts[1].count);
    oc_json_write_key(&json, "embed_dim");
    oc_json_write_int(&json, all->dim);
    oc_cli_json_fixed(&json, "load_s", load_s, 4);
    oc_cli_json_skipped(&json, &all->skipped);
    oc_json_write_end(&json);
    OC_TRY(oc_cli_json_print(&json, error));
done:
    oc_buffer_free(&buffer);
    return status;
}

static bool ends_with(const char *text, const char *suffix) {
    return oc_slice_ends(oc_slice_of(text), suffix);
}

octavo_status oc_cli_embed(oc_cli_options *options, int *verdict, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const char *path = options->output;
    bool npy = ends_with(path, ".npy"), jsonl = ends_with(path, ".jsonl");
    oc_cli_list images;
    oc_cli_model model = {.engine = NULL};
    oc_output output = OC_OUTPUT_CLOSED;
    rows all = {.count = 0};
    octavo_tool_listener listener = oc_cli_listener(options, &all.skipped);
    if (!npy && !jsonl && !ends_with(path, ".safetensors")) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "--output %s: the suffix must be .npy, .safetensors or .jsonl", path);
    }
    OC_TRY(oc_cli_find_images(options, &images, error));
    if (options->texts_file) {
        OC_TRY(oc_cli_read_texts(options, options->texts_file, true, &options->texts, error));
    }
    if (images.count + options->texts.count == 0) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "there is nothing to embed: no image and no text is given");
    }
    oc_cli_guard_output(path);
    OC_TRY(oc_output_open(path, &output, error)); /* what cannot be written fails at once */
    int32_t towers = (images.count ? OCTAVO_IMAGE : 0) | (options->texts.count ? OCTAVO_TEXT : 0);
    int32_t batch = options->batch ? options->batch : OC_CLI_BATCH;
    OC_TRY(oc_cli_model_open(options, &model, error));
    OC_TRY(oc_cli_model_ready(options, towers, batch, 0, &model, error));
    if (images.count) {
        OC_TRY(oc_cli_embed_images(&model, &images, &listener, &all.parts[0], error));
    }
    if (options->texts.count) {
        OC_TRY(oc_cli_embed_texts(&model, &options->texts, &listener, &all.parts[1], error));
    }
    all.dim = model.info->embed_dim;
    all.count = all.parts[0].count + all.parts[1].count;
    if (all.count == 0) {
        OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET,
                "none of the images can be read (%d tried)", images.count);
    }
    if (npy) {
        OC_TRY(save_npy(&output, &all, error));
    } else if (jsonl) {
        OC_TRY(save_jsonl(&output, &all, error));
    } else {
        oc_output_abort(&output);
        OC_TRY(save_safetensors(path, &all, error));
    }
    if (output.fd >= 0) {
        OC_TRY(oc_output_commit(&output, error));
    }
    OC_TRY(tell(options, &all, model.load_s, error));
    *verdict = oc_cli_skipped_verdict(&all.skipped);
done:
    oc_output_abort(&output);
    oc_cli_embeds_free(&all.parts[0]);
    oc_cli_embeds_free(&all.parts[1]);
    oc_cli_skipped_free(&all.skipped);
    oc_cli_model_close(&model);
    oc_cli_guard_nothing();
    return status;
}
