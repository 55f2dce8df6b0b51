/*
 * wit_trainer.h: train CLIP models (Radford et al. 2021, arXiv 2103.00020): an image tower, a text
 * tower and the symmetric contrastive loss over a batch of image-text pairs.
 *
 * A model is a static tape of operations, built once for a batch size; a planner gives every
 * tensor its place in one arena; a backend computes the operations: `ref` is plain loops in
 * double precision, `cpu` is oneDNN's (or OpenBLAS's) matrix products and threaded kernels. A
 * step allocates nothing.
 * Parameters have open_clip's names and shapes, so its checkpoints and ours are one format.
 *
 *     struct wit_trainer_run_config cfg = wit_trainer_run_config_default();
 *     struct wit_trainer_run_report report;
 *     struct wit_error err = WIT_ERROR_INIT;
 *     cfg.dataset = "data";
 *     cfg.vocab = "bpe_simple_vocab_16e6.txt.gz";
 *     cfg.out = "model";
 *     if (wit_trainer_model_find("demo", &cfg.trainer.model, &err) < 0 ||
 *         wit_trainer_run(&cfg, &report, &err) < 0)
 *         return fprintf(stderr, "%s\n", err.text), 1;
 *     printf("loss %.3f -> %.3f in %s\n", report.first_loss, report.last_loss, report.checkpoint);
 *
 * Threads: one trainer object belongs to one thread at a time; it starts its own workers.
 */
#ifndef WIT_TRAINER_H
#define WIT_TRAINER_H

#include "base/wit_base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- models --------------------------------------------------------------------------------- */

/* Shape of a model: open_clip's configuration. Heads of the image tower: width / head_width. */
struct wit_trainer_model {
    int64_t embed_dim;
    bool quick_gelu; /* x * sigmoid(1.702 x) instead of the exact GELU */
    struct {
        int64_t image_size, patch_size; /* px; image_size is a multiple of patch_size */
        int64_t width, layers, head_width;
    } vision;
    struct {
        int64_t context_length, vocab_size;
        int64_t width, heads, layers;
    } text;
};

/* A preset ("ViT-B-32", "ViT-B-16", "ViT-L-14", "ViT-L-14-336", "demo") or the path of a JSON file
 * with open_clip's keys. WIT_ENOTFOUND, WIT_EFORMAT, WIT_ELIMIT (absurd sizes),
 * WIT_EUNSUPPORTED (a ResNet image tower). */
int wit_trainer_model_find(const char *name_or_path, struct wit_trainer_model *out,
                           struct wit_error *err);
/* The same from a parsed object {"embed_dim": ..., "vision_cfg": {...}, "text_cfg": {...}};
 * `name` begins the sentence of an error. */
int wit_trainer_model_parse(const struct wit_json *config, const char *name,
                            struct wit_trainer_model *out, struct wit_error *err);
/* Name of the index-th preset, NULL behind the last. */
const char *wit_trainer_model_preset(size_t index);

/* ---- one model, step by step ---------------------------------------------------------------- */

struct wit_trainer_config {
    struct wit_trainer_model model;
    int64_t batch;       /* pairs in a batch */
    const char *backend; /* "cpu" or "ref" */
    unsigned threads;    /* 0: one for each processor; `ref` uses one */
    bool whole_text;     /* also compute what stands behind the end token (it changes nothing) */
    bool keep_tensors;   /* every activation keeps its own memory: for wit_trainer_tensor */
    /* AdamW, as open_clip: decay where a parameter has two dimensions or more and its name has
     * none of bn, ln, bias, logit_scale. */
    double beta1, beta2, epsilon, weight_decay;
};

/* batch 64, backend cpu, threads 0, betas 0.9 and 0.98, epsilon 1e-6, weight decay 0.2. */
struct wit_trainer_config wit_trainer_config_default(void);

struct wit_trainer;

/* *out stays untouched on failure. Parameters are zero until _init or _load. WIT_EINVAL,
 * WIT_ELIMIT, WIT_ENOMEM, WIT_EUNSUPPORTED (a backend this build does not have). */
int wit_trainer_create(const struct wit_trainer_config *cfg, struct wit_trainer **out,
                       struct wit_error *err);
void wit_trainer_destroy(struct wit_trainer *t);

/* Initial weights, as open_clip draws them (distributions, not its random numbers): a pure function
 * of seed and names. Moments and step become zero. */
void wit_trainer_init(struct wit_trainer *t, uint64_t seed);
/* Parameters from a safetensors file with open_clip's names (F32). Other tensors in it are
 * ignored. Moments and step become zero. */
int wit_trainer_load(struct wit_trainer *t, const char *path, struct wit_error *err);

/* Towers and loss. images: (batch, 3, size, size) float32, normalised; tokens: (batch,
 * context_length) int32, the end token being the largest id of a row. Both are borrowed until
 * _backward returns. *loss: mean of the two cross-entropies, nats. WIT_EINVAL (a token outside the
 * vocabulary: err names it). */
int wit_trainer_forward(struct wit_trainer *t, const float *images, const int32_t *tokens,
                        double *loss, struct wit_error *err);
/* Gradients of the last forward pass's loss, every parameter. */
void wit_trainer_backward(struct wit_trainer *t);
/* One AdamW step with these gradients; then logit_scale is clamped to [0, ln 100]. */
void wit_trainer_update(struct wit_trainer *t, double lr);

/* lr of a step (from 0): base * (step + 1) / warmup during the warm-up, then half a cosine from
 * base down to 0 at `total`. Source: open_clip's scheduler. */
double wit_trainer_schedule(double base, uint64_t step, uint64_t warmup, uint64_t total);

uint64_t wit_trainer_steps(const struct wit_trainer *t);     /* updates so far */
double wit_trainer_logit_scale(const struct wit_trainer *t); /* the log */
size_t wit_trainer_arena_bytes(const struct wit_trainer *t);
size_t wit_trainer_parameters(const struct wit_trainer *t); /* numbers in all parameters */

/* A parameter, its gradient, or (with keep_tensors) an activation by name, borrowed until the
 * trainer dies. Activations: "image_features", "text_features" (batch, embed_dim; unit rows),
 * "image_features_raw", "text_features_raw", and (rows, width) with the rows of all samples behind
 * one another: "visual.ln_pre", "visual.transformer.resblocks.0", ... The text tower's rows end at
 * each end token unless whole_text is set. NULL: there is none of this name. */
float *wit_trainer_parameter(struct wit_trainer *t, const char *name, size_t *count);
const float *wit_trainer_gradient(const struct wit_trainer *t, const char *name, size_t *count);
const float *wit_trainer_tensor(const struct wit_trainer *t, const char *name, size_t *count);

/* ---- known answers --------------------------------------------------------------------------- */

/* What one file of a case came to: its worst tensor, by deviation / tolerance. */
struct wit_trainer_check_line {
    char file[64];
    char tensor[256];
    const char *measure; /* rel_l2, abs, max_abs, rel, key_share, key_max_abs */
    double deviation, tolerance;
    size_t tensors; /* compared */
    bool ok;
};
typedef void (*wit_trainer_check_fn)(void *user, const struct wit_trainer_check_line *line);

/**
 * Run a case of known answers and compare, in float32. A case is a directory with config.json
 * (open_clip_config; batch, lr, warmup, total, betas, eps, wd; trace: lr, batch_rows, loss and
 * logit_scale of each step), weights, inputs (images, tokens), expected (features, logits, loss),
 * grads of step 0, and optionally activations, after_<n> (parameters after n steps) and other_gelu
 * (the same with the other activation), all .safetensors with float64 truth in F32.
 * @param fn  called once for each file compared, in a fixed order
 * @return how many files are outside their tolerances, or WIT_EUNSUPPORTED (a ResNet tower),
 *         WIT_EFORMAT, WIT_ENOTFOUND, WIT_ENOMEM
 */
int wit_trainer_check(const char *dir, const char *backend, unsigned threads,
                      wit_trainer_check_fn fn, void *user, struct wit_error *err);

/* ---- the training job ------------------------------------------------------------------------ */

/* Where batches come from, when it isn't a dataset. */
struct wit_trainer_batch {
    const float *images;   /* (batch, 3, size, size), lent until the next call */
    const int32_t *tokens; /* (batch, context_length) */
};
struct wit_trainer_source {
    void *user;
    /* Begin at this stream position: samples of the batches taken so far. */
    int (*open)(void *user, uint64_t position, struct wit_error *err);
    int (*next)(void *user, struct wit_trainer_batch *out, struct wit_error *err);
    void (*close)(void *user); /* only after an open that succeeded */
    const char *hash;          /* of the data, up to 64 characters: a run goes on with the same */
};

struct wit_trainer_progress {
    uint64_t step, steps; /* step: just finished, from 1 */
    double loss, lr;
    double logit_scale;   /* the factor, 1 to 100 */
    double samples_per_s; /* of this call so far, waiting included */
};

struct wit_trainer_run_config {
    const char *dataset;                     /* a sealed dataset's directory */
    const char *vocab;                       /* CLIP's merges, bpe_simple_vocab_16e6.txt.gz */
    const struct wit_trainer_source *source; /* instead of these two; else NULL */
    struct wit_trainer_config trainer;       /* model, batch, backend, threads, AdamW */
    const char *out;                         /* directory of checkpoints; made if absent */
    uint64_t steps, warmup;                  /* of the whole run */
    uint64_t seed;                           /* of initial weights, order, crops and captions */
    double lr;                               /* the highest, at the end of the warm-up */
    uint64_t save_every;                     /* steps between checkpoints; 0: at the end only */
    unsigned keep;                           /* newest checkpoints that stay, 1 or more */
    bool resume;                   /* go on from the newest checkpoint in `out`, if there is one */
    const volatile int *interrupt; /* polled between steps; may be NULL */
    void (*progress)(void *user,
                     const struct wit_trainer_progress *p); /* after each step, or NULL */
    void *user;
};

/* 1000 steps, warm-up 100, lr 5e-4, seed 0, keep 2; dataset, vocab, out and model are yours. */
struct wit_trainer_run_config wit_trainer_run_config_default(void);

struct wit_trainer_run_report {
    uint64_t steps;      /* done, over all calls */
    uint64_t resumed_at; /* step of the checkpoint that this call went on from; 0: began anew */
    uint64_t samples;    /* of this call */
    double first_loss;   /* mean of the run's first edge_steps steps, nats */
    double last_loss;    /* and of its last */
    size_t edge_steps;   /* 10, or fewer in a shorter run */
    double samples_per_s, starved_share; /* of this call; share of its time waiting for batches */
    size_t parameters;
    char checkpoint[WIT_PATH_MAX]; /* the newest: a directory */
};

/**
 * Train to the last step, saving checkpoints; go on with an interrupted run. On the same
 * instruction set, what comes out is the same to the bit, interrupted or not, with any number of
 * threads.
 * @param report  filled on success and on WIT_ECANCELED
 * @return 0; WIT_ECANCELED (interrupted: the checkpoint named in err goes on from there);
 *         WIT_EEXIST (`out` holds a run and resume is false); WIT_EINVAL (settings, or a checkpoint
 *         of other settings or data); WIT_EINTERNAL (the loss is not finite); what the loader,
 *         files and memory say
 */
int wit_trainer_run(const struct wit_trainer_run_config *cfg, struct wit_trainer_run_report *report,
                    struct wit_error *err);

#ifdef __cplusplus
}
#endif
#endif
