/*
 * wit_loader.h: a sealed dataset becomes batches of pixels and token ids.
 *
 * The order of samples is arithmetic on one integer, the stream position p = epoch * N + i. A batch
 * is B consecutive positions (it may span two epochs), rank r takes its slice of each, so every
 * world size sees the same global batches, nothing ends early, and the state to resume from is the
 * position of the next batch. Crops and captions are drawn for (seed, position): what a batch holds
 * depends on nothing else, least of all on threads.
 *
 *     struct wit_loader_config cfg = wit_loader_config_default();
 *     struct wit_loader *loader = NULL;
 *     struct wit_loader_batch batch;
 *     cfg.dir = "data";
 *     cfg.vocab = "bpe_simple_vocab_16e6.txt.gz";
 *     if (wit_loader_create(&cfg, &loader, &err) == 0)
 *         while (step < steps && wit_loader_batch_next(loader, &batch, &err) == 0) {
 *             train_step(batch.images_f32, batch.tokens, batch.size);
 *             save_state(batch.next_position);
 *             wit_loader_batch_release(loader, &batch);
 *         }
 *     wit_loader_destroy(loader);
 *
 * docs/loader.md tells the order, what is random, and where memory goes.
 */
#ifndef WIT_LOADER_H
#define WIT_LOADER_H

#include "image/wit_image.h"
#include "wit_loader_tokenizer.h"
#include "wit_shards.h"

#ifdef __cplusplus
extern "C" {
#endif

#define WIT_LOADER_MAX_BATCH 65536u
#define WIT_LOADER_MAX_IMAGE_PX 4096u
#define WIT_LOADER_MAX_THREADS 256u
#define WIT_LOADER_MAX_PREFETCH 64u /* batches */

/* ---- batches -------------------------------------------------------------------------------- */

enum wit_loader_transform {
    WIT_LOADER_TRAIN, /* open_clip's RandomResizedCrop: scale 0.9-1, ratio 3/4-4/3; crop, resize */
    WIT_LOADER_EVAL,  /* short side to the size, central square */
    WIT_LOADER_WHOLE  /* the whole picture to the square, whatever its shape */
};

enum wit_loader_pixels {
    WIT_LOADER_U8_NHWC, /* as resized; normalise on the device */
    WIT_LOADER_F32_NCHW /* (x / 255 - mean) / std with CLIP's constants */
};

/* CLIP's normalisation, red, green, blue, for values in 0..1. */
#define WIT_LOADER_MEAN                                                                            \
    { 0.48145466f, 0.4578275f, 0.40821073f }
#define WIT_LOADER_STD                                                                             \
    { 0.26862954f, 0.26130258f, 0.27577711f }

struct wit_loader_config {
    const char *dir;     /* a dataset; borrowed during create only */
    uint32_t batch_size; /* samples of a global batch, over all ranks */
    uint32_t image_size; /* px, width and height */
    enum wit_loader_transform transform;
    enum wit_loader_pixels pixels;
    enum wit_image_pillow pillow; /* whose resize */
    uint64_t seed;                /* of order, crops, captions and replacements */
    uint64_t start_position;      /* stream position of the first batch; 0: a fresh start */
    uint32_t world_size, rank;    /* batch_size must be a multiple of world_size */
    uint32_t threads;             /* decoding; 0: one per core */
    uint32_t prefetch;            /* batches decoded ahead, >= 1 */
    uint32_t pool_shards;         /* shards mixed at a time; 0: all */
    const char *vocab;            /* CLIP's merges; NULL: no tokens. Borrowed during create only */
    uint32_t context;             /* ids per caption */
    bool captions;                /* keep the chosen captions in the batch */
    bool skip_hashes;             /* do not check records (benchmarks) */
    struct wit_image_limits limits;
};
/* 256 a batch, 224 px, TRAIN, f32, Pillow 13.0, seed 0, world of 1, 2 batches ahead, all shards
 * mixed, no tokens, context 77. */
struct wit_loader_config wit_loader_config_default(void);

/* One rank's slice of a batch. Everything belongs to the loader until the batch is released. */
struct wit_loader_batch {
    uint64_t position;              /* of the global batch's first sample */
    uint64_t next_position;         /* start_position of a loader that goes on behind this batch */
    uint32_t size;                  /* B: samples here = batch_size / world_size */
    const uint8_t *images_u8;       /* (B, size, size, 3), or NULL */
    const float *images_f32;        /* (B, 3, size, size), or NULL; 64-byte aligned */
    const int32_t *tokens;          /* (B, context), or NULL */
    const int32_t *lengths;         /* (B): ids in use, start and end included; or NULL */
    const struct wit_hash128 *keys; /* (B): of the samples delivered, replacements included */
    const struct wit_str *captions; /* (B), or NULL; UTF-8 as stored */
    uint32_t slot;                  /* the loader's own */
};

struct wit_loader; /* create, next, release, stats and destroy from one thread */

/**
 * Open the dataset, read the vocabulary, start the threads. Decoding begins at once.
 * @param out  the caller's until wit_loader_destroy; NULL on failure
 * @return 0; WIT_EINVAL (a field of cfg, or an empty dataset), WIT_ELIMIT, WIT_ENOMEM, and whatever
 *         opening the dataset or vocabulary says
 */
int wit_loader_create(const struct wit_loader_config *cfg, struct wit_loader **out,
                      struct wit_error *err);
void wit_loader_destroy(struct wit_loader *loader); /* stops and joins its threads; NULL allowed */

uint64_t wit_loader_samples(const struct wit_loader *loader); /* N: length of an epoch */

/**
 * The next batch, in order; waits for it. The stream is endless. At most `prefetch` batches may be
 * held unreleased, and they may be released in any order.
 * Bytes that decode to an error are replaced by another sample that (seed, position) chooses,
 * logged by key and counted. A record that fails its hash, or a file that cannot be read, ends the
 * stream.
 * @return 0; WIT_EAGAIN (every slot is held: release one), WIT_ECORRUPT, WIT_EIO ...: the same
 * again at each later call
 */
int wit_loader_batch_next(struct wit_loader *loader, struct wit_loader_batch *batch,
                          struct wit_error *err);
void wit_loader_batch_release(struct wit_loader *loader, const struct wit_loader_batch *batch);

struct wit_loader_stats {
    uint64_t samples, batches; /* handed out */
    uint64_t bytes;            /* of images as stored, decoded so far */
    double elapsed_s;          /* since create */
    double first_batch_s;      /* from create to the first batch; 0 before */
    double starved_share;      /* of the time since the first batch: waiting in batch_next */
    uint64_t failed_format, failed_limit, failed_unsupported; /* decode failures, replaced */
};
void wit_loader_stats(struct wit_loader *loader, struct wit_loader_stats *out);

/* ---- order ---------------------------------------------------------------------------------- */

struct wit_loader_order_config {
    uint64_t seed;
    size_t pool_shards;     /* 0: all */
    uint64_t block_samples; /* read together; 32 by default */
    uint64_t window_blocks; /* positions are permuted within so many blocks; 512 by default */
};
struct wit_loader_order_config wit_loader_order_config_default(void);

/* Holds the shard sizes and the prefix sums of two epochs. One thread at a time. */
struct wit_loader_order;

/* shard_samples is copied; entries may be 0 but not all. WIT_EINVAL, WIT_ELIMIT (2^62 samples),
 * WIT_ENOMEM. */
int wit_loader_order_create(const uint64_t *shard_samples, size_t shards,
                            const struct wit_loader_order_config *cfg,
                            struct wit_loader_order **out, struct wit_error *err);
void wit_loader_order_destroy(struct wit_loader_order *order);

struct wit_loader_place {
    size_t shard;
    uint64_t index; /* within the shard */
    uint64_t epoch;
    size_t pool; /* of the epoch */
};
/* Where the sample at a stream position is. Any position; O(log shards), and O(shards) when the
 * epoch is neither of the last two. */
struct wit_loader_place wit_loader_order_locate(struct wit_loader_order *order, uint64_t position);
/* Sample n of the dataset in stored order, n < N. Any number of threads. */
struct wit_loader_place wit_loader_order_nth(const struct wit_loader_order *order, uint64_t n);
uint64_t wit_loader_order_samples(const struct wit_loader_order *order);
/* Shard `k` < pool_shards of a pool of an epoch, or SIZE_MAX behind the last. */
size_t wit_loader_order_pool_shard(const struct wit_loader_order *order, uint64_t epoch,
                                   size_t pool, size_t k);

/* ---- one picture ---------------------------------------------------------------------------- */

struct wit_loader_box {
    uint32_t x, y, width, height; /* px of the decoded image */
};

/* The crop of WIT_LOADER_TRAIN for a picture at a stream position. Source: RandomResizedCrop of
 * torchvision with open_clip's scale and ratio; the random numbers are our own. width, height > 0.
 */
struct wit_loader_box wit_loader_train_box(uint32_t width, uint32_t height, uint64_t seed,
                                           uint64_t position);

struct wit_loader_transformer; /* workspace; one thread at a time */
struct wit_loader_transformer *wit_loader_transformer_create(void); /* NULL: out of memory */
void wit_loader_transformer_destroy(struct wit_loader_transformer *t);

/* Crop the box and resize it to the square. out: (size, size, 3). WIT_EINVAL, WIT_ELIMIT, ... */
int wit_loader_crop_resize(struct wit_loader_transformer *t, const struct wit_image_view *src,
                           struct wit_loader_box box, uint32_t size, enum wit_image_pillow pillow,
                           uint8_t *out, struct wit_error *err);
/* Short side to `size`, then the central square, with torchvision's rounding. */
int wit_loader_eval_resize(struct wit_loader_transformer *t, const struct wit_image_view *src,
                           uint32_t size, enum wit_image_pillow pillow, uint8_t *out,
                           struct wit_error *err);

#ifdef __cplusplus
}
#endif
#endif
