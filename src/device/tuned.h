/* tuned.h - ways of doing a step: what a device chooses between, and what `octavo tune` measured.
 *
 * A device may do a step in several ways (oc_backend.tactics), all with the same bits.  What a step
 * computes and each of its ways have names; the device makes them and it alone reads them.  A
 * measured choice is found by its names and never followed by its numbers: where a device knows no
 * such step, or no such way of doing it, the choice is as if it were not there.  So whatever an
 * engine file says, a step is done in a way that the device itself lists.
 *
 * In bytes choices are JSON, the TUNED section of engine files:
 *
 *     {"runs": [{"model": "NVIDIA H200, sm_90a, 132 multiprocessors", "software": "driver of
 * CUDA 13.0", "octavo": "0.2.0", "date": "2026-11-27", "choices": [
 *         {"what": "gemm_wgmma N=3072 K=1024 ...", "rows": 2056, "best": "SWAP=0 ...",
 *          "best_us": 12.5, "next": "SWAP=1 ...", "next_us": 13.25}]}]}
 *
 * Members that a reader does not know are skipped.
 */
#ifndef OC_DEVICE_TUNED_H
#define OC_DEVICE_TUNED_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/status.h"

/* -- what a device chooses between ------------------------------------------------------------ */

enum { OC_TACTICS_MAX = 64, OC_TACTIC_NAME = 256, OC_TACTIC_TEXT = 64 };

/* A way of doing a step. */
typedef struct oc_tactic {
    int32_t number;            /* oc_step.tactic */
    double microseconds;       /* as the device expects it */
    char name[OC_TACTIC_NAME]; /* "SWAP=0 WARPGROUPS_M=3 ..." */
    char text[OC_TACTIC_TEXT]; /* for people: "192x128, 4 stages" */
} oc_tactic;

typedef struct oc_tactics {
    char what[OC_TACTIC_NAME]; /* is computed */
    int32_t rows;              /* at most */
    int32_t count;             /* 0: there is no choice */
    oc_tactic items[OC_TACTICS_MAX];
    /* A measured choice for just this, and the run that it is of; NULL: there is none. */
    const struct oc_tuned_choice *tuned;
    const struct oc_tuned_run *run;
    bool is_stale; /* there is one, but the device has no way of that name */
} oc_tactics;

/* -- what was measured --------------------------------------------------------------------------
 */

typedef struct oc_tuned_choice {
    const char *what, *best, *next; /* names; next: the runner-up, "" where there was none */
    int32_t rows;                   /* as oc_tactics' */
    double best_us, next_us;        /* microseconds */
} oc_tuned_choice;

/* What one run of `octavo tune` found. */
typedef struct oc_tuned_run {
    const char *model, *software; /* oc_traits' */
    const char *octavo, *date;    /* "0.2.0", "2026-11-27" */
    const oc_tuned_choice *choices;
    int32_t count;
} oc_tuned_run;

/* Of any cards; where two runs of one card differ the later counts. */
typedef struct oc_tuned {
    const oc_tuned_run *runs;
    int32_t count;
} oc_tuned;

/* Whether there is a run of this model; NULL: false. */
bool oc_tuned_has(const oc_tuned *tuned, const char *model);

/* Reads a section that lies at `offset` of its file; all that *out points to is in `arena`.
 *   CORRUPT     not such JSON, a member is missing, a time that is none, more than
 *               OC_LIMIT_TUNED_RUNS or OC_LIMIT_TUNED_CHOICES; the byte in the file is named
 *   EXHAUSTED   out of memory */
octavo_status oc_tuned_read(const void *section, size_t bytes, uint64_t offset, oc_arena *arena,
                            oc_tuned *out, octavo_error *error);

/* Appends the section's bytes.  EXHAUSTED: out of memory. */
octavo_status oc_tuned_write(const oc_tuned *tuned, oc_buffer *out, octavo_error *error);

/* What there was, without what `run` measured anew, and `run` behind it.  Texts are borrowed from
 * both, lists are in `arena`.
 *   UNSUPPORTED  more than an engine can have
 *   EXHAUSTED    out of memory */
octavo_status oc_tuned_add(const oc_tuned *old, const oc_tuned_run *run, oc_arena *arena,
                           oc_tuned *out, octavo_error *error);

#endif
