/* mathf.h - exp, log, erf and tanh whose bits are the same on every machine.
 *
 * Double in and out, made of + - * / and of moving exponents, all of which IEEE 754 fixes to the
 * bit (rounding to nearest, no contraction: CMakeLists.txt).  Relative error below 1e-14.
 * Special values as C's Annex F has them.  Plain and slow: for references and tables.
 */
#ifndef OC_NUM_MATHF_H
#define OC_NUM_MATHF_H

double oc_exp(double x);
double oc_log(double x);
double oc_erf(double x);
double oc_tanh(double x);

#endif
