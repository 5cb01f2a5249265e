/* paper.h - cards of paper: a device of an architecture that is not there, by which a model and its
 * sessions are made as on a real one, so that every kernel that they need is compiled and kept.
 *
 * Memory is an address, uploads are dropped, launches do nothing: what is read back is not what a
 * model computes, so nothing is run on paper. */
#ifndef OC_BACKENDS_CUDA_PAPER_H
#define OC_BACKENDS_CUDA_PAPER_H

#include "backends/cuda/driver.h"
#include "backends/cuda/pack/pack.h"

/* Of what kernels are chosen by.  An architecture may have several: cards differ in how many
 * multiprocessors they have. */
typedef struct oc_paper_card {
    const char *architecture, *name;
    int32_t major, minor, multiprocessors, shared_bytes;
} oc_paper_card;

/* NULL: there is no such number. */
const oc_paper_card *oc_paper_card_at(int32_t index);

enum { OC_CUDA_MODEL = 192 };

/* What measured choices of a card are kept under: "NVIDIA H200, sm_90a, 132 multiprocessors". */
void oc_cuda_model(const char *name, const char *architecture, int32_t multiprocessors,
                   char text[OC_CUDA_MODEL]);

/* Whether a real card that is called so has the same kernels as this one. */
bool oc_paper_card_stands_for(const oc_paper_card *card, const char *model);

/* What oc_device_options.paper points to. */
typedef struct oc_paper {
    int32_t card;
    const char *model;    /* of the real card whose measured choices count; NULL: none do */
    oc_pack_list kernels; /* all that were asked for, by any device that was given this paper */
} oc_paper;

/* Its devices are the cards above, by their numbers.  No function of it fails but for memory. */
extern const oc_cu_driver oc_paper_driver;

#endif
