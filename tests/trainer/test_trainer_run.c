/*
 * test_trainer_run.c: the training job over steps, checkpoints, interruptions and kills. What comes
 * out must be the same to the byte, however often it was stopped.
 */
#include "trainer_cases.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BATCH = 6, STEPS = 6 };

static struct wit_error err;

static void must(int st) {
    if (st < 0)
        print_error("%s\n", err.text);
    assert_true(st >= 0);
}

/* A run on the made-up source, told when to stop. */
struct job {
    struct wit_trainer_run_config cfg;
    struct case_source data;
    struct wit_trainer_source source;
    struct wit_trainer_run_report report;
    volatile int flag;
    uint64_t interrupt_after, kill_after; /* steps; 0: never */
    uint64_t seen;                        /* last step that was reported */
};

static void on_step(void *user, const struct wit_trainer_progress *p) {
    struct job *j = user;
    assert_true(isfinite(p->loss) && p->logit_scale >= 1 && p->logit_scale <= 100.001);
    j->seen = p->step;
    if (p->step == j->interrupt_after)
        j->flag = 1;
    if (p->step == j->kill_after)
        kill(getpid(), SIGKILL);
}

static void job_init(struct job *j, const char *out) {
    *j = (struct job){ .cfg = wit_trainer_run_config_default() };
    j->data = (struct case_source){ .model = case_model(true), .batch = BATCH, .distinct = 10 };
    j->source = case_source_of(&j->data);
    j->cfg.source = &j->source;
    j->cfg.trainer.model = j->data.model;
    j->cfg.trainer.batch = BATCH;
    j->cfg.trainer.threads = 2;
    j->cfg.out = out;
    j->cfg.steps = STEPS;
    j->cfg.warmup = 2;
    j->cfg.lr = 1e-3;
    j->cfg.seed = 5;
    j->cfg.interrupt = &j->flag;
    j->cfg.progress = on_step;
    j->cfg.user = j;
}

static int job_run(struct job *j) {
    return wit_trainer_run(&j->cfg, &j->report, &err);
}

/* The uninterrupted run that the others are compared with. */
static void straight(const char *out) {
    struct job j;
    job_init(&j, out);
    must(job_run(&j));
    assert_int_equal(j.report.steps, STEPS);
    assert_int_equal(j.report.samples, STEPS * BATCH);
    assert_int_equal(j.report.edge_steps, STEPS);
    assert_true(j.report.first_loss > 0 && j.report.last_loss > 0);
}

static void join(char path[WIT_PATH_MAX], const char *dir, const char *name) {
    assert_int_equal(wit_path_join(path, dir, name), 0);
}

static void assert_same_end(const char *a, const char *b) {
    char x[WIT_PATH_MAX], y[WIT_PATH_MAX];
    join(x, a, "step-00000006");
    join(y, b, "step-00000006");
    assert_true(wit_file_exists(x));
    assert_true(case_dirs_equal(x, y));
}

struct dirs {
    char top[WIT_PATH_MAX], a[WIT_PATH_MAX], b[WIT_PATH_MAX];
};

static void dirs_make(struct dirs *d) {
    case_dir_make(d->top);
    join(d->a, d->top, "a");
    join(d->b, d->top, "b");
}

static void test_resume_is_exact(void **state) {
    struct dirs d;
    dirs_make(&d);
    straight(d.a);
    for (uint64_t stop = 1; stop < STEPS; stop++) {
        struct job j;
        job_init(&j, d.b);
        j.interrupt_after = stop;
        assert_int_equal(job_run(&j), WIT_ECANCELED);
        assert_int_equal(j.report.steps, stop);
        job_init(&j, d.b);
        j.cfg.resume = true;
        j.cfg.trainer.threads = 1 + (unsigned)stop % 3; /* their number does not matter either */
        must(job_run(&j));
        assert_int_equal(j.report.resumed_at, stop);
        assert_int_equal(j.report.samples, (STEPS - stop) * BATCH);
        assert_same_end(d.a, d.b);
        must(wit_dir_remove(d.b, &err));
    }
    case_dir_remove(d.top);
}

/* Ended by kill -9 after any step, with a checkpoint at each: nothing is lost or doubled. */
static void test_kill_is_survived(void **state) {
    struct dirs d;
    dirs_make(&d);
    straight(d.a);
    for (uint64_t stop = 1; stop <= STEPS; stop++) {
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            struct job j;
            job_init(&j, d.b);
            j.cfg.save_every = 1;
            j.cfg.resume = true;
            j.kill_after = stop;
            (void)job_run(&j);
            _exit(1);
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        /* And in the middle of writing: an attempt that nobody finished. */
        char attempt[WIT_PATH_MAX], file[WIT_PATH_MAX];
        join(attempt, d.b, ".attempt-00000099");
        join(file, attempt, "model.safetensors");
        must(wit_dir_make(attempt, &err));
        must(wit_file_write_atomic(file, WIT_STR("half"), &err));
    }
    struct job j;
    job_init(&j, d.b);
    j.cfg.resume = true;
    must(job_run(&j));
    assert_int_equal(j.report.resumed_at, STEPS - 1);
    assert_same_end(d.a, d.b);
    struct wit_strings names;
    must(wit_dir_list(d.b, &names, &err));
    assert_int_equal(names.count, 2); /* keep */
    wit_strings_finish(&names);
    /* Once more: there is nothing left to do, and it says what came out. */
    struct wit_trainer_run_report before = j.report;
    must(job_run(&j));
    assert_int_equal(j.report.samples, 0);
    assert_true(j.report.last_loss == before.last_loss && j.report.first_loss == before.first_loss);
    case_dir_remove(d.top);
}

static void test_a_run_stays_what_it_was(void **state) {
    struct dirs d;
    struct job j;
    dirs_make(&d);
    job_init(&j, d.a);
    j.interrupt_after = 2;
    assert_int_equal(job_run(&j), WIT_ECANCELED);
    job_init(&j, d.a);
    assert_int_equal(job_run(&j), WIT_EEXIST);
    j.cfg.resume = true;
    j.cfg.lr = 2e-3;
    assert_int_equal(job_run(&j), WIT_EINVAL);
    assert_non_null(strstr(err.text, "its lr is 0.001"));
    job_init(&j, d.a);
    j.cfg.resume = true;
    j.cfg.seed = 6;
    assert_int_equal(job_run(&j), WIT_EINVAL);
    job_init(&j, d.a);
    j.cfg.resume = true;
    j.source.hash = "another";
    assert_int_equal(job_run(&j), WIT_EINVAL);
    assert_non_null(strstr(err.text, "another"));
    job_init(&j, d.a);
    j.cfg.resume = true;
    j.cfg.trainer.model = j.data.model = case_model(false);
    assert_int_equal(job_run(&j), WIT_EINVAL);
    assert_non_null(strstr(err.text, "another model"));
    case_dir_remove(d.top);
}

/* A damaged checkpoint is named, not trained on. */
static void test_damaged_checkpoint(void **state) {
    static const char *const files[] = { "model.safetensors", "optimizer.safetensors", "state.json",
                                         "open_clip_config.json" };
    struct dirs d;
    struct job j;
    dirs_make(&d);
    for (size_t i = 0; i < 2 * WIT_COUNT_OF(files); i++) {
        char path[WIT_PATH_MAX], dir[WIT_PATH_MAX];
        struct wit_buf bytes = WIT_BUF_INIT(1 << 24);
        job_init(&j, d.a);
        j.interrupt_after = 2;
        assert_int_equal(job_run(&j), WIT_ECANCELED);
        join(dir, d.a, "step-00000002");
        join(path, dir, files[i / 2]);
        must(wit_file_read(path, &bytes, &err));
        if (i % 2)
            assert_int_equal(unlink(path), 0);
        else
            must(wit_file_write_atomic(path, wit_str_of(bytes.data, bytes.len / 2), &err));
        job_init(&j, d.a);
        j.cfg.resume = true;
        assert_true(job_run(&j) < 0);
        assert_non_null(strstr(err.text, files[i / 2]));
        wit_buf_finish(&bytes);
        must(wit_dir_remove(d.a, &err));
    }
    case_dir_remove(d.top);
}

static int failing_next(void *user, struct wit_trainer_batch *out, struct wit_error *e) {
    return wit_error_set(e, WIT_ECORRUPT, "shard 3 is damaged");
}

static void test_failures(void **state) {
    struct dirs d;
    struct job j;
    dirs_make(&d);
    job_init(&j, d.a);
    j.source.next = failing_next;
    assert_int_equal(job_run(&j), WIT_ECORRUPT);
    assert_string_equal(err.text, "shard 3 is damaged");
    job_init(&j, d.a);
    j.cfg.lr = 1e30;
    j.cfg.warmup = 0;
    assert_int_equal(job_run(&j), WIT_EINTERNAL);
    assert_non_null(strstr(err.text, "learning rate"));
    job_init(&j, d.a);
    j.cfg.source = NULL;
    assert_int_equal(job_run(&j), WIT_EINVAL);
    job_init(&j, d.a);
    j.cfg.steps = 0;
    assert_int_equal(job_run(&j), WIT_EINVAL);
    job_init(&j, "/proc/no such place");
    assert_true(job_run(&j) < 0);
    case_dir_remove(d.top);
}

/* What was saved is what open_clip calls its parameters, and can be read back. */
static void test_checkpoint_loads(void **state) {
    struct dirs d;
    struct wit_trainer_config cfg = wit_trainer_config_default();
    struct wit_trainer *t = NULL;
    char dir[WIT_PATH_MAX], path[WIT_PATH_MAX];
    size_t n;
    dirs_make(&d);
    straight(d.a);
    join(dir, d.a, "step-00000006");
    join(path, dir, "open_clip_config.json");
    must(wit_trainer_model_find(path, &cfg.model, &err));
    assert_int_equal(cfg.model.vision.head_width, 5);
    assert_true(cfg.model.quick_gelu);
    cfg.batch = 2;
    cfg.backend = "ref";
    must(wit_trainer_create(&cfg, &t, &err));
    join(path, dir, "model.safetensors");
    must(wit_trainer_load(t, path, &err));
    assert_true(wit_trainer_parameter(t, "visual.proj", &n)[0] != 0);
    assert_int_equal(n, 15 * 9);
    wit_trainer_destroy(t);
    case_dir_remove(d.top);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resume_is_exact),
        cmocka_unit_test(test_kill_is_survived),
        cmocka_unit_test(test_a_run_stays_what_it_was),
        cmocka_unit_test(test_damaged_checkpoint),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_checkpoint_loads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
