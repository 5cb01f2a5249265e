/* build.c - checkpoint to engine file: the walk of octavo_build. */
#include <stdlib.h>
#include <string.h>

#include "api/build_report.h"
#include "api/canary/make.h"
#include "api/option_struct.h"
#include "api/processor_record.h"
#include "api/require.h"
#include "api/source.h"
#include "base/sys/clock.h"
#include "checkpoint/card.h"
#include "engine/records/meta.h"
#include "engine/writer.h"
#include "text/files/tokenizer_files.h"
#include "watch/reference.h"

enum { PIECE_BYTES = 1 << 20 }; /* of weights that are written at a time */

typedef struct builder {
    octavo_build_options options;
    oc_source source;
    oc_engine_writer *writer;
    oc_build_facts facts;
    octavo_error *error;
} builder;

static octavo_status progress(builder *b, const char *what, uint64_t done, uint64_t total) {
    return oc_progress(b->options.progress, b->options.progress_user, what, done, total, b->error);
}

/* One tensor, in pieces: what oc_recipe_read has checked is what is written. */
static octavo_status write_tensor(builder *b, int32_t index, char *piece) {
    octavo_status status = OCTAVO_OK;
    const oc_recipe *recipe = &b->source.recipe;
    const oc_tensor *tensor = &recipe->graph.tensors[index];
    const oc_recipe_tensor *from = &recipe->tensors[index];
    size_t row_bytes = (size_t)from->row_elements * oc_dtype_bytes(from->dtype);
    int64_t rows = row_bytes >= PIECE_BYTES ? 1 : (int64_t)(PIECE_BYTES / row_bytes);
    OC_TRY(oc_engine_writer_begin_tensor(b->writer, tensor->name, tensor->dtype, tensor->rank,
                                         tensor->shape, b->error));
    for (int64_t first = 0; first < from->rows; first += rows) {
        int64_t count = from->rows - first < rows ? from->rows - first : rows;
        OC_TRY(oc_recipe_read(recipe, index, first, count, piece, b->error));
        OC_TRY(oc_engine_writer_append(b->writer, piece, (size_t)count * row_bytes, b->error));
    }
    OC_TRY(oc_engine_writer_end_tensor(b->writer, b->error));
done:
    return status;
}

static octavo_status write_weights(builder *b) {
    octavo_status status = OCTAVO_OK;
    const oc_recipe *recipe = &b->source.recipe;
    uint64_t done = 0, total = 0;
    size_t largest = PIECE_BYTES;
    char *piece = NULL;
    for (int32_t i = 0; i < recipe->graph.tensor_count; i++) {
        const oc_recipe_tensor *t = &recipe->tensors[i];
        size_t row_bytes = (size_t)t->row_elements * oc_dtype_bytes(t->dtype);
        largest = row_bytes > largest ? row_bytes : largest;
        total += (uint64_t)t->rows * row_bytes;
    }
    piece = malloc(largest);
    if (piece == NULL) {
        OC_NO_MEMORY(b->error, largest);
    }
    for (int32_t i = 0; i < recipe->graph.tensor_count; i++) {
        const oc_recipe_tensor *t = &recipe->tensors[i];
        OC_TRY(write_tensor(b, i, piece));
        done += (uint64_t)(t->rows * t->row_elements) * oc_dtype_bytes(t->dtype);
        OC_TRY(progress(b, "writing weights", done, total));
    }
    b->facts.tensor_bytes = total;
done:
    free(piece);
    return status;
}

/* A section from a buffer, unless that is empty. */
static octavo_status write_section(builder *b, oc_section_type type, const oc_buffer *bytes) {
    octavo_status status = OCTAVO_OK;
    OC_TRY(oc_buffer_status(bytes, b->error));
    if (bytes->size != 0) {
        OC_TRY(oc_engine_writer_section(b->writer, type, bytes->data, bytes->size, b->error));
    }
done:
    return status;
}

static octavo_status write_meta(builder *b) {
    octavo_status status = OCTAVO_OK;
    oc_buffer bytes;
    oc_engine_meta meta = {.octavo = b->facts.version,
                           .name = b->source.checkpoint->title,
                           .precision = b->facts.precision,
                           .towers = b->source.config.towers,
                           .architecture = b->source.config.architecture,
                           .producer = b->source.quantization.producer,
                           .source_tensors = b->source.checkpoint->tensor_count,
                           .source_tensor_bytes = (int64_t)b->facts.checkpoint_bytes};
    oc_buffer_init(&bytes);
    OC_TRY(oc_engine_meta_write(&meta, &bytes, b->error));
    OC_TRY(write_section(b, OC_SECTION_META, &bytes));
done:
    oc_buffer_free(&bytes);
    return status;
}

static octavo_status write_graph(builder *b) {
    octavo_status status = OCTAVO_OK;
    char *text = NULL;
    size_t bytes = 0;
    OC_TRY(oc_graph_print(&b->source.recipe.graph, &text, &bytes, b->error));
    OC_TRY(oc_engine_writer_section(b->writer, OC_SECTION_GRAPH, text, bytes, b->error));
done:
    free(text);
    return status;
}

/* Tokenizer and image processor, for the towers there are. */
static octavo_status write_processing(builder *b) {
    octavo_status status = OCTAVO_OK;
    const oc_model_config *config = &b->source.config;
    oc_buffer tokenizer, processor;
    oc_buffer_init(&tokenizer);
    oc_buffer_init(&processor);
    if ((config->towers & oc_tower_of_form(OC_FORM_IDS)->bit) != 0) {
        status = oc_tokenizer_load(b->source.checkpoint->folder, config->text.positions, &tokenizer,
                                   b->error);
        if (status == OCTAVO_NOT_FOUND) { /* token ids still go in; texts do not */
            oc_error_clear(b->error);
            status = OCTAVO_OK;
            oc_notice(
                &b->source.checkpoint->notices,
                "there is no tokenizer beside the checkpoint (tokenizer.json, or vocab.json and "
                "merges.txt): this engine takes token ids only");
        }
        OC_TRY(status);
        if (tokenizer.size != 0) {
            OC_TRY(oc_source_check_tokenizer(&b->source, &tokenizer, b->error));
        }
        OC_TRY(write_section(b, OC_SECTION_TOKENIZER, &tokenizer));
    }
    if ((config->towers & oc_tower_of_form(OC_FORM_BYTES)->bit) != 0) {
        OC_TRY(oc_processor_write(&b->source.preprocessor, &processor, b->error));
        OC_TRY(write_section(b, OC_SECTION_PROCESSOR, &processor));
    }
done:
    oc_buffer_free(&tokenizer);
    oc_buffer_free(&processor);
    return status;
}

/* A file that lies beside the checkpoint, whole, as a section. */
static octavo_status write_calibration(builder *b) {
    octavo_status status = OCTAVO_OK;
    char *bytes = NULL;
    size_t size = 0;
    if (oc_checkpoint_has(b->source.checkpoint, OC_CALIBRATION_FILE)) {
        OC_TRY(oc_checkpoint_load(b->source.checkpoint, OC_CALIBRATION_FILE, OC_LIMIT_CONFIG_BYTES,
                                  &bytes, &size, b->error));
        if (size != 0) {
            OC_TRY(
                oc_engine_writer_section(b->writer, OC_SECTION_CALIBRATION, bytes, size, b->error));
        }
    }
done:
    free(bytes);
    return status;
}

/* Of the checkpoint as it is: not of one that is widened. */
static octavo_status write_reference(builder *b) {
    octavo_status status = OCTAVO_OK;
    char *bytes = NULL;
    size_t size = 0;
    oc_reference reference;
    oc_arena arena;
    oc_arena_init(&arena);
    if (b->options.precision == OCTAVO_AS_CHECKPOINT && b->options.keep == NULL &&
        oc_checkpoint_has(b->source.checkpoint, OC_REFERENCE_FILE)) {
        OC_TRY(oc_checkpoint_load(b->source.checkpoint, OC_REFERENCE_FILE, OC_LIMIT_CONFIG_BYTES,
                                  &bytes, &size, b->error));
        status = oc_reference_read(bytes, size, 0, &arena, &reference, b->error);
        if (status != OCTAVO_OK) {
            oc_error_path(b->error, OC_REFERENCE_FILE);
            goto done;
        }
        OC_TRY(oc_engine_writer_section(b->writer, OC_SECTION_REFERENCE, bytes, size, b->error));
    }
done:
    oc_arena_free(&arena);
    free(bytes);
    return status;
}

static octavo_status write_card(builder *b) {
    octavo_status status = OCTAVO_OK;
    oc_card card = {0};
    oc_buffer text;
    oc_buffer_init(&text);
    OC_TRY(oc_card_load(b->source.checkpoint, &card, b->error));
    if (card.license != NULL) {
        oc_buffer_text(&text, card.license);
    }
    if (card.readme != NULL) {
        oc_buffer_text(&text, text.size == 0 ? "" : "\n\n");
        oc_buffer_text(&text, card.readme);
    }
    OC_TRY(write_section(b, OC_SECTION_CARD, &text));
done:
    oc_buffer_free(&text);
    oc_card_free(&card);
    return status;
}

static octavo_status write_canaries(builder *b) {
    octavo_status status = OCTAVO_OK;
    oc_canary_list list = {0};
    oc_buffer bytes;
    oc_buffer_init(&bytes);
    OC_TRY(oc_canary_make_parts(&b->source, b->options.threads, b->options.progress,
                                b->options.progress_user, &list, b->error));
    if (b->options.verify) {
        OC_TRY(oc_canary_make_models(&b->source, b->options.threads, b->options.progress,
                                     b->options.progress_user, &list, b->error));
    }
    b->facts.part_canaries = list.part_count;
    b->facts.model_canaries = list.count - list.part_count;
    OC_TRY(oc_canaries_encode(list.items, list.count, &bytes, b->error));
    OC_TRY(write_section(b, OC_SECTION_CANARIES, &bytes));
done:
    oc_buffer_free(&bytes);
    oc_canary_list_free(&list);
    return status;
}

/* With `strict`, what would only be reported is an error. */
static octavo_status check_strict(const builder *b) {
    octavo_status status = OCTAVO_OK;
    if (b->options.strict && b->source.recipe.unmerged != 0) {
        OC_FAIL(b->error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                "%d of Q, K and V inputs have activation scales of their own and cannot be one "
                "product; --strict makes that an error",
                b->source.recipe.unmerged);
    }
    if (b->options.strict && b->source.recipe.unread_count != 0) {
        OC_FAIL(b->error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                "%d of the checkpoint's tensors are not read, such as %s; --strict makes that an "
                "error",
                b->source.recipe.unread_count, b->source.recipe.unread[0]);
    }
done:
    return status;
}

static octavo_status check_options(const builder *b) {
    octavo_status status = OCTAVO_OK;
    if (b->options.precision < OCTAVO_AS_CHECKPOINT ||
        b->options.precision > OCTAVO_PRECISION_BF16) {
        OC_FAIL(b->error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "precision is %d, it must be %d (as the checkpoint), %d (F16) or %d (BF16)",
                (int)b->options.precision, (int)OCTAVO_AS_CHECKPOINT, (int)OCTAVO_PRECISION_F16,
                (int)OCTAVO_PRECISION_BF16);
    }
    if (b->options.threads < 0 || b->options.threads > OC_LIMIT_THREADS) {
        OC_FAIL(b->error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "%d threads are asked for, it can be 1 to %d (0: one for each usable core)",
                b->options.threads, OC_LIMIT_THREADS);
    }
done:
    return status;
}

/* Tries the written file, before it has its name. */
static octavo_status verify(builder *b, const char *engine) {
    octavo_status status = OCTAVO_OK;
    const char *temporary;
    OC_TRY(oc_engine_writer_seal(b->writer, &temporary, b->error));
    if (b->options.verify) {
        status = oc_canary_verify_file(temporary, b->options.threads, b->error);
        if (status != OCTAVO_OK && b->error != NULL) {
            b->error->path[0] = '\0';
            oc_error_path(b->error, engine);
        }
    }
done:
    return status;
}

octavo_status octavo_build(const char *checkpoint, const char *engine,
                           const octavo_build_options *options, char **report,
                           octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    builder b = {.options = {.struct_size = sizeof b.options}, .error = error};
    uint64_t start = oc_clock_ns();
    oc_error_clear(error);
    if (report != NULL) {
        *report = NULL;
    }
    OC_TRY(oc_options_copy(&b.options, sizeof b.options, options,
                           OC_OPTIONS_LEAST(octavo_build_options, progress_user),
                           "octavo_build_options", error));
    OC_TRY(check_options(&b));
    OC_REQUIRE(error, checkpoint);
    OC_REQUIRE(error, engine);
    OC_TRY(oc_source_open(checkpoint, b.options.precision, b.options.keep, &b.source, error));
    oc_build_facts_begin(&b.facts, &b.source);
    OC_TRY(check_strict(&b));
    OC_TRY(oc_engine_writer_create(engine, &b.writer, error));
    OC_TRY(write_weights(&b));
    OC_TRY(write_meta(&b));
    OC_TRY(write_graph(&b));
    OC_TRY(write_processing(&b));
    OC_TRY(write_calibration(&b));
    OC_TRY(write_reference(&b));
    OC_TRY(write_card(&b));
    OC_TRY(write_canaries(&b));
    OC_TRY(verify(&b, engine));
    OC_TRY(oc_engine_writer_finish(b.writer, error));
    if (report != NULL) {
        b.facts.seconds = (double)(oc_clock_ns() - start) * 1e-9;
        OC_TRY(oc_build_report(&b.source, &b.facts, checkpoint, engine, report, error));
    }
done:
    oc_engine_writer_free(b.writer);
    oc_source_close(&b.source);
    if (status != OCTAVO_OK) {
        oc_error_path(error, checkpoint);
    }
    return status;
}
