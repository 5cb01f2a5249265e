/* codes.c - see codes.h. */
#include "watch/math/codes.h"

#include <math.h>

void oc_code_sums_add(oc_code_sums *sums, const oc_code_count *count, int32_t rows) {
    if (count->codes == 0 || rows <= 0) {
        return;
    }
    double saturated = (double)count->saturated / (double)count->codes;
    double zeros = (double)count->zeros / (double)count->codes;
    sums->rows += rows;
    sums->runs += 1;
    sums->saturated += rows * saturated;
    sums->saturated_sq += rows * saturated * saturated;
    sums->zeros += rows * zeros;
    sums->zeros_sq += rows * zeros * zeros;
    sums->range = fmax(sums->range, count->range);
}

void oc_code_sums_join(oc_code_sums *to, const oc_code_sums *from) {
    to->rows += from->rows;
    to->runs += from->runs;
    to->saturated += from->saturated;
    to->saturated_sq += from->saturated_sq;
    to->zeros += from->zeros;
    to->zeros_sq += from->zeros_sq;
    to->range = fmax(to->range, from->range);
}

static double share(const oc_code_sums *sums, double sum, double squares, double *variance) {
    *variance = sums->runs < 2 ? 0 : (squares - sum * sum / sums->rows) / (sums->runs - 1);
    *variance = fmax(*variance, 0);
    return sums->rows > 0 ? sum / sums->rows : 0;
}

double oc_code_sums_saturated(const oc_code_sums *sums, double *variance) {
    return share(sums, sums->saturated, sums->saturated_sq, variance);
}

double oc_code_sums_zeros(const oc_code_sums *sums, double *variance) {
    return share(sums, sums->zeros, sums->zeros_sq, variance);
}
