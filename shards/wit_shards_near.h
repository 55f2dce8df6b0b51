/*
 * wit_shards_near.h: images that look the same: perceptual hashes of sealed datasets, kept, and
 * clusters of near-duplicates.
 *
 *     struct wit_shards_looks_options options = { .threads = 0 };
 *     struct wit_shards_look *looks = NULL;
 *     uint64_t count = 0;
 *     wit_shards_looks("data", &options, &looks, &count, &err);       // decodes once, then reads
 *     uint32_t *cluster = malloc(count * sizeof *cluster);
 *     struct wit_shards_near_config near = wit_shards_near_config_default();
 *     wit_shards_near_clusters(looks, (uint32_t)count, &near, cluster, &err);
 *     // looks[i] and looks[j] look the same where cluster[i] == cluster[j]
 *     free(cluster);
 *     free(looks);
 *
 * docs/duplicates.md says what is found and what is not.
 */
#ifndef WIT_SHARDS_NEAR_H
#define WIT_SHARDS_NEAR_H

#include "image/wit_image_phash.h"
#include "wit_shards.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Of one sample. */
struct wit_shards_look {
    struct wit_hash128 key;
    struct wit_image_phashes hashes; /* of the image as stored; zeros where it does not decode */
    bool decodes;
    uint32_t width, height;  /* px, as stored */
    uint32_t image_bytes;    /* as stored */
    uint32_t captions, urls; /* of the sample */
};

struct wit_shards_looks_options {
    unsigned threads;                                            /* 0: one per core */
    void (*progress)(void *user, uint64_t done, uint64_t total); /* one thread at a time; or NULL */
    void *user;
    const volatile int *interrupt; /* not 0: stop with WIT_ECANCELED; may be NULL */
};

/**
 * The look of every sample of a dataset, shard by shard in key order. What is not kept beside its
 * shard (DIR/shards/<shard>.phash) yet is computed, by decoding the image, and kept; what is
 * computed when it stops, interrupted or failing, is kept too. Where nothing can be written it is
 * computed all the same, and a warning logged.
 * @param looks  out: (count); the caller's, by free()
 * @return 0; WIT_ECANCELED, WIT_ELIMIT (2^32 - 1 samples or more), and what reading a dataset says
 */
int wit_shards_looks(const char *dir, const struct wit_shards_looks_options *options,
                     struct wit_shards_look **looks, uint64_t *count, struct wit_error *err);

/* Defaults, by tests/bench/bench_dups.py: the least distance at which 98 % of every kind of copy
 * are found; few photographs and many pieces of sky are below the quality. */
#define WIT_SHARDS_NEAR_DISTANCE 36
#define WIT_SHARDS_NEAR_QUALITY 5

/* When do two images look the same? */
struct wit_shards_near_config {
    unsigned distance;             /* most bits that the area hashes differ in: 0 to 63 */
    int quality;                   /* images below it look like no other: 0 to 100 */
    unsigned threads;              /* 0: one per core */
    const volatile int *interrupt; /* not 0: stop with WIT_ECANCELED; may be NULL */
};
struct wit_shards_near_config wit_shards_near_config_default(void);

/**
 * Clusters of looks: those with the same key, and those joined by a chain of pairs that look the
 * same. cluster[i] is the least index of the cluster of i, which is i itself where it stands alone.
 * Memory: about 150 bytes a look. Time: a million in less than two minutes on two cores.
 * @param cluster  out: (count)
 * @return 0; WIT_EINVAL (distance), WIT_ENOMEM, WIT_ECANCELED
 */
int wit_shards_near_clusters(const struct wit_shards_look *looks, uint32_t count,
                             const struct wit_shards_near_config *cfg, uint32_t *cluster,
                             struct wit_error *err);

/* Of two members of a cluster, is `a` the one to keep? That with more pixels; then with more bytes;
 * then with the lower key. */
bool wit_shards_look_is_better(const struct wit_shards_look *a, const struct wit_shards_look *b);

/**
 * For each of `a`, the nearest of `b` that looks the same, or has the same key (distance 0).
 * Equal distances: the one with the least index.
 * @param nearest   out: (a_count); index into b, or UINT32_MAX
 * @param distance  out: (a_count); bits; of no meaning where there is none
 * @return as wit_shards_near_clusters
 */
int wit_shards_near_match(const struct wit_shards_look *a, uint32_t a_count,
                          const struct wit_shards_look *b, uint32_t b_count,
                          const struct wit_shards_near_config *cfg, uint32_t *nearest,
                          uint32_t *distance, struct wit_error *err);

/* Computes looks of images that are in no dataset; one thread at a time. NULL: no memory. */
struct wit_shards_looker;
struct wit_shards_looker *wit_shards_looker_create(void);
void wit_shards_looker_destroy(struct wit_shards_looker *l);
/* Of an image's bytes; its key is their hash, captions and urls are 0. 0, also where it does not
 * decode; WIT_ENOMEM. */
int wit_shards_looker_look(struct wit_shards_looker *l, struct wit_str bytes,
                           struct wit_shards_look *out, struct wit_error *err);

/* ---- images of an evaluation ------------------------------------------------------------------
 */

struct wit_shards_eval {
    char **names;                  /* (count) relative paths, or keys of a dataset */
    struct wit_shards_look *looks; /* (count) */
    uint32_t count;
    uint64_t ignored;     /* files that begin like no image */
    uint64_t undecodable; /* images that do not decode: not in the lists */
};

/**
 * The looks of the images at a place: a dataset, or a folder, in whose folders files are taken too
 * (not through links to folders), by name. Files are told by their first bytes. Looks of a dataset
 * are kept, those of a folder are not.
 * @return 0; WIT_ENOTFOUND, WIT_EIO, WIT_ELIMIT (a path is too long, folders 64 deep), WIT_ENOMEM,
 *         WIT_ECANCELED; an image over the limits of wit_image_decode_rgb does not decode
 */
int wit_shards_eval_load(const char *path, const struct wit_shards_looks_options *options,
                         struct wit_shards_eval *out, struct wit_error *err);
void wit_shards_eval_finish(struct wit_shards_eval *e);

#ifdef __cplusplus
}
#endif
#endif
