/*
 * test_trainer.c: the parts of the trainer by themselves: planner, models, schedule, gradients
 * against finite differences, text that is left out, threads.
 *
 *     test_trainer [seed]
 */
#include "planner.h"
#include "tape.h"
#include "trainer_cases.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

static uint64_t seed = 1;
static struct wit_error err;

static void must(int st) {
    if (st < 0)
        print_error("%s\n", err.text);
    assert_true(st >= 0);
}

/* ---- planner --------------------------------------------------------------------------------- */

/* No two things that live at one moment share a place, and the arena is no larger than all of them.
 */
static void assert_planned(const struct plan_item *items, size_t count, size_t total) {
    size_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += items[i].size;
        assert_true(items[i].place + items[i].size <= total || items[i].size == 0);
        for (size_t j = 0; j < i; j++) {
            const bool together =
                items[i].first <= items[j].last && items[j].first <= items[i].last;
            const bool apart = items[i].place + items[i].size <= items[j].place ||
                               items[j].place + items[j].size <= items[i].place;
            if (together && !apart && items[i].size && items[j].size)
                fail_msg("items %zu and %zu of %zu overlap (seed %llu)", j, i, count,
                         (unsigned long long)seed);
        }
    }
    assert_true(total <= sum);
}

static void test_planner(void **state) {
    struct plan_item items[200];
    struct wit_random dice;
    wit_random_init(&dice, seed, 1, 0);
    for (int round = 0; round < 200; round++) {
        const size_t count = (size_t)wit_random_below(&dice, WIT_COUNT_OF(items) + 1);
        size_t total, most_alive = 0;
        for (size_t i = 0; i < count; i++) {
            const int first = (int)wit_random_below(&dice, 50);
            items[i] = (struct plan_item){ .size = (size_t)wit_random_below(&dice, 40),
                                           .first = first,
                                           .last = first + (int)wit_random_below(&dice, 20) };
        }
        must(planner_place(items, count, &total, &err));
        assert_planned(items, count, total);
        for (int moment = 0; moment < 70; moment++) {
            size_t alive = 0;
            for (size_t i = 0; i < count; i++)
                alive += moment >= items[i].first && moment <= items[i].last ? items[i].size : 0;
            most_alive = alive > most_alive ? alive : most_alive;
        }
        assert_true(total >= most_alive);
    }
    struct plan_item huge[2] = { { .size = SIZE_MAX }, { .size = 1 } };
    size_t total;
    assert_int_equal(planner_place(huge, 2, &total, &err), WIT_ELIMIT);
}

static void test_tape_memory(void **state) {
    const struct wit_trainer_model model = case_model(true);
    size_t arena[2];
    for (int keep = 0; keep < 2; keep++) {
        struct tape t;
        size_t total;
        must(tape_create(&model, 5, keep, &t, &err));
        struct plan_item *items = calloc(t.slots, sizeof(*items));
        assert_non_null(items);
        tape_lifetimes(&t, keep, items);
        must(planner_place(items, t.slots, &total, &err));
        assert_planned(items, t.slots, total);
        arena[keep] = t.arena;
        free(items);
        tape_finish(&t);
    }
    assert_true(arena[0] < arena[1]);
}

/* ---- models ---------------------------------------------------------------------------------- */

/* The published counts of the four. */
static void test_model_sizes(void **state) {
    static const struct {
        const char *name;
        size_t parameters;
    } models[] = { { "ViT-B-32", 151277313 },
                   { "ViT-B-16", 149620737 },
                   { "ViT-L-14", 427616513 },
                   { "ViT-L-14-336", 427944193 } };
    for (size_t i = 0; i < WIT_COUNT_OF(models); i++) {
        struct wit_trainer_model shape;
        struct model m;
        must(wit_trainer_model_find(models[i].name, &shape, &err));
        must(model_create(&shape, &m, &err));
        assert_int_equal(m.numbers, models[i].parameters);
        assert_string_equal(wit_trainer_model_preset(i), models[i].name);
        model_finish(&m);
    }
}

static int parse(const char *text, struct wit_trainer_model *out) {
    struct wit_json *root = NULL;
    must(wit_json_parse(wit_str_from(text), "test", &root, &err));
    int st = wit_trainer_model_parse(root, "test", out, &err);
    wit_json_destroy(root);
    return st;
}

#define TEXT_PART                                                                                  \
    "\"text_cfg\":{\"context_length\":77,\"vocab_size\":100,\"width\":64,\"heads\":2,\"layers\":"  \
    "1}"

static void test_model_config(void **state) {
    struct wit_trainer_model m = { .embed_dim = -7 };
    assert_int_equal(parse("{}", &m), WIT_EFORMAT);
    assert_int_equal(parse("[1]", &m), WIT_EFORMAT);
    assert_int_equal(
        parse("{\"embed_dim\":8,\"vision_cfg\":{\"image_size\":32,\"layers\":[3,4,6,3],"
              "\"width\":64,\"patch_size\":null}," TEXT_PART "}",
              &m),
        WIT_EUNSUPPORTED);
    assert_non_null(strstr(err.text, "ResNet towers are not supported yet"));
    assert_int_equal(parse("{\"embed_dim\":8,\"vision_cfg\":{\"image_size\":33,\"layers\":1,"
                           "\"width\":64,\"patch_size\":8}," TEXT_PART "}",
                           &m),
                     WIT_EINVAL);
    assert_int_equal(parse("{\"embed_dim\":8,\"vision_cfg\":{\"image_size\":32,\"layers\":1,"
                           "\"width\":99999999999,\"patch_size\":8}," TEXT_PART "}",
                           &m),
                     WIT_ELIMIT);
    assert_int_equal(m.embed_dim, -7);
    must(parse("{\"embed_dim\":8,\"vision_cfg\":{\"image_size\":32,\"layers\":1,"
               "\"width\":128,\"patch_size\":8}," TEXT_PART "}",
               &m));
    assert_int_equal(m.vision.head_width, 64);
    assert_false(m.quick_gelu);
    assert_int_equal(wit_trainer_model_find("no such model", &m, &err), WIT_ENOTFOUND);
}

static double deviation_of(const float *x, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)x[i] * x[i];
    return sqrt(sum / (double)n);
}

static void test_initial_weights(void **state) {
    struct wit_trainer_config cfg = wit_trainer_config_default();
    struct wit_trainer *t = NULL, *again = NULL;
    size_t n;
    must(wit_trainer_model_find("demo", &cfg.model, &err));
    cfg.batch = 2;
    cfg.threads = 1;
    must(wit_trainer_create(&cfg, &t, &err));
    must(wit_trainer_create(&cfg, &again, &err));
    wit_trainer_init(t, 11);
    wit_trainer_init(again, 11);
    assert_true(fabs(wit_trainer_logit_scale(t) - log(1 / 0.07)) < 1e-6);
    const struct {
        const char *name;
        double deviation;
    } expected[] = {
        { "token_embedding.weight", 0.02 },
        { "positional_embedding", 0.01 },
        { "text_projection", 1 / sqrt(cfg.model.text.width) },
        { "visual.proj", 1 / sqrt(cfg.model.vision.width) },
        { "visual.conv1.weight", 1 / sqrt(3.0 * 3 * 8 * 8) },
        { "visual.transformer.resblocks.0.attn.in_proj_weight",
          sqrt(6 / (4.0 * cfg.model.vision.width)) / sqrt(3) },
        { "transformer.resblocks.0.mlp.c_fc.weight", 1 / sqrt(2.0 * cfg.model.text.width) },
        { "ln_final.weight", 1 },
        { "ln_final.bias", 0 },
    };
    for (size_t i = 0; i < WIT_COUNT_OF(expected); i++) {
        const float *x = wit_trainer_parameter(t, expected[i].name, &n);
        assert_non_null(x);
        const double got = deviation_of(x, n);
        if (fabs(got - expected[i].deviation) > 0.05 * expected[i].deviation)
            fail_msg("%s deviates by %g, not %g", expected[i].name, got, expected[i].deviation);
        assert_memory_equal(x, wit_trainer_parameter(again, expected[i].name, &n),
                            n * sizeof(float));
    }
    wit_trainer_init(again, 12);
    assert_memory_not_equal(wit_trainer_parameter(t, "visual.proj", &n),
                            wit_trainer_parameter(again, "visual.proj", &n), n * sizeof(float));
    wit_trainer_destroy(t);
    wit_trainer_destroy(again);
}

static void test_schedule(void **state) {
    assert_true(fabs(wit_trainer_schedule(2, 0, 4, 12) - 0.5) < 1e-15);
    assert_true(fabs(wit_trainer_schedule(2, 3, 4, 12) - 2) < 1e-15);
    assert_true(fabs(wit_trainer_schedule(2, 4, 4, 12) - 2) < 1e-15);
    assert_true(fabs(wit_trainer_schedule(2, 8, 4, 12) - 1) < 1e-15);
    assert_true(wit_trainer_schedule(2, 12, 4, 12) == 0);
    assert_true(wit_trainer_schedule(2, 0, 0, 5) == 2);
    assert_true(wit_trainer_schedule(2, 2, 9, 5) == 2 * 3 / 9.0); /* stops while warming up */
}

/* ---- gradients ------------------------------------------------------------------------------- */

/* For each parameter a direction d of length 1: the slope of the loss along it, measured by
 * differences, must be the gradient times d. Tensors are float32, so h can't be very small. */
static void test_finite_differences(void **state) {
    enum { BATCH = 6 };
    for (int quick = 0; quick < 2; quick++) {
        struct wit_trainer_config cfg = wit_trainer_config_default();
        struct wit_trainer *t = NULL;
        float *images;
        int32_t *tokens;
        double loss;
        struct wit_random dice;
        struct model m;
        cfg.model = case_model(quick);
        cfg.batch = BATCH;
        cfg.backend = "ref";
        wit_random_init(&dice, seed, 2, (uint64_t)quick);
        case_batch(&cfg.model, BATCH, seed, &images, &tokens);
        must(wit_trainer_create(&cfg, &t, &err));
        must(model_create(&cfg.model, &m, &err));
        wit_trainer_init(t, seed);
        for (size_t i = 0; i < m.count; i++) { /* away from the zeros and ones of the start */
            size_t n;
            float *p = wit_trainer_parameter(t, m.params[i].name, &n);
            for (size_t j = 0; j < n; j++)
                p[j] += (float)(0.1 * wit_random_normal(&dice));
        }
        must(wit_trainer_forward(t, images, tokens, &loss, &err));
        wit_trainer_backward(t);
        for (size_t i = 0; i < m.count; i++) {
            size_t n;
            float *p = wit_trainer_parameter(t, m.params[i].name, &n);
            const float *g = wit_trainer_gradient(t, m.params[i].name, &n);
            float *was = malloc(n * sizeof(*was)), *d = malloc(n * sizeof(*d));
            assert_true(was && d);
            double slope = 0, length = 0;
            /* Half along the gradient, so that the slope is far from 0. */
            for (size_t j = 0; j < n; j++) {
                d[j] = (float)(g[j] / (deviation_of(g, n) + 1e-12) + wit_random_normal(&dice));
                length += (double)d[j] * d[j];
            }
            for (size_t j = 0; j < n; j++) {
                d[j] = (float)(d[j] / sqrt(length));
                slope += (double)g[j] * d[j];
            }
            /* Four points: (8 (L(h) - L(-h)) - (L(2h) - L(-2h))) / 12h, the error is of order h^4.
             */
            static const double steps[] = { 1, -1, 2, -2 }, weights[] = { 8, -8, -1, 1 };
            const double h = 1e-3;
            double measured = 0;
            memcpy(was, p, n * sizeof(*p));
            for (size_t k = 0; k < WIT_COUNT_OF(steps); k++) {
                for (size_t j = 0; j < n; j++)
                    p[j] = (float)(was[j] + steps[k] * h * d[j]);
                must(wit_trainer_forward(t, images, tokens, &loss, &err));
                measured += weights[k] * loss / (12 * h);
            }
            memcpy(p, was, n * sizeof(*p));
            if (!(fabs(measured - slope) <= 2e-3 * fabs(slope) + 1e-3))
                fail_msg("%s: slope %g, measured %g (seed %llu)", m.params[i].name, slope, measured,
                         (unsigned long long)seed);
            free(was);
            free(d);
        }
        model_finish(&m);
        wit_trainer_destroy(t);
        free(images);
        free(tokens);
    }
}

/* Loss and all gradients of one pass, for comparison. */
struct pass {
    double loss;
    float *grads;
    size_t count;
};

static struct pass run_pass(struct wit_trainer_config cfg, uint64_t weights) {
    struct pass p = { 0 };
    struct wit_trainer *t = NULL;
    struct model m;
    float *images;
    int32_t *tokens;
    case_batch(&cfg.model, cfg.batch, seed, &images, &tokens);
    must(wit_trainer_create(&cfg, &t, &err));
    must(model_create(&cfg.model, &m, &err));
    wit_trainer_init(t, weights);
    must(wit_trainer_forward(t, images, tokens, &p.loss, &err));
    wit_trainer_backward(t);
    p.grads = malloc(m.numbers * sizeof(*p.grads));
    assert_non_null(p.grads);
    for (size_t i = 0; i < m.count; i++) {
        size_t n;
        const float *g = wit_trainer_gradient(t, m.params[i].name, &n);
        memcpy(p.grads + p.count, g, n * sizeof(*g));
        p.count += n;
    }
    model_finish(&m);
    wit_trainer_destroy(t);
    free(images);
    free(tokens);
    return p;
}

static void assert_passes_near(struct pass *a, struct pass *b, double bound) {
    double difference = 0, truth = 0;
    assert_true(fabs(a->loss - b->loss) <= bound);
    for (size_t i = 0; i < a->count; i++) {
        difference += ((double)a->grads[i] - b->grads[i]) * ((double)a->grads[i] - b->grads[i]);
        truth += (double)b->grads[i] * b->grads[i];
    }
    assert_true(truth > 0);
    if (!(sqrt(difference / truth) <= bound))
        fail_msg("gradients differ by %g (seed %llu)", sqrt(difference / truth),
                 (unsigned long long)seed);
    free(a->grads);
    free(b->grads);
}

/* Text behind the end token changes nothing: neither the padding nor other words. */
static void test_text_behind_end(void **state) {
    static const char *const backends[] = { "ref", "cpu" };
    for (size_t i = 0; i < WIT_COUNT_OF(backends); i++) {
        struct wit_trainer_config cfg = wit_trainer_config_default();
        cfg.model = case_model(true);
        cfg.batch = 7;
        cfg.backend = backends[i];
        struct pass cut = run_pass(cfg, 5);
        cfg.whole_text = true;
        struct pass whole = run_pass(cfg, 5);
        assert_passes_near(&cut, &whole, 2e-6);
    }
}

static void test_backends_agree(void **state) {
    struct wit_trainer_config cfg = wit_trainer_config_default();
    cfg.model = case_model(false);
    cfg.batch = 9;
    struct pass cpu = run_pass(cfg, 6);
    cfg.backend = "ref";
    struct pass ref = run_pass(cfg, 6);
    assert_passes_near(&cpu, &ref, 5e-5);
}

static void test_threads_same_bits(void **state) {
    struct wit_trainer_config cfg = wit_trainer_config_default();
    cfg.model = case_model(true);
    cfg.batch = 140; /* more than a tile of the loss */
    cfg.threads = 1;
    struct pass one = run_pass(cfg, 7);
    for (cfg.threads = 2; cfg.threads < 6; cfg.threads++) {
        struct pass more = run_pass(cfg, 7);
        assert_true(one.loss == more.loss);
        assert_memory_equal(one.grads, more.grads, one.count * sizeof(float));
        free(more.grads);
    }
    free(one.grads);
}

static void test_refusals(void **state) {
    struct wit_trainer_config cfg = wit_trainer_config_default();
    struct wit_trainer *t = NULL;
    float *images;
    int32_t *tokens;
    double loss = -1;
    cfg.model = case_model(true);
    cfg.backend = "abacus";
    assert_int_equal(wit_trainer_create(&cfg, &t, &err), WIT_EUNSUPPORTED);
    cfg.backend = "ref";
    cfg.batch = 0;
    assert_int_equal(wit_trainer_create(&cfg, &t, &err), WIT_EINVAL);
    cfg.batch = 1 << 20;
    cfg.model.vision.image_size = 4096;
    cfg.model.vision.patch_size = 1;
    assert_int_equal(wit_trainer_create(&cfg, &t, &err), WIT_ELIMIT);
    assert_null(t);
    cfg.model = case_model(true);
    cfg.batch = 2;
    must(wit_trainer_create(&cfg, &t, &err));
    case_batch(&cfg.model, 2, 1, &images, &tokens);
    tokens[3] = (int32_t)cfg.model.text.vocab_size;
    assert_int_equal(wit_trainer_forward(t, images, tokens, &loss, &err), WIT_EINVAL);
    assert_non_null(strstr(err.text, "token 3 of sample 0"));
    tokens[3] = -1;
    assert_int_equal(wit_trainer_forward(t, images, tokens, &loss, &err), WIT_EINVAL);
    assert_true(loss == -1);
    wit_trainer_destroy(t);
    wit_trainer_destroy(NULL);
    free(images);
    free(tokens);
}

/* 32 pairs are learnt by heart: loss from about ln 32 to less than 0.05. */
static void test_learns(void **state) {
    enum { BATCH = 32, STEPS = 250 };
    struct wit_trainer_config cfg = wit_trainer_config_default();
    struct wit_trainer *t = NULL;
    float *images;
    int32_t *tokens;
    double loss, first = 0;
    cfg.model = case_model(true);
    cfg.model.text.vocab_size = 400;
    cfg.model.text.context_length = 12;
    cfg.model.embed_dim = 32;
    cfg.model.vision.width = 45;
    cfg.model.text.width = 32;
    cfg.batch = BATCH;
    cfg.threads = 2;
    case_batch(&cfg.model, BATCH, 4, &images, &tokens);
    must(wit_trainer_create(&cfg, &t, &err));
    wit_trainer_init(t, 4);
    for (uint64_t step = 0; step < STEPS; step++) {
        must(wit_trainer_forward(t, images, tokens, &loss, &err));
        if (step == 0)
            first = loss;
        wit_trainer_backward(t);
        wit_trainer_update(t, wit_trainer_schedule(3e-3, step, 20, STEPS));
    }
    must(wit_trainer_forward(t, images, tokens, &loss, &err));
    print_message("loss %.3f -> %.4f\n", first, loss);
    assert_true(fabs(first - log(BATCH)) < 1);
    assert_true(loss < 0.05);
    wit_trainer_destroy(t);
    free(images);
    free(tokens);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_planner),
        cmocka_unit_test(test_tape_memory),
        cmocka_unit_test(test_model_sizes),
        cmocka_unit_test(test_model_config),
        cmocka_unit_test(test_initial_weights),
        cmocka_unit_test(test_schedule),
        cmocka_unit_test(test_finite_differences),
        cmocka_unit_test(test_text_behind_end),
        cmocka_unit_test(test_backends_agree),
        cmocka_unit_test(test_threads_same_bits),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_learns),
    };
    if (argc > 1)
        seed = strtoull(argv[1], NULL, 10);
    print_message("seed %llu\n", (unsigned long long)seed);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
