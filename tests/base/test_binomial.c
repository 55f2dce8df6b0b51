/* test_binomial.c: the incomplete beta function, tails and intervals beside SciPy's. */
#include "base/wit_base.h"
#include "base/wit_binomial.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* Expected values are those of SciPy 1.17.1: scipy.stats.beta.cdf, binom.sf(k - 1), and
 * binomtest(k, n).proportion_ci(c, method="exact"). */
static void near(const char *what, double got, double want) {
    if (fabs(got - want) > 2e-9 * fmax(fabs(want), 1e-3))
        fail_msg("%s is %.17g, not %.17g", what, got, want);
}

static void the_incomplete_beta_function(void **state) {
    static const struct {
        double a, b, x, want;
    } known[] = {
        { 0.5, 0.5, 0.3, 0.36901011956554536 },
        { 2, 3, 0.1, 0.052300000000000013 },
        { 12, 389, 0.02, 0.10973307622422973 },
        { 1, 1, 0.7, 0.7 },
        { 5000, 15001, 0.251, 0.63047626496873233 },
        { 300000, 700001, 0.301, 0.9854357628990299 },
        { 1, 1000000, 1e-06, 0.63212074276835495 },
        { 40, 1, 0.9, 0.014780882941434597 },
        { 3, 4, 0, 0 },
        { 3, 4, 1, 1 },
    };
    for (size_t i = 0; i < WIT_COUNT_OF(known); i++)
        near("I", wit_beta_regularised(known[i].a, known[i].b, known[i].x), known[i].want);
}

static void tails(void **state) {
    static const struct {
        uint64_t k, n;
        double p, want;
    } known[] = {
        { 0, 10, 0.1, 1 },
        { 11, 10, 0.1, 0 },
        { 10, 10, 0.5, 0.0009765625 },
        { 3, 20, 0.05, 0.075483673788496256 },
        { 61, 80, 0.7, 0.1352233058903422 },
        { 501, 1000, 0.5, 0.48738749091081973 },
        { 7000, 10000, 0.69, 0.015523844008885953 },
        { 1, 1000000, 1e-06, 0.63212074276835495 },
        { 1, 1, 1, 1 },
        { 1, 1, 0, 0 },
    };
    for (size_t i = 0; i < WIT_COUNT_OF(known); i++)
        near("P", wit_binomial_at_least(known[i].k, known[i].n, known[i].p), known[i].want);
}

/* By adding up, which needs no beta function. */
static void a_tail_is_the_sum_of_its_terms(void **state) {
    for (uint64_t n = 1; n <= 60; n++)
        for (uint64_t k = 0; k <= n; k += 1 + n / 7) {
            const double p = 0.01 + 0.97 * (double)(n * 7 + k * 3 % 11) / 500;
            double term = pow(1 - p, (double)n), sum = 0;
            for (uint64_t i = 0; i <= n; i++) {
                sum += i >= k ? term : 0;
                term *= (double)(n - i) / (double)(i + 1) * p / (1 - p);
            }
            near("sum", wit_binomial_at_least(k, n, p), sum);
        }
}

static void intervals(void **state) {
    static const struct {
        uint64_t k, n;
        double confidence, low, high;
    } known[] = {
        { 0, 20, 0.95, 0, 0.16843347098308548 },
        { 20, 20, 0.95, 0.83156652901691452, 1 },
        { 12, 400, 0.95, 0.015595552999727917, 0.051817215430639413 },
        { 3, 20, 0.995, 0.013774985773801873, 0.47614806817360134 },
        { 61, 80, 0.995, 0.60726957024446127, 0.88014555104039538 },
        { 5000, 10000, 0.995, 0.48591797411992182, 0.51408202588007823 },
        { 22, 1000000, 0.995, 1.1098125473556744e-05, 3.8758350566737603e-05 },
        { 0, 0, 0.95, 0, 1 },
    };
    for (size_t i = 0; i < WIT_COUNT_OF(known); i++) {
        double low, high;
        wit_binomial_interval(known[i].k, known[i].n, known[i].confidence, &low, &high);
        near("low", low, known[i].low);
        near("high", high, known[i].high);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_incomplete_beta_function),
        cmocka_unit_test(tails),
        cmocka_unit_test(a_tail_is_the_sum_of_its_terms),
        cmocka_unit_test(intervals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
