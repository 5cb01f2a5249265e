/* calibrate.h - images and texts through a checkpoint's graph, some of its values observed.
 *
 * Texts end at their end token: what a model computes for padding behind it is nobody's input.
 * Batches are small where activations are large: all observed values of a run lie in memory.
 */
#ifndef OC_API_TOOL_CALIBRATE_H
#define OC_API_TOOL_CALIBRATE_H

#include "api/source.h"
#include "quantize/observe.h"

typedef struct oc_calibration {
    /* set by the caller */
    oc_source *source;
    const char *device;     /* as oc_device_open_by_name */
    int32_t limit, threads; /* images and texts at most, 0: all; 0: one for each usable core */
    octavo_progress progress;
    void *progress_user;
    /* values of the graph, each with its observer */
    const char **names; /* borrowed from the graph */
    oc_observer *observers;
    int32_t count, capacity;
    /* what was run */
    int32_t images, texts;
} oc_calibration;

void oc_calibration_free(oc_calibration *calibration);

/* *index: of the observer of `value`, made if it is not there. */
octavo_status oc_calibration_add(oc_calibration *calibration, const char *value, int32_t *index,
                                 octavo_error *error);

/* Whether a value of this tower is observed. */
bool oc_calibration_needs(const oc_calibration *calibration, const oc_tower *tower);

/* Runs the image files in `folder` and its folders, sorted by name.  Files that cannot be read are
 * left out with a notice.
 *   NOT_FOUND  no such folder; no file in it has the suffix of an image
 *   CORRUPT    none of the files is an image that is read here; the first one's error */
octavo_status oc_calibrate_images(oc_calibration *calibration, const char *folder,
                                  octavo_error *error);

/* Runs the lines of a text file; empty ones do not count.
 *   NOT_FOUND  no such file, or the checkpoint has no tokenizer
 *   CORRUPT    there is no text in it; a tokenizer that is not the model's */
octavo_status oc_calibrate_texts(oc_calibration *calibration, const char *path,
                                 octavo_error *error);

#endif
