/*
 * test_kernels.c: every backend, and every instruction set of the cpu backend's loops, computes
 * what the reference computes, over odd shapes; nothing is written behind an output. Prints its
 * seed.
 *
 *     test_kernels [seed]
 */
#include "kernels.h"
#include "rows.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

enum { GUARD = 64, BUFFERS = 32 };
#define GUARD_VALUE 12345.5f

static uint64_t seed = 1;
static struct wit_random dice;

/* ---- memory that notices what is written behind it ------------------------------------------- */

static struct {
    float *data;
    size_t count;
} buffers[BUFFERS];
static size_t n_buffers;

/* Filled with NaN: an output that is not written is noticed. */
static float *fresh(size_t count) {
    float *data = malloc((count + GUARD) * sizeof(float));
    assert_non_null(data);
    assert_true(n_buffers < BUFFERS);
    for (size_t i = 0; i < count; i++)
        data[i] = NAN;
    for (size_t i = 0; i < GUARD; i++)
        data[count + i] = GUARD_VALUE;
    buffers[n_buffers].data = data;
    buffers[n_buffers++].count = count;
    return data;
}

static float *filled(size_t count, double deviation) {
    float *data = fresh(count);
    for (size_t i = 0; i < count; i++)
        data[i] = (float)(deviation * wit_random_normal(&dice));
    return data;
}

static float *copied(const float *from, size_t count) {
    float *data = fresh(count);
    memcpy(data, from, count * sizeof(float));
    return data;
}

static void release(void) {
    for (size_t i = 0; i < n_buffers; i++) {
        for (size_t j = 0; j < GUARD; j++)
            assert_true(buffers[i].data[buffers[i].count + j] == GUARD_VALUE);
        free(buffers[i].data);
    }
    n_buffers = 0;
}

/* ---- comparison ------------------------------------------------------------------------------ */

static const struct kernels *const ref = &kernels_ref;
static const struct kernels *fast;
static struct kernel_ctx *ref_ctx, *fast_ctx;

static void assert_near(const char *what, const float *got, const float *want, size_t count) {
    double difference = 0, truth = 0;
    for (size_t i = 0; i < count; i++) {
        difference += ((double)got[i] - want[i]) * ((double)got[i] - want[i]);
        truth += (double)want[i] * want[i];
    }
    const double bound = fast->nmse_max * truth + 1e-24 * (double)count;
    if (!(difference <= bound))
        fail_msg("%s of %s: squared error %g of %g, allowed %g (%zu numbers, seed %llu)", what,
                 fast->name, difference, truth, bound, count, (unsigned long long)seed);
}

static void test_layernorm(void **state) {
    static const int64_t shapes[][2] = { { 1, 1 },   { 1, 7 },     { 3, 16 },   { 50, 48 },
                                         { 77, 33 }, { 300, 192 }, { 1025, 65 } };
    static const double deviations[] = { 1, 1e-4, 1e4 };
    for (size_t i = 0; i < WIT_COUNT_OF(shapes) * WIT_COUNT_OF(deviations); i++) {
        const int64_t R = shapes[i % WIT_COUNT_OF(shapes)][0],
                      W = shapes[i % WIT_COUNT_OF(shapes)][1];
        const size_t n = (size_t)(R * W);
        const float *x = filled(n, deviations[i / WIT_COUNT_OF(shapes)]), *dy = filled(n, 1);
        const float *gain = filled((size_t)W, 1), *bias = filled((size_t)W, 1);
        float *y[2], *stats[2], *dx[2], *dgain[2], *dbias[2];
        float *start = filled(n, 1);
        for (int k = 0; k < 2; k++) {
            const struct kernels *b = k ? fast : ref;
            struct kernel_ctx *c = k ? fast_ctx : ref_ctx;
            y[k] = fresh(n);
            stats[k] = fresh(2 * (size_t)R);
            dgain[k] = fresh((size_t)W);
            dbias[k] = fresh((size_t)W);
            dx[k] = copied(start, n);
            b->layernorm_forward(c, y[k], stats[k], x, gain, bias, R, W);
            /* The same statistics for both, so that the backward pass is judged by itself. */
            b->layernorm_backward(c, dx[k], i % 2, dgain[k], dbias[k], dy, x, stats[0], gain, R, W);
        }
        assert_near("layernorm y", y[1], y[0], n);
        assert_near("layernorm stats", stats[1], stats[0], 2 * (size_t)R);
        assert_near("layernorm dx", dx[1], dx[0],
                    W == 1 ? 0 : n); /* of one column: rounding only */
        assert_near("layernorm dgain", dgain[1], dgain[0], W == 1 ? 0 : (size_t)W);
        assert_near("layernorm dbias", dbias[1], dbias[0], (size_t)W);
        release();
    }
}

static void test_linear(void **state) {
    static const int64_t shapes[][3] = { { 1, 1, 1 },       { 1, 5, 3 },      { 7, 16, 33 },
                                         { 50, 48, 144 },   { 77, 31, 130 },  { 300, 65, 17 },
                                         { 513, 40, 1100 }, { 20, 1100, 140 } };
    for (size_t i = 0; i < 2 * WIT_COUNT_OF(shapes); i++) {
        const int64_t R = shapes[i / 2][0], K = shapes[i / 2][1], N = shapes[i / 2][2];
        struct kernel_linear l = { .R = R, .K = K, .N = N, .w_is_KN = i % 2 };
        l.x = filled((size_t)(R * K), 1);
        l.w = filled((size_t)(K * N), 1);
        const float *bias = filled((size_t)N, 1), *residual = filled((size_t)(R * N), 1);
        const float *dy = filled((size_t)(R * N), 1), *start = filled((size_t)(R * K), 1);
        float *y[4][2], *dx[2], *dw[2], *db[2];
        for (int k = 0; k < 2; k++) {
            const struct kernels *b = k ? fast : ref;
            struct kernel_ctx *c = k ? fast_ctx : ref_ctx;
            for (int v = 0; v < 4; v++) {
                y[v][k] = v == 3 ? copied(residual, (size_t)(R * N)) : fresh((size_t)(R * N));
                b->linear_forward(c, l, y[v][k], v % 2 ? bias : NULL,
                                  v == 2   ? residual
                                  : v == 3 ? y[v][k]
                                           : NULL);
            }
            dx[k] = copied(start, (size_t)(R * K));
            dw[k] = fresh((size_t)(K * N));
            db[k] = fresh((size_t)N);
            b->linear_backward(c, l, dx[k], i % 4 < 2, dw[k], db[k], dy);
            b->linear_backward(c, l, NULL, false, dw[k], NULL, dy);
        }
        for (int v = 0; v < 4; v++)
            assert_near("linear y", y[v][1], y[v][0], (size_t)(R * N));
        assert_near("linear dx", dx[1], dx[0], (size_t)(R * K));
        assert_near("linear dw", dw[1], dw[0], (size_t)(K * N));
        assert_near("linear db", db[1], db[0], (size_t)N);
        release();
    }
}

static void test_gelu(void **state) {
    static const double deviations[] = { 1e-3, 1, 4, 40 };
    static const int64_t counts[] = { 1, 15, 16, 100, 70001 };
    for (size_t i = 0; i < WIT_COUNT_OF(deviations) * WIT_COUNT_OF(counts) * 2; i++) {
        const int64_t n = counts[i / 2 % WIT_COUNT_OF(counts)];
        const bool quick = i % 2;
        const float *x = filled((size_t)n, deviations[i / 2 / WIT_COUNT_OF(counts)]);
        const float *dy = filled((size_t)n, 1);
        float *y[2], *dx[2];
        for (int k = 0; k < 2; k++) {
            y[k] = fresh((size_t)n);
            dx[k] = copied(dy, (size_t)n);
            (k ? fast : ref)->gelu_forward(k ? fast_ctx : ref_ctx, y[k], x, n, quick);
            (k ? fast : ref)->gelu_backward(k ? fast_ctx : ref_ctx, dx[k], dx[k], x, n, quick);
        }
        assert_near("gelu y", y[1], y[0], (size_t)n);
        assert_near("gelu dx", dx[1], dx[0], (size_t)n);
        release();
    }
}

struct lengths {
    int64_t count, start[8], square[8];
    struct kernel_seqs seqs;
};

static void lengths_init(struct lengths *l, const int64_t *lengths, int64_t count) {
    l->count = count;
    l->start[0] = l->square[0] = 0;
    for (int64_t b = 0; b < count; b++) {
        l->start[b + 1] = l->start[b] + lengths[b];
        l->square[b + 1] = l->square[b] + lengths[b] * lengths[b];
    }
    l->seqs = (struct kernel_seqs){ count, l->start, l->square };
}

static void test_attention(void **state) {
    static const int64_t cases[][4] = {
        { 1, 0, 0, 0 }, { 50, 0, 0, 0 }, { 77, 3, 20, 0 }, { 17, 17, 17, 17 }
    };
    static const int64_t counts[] = { 1, 1, 3, 4 };
    static const int64_t heads[][2] = { { 1, 5 }, { 3, 16 }, { 2, 64 } };
    for (size_t i = 0; i < WIT_COUNT_OF(cases) * WIT_COUNT_OF(heads) * 2; i++) {
        struct lengths l;
        lengths_init(&l, cases[i / 2 % 4], counts[i / 2 % 4]);
        struct kernel_attention a = {
            .seqs = l.seqs, .heads = heads[i / 8][0], .D = heads[i / 8][1], .causal = i % 2
        };
        const size_t R = (size_t)l.start[l.count], W = (size_t)(a.heads * a.D);
        const size_t scores = (size_t)(a.heads * l.square[l.count]);
        a.qkv = filled(R * 3 * W, i % 3 ? 1 : 6);
        const float *dO = filled(R * W, 1);
        float *o[2], *P[2], *kept[2], *dqkv[2];
        for (int k = 0; k < 2; k++) {
            o[k] = fresh(R * W);
            P[k] = a.P = fresh(scores);
            dqkv[k] = fresh(R * 3 * W);
            (k ? fast : ref)->attention_forward(k ? fast_ctx : ref_ctx, a, o[k]);
            kept[k] = copied(P[k], scores);
            (k ? fast : ref)->attention_backward(k ? fast_ctx : ref_ctx, a, dqkv[k], dO);
        }
        assert_near("attention o", o[1], o[0], R * W);
        assert_near("attention P", kept[1], kept[0], scores);
        assert_near("attention dqkv", dqkv[1], dqkv[0], R * 3 * W);
        release();
    }
}

static void test_tokens(void **state) {
    const int64_t B = 3, S = 12, P = 4, n = 9, W = 21, V = 40, context = 6;
    static const int64_t lengths[] = { 6, 1, 3 };
    struct lengths l;
    int32_t tokens[3 * 6];
    lengths_init(&l, lengths, B);
    const size_t R = (size_t)l.start[B];
    for (size_t i = 0; i < WIT_COUNT_OF(tokens); i++)
        tokens[i] = (int32_t)wit_random_below(&dice, (uint64_t)V);
    tokens[1] = tokens[0]; /* one token twice: both places add */
    const float *images = filled((size_t)(B * 3 * S * S), 1),
                *patch = filled((size_t)(B * n * W), 1);
    const float *cls = filled((size_t)W, 1), *pos = filled((size_t)((n + 1) * W), 1);
    const float *table = filled((size_t)(V * W), 1);
    const float *dx = filled((size_t)(B * (n + 1) * W), 1);
    const int64_t picked[] = { 2, 11, 25 };
    float *out[12][2];
    for (int k = 0; k < 2; k++) {
        const struct kernels *b = k ? fast : ref;
        struct kernel_ctx *c = k ? fast_ctx : ref_ctx;
        b->patchify(c, out[0][k] = fresh((size_t)(B * n * 3 * P * P)), images, B, S, P);
        b->image_tokens_forward(c, out[1][k] = fresh((size_t)(B * (n + 1) * W)), patch, cls, pos, B,
                                n, W);
        b->image_tokens_backward(c, out[2][k] = fresh((size_t)(B * n * W)),
                                 out[3][k] = fresh((size_t)W),
                                 out[4][k] = fresh((size_t)((n + 1) * W)), dx, B, n, W);
        b->text_tokens_forward(c, out[5][k] = fresh(R * (size_t)W), tokens, context, l.seqs, table,
                               pos, W);
        b->text_tokens_backward(c, out[6][k] = fresh((size_t)(V * W)),
                                out[7][k] = fresh((size_t)(context * W)), dx, tokens, context,
                                l.seqs, V, W);
        b->pick_forward(c, out[8][k] = fresh((size_t)(B * W)), dx, picked, B, W);
        b->pick_backward(c, out[9][k] = fresh((size_t)(B * (n + 1) * W)), dx, picked, B,
                         B * (n + 1), W);
    }
    const size_t sizes[] = { (size_t)(B * n * 3 * P * P),
                             (size_t)(B * (n + 1) * W),
                             (size_t)(B * n * W),
                             (size_t)W,
                             (size_t)((n + 1) * W),
                             R * (size_t)W,
                             (size_t)(V * W),
                             (size_t)(context * W),
                             (size_t)(B * W),
                             (size_t)(B * (n + 1) * W) };
    for (size_t i = 0; i < WIT_COUNT_OF(sizes); i++)
        assert_near("tokens", out[i][1], out[i][0], sizes[i]);
    release();
}

static void test_normalize(void **state) {
    static const int64_t shapes[][2] = { { 1, 1 }, { 1, 512 }, { 13, 33 } };
    for (size_t i = 0; i < WIT_COUNT_OF(shapes); i++) {
        const int64_t B = shapes[i][0], E = shapes[i][1];
        const size_t n = (size_t)(B * E);
        const float *x = filled(n, 3), *dy = filled(n, 1);
        float *y[2], *inverse[2], *dx[2];
        for (int k = 0; k < 2; k++) {
            y[k] = fresh(n);
            inverse[k] = fresh((size_t)B);
            dx[k] = fresh(n);
            (k ? fast : ref)->normalize_forward(k ? fast_ctx : ref_ctx, y[k], inverse[k], x, B, E);
            (k ? fast : ref)
                ->normalize_backward(k ? fast_ctx : ref_ctx, dx[k], dy, y[0], inverse[0], B, E);
        }
        assert_near("normalize y", y[1], y[0], n);
        assert_near("normalize inverse", inverse[1], inverse[0], (size_t)B);
        assert_near("normalize dx", dx[1], dx[0], E == 1 ? 0 : n);
        release();
    }
}

/* The dense loss is the reference's; 130 and 300 need more than one tile. */
static void test_contrastive(void **state) {
    static const int64_t batches[] = { 1, 2, 17, 128, 130, 300 };
    static const float scales[] = { 1, 14.3f, 100 };
    for (size_t i = 0; i < WIT_COUNT_OF(batches) * WIT_COUNT_OF(scales); i++) {
        const int64_t B = batches[i / 3], E = i % 2 ? 19 : 32;
        const size_t n = (size_t)(B * E);
        float *image = filled(n, 1), *text = filled(n, 1), *inverse = fresh((size_t)B);
        float *unit_image = fresh(n), *unit_text = fresh(n);
        float *saved[2], *dimage[2], *dtext[2], dscale[2];
        double loss[2];
        /* Half of each caption's row is its image's: right answers are likely ones. */
        for (size_t j = 0; j < n; j++)
            text[j] += image[j];
        ref->normalize_forward(ref_ctx, unit_image, inverse, image, B, E);
        ref->normalize_forward(ref_ctx, unit_text, inverse, text, B, E);
        for (int k = 0; k < 2; k++) {
            const struct kernels *b = k ? fast : ref;
            struct kernel_ctx *c = k ? fast_ctx : ref_ctx;
            struct kernel_contrastive a = {
                .B = B, .E = E, .image = unit_image, .text = unit_text, .scale = scales[i % 3]
            };
            saved[k] = fresh(3 * (size_t)B);
            dimage[k] = fresh(n);
            dtext[k] = fresh(n);
            a.saved = saved[k];
            b->contrastive_forward(c, a, &loss[k]);
            a.saved = saved[0];
            b->contrastive_backward(c, a, dimage[k], dtext[k], &dscale[k]);
        }
        assert_float_equal((float)loss[1], (float)loss[0], 2e-5);
        assert_float_equal(dscale[1], dscale[0], 2e-5);
        assert_near("contrastive saved", saved[1], saved[0], 3 * (size_t)B);
        assert_near("contrastive dimage", dimage[1], dimage[0], n);
        assert_near("contrastive dtext", dtext[1], dtext[0], n);
        release();
    }
}

static void test_adamw(void **state) {
    static const size_t counts[] = { 1, 17, 70000 };
    for (size_t i = 0; i < WIT_COUNT_OF(counts); i++) {
        const size_t n = counts[i];
        float *param = filled(n, 1), *m = filled(n, 0.1), *v = filled(n, 0.1);
        const float *grad = filled(n, 1);
        for (size_t j = 0; j < n; j++)
            v[j] = fabsf(v[j]);
        float *p[2], *m2[2], *v2[2];
        for (int k = 0; k < 2; k++) {
            p[k] = copied(param, n);
            m2[k] = copied(m, n);
            v2[k] = copied(v, n);
            (k ? fast : ref)
                ->adamw(k ? fast_ctx : ref_ctx, (struct kernel_adamw){ .count = n,
                                                                       .param = p[k],
                                                                       .m = m2[k],
                                                                       .v = v2[k],
                                                                       .grad = grad,
                                                                       .lr = 1e-2,
                                                                       .beta1 = 0.9,
                                                                       .beta2 = 0.98,
                                                                       .epsilon = 1e-6,
                                                                       .decay = 0.2,
                                                                       .step = 1 + 4 * i });
        }
        assert_near("adamw param", p[1], p[0], n);
        assert_near("adamw m", m2[1], m2[0], n);
        assert_near("adamw v", v2[1], v2[0], n);
        release();
    }
}

/* One step by hand: p (1 - lr wd) - lr m^ / (sqrt(v^) + eps) with m^ = g, v^ = g^2 at step 1. */
static void test_adamw_formula(void **state) {
    float p = 2, m = 0, v = 0;
    const float g = -0.5f;
    ref->adamw(ref_ctx, (struct kernel_adamw){ .count = 1,
                                               .param = &p,
                                               .m = &m,
                                               .v = &v,
                                               .grad = &g,
                                               .lr = 0.1,
                                               .beta1 = 0.9,
                                               .beta2 = 0.98,
                                               .epsilon = 0.25,
                                               .decay = 0.5,
                                               .step = 1 });
    assert_float_equal(p, 2 * 0.95 + 0.1 * 0.5 / 0.75, 1e-6);
    assert_float_equal(m, -0.05, 1e-7);
    assert_float_equal(v, 0.02 * 0.25, 1e-7);
}

/* Every instruction set gives the same bits: the order of operations is written down. */
static void test_rows_alike(void **state) {
    const int64_t R = 9, W = 77;
    const size_t n = (size_t)(R * W);
    const float *x = filled(n, 2), *dy = filled(n, 1), *gain = filled((size_t)W, 1);
    float *want[7], *got[7], most[2] = { -INFINITY, -INFINITY };
    double sum[2] = { 0, 0 }, dscale[2];
    for (int k = 0; k < 7; k++)
        want[k] = fresh(n);
    for (size_t i = 0; rows_at(i); i++) {
        const struct rows *r = rows_at(i);
        for (int k = 0; k < 7; k++)
            got[k] = i ? fresh(n) : want[k];
        memset(got[2], 0, n * sizeof(float));
        memset(got[3], 0, n * sizeof(float));
        r->layernorm_forward(got[0], got[1], x, gain, dy, R, W);
        r->layernorm_backward(got[4], false, got[2], got[3], dy, x, want[1], gain, R, W);
        r->gelu_forward(got[5], x, (int64_t)n, false);
        r->gelu_backward(got[6], dy, x, (int64_t)n, true);
        r->softmax(got[5], (int64_t)n - 5, (int64_t)n, 0.5f);
        most[i > 0] = -INFINITY;
        sum[i > 0] = 0;
        r->log_sum_exp(x, (int64_t)n, 3, 0.5f, &most[i > 0], &sum[i > 0]);
        dscale[i > 0] = r->contrastive_gradient(got[6], (int64_t)n, 2, 1, 3, x, dy, 0.25f);
        assert_memory_equal(got[0], want[0], n * sizeof(float));
        assert_memory_equal(got[1], want[1], 2 * (size_t)R * sizeof(float));
        assert_memory_equal(got[2], want[2], (size_t)W * sizeof(float));
        for (int k = 4; k < 7; k++)
            assert_memory_equal(got[k], want[k], n * sizeof(float));
        if (i > 0) {
            assert_memory_equal(&most[0], &most[1], sizeof(float));
            assert_memory_equal(&sum[0], &sum[1], sizeof(double));
            assert_memory_equal(&dscale[0], &dscale[1], sizeof(double));
        }
    }
    release();
}

/* exp and the error function carry the loops above: at the ends of their range too. */
static void test_rows_extremes(void **state) {
    for (size_t i = 0; rows_at(i); i++) {
        const struct rows *r = rows_at(i);
        float x[5] = { -200, 0, 200, -1e30f, 88 }, y[5], p[3] = { -1e30f, 1e30f, 0 };
        r->gelu_forward(y, x, 5, false);
        assert_true(y[0] == 0 && y[1] == 0 && y[2] == 200 && y[3] == 0 && y[4] == 88);
        r->gelu_forward(y, x, 5, true);
        assert_true(fabsf(y[0]) < 1e-6 && y[1] == 0 && y[2] == 200 && fabsf(y[3]) < 1e-6 &&
                    y[4] == 88);
        r->softmax(p, 3, 3, 1);
        assert_true(p[0] == 0 && p[1] == 1 && p[2] == 0);
        float nan[1] = { NAN };
        r->gelu_forward(y, nan, 1, true);
        assert_true(isnan(y[0]));
    }
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layernorm),     cmocka_unit_test(test_linear),
        cmocka_unit_test(test_gelu),          cmocka_unit_test(test_attention),
        cmocka_unit_test(test_tokens),        cmocka_unit_test(test_normalize),
        cmocka_unit_test(test_contrastive),   cmocka_unit_test(test_adamw),
        cmocka_unit_test(test_adamw_formula), cmocka_unit_test(test_rows_alike),
        cmocka_unit_test(test_rows_extremes),
    };
    int failed = 0;
    if (argc > 1)
        seed = strtoull(argv[1], NULL, 10);
    const struct kernel_limits limits = { .batch = 300, .longest = 77, .widest = 1100 };
    for (size_t i = 0; kernels_at(i); i++) {
        fast = kernels_at(i);
        if (fast == ref)
            continue;
        wit_random_init(&dice, seed, 0, i);
        if (ref->create(1, limits, &ref_ctx, NULL) < 0 ||
            fast->create(3, limits, &fast_ctx, NULL) < 0)
            return 1;
        printf("backend %s, seed %llu\n", fast->name, (unsigned long long)seed);
        failed += cmocka_run_group_tests(tests, NULL, NULL);
        ref->destroy(ref_ctx);
        fast->destroy(fast_ctx);
    }
    return failed;
}
