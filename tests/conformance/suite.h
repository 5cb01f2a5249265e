/* suite.h - runs cases on a backend's tier and judges the results by the referee.
 *
 * Each case runs on one thread and on three, whole and cut between sequences; checked are: values
 * within tests/tolerances.csv of the referee's, equal bits whatever the threads and the company,
 * bytes around every buffer and between rows untouched, inputs unchanged, each matrix row read
 * once, nothing allocated while running.
 */
#ifndef OC_TESTS_CONFORMANCE_SUITE_H
#define OC_TESTS_CONFORMANCE_SUITE_H

#include "conformance/case.h"

enum { OC_SUITE_DEVICES = 2 };

typedef struct oc_suite {
    const oc_backend *backend;
    const char *tier;
    oc_device *referee;
    oc_device *devices[OC_SUITE_DEVICES]; /* of one thread and of three */
    const struct oc_gap *never, *not_yet; /* of gaps.c, unless replaced */
    int32_t failures;
    uint64_t bits; /* a checksum of all results so far: equal where two machines give the same */
    bool quiet;    /* count failures, say nothing */
} oc_suite;

/* UNAVAILABLE: the machine lacks the tier. */
octavo_status oc_suite_open(oc_suite *suite, const oc_backend *backend, const char *tier,
                            octavo_error *error);
void oc_suite_close(oc_suite *suite);

/* Adds to suite->failures and says on stderr what deviates. */
void oc_suite_run(oc_suite *suite, oc_case *c);
void oc_suite_fail(oc_suite *suite, const oc_case *c, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* -- what a backend lacks (gaps.c) --------------------------------------------------------- */

typedef struct oc_gap {
    const char *backend, *tier; /* tier "*": all */
    const char *pattern;        /* of case names, as fnmatch takes it */
    const char *reason;
} oc_gap;

extern const oc_gap oc_gaps_never[];   /* what it can never do; backend NULL ends the list */
extern const oc_gap oc_gaps_not_yet[]; /* what it cannot do yet */

/* The gap of a list that covers a case, or NULL. */
const oc_gap *oc_gap_find(const oc_gap *list, const char *backend, const char *tier,
                          const char *name);

/* -- judging (judge.c) ----------------------------------------------------------------------- */

/* Compares `rows` rows of `out` with the referee's floats, `expected` [rows, out->columns], before
 * any quantizer.  step->kernel says which limits apply.  Returns whether they hold; if not, `why`
 * says what deviates by how much. */
bool oc_judge(const oc_case *c, const oc_step *step, const oc_view *out, int32_t rows,
              const float *expected, char *why, size_t why_bytes);

#endif
