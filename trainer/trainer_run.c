/* trainer_run.c: the training job: batches in, steps, checkpoints; see wit_trainer.h. */
#include "checkpoint.h"

#include "wit_loader.h"

#include <math.h>
#include <stdlib.h>

struct wit_trainer_run_config wit_trainer_run_config_default(void) {
    return (struct wit_trainer_run_config){
        .trainer = wit_trainer_config_default(), .steps = 1000, .warmup = 100, .lr = 5e-4, .keep = 2
    };
}

/* ---- batches from a dataset ------------------------------------------------------------------ */

struct feed {
    struct wit_loader_config cfg;
    struct wit_loader *loader;
    struct wit_loader_batch batch;
    bool held;
    char hash[WIT_HASH128_HEX];
};

static int feed_open(void *user, uint64_t position, struct wit_error *err) {
    struct feed *f = user;
    f->cfg.start_position = position;
    return wit_loader_create(&f->cfg, &f->loader, err);
}

static int feed_next(void *user, struct wit_trainer_batch *out, struct wit_error *err) {
    struct feed *f = user;
    if (f->held)
        wit_loader_batch_release(f->loader, &f->batch);
    f->held = false;
    int st = wit_loader_batch_next(f->loader, &f->batch, err);
    if (st < 0)
        return st;
    f->held = true;
    *out = (struct wit_trainer_batch){ f->batch.images_f32, f->batch.tokens };
    return 0;
}

static void feed_close(void *user) {
    struct feed *f = user;
    if (f->held)
        wit_loader_batch_release(f->loader, &f->batch);
    wit_loader_destroy(f->loader);
    f->loader = NULL;
    f->held = false;
}

static int feed_init(struct feed *f, const struct wit_trainer_run_config *cfg,
                     struct wit_trainer_source *out, struct wit_error *err) {
    struct wit_shards_dataset *ds = NULL;
    if (!cfg->dataset || !cfg->vocab)
        return wit_error_set(err, WIT_EINVAL, "training wants a dataset and a vocabulary");
    int st = wit_shards_dataset_open(cfg->dataset, NULL, &ds, err);
    if (st < 0)
        return st;
    wit_hash128_to_hex(wit_shards_dataset_hash(ds), f->hash);
    wit_shards_dataset_close(ds);
    f->cfg = wit_loader_config_default();
    f->cfg.dir = cfg->dataset;
    f->cfg.vocab = cfg->vocab;
    f->cfg.batch_size = (uint32_t)cfg->trainer.batch;
    f->cfg.image_size = (uint32_t)cfg->trainer.model.vision.image_size;
    f->cfg.context = (uint32_t)cfg->trainer.model.text.context_length;
    f->cfg.seed = cfg->seed;
    f->cfg.threads = cfg->trainer.threads;
    *out = (struct wit_trainer_source){ f, feed_open, feed_next, feed_close, f->hash };
    return 0;
}

/* ---- the run --------------------------------------------------------------------------------- */

struct run {
    const struct wit_trainer_run_config *cfg;
    struct wit_trainer *trainer;
    struct wit_trainer_source source;
    struct checkpoint_state state;
    struct wit_trainer_run_report report;
    uint64_t started_ns, waited_ns; /* since the first step; for batches */
};

static struct checkpoint_state state_of(const struct wit_trainer_run_config *cfg,
                                        const char *hash) {
    struct checkpoint_state s = { .batch = (uint64_t)cfg->trainer.batch,
                                  .steps = cfg->steps,
                                  .warmup = cfg->warmup,
                                  .seed = cfg->seed,
                                  .lr = cfg->lr,
                                  .beta1 = cfg->trainer.beta1,
                                  .beta2 = cfg->trainer.beta2,
                                  .epsilon = cfg->trainer.epsilon,
                                  .weight_decay = cfg->trainer.weight_decay };
    snprintf(s.dataset_hash, sizeof(s.dataset_hash), "%s", hash);
    return s;
}

/* A run goes on only as what it was: otherwise its result would be neither one nor the other. */
static int check_same(const struct checkpoint_state *was, const struct checkpoint_state *is,
                      struct wit_error *err) {
    const struct {
        const char *name;
        double was, is;
    } settings[] = {
        { "batch", (double)was->batch, (double)is->batch },
        { "steps", (double)was->steps, (double)is->steps },
        { "warm-up", (double)was->warmup, (double)is->warmup },
        { "lr", was->lr, is->lr },
        { "beta1", was->beta1, is->beta1 },
        { "beta2", was->beta2, is->beta2 },
        { "epsilon", was->epsilon, is->epsilon },
        { "weight decay", was->weight_decay, is->weight_decay },
    };
    if (strcmp(was->dataset_hash, is->dataset_hash) != 0)
        return wit_error_set(err, WIT_EINVAL, "its dataset's hash is %s, this one's is %s",
                             was->dataset_hash, is->dataset_hash);
    if (was->seed != is->seed)
        return wit_error_set(err, WIT_EINVAL, "its seed is %llu, not %llu",
                             (unsigned long long)was->seed, (unsigned long long)is->seed);
    for (size_t i = 0; i < WIT_COUNT_OF(settings); i++) {
        if (settings[i].was != settings[i].is)
            return wit_error_set(err, WIT_EINVAL, "its %s is %.17g, not %.17g", settings[i].name,
                                 settings[i].was, settings[i].is);
    }
    return 0;
}

static int begin(struct run *r, struct wit_error *err) {
    const struct wit_trainer_run_config *cfg = r->cfg;
    const struct checkpoint_state fresh = state_of(cfg, r->source.hash);
    int st = wit_dir_make(cfg->out, err);
    if (st == 0)
        st = checkpoint_clean(cfg->out, err);
    if (st < 0)
        return st;
    r->state = fresh;
    st = checkpoint_load_newest(cfg->out, r->trainer, &r->state, r->report.checkpoint, err);
    if (st < 0)
        return st;
    if (st == 0) {
        wit_trainer_init(r->trainer, cfg->seed);
        return 0;
    }
    if (!cfg->resume)
        return wit_error_set(err, WIT_EEXIST,
                             "'%s' holds a run already: resume it, or choose another directory",
                             cfg->out);
    st = check_same(&r->state, &fresh, err);
    if (st < 0)
        wit_error_wrap(err, "cannot go on from '%s'", r->report.checkpoint);
    r->report.resumed_at = r->state.step;
    return st;
}

static int step(struct run *r, struct wit_error *err) {
    const struct wit_trainer_run_config *cfg = r->cfg;
    struct checkpoint_state *s = &r->state;
    struct wit_trainer_batch batch;
    double loss;
    const uint64_t before = wit_clock_ns();
    int st = r->source.next(r->source.user, &batch, err);
    r->waited_ns += wit_clock_ns() - before;
    if (st < 0)
        return st;
    st = wit_trainer_forward(r->trainer, batch.images, batch.tokens, &loss, err);
    if (st < 0)
        return st;
    if (!isfinite(loss))
        return wit_error_set(err, WIT_EINTERNAL,
                             "the loss of step %llu is %f: try a lower learning rate or a longer "
                             "warm-up",
                             (unsigned long long)s->step + 1, loss);
    wit_trainer_backward(r->trainer);
    const double lr = wit_trainer_schedule(cfg->lr, s->step, cfg->warmup, cfg->steps);
    wit_trainer_update(r->trainer, lr);
    if (s->step < CHECKPOINT_EDGE)
        s->first[s->step] = loss;
    s->last[s->step % CHECKPOINT_EDGE] = loss;
    s->step++;
    s->position += s->batch;
    r->report.samples += s->batch;
    if (cfg->progress) {
        const double elapsed_s = (double)(wit_clock_ns() - r->started_ns) / 1e9;
        const struct wit_trainer_progress p = {
            .step = s->step,
            .steps = cfg->steps,
            .loss = loss,
            .lr = lr,
            .logit_scale = exp(wit_trainer_logit_scale(r->trainer)),
            .samples_per_s = elapsed_s > 0 ? (double)r->report.samples / elapsed_s : 0,
        };
        cfg->progress(cfg->user, &p);
    }
    return 0;
}

static int save(struct run *r, struct wit_error *err) {
    return checkpoint_save(r->cfg->out, r->trainer, &r->state, r->cfg->keep ? r->cfg->keep : 1,
                           r->report.checkpoint, err);
}

static bool interrupted(const struct run *r) {
    return r->cfg->interrupt && *r->cfg->interrupt;
}

static int all_steps(struct run *r, struct wit_error *err) {
    const struct wit_trainer_run_config *cfg = r->cfg;
    int st = 0;
    r->started_ns = wit_clock_ns();
    while (st == 0 && r->state.step < cfg->steps && !interrupted(r)) {
        st = step(r, err);
        if (st == 0 && cfg->save_every && r->state.step % cfg->save_every == 0)
            st = save(r, err);
    }
    const double elapsed_s = (double)(wit_clock_ns() - r->started_ns) / 1e9;
    if (r->report.samples > 0 && elapsed_s > 0) {
        r->report.samples_per_s = (double)r->report.samples / elapsed_s;
        r->report.starved_share = (double)r->waited_ns / 1e9 / elapsed_s;
    }
    if (st == 0)
        st = save(r, err);
    if (st == 0 && r->state.step < cfg->steps)
        st = wit_error_set(err, WIT_ECANCELED,
                           "interrupted after step %llu of %llu; '%s' goes on from there",
                           (unsigned long long)r->state.step, (unsigned long long)cfg->steps,
                           r->report.checkpoint);
    return st;
}

static double mean(const double *losses, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += losses[i];
    return n ? sum / (double)n : 0;
}

int wit_trainer_run(const struct wit_trainer_run_config *cfg, struct wit_trainer_run_report *report,
                    struct wit_error *err) {
    struct run r = { .cfg = cfg };
    struct feed feed = { .held = false };
    bool open = false;
    int st = 0;
    if (!cfg->out || cfg->steps == 0 || cfg->steps > INT64_MAX || cfg->seed > INT64_MAX ||
        cfg->warmup > INT64_MAX || !(cfg->lr > 0) || cfg->trainer.batch < 2)
        return wit_error_set(err, WIT_EINVAL,
                             "training wants a directory for checkpoints, a step or more, a "
                             "learning rate above 0, a batch of 2 or more, and seed, steps and "
                             "warm-up below 2^63");
    if (cfg->source)
        r.source = *cfg->source;
    else
        st = feed_init(&feed, cfg, &r.source, err);
    if (st == 0)
        st = wit_trainer_create(&cfg->trainer, &r.trainer, err);
    if (st == 0)
        st = begin(&r, err);
    if (st < 0)
        goto out;
    if (r.state.step < cfg->steps) {
        st = r.source.open(r.source.user, r.state.position, err);
        open = st == 0;
        if (st == 0)
            st = all_steps(&r, err);
    }
    const size_t edge = r.state.step < CHECKPOINT_EDGE ? (size_t)r.state.step : CHECKPOINT_EDGE;
    r.report.steps = r.state.step;
    r.report.first_loss = mean(r.state.first, edge);
    r.report.last_loss = mean(r.state.last, edge);
    r.report.edge_steps = edge;
    r.report.parameters = wit_trainer_parameters(r.trainer);
    if (st == 0 || st == WIT_ECANCELED)
        *report = r.report;
out:
    if (open)
        r.source.close(r.source.user);
    wit_trainer_destroy(r.trainer);
    return st;
}
