/* remake_plan.c: the samples of one prefix out of several datasets. */
#include "remake_plan.h"
#include "key_walk.h"
#include "origin_merge.h"
#include "removal.h"

#include <stdlib.h>

#define PLAN_MAX_BYTES ((size_t)64 << 30) /* texts of one prefix */
#define SCRATCH_MAX_BYTES ((size_t)16 << 30)
#define FRONT_MAX_BYTES (2 * WIT_SHARDS_MAX_CAPTION_BYTES)
#define ORIGIN_MAX_BYTES ((size_t)1 << 30)

/* A dataset's record of the key at hand. */
struct member {
    const struct key_record *record;
    struct wit_buf front_bytes, origin;
    struct record_front front;
    uint32_t *captions;  /* their places in the union */
    unsigned generation; /* of the bytes: the last generation is the smallest */
    bool is_stored;      /* its bytes are those that are stored */
};

/* A caption and whose it is. */
struct spoken {
    struct record_caption caption;
    uint32_t *place; /* where to note its place in the union */
};

struct remake_planner {
    const struct remake *job;
    struct member *members;
    size_t member_count, member_cap; /* of the key at hand; buffers of all are kept */
    struct wit_arena *arena;         /* places of captions */
    struct spoken *spoken;
    size_t spoken_count, spoken_cap;
    struct record_caption *captions;
    size_t caption_cap;
    struct origin_input *origins;
    size_t origin_cap;
    struct wit_buf smallest, other; /* bodies */
    struct removal *removal;        /* NULL: nothing is removed */
};

/* Offsets until the buffers stay where they are. */
struct draft {
    struct wit_hash128 key;
    size_t front_at, front_bytes, origin_at, origin_bytes, body_bytes;
};

struct drafts {
    struct draft *items;
    size_t cap, source_cap;
};

int remake_planner_create(const struct remake *job, struct remake_planner **out,
                          struct wit_error *err) {
    struct remake_planner *p = calloc(1, sizeof *p);
    if (p)
        p->arena = wit_arena_create(SCRATCH_MAX_BYTES);
    if (!p || !p->arena) {
        remake_planner_destroy(p);
        return wit_error_set(err, WIT_ENOMEM, "no memory to make shards in %s", job->out);
    }
    p->job = job;
    p->smallest = p->other = (struct wit_buf)WIT_BUF_INIT(WIT_SHARDS_MAX_IMAGE_BYTES + 1);
    if (job->removed && !removed_set_is_empty(job->removed) &&
        removal_create(job->removed, &p->removal, err) < 0) {
        remake_planner_destroy(p);
        return WIT_ENOMEM;
    }
    *out = p;
    return 0;
}

void remake_planner_destroy(struct remake_planner *p) {
    if (!p)
        return;
    for (size_t i = 0; i < p->member_cap; i++) {
        wit_buf_finish(&p->members[i].front_bytes);
        wit_buf_finish(&p->members[i].origin);
    }
    free(p->members);
    wit_arena_destroy(p->arena);
    free(p->spoken);
    free(p->captions);
    free(p->origins);
    wit_buf_finish(&p->smallest);
    wit_buf_finish(&p->other);
    removal_destroy(p->removal);
    free(p);
}

void remake_plan_finish(struct remake_plan *plan) {
    free(plan->records);
    free(plan->sources);
    wit_buf_finish(&plan->fronts);
    wit_buf_finish(&plan->origins);
    plan->records = NULL;
    plan->sources = NULL;
}

static int no_memory(struct wit_error *err) {
    return wit_error_set(err, WIT_ENOMEM, "no memory for the samples of a prefix");
}

static int room(void **items, size_t count, size_t *cap, size_t size, struct wit_error *err) {
    if (count < *cap)
        return 0;
    size_t more = *cap ? *cap : 32;
    while (more <= count)
        more *= 2;
    void *bigger = wit_realloc_array(*items, more, size);
    if (!bigger)
        return no_memory(err);
    *items = bigger;
    *cap = more;
    return 0;
}

/* ---- reading -------------------------------------------------------------------------------- */

static int members_room(struct remake_planner *p, size_t count, struct wit_error *err) {
    size_t had = p->member_cap;
    int st = room((void **)&p->members, count, &p->member_cap, sizeof *p->members, err);
    for (size_t i = had; st >= 0 && i < p->member_cap; i++)
        p->members[i] = (struct member){ .front_bytes = WIT_BUF_INIT(FRONT_MAX_BYTES),
                                         .origin = WIT_BUF_INIT(ORIGIN_MAX_BYTES) };
    return st;
}

static int members_read(struct remake_planner *p, struct wit_hash128 key,
                        const struct key_record *records, size_t count, struct wit_error *err) {
    int st = members_room(p, count, err);
    p->member_count = 0;
    for (size_t i = 0; i < count && st >= 0; i++) {
        struct member *m = &p->members[i];
        m->record = &records[i];
        m->captions = NULL;
        m->generation = 0;
        wit_buf_reset(&m->origin);
        st = shard_file_front(records[i].file, records[i].index, &m->front_bytes, &m->front, err);
        if (st >= 0)
            st = shard_file_origin(records[i].file, key, &m->origin, err);
        p->member_count = i + 1;
    }
    return st;
}

static int body_read(const struct member *m, struct wit_buf *buf, struct wit_error *err) {
    size_t bytes = m->front.image.bytes;
    wit_buf_reset(buf);
    int st = wit_buf_reserve(buf, bytes + 1); /* never a reserve of 0 */
    if (st < 0)
        return wit_error_set(err, st, "no memory for an image of %zu bytes", bytes);
    st = shard_file_body(m->record->file, m->record->index, &m->front, buf->data, err);
    if (st >= 0)
        buf->len = bytes;
    return st;
}

/* ---- several records of one key ---------------------------------------------------------------
 */

static int bodies_compare(struct remake_planner *p, unsigned *generation, struct wit_error *err) {
    int st = body_read(&p->members[0], &p->smallest, err);
    for (size_t i = 1; i < p->member_count && st >= 0; i++) {
        st = body_read(&p->members[i], &p->other, err);
        if (st < 0)
            break;
        int order = wit_str_cmp(wit_buf_view(&p->other), wit_buf_view(&p->smallest));
        if (order < 0) {
            struct wit_buf smaller = p->other;
            p->other = p->smallest;
            p->smallest = smaller;
            ++*generation;
        }
        p->members[i].generation = order > 0 ? UINT32_MAX : *generation;
    }
    return st;
}

/* A hash is no proof: the byte string that sorts first is stored, members with another one leave,
 * unless either is not as it was fetched (shard.md, which pairs and images, 3). */
static int members_agree(struct remake_planner *p, struct remake_plan *plan,
                         struct wit_error *err) {
    unsigned generation = 0;
    bool changed = false;
    size_t kept = 0;
    int st = bodies_compare(p, &generation, err);
    for (size_t i = 0; i < p->member_count; i++) {
        struct member *m = &p->members[i];
        m->is_stored = m->generation == generation;
        changed |= m->is_stored && m->front.image.changed;
    }
    for (size_t i = 0; i < p->member_count && st >= 0; i++) {
        struct member m = p->members[i];
        struct origin_counts urls = { .urls = 0 };
        if (m.is_stored || changed || m.front.image.changed) {
            p->members[i] = p->members[kept]; /* buffers are swapped, not lost */
            p->members[kept++] = m;
        } else {
            st = origin_count(wit_buf_view(&m.origin), &urls, err);
            plan->counts.collisions += urls.urls;
        }
    }
    if (st >= 0)
        p->member_count = kept;
    return st;
}

static int spoken_order(const void *x, const void *y) {
    const struct spoken *a = x, *b = y;
    return record_caption_cmp(&a->caption, &b->caption);
}

static int captions_collect(struct remake_planner *p, struct wit_error *err) {
    wit_arena_reset(p->arena);
    p->spoken_count = 0;
    for (size_t i = 0; i < p->member_count; i++) {
        struct member *m = &p->members[i];
        struct wit_shards_caption_iter it = wit_shards_captions(&m->front.sample);
        struct wit_shards_caption c;
        uint32_t n = m->front.sample.caption_count;
        m->captions = wit_arena_alloc(p->arena, n * sizeof *m->captions, sizeof *m->captions);
        if (!m->captions)
            return no_memory(err);
        for (uint32_t k = 0; k < n && wit_shards_caption_next(&it, &c); k++) {
            int st =
                room((void **)&p->spoken, p->spoken_count, &p->spoken_cap, sizeof *p->spoken, err);
            if (st < 0)
                return st;
            p->spoken[p->spoken_count++] =
                (struct spoken){ .caption = { .text = c.text, .source = (uint16_t)c.source },
                                 .place = &m->captions[k] };
        }
    }
    qsort(p->spoken, p->spoken_count, sizeof *p->spoken, spoken_order);
    return 0;
}

/* How many captions at the front of the sorted ones say nothing beside others that do. */
static size_t captions_without_words(const struct remake_planner *p) {
    size_t empty = 0;
    while (empty < p->spoken_count && p->spoken[empty].caption.text.len == 0)
        empty++;
    return empty < p->spoken_count ? empty : 0;
}

/* The set of captions of all members, cut at the ceilings: the ones that sort first stay. */
static int captions_unite(struct remake_planner *p, uint32_t *count, struct remake_plan *plan,
                          struct wit_error *err) {
    size_t distinct = 0, kept = 0, bytes = 0;
    int st = captions_collect(p, err);
    if (st < 0)
        return st;
    size_t wordless = captions_without_words(p);
    for (size_t i = 0; i < wordless; i++)
        *p->spoken[i].place = UINT32_MAX;
    for (size_t i = wordless; i < p->spoken_count; i++) {
        const struct record_caption *c = &p->spoken[i].caption;
        bool repeats = i > wordless && record_caption_cmp(&p->spoken[i - 1].caption, c) == 0;
        distinct += !repeats;
        *p->spoken[i].place = (uint32_t)(distinct - 1);
        if (repeats || kept + 1 < distinct) /* known, or one before it fell to a ceiling */
            continue;
        bytes += RECORD_FIELD_BYTES + c->text.len;
        if (kept == WIT_SHARDS_MAX_CAPTIONS || bytes > WIT_SHARDS_MAX_CAPTION_BYTES)
            continue;
        st = room((void **)&p->captions, kept, &p->caption_cap, sizeof *p->captions, err);
        if (st < 0)
            return st;
        p->captions[kept++] = *c;
    }
    plan->counts.captions_cut += distinct - kept;
    *count = (uint32_t)kept;
    return 0;
}

/* The member whose image is stored. Facts about one byte string that two datasets could only
 * disagree on by mistake: the smaller, as a seal compares them. */
static const struct member *member_choose(const struct remake_planner *p) {
    enum { FACTS = 14 };
    const struct member *best = NULL;
    uint8_t least[FACTS], facts[FACTS];
    for (size_t i = 0; i < p->member_count; i++) {
        const struct member *m = &p->members[i];
        const char *header = m->front.sample.value.data;
        if (!m->is_stored)
            continue;
        memcpy(facts, header + 8, 8);     /* width, height */
        memcpy(facts + 8, header + 2, 5); /* format to image flags */
        facts[13] = m->front.image.changed;
        if (best && memcmp(facts, least, sizeof facts) >= 0)
            continue;
        memcpy(least, facts, sizeof facts);
        best = m;
    }
    return best;
}

static int origins_unite(struct remake_planner *p, uint32_t caption_count, struct remake_plan *plan,
                         struct wit_error *err) {
    struct origin_counts urls;
    int st = room((void **)&p->origins, p->member_count, &p->origin_cap, sizeof *p->origins, err);
    if (st < 0)
        return st;
    for (size_t i = 0; i < p->member_count; i++)
        p->origins[i] = (struct origin_input){
            .lines = wit_buf_view(&p->members[i].origin),
            .captions = p->members[i].captions,
            .caption_count = p->members[i].front.sample.caption_count,
        };
    st = origin_merge(p->origins, p->member_count, caption_count, &plan->origins, &urls, err);
    if (st >= 0 && urls.urls)
        plan->counts.duplicate_images += urls.urls - 1;
    return st;
}

static int several_plan(struct remake_planner *p, struct wit_hash128 key, struct remake_plan *plan,
                        const struct member **stored, uint32_t *captions, struct wit_error *err) {
    plan->counts.shared++;
    int st = members_agree(p, plan, err);
    if (st >= 0)
        st = captions_unite(p, captions, plan, err);
    if (st < 0)
        return st;
    *stored = member_choose(p);
    st = record_front_encode(key, &(*stored)->front.image, p->captions, *captions, &plan->fronts);
    if (st < 0)
        return wit_error_set(err, st, "no room for the captions of a sample");
    return origins_unite(p, *captions, plan, err);
}

/* ---- samples -------------------------------------------------------------------------------- */

/* As it is. */
static int one_plan(struct remake_planner *p, struct remake_plan *plan,
                    const struct member **stored, uint32_t *captions, struct wit_error *err) {
    const struct member *m = &p->members[0];
    struct origin_counts urls;
    int st = origin_count(wit_buf_view(&m->origin), &urls, err);
    if (st >= 0 && ((st = wit_buf_append_str(&plan->fronts, m->front.sample.value)) < 0 ||
                    (st = wit_buf_append_str(&plan->origins, wit_buf_view(&m->origin))) < 0))
        wit_error_set(err, st, "no room for the samples of a prefix");
    if (st < 0)
        return st;
    if (urls.urls)
        plan->counts.duplicate_images += urls.urls - 1;
    *stored = m;
    *captions = m->front.sample.caption_count;
    return 0;
}

static int select_ask(const struct remake *job, struct wit_hash128 key, struct wit_str origins,
                      bool by_origin, bool *take, struct wit_error *err) {
    *take = true;
    if (!job->select || job->select_by_origin != by_origin)
        return 0;
    return job->select(job->user, key, origins, take, err);
}

/* The record at the end of the plan without what was removed. */
static int removed_leave(struct remake_planner *p, const struct draft *d, size_t body_bytes,
                         struct remake_plan *plan, uint32_t *captions, bool *take,
                         struct wit_error *err) {
    const struct wit_str text =
        wit_str_of(plan->fronts.data + d->front_at, plan->fronts.len - d->front_at);
    const struct wit_str origins =
        wit_str_of(plan->origins.data + d->origin_at, plan->origins.len - d->origin_at);
    struct record_front front;
    struct removal_verdict v;
    if (!p->removal)
        return 0;
    int st = record_front_decode(d->key, text, text.len + body_bytes, &front, err);
    if (st >= 0)
        st = removal_judge(p->removal, d->key, &front, origins, &v, err);
    if (st < 0 || v.fate == REMOVAL_STAYS)
        return st;
    *take = v.fate == REMOVAL_CHANGES;
    plan->fronts.len = d->front_at;
    plan->origins.len = d->origin_at;
    if (*take && (wit_buf_append_str(&plan->fronts, v.front) < 0 ||
                  wit_buf_append_str(&plan->origins, v.origin) < 0))
        return no_memory(err);
    *captions = *take ? v.captions : 0;
    return 0;
}

static int sample_plan(struct remake_planner *p, struct wit_hash128 key,
                       const struct key_record *records, size_t count, struct remake_plan *plan,
                       struct drafts *drafts, struct wit_error *err) {
    struct draft d = { .key = key, .front_at = plan->fronts.len, .origin_at = plan->origins.len };
    const struct member *stored = NULL;
    const struct remake_counts before = plan->counts;
    uint32_t captions = 0;
    bool take;
    int st = select_ask(p->job, key, (struct wit_str){ NULL, 0 }, false, &take, err);
    if (st < 0 || !take)
        return st;
    st = members_read(p, key, records, count, err);
    if (st >= 0)
        st = count == 1 ? one_plan(p, plan, &stored, &captions, err)
                        : several_plan(p, key, plan, &stored, &captions, err);
    if (st >= 0)
        st = select_ask(p->job, key,
                        wit_str_of(plan->origins.data + d.origin_at,
                                   plan->origins.len - d.origin_at),
                        true, &take, err);
    const uint32_t spoken = captions;
    if (st >= 0 && take)
        st = removed_leave(p, &d, stored->front.image.bytes, plan, &captions, &take, err);
    if (st >= 0 && !take) {
        plan->fronts.len = d.front_at;
        plan->origins.len = d.origin_at;
        plan->counts = before;
        plan->counts.removed_samples += captions < spoken;
    }
    plan->counts.removed_pairs += spoken - captions;
    if (st < 0 || !take)
        return st;
    if (st >= 0)
        st = room((void **)&drafts->items, plan->count, &drafts->cap, sizeof *drafts->items, err);
    if (st >= 0)
        st = room((void **)&plan->sources, plan->count, &drafts->source_cap, sizeof *plan->sources,
                  err);
    if (st < 0)
        return st;
    d.front_bytes = plan->fronts.len - d.front_at;
    d.origin_bytes = plan->origins.len - d.origin_at;
    d.body_bytes = stored->front.image.bytes;
    drafts->items[plan->count] = d;
    plan->sources[plan->count++] = (struct remake_source){
        .hash = stored->front.image.hash,
        .index = stored->record->index,
        .input = (uint32_t)stored->record->input,
        .shard = (uint32_t)stored->record->shard,
        .changed = stored->front.image.changed,
    };
    plan->pairs += captions;
    plan->image_bytes += d.body_bytes;
    return 0;
}

static int records_make(struct remake_plan *plan, const struct drafts *drafts,
                        struct wit_error *err) {
    plan->records = wit_alloc_array(plan->count + 1, sizeof *plan->records);
    if (!plan->records)
        return no_memory(err);
    for (size_t i = 0; i < plan->count; i++) {
        const struct draft *d = &drafts->items[i];
        plan->records[i] = (struct shard_writer_record){
            .key = d->key,
            .front = wit_str_of(plan->fronts.data + d->front_at, d->front_bytes),
            .origin = wit_str_of(plan->origins.data + d->origin_at, d->origin_bytes),
            .body_bytes = d->body_bytes,
        };
    }
    return 0;
}

int remake_planner_plan(struct remake_planner *p, uint32_t prefix, struct remake_plan *out,
                        struct wit_error *err) {
    const struct remake *job = p->job;
    struct remake_plan plan = { .fronts = WIT_BUF_INIT(PLAN_MAX_BYTES),
                                .origins = WIT_BUF_INIT(PLAN_MAX_BYTES) };
    struct drafts drafts = { .items = NULL };
    const struct key_record *records;
    struct key_walk *walk = NULL;
    struct wit_hash128 key;
    size_t count;
    int st = key_walk_create(job->inputs, job->input_count, job->shard_bits, prefix, &walk, err);
    while (st >= 0 && (st = key_walk_next(walk, &key, &records, &count, err)) > 0) {
        st = sample_plan(p, key, records, count, &plan, &drafts, err);
        if (st >= 0 && job->interrupt && *job->interrupt)
            st = wit_error_set(err, WIT_ECANCELED, "interrupted while making shards in %s",
                               job->out);
    }
    if (st >= 0)
        st = records_make(&plan, &drafts, err);
    key_walk_destroy(walk);
    free(drafts.items);
    if (st < 0)
        remake_plan_finish(&plan);
    else
        *out = plan;
    return st;
}
