/* list_feed.c: rows of a list as candidates of a crawl. */
#include "list_state.h"
#include "text/wit_text.h"
#include "wit_crawler_list.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

enum { PLACE_BYTES = 3 * 8, URL_SHOWN_BYTES = 120 };

struct list_feed {
    struct wit_crawler_feed feed; /* first: a feed is freed through it */
    struct wit_crawler_list *list;
    struct wit_crawler_list_row row;
    size_t item, item_count; /* of the row at hand */
    struct wit_crawler_list_place row_at; /* of it, and the rows before */
    uint64_t row_rows;
    struct wit_url url;
    char where[WIT_PATH_MAX + 32];
};

/* ---- items ---------------------------------------------------------------------------------- */

static void refuse(struct list_feed *f, struct wit_crawler_feed_item *item, const char *reason) {
    int n = snprintf(f->where, sizeof f->where, "%s:%" PRIu64, f->row.file, f->row.line);
    *item = (struct wit_crawler_feed_item){ .reason = reason,
                                            .where = wit_str_of(f->where, (size_t)n) };
}

/* Was the row left out because the user wants none of its kind? */
static bool is_wanted_so(const char *reason) {
    return strcmp(reason, "other_language") == 0 || strcmp(reason, "no_caption") == 0;
}

/* Parse the URL of a new row: 1, or 0 with a refusal in *item. */
static int row_begin(struct list_feed *f, struct wit_crawler_feed_item *item,
                     struct wit_error *err) {
    f->item = f->item_count = 0;
    if (f->row.reason) {
        refuse(f, item, f->row.reason);
        if (is_wanted_so(f->row.reason))
            item->where = wit_str_of(NULL, 0);
        return 0;
    }
    int st = wit_url_parse(&f->url, f->row.url, NULL, NULL);
    if (st == WIT_ENOMEM)
        return wit_error_set(err, st, "no memory for a URL");
    if (st < 0 || !wit_url_is_http(&f->url)) {
        char why[URL_SHOWN_BYTES + 64];
        snprintf(why, sizeof why, "'%.*s' is no http or https URL",
                 (int)(f->row.url.len < URL_SHOWN_BYTES ? f->row.url.len : URL_SHOWN_BYTES),
                 f->row.url.data);
        list_complain(f->list, f->row.line, why);
        refuse(f, item, "bad_url");
        return 0;
    }
    (void)wit_url_remove_fragment(&f->url);
    f->item_count = f->row.caption_count ? f->row.caption_count : 1;
    return 1;
}

static void candidate_give(struct list_feed *f, struct wit_crawler_feed_item *item) {
    struct wit_str text = f->item < f->row.caption_count ? f->row.captions[f->item] : WIT_STR("");
    f->item++;
    *item = (struct wit_crawler_feed_item){ .candidate = { .url = wit_url_href(&f->url),
                                                           .text = text,
                                                           .source = WIT_SHARDS_LIST,
                                                           .page = f->row.page,
                                                           .extra = f->row.extra,
                                                           .digest = f->row.digest } };
}

static int feed_next(void *user, struct wit_crawler_feed_item *item, struct wit_error *err) {
    struct list_feed *f = user;
    if (f->item == f->item_count) {
        f->row_at = list_place(f->list);
        f->row_rows = f->list->rows;
        int st = wit_crawler_list_next(f->list, &f->row, err);
        if (st <= 0)
            return st;
        st = row_begin(f, item, err);
        if (st <= 0)
            return st < 0 ? st : 1;
    }
    candidate_give(f, item);
    return 1;
}

/* ---- positions ------------------------------------------------------------------------------ */

static void place_put(struct wit_crawler_list_place place, struct wit_crawler_feed_position *out) {
    uint8_t *p = out->bytes + out->len;
    wit_store_le64(p, place.file);
    wit_store_le64(p + 8, place.offset);
    wit_store_le64(p + 16, place.line);
    out->len += PLACE_BYTES;
}

static struct wit_crawler_list_place place_get(const uint8_t *p) {
    return (struct wit_crawler_list_place){ .file = wit_load_le64(p),
                                            .offset = wit_load_le64(p + 8),
                                            .line = wit_load_le64(p + 16) };
}

/* Where it goes on, and behind that the files that were left. */
static void feed_tell(void *user, struct wit_crawler_feed_position *out) {
    struct list_feed *f = user;
    /* A row of which some captions are not given yet is given again, whole. */
    struct wit_crawler_list_position at = f->item < f->item_count
                                              ? list_position(f->list, f->row_at, f->row_rows)
                                              : wit_crawler_list_tell(f->list);
    static_assert(sizeof out->bytes >= PLACE_BYTES * (1 + WIT_CRAWLER_LIST_LEFT),
                  "the crawl has room for it");
    *out = (struct wit_crawler_feed_position){ .rows = at.rows };
    place_put(at.next, out);
    for (size_t i = 0; i < at.left_count; i++)
        place_put(at.left[i], out);
}

static int feed_seek(void *user, const struct wit_crawler_feed_position *to,
                     struct wit_error *err) {
    struct list_feed *f = user;
    size_t places = to->len / PLACE_BYTES;
    if (places == 0 || places > 1 + WIT_CRAWLER_LIST_LEFT || to->len % PLACE_BYTES)
        return wit_error_set(err, WIT_ECORRUPT, "the crawl's position is not that of a list");
    struct wit_crawler_list_position at = { .next = place_get(to->bytes),
                                            .rows = to->rows,
                                            .left_count = places - 1 };
    for (size_t i = 0; i + 1 < places; i++)
        at.left[i] = place_get(to->bytes + (i + 1) * PLACE_BYTES);
    return wit_crawler_list_seek(f->list, &at, err);
}

/* ---- the whole ------------------------------------------------------------------------------ */

int wit_crawler_list_feed_create(struct wit_crawler_list *list, struct wit_crawler_feed **out,
                                 struct wit_error *err) {
    struct wit_hash128 identity;
    int st = wit_crawler_list_identity(list, &identity, err);
    if (st < 0)
        return st;
    struct list_feed *f = calloc(1, sizeof *f);
    if (!f)
        return wit_error_set(err, WIT_ENOMEM, "no memory for the feed of a list");
    f->list = list;
    f->url = (struct wit_url)WIT_URL_INIT;
    f->feed = (struct wit_crawler_feed){
        .next = feed_next, .tell = feed_tell, .seek = feed_seek, .identity = identity, .user = f
    };
    *out = &f->feed;
    return 0;
}

void wit_crawler_list_feed_destroy(struct wit_crawler_feed *feed) {
    struct list_feed *f = feed ? feed->user : NULL;
    if (f)
        wit_url_finish(&f->url);
    free(f);
}
