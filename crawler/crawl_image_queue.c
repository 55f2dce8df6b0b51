/*
 * crawl_image_queue.c: images, from the candidates to the collector. They have no queue of their
 * own on disk: which of them are still to be asked for follows from the candidates in the
 * collector's log, the judge, and the outcomes in its index. A run that goes on reads the log,
 * slice by slice, and so does one that finds more images than may wait in memory: at the reactors,
 * or parked because their domain has its share there.
 */
#include "blocked_log.h"
#include "crawl_state.h"
#include "stored_note.h"

#include <stdlib.h>

enum { LOG_SLICE = 5000 }; /* candidates of the log judged between looking at what came back */

/* ---- out ------------------------------------------------------------------------------------- */

static int image_send(struct crawl *c, struct wit_str url, struct wit_str digest,
                      struct wit_error *err) {
    struct crawl_task *t = crawl_task_create(WIT_CRAWLER_IMAGE, url);
    int st = t ? wit_buf_append_str(&t->digest, digest) : WIT_ENOMEM;
    if (st < 0) {
        crawl_task_destroy(t);
        return wit_error_set(err, st, "no room for an image's task");
    }
    crawl_send(c, t);
    return 0;
}

static int image_want(struct crawl *c, const struct wit_shards_candidate *cand,
                      struct wit_error *err) {
    struct wit_str url = cand->url;
    uint64_t domain;
    if (wit_shards_collector_find(c->collector, url) != 0)
        return 0;
    if (image_shares_is_full(c->shares)) {
        c->log_behind = true; /* its candidate is in the log, or will be: see log_read */
        return 0;
    }
    const struct wit_hash128 key = wit_hash128_of(url.data, url.len);
    int st = key_set_add(&c->images, key);
    if (st <= 0)
        return st < 0 ? crawl_no_memory(err) : 0;
    if (crawl_domain_of(c, url, &domain) == WIT_ENOMEM)
        return crawl_no_memory(err);
    if (image_shares_may_go(c->shares, domain))
        return image_send(c, url, cand->digest, err);
    st = image_shares_park(c->shares, domain, url, cand->digest);
    if (st == WIT_ELIMIT) {
        key_set_remove(&c->images, key);
        c->log_behind = true;
    }
    return st == WIT_ENOMEM ? crawl_no_memory(err) : 0;
}

/* An image of the domain is back: those of it that were parked may be next. */
static int parked_send(struct crawl *c, uint64_t domain, struct wit_error *err) {
    int st = 0;
    for (struct parked_image *p; st >= 0 && (p = image_shares_unpark(c->shares, domain));) {
        st = image_send(c, wit_str_of(p->text, p->url_len),
                        wit_str_of(p->text + p->url_len, p->digest_len), err);
        free(p);
    }
    return st;
}

int crawl_candidate_judge(struct crawl *c, const struct wit_shards_candidate *cand,
                          struct wit_error *err) {
    bool want = true;
    int st = c->cfg->judge ? c->cfg->judge(c->cfg->user, cand, &want, err) : 0;
    return st < 0 || !want ? st : image_want(c, cand, err);
}

static int on_logged(void *user, const struct wit_shards_candidate *cand, struct wit_error *err) {
    struct crawl *c = user;
    int st = crawl_candidate_judge(c, cand, err);
    return st < 0 ? st : --c->slice == 0 || image_shares_is_full(c->shares);
}

/* 0: the end of what is committed was reached. */
static int log_slice(struct crawl *c, struct wit_error *err) {
    c->slice = LOG_SLICE;
    return wit_shards_candidates_from(c->cfg->dir, &c->log_position, on_logged, c, err);
}

bool crawl_log_may_be_read(const struct crawl *c) {
    return c->log_behind && image_shares_is_half_empty(c->shares);
}

/* Judge a slice of the log where images of it have had no room. At its end nothing is left behind,
 * once what was added since the last commit has been read too. */
int crawl_log_read(struct crawl *c, struct wit_error *err) {
    int st = log_slice(c, err);
    if (st == 0 && c->changed) {
        st = crawl_commit(c, err);
        if (st >= 0)
            st = log_slice(c, err);
    }
    if (st == 0)
        c->log_behind = false;
    return st < 0 ? st : 0;
}

/* ---- in -------------------------------------------------------------------------------------- */

/* A blocked image is not named in refused.jsonl, so that no later run asks for it again. */
static int image_refused(struct crawl *c, const struct crawl_task *t, struct wit_error *err) {
    struct refusal_line line = crawl_refusal_of(t, t->reason);
    const bool blocked = wit_str_eq(line.reason, WIT_STR(CRAWL_BLOCKED_HASH));
    int st = wit_shards_collector_add_refusal(c->collector, line.url, line.reason, err);
    if (st >= 0 && blocked)
        st = blocked_log_add(c->cfg->dir, c->cfg->blocklist, &t->blocked, line.url, err);
    if (blocked)
        line.url = wit_str_of(NULL, 0);
    return st < 0 ? st : crawl_refusal_note(c, &line, 1, err);
}

/* An image whose bytes were removed under whatever URL. */
static void image_recognise(struct crawl *c, struct crawl_task *t) {
    const struct wit_shards_removed *removed = wit_shards_collector_removed(c->collector);
    if (t->outcome != CRAWL_ARRIVED || wit_shards_removed_is_empty(removed))
        return;
    const struct wit_hash128 key =
        t->changed ? t->fetched_key : wit_hash128_of(t->body.data, t->body.len);
    if (wit_shards_removed_key(removed, key)) {
        t->outcome = CRAWL_REFUSED;
        t->reason = WIT_SHARDS_REMOVED_REASON;
    }
}

int crawl_image_done(struct crawl *c, struct crawl_task *t, struct wit_error *err) {
    struct wit_str url = wit_buf_view(&t->url);
    const uint64_t domain = t->domain;
    int st = 0;
    image_shares_back(c->shares, domain);
    image_recognise(c, t);
    if (t->outcome == CRAWL_REDIRECTED) {
        crawl_send(c, t);
        return parked_send(c, domain, err);
    }
    if (t->outcome == CRAWL_ARRIVED) {
        const struct wit_shards_fetched image = {
            .url = url,
            .final_url = crawl_task_address(t),
            .bytes = wit_buf_view(&t->body),
            .info = t->info,
            .changed = t->changed,
            .fetched_key = t->fetched_key,
            .fetched_width = t->fetched_width,
            .fetched_height = t->fetched_height,
            .fetched_at_s = t->fetched_at_s,
            .headers = wit_buf_view(&t->headers),
            .rights = wit_buf_view(&t->rights),
        };
        st = c->run_images++ == 0 ? stored_note_add(c->cfg, err) : 0;
        if (st >= 0)
            st = wit_shards_collector_add_image(c->collector, &image, err);
    } else if (!crawl_is_ours(t)) {
        st = image_refused(c, t, err);
    }
    key_set_remove(&c->images, wit_hash128_of(url.data, url.len));
    crawl_task_destroy(t);
    return st < 0 ? st : parked_send(c, domain, err);
}
