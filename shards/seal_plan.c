/* seal_plan.c: captions and origins of the samples of one prefix. */
#include "seal_plan.h"
#include "origin.h"
#include "record.h"

#include "image/wit_image_transcode.h"

#include <stdlib.h>

/* The words and pages of one image at a time; only an image seen on millions of pages needs much.
 */
#define SCRATCH_MAX_BYTES ((size_t)16 << 30)
#define PLAN_MAX_BYTES ((size_t)64 << 30) /* texts of one prefix */
/* Transcoded images that a plan keeps until they are written; others are transcoded again. */
#define BODIES_HELD_BYTES ((size_t)256 << 20)
#define ORIGIN_STOP_BYTES ((size_t)16 << 20)

/* A URL under which the bytes arrived. */
struct place {
    struct plan_body body;
    struct collect_image meta;
    struct wit_str head; /* as in the log */
    size_t said_from, said_to;
    unsigned generation; /* of the bytes: the last generation is the smallest */
    bool is_stored;      /* its bytes are those that are stored */
};

/* Words that keep() let through, with the page they stood on, what a list said beside them and what
 * the page said of use. */
struct said {
    struct record_caption caption;
    struct wit_str page, extra, rights;
};

struct planner {
    const struct join *join;
    const struct wit_shards_seal_config *cfg;
    struct segment_reader candidates, images[COLLECT_GROUPS];
    struct wit_arena *arena; /* heads and words of the key at hand */
    struct place *places;
    size_t place_count, place_cap;
    struct said *said;
    size_t said_count, said_cap;
    struct record_caption *captions;
    size_t caption_cap;
    struct wit_buf smallest, other, made; /* bodies */
};

int planner_create(const struct join *join, const struct wit_shards_seal_config *cfg,
                   struct planner **out, struct wit_error *err) {
    char path[WIT_PATH_MAX];
    struct planner *p = calloc(1, sizeof *p);
    if (!p)
        return wit_error_set(err, WIT_ENOMEM, "no memory for sealing");
    p->join = join;
    p->cfg = cfg;
    p->smallest = p->other = p->made = (struct wit_buf)WIT_BUF_INIT(SEGMENT_MAX_BODY_BYTES);
    p->candidates.fd = -1;
    for (unsigned g = 0; g < COLLECT_GROUPS; g++)
        p->images[g].fd = -1;
    p->arena = wit_arena_create(SCRATCH_MAX_BYTES);
    int st = p->arena ? 0 : wit_error_set(err, WIT_ENOMEM, "no memory for sealing");
    if (st >= 0)
        st = collect_path(path, join->dir, "candidates.log", err);
    if (st >= 0)
        st = segment_reader_open(&p->candidates, path, SEGMENT_CANDIDATES, join->commit.candidates,
                                 err);
    for (unsigned g = 0; g < COLLECT_GROUPS && st >= 0; g++) {
        st = collect_images_path(path, join->dir, g, err);
        if (st >= 0)
            st = segment_reader_open(&p->images[g], path, SEGMENT_IMAGES, join->commit.images[g],
                                     err);
    }
    if (st < 0)
        planner_destroy(p);
    else
        *out = p;
    return st;
}

void planner_destroy(struct planner *p) {
    if (!p)
        return;
    segment_reader_close(&p->candidates);
    for (unsigned g = 0; g < COLLECT_GROUPS; g++)
        segment_reader_close(&p->images[g]);
    wit_arena_destroy(p->arena);
    free(p->places);
    free(p->said);
    free(p->captions);
    wit_buf_finish(&p->smallest);
    wit_buf_finish(&p->other);
    wit_buf_finish(&p->made);
    free(p);
}

const volatile int *planner_interrupt(const struct planner *p) {
    return p->cfg->interrupt;
}

void plan_finish(struct plan *plan) {
    free(plan->records);
    plan->records = NULL;
    wit_buf_finish(&plan->fronts);
    wit_buf_finish(&plan->origins);
    wit_buf_finish(&plan->bodies);
}

static int no_memory(struct wit_error *err) {
    return wit_error_set(err, WIT_ENOMEM, "no memory for the captions of a sample");
}

static int room(void **items, size_t count, size_t *cap, size_t size, struct wit_error *err) {
    if (count < *cap)
        return 0;
    size_t more = *cap ? 2 * *cap : 64;
    void *bigger = wit_realloc_array(*items, more, size);
    if (!bigger)
        return no_memory(err);
    *items = bigger;
    *cap = more;
    return 0;
}

static int keep_str(struct wit_arena *arena, struct wit_str *s, struct wit_error *err) {
    if (s->len == 0)
        return 0;
    const char *copy = wit_arena_copy(arena, s->data, s->len);
    if (!copy)
        return no_memory(err);
    s->data = copy;
    return 0;
}

static struct segment_reader *images_of(struct planner *p, struct wit_hash128 key) {
    return &p->images[key.hi >> (64 - COLLECT_GROUP_BITS)];
}

/* Read the bytes that were collected into `out` and verify them. */
static int body_get(struct planner *p, struct wit_hash128 key, const struct plan_body *body,
                    void *out, struct wit_error *err) {
    const struct segment_frame frame = { .offset = body->frame,
                                         .body_offset = body->frame + body->lead,
                                         .body_bytes = body->bytes,
                                         .body_hash = body->hash };
    return segment_reader_body(images_of(p, key), &frame, out, err);
}

static int body_read(struct planner *p, struct wit_hash128 key, const struct plan_body *body,
                     struct wit_buf *buf, struct wit_error *err) {
    size_t bytes = body->bytes;
    wit_buf_reset(buf);
    int st = wit_buf_reserve(buf, bytes ? bytes : 1);
    if (st < 0)
        return wit_error_set(err, st, "no memory for an image of %zu bytes", bytes);
    st = body_get(p, key, body, buf->data, err);
    if (st >= 0)
        buf->len = bytes;
    return st;
}

/* 1 with the file in p->made, 0: it stays as it is. */
static int transcode(struct planner *p, const struct plan_record *r, struct wit_image_info *info,
                     struct wit_error *err) {
    static const struct wit_image_limits limits = WIT_IMAGE_LIMITS_DEFAULT;
    int st = body_read(p, r->key, &r->body, &p->other, err);
    if (st < 0)
        return st;
    st = wit_image_transcode_baseline(wit_buf_view(&p->other), &limits, &p->made, info, NULL);
    return st == WIT_ENOMEM ? no_memory(err) : st > 0;
}

int planner_body(struct planner *p, const struct plan *plan, uint64_t index, void *out,
                 struct wit_error *err) {
    const struct plan_record *r = &plan->records[index];
    struct wit_image_info info;
    if (!r->transcoded)
        return body_get(p, r->key, &r->body, out, err);
    if (r->body_at != PLAN_NOT_HELD) {
        memcpy(out, plan->bodies.data + r->body_at, r->body_bytes);
        return 0;
    }
    int st = transcode(p, r, &info, err);
    if (st >= 0 && (st == 0 || p->made.len != r->body_bytes))
        return wit_error_set(err, WIT_EINTERNAL, "an image was transcoded twice and differs");
    if (st >= 0)
        memcpy(out, p->made.data, p->made.len);
    return st < 0 ? st : 0;
}

void planner_expect(struct planner *p, const struct plan_record *record) {
    const struct plan_body *body = &record->body;
    if (!record->transcoded || record->body_at == PLAN_NOT_HELD)
        segment_reader_expect(images_of(p, record->key), body->frame + body->lead, body->bytes);
}

/* ---- words ---------------------------------------------------------------------------------- */

static int said_order(const void *x, const void *y) {
    const struct said *a = x, *b = y;
    int order = record_caption_cmp(&a->caption, &b->caption);
    if (order == 0)
        order = wit_str_cmp(a->page, b->page);
    if (order == 0)
        order = wit_str_cmp(a->extra, b->extra);
    return order ? order : wit_str_cmp(a->rights, b->rights);
}

/* A site says the same on each of its pages: one copy for a run of equal ones. */
static int rights_keep(struct planner *p, struct wit_str *rights, struct wit_error *err) {
    const struct said *last = p->said_count ? &p->said[p->said_count - 1] : NULL;
    if (!last || !wit_str_eq(last->rights, *rights))
        return keep_str(p->arena, rights, err);
    *rights = last->rights;
    return 0;
}

/* Copy what a frame of the candidate log says to p->said, if it is about this URL. */
static int word_read(struct planner *p, struct wit_str url, uint64_t offset,
                     struct wit_error *err) {
    struct segment_frame frame;
    struct wit_shards_candidate cand;
    int st = segment_reader_at(&p->candidates, offset, &frame, err);
    if (st >= 0)
        st = collect_candidate_decode(frame.head, &cand, err);
    if (st < 0)
        return st;
    if (!wit_str_eq(cand.url, url))
        return 0; /* another URL with the same hash */
    if (keep_str(p->arena, &cand.text, err) < 0 || keep_str(p->arena, &cand.page, err) < 0 ||
        keep_str(p->arena, &cand.extra, err) < 0 || rights_keep(p, &cand.rights, err) < 0)
        return WIT_ENOMEM;
    st = room((void **)&p->said, p->said_count, &p->said_cap, sizeof *p->said, err);
    if (st < 0)
        return st;
    p->said[p->said_count++] = (struct said){
        .caption = { .text = cand.text, .source = (uint16_t)cand.source },
        .page = cand.page,
        .extra = cand.extra,
        .rights = cand.rights,
    };
    return 0;
}

/* Sort what was read from `from` on, drop repeats, and ask keep() once for each text; its failure
 * is ours. */
static int words_judge(struct planner *p, struct wit_str url, size_t from, bool count,
                       struct plan *plan, struct wit_error *err) {
    struct said *s = p->said + from;
    size_t read = p->said_count - from, kept = 0;
    bool stays = true;
    if (read)
        qsort(s, read, sizeof *s, said_order);
    struct wit_str text = { NULL, 0 };
    for (size_t i = 0; i < read; i++) {
        if (i == 0 || !wit_str_eq(s[i].caption.text, text)) {
            text = s[i].caption.text;
            if (wit_shards_removed_caption(p->join->removed, text)) {
                stays = false;
                plan->removed_pairs += count;
                continue;
            }
            stays = true;
            const struct wit_shards_candidate cand = {
                .url = url,
                .text = text,
                .source = (enum wit_shards_source)s[i].caption.source,
                .page = s[i].page,
                .extra = s[i].extra,
                .rights = s[i].rights,
            };
            int st = p->cfg->keep ? p->cfg->keep(p->cfg->user, &cand, &stays, err) : 0;
            if (st < 0)
                return st;
            plan->dropped_pairs += count && !stays;
        }
        if (stays && (kept == 0 || said_order(&s[kept - 1], &s[i]) != 0))
            s[kept++] = s[i];
    }
    p->said_count = from + kept;
    return 0;
}

/* ---- places --------------------------------------------------------------------------------- */

/* Was the image, or where it was asked for, or where that led, removed? 1, 0, WIT_ENOMEM. */
static int is_removed(const struct planner *p, const struct collect_image *image) {
    const struct wit_shards_removed *removed = p->join->removed;
    if (wit_shards_removed_key(removed, image->key))
        return 1;
    int st = wit_shards_removed_url(removed, image->fetched.url);
    return st ? st : wit_shards_removed_url(removed, image->fetched.final_url);
}

/* The entries of a prefix, one ahead. */
struct entries {
    struct spill_cursor cursor;
    struct join_entry next;
    bool more;
};

static int entries_step(struct entries *e, struct wit_error *err) {
    const uint8_t *record;
    int st = spill_cursor_next(&e->cursor, &record, err);
    e->more = st > 0;
    if (e->more)
        e->next = join_entry_get(record);
    return st;
}

/* The image at hand and the words behind it. */
static int place_read(struct planner *p, struct entries *e, struct plan *plan,
                      struct wit_error *err) {
    const struct join_entry image = e->next;
    struct segment_frame frame;
    int st = room((void **)&p->places, p->place_count, &p->place_cap, sizeof *p->places, err);
    if (st >= 0)
        st = segment_reader_at(images_of(p, image.key), image.image, &frame, err);
    if (st < 0)
        return st;
    struct place place = { .body = { .frame = frame.offset,
                                     .hash = frame.body_hash,
                                     .lead = (uint32_t)(frame.body_offset - frame.offset),
                                     .bytes = (uint32_t)frame.body_bytes },
                           .head = frame.head,
                           .said_from = p->said_count };
    if (keep_str(p->arena, &place.head, err) < 0)
        return WIT_ENOMEM;
    st = collect_image_decode(place.head, &place.meta, err);
    if (st < 0)
        return st;
    const int removed = is_removed(p, &place.meta);
    if (removed < 0)
        return no_memory(err);
    plan->removed_images += (uint64_t)removed;
    struct wit_str url = place.meta.fetched.url;
    const struct place *last = p->place_count ? &p->places[p->place_count - 1] : NULL;
    bool first = !last || !wit_str_eq(last->meta.fetched.url, url);
    while ((st = entries_step(e, err)) > 0 && e->next.is_word)
        if (!removed && (st = word_read(p, url, e->next.candidate, err)) < 0)
            break;
    if (st < 0 || removed)
        return st < 0 ? st : 0;
    st = words_judge(p, url, place.said_from, first, plan, err);
    if (st < 0)
        return st;
    place.said_to = p->said_count;
    if (place.said_to > place.said_from) /* an image without words left is no sample */
        p->places[p->place_count++] = place;
    return 0;
}

static int place_body(struct planner *p, const struct place *place, struct wit_buf *buf,
                      struct wit_error *err) {
    return body_read(p, place->meta.key, &place->body, buf, err);
}

static int place_order(const void *x, const void *y) {
    const struct place *a = x, *b = y;
    int order = wit_str_cmp(a->meta.fetched.url, b->meta.fetched.url);
    if (order == 0 && a->meta.fetched.fetched_at_s != b->meta.fetched.fetched_at_s)
        order = a->meta.fetched.fetched_at_s < b->meta.fetched.fetched_at_s ? -1 : 1;
    return order ? order : wit_str_cmp(a->head, b->head);
}

/* A hash is no proof: where several URLs gave bytes with one key, the bytes are compared. The
 * string that sorts first is stored, places with another one leave, unless either is not as it was
 * fetched: one image may be kept in several sizes, and the words of all count. Then by URL, the
 * earliest fetch of each. */
static int places_agree(struct planner *p, struct plan *plan, struct wit_error *err) {
    unsigned generation = 0;
    size_t kept = 0;
    int st = p->place_count > 1 ? place_body(p, &p->places[0], &p->smallest, err) : 0;
    for (size_t i = 1; i < p->place_count && st >= 0; i++) {
        struct place *place = &p->places[i];
        st = place_body(p, place, &p->other, err);
        if (st < 0)
            break;
        int order = wit_str_cmp(wit_buf_view(&p->other), wit_buf_view(&p->smallest));
        if (order < 0) {
            struct wit_buf smaller = p->other;
            p->other = p->smallest;
            p->smallest = smaller;
            generation++;
        }
        place->generation = order > 0 ? UINT32_MAX : generation;
    }
    if (st < 0)
        return st;
    bool changed = false;
    for (size_t i = 0; i < p->place_count; i++) {
        struct place *place = &p->places[i];
        place->is_stored = place->generation == generation;
        changed |= place->is_stored && place->meta.fetched.changed;
    }
    for (size_t i = 0; i < p->place_count; i++) {
        if (p->places[i].is_stored || changed || p->places[i].meta.fetched.changed)
            p->places[kept++] = p->places[i];
        else
            plan->collisions++;
    }
    p->place_count = kept;
    if (kept)
        qsort(p->places, kept, sizeof *p->places, place_order);
    return 0;
}

static bool place_repeats(const struct planner *p, size_t i) {
    return i > 0 && wit_str_eq(p->places[i].meta.fetched.url, p->places[i - 1].meta.fetched.url);
}

/* ---- samples -------------------------------------------------------------------------------- */

/* The set of captions of all places into p->captions, cut at the ceilings. */
static int captions_gather(struct planner *p, uint32_t *count, struct plan *plan,
                           struct wit_error *err) {
    size_t all = 0, cut = 0;
    for (size_t i = 0; i < p->place_count; i++)
        for (size_t k = p->places[i].said_from; k < p->places[i].said_to; k++) {
            int st = room((void **)&p->captions, all, &p->caption_cap, sizeof *p->captions, err);
            if (st < 0)
                return st;
            p->captions[all++] = p->said[k].caption;
        }
    *count = record_captions_make(p->captions, all, &cut);
    plan->captions_cut += cut;
    return 0;
}

static int origin_line(const struct planner *p, size_t place, uint32_t caption_count,
                       struct wit_buf *out) {
    struct origin_writer w;
    origin_begin(&w, &p->places[place].meta.fetched, out);
    for (size_t k = p->places[place].said_from; k < p->places[place].said_to; k++) {
        const struct said *s = &p->said[k];
        origin_seen(&w, record_caption_find(p->captions, caption_count, &s->caption), s->page,
                    s->extra, s->rights);
    }
    return origin_end(&w);
}

static int origins_write(const struct planner *p, uint32_t caption_count, struct plan *plan,
                         struct wit_error *err) {
    size_t start = plan->origins.len, left_out = 0;
    int st = 0;
    for (size_t i = 0; i < p->place_count && st >= 0; i++) {
        if (place_repeats(p, i))
            continue;
        plan->duplicate_images += i > 0;
        if (plan->origins.len - start > ORIGIN_STOP_BYTES)
            left_out++;
        else
            st = origin_line(p, i, caption_count, &plan->origins);
    }
    if (st >= 0 && left_out)
        st = wit_buf_printf(&plan->origins, "{\"urls_left_out\":%zu}\n", left_out);
    return st < 0 ? wit_error_set(err, st, "no room for the origins of a sample") : 0;
}

/* The place whose image is stored. Facts about one byte string that two fetches could only disagree
 * on by mistake: the smaller. */
static const struct place *place_choose(const struct planner *p) {
    enum { INFO_AT = 24, INFO_BYTES = 16 };
    const struct place *best = NULL;
    for (size_t i = 0; i < p->place_count; i++)
        if (p->places[i].is_stored && (!best || memcmp(p->places[i].head.data + INFO_AT,
                                                       best->head.data + INFO_AT, INFO_BYTES) < 0))
            best = &p->places[i];
    return best;
}

/* Progressive JPEGs as sequential ones, where that is wanted and can be. */
static int image_plan(struct planner *p, struct plan_record *r, struct record_image *image,
                      struct plan *plan, struct wit_error *err) {
    if (p->cfg->transcode != WIT_SHARDS_TRANSCODE_BASELINE ||
        image->info.format != WIT_IMAGE_JPEG || !image->info.progressive)
        return 0;
    const uint32_t width = image->info.width, height = image->info.height;
    int st = transcode(p, r, &image->info, err);
    plan->transcoded += st > 0;
    plan->not_transcoded += st == 0;
    if (st <= 0)
        return st;
    image->bytes = r->body_bytes = p->made.len;
    image->hash = wit_hash128_of(p->made.data, p->made.len);
    image->changed |= WIT_SHARDS_TRANSCODED;
    r->transcoded = true;
    r->body_at = plan->bodies.len;
    if (wit_buf_append_str(&plan->bodies, wit_buf_view(&p->made)) < 0)
        r->body_at = PLAN_NOT_HELD;
    for (size_t i = 0; i < p->place_count; i++) { /* what the origins say of it */
        struct wit_shards_fetched *f = &p->places[i].meta.fetched;
        if (f->changed)
            continue;
        f->changed = WIT_SHARDS_TRANSCODED;
        f->fetched_width = width;
        f->fetched_height = height;
    }
    return 0;
}

static int sample_plan(struct planner *p, struct wit_hash128 key, struct plan *plan,
                       struct wit_error *err) {
    uint32_t captions;
    int st = captions_gather(p, &captions, plan, err);
    if (st >= 0)
        st = room((void **)&plan->records, plan->count, &plan->cap, sizeof *plan->records, err);
    if (st < 0)
        return st;
    const struct place *stored = place_choose(p);
    struct plan_record r = {
        .key = key,
        .body = stored->body,
        .captions = captions,
        .body_bytes = stored->body.bytes,
        .front_at = plan->fronts.len,
        .origin_at = plan->origins.len,
    };
    struct record_image image = { .info = stored->meta.fetched.info,
                                  .bytes = r.body_bytes,
                                  .hash = stored->meta.stored,
                                  .changed = stored->meta.fetched.changed };
    st = image_plan(p, &r, &image, plan, err);
    if (st < 0)
        return st;
    st = record_front_encode(key, &image, p->captions, captions, &plan->fronts);
    if (st < 0)
        return wit_error_set(err, st, "no room for the captions of a sample");
    st = origins_write(p, captions, plan, err);
    if (st < 0)
        return st;
    r.front_bytes = plan->fronts.len - r.front_at;
    r.origin_bytes = plan->origins.len - r.origin_at;
    plan->records[plan->count++] = r;
    plan->pairs += captions;
    plan->image_bytes += r.body_bytes;
    return 0;
}

int plan_digest(struct plan *plan, struct wit_error *err) {
    struct wit_hasher *h = wit_hasher_create();
    if (!h)
        return no_memory(err);
    for (uint64_t i = 0; i < plan->count; i++) {
        const struct plan_record *r = &plan->records[i];
        uint8_t head[32];
        wit_hash128_to_bytes(r->key, head);
        wit_store_be64(head + 16, r->front_bytes);
        wit_store_be64(head + 24, r->origin_bytes);
        wit_hasher_update(h, head, sizeof head);
        wit_hasher_update(h, plan->fronts.data + r->front_at, r->front_bytes);
        wit_hasher_update(h, plan->origins.data + r->origin_at, r->origin_bytes);
    }
    plan->digest = wit_hasher_digest(h);
    wit_hasher_destroy(h);
    return 0;
}

int plan_part_total(struct plan *part, struct wit_error *err) {
    part->pairs = part->image_bytes = 0;
    for (size_t i = 0; i < part->count; i++) {
        part->pairs += part->records[i].captions;
        part->image_bytes += part->records[i].body_bytes;
    }
    return plan_digest(part, err);
}

int planner_plan(struct planner *p, uint64_t from, uint64_t to, struct plan *out,
                 struct wit_error *err) {
    struct plan plan = { .fronts = WIT_BUF_INIT(PLAN_MAX_BYTES),
                         .origins = WIT_BUF_INIT(PLAN_MAX_BYTES),
                         .bodies = WIT_BUF_INIT(BODIES_HELD_BYTES) };
    struct entries e;
    int st = spill_cursor_begin(&e.cursor, p->join->entries, from, to, err);
    if (st >= 0)
        st = entries_step(&e, err);
    while (st >= 0 && e.more) {
        struct wit_hash128 key = e.next.key;
        wit_arena_reset(p->arena);
        p->place_count = p->said_count = 0;
        while (st >= 0 && e.more && wit_hash128_eq(e.next.key, key))
            st = place_read(p, &e, &plan, err);
        if (st >= 0)
            st = places_agree(p, &plan, err);
        if (st >= 0 && p->place_count)
            st = sample_plan(p, key, &plan, err);
        if (st >= 0 && p->cfg->interrupt && *p->cfg->interrupt)
            st = wit_error_set(err, WIT_ECANCELED, "interrupted while sealing %s", p->join->dir);
    }
    spill_cursor_finish(&e.cursor);
    if (st >= 0)
        st = plan_digest(&plan, err);
    if (st < 0)
        plan_finish(&plan);
    else
        *out = plan;
    return st;
}
