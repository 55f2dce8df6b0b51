/*
 * loader.c: threads fill a ring of batches ahead of the consumer.
 *
 * A task is one sample of one batch. Tasks are numbered 0, 1, 2 ... without end: task t belongs to
 * batch t / B and stands at place t % B of slot (t / B) % slots. A thread takes the next task when
 * the slot is ready for that batch, loads the sample straight into its place and counts it; the
 * last one wakes the consumer. So batches are finished nearly in order, are handed out in order,
 * and what they hold does not depend on who did what.
 *
 *     slot: FILLING --(B samples loaded)--> READY --next--> HELD --release--> FILLING (next batch)
 *
 * One lock guards all of that; it is taken twice a sample and never held for work. The order lives
 * under it too: locating a sample costs less than a microsecond.
 */
#include "loader_private.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

/* Longest caption kept in a batch; the ceiling of each sample's buffer. */
#define CAPTION_MAX_BYTES WIT_SHARDS_MAX_FIELD_BYTES
/* How far ahead of decoding the kernel is told what will be read. */
enum { READ_AHEAD_SAMPLES = 256, IMAGE_ALIGN_BYTES = 64 };

enum slot_state { SLOT_FILLING, SLOT_READY, SLOT_HELD };

struct slot {
    enum slot_state state;
    uint64_t batch;  /* number of the batch it is for */
    uint32_t loaded; /* samples */
    uint8_t *images_u8;
    float *images_f32;
    int32_t *tokens, *lengths;
    struct wit_hash128 *keys;
    struct wit_buf *texts;
    struct wit_str *captions;
};

struct wit_loader {
    struct wit_loader_config cfg;
    struct sample_source source;
    _Atomic uint64_t failures;
    struct wit_shards_dataset *dataset;
    struct wit_loader_order *order;
    struct wit_loader_tokenizer *tokenizer;
    uint32_t local; /* B: samples of a batch on this rank */
    struct slot *slots;
    uint64_t created_ns, first_batch_ns, starved_ns; /* consumer's own */
    uint64_t batches_out;
    struct wit_loader_place released_up_to; /* epoch and pool whose shards may be open */

    pthread_mutex_t lock; /* guards what follows, the slots and the order */
    pthread_cond_t room;  /* a slot was released, or the loader stops */
    pthread_cond_t ready; /* a slot became ready, or a thread failed */
    bool lock_made, room_made, ready_made;
    uint64_t next_task;
    uint32_t in_flight; /* tasks taken and not done */
    bool stop;
    int status; /* first failure; `failure` tells it */
    struct wit_error failure;
    struct sample_counts counts;

    struct thread *threads;
    uint32_t threads_made;
};

struct thread {
    struct wit_loader *loader;
    struct sample_worker *worker;
    pthread_t id;
    bool running;
};

struct wit_loader_config wit_loader_config_default(void) {
    return (struct wit_loader_config){
        .batch_size = 256,
        .image_size = 224,
        .transform = WIT_LOADER_TRAIN,
        .pixels = WIT_LOADER_F32_NCHW,
        .pillow = WIT_IMAGE_PILLOW_13_0,
        .world_size = 1,
        .prefetch = 2,
        .context = WIT_TOKENIZER_CONTEXT,
        .limits = WIT_IMAGE_LIMITS_DEFAULT,
    };
}

static int config_check(const struct wit_loader_config *cfg, struct wit_error *err) {
    if (!cfg->dir)
        return wit_error_set(err, WIT_EINVAL, "no dataset was named");
    if (!cfg->batch_size || cfg->batch_size > WIT_LOADER_MAX_BATCH)
        return wit_error_set(err, WIT_EINVAL, "a batch must have 1 to %u samples, not %u",
                             WIT_LOADER_MAX_BATCH, cfg->batch_size);
    if (!cfg->image_size || cfg->image_size > WIT_LOADER_MAX_IMAGE_PX)
        return wit_error_set(err, WIT_EINVAL, "image size must be 1 to %u px, not %u",
                             WIT_LOADER_MAX_IMAGE_PX, cfg->image_size);
    if (!cfg->world_size || cfg->rank >= cfg->world_size)
        return wit_error_set(err, WIT_EINVAL, "rank %u is not in a world of %u", cfg->rank,
                             cfg->world_size);
    if (cfg->batch_size % cfg->world_size)
        return wit_error_set(err, WIT_EINVAL, "a batch of %u does not divide over %u ranks",
                             cfg->batch_size, cfg->world_size);
    if (!cfg->prefetch || cfg->prefetch > WIT_LOADER_MAX_PREFETCH ||
        cfg->threads > WIT_LOADER_MAX_THREADS)
        return wit_error_set(err, WIT_EINVAL, "prefetch is 1 to %u batches, threads at most %u",
                             WIT_LOADER_MAX_PREFETCH, WIT_LOADER_MAX_THREADS);
    if (!cfg->context || cfg->context > WIT_TOKENIZER_CONTEXT_MAX)
        return wit_error_set(err, WIT_EINVAL, "a context of %u ids", cfg->context);
    if (cfg->start_position > UINT64_MAX / 2)
        return wit_error_set(err, WIT_EINVAL, "start position %llu is out of range",
                             (unsigned long long)cfg->start_position);
    return 0;
}

static int slot_init(const struct wit_loader *l, struct slot *s, uint64_t batch,
                     struct wit_error *err) {
    const struct wit_loader_config *cfg = &l->cfg;
    const size_t n = l->local;
    const size_t values = n * 3 * cfg->image_size * cfg->image_size; /* < 2^50, see config_check */
    s->batch = batch;
    s->keys = wit_alloc_array(n, sizeof *s->keys);
    bool made = s->keys != NULL;
    if (cfg->pixels == WIT_LOADER_U8_NHWC) {
        s->images_u8 = malloc(values);
        made = made && s->images_u8;
    } else {
        void *p = NULL;
        made = made && posix_memalign(&p, IMAGE_ALIGN_BYTES, values * sizeof(float)) == 0;
        s->images_f32 = p;
    }
    if (l->tokenizer) {
        s->tokens = wit_alloc_array(n * cfg->context, sizeof *s->tokens);
        s->lengths = wit_alloc_array(n, sizeof *s->lengths);
        made = made && s->tokens && s->lengths;
    }
    if (cfg->captions) {
        s->texts = wit_alloc_array(n, sizeof *s->texts);
        s->captions = wit_alloc_array(n, sizeof *s->captions);
        made = made && s->texts && s->captions;
        for (size_t i = 0; s->texts && i < n; i++)
            s->texts[i] = (struct wit_buf)WIT_BUF_INIT(CAPTION_MAX_BYTES);
    }
    return made ? 0
                : wit_error_set(err, WIT_ENOMEM, "no memory for a batch of %zu images of %u px", n,
                                cfg->image_size);
}

static void slot_finish(struct slot *s, uint32_t n) {
    for (uint32_t i = 0; s->texts && i < n; i++)
        wit_buf_finish(&s->texts[i]);
    free(s->texts);
    free(s->captions);
    free(s->keys);
    free(s->images_u8);
    free(s->images_f32);
    free(s->tokens);
    free(s->lengths);
}

static struct slot *slot_of(struct wit_loader *l, uint64_t batch) {
    return &l->slots[batch % l->cfg.prefetch];
}

/* Stream position of a task. */
static uint64_t position_of(const struct wit_loader *l, uint64_t task) {
    return l->cfg.start_position + task / l->local * l->cfg.batch_size +
           (uint64_t)l->cfg.rank * l->local + task % l->local;
}

static struct sample_target target_of(const struct wit_loader *l, struct slot *s, uint32_t i) {
    const size_t values = (size_t)3 * l->cfg.image_size * l->cfg.image_size;
    return (struct sample_target){
        .image_u8 = s->images_u8 ? s->images_u8 + i * values : NULL,
        .image_f32 = s->images_f32 ? s->images_f32 + i * values : NULL,
        .tokens = s->tokens ? s->tokens + (size_t)i * l->cfg.context : NULL,
        .length = s->lengths ? s->lengths + i : NULL,
        .key = s->keys + i,
        .caption = s->texts ? s->texts + i : NULL,
    };
}

/* ---- threads ----------------------------------------------------------------------------------
 */

struct task {
    uint64_t position;
    struct wit_loader_place place, ahead; /* ahead: what to tell the kernel about */
    struct slot *slot;
    uint32_t index;
};

/* Waits for a slot with room. false: stop. The lock is held. */
static bool task_take(struct wit_loader *l, struct task *out) {
    while (!l->stop && !l->status) {
        const uint64_t batch = l->next_task / l->local;
        struct slot *s = slot_of(l, batch);
        if (s->state == SLOT_FILLING && s->batch == batch) {
            out->slot = s;
            out->index = (uint32_t)(l->next_task % l->local);
            out->position = position_of(l, l->next_task);
            out->place = wit_loader_order_locate(l->order, out->position);
            out->ahead = wit_loader_order_locate(l->order,
                                                 position_of(l, l->next_task + READ_AHEAD_SAMPLES));
            l->next_task++;
            l->in_flight++;
            return true;
        }
        pthread_cond_wait(&l->room, &l->lock);
    }
    return false;
}

static void task_done(struct wit_loader *l, const struct task *task,
                      const struct sample_counts *counts, int st, const struct wit_error *err) {
    l->in_flight--;
    l->counts.bytes += counts->bytes;
    l->counts.failed_format += counts->failed_format;
    l->counts.failed_limit += counts->failed_limit;
    l->counts.failed_unsupported += counts->failed_unsupported;
    if (st < 0) {
        if (!l->status) {
            l->status = st;
            l->failure = *err;
        }
        pthread_cond_broadcast(&l->room);
    } else if (++task->slot->loaded == l->local) {
        task->slot->state = SLOT_READY;
    }
    if (l->status || task->slot->state == SLOT_READY)
        pthread_cond_signal(&l->ready);
}

static void *thread_main(void *arg) {
    const struct thread *t = arg;
    struct wit_loader *l = t->loader;
    struct task task;
    pthread_mutex_lock(&l->lock);
    while (task_take(l, &task)) {
        struct wit_error err = WIT_ERROR_INIT;
        struct sample_counts counts = { 0 };
        pthread_mutex_unlock(&l->lock);
        wit_shards_prefetch(l->dataset, task.ahead.shard, task.ahead.index, 1);
        const struct sample_target to = target_of(l, task.slot, task.index);
        int st = sample_load(t->worker, task.place, task.position, &to, &counts, &err);
        pthread_mutex_lock(&l->lock);
        task_done(l, &task, &counts, st, &err);
    }
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

/* ---- life -------------------------------------------------------------------------------------
 */

static int open_sources(struct wit_loader *l, struct wit_error *err) {
    const struct wit_shards_open_options options = { .skip_hashes = l->cfg.skip_hashes };
    struct wit_loader_order_config order = wit_loader_order_config_default();
    int st = wit_shards_dataset_open(l->cfg.dir, &options, &l->dataset, err);
    if (st < 0)
        return st;
    const size_t shards = wit_shards_dataset_shards(l->dataset);
    uint64_t *sizes = wit_alloc_array(shards + 1, sizeof *sizes);
    if (!sizes)
        return wit_error_set(err, WIT_ENOMEM, "no memory for %zu shards", shards);
    for (size_t s = 0; s < shards; s++)
        sizes[s] = wit_shards_shard_samples(l->dataset, s);
    order.seed = l->cfg.seed;
    order.pool_shards = l->cfg.pool_shards;
    st = wit_loader_order_create(sizes, shards, &order, &l->order, err);
    free(sizes);
    if (st < 0) {
        wit_error_wrap(err, "%s", l->cfg.dir);
        return st;
    }
    return l->cfg.vocab ? wit_loader_tokenizer_load(l->cfg.vocab, &l->tokenizer, err) : 0;
}

static int start_threads(struct wit_loader *l, struct wit_error *err) {
    l->threads = wit_alloc_array(l->cfg.threads, sizeof *l->threads);
    if (!l->threads)
        return wit_error_set(err, WIT_ENOMEM, "no memory for %u threads", l->cfg.threads);
    for (uint32_t i = 0; i < l->cfg.threads; i++) {
        struct thread *t = &l->threads[i];
        t->loader = l;
        l->threads_made = i + 1;
        int st = sample_worker_create(&l->source, l->tokenizer, &t->worker, err);
        if (st < 0)
            return st;
        int failed = pthread_create(&t->id, NULL, thread_main, t);
        if (failed)
            return wit_error_errno(err, failed, "cannot start loader thread %u of %u", i + 1,
                                   l->cfg.threads);
        t->running = true;
    }
    return 0;
}

static int make_locks(struct wit_loader *l, struct wit_error *err) {
    l->lock_made = pthread_mutex_init(&l->lock, NULL) == 0;
    l->room_made = pthread_cond_init(&l->room, NULL) == 0;
    l->ready_made = pthread_cond_init(&l->ready, NULL) == 0;
    return l->lock_made && l->room_made && l->ready_made
               ? 0
               : wit_error_set(err, WIT_ENOMEM, "no memory for the loader's locks");
}

static uint32_t core_count(void) {
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > (long)WIT_LOADER_MAX_THREADS ? WIT_LOADER_MAX_THREADS : (uint32_t)n;
}

int wit_loader_create(const struct wit_loader_config *cfg, struct wit_loader **out,
                      struct wit_error *err) {
    *out = NULL;
    int st = config_check(cfg, err);
    if (st < 0)
        return st;
    struct wit_loader *l = calloc(1, sizeof *l);
    if (!l)
        return wit_error_set(err, WIT_ENOMEM, "no memory for a loader");
    l->cfg = *cfg;
    l->cfg.threads = cfg->threads ? cfg->threads : core_count();
    l->local = cfg->batch_size / cfg->world_size;
    l->created_ns = wit_clock_ns();
    st = make_locks(l, err);
    if (st == 0)
        st = open_sources(l, err);
    if (st == 0) {
        l->cfg.dir = l->cfg.vocab = NULL; /* borrowed until here */
        l->source.cfg = &l->cfg;
        l->source.dataset = l->dataset;
        l->source.order = l->order;
        l->source.failures = &l->failures;
        sample_source_init(&l->source);
        l->slots = wit_alloc_array(cfg->prefetch, sizeof *l->slots);
        if (!l->slots)
            st = wit_error_set(err, WIT_ENOMEM, "no memory for a loader");
    }
    for (uint32_t i = 0; st == 0 && i < cfg->prefetch; i++)
        st = slot_init(l, &l->slots[i], i, err);
    if (st == 0)
        st = start_threads(l, err);
    if (st < 0)
        wit_loader_destroy(l);
    else
        *out = l;
    return st;
}

void wit_loader_destroy(struct wit_loader *l) {
    if (!l)
        return;
    if (l->threads_made) {
        pthread_mutex_lock(&l->lock);
        l->stop = true;
        pthread_cond_broadcast(&l->room);
        pthread_mutex_unlock(&l->lock);
    }
    for (uint32_t i = 0; i < l->threads_made; i++) {
        if (l->threads[i].running)
            pthread_join(l->threads[i].id, NULL);
        sample_worker_destroy(l->threads[i].worker);
    }
    free(l->threads);
    for (uint32_t i = 0; l->slots && i < l->cfg.prefetch; i++)
        slot_finish(&l->slots[i], l->local);
    free(l->slots);
    if (l->lock_made)
        pthread_mutex_destroy(&l->lock);
    if (l->room_made)
        pthread_cond_destroy(&l->room);
    if (l->ready_made)
        pthread_cond_destroy(&l->ready);
    wit_loader_tokenizer_destroy(l->tokenizer);
    wit_loader_order_destroy(l->order);
    wit_shards_dataset_close(l->dataset);
    free(l);
}

uint64_t wit_loader_samples(const struct wit_loader *l) {
    return wit_loader_order_samples(l->order);
}

/* ---- the consumer's side ----------------------------------------------------------------------
 */

/* Shards of a pool that the stream has left are closed; the next pool's stay or are opened again.
 */
static void release_passed_pool(struct wit_loader *l, struct wit_loader_place now) {
    const struct wit_loader_place before = l->released_up_to;
    l->released_up_to = now;
    if (!l->cfg.pool_shards || (before.epoch == now.epoch && before.pool == now.pool))
        return;
    for (size_t k = 0;; k++) {
        size_t shard = wit_loader_order_pool_shard(l->order, before.epoch, before.pool, k);
        if (shard == SIZE_MAX)
            break;
        wit_shards_shard_release(l->dataset, shard);
    }
}

int wit_loader_batch_next(struct wit_loader *l, struct wit_loader_batch *batch,
                          struct wit_error *err) {
    const uint64_t number = l->batches_out, from_ns = wit_clock_ns();
    struct slot *s = slot_of(l, number);
    struct wit_loader_place place = { 0 };
    int st = 0;
    pthread_mutex_lock(&l->lock);
    if (s->state == SLOT_HELD)
        st =
            wit_error_set(err, WIT_EAGAIN, "all %u batches are held: release one", l->cfg.prefetch);
    while (st == 0 && s->state != SLOT_READY) {
        /* What was begun before the failure is finished, so whole batches still come out. */
        if (l->status && !l->in_flight)
            st = wit_error_set(err, l->status, "%s", l->failure.text);
        else
            pthread_cond_wait(&l->ready, &l->lock);
    }
    if (st == 0) {
        s->state = SLOT_HELD;
        place = wit_loader_order_locate(l->order, position_of(l, number * l->local));
    }
    pthread_mutex_unlock(&l->lock);
    if (st < 0)
        return st;
    const uint64_t now_ns = wit_clock_ns();
    if (number == 0)
        l->first_batch_ns = now_ns;
    else
        l->starved_ns += now_ns - from_ns;
    l->batches_out++;
    release_passed_pool(l, place);
    for (uint32_t i = 0; s->captions && i < l->local; i++)
        s->captions[i] = wit_buf_view(&s->texts[i]);
    const uint64_t position = l->cfg.start_position + number * l->cfg.batch_size;
    *batch = (struct wit_loader_batch){
        .position = position,
        .next_position = position + l->cfg.batch_size,
        .size = l->local,
        .images_u8 = s->images_u8,
        .images_f32 = s->images_f32,
        .tokens = s->tokens,
        .lengths = s->lengths,
        .keys = s->keys,
        .captions = s->captions,
        .slot = (uint32_t)(s - l->slots),
    };
    return 0;
}

void wit_loader_batch_release(struct wit_loader *l, const struct wit_loader_batch *batch) {
    struct slot *s = &l->slots[batch->slot];
    pthread_mutex_lock(&l->lock);
    s->state = SLOT_FILLING;
    s->batch += l->cfg.prefetch;
    s->loaded = 0;
    pthread_cond_broadcast(&l->room);
    pthread_mutex_unlock(&l->lock);
}

void wit_loader_stats(struct wit_loader *l, struct wit_loader_stats *out) {
    const uint64_t now_ns = wit_clock_ns();
    pthread_mutex_lock(&l->lock);
    const struct sample_counts counts = l->counts;
    pthread_mutex_unlock(&l->lock);
    const uint64_t since_first = l->first_batch_ns ? now_ns - l->first_batch_ns : 0;
    *out = (struct wit_loader_stats){
        .samples = l->batches_out * l->local,
        .batches = l->batches_out,
        .bytes = counts.bytes,
        .elapsed_s = (double)(now_ns - l->created_ns) / 1e9,
        .first_batch_s =
            l->first_batch_ns ? (double)(l->first_batch_ns - l->created_ns) / 1e9 : 0.0,
        .starved_share = since_first ? (double)l->starved_ns / (double)since_first : 0.0,
        .failed_format = counts.failed_format,
        .failed_limit = counts.failed_limit,
        .failed_unsupported = counts.failed_unsupported,
    };
}
