/*
 * wiki_count.c: each thread takes the next piece of the dump, unpacks it, and waits for its turn;
 * in its turn it takes what the piece before left over, which ends within a page, and leaves its
 * own rest. Then it counts the whole pages that it has, while others have their turns. So nothing
 * but reading and the cut are one after the other, and a page may be longer than any number of
 * pieces.
 */
#include "wiki_count.h"

#include "wiki_source.h"

#include <pthread.h>
#include <stdlib.h>

enum { THREADS_MAX = 256, AHEAD = 10, HEAD_MAX_BYTES = 1 << 20 };

struct worker {
    struct wiki_counter *counter;
    pthread_t thread;
    bool main; /* the caller's thread */
    struct gram_table *words, *pairs;
    struct wiki_unpacker *unpacker;
    struct wiki_piece piece;
    struct wit_buf pages; /* the rest of the piece before, and the piece */
    struct wit_buf wikitext, plain;
    struct words_list list;
    uint64_t *hashes; /* of the list's words */
    size_t hashes_cap;
    struct wiki_counts counts;
};

struct wiki_counter {
    struct wiki_count_config cfg;
    struct words_cutter *cutter;
    struct worker *workers; /* cfg.threads */
    const char *path;

    pthread_mutex_t read_lock; /* guards source, taken; before turn_lock */
    struct wiki_source *source;
    uint64_t taken; /* pieces */

    pthread_mutex_t turn_lock; /* guards what follows */
    pthread_cond_t turned;
    uint64_t turn;       /* number of the piece whose turn it is */
    struct wit_buf rest; /* what pieces before it left over */
    bool named;          /* names are read: they don't change any more, and need no lock */
    struct wiki_names names;
    int status; /* of the first failure */
    struct wit_error error;
};

/* ---- life ------------------------------------------------------------------------------------ */

static void worker_finish(struct worker *w) {
    gram_table_destroy(w->words);
    gram_table_destroy(w->pairs);
    wiki_unpacker_destroy(w->unpacker);
    wit_buf_finish(&w->piece.bytes);
    wit_buf_finish(&w->pages);
    wit_buf_finish(&w->wikitext);
    wit_buf_finish(&w->plain);
    words_list_finish(&w->list);
    free(w->hashes);
}

static int worker_init(struct worker *w, struct wiki_counter *c, struct wit_error *err) {
    size_t bytes = c->cfg.memory_bytes / c->cfg.threads;
    size_t words = c->cfg.pairs ? bytes / 4 : bytes;
    w->counter = c;
    w->piece.bytes = (struct wit_buf)WIT_BUF_INIT(WIKI_PACKED_MAX_BYTES + 1024);
    w->pages = (struct wit_buf)WIT_BUF_INIT(WIKI_PAGE_MAX_BYTES + WIKI_PIECE_MAX_BYTES);
    w->wikitext = (struct wit_buf)WIT_BUF_INIT(2 * (size_t)WIKI_PAGE_MAX_BYTES);
    w->plain = (struct wit_buf)WIT_BUF_INIT(3 * (size_t)WIKI_PAGE_MAX_BYTES);
    w->unpacker = wiki_unpacker_create();
    if (!w->unpacker)
        return wit_error_set(err, WIT_ENOMEM, "no memory to count");
    int st = gram_table_create(GRAM_WORDS, words, &w->words, err);
    if (st >= 0 && c->cfg.pairs)
        st = gram_table_create(GRAM_PAIRS, bytes - words, &w->pairs, err);
    return st;
}

int wiki_counter_create(const struct wiki_count_config *cfg, struct wiki_counter **out,
                        struct wit_error *err) {
    int st = 0;
    if (!cfg->threads || cfg->threads > THREADS_MAX)
        return wit_error_set(err, WIT_EINVAL, "1 to %d threads count, not %u", THREADS_MAX,
                             cfg->threads);
    struct wiki_counter *c = calloc(1, sizeof *c);
    if (!c)
        return wit_error_set(err, WIT_ENOMEM, "no memory to count");
    c->cfg = *cfg;
    pthread_mutex_init(&c->read_lock, NULL);
    pthread_mutex_init(&c->turn_lock, NULL);
    pthread_cond_init(&c->turned, NULL);
    c->rest = (struct wit_buf)WIT_BUF_INIT(WIKI_PAGE_MAX_BYTES);
    c->cutter = words_cutter_create();
    c->workers = wit_alloc_array(cfg->threads, sizeof *c->workers);
    if (!c->cutter || !c->workers)
        st = wit_error_set(err, WIT_ENOMEM, "no memory to count");
    for (unsigned i = 0; i < cfg->threads && st >= 0; i++)
        st = worker_init(&c->workers[i], c, err);
    if (st < 0) {
        wiki_counter_destroy(c);
        return st;
    }
    *out = c;
    return 0;
}

void wiki_counter_destroy(struct wiki_counter *c) {
    if (!c)
        return;
    for (unsigned i = 0; c->workers && i < c->cfg.threads; i++)
        worker_finish(&c->workers[i]);
    free(c->workers);
    words_cutter_destroy(c->cutter);
    wit_buf_finish(&c->rest);
    wiki_names_finish(&c->names);
    pthread_cond_destroy(&c->turned);
    pthread_mutex_destroy(&c->turn_lock);
    pthread_mutex_destroy(&c->read_lock);
    free(c);
}

/* ---- one page -------------------------------------------------------------------------------- */

static int hash_words(struct worker *w) {
    struct words_list *l = &w->list;
    if (w->hashes_cap < l->cap) {
        uint64_t *hashes = wit_realloc_array(w->hashes, l->cap, sizeof *hashes);
        if (!hashes)
            return WIT_ENOMEM;
        w->hashes = hashes;
        w->hashes_cap = l->cap;
    }
    for (size_t i = 0; i < l->count; i++)
        w->hashes[i] = wit_hash64_of(w->plain.data + l->items[i].at, l->items[i].len, 0);
    return 0;
}

static int count_words(struct worker *w, struct wit_error *err) {
    const struct words_list *l = &w->list;
    int st = 0;
    for (size_t i = 0; i < l->count && st >= 0; i++) {
        struct gram g = { .key = w->hashes[i], .count = 1 };
        g.text = wit_str_of(w->plain.data + l->items[i].at, l->items[i].len);
        if (i + AHEAD < l->count)
            gram_table_prefetch(w->words, w->hashes[i + AHEAD]);
        st = gram_table_add(w->words, &g, err);
    }
    w->counts.words += l->count;
    return st;
}

static int count_pairs(struct worker *w, struct wit_error *err) {
    const struct words_list *l = &w->list;
    const uint64_t *h = w->hashes;
    int st = 0;
    for (size_t i = 1; i < l->count && st >= 0; i++) {
        size_t ahead = i + AHEAD;
        if (ahead < l->count && l->items[ahead].follows)
            gram_table_prefetch(w->pairs, gram_pair_key(h[ahead - 1], h[ahead]));
        if (!l->items[i].follows)
            continue;
        struct gram g = { .key = gram_pair_key(h[i - 1], h[i]), .second = h[i], .count = 1 };
        st = gram_table_add(w->pairs, &g, err);
        w->counts.pairs++;
    }
    return st;
}

static int page_count(struct worker *w, const struct wiki_page *page, struct wit_error *err) {
    w->counts.pages++;
    if (!page->article)
        return 0;
    w->counts.articles++;
    wit_buf_reset(&w->wikitext);
    wit_buf_reset(&w->plain);
    int st = wiki_xml_decode(page->text, &w->wikitext);
    if (st >= 0)
        st = wiki_text_append(wit_buf_view(&w->wikitext), &w->counter->names, &w->plain);
    if (st >= 0)
        st = words_cut(w->counter->cutter, wit_buf_view(&w->plain), &w->list);
    if (st >= 0)
        st = hash_words(w);
    if (st < 0)
        return wit_error_set(err, st, "'%s': cannot take the page '%.*s': %s", w->counter->path,
                             (int)(page->title.len < 200 ? page->title.len : 200),
                             page->title.data ? page->title.data : "", wit_status_meaning(st));
    st = count_words(w, err);
    return st < 0 || !w->pairs ? st : count_pairs(w, err);
}

static int pages_count(struct worker *w, struct wit_error *err) {
    struct wit_str xml = wit_buf_view(&w->pages);
    struct wiki_page page;
    size_t at = 0;
    int st = 0;
    while (st >= 0 && wiki_page_next(xml, &at, &page))
        st = page_count(w, &page, err);
    return st;
}

/* ---- turns ----------------------------------------------------------------------------------- */

static void fail(struct wiki_counter *c, int st, const struct wit_error *why) {
    pthread_mutex_lock(&c->turn_lock);
    if (c->status >= 0) {
        c->status = st;
        c->error = *why;
    }
    pthread_cond_broadcast(&c->turned);
    pthread_mutex_unlock(&c->turn_lock);
}

/* Where the last whole page of what is behind `from` ends; 0: there is none. */
static size_t last_page_end(struct wit_str xml, size_t from) {
    static const char mark[] = "</page>";
    const size_t len = sizeof mark - 1;
    for (size_t end = xml.len; end >= from + len;) {
        const char *close = memrchr(xml.data + from, '>', end - from);
        if (!close)
            break;
        end = (size_t)(close - xml.data) + 1;
        if (end >= from + len && memcmp(xml.data + end - len, mark, len) == 0)
            return end;
        end--;
    }
    return 0;
}

/* What stands before the first page names the namespaces; without it this is no export. */
static int head_read(struct wiki_counter *c, struct wit_str xml, struct wit_error *err) {
    ptrdiff_t page = wit_str_find(xml, WIT_STR("<page>"), 0);
    struct wit_str head = wit_str_slice(xml, 0, page < 0 ? xml.len : (size_t)page);
    if (wit_str_find(head, WIT_STR("<mediawiki"), 0) < 0 || head.len > HEAD_MAX_BYTES)
        return wit_error_set(err, WIT_EFORMAT, "'%s' does not begin as an export of MediaWiki",
                             c->path);
    int st = wiki_names_read(&c->names, head);
    c->named = true;
    return st < 0 ? wit_error_set(err, st, "'%s': cannot take its namespaces: %s", c->path,
                                  wit_status_meaning(st))
                  : 0;
}

/* In the turn: w->pages holds rest and piece; its whole pages stay there, the new rest goes. */
static int turn_take(struct wiki_counter *c, struct worker *w, size_t rest, struct wit_error *err) {
    struct wit_str xml = wit_buf_view(&w->pages);
    /* The piece may begin within the mark that ends a page. */
    size_t end = last_page_end(xml, rest > 8 ? rest - 8 : 0);
    if (end && !c->named) {
        int st = head_read(c, xml, err);
        if (st < 0)
            return st;
    }
    wit_buf_reset(&c->rest);
    int st = wit_buf_append(&c->rest, xml.data + end, xml.len - end);
    if (st < 0)
        return wit_error_set(err, st, "'%s': no page ends within %zu bytes", c->path,
                             xml.len - end);
    w->pages.len = end;
    return 0;
}

/* Wait until it is this piece's turn, put what is left over before the piece, and end the turn. */
static int turn(struct wiki_counter *c, struct worker *w, uint64_t number, struct wit_error *err) {
    int st;
    pthread_mutex_lock(&c->turn_lock);
    while (c->turn != number && c->status >= 0)
        pthread_cond_wait(&c->turned, &c->turn_lock);
    st = c->status;
    size_t rest = c->rest.len;
    if (st >= 0 && rest) {
        st = wit_buf_reserve(&w->pages, rest);
        if (st < 0) {
            wit_error_set(err, st, "'%s': no memory for a page", c->path);
        } else {
            memmove(w->pages.data + rest, w->pages.data, w->pages.len);
            memcpy(w->pages.data, c->rest.data, rest);
            w->pages.len += rest;
        }
    }
    if (st >= 0)
        st = turn_take(c, w, rest, err);
    c->turn++;
    pthread_cond_broadcast(&c->turned);
    pthread_mutex_unlock(&c->turn_lock);
    return st;
}

/* ---- threads --------------------------------------------------------------------------------- */

/* 1: w->piece is the next piece, *number its place; 0: the end. */
static int piece_take(struct wiki_counter *c, struct worker *w, uint64_t *number,
                      struct wit_error *err) {
    pthread_mutex_lock(&c->read_lock);
    int st = wiki_source_next(c->source, &w->piece, err);
    if (st > 0)
        *number = c->taken++;
    uint64_t done = wiki_source_taken(c->source);
    pthread_mutex_unlock(&c->read_lock);
    if (w->main && c->cfg.progress)
        c->cfg.progress(c->cfg.user, done);
    if (st > 0 && c->cfg.cancel && *c->cfg.cancel)
        return wit_error_set(err, WIT_ECANCELED, "interrupted in '%s'", c->path);
    return st;
}

static bool failed(struct wiki_counter *c) {
    pthread_mutex_lock(&c->turn_lock);
    bool is = c->status < 0;
    pthread_mutex_unlock(&c->turn_lock);
    return is;
}

static void *work(void *user) {
    struct worker *w = user;
    struct wiki_counter *c = w->counter;
    struct wit_error err = WIT_ERROR_INIT;
    uint64_t number = 0;
    int st;
    while (!failed(c) && (st = piece_take(c, w, &number, &err)) != 0) {
        wit_buf_reset(&w->pages);
        if (st > 0)
            st = wiki_unpacker_append(w->unpacker, &w->piece, c->path, &w->pages, &err);
        if (st >= 0)
            st = turn(c, w, number, &err);
        if (st >= 0)
            st = pages_count(w, &err);
        if (st < 0) {
            fail(c, st, &err);
            return NULL;
        }
    }
    st = failed(c) ? 0 : gram_table_flush(w->words, &err);
    if (st >= 0 && w->pairs && !failed(c))
        st = gram_table_flush(w->pairs, &err);
    if (st < 0)
        fail(c, st, &err);
    return NULL;
}

/* What is left over behind the last page. */
static int end_check(const struct wiki_counter *c, struct wit_error *err) {
    struct wit_str rest = wit_buf_view(&c->rest);
    if (!c->named && wit_str_find(rest, WIT_STR("<mediawiki"), 0) < 0)
        return wit_error_set(err, WIT_EFORMAT, "'%s' does not begin as an export of MediaWiki",
                             c->path);
    if (wit_str_find(rest, WIT_STR("</mediawiki>"), 0) < 0)
        return wit_error_set(err, WIT_EFORMAT,
                             "'%s': the file is cut off: it ends without '</mediawiki>'", c->path);
    return 0;
}

static struct wiki_counts counts_sum(const struct wiki_counter *c) {
    struct wiki_counts sum = { 0 };
    for (unsigned i = 0; i < c->cfg.threads; i++) {
        const struct wiki_counts *n = &c->workers[i].counts;
        sum.pages += n->pages;
        sum.articles += n->articles;
        sum.words += n->words;
        sum.pairs += n->pairs;
    }
    return sum;
}

int wiki_counter_run(struct wiki_counter *c, const char *path, struct gram_spill *spill,
                     struct wiki_counts *out, struct wit_error *err) {
    unsigned started = 1;
    int st = wiki_source_open(path, &c->source, err);
    if (st < 0)
        return st;
    c->path = path;
    c->taken = c->turn = 0;
    c->named = false;
    c->status = 0;
    wit_buf_reset(&c->rest);
    wiki_names_finish(&c->names);
    for (unsigned i = 0; i < c->cfg.threads; i++) {
        struct worker *w = &c->workers[i];
        w->counts = (struct wiki_counts){ 0 };
        w->main = i == 0;
        gram_table_spill_to(w->words, spill);
        if (w->pairs)
            gram_table_spill_to(w->pairs, spill);
    }
    /* Fewer threads than wanted count the same. */
    while (started < c->cfg.threads &&
           pthread_create(&c->workers[started].thread, NULL, work, &c->workers[started]) == 0)
        started++;
    work(&c->workers[0]);
    for (unsigned i = 1; i < started; i++)
        pthread_join(c->workers[i].thread, NULL);
    wiki_source_close(c->source);
    c->source = NULL;
    st = c->status;
    if (st < 0 && err)
        *err = c->error;
    if (st >= 0)
        st = end_check(c, err);
    if (st >= 0)
        *out = counts_sum(c);
    return st;
}
