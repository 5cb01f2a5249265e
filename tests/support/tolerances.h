/* tolerances.h - the limits of tests/tolerances.csv. */
#ifndef OC_TESTS_TOLERANCES_H
#define OC_TESTS_TOLERANCES_H

/* The limit of `metric` for an op.  Of `kernel` ("gemm_i16 avx2") the first word counts; a line
 * whose kernel is "*" stands for those that are not named; "code_max", where it is not given, is
 * "rel_max".  Stops the test, naming what is
 * missing, if there is no such line or the table is malformed. */
double oc_tolerance(const char *op, const char *kernel, const char *metric);

#endif
