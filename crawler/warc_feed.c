/* warc_feed.c: the pages of archives as candidates of a crawl. */
#include "page_rights.h"
#include "wit_crawler_warc.h"

#include <assert.h>
#include <stdlib.h>

enum {
    STATUS_MOST = 1000, /* HTTP has three digits */
    STATUS_BYTES = 12,
    POSITION_BYTES = WIT_CRAWLER_ARCHIVE_POSITION_BYTES + 4 /* pairs of the next page given */
};

struct archive_feed {
    struct wit_crawler_feed feed; /* first: a feed is freed through it */
    struct wit_crawler_archive *archive;
    void (*complain)(void *user, const char *sentence);
    void *user;
    struct wit_crawler_archive_page page; /* the one at hand */
    struct page_rights rights;            /* of it */
    size_t pair, pair_count;              /* of it: the next one, and all */
    size_t skip;                          /* pairs of the next page that an earlier run was given */
    uint64_t rows;
    uint8_t before[WIT_CRAWLER_ARCHIVE_POSITION_BYTES]; /* of the page at hand */
    char status_reasons[STATUS_MOST][STATUS_BYTES];     /* "http_404", once it was met */
};

/* ---- items ---------------------------------------------------------------------------------- */

/* A string that lives as long as the feed: the archive's own numbers do not. */
static const char *reason_keep(struct archive_feed *f, const char *reason) {
    uint64_t status;
    struct wit_str s = wit_str_from(reason);
    if (!wit_str_starts_with(s, WIT_STR("http_")) ||
        wit_str_to_u64(wit_str_slice(s, 5, s.len), &status) < 0 || status >= STATUS_MOST)
        return reason;
    snprintf(f->status_reasons[status], STATUS_BYTES, "http_%u", (unsigned)status);
    return f->status_reasons[status];
}

static void page_refuse(struct archive_feed *f, struct wit_crawler_feed_item *item) {
    *item = (struct wit_crawler_feed_item){ .reason = reason_keep(f, f->page.reason),
                                            .where = f->page.url };
    if (f->page.fault && f->complain)
        f->complain(f->user, f->page.fault);
    if (f->page.fault)
        item->where = wit_str_from(f->page.fault);
}

static int no_memory(struct wit_error *err) {
    return wit_error_set(err, WIT_ENOMEM, "no memory for the feed of archives");
}

/* The next pair of the page at hand; of a page whose rights refuse it the first one names it. */
static int pair_give(struct archive_feed *f, struct wit_crawler_feed_item *item,
                     struct wit_error *err) {
    const struct wit_crawler_pair *pair = &f->page.page.pairs[f->pair++];
    *item = (struct wit_crawler_feed_item){ .candidate = { .url = pair->url,
                                                           .text = pair->text,
                                                           .source = pair->source,
                                                           .page = f->page.url } };
    if (f->page.reason)
        item->reason = f->page.reason;
    else if (page_rights_of(&f->rights, pair, &item->candidate.rights) < 0)
        return no_memory(err);
    if (f->page.reason && f->pair == 1)
        item->where = f->page.url;
    return 1;
}

/* 1: a page, 0: the end. */
static int page_begin(struct archive_feed *f, struct wit_error *err) {
    f->pair = f->pair_count = 0;
    wit_crawler_archive_tell(f->archive, f->before);
    int st = wit_crawler_archive_next(f->archive, &f->page, err);
    if (st <= 0)
        return st;
    f->rows++;
    f->pair_count = f->page.page.pair_count;
    f->pair = f->skip < f->pair_count ? f->skip : f->pair_count;
    f->skip = 0;
    if (!f->page.reason &&
        page_rights_begin(&f->rights, f->page.rights, WIT_CRAWLER_HTML, &f->page.page) < 0)
        return no_memory(err);
    return 1;
}

static int feed_next(void *user, struct wit_crawler_feed_item *item, struct wit_error *err) {
    struct archive_feed *f = user;
    while (f->pair == f->pair_count) {
        int st = page_begin(f, err);
        if (st <= 0)
            return st;
        if (f->page.reason && !f->page.refused_by_rights) {
            page_refuse(f, item);
            return 1;
        }
    }
    return pair_give(f, item, err);
}

/* ---- positions ------------------------------------------------------------------------------ */

static void feed_tell(void *user, struct wit_crawler_feed_position *out) {
    struct archive_feed *f = user;
    bool inside = f->pair < f->pair_count;
    *out = (struct wit_crawler_feed_position){ .rows = f->rows - inside, .len = POSITION_BYTES };
    static_assert(sizeof out->bytes >= POSITION_BYTES, "the crawl has room for it");
    if (inside)
        memcpy(out->bytes, f->before, sizeof f->before);
    else
        wit_crawler_archive_tell(f->archive, out->bytes);
    wit_store_le32(out->bytes + sizeof f->before, (uint32_t)(inside ? f->pair : f->skip));
}

static int feed_seek(void *user, const struct wit_crawler_feed_position *to,
                     struct wit_error *err) {
    struct archive_feed *f = user;
    if (to->len != POSITION_BYTES)
        return wit_error_set(err, WIT_ECORRUPT, "the crawl's position is not that of archives");
    int st = wit_crawler_archive_seek(f->archive, to->bytes, err);
    if (st < 0)
        return st;
    f->pair = f->pair_count = 0;
    f->skip = wit_load_le32(to->bytes + sizeof f->before);
    f->rows = to->rows;
    return 0;
}

/* ---- the whole ------------------------------------------------------------------------------ */

int wit_crawler_archive_feed_create(struct wit_crawler_archive *archive,
                                    void (*complain)(void *user, const char *sentence), void *user,
                                    struct wit_crawler_feed **out, struct wit_error *err) {
    struct archive_feed *f = calloc(1, sizeof *f);
    if (!f)
        return no_memory(err);
    f->archive = archive;
    page_rights_init(&f->rights);
    f->complain = complain;
    f->user = user;
    f->feed = (struct wit_crawler_feed){ .next = feed_next,
                                         .tell = feed_tell,
                                         .seek = feed_seek,
                                         .identity = wit_crawler_archive_identity(archive),
                                         .user = f };
    *out = &f->feed;
    return 0;
}

void wit_crawler_archive_feed_destroy(struct wit_crawler_feed *feed) {
    struct archive_feed *f = feed ? feed->user : NULL;
    if (f)
        page_rights_finish(&f->rights);
    free(f);
}
