/* rows.c - rows of a queue's memory to and from the host's, and to the card's.
 *
 * The host's go through the queue's pinned memory; 16-bit floats are widened and narrowed there. */
#include <string.h>

#include "backends/cuda/queue.h"
#include "num/bf16.h"
#include "num/f16.h"

/* `count` values between the host's dense F32 (or codes) and what a buffer holds. */
static void narrow(octavo_dtype dtype, const float *from, size_t count, void *to) {
    uint16_t *halves = to;
    for (size_t i = 0; i < count; i++) {
        halves[i] = dtype == OCTAVO_F16 ? oc_f32_to_f16(from[i]) : oc_f32_to_bf16(from[i]);
    }
}

static void widen(octavo_dtype dtype, const void *from, size_t count, float *to) {
    const uint16_t *halves = from;
    for (size_t i = 0; i < count; i++) {
        to[i] = dtype == OCTAVO_F16 ? oc_f16_to_f32(halves[i]) : oc_bf16_to_f32(halves[i]);
    }
}

static bool is_half(octavo_dtype dtype) {
    return dtype == OCTAVO_F16 || dtype == OCTAVO_BF16;
}

/* Rows of a view between the card and staging, where they lie densely. */
static octavo_status move(oc_cuda_queue *queue, const oc_plan *plan, const oc_view *view,
                          int32_t first, int32_t count, bool is_read, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    size_t element = oc_dtype_bytes(view->dtype), width = (size_t)view->columns * element;
    size_t pitch = (size_t)plan->buffers[view->buffer].stride * element;
    oc_cu_address at = queue->memory + oc_plan_offset(plan, view) + (size_t)first * pitch;
    oc_cu_copy copy = {.from_type = is_read ? OC_CU_DEVICE : OC_CU_HOST,
                       .to_type = is_read ? OC_CU_HOST : OC_CU_DEVICE};
    copy.width_bytes = width;
    copy.height = (size_t)count;
    if (is_read) {
        copy.from_device = at;
        copy.from_pitch = pitch;
        copy.to_host = queue->rows;
        copy.to_pitch = width;
    } else {
        copy.from_host = queue->rows;
        copy.from_pitch = width;
        copy.to_device = at;
        copy.to_pitch = pitch;
    }
    OC_CU(queue->device->driver, copy_2d(&copy, queue->stream), "copy rows", error);
    OC_CU(queue->device->driver, stream_wait(queue->stream), "copy rows", error);
done:
    return status;
}

/* Rows that fit staging at once. */
static int32_t rows_at_once(const oc_view *view) {
    size_t width = (size_t)view->columns * oc_dtype_bytes(view->dtype);
    return width > OC_CUDA_ROWS ? 0 : (int32_t)(OC_CUDA_ROWS / width);
}

octavo_status oc_cuda_write(oc_queue *base, const oc_plan *plan, const oc_view *view, int32_t first,
                            int32_t count, const void *rows, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_cuda_queue *queue = (oc_cuda_queue *)base;
    int32_t most = rows_at_once(view);
    size_t given = (size_t)view->columns * (oc_is_codes(view->dtype) ? 1 : sizeof(float));
    if (most == 0) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                "rows of %d columns are wider than the %d bytes that copies go through",
                view->columns, OC_CUDA_ROWS);
    }
    OC_TRY(oc_cuda_enter(queue->device, error));
    for (int32_t at = 0; at < count; at += most) {
        int32_t here = count - at < most ? count - at : most;
        const char *from = (const char *)rows + (size_t)at * given;
        size_t values = (size_t)here * (size_t)view->columns;
        if (is_half(view->dtype)) {
            narrow(view->dtype, (const float *)(const void *)from, values, queue->rows);
        } else {
            memcpy(queue->rows, from, (size_t)here * given);
        }
        OC_TRY(move(queue, plan, view, first + at, here, false, error));
    }
done:
    return status;
}

/* Rows from `first` on, as they lie, to where they go. */
static void take_rows(const oc_cuda_queue *queue, const oc_view *view, int32_t first,
                      const int32_t *index, int32_t here, int32_t count, char *out) {
    size_t columns = (size_t)view->columns, width = columns * oc_dtype_bytes(view->dtype);
    size_t given = columns * (oc_is_codes(view->dtype) ? 1 : sizeof(float));
    for (int32_t i = 0; i < (index == NULL ? here : count); i++) {
        int32_t row = index == NULL ? i : index[i] - first;
        if (row < 0 || row >= here) {
            continue;
        }
        const char *from = queue->rows + (size_t)row * width;
        if (is_half(view->dtype)) {
            widen(view->dtype, from, columns, (float *)(void *)(out + (size_t)i * given));
        } else {
            memcpy(out + (size_t)i * given, from, given);
        }
    }
}

octavo_status oc_cuda_read(oc_queue *base, const oc_plan *plan, const oc_view *view, int32_t first,
                           const int32_t *index, int32_t count, void *rows, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_cuda_queue *queue = (oc_cuda_queue *)base;
    int32_t most = rows_at_once(view), end = first + count;
    uint64_t start = oc_clock_ns();
    size_t given = (size_t)view->columns * (oc_is_codes(view->dtype) ? 1 : sizeof(float));
    if (most == 0) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                "rows of %d columns are wider than the %d bytes that copies go through",
                view->columns, OC_CUDA_ROWS);
    }
    OC_TRY(oc_cuda_enter(queue->device, error));
    if (index != NULL) { /* the range that they lie in */
        first = INT32_MAX;
        end = 0;
        for (int32_t i = 0; i < count; i++) {
            first = index[i] < first ? index[i] : first;
            end = index[i] + 1 > end ? index[i] + 1 : end;
        }
    }
    for (int32_t at = first; at < end; at += most) {
        int32_t here = end - at < most ? end - at : most;
        char *out = (char *)rows + (index == NULL ? (size_t)(at - first) * given : 0);
        OC_TRY(move(queue, plan, view, at, here, true, error));
        take_rows(queue, view, at, index, here, count, out);
    }
    queue->read_ns += oc_clock_ns() - start;
done:
    return status;
}

octavo_status oc_cuda_copy_rows(oc_queue *base, const oc_plan *plan, const oc_view *view,
                                int32_t first, const int32_t *index, int32_t count, void *rows,
                                octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_cuda_queue *queue = (oc_cuda_queue *)base;
    size_t element = oc_dtype_bytes(view->dtype), width = (size_t)view->columns * element;
    size_t pitch = (size_t)plan->buffers[view->buffer].stride * element;
    if (is_half(view->dtype)) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                "the card keeps these %d columns in 16 bits: they are widened in the host's memory",
                view->columns);
    }
    OC_TRY(oc_cuda_enter(queue->device, error));
    for (int32_t i = 0, here; i < count; i += here) {
        int32_t from = index == NULL ? first : index[i];
        here = index == NULL ? count : 1;
        while (i + here < count && index[i + here] == from + here) { /* that follow one another */
            here++;
        }
        bool is_dense = pitch == width; /* one long row: some pitches are slow within a card */
        size_t bytes = is_dense ? width * (size_t)here : width;
        oc_cu_copy copy = {
            .from_type = OC_CU_DEVICE,
            .from_device = queue->memory + oc_plan_offset(plan, view) + (size_t)from * pitch,
            .from_pitch = is_dense ? bytes : pitch,
            .to_type = OC_CU_DEVICE,
            .to_device = (oc_cu_address)(uintptr_t)rows + (size_t)i * width,
            .to_pitch = bytes,
            .width_bytes = bytes,
            .height = is_dense ? 1 : (size_t)here,
        };
        OC_CU(queue->device->driver, copy_2d(&copy, queue->stream), "copy rows", error);
    }
    OC_CU(queue->device->driver, stream_wait(queue->stream), "copy rows", error);
done:
    return status;
}
