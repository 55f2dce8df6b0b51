/*
 * wit_binomial.h: what k of n says about a share.
 *
 *     double low, high;
 *     wit_binomial_interval(12, 400, 0.95, &low, &high);       // share 0.03, 0.0156 to 0.0518
 *     double p = wit_binomial_at_least(12, 400, 0.02);         // as many or more, by chance
 *
 * Formulas. Tail: P(X >= k) = I_p(k, n - k + 1), I being the regularised incomplete beta function
 * (Abramowitz and Stegun 26.5.24), by its continued fraction (26.5.8, evaluated by Lentz's method).
 * Interval: Clopper and Pearson, "The use of confidence or fiducial limits illustrated in the case
 * of the binomial" (1934): at confidence c, low is the p with P(X >= k) = (1 - c) / 2 and high that
 * with P(X <= k) = (1 - c) / 2; 0 where k is 0, 1 where it is n. It never covers less often than
 * it says.
 */
#ifndef WIT_BINOMIAL_H
#define WIT_BINOMIAL_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* I_x(a, b), a and b > 0, x cut to [0, 1]. Relative error about 1e-9 at a + b of a million, less
 * below. */
double wit_beta_regularised(double a, double b, double x);
/* P(X >= k) of n trials with probability p: 1 for k of 0, 0 for k above n. */
double wit_binomial_at_least(uint64_t k, uint64_t n, double p);
/* The interval of confidence c (0 < c < 1) for k of n, k <= n. n of 0: 0 to 1. */
void wit_binomial_interval(uint64_t k, uint64_t n, double confidence, double *low, double *high);

#ifdef __cplusplus
}
#endif
#endif
