/* canary_record.c - the CANARIES section, to bytes and back. */
#include "engine/records/canary_record.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "engine/format.h"
#include "engine/shape.h"
#include "ir/graph.h"

enum { STEP = 8 }; /* every part of a record begins at a multiple of it */

/* -- the rules of canary.h, for both directions ------------------------------------------ */

static bool all_finite(const octavo_tensor *tensor, uint64_t bytes) {
    const float *values = tensor->data;
    for (uint64_t i = 0; i < bytes / sizeof *values; i++) {
        if (!isfinite(values[i])) {
            return false;
        }
    }
    return true;
}

static bool is_type(const octavo_tensor *tensor, octavo_dtype dtype, int32_t rank) {
    return tensor->dtype == dtype && tensor->rank == rank;
}

static bool is_part(const oc_canary *canary) {
    const octavo_tensor *expected = &canary->expected;
    static const int64_t zeros[OCTAVO_MAX_RANK] = {0};
    bool fits = canary->given.rank == 0 && canary->given.dtype == 0 &&
                memcmp(canary->given.shape, zeros, sizeof zeros) == 0 &&
                (canary->flags & ~(uint32_t)(OC_CANARY_ADDS | OC_CANARY_ONCE)) == 0 &&
                canary->sequence_count >= 1 && canary->kept_count >= 1 &&
                canary->sequence_count <= OC_LIMIT_CANARY_SEQUENCES &&
                canary->kept_count <= OC_LIMIT_CANARY_KEPT && is_type(expected, OCTAVO_F32, 2) &&
                expected->shape[0] == canary->kept_count;
    int64_t rows = 0;
    for (int32_t i = 0; fits && i < canary->sequence_count; i++) {
        const oc_canary_sequence *sequence = &canary->sequences[i];
        rows += sequence->length;
        fits = sequence->length >= 1 && sequence->length <= OC_LIMIT_TOKENS &&
               rows <= OC_LIMIT_CANARY_ROWS && sequence->like >= 0 && sequence->like <= i &&
               (sequence->flip | 1) == 1 && sequence->hide >= 0 &&
               sequence->hide <= OC_LIMIT_TOKENS &&
               (canary->tower == OCTAVO_TEXT ||
                (sequence->like | sequence->flip | sequence->hide) == 0) &&
               (sequence->like == 0 ||
                (canary->sequences[sequence->like - 1].length == sequence->length &&
                 canary->sequences[sequence->like - 1].like == 0));
    }
    for (int32_t i = 0; fits && i < canary->kept_count; i++) {
        const oc_canary_kept *kept = &canary->kept[i];
        fits = kept->sequence >= 0 && kept->sequence < canary->sequence_count && kept->place >= 0 &&
               kept->place < canary->sequences[kept->sequence].length;
    }
    return fits;
}

static bool is_model(const oc_canary *canary) {
    const octavo_tensor *given = &canary->given;
    bool pixels = is_type(given, OCTAVO_U8, 3) && given->shape[2] == 3 &&
                  given->shape[0] == given->shape[1] && canary->tower == OCTAVO_IMAGE;
    bool ids = is_type(given, OCTAVO_I32, 1) && canary->tower == OCTAVO_TEXT;
    return (pixels || ids) && is_type(&canary->expected, OCTAVO_F32, 1) &&
           canary->sequence_count == 0 && canary->kept_count == 0 && canary->flags == 0;
}

/* `bad` is the status for a broken rule, `offset` the place of the record in the section. */
static octavo_status check(const oc_canary *canary, int32_t index, octavo_status bad,
                           uint64_t offset, uint64_t *given_bytes, uint64_t *expected_bytes,
                           octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    char what[64];
    snprintf(what, sizeof what, "the given tensor of canary %" PRId32, index);
    if (canary->kind == OC_CANARY_MODEL) {
        OC_TRY(oc_shape_bytes(canary->given.dtype, (uint32_t)canary->given.rank,
                              canary->given.shape, given_bytes, offset, what, error));
    }
    snprintf(what, sizeof what, "the expected tensor of canary %" PRId32, index);
    OC_TRY(oc_shape_bytes(canary->expected.dtype, (uint32_t)canary->expected.rank,
                          canary->expected.shape, expected_bytes, offset, what, error));
    if (canary->kind != OC_CANARY_PART && canary->kind != OC_CANARY_MODEL) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, offset,
                "canary %" PRId32 " is of kind %d, 1 and 2 are known", index, (int)canary->kind);
    }
    if (canary->tower != OCTAVO_IMAGE && canary->tower != OCTAVO_TEXT) {
        OC_FAIL(error, bad, offset, "canary %" PRId32 " is of tower %" PRId32 ", 1 and 2 are known",
                index, canary->tower);
    }
    for (int32_t i = 0; i < 2; i++) {
        if (!isfinite(canary->limits[i]) || canary->limits[i] <= 0) {
            OC_FAIL(error, bad, offset, "canary %" PRId32 " has the limit %g, it must be positive",
                    index, (double)canary->limits[i]);
        }
    }
    if (canary->kind == OC_CANARY_PART ? !is_part(canary) : !is_model(canary)) {
        OC_FAIL(error, bad, offset,
                "canary %" PRId32 " of kind %d and tower %" PRId32 " cannot have %" PRId32
                " sequences, %" PRId32 " rows kept, a tensor of rank %" PRId32
                " given and one of rank %" PRId32 " expected, made as they are",
                index, (int)canary->kind, canary->tower, canary->sequence_count, canary->kept_count,
                canary->given.rank, canary->expected.rank);
    }
done:
    return status;
}

static octavo_status check_values(const oc_canary *canary, int32_t index, octavo_status bad,
                                  uint64_t offset, uint64_t expected_bytes, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    if (!all_finite(&canary->expected, expected_bytes)) {
        OC_FAIL(error, bad, offset, "canary %" PRId32 " holds a value that is not finite", index);
    }
done:
    return status;
}

/* -- encode -------------------------------------------------------------------------------- */

/* The bytes, then zeros up to the next part; `start` is where the section began in `out`. */
static void put(oc_buffer *out, size_t start, const void *bytes, size_t size) {
    oc_buffer_append(out, bytes, size);
    while (!out->failed && (out->size - start) % STEP != 0) {
        oc_buffer_byte(out, 0);
    }
}

static oc_format_value to_value(const octavo_tensor *tensor) {
    oc_format_value value = {.dtype = tensor->dtype, .rank = (uint32_t)tensor->rank};
    memcpy(value.shape, tensor->shape, sizeof value.shape);
    return value;
}

octavo_status oc_canaries_encode(const oc_canary *list, int32_t count, oc_buffer *out,
                                 octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    size_t start = out->size;
    oc_format_canaries head = {.count = (uint32_t)count};
    oc_buffer_append(out, &head, sizeof head);
    for (int32_t i = 0; i < count; i++) {
        const oc_canary *canary = &list[i];
        oc_format_canary record = {.kind = canary->kind,
                                   .tower = (uint32_t)canary->tower,
                                   .limits = {canary->limits[0], canary->limits[1]},
                                   .flags = canary->flags,
                                   .seed = canary->seed,
                                   .sequence_count = (uint32_t)canary->sequence_count,
                                   .kept_count = (uint32_t)canary->kept_count,
                                   .given = to_value(&canary->given),
                                   .expected = to_value(&canary->expected)};
        size_t input_bytes = strlen(canary->input) + 1;
        size_t output_bytes = strlen(canary->output) + 1;
        uint64_t given_bytes = 0, expected_bytes = 0;
        if (oc_engine_name_length(canary->input, input_bytes) == 0 ||
            oc_engine_name_length(canary->output, output_bytes) == 0) {
            OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                    "canary %" PRId32 " goes from '%.64s' to '%.64s', which are not names", i,
                    canary->input, canary->output);
        }
        OC_TRY(check(canary, i, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET, &given_bytes,
                     &expected_bytes, error));
        OC_TRY(check_values(canary, i, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET, expected_bytes,
                            error));
        oc_buffer_append(out, &record, sizeof record);
        oc_buffer_append(out, canary->sequences,
                         (size_t)canary->sequence_count * sizeof *canary->sequences);
        oc_buffer_append(out, canary->kept, (size_t)canary->kept_count * sizeof *canary->kept);
        oc_buffer_append(out, canary->input, input_bytes);
        put(out, start, canary->output, output_bytes);
        put(out, start, canary->given.data, given_bytes);
        put(out, start, canary->expected.data, expected_bytes);
    }
    OC_TRY(oc_buffer_status(out, error));
done:
    return status;
}

/* -- decode -------------------------------------------------------------------------------- */

typedef struct cursor {
    const uint8_t *bytes;
    uint64_t size, at;
} cursor;

/* The next `size` bytes, or NULL if there are fewer; stands after them. */
static const void *take(cursor *in, uint64_t size) {
    const uint8_t *here = in->bytes + in->at;
    if (size > in->size - in->at) {
        return NULL;
    }
    in->at += size;
    return here;
}

/* Skips zeros up to the next part; false if they are missing or not zero. */
static bool take_padding(cursor *in) {
    while (in->at % STEP != 0) {
        const uint8_t *byte = take(in, 1);
        if (byte == NULL || *byte != 0) {
            return false;
        }
    }
    return true;
}

static const char *take_name(cursor *in) {
    const char *name = (const char *)in->bytes + in->at;
    size_t length = oc_engine_name_length(name, in->size - in->at);
    return length == 0 ? NULL : take(in, length + 1);
}

static octavo_tensor from_value(const oc_format_value *value) {
    octavo_tensor tensor = {.dtype = (octavo_dtype)value->dtype, .rank = (int32_t)value->rank};
    memcpy(tensor.shape, value->shape, sizeof tensor.shape);
    return tensor;
}

static octavo_status decode_one(cursor *in, int32_t index, oc_canary *canary, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    uint64_t place = in->at, given_bytes = 0, expected_bytes = 0;
    const oc_format_canary *record = take(in, sizeof *record);
    if (record == NULL || record->sequence_count > OC_LIMIT_CANARY_SEQUENCES ||
        record->kept_count > OC_LIMIT_CANARY_KEPT) {
        OC_FAIL(error, OCTAVO_CORRUPT, place, "canary %" PRId32 " is cut short or malformed",
                index);
    }
    canary->kind = (oc_canary_kind)record->kind;
    canary->tower = (int32_t)record->tower;
    memcpy(canary->limits, record->limits, sizeof canary->limits);
    canary->flags = record->flags;
    canary->seed = record->seed;
    canary->sequence_count = (int32_t)record->sequence_count;
    canary->kept_count = (int32_t)record->kept_count;
    canary->given = from_value(&record->given);
    canary->expected = from_value(&record->expected);
    canary->sequences = take(in, record->sequence_count * sizeof *canary->sequences);
    canary->kept =
        canary->sequences == NULL ? NULL : take(in, record->kept_count * sizeof *canary->kept);
    if (canary->kept == NULL) {
        OC_FAIL(error, OCTAVO_CORRUPT, place,
                "canary %" PRId32 " is cut short among its %" PRIu32 " sequences and %" PRIu32
                " rows",
                index, record->sequence_count, record->kept_count);
    }
    OC_TRY(check(canary, index, OCTAVO_CORRUPT, place, &given_bytes, &expected_bytes, error));
    canary->input = take_name(in);
    canary->output = canary->input == NULL ? NULL : take_name(in);
    if (canary->output == NULL || !take_padding(in)) {
        OC_FAIL(error, OCTAVO_CORRUPT, in->at, "the names of canary %" PRId32 " are malformed",
                index);
    }
    /* Borrowed and read only; octavo_tensor has no const data. */
    canary->given.data = (void *)take(in, given_bytes);
    if (canary->given.data == NULL || !take_padding(in)) {
        OC_FAIL(error, OCTAVO_CORRUPT, in->at,
                "the given tensor of canary %" PRId32 " has %" PRIu64
                " bytes, the section %" PRIu64,
                index, given_bytes, in->size);
    }
    canary->expected.data = (void *)take(in, expected_bytes);
    if (canary->expected.data == NULL || !take_padding(in)) {
        OC_FAIL(error, OCTAVO_CORRUPT, in->at,
                "the expected tensor of canary %" PRId32 " has %" PRIu64
                " bytes, the section %" PRIu64,
                index, expected_bytes, in->size);
    }
    OC_TRY(check_values(canary, index, OCTAVO_CORRUPT, place, expected_bytes, error));
done:
    return status;
}

octavo_status oc_canaries_decode(const void *section, size_t bytes, oc_canary **out, int32_t *count,
                                 octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    cursor in = {section, bytes, 0};
    const oc_format_canaries *head = take(&in, sizeof *head);
    oc_canary *list = NULL;
    *out = NULL;
    *count = 0;
    if (head == NULL || head->zero != 0 || head->count == 0 ||
        head->count > bytes / sizeof(oc_format_canary)) {
        OC_FAIL(error, OCTAVO_CORRUPT, 0,
                "section CANARIES of %zu bytes cannot begin as it does, with %" PRIu32 " canaries",
                bytes, head == NULL ? 0 : head->count);
    }
    list = calloc(head->count, sizeof *list);
    if (list == NULL) {
        OC_NO_MEMORY(error, head->count * sizeof *list);
    }
    for (uint32_t i = 0; i < head->count; i++) {
        OC_TRY(decode_one(&in, (int32_t)i, &list[i], error));
    }
    if (in.at != in.size) {
        OC_FAIL(error, OCTAVO_CORRUPT, in.at, "section CANARIES has %" PRIu64 " bytes left over",
                in.size - in.at);
    }
    *out = list;
    *count = (int32_t)head->count;
    list = NULL;
done:
    free(list);
    return status;
}
