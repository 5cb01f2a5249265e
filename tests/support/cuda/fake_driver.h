/* fake_driver.h - a driver without a card: memory is the host's, kernels do nothing but take a
 * millisecond by events (copies to and on the card: a quarter), and any call can be made to fail.
 * It checks what it is given: copies must lie inside what was allocated, and what is made on a card
 * is used while that card is current.  Any number of threads may call it. */
#ifndef OC_TESTS_FAKE_DRIVER_H
#define OC_TESTS_FAKE_DRIVER_H

#include "backends/cuda/driver.h"

enum { OC_FAKE_CARDS = 4 };

typedef struct oc_fake_driver {
    int32_t calls;   /* so far */
    int32_t fail_at; /* the call that fails, counted from 1; 0: none */
    int32_t result;  /* and how */
    int32_t devices, major, minor, driver_version;
    const char *name;
    int64_t memory_left; /* bytes of the card; -1: any number */
    int32_t alive;       /* contexts, memory, streams, events, graphs, modules not given back */
    int32_t wrong;       /* copies beyond an allocation, unknown handles, another card's memory */
    int32_t launches;
    int64_t uploaded; /* bytes, by copies that a stream orders */
    int32_t uploads;
    int32_t records;                 /* of events */
    int32_t graphs, graph;           /* made so far; the one launched last, numbered from 1 */
    float (*elapsed)(int32_t graph); /* milliseconds between any two events; NULL: by the clock */
    /* A kernel would run now: by itself, or in a graph.  NULL: nobody looks. */
    void (*ran)(const char *entry, void *parameters);
    char failed[64]; /* symbol of the call that failed */
} oc_fake_driver;

/* Memory as the caller's own program would make it; give it back by the driver's functions. */
const oc_cu_driver *oc_fake_driver_table(void);

/* Takes the place of libcuda and NVRTC until oc_fake_driver_end. */
oc_fake_driver *oc_fake_driver_begin(void);
void oc_fake_driver_end(void);

#endif
