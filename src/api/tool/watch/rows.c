/* rows.c - see rows.h. */
#include "api/tool/watch/rows.h"

#include <math.h>
#include <stdlib.h>

#include "device/host.h"
#include "num/e4m3.h"

enum { PIXELS_LOOKED_AT = 1024 }; /* of an image, spread evenly: its mean is known to a percent */

octavo_status oc_row_reader_create(const octavo_engine *engine, oc_row_reader *out,
                                   octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_image_processor *processor = &engine->processor;
    *out = (oc_row_reader){.engine = engine, .end = -1};
    for (int c = 0; c < 3; c++) {
        double unit = processor->do_rescale ? processor->rescale_factor : 1;
        out->factor[c] = (float)((processor->do_normalize ? processor->std[c] : 1) / unit);
        out->offset[c] = (float)((processor->do_normalize ? processor->mean[c] : 0) / unit);
    }
    if (engine->bpe == NULL) {
        goto done;
    }
    oc_bpe_info bpe = oc_bpe_describe(engine->bpe);
    const uint32_t *ids = oc_bpe_byte_ids(engine->bpe);
    out->vocabulary = bpe.vocabulary;
    out->end = bpe.end;
    out->lone = calloc((size_t)bpe.vocabulary, 1);
    if (out->lone == NULL) {
        OC_NO_MEMORY(error, (size_t)bpe.vocabulary);
    }
    for (int32_t i = 0; i < 512; i++) {
        if ((i & 255) >= 128) { /* ASCII characters are bytes as a whole */
            out->lone[ids[i]] = 1;
        }
    }
done:
    return status;
}

void oc_row_reader_free(oc_row_reader *reader) {
    free(reader->lone);
    *reader = (oc_row_reader){0};
}

/* -- images --------------------------------------------------------------------------------- */

/* A pixel of row `row` as bytes would have it, 0 to 255 a channel: bytes [side, side, 3] as they
 * are, values [3, side, side] as the processor makes them of bytes. */
static void pixel_at(const oc_row_reader *reader, const octavo_tensor *tensor, int64_t row,
                     int64_t at, float out[3]) {
    int64_t side = reader->engine->info.image_size, area = side * side;
    if (tensor->dtype == OCTAVO_U8) {
        const uint8_t *pixel = (const uint8_t *)tensor->const_data + (row * area + at) * 3;
        for (int c = 0; c < 3; c++) {
            out[c] = pixel[c];
        }
        return;
    }
    const float *values = (const float *)tensor->const_data + row * area * 3;
    for (int c = 0; c < 3; c++) {
        out[c] = values[c * area + at] * reader->factor[c] + reader->offset[c];
    }
}

/* Pixels spread evenly, each with its right neighbour. */
static void look_at_pixels(const oc_row_reader *reader, const octavo_tensor *tensor, int64_t row,
                           float *scalars) {
    int64_t side = reader->engine->info.image_size, area = side * side;
    int64_t step = area > PIXELS_LOOKED_AT ? area / PIXELS_LOOKED_AT : 1;
    double count = 0, sum = 0, squares = 0, steps = 0, warmth = 0;
    step += step % 2 == 0 && step > 1; /* odd: it walks through all columns */
    for (int64_t at = 0; at + 1 < area; at += step) {
        float here[3], beside[3];
        pixel_at(reader, tensor, row, at, here);
        pixel_at(reader, tensor, row, at % side == side - 1 ? at - 1 : at + 1, beside);
        double gray = (double)(here[0] + here[1] + here[2]) / 3;
        count += 1;
        sum += gray;
        squares += gray * gray;
        steps += fabs((double)(beside[0] + beside[1] + beside[2]) / 3 - gray);
        warmth += (double)(here[0] - here[2]);
    }
    double mean = sum / count, variance = squares / count - mean * mean;
    double contrast = sqrt(variance > 0 ? variance : 0);
    scalars[OC_SCALAR_BRIGHTNESS] = (float)mean;
    scalars[OC_SCALAR_CONTRAST] = (float)contrast;
    scalars[OC_SCALAR_DETAIL] = (float)(steps / count / (contrast + 1));
    scalars[OC_SCALAR_WARMTH] = (float)(warmth / count);
}

/* -- texts ---------------------------------------------------------------------------------- */

static int64_t id_at(const octavo_tensor *tensor, int64_t i) {
    return tensor->dtype == OCTAVO_I64 ? ((const int64_t *)tensor->const_data)[i]
                                       : ((const int32_t *)tensor->const_data)[i];
}

/* Up to the end token, which is counted; of the tokens between the ends, how many are lone bytes.
 */
static void look_at_ids(const oc_row_reader *reader, const octavo_tensor *tensor, int64_t row,
                        float *scalars) {
    int64_t length = tensor->shape[1], lone = 0, i = 0;
    while (i < length && (i == 0 || id_at(tensor, row * length + i - 1) != reader->end)) {
        int64_t id = id_at(tensor, row * length + i);
        lone += id >= 0 && id < reader->vocabulary && reader->lone[id] != 0;
        i++;
    }
    scalars[OC_SCALAR_TOKENS] = (float)i;
    scalars[OC_SCALAR_UNKNOWN] = i > 2 ? (float)lone / (float)(i - 2) : 0;
}

void oc_row_reader_read(const oc_row_reader *reader, const octavo_argument *input,
                        const int32_t *sizes, float *scalars) {
    const octavo_tensor *tensor = &input->tensor;
    bool is_text = oc_tower_entry(oc_tower_of_form(OC_FORM_IDS), input->name) != NULL;
    bool is_here = tensor->memory == OCTAVO_MEMORY_HOST && tensor->const_data != NULL;
    for (int64_t row = 0; row < tensor->shape[0]; row++, scalars += OC_SCALAR_COUNT) {
        for (int32_t s = 0; s < OC_SCALAR_COUNT; s++) {
            scalars[s] = NAN;
        }
        if (is_text && is_here && reader->lone != NULL) {
            look_at_ids(reader, tensor, row, scalars);
        } else if (!is_text && is_here && reader->engine->has_processor) {
            look_at_pixels(reader, tensor, row, scalars);
        }
        if (!is_text && sizes != NULL && sizes[2 * row] > 0 && sizes[2 * row + 1] > 0) {
            float width = (float)sizes[2 * row], height = (float)sizes[2 * row + 1];
            scalars[OC_SCALAR_PIXELS] = width * height;
            scalars[OC_SCALAR_ASPECT] = width / height;
        }
    }
}

/* -- codes ---------------------------------------------------------------------------------- */

static void take_plan(const oc_plan *plan, const oc_step_report *reports,
                      void (*take)(void *user, const char *step, const oc_code_count *count),
                      void *user) {
    for (int32_t i = 0; i < plan->step_count; i++) {
        if (reports[i].codes != 0) {
            const oc_step *step = &plan->steps[i];
            double largest = (double)oc_e4m3_to_f32((uint8_t)reports[i].largest);
            double scale = (double)oc_host_result(step).scale;
            oc_code_count count = {.codes = reports[i].codes,
                                   .saturated = reports[i].saturated,
                                   .zeros = reports[i].zeros,
                                   .range = isfinite(largest) ? largest * scale : 0};
            take(user, step->name, &count);
        }
    }
}

void oc_take_codes(oc_session *session, const oc_tower *tower,
                   void (*take)(void *user, const char *step, const oc_code_count *count),
                   void *user) {
    for (int32_t e = 0; e < tower->entry_count; e++) {
        oc_program_kind kind = tower->entries[e].program;
        for (int32_t i = 0; i < oc_session_plan_count(session, kind); i++) {
            const oc_step_report *reports = oc_session_reports_at(session, kind, i);
            if (reports != NULL) {
                take_plan(oc_session_plan_at(session, kind, i), reports, take, user);
                oc_session_reports_clear(session, kind, i);
            }
        }
    }
}
