/* binomial.c: the incomplete beta function, and what is asked of it. */
#include "wit_binomial.h"

#include <math.h>

/* Lentz's method: the fraction is a product of ratios, none of which may be 0. */
static double off_zero(double v) {
    return fabs(v) < 1e-300 ? 1e-300 : v;
}

/* A&S 26.5.8 without the factor in front; converges in O(sqrt(max(a, b))) steps for x below the
 * mean. */
static double beta_fraction(double a, double b, double x) {
    double d = 1 / off_zero(1 - (a + b) * x / (a + 1)), c = 1, value = d;
    for (int m = 1; m < 100000; m++) {
        const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        d = 1 / off_zero(1 + even * d);
        c = off_zero(1 + even / c);
        value *= d * c;
        d = 1 / off_zero(1 + odd * d);
        c = off_zero(1 + odd / c);
        value *= d * c;
        if (fabs(d * c - 1) < 1e-15)
            break;
    }
    return value;
}

double wit_beta_regularised(double a, double b, double x) {
    if (x <= 0)
        return 0;
    if (x >= 1)
        return 1;
    int sign; /* lgamma would keep it where every thread sees it */
    const double front = exp(lgamma_r(a + b, &sign) - lgamma_r(a, &sign) - lgamma_r(b, &sign) +
                             a * log(x) + b * log1p(-x));
    if (x < (a + 1) / (a + b + 2))
        return front * beta_fraction(a, b, x) / a;
    return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

double wit_binomial_at_least(uint64_t k, uint64_t n, double p) {
    if (k == 0)
        return 1;
    return k > n ? 0 : wit_beta_regularised((double)k, (double)(n - k) + 1, p);
}

/* The p at which P(X >= k) is `tail`: it grows with p. */
static double at_least_inverse(uint64_t k, uint64_t n, double tail) {
    double low = 0, high = 1;
    for (int i = 0; i < 200 && low < high; i++) {
        const double mid = low + (high - low) / 2;
        if (mid <= low || mid >= high)
            break;
        if (wit_binomial_at_least(k, n, mid) < tail)
            low = mid;
        else
            high = mid;
    }
    return low + (high - low) / 2;
}

void wit_binomial_interval(uint64_t k, uint64_t n, double confidence, double *low, double *high) {
    const double tail = (1 - confidence) / 2;
    *low = k == 0 ? 0 : at_least_inverse(k, n, tail);
    /* P(X <= k) = tail where P(X >= k + 1) = 1 - tail: by the complement, n - k failures or more */
    *high = k >= n ? 1 : 1 - at_least_inverse(n - k, n, tail);
}
