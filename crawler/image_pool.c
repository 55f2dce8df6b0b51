/* image_pool.c: one queue, threads that take from it, what they do with an image. */
#include "image_pool.h"

#include "reactor.h"
#include "wit_crawler_blocklist.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { THREADS_MOST = 256 };

struct image_pool {
    const struct wit_crawler_config *cfg;
    struct crawl_mailbox *results;
    struct wit_queue *queue; /* of tasks */
    atomic_bool stopping;
    bool perceptual; /* lists have such hashes: each image is decoded for them */
    struct worker {
        struct image_pool *pool;
        struct wit_image_reencoder *reencoder;
        pthread_t thread;
        bool running;
    } * workers;
    unsigned count;
};

bool image_pool_has_work(const struct image_pool *pool, const struct crawl_task *t) {
    const struct wit_crawler_config *cfg = pool->cfg;
    return t->digest.len || cfg->reencode || cfg->verify_decode || cfg->blocklist;
}

/* ---- work on one image ---------------------------------------------------------------------- */

const char *image_walk_refuse(const struct wit_crawler_config *cfg, struct wit_str bytes,
                              struct wit_image_info *info) {
    static const struct wit_image_limits limits = WIT_IMAGE_LIMITS_DEFAULT;
    int st = wit_image_walk(bytes, &limits, info, NULL);
    return st < 0 ? wit_image_walk_reason(st) : wit_image_reencode_refuse(&cfg->images, info);
}

static const char *decode_reason(int status) {
    switch (status) {
    case WIT_ELIMIT:
        return "image_over_limits";
    case WIT_ENOMEM:
        return "no_memory";
    default:
        return "image_undecodable";
    }
}

/* The task's body from now on; what it no longer holds is given back to its client. A body that
 * grew stays counted as it was. */
static void body_replace(struct crawl_task *t, struct wit_buf *body) {
    if (body->len < t->held_bytes) {
        reactor_body_release(t->reactor, t->held_bytes - body->len);
        t->held_bytes = body->len;
    }
    wit_buf_finish(&t->body);
    t->body = *body;
    *body = (struct wit_buf)WIT_BUF_INIT(0);
}

static const char *make_smaller(struct worker *w, struct crawl_task *t) {
    struct wit_buf out = WIT_BUF_INIT(WIT_SHARDS_MAX_IMAGE_BYTES);
    struct wit_str bytes = wit_buf_view(&t->body);
    struct wit_image_info stored;
    int st = wit_image_reencode(w->reencoder, &w->pool->cfg->images, bytes, &t->info, &out, &stored,
                                NULL);
    if (st > 0) {
        bool resized = stored.width != t->info.width || stored.height != t->info.height;
        t->changed = WIT_SHARDS_TRANSCODED | (resized ? WIT_SHARDS_RESIZED : 0);
        t->fetched_key = wit_hash128_of(bytes.data, bytes.len);
        t->fetched_width = t->info.width;
        t->fetched_height = t->info.height;
        t->info = stored;
        body_replace(t, &out);
    }
    wit_buf_finish(&out);
    return st < 0 ? decode_reason(st) : NULL;
}

/* What cannot be looked up is not let through. A list with perceptual hashes decodes the image, to
 * its end. */
static const char *look_up(struct worker *w, struct crawl_task *t) {
    const struct wit_crawler_blocklist *list = w->pool->cfg->blocklist;
    struct wit_image_phashes hashes;
    int st = wit_crawler_blocklist_find(list, wit_buf_view(&t->body), &t->blocked, NULL);
    if (st != 0)
        return st > 0 ? CRAWL_BLOCKED_HASH : "blocklist_failed";
    if (!w->pool->perceptual)
        return NULL;
    st = wit_image_reencoder_phash(w->reencoder, wit_buf_view(&t->body), &hashes, NULL);
    if (st < 0)
        return decode_reason(st);
    st = wit_crawler_blocklist_find_perceptual(list, &hashes, &t->blocked);
    return st > 0 ? CRAWL_BLOCKED_HASH : NULL;
}

/* NULL: it may be stored. */
static const char *image_work(struct worker *w, struct crawl_task *t) {
    const struct wit_crawler_config *cfg = w->pool->cfg;
    struct wit_str bytes = wit_buf_view(&t->body);
    if (t->digest.len && wit_digest_match(wit_buf_view(&t->digest), bytes, NULL) != 1)
        return "hash_mismatch"; /* not the bytes that the list promised, whatever they are */
    const char *reason = image_walk_refuse(cfg, bytes, &t->info);
    if (!reason && cfg->blocklist)
        reason = look_up(w, t);
    if (reason)
        return reason;
    if (cfg->verify_decode && !w->pool->perceptual) {
        int st = wit_image_reencoder_verify(w->reencoder, bytes, NULL);
        if (st < 0)
            return decode_reason(st);
    }
    return cfg->reencode ? make_smaller(w, t) : NULL;
}

static void task_work(struct worker *w, struct crawl_task *t) {
    struct reactor *reactor = t->reactor;
    t->reason = image_work(w, t);
    t->outcome = t->reason ? CRAWL_REFUSED : CRAWL_ARRIVED;
    if (t->reason) {
        struct wit_buf none = WIT_BUF_INIT(0);
        body_replace(t, &none); /* nobody looks at it any more */
    }
    reactor_work_done(reactor);
    crawl_mailbox_push(w->pool->results, t);
}

static void *worker_main(void *user) {
    struct worker *w = user;
    void *task;
    while (wit_queue_pop(w->pool->queue, &task) == 0) {
        if (atomic_load(&w->pool->stopping))
            crawl_task_destroy(task);
        else
            task_work(w, task);
    }
    return NULL;
}

/* ---- from outside --------------------------------------------------------------------------- */

static int worker_start(struct image_pool *pool, struct worker *w, struct wit_error *err) {
    w->pool = pool;
    w->reencoder = wit_image_reencoder_create();
    if (!w->reencoder)
        return wit_error_set(err, WIT_ENOMEM, "no memory for an image thread");
    int rc = pthread_create(&w->thread, NULL, worker_main, w);
    w->running = rc == 0;
    return rc ? wit_error_errno(err, rc, "cannot start an image thread") : 0;
}

static unsigned thread_count(const struct wit_crawler_config *cfg) {
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned count = cfg->image_threads ? cfg->image_threads : cores > 0 ? (unsigned)cores : 1;
    return count < THREADS_MOST ? count : THREADS_MOST;
}

int image_pool_create(const struct wit_crawler_config *cfg, struct crawl_mailbox *results,
                      size_t most, struct image_pool **out, struct wit_error *err) {
    struct image_pool *pool = calloc(1, sizeof *pool);
    if (!pool)
        return wit_error_set(err, WIT_ENOMEM, "no memory for image threads");
    pool->cfg = cfg;
    pool->results = results;
    pool->count = thread_count(cfg);
    pool->perceptual = cfg->blocklist && wit_crawler_blocklist_has_perceptual(cfg->blocklist);
    pool->queue = wit_queue_create(most);
    pool->workers = wit_alloc_array(pool->count, sizeof *pool->workers);
    int st = pool->queue && pool->workers
                 ? 0
                 : wit_error_set(err, WIT_ENOMEM, "no memory for image threads");
    for (unsigned i = 0; i < pool->count && st >= 0; i++)
        st = worker_start(pool, &pool->workers[i], err);
    if (st < 0)
        image_pool_destroy(pool);
    else
        *out = pool;
    return st;
}

void image_pool_push(struct image_pool *pool, struct crawl_task *t) {
    wit_queue_push(pool->queue, t); /* has room for all that there are */
}

void image_pool_destroy(struct image_pool *pool) {
    if (!pool)
        return;
    atomic_store(&pool->stopping, true);
    if (pool->queue)
        wit_queue_close(pool->queue);
    for (unsigned i = 0; pool->workers && i < pool->count; i++) {
        if (pool->workers[i].running)
            pthread_join(pool->workers[i].thread, NULL);
        wit_image_reencoder_destroy(pool->workers[i].reencoder);
    }
    wit_queue_destroy(pool->queue);
    free(pool->workers);
    free(pool);
}
