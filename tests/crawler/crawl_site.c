/* crawl_site.c: see crawl_site.h. */
#include "crawl_site.h"

#include <stdlib.h>
#include <zlib.h>

static struct wit_error err;

static void must(int st) {
    if (st < 0)
        print_error("%s\n", err.text);
    assert_true(st >= 0);
}

/* A 1x1 PNG. Bytes behind its end are allowed and make images differ. */
static const uint8_t png[] = { 0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00,
                               0x00, 0x0d, 0x49, 0x48, 0x44, 0x52, 0x00, 0x00, 0x00, 0x01,
                               0x00, 0x00, 0x00, 0x01, 0x08, 0x02, 0x00, 0x00, 0x00, 0x90,
                               0x77, 0x53, 0xde, 0x00, 0x00, 0x00, 0x0c, 0x49, 0x44, 0x41,
                               0x54, 0x08, 0xd7, 0x63, 0xf8, 0xcf, 0xc0, 0x00, 0x00, 0x03,
                               0x01, 0x01, 0x00, 0x18, 0xdd, 0x8d, 0xb0, 0x00, 0x00, 0x00,
                               0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82 };

struct wit_str site_png(void) {
    return wit_str_of(png, sizeof png);
}

/* The text with {P}, {I} and {C} filled in. */
static struct wit_str fill(const struct site *s, const char *text, struct wit_buf *out) {
    wit_buf_reset(out);
    for (; text && *text; text++) {
        const char *host = strncmp(text, "{P}", 3) == 0   ? s->pages
                           : strncmp(text, "{I}", 3) == 0 ? s->images
                           : strncmp(text, "{C}", 3) == 0 ? s->canary
                                                          : NULL;
        must(host ? wit_buf_append_cstr(out, host) : wit_buf_append_byte(out, *text));
        text += host ? 2 : 0;
    }
    must(wit_buf_terminate(out));
    return wit_buf_view(out);
}

static void gzip(struct wit_buf *b) {
    struct wit_buf packed = WIT_BUF_INIT(1 << 20);
    z_stream z = { .next_in = (Bytef *)b->data, .avail_in = (uInt)b->len };
    must(wit_buf_reserve(&packed, b->len + 1000));
    z.next_out = (Bytef *)packed.data;
    z.avail_out = (uInt)packed.cap;
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    packed.len = z.total_out;
    deflateEnd(&z);
    wit_buf_finish(b);
    *b = packed;
}

static void handle(void *user, const struct test_request *req, struct test_reply *reply) {
    struct site *s = user;
    reply->status = 404;
    for (size_t i = 0; i < s->count; i++) {
        const struct answer *a = &s->answers[i];
        if (strcmp(a->path, req->path) != 0)
            continue;
        int asked = atomic_fetch_add(&s->asked[i], 1);
        if (asked < a->fails) {
            reply->hang_up = true;
            return;
        }
        if (asked < a->fails + a->busy) {
            reply->status = 429;
            reply->headers = "Retry-After: 1\r\n";
            return;
        }
        reply->status = a->status ? a->status : 200;
        reply->headers = a->headers ? s->locations[i].data : NULL;
        reply->type = a->type;
        reply->body = s->bodies[i].data;
        reply->body_len = s->bodies[i].len;
        reply->wait_ms = a->wait_ms;
        return;
    }
}

static void site_start(struct site *s, const char *ip, const struct answer *answers, size_t count) {
    s->answers = answers;
    s->count = count;
    for (size_t i = 0; i < WIT_COUNT_OF(s->bodies); i++)
        s->bodies[i] = s->locations[i] = (struct wit_buf)WIT_BUF_INIT(SITE_BODY_MOST_BYTES);
    s->server = test_server_start(ip, handle, s);
}

void site_fill(struct site *s, const char *pages, const char *images, const char *canary) {
    snprintf(s->pages, sizeof s->pages, "%s", pages);
    snprintf(s->images, sizeof s->images, "%s", images);
    snprintf(s->canary, sizeof s->canary, "%s", canary);
    for (size_t i = 0; i < s->count; i++) {
        const struct answer *a = &s->answers[i];
        fill(s, a->headers, &s->locations[i]);
        if (a->body && strncmp(a->body, "png:", 4) == 0) {
            assert_int_equal(wit_buf_append(&s->bodies[i], png, sizeof png), 0);
            assert_int_equal(wit_buf_append_cstr(&s->bodies[i], a->body + 4), 0);
        } else if (a->body && strncmp(a->body, "golden:", 7) == 0) {
            char path[WIT_PATH_MAX];
            snprintf(path, sizeof path, "%s/tests/golden/image/images/%s",
                     getenv("WIT_SOURCE_ROOT"), a->body + 7);
            assert_int_equal(wit_file_read(path, &s->bodies[i], NULL), 0);
        } else {
            fill(s, a->body, &s->bodies[i]);
        }
        if (a->gzip)
            gzip(&s->bodies[i]);
    }
}

static void site_stop(struct site *s) {
    if (s->server)
        test_server_stop(s->server);
    for (size_t i = 0; i < WIT_COUNT_OF(s->bodies); i++) {
        wit_buf_finish(&s->bodies[i]);
        wit_buf_finish(&s->locations[i]);
    }
}

void world_start(struct world *w, const struct answer *pages, size_t page_count,
                 const struct answer *images, size_t image_count) {
    char pages_at[64], images_at[64], canary_at[64];
    memset(w, 0, sizeof *w);
    scratch_make(w->dir);
    site_start(&w->pages, "127.0.0.1", pages, page_count);
    site_start(&w->images, "127.0.0.2", images, image_count);
    site_start(&w->canary, "127.0.0.3", NULL, 0);
    snprintf(pages_at, sizeof pages_at, "http://127.0.0.1:%u", test_server_port(w->pages.server));
    snprintf(images_at, sizeof images_at, "http://127.0.0.2:%u",
             test_server_port(w->images.server));
    snprintf(canary_at, sizeof canary_at, "http://127.0.0.3:%u",
             test_server_port(w->canary.server));
    site_fill(&w->pages, pages_at, images_at, canary_at);
    site_fill(&w->images, pages_at, images_at, canary_at);
    snprintf(w->scope, sizeof w->scope, "http://127.0.0.1:%u/", test_server_port(w->pages.server));
    snprintf(w->seed, sizeof w->seed, "%sstart", w->scope);
    w->seed_str = wit_str_from(w->seed);
    w->scope_str = wit_str_from(w->scope);
    must(wit_net_cidr_parse(WIT_STR("127.0.0.1/32"), &w->allow[0], &err));
    must(wit_net_cidr_parse(WIT_STR("127.0.0.2/32"), &w->allow[1], &err));
    w->hosts[0] = (struct wit_crawler_host){ "127.0.0.1", 0, 8 };
    w->hosts[1] = (struct wit_crawler_host){ "127.0.0.2", 0, 8 };
    w->cfg = wit_crawler_config_default();
    w->cfg.dir = w->dir;
    w->cfg.seeds = &w->seed_str;
    w->cfg.seed_count = 1;
    w->cfg.scope = &w->scope_str;
    w->cfg.scope_count = 1;
    w->cfg.allow_net = w->allow;
    w->cfg.allow_net_count = 2;
    w->cfg.hosts = w->hosts;
    w->cfg.host_count = 2;
    w->cfg.retry_ms = 10;
    w->cfg.deadline_ms = 5000;
    w->cfg.commit_ms = 20;
    w->cfg.user = w;
}

void world_stop(struct world *w) {
    assert_int_equal(test_server_seen(w->canary.server, NULL, 0), 0);
    site_stop(&w->pages);
    site_stop(&w->images);
    site_stop(&w->canary);
    wit_crawler_report_finish(&w->report);
    scratch_remove(w->dir);
}

uint64_t refused(const struct world *w, enum wit_crawler_subject subject, const char *reason) {
    for (size_t i = 0; i < w->report.refusal_count; i++)
        if (w->report.refusals[i].subject == subject &&
            strcmp(w->report.refusals[i].reason, reason) == 0)
            return w->report.refusals[i].count;
    return 0;
}

size_t asked(struct site *s, const char *path) {
    return test_server_count(s->server, path);
}
