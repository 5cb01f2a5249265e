/* store.h - one element into a view: a float, or the code of value / view->scale. */
#ifndef OC_CPU_PORTABLE_STORE_H
#define OC_CPU_PORTABLE_STORE_H

#include "device/step.h"
#include "num/e4m3.h"

static inline void oc_portable_store(const oc_view *view, int64_t at, float value) {
    if (oc_is_codes(view->dtype)) {
        ((uint8_t *)view->data)[at] = oc_f32_to_e4m3(value / view->scale);
    } else {
        ((float *)view->data)[at] = value;
    }
}

#endif
