/* case.c - building cases and cutting them; see case.h. */
#include "conformance/case.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "num/bf16.h"
#include "num/e4m3.h"
#include "num/f16.h"

const oc_case_family *const oc_case_families[OC_CASE_FAMILIES] = {
    &oc_gemm_cases,     &oc_attention_cases, &oc_norm_cases,
    &oc_quantize_cases, &oc_pointwise_cases, &oc_embedding_cases,
    &oc_patches_cases,  &oc_tokens_cases,    &oc_pick_cases};

void oc_case_begin(oc_case *c, oc_step_kind kind, uint64_t seed) {
    memset(c, 0, sizeof *c);
    c->seed = seed;
    oc_rng_init(&c->random, seed, 0);
    c->step.kind = kind;
    c->step.rows = OC_ROWS_TEXT_TOKENS;
    c->step.keys = OC_ROWS_TEXT_TOKENS;
    c->step.name = c->name;
}

void oc_case_free(oc_case *c) {
    for (int32_t i = 0; i < c->buffer_count; i++) {
        oc_guard_free(&c->buffers[i]);
    }
    free((void *)c->source.reads);
    memset(c, 0, sizeof *c);
}

void oc_case_say(oc_case *c, const char *format, ...) {
    size_t length = strlen(c->name);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(c->name + length, sizeof c->name - length, format, arguments);
    va_end(arguments);
}

void *oc_case_bytes(oc_case *c, size_t bytes, size_t align) {
    if (c->buffer_count == OC_CASE_BUFFERS) {
        fprintf(stderr, "%s: more than %d buffers\n", c->name, OC_CASE_BUFFERS);
        abort();
    }
    c->buffers[c->buffer_count] = oc_guard_new(bytes, align);
    return c->buffers[c->buffer_count++].data;
}

const oc_constant *oc_case_floats(oc_case *c, int32_t count, float mean, float spread) {
    if (c->constant_count == OC_CASE_CONSTANTS) {
        fprintf(stderr, "%s: more than %d constants\n", c->name, OC_CASE_CONSTANTS);
        abort();
    }
    float *floats = oc_case_bytes(c, (size_t)count * sizeof(float), sizeof(float));
    for (int32_t i = 0; i < count; i++) {
        floats[i] = oc_random_between(&c->random, mean - spread, mean + spread);
    }
    oc_constant *constant = &c->constants[c->constant_count++];
    *constant =
        (oc_constant){.dtype = OCTAVO_F32, .bytes = (size_t)count * sizeof(float), .data = floats};
    return constant;
}

void oc_case_sequences(oc_case *c, const int32_t *lengths, int32_t count, int32_t length) {
    size_t bytes = ((size_t)count + 1) * sizeof(int32_t);
    int32_t *starts = oc_case_bytes(c, bytes, sizeof(int32_t));
    starts[0] = 0;
    for (int32_t s = 0; s < count; s++) {
        starts[s + 1] = starts[s] + (lengths != NULL ? lengths[s] : length);
    }
    c->sequences = count;
    c->starts = starts;
    c->run.starts[OC_ROWS_TEXT_TOKENS] = starts;
    c->run.starts[OC_ROWS_IMAGE_TOKENS] = starts;
    c->run.rows[OC_ROWS_TEXT_TOKENS] = starts[count];
    c->run.rows[OC_ROWS_IMAGE_TOKENS] = starts[count];
    c->run.rows[OC_ROWS_TEXTS] = count;
    c->run.rows[OC_ROWS_IMAGES] = count;
}

static float draw(oc_rng *random, oc_values values, int32_t column) {
    float normal = oc_random_normal(random);
    switch (values) {
    case OC_VALUES_OFFSET:
        return normal + 8;
    case OC_VALUES_OUTLIER:
        return column == 3 ? 100 * normal : normal;
    case OC_VALUES_HUGE:
        return column == 3 ? 1000 * normal : normal;
    case OC_VALUES_SPREAD: {
        int32_t exponent = 3 - oc_random_below(random, 30);
        float size = ldexpf(oc_random_between(random, 1, 2), exponent);
        return normal < 0 ? -size : size;
    }
    case OC_VALUES_EQUAL:
        return 0.75f;
    case OC_VALUES_NORMAL:
    case OC_VALUES_ANY_CODE:
    case OC_VALUES_NAN:
        break;
    }
    return normal;
}

static uint8_t draw_code(oc_rng *random, oc_values values, int32_t column, float scale) {
    if (values == OC_VALUES_ANY_CODE) {
        int32_t code = oc_random_below(random, 254); /* all but 0x7f and 0xff */
        return (uint8_t)(code < 127 ? code : code + 1);
    }
    return oc_f32_to_e4m3(draw(random, values, column) / scale);
}

oc_view oc_case_view(oc_case *c, int32_t rows, int32_t columns, int32_t pad, float scale,
                     oc_values values) {
    oc_view view = oc_case_out(columns, pad, scale);
    size_t element = oc_dtype_bytes(view.dtype);
    size_t count = rows > 0 ? (size_t)((rows - 1) * view.stride + columns) : 0;
    view.data = oc_case_bytes(c, count * element, element);
    for (int32_t r = 0; r < rows; r++) {
        for (int32_t i = 0; i < columns; i++) {
            if (oc_is_codes(view.dtype)) {
                ((uint8_t *)view.data)[r * view.stride + i] =
                    draw_code(&c->random, values, i, scale);
            } else {
                ((float *)view.data)[r * view.stride + i] = draw(&c->random, values, i);
            }
        }
    }
    if (values == OC_VALUES_NAN && rows > 1) {
        int64_t at = view.stride + columns / 2;
        if (oc_is_codes(view.dtype)) {
            ((uint8_t *)view.data)[at] = 0x7f;
        } else {
            ((float *)view.data)[at] = NAN;
        }
    }
    return view;
}

oc_view oc_case_out(int32_t columns, int32_t pad, float scale) {
    return (oc_view){.stride = columns + pad,
                     .columns = columns,
                     .dtype = scale != 0 ? OCTAVO_F8_E4M3 : OCTAVO_F32,
                     .scale = scale};
}

static octavo_status read_rows(void *source, int32_t first, int32_t count, void *rows,
                               octavo_error *error) {
    oc_case_matrix *matrix = source;
    (void)error;
    for (int32_t i = first; i < first + count; i++) {
        matrix->reads[i]++;
    }
    memcpy(rows, matrix->rows + (size_t)first * matrix->row_bytes,
           (size_t)count * matrix->row_bytes);
    return OCTAVO_OK;
}

void oc_case_weights(oc_case *c, int32_t n, int32_t k, octavo_dtype dtype, oc_values values) {
    size_t element = dtype == OCTAVO_F32 ? 4 : dtype == OCTAVO_F8_E4M3 ? 1 : 2;
    void *rows = oc_case_bytes(c, (size_t)n * (size_t)k * element, element);
    for (int64_t i = 0; i < (int64_t)n * k; i++) {
        int32_t column = (int32_t)(i % k);
        if (dtype == OCTAVO_F32) {
            ((float *)rows)[i] = draw(&c->random, values, column);
        } else if (dtype == OCTAVO_F16) {
            ((uint16_t *)rows)[i] = oc_f32_to_f16(draw(&c->random, values, column));
        } else if (dtype == OCTAVO_BF16) {
            ((uint16_t *)rows)[i] = oc_f32_to_bf16(draw(&c->random, values, column));
        } else {
            float scale = values == OC_VALUES_OUTLIER ? 1.0f / 3 : 0.01f;
            ((uint8_t *)rows)[i] = draw_code(&c->random, values, column, scale);
        }
    }
    c->source = (oc_case_matrix){.rows = rows, .row_bytes = (size_t)k * element, .n = n};
    c->source.reads = calloc((size_t)n, 1);
    c->matrix =
        (oc_matrix){.n = n, .k = k, .dtype = dtype, .use = OC_USE_FACTOR, .read = read_rows};
}

/* -- cutting ---------------------------------------------------------------------------- */

typedef enum units { BY_ROW, BY_SEQUENCE, WHOLE } units;

typedef struct place {
    oc_view *view;
    units rows; /* what its rows are */
} place;

/* The views of a step, the output first. */
static int32_t places_of(oc_step *step, place out[OC_CASE_VIEWS]) {
    switch (step->kind) {
    case OC_STEP_PATCHES:
        out[0] = (place){&step->u.patches.out, BY_ROW};
        return 1;
    case OC_STEP_TOKENS:
        out[0] = (place){&step->u.tokens.out, BY_ROW};
        return 1;
    case OC_STEP_NORM:
        out[0] = (place){&step->u.norm.out, BY_ROW};
        out[1] = (place){&step->u.norm.x, BY_ROW};
        return 2;
    case OC_STEP_GEMM:
        out[0] = (place){&step->u.gemm.out, BY_ROW};
        out[1] = (place){&step->u.gemm.a, BY_ROW};
        out[2] = (place){&step->u.gemm.residual, BY_ROW};
        out[3] = (place){&step->u.gemm.a_scale, BY_ROW};
        return 4;
    case OC_STEP_ATTENTION: {
        units query = step->u.attention.query_rows == 0 ? BY_ROW : BY_SEQUENCE;
        out[0] = (place){&step->u.attention.out, query};
        out[1] = (place){&step->u.attention.q, query};
        out[2] = (place){&step->u.attention.k, BY_ROW};
        out[3] = (place){&step->u.attention.v, BY_ROW};
        return 4;
    }
    case OC_STEP_PICK:
        out[0] = (place){&step->u.pick.out, BY_SEQUENCE};
        out[1] = (place){&step->u.pick.x, BY_ROW};
        return 2;
    case OC_STEP_POINTWISE:
        out[0] = (place){&step->u.pointwise.out, BY_ROW};
        out[1] = (place){&step->u.pointwise.x, BY_ROW};
        out[2] = (place){&step->u.pointwise.y, BY_ROW};
        return 3;
    case OC_STEP_UNIT:
        out[0] = (place){&step->u.unit.out, BY_ROW};
        out[1] = (place){&step->u.unit.x, BY_ROW};
        return 2;
    case OC_STEP_LOGITS:
        out[0] = (place){&step->u.logits.out, BY_ROW};
        out[1] = (place){&step->u.logits.image, BY_ROW};
        out[2] = (place){&step->u.logits.text, WHOLE};
        return 3;
    case OC_STEP_COUNT:
        break;
    }
    return 0;
}

oc_view *oc_step_out(oc_step *step) {
    place places[OC_CASE_VIEWS] = {0};
    places_of(step, places);
    return places[0].view;
}

static int32_t row_of(const oc_case *c, int32_t sequence, units rows) {
    return rows == BY_ROW ? c->starts[sequence] : rows == BY_SEQUENCE ? sequence : 0;
}

int32_t oc_case_view_rows(const oc_case *c, const oc_view *view) {
    oc_step step = c->step;
    place places[OC_CASE_VIEWS] = {0};
    int32_t count = places_of(&step, places);
    for (int32_t i = 0; i < count; i++) {
        if (places[i].view->data == view->data) {
            return places[i].rows == WHOLE ? c->run.rows[OC_ROWS_TEXTS]
                                           : row_of(c, c->sequences, places[i].rows);
        }
    }
    return 0;
}

int32_t oc_case_out_row(const oc_case *c, int32_t sequence) {
    oc_step step = c->step;
    place places[OC_CASE_VIEWS] = {0};
    places_of(&step, places);
    return row_of(c, sequence, places[0].rows);
}

int32_t oc_case_out_rows(const oc_case *c) {
    return oc_case_out_row(c, c->sequences);
}

void oc_case_slice(const oc_case *c, int32_t first, int32_t end, oc_step *step, oc_run *run,
                   int32_t *starts) {
    place places[OC_CASE_VIEWS] = {0};
    int32_t row = c->starts[first], rows = c->starts[end] - row;
    *step = c->step;
    *run = c->run;
    int32_t count = places_of(step, places);
    for (int32_t i = 0; i < count; i++) {
        oc_view *view = places[i].view;
        if (view->data != NULL) {
            int64_t skip = row_of(c, first, places[i].rows) * view->stride;
            view->data = (uint8_t *)view->data + (oc_is_codes(view->dtype) ? skip : skip * 4);
        }
    }
    for (int32_t s = first; s <= end; s++) {
        starts[s - first] = c->starts[s] - row;
    }
    run->starts[OC_ROWS_TEXT_TOKENS] = run->starts[OC_ROWS_IMAGE_TOKENS] = starts;
    run->rows[OC_ROWS_TEXT_TOKENS] = run->rows[OC_ROWS_IMAGE_TOKENS] = rows;
    run->rows[OC_ROWS_IMAGES] = end - first;
    if (step->kind != OC_STEP_LOGITS) { /* whose texts are its columns */
        run->rows[OC_ROWS_TEXTS] = end - first;
    }
    run->ids = run->ids != NULL ? run->ids + row : NULL;
    run->positions = run->positions != NULL ? run->positions + row : NULL;
    run->key_mask = run->key_mask != NULL ? run->key_mask + row : NULL;
    run->ends = run->ends != NULL ? run->ends + first : NULL;
    if (run->pixels != NULL) {
        int64_t side = step->u.patches.image_size;
        int64_t skip = first * side * side * 3 * (step->u.patches.from_bytes ? 1 : 4);
        run->pixels = (const uint8_t *)run->pixels + skip;
    }
}
