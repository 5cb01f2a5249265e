/* cmd_run.c - octavo run: tensors from a file through an engine into a file.
 *
 * Rows do not depend on each other (octavo.h), so that many of them run a batch at a time, images
 * and texts apart; logits_per_image is made from the embeddings at the end.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/tool.h"
#include "base/size.h"
#include "base/sys/output.h"
#include "cli/commands/open_model.h"
#include "cli/line/commands.h"
#include "cli/output/errors.h"
#include "cli/output/progress.h"
#include "cli/output/render.h"
#include "cli/output/signals.h"

enum { ARGUMENTS_MAX = 1024 }; /* outputs of one run: two for each of OC_LIMIT_LAYERS, and four */

static const char LOGITS[] = "logits_per_image";

/* One side of a model: what runs together because it has the same rows. */
typedef struct side {
    int64_t axis;  /* of bindings: -1 images, -2 texts */
    int32_t tower; /* OCTAVO_IMAGE, OCTAVO_TEXT */
    const char *name;
    int64_t rows, length; /* length: of a row of input_ids */
    octavo_argument inputs[4], outputs[ARGUMENTS_MAX];
    int32_t input_count, output_count;
} side;

static int64_t row_elements(const octavo_tensor *tensor) {
    int64_t elements = 1;
    for (int32_t i = 1; i < tensor->rank; i++) {
        elements *= tensor->shape[i]; /* checked when it was read or made */
    }
    return elements;
}

/* Rows `from` .. `from` + `count` of an argument. */
static octavo_argument rows_of(const octavo_argument *whole, int64_t from, int64_t count) {
    octavo_argument part = *whole;
    size_t row = (size_t)row_elements(&whole->tensor) * octavo_dtype_bytes(whole->tensor.dtype);
    part.tensor.shape[0] = count;
    part.tensor.data = (char *)whole->tensor.data + (size_t)from * row;
    return part;
}

/* What a file may bring, and what is said of other dtypes. */
static const struct {
    const char *name;
    int32_t tower;
    const char *dtypes, *shape, *remedy;
} known[] = {
    {"pixels", OCTAVO_IMAGE, "U8", "[images, rows, columns, 3]", "; floats are pixel_values"},
    {"pixel_values", OCTAVO_IMAGE, "F32", "[images, 3, rows, columns]", "; bytes are pixels"},
    {"input_ids", OCTAVO_TEXT, "I64 or I32", "[texts, tokens]", ""},
    {"attention_mask", OCTAVO_TEXT, "I64 or I32", "[texts, tokens]", ""},
};

/* Adds one tensor of the file to its side, if it fits what is there. */
static octavo_status add_input(const octavo_argument *item, const char *dtype, size_t kind,
                               side *to, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int32_t rank = item->tensor.rank, wanted = known[kind].tower == OCTAVO_IMAGE ? 4 : 2;
    const int64_t *shape = item->tensor.shape;
    if (!strstr(known[kind].dtypes, dtype)) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "%s has dtype %s, it must be %s%s", item->name, dtype, known[kind].dtypes,
                known[kind].remedy);
    }
    if (rank != wanted) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "%s has %d dimension%s, it must have %d: %s", item->name, rank, OC_PLURAL(rank),
                wanted, known[kind].shape);
    }
    if (shape[0] < 1) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "%s has %" PRId64 " rows: there is nothing to run", item->name, shape[0]);
    }
    if (to->input_count && to->rows != shape[0]) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "%s has %" PRId64 " row%s, %s has %" PRId64, item->name, shape[0],
                OC_PLURAL(shape[0]), to->inputs[0].name, to->rows);
    }
    if (to->input_count && to->tower == OCTAVO_TEXT && to->length != shape[1]) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "%s has rows of %" PRId64 " tokens, %s of %" PRId64, item->name, shape[1],
                to->inputs[0].name, to->length);
    }
    to->rows = shape[0];
    to->length = shape[1];
    to->inputs[to->input_count++] = *item;
done:
    return status;
}

/* Tensors of the file to the two sides; those of unknown names are told. */
static octavo_status sort_inputs(const oc_cli_options *options, const octavo_tool_tensors *file,
                                 int32_t towers, side sides[2], octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    for (int32_t i = 0; i < file->count; i++) {
        const octavo_argument *item = &file->items[i];
        size_t kind = 0;
        while (kind < OC_COUNT(known) && strcmp(known[kind].name, item->name) != 0) {
            kind++;
        }
        if (kind == OC_COUNT(known) || !(known[kind].tower & towers)) {
            oc_cli_notice(options, "%s in %s is ignored: the engine has no such input", item->name,
                          options->inputs);
            continue;
        }
        OC_TRY(add_input(item, file->dtypes[i], kind,
                         &sides[known[kind].tower == OCTAVO_IMAGE ? 0 : 1], error));
    }
    if (sides[0].input_count + sides[1].input_count == 0) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "%s has none of pixels, pixel_values and input_ids that the engine takes",
                options->inputs);
    }
done:
    if (status) {
        oc_error_path(error, options->inputs);
    }
    return status;
}

/* Room for all rows of every output of this side. */
static octavo_status make_outputs(const octavo_session *session, side *to, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    for (int32_t b = 0; b < octavo_session_binding_count(session); b++) {
        const octavo_binding *binding = octavo_session_binding(session, b);
        if (!binding->is_output || binding->shape[0] != to->axis ||
            strcmp(binding->name, LOGITS) == 0) {
            continue;
        }
        if (to->output_count == ARGUMENTS_MAX) {
            OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                    "the engine has over %d outputs of one tower", ARGUMENTS_MAX);
        }
        octavo_argument *output = &to->outputs[to->output_count];
        *output = (octavo_argument){
            .name = binding->name,
            .tensor = {.dtype = OCTAVO_F32, .rank = binding->rank, .shape = {0}, .data = NULL}};
        size_t bytes = sizeof(float);
        for (int32_t i = 0; i < binding->rank; i++) {
            int64_t size = binding->shape[i] == to->axis ? to->rows
                           : binding->shape[i] == -3     ? to->length
                                                         : binding->shape[i];
            output->tensor.shape[i] = size;
            if (size < 0 || !oc_mul_size(bytes, (size_t)size, &bytes)) {
                OC_NO_MEMORY(error, SIZE_MAX);
            }
        }
        output->tensor.data = malloc(bytes + 1);
        if (!output->tensor.data) {
            OC_NO_MEMORY(error, bytes);
        }
        to->output_count++;
    }
done:
    return status;
}

static octavo_status run_side(const oc_cli_options *options, const oc_cli_model *model, side *of,
                              octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    octavo_argument inputs[OC_COUNT(of->inputs)];
    octavo_argument *outputs = calloc((size_t)of->output_count + 1, sizeof *outputs);
    if (!outputs) {
        OC_NO_MEMORY(error, (size_t)of->output_count * sizeof *outputs);
    }
    for (int64_t at = 0; at < of->rows; at += model->batch) {
        int64_t count = of->rows - at < model->batch ? of->rows - at : model->batch;
        for (int32_t i = 0; i < of->input_count; i++) {
            inputs[i] = rows_of(&of->inputs[i], at, count);
        }
        for (int32_t i = 0; i < of->output_count; i++) {
            outputs[i] = rows_of(&of->outputs[i], at, count);
        }
        OC_TRY(octavo_session_run(model->session, inputs, of->input_count, outputs,
                                  of->output_count, NULL, error));
        oc_cli_progress_step(options->progress, of->name, (uint64_t)(at + count),
                             (uint64_t)of->rows);
    }
done:
    if (status) {
        oc_error_path(error, options->inputs);
    }
    free(outputs);
    return status;
}

static const float *output_named(const side *of, const char *name) {
    for (int32_t i = 0; i < of->output_count; i++) {
        if (strcmp(of->outputs[i].name, name) == 0) {
            return of->outputs[i].tensor.data;
        }
    }
    return NULL;
}

/* logit_scale * cosine of each image and text. */
static octavo_status make_logits(const oc_cli_model *model, const side sides[2],
                                 octavo_argument *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const float *images = output_named(&sides[0], "image_embeds");
    const float *texts = output_named(&sides[1], "text_embeds");
    int64_t rows = sides[0].rows, columns = sides[1].rows;
    int32_t dim = model->info->embed_dim;
    size_t count, bytes = 0;
    if (!images || !texts) {
        OC_FAIL(error, OCTAVO_INTERNAL, OCTAVO_NO_OFFSET, "the session gives no embeddings");
    }
    float *logits = oc_mul_size((size_t)rows, (size_t)columns, &count) &&
                            oc_mul_size(count, sizeof *logits, &bytes)
                        ? malloc(bytes)
                        : NULL;
    if (!logits) {
        OC_NO_MEMORY(error, bytes);
    }
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t c = 0; c < columns; c++) {
            double sum = 0;
            for (int32_t i = 0; i < dim; i++) {
                sum += (double)images[r * dim + i] * (double)texts[c * dim + i];
            }
            logits[r * columns + c] = (float)((double)model->info->logit_scale * sum);
        }
    }
    *out = (octavo_argument){.name = LOGITS,
                             .tensor = {.dtype = OCTAVO_F32, .rank = 2, .shape = {rows, columns}}};
    out->tensor.data = logits;
done:
    return status;
}

static octavo_status tell(const oc_cli_options *options, const octavo_argument *outputs,
                          int32_t count, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_buffer buffer;
    oc_json_writer json;
    oc_cli_table table;
    oc_buffer_init(&buffer);
    oc_cli_table_open(&table, "<output|<shape");
    oc_json_write_open(&json, &buffer, false);
    oc_json_write_object(&json);
    oc_json_write_key(&json, "file");
    oc_json_write_text(&json, options->outputs);
    oc_json_write_key(&json, "outputs");
    oc_json_write_array(&json);
    for (int32_t i = 0; i < count; i++) {
        char shape[128] = "";
        oc_json_write_object(&json);
        oc_json_write_key(&json, "name");
        oc_json_write_text(&json, outputs[i].name);
        oc_json_write_key(&json, "shape");
        oc_json_write_array(&json);
        for (int32_t d = 0; d < outputs[i].tensor.rank; d++) {
            size_t length = strlen(shape);
            snprintf(shape + length, sizeof shape - length, "%s%" PRId64, d ? " x " : "",
                     outputs[i].tensor.shape[d]);
            oc_json_write_int(&json, outputs[i].tensor.shape[d]);
        }
        oc_json_write_end(&json);
        oc_json_write_end(&json);
        oc_cli_table_cell(&table, "%s", outputs[i].name);
        oc_cli_table_cell(&table, "%s", shape);
    }
    oc_json_write_end(&json);
    oc_json_write_end(&json);
    if (options->json) {
        OC_TRY(oc_cli_json_print(&json, error));
    } else if (!options->quiet) {
        OC_TRY(oc_cli_table_print(&table, 0, error));
    }
done:
    oc_cli_table_close(&table);
    oc_buffer_free(&buffer);
    return status;
}

octavo_status oc_cli_run(oc_cli_options *options, int *verdict, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    octavo_tool_tensors file = {.count = 0};
    oc_cli_model model = {.engine = NULL};
    oc_output output = OC_OUTPUT_CLOSED;
    octavo_argument *outputs = NULL, logits = {.name = NULL};
    int32_t count = 0;
    side *sides = calloc(2, sizeof *sides);
    (void)verdict;
    if (!sides) {
        OC_NO_MEMORY(error, 2 * sizeof *sides);
    }
    sides[0] = (side){.axis = -1, .tower = OCTAVO_IMAGE, .name = "running images"};
    sides[1] = (side){.axis = -2, .tower = OCTAVO_TEXT, .name = "running texts"};
    OC_TRY(oc_cli_model_open(options, &model, error));
    OC_TRY(octavo_tool_tensors_load(options->inputs, &file, error));
    OC_TRY(sort_inputs(options, &file, model.info->towers, sides, error));
    oc_cli_guard_output(options->outputs);
    OC_TRY(oc_output_open(options->outputs, &output, error)); /* fails before the work */
    oc_output_abort(&output);
    int32_t towers = (sides[0].rows ? OCTAVO_IMAGE : 0) | (sides[1].rows ? OCTAVO_TEXT : 0);
    int64_t most = sides[0].rows > sides[1].rows ? sides[0].rows : sides[1].rows;
    OC_TRY(oc_cli_model_ready(options, towers, most < OC_CLI_BATCH ? (int32_t)most : OC_CLI_BATCH,
                              options->dump_layers ? OCTAVO_KEEP_HIDDEN : 0, &model, error));
    for (int i = 0; i < 2; i++) {
        if (sides[i].rows) {
            OC_TRY(make_outputs(model.session, &sides[i], error));
            OC_TRY(run_side(options, &model, &sides[i], error));
        }
    }
    if (sides[0].rows && sides[1].rows) {
        OC_TRY(make_logits(&model, sides, &logits, error));
    }
    outputs =
        calloc((size_t)sides[0].output_count + (size_t)sides[1].output_count + 1, sizeof *outputs);
    if (!outputs) {
        OC_NO_MEMORY(error, sizeof *outputs);
    }
    for (int i = 0; i < 2; i++) {
        for (int32_t o = 0; o < sides[i].output_count; o++) {
            outputs[count++] = sides[i].outputs[o];
        }
    }
    if (logits.name) {
        outputs[count++] = logits;
    }
    OC_TRY(octavo_tool_tensors_save(options->outputs, outputs, count, error));
    OC_TRY(tell(options, outputs, count, error));
done:
    for (int i = 0; sides && i < 2; i++) {
        for (int32_t o = 0; o < sides[i].output_count; o++) {
            free(sides[i].outputs[o].tensor.data);
        }
    }
    free(logits.tensor.data);
    free(outputs);
    free(sides);
    oc_output_abort(&output);
    oc_cli_model_close(&model);
    octavo_tool_tensors_free(&file);
    oc_cli_guard_nothing();
    return status;
}
