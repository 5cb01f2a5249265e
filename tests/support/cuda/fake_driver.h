/* fake_driver.h - a driver without a card: memory is the host's, kernels do nothing but take a
 * millisecond by events (copies to and on the card: a quarter), and any call can be made to fail.
 * It checks what it is given: copies must lie inside what was allocated. */
#ifndef OC_TESTS_FAKE_DRIVER_H
#define OC_TESTS_FAKE_DRIVER_H

#include "backends/cuda/driver.h"

typedef struct oc_fake_driver {
    int32_t calls;   /* so far */
    int32_t fail_at; /* the call that fails, counted from 1; 0: none */
    int32_t result;  /* and how */
    int32_t devices, major, minor, driver_version;
    const char *name;
    int64_t memory_left; /* bytes of the card; -1: any number */
    int32_t alive;       /* contexts, memory, streams, events, graphs, modules not given back */
    int32_t wrong;       /* copies beyond an allocation, unknown handles */
    int32_t launches;
    int32_t records;     /* of events */
    int32_t graphs, graph; /* made so far; the one launched last, numbered from 1 */
    float (*elapsed)(int32_t graph); /* milliseconds between any two events; NULL: as `work` says */
    char failed[64];                 /* symbol of the call that failed */
} oc_fake_driver;

/* Takes the place of libcuda and NVRTC until oc_fake_driver_end. */
oc_fake_driver *oc_fake_driver_begin(void);
void oc_fake_driver_end(void);

#endif
