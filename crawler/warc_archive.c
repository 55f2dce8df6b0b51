/*
 * warc_archive.c: the pages that WARC and WAT files hold, file after file. What a record is decides
 * how it is read: responses and resources are pages, metadata in JSON is what a WAT says about one.
 *
 * A position is a file, the place of a record and how many results that place has given: a broken
 * stretch is told at the place of the record before it or at its own, so a place may give several.
 */
#include "crawl_rights.h"
#include "net/wit_net.h"
#include "page_type.h"
#include "text/wit_text.h"
#include "warc_http.h"
#include "warc_wat.h"
#include "wit_crawler_warc.h"

#include <stdlib.h>

enum { POSITION_VERSION = 1, BAD_URL_BYTES = 2048 /* shown of one */ };

struct wit_crawler_archive {
    struct wit_crawler_archive_config cfg;
    struct wit_crawler_warc *file; /* NULL: the one at `index` is not open yet */
    size_t index;
    struct wit_crawler_warc_place place; /* of the last result */
    uint32_t given;                      /* results of that place */
    uint32_t again;                      /* so many of them were given before the position */
    struct warc_http http;
    struct warc_wat wat;
    struct wit_buf json, rights;
    struct wit_url url;
    struct wit_crawler_extractor *extractor;
    struct wit_error fault;
};

struct wit_crawler_archive_config wit_crawler_archive_config_default(void) {
    return (struct wit_crawler_archive_config){ .agent = "witbot",
                                                .max_page_bytes = (size_t)4 << 20 };
}

int wit_crawler_archive_open(const struct wit_crawler_archive_config *cfg,
                             struct wit_crawler_archive **out, struct wit_error *err) {
    if (cfg->path_count == 0)
        return wit_error_set(err, WIT_EINVAL, "there is no WARC or WAT file to read");
    struct wit_crawler_archive *a = calloc(1, sizeof *a);
    if (a) {
        a->cfg = *cfg;
        a->json.max = WIT_CRAWLER_WARC_MAX_JSON_BYTES;
        a->rights.max = WIT_CRAWLER_WARC_MAX_HEADER_BYTES;
        a->url = (struct wit_url)WIT_URL_INIT;
        warc_http_init(&a->http, cfg->max_page_bytes);
        warc_wat_init(&a->wat);
        a->extractor = wit_crawler_extractor_create();
    }
    if (!a || !a->extractor) {
        wit_crawler_archive_close(a);
        return wit_error_set(err, WIT_ENOMEM, "no memory for reading archives");
    }
    *out = a;
    return 0;
}

void wit_crawler_archive_close(struct wit_crawler_archive *a) {
    if (!a)
        return;
    wit_crawler_warc_close(a->file);
    warc_http_finish(&a->http);
    warc_wat_finish(&a->wat);
    wit_buf_finish(&a->json);
    wit_buf_finish(&a->rights);
    wit_url_finish(&a->url);
    wit_crawler_extractor_destroy(a->extractor);
    free(a);
}

/* ---- one record ----------------------------------------------------------------------------- */

static int no_memory(struct wit_error *err) {
    return wit_error_set(err, WIT_ENOMEM, "no memory for reading archives");
}

static int refuse(struct wit_crawler_archive_page *out, const char *reason) {
    out->reason = reason;
    return 1;
}

/* The address of a page in an archive, canonical, into a->url and out->url, or the beginning of a
 * broken one as it is written. 0 and no address: it is of another kind (a dns: record), and the
 * record about no page. */
static int page_address(struct wit_crawler_archive *a, struct wit_str written,
                        struct wit_crawler_archive_page *out) {
    int st = wit_url_parse(&a->url, written, NULL, NULL);
    if (st == WIT_ENOMEM)
        return st;
    if (st < 0) {
        size_t shown = written.len < BAD_URL_BYTES ? written.len : BAD_URL_BYTES;
        out->url = wit_str_slice(written, 0, shown);
        return refuse(out, "bad_url");
    }
    if (!wit_url_is_http(&a->url))
        return 0;
    wit_url_remove_fragment(&a->url);
    out->url = wit_url_href(&a->url);
    return 0;
}

/* A page whose address, headers and text are there. */
static int page_read(struct wit_crawler_archive *a, struct wit_str headers, struct wit_str charset,
                     struct wit_str html, struct wit_crawler_archive_page *out) {
    const struct wit_crawler_page_source from = {
        .url = out->url,
        .charset = charset,
        .agent = wit_str_from(a->cfg.agent),
    };
    int st = wit_crawler_page_extract(a->extractor, &from, html, &out->page, NULL);
    if (st == WIT_ENOMEM)
        return st;
    if (st < 0)
        return refuse(out, "bad_page");
    out->page.directives =
        wit_crawler_directives_combine(crawl_rights_of_headers(headers, from.agent, a->cfg.ignore),
                                       crawl_rights_of_page(out->page.directives, a->cfg.ignore));
    wit_buf_reset(&a->rights);
    crawl_rights_keep(headers, &a->rights);
    out->rights = wit_buf_view(&a->rights);
    out->reason = wit_crawler_directives_refuse(out->page.directives);
    out->refused_by_rights = out->reason != NULL;
    return 1;
}

static int http_sink(void *user, struct wit_str bytes) {
    return warc_http_feed(user, bytes);
}

/* A response, whose block is an HTTP message, or a resource, whose block is the page. */
static int response_read(struct wit_crawler_archive *a,
                         const struct wit_crawler_warc_record *record,
                         struct wit_crawler_archive_page *out, struct wit_error *err) {
    int st = page_address(a, record->target, out);
    if (st != 0 || out->url.len == 0)
        return st;
    if (record->type == WIT_CRAWLER_WARC_RESOURCE)
        st = warc_http_begin_resource(&a->http, record->headers);
    else
        warc_http_begin(&a->http);
    if (st >= 0)
        st = wit_crawler_warc_block(a->file, http_sink, &a->http, err);
    if (st >= 0)
        st = warc_http_end(&a->http);
    if (st < 0)
        return st;
    if (a->http.reason)
        return refuse(out, a->http.reason);
    return page_read(a, wit_buf_view(&a->http.head.lines), a->http.charset,
                     wit_buf_view(&a->http.body), out);
}

static int json_sink(void *user, struct wit_str bytes) {
    return wit_buf_append_str(user, bytes);
}

/* Broken in itself, while the file around it is whole. */
static int record_broken(struct wit_crawler_archive *a, struct wit_crawler_archive_page *out,
                         const struct wit_error *why) {
    const struct wit_crawler_warc_place place = wit_crawler_warc_tell(a->file);
    wit_error_set(&a->fault, WIT_EFORMAT, "%s:%llu: %s", a->cfg.paths[a->index],
                  (unsigned long long)place.offset, why->text);
    out->fault = a->fault.text;
    return refuse(out, "bad_record");
}

static bool is_json(const struct wit_crawler_warc_record *record) {
    struct wit_str type;
    size_t at = 0;
    return wit_net_header_next(record->headers, WIT_STR("content-type"), &at, &type) &&
           wit_str_starts_with(type, WIT_STR("application/json"));
}

static int wat_read(struct wit_crawler_archive *a, const struct wit_crawler_warc_record *record,
                    struct wit_crawler_archive_page *out, struct wit_error *err) {
    struct wit_error why = WIT_ERROR_INIT;
    if (!is_json(record))
        return 0; /* of WARC files: how long a fetch took, and the like */
    if (record->block_bytes > a->json.max) {
        wit_error_set(&why, WIT_ELIMIT,
                      "the WAT record has %llu bytes, more than the ceiling of %zu",
                      (unsigned long long)record->block_bytes, a->json.max);
        return record_broken(a, out, &why);
    }
    wit_buf_reset(&a->json);
    int st = wit_crawler_warc_block(a->file, json_sink, &a->json, err);
    if (st < 0)
        return st;
    st = warc_wat_read(&a->wat, wit_buf_view(&a->json), &why);
    if (st == WIT_EFORMAT || st == WIT_ELIMIT)
        return record_broken(a, out, &why);
    if (st <= 0)
        return st;
    st = page_address(a, wit_buf_view(&a->wat.url), out);
    if (st != 0 || out->url.len == 0)
        return st;
    if (a->wat.reason)
        return refuse(out, a->wat.reason);
    if (page_type_of(wit_buf_view(&a->wat.headers), WIT_STR(""), NULL) != PAGE_TYPE_HTML)
        return refuse(out, "not_html");
    return page_read(a, wit_buf_view(&a->wat.headers), WIT_STR("utf-8"), wit_buf_view(&a->wat.html),
                     out);
}

/* 1: *out says something; 0: the record is about no page. */
static int record_read(struct wit_crawler_archive *a, const struct wit_crawler_warc_record *record,
                       struct wit_crawler_archive_page *out, struct wit_error *err) {
    int st;
    switch (record->type) {
    case WIT_CRAWLER_WARC_RESPONSE:
    case WIT_CRAWLER_WARC_RESOURCE:
        return response_read(a, record, out, err);
    case WIT_CRAWLER_WARC_METADATA:
        return wat_read(a, record, out, err);
    case WIT_CRAWLER_WARC_REVISIT: /* says that the page is elsewhere in the archive */
        st = page_address(a, record->target, out);
        return st == 0 && out->url.len ? refuse(out, "revisit") : st;
    default:
        return 0;
    }
}

/* ---- all of them ---------------------------------------------------------------------------- */

static bool same_place(struct wit_crawler_warc_place a, struct wit_crawler_warc_place b) {
    return a.offset == b.offset && a.inner == b.inner;
}

/* The next result of the open file, 0 at its end. */
static int file_next(struct wit_crawler_archive *a, struct wit_crawler_archive_page *out,
                     struct wit_error *err) {
    struct wit_crawler_warc_record record;
    int st;
    do {
        *out = (struct wit_crawler_archive_page){ .reason = NULL };
        a->fault = (struct wit_error)WIT_ERROR_INIT;
        st = wit_crawler_warc_next(a->file, &record, &a->fault);
        if (st == 0)
            return 0;
        if (st > 0)
            st = record_read(a, &record, out, &a->fault);
        if (st > 0) { /* what a damaged record says counts for nothing */
            int whole = wit_crawler_warc_block(a->file, NULL, NULL, &a->fault);
            st = whole < 0 ? whole : st;
        }
        if (st == WIT_ENOMEM)
            return no_memory(err);
        if (st == WIT_EFORMAT) {
            *out =
                (struct wit_crawler_archive_page){ .reason = "bad_record", .fault = a->fault.text };
        } else if (st < 0) {
            return wit_error_set(err, st, "%s", a->fault.text);
        }
    } while (st == 0);
    return 1;
}

int wit_crawler_archive_next(struct wit_crawler_archive *a, struct wit_crawler_archive_page *out,
                             struct wit_error *err) {
    while (a->index < a->cfg.path_count) {
        int st = 0;
        if (!a->file)
            st = wit_crawler_warc_open(a->cfg.paths[a->index], &a->file, err);
        if (st >= 0)
            st = file_next(a, out, err);
        if (st < 0)
            return st;
        if (st == 0) {
            wit_crawler_warc_close(a->file);
            a->file = NULL;
            a->index++;
            a->place = (struct wit_crawler_warc_place){ 0, 0 };
            a->given = a->again = 0;
            continue;
        }
        struct wit_crawler_warc_place place = wit_crawler_warc_tell(a->file);
        if (!same_place(place, a->place)) {
            a->place = place;
            a->given = a->again = 0;
        }
        if (a->given++ >= a->again)
            return 1;
    }
    return 0;
}

/* ---- positions ------------------------------------------------------------------------------ */

/* Of the names of the files that the position has begun, so that others may be put behind them. */
static uint64_t names_hash(const struct wit_crawler_archive *a, size_t count) {
    uint64_t hash = 0;
    for (size_t i = 0; i < count; i++)
        hash = wit_hash64_of(a->cfg.paths[i], strlen(a->cfg.paths[i]), hash);
    return hash;
}

struct wit_hash128 wit_crawler_archive_identity(const struct wit_crawler_archive *a) {
    const char *first = a->cfg.paths[0];
    return wit_hash128_add(wit_hash128_of(first, strlen(first)), wit_hash128_of("archives", 8));
}

void wit_crawler_archive_tell(const struct wit_crawler_archive *a,
                              uint8_t out[WIT_CRAWLER_ARCHIVE_POSITION_BYTES]) {
    uint32_t given = a->given > a->again ? a->given : a->again; /* just sought: none given again */
    wit_store_le32(out, POSITION_VERSION);
    wit_store_le32(out + 4, (uint32_t)a->index);
    wit_store_le64(out + 8, names_hash(a, a->index + (given > 0)));
    wit_store_le64(out + 16, a->place.offset);
    wit_store_le64(out + 24, a->place.inner);
    wit_store_le32(out + 32, given);
    wit_store_le32(out + 36, 0);
}

int wit_crawler_archive_seek(struct wit_crawler_archive *a,
                             const uint8_t position[WIT_CRAWLER_ARCHIVE_POSITION_BYTES],
                             struct wit_error *err) {
    const struct wit_crawler_warc_place place = { wit_load_le64(position + 16),
                                                  wit_load_le64(position + 24) };
    struct wit_crawler_warc *file = NULL;
    uint32_t given = wit_load_le32(position + 32);
    size_t index = wit_load_le32(position + 4), begun = index + (given > 0);
    int st = 0;
    if (wit_load_le32(position) != POSITION_VERSION)
        return wit_error_set(err, WIT_EFORMAT, "a position in archives has another format");
    if (begun > a->cfg.path_count || names_hash(a, begun) != wit_load_le64(position + 8))
        return wit_error_set(err, WIT_EINVAL,
                             "the archives are not those of the run before: give the same files in "
                             "the same order, new ones behind them");
    if (given) {
        st = wit_crawler_warc_open(a->cfg.paths[index], &file, err);
        if (st >= 0)
            st = wit_crawler_warc_seek(file, place, err);
    }
    if (st < 0) {
        wit_crawler_warc_close(file);
        return st;
    }
    wit_crawler_warc_close(a->file);
    a->file = file;
    a->index = index;
    a->place = place;
    a->given = 0;
    a->again = given;
    return 0;
}
