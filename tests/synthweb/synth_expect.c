/* synth_expect.c: see synth_expect.h. */
#include "synth_expect.h"

#include <stdlib.h>

struct walk {
    const struct synth_world *w;
    struct synth_expect *out;
    uint32_t retries;
    uint64_t *stack; /* pages known and not yet looked at: domain << 32 | page */
    size_t depth;
};

static void count(struct synth_expect *x, const char *subject, const char *reason, uint64_t n) {
    for (size_t i = 0; i < x->refused_count; i++) {
        struct synth_count *c = &x->refused[i];
        if (strcmp(c->subject, subject) == 0 && strcmp(c->reason, reason) == 0) {
            c->count += n;
            return;
        }
    }
    if (n && x->refused_count < SYNTH_REASONS_MOST)
        x->refused[x->refused_count++] = (struct synth_count){ subject, reason, n };
}

/* Why its host lets nobody have this URL; NULL: it may be asked for. */
static const char *host_reason(const struct synth_world *w, const struct synth_url *u) {
    struct synth_domain d = synth_domain_of(w, u->host);
    switch (d.life) {
    case SYNTH_NXDOMAIN:
        return "dns_nxdomain";
    case SYNTH_SERVFAIL:
        return "dns_failed";
    case SYNTH_SILENT:
        return "dns_timeout";
    case SYNTH_REFUSED:
        return "connect_refused";
    case SYNTH_ALIVE:
        break;
    }
    if (d.robots == SYNTH_ROBOTS_FAILS && !u->image_host)
        return "robots_unreachable";
    return synth_url_is_denied(w, u) ? "robots_denied" : NULL;
}

static bool is_asked(const struct walk *k, const struct synth_url *u) {
    return k->out->asked[synth_url_cell(k->w, u)] != 0;
}

static void ask(struct walk *k, const struct synth_url *u, unsigned times) {
    k->out->asked[synth_url_cell(k->w, u)] = (uint8_t)times;
    k->out->urls++;
}

/* ---- images --------------------------------------------------------------------------------- */

/* Why the image itself is refused; NULL: it is stored. */
static const char *image_reason(enum synth_image_kind kind) {
    switch (kind) {
    case SYNTH_IMAGE_GONE:
        return "http_404";
    case SYNTH_IMAGE_BROKEN:
        return "image_broken";
    case SYNTH_IMAGE_SVG:
        return "not_an_image";
    case SYNTH_IMAGE_NOAI:
        return "noai";
    case SYNTH_IMAGE_TEXT:
        return "not_an_image";
    default:
        return NULL;
    }
}

static void image_visit(struct walk *k, uint32_t domain, uint32_t page, uint32_t number) {
    struct synth_url u = synth_image_url(k->w, domain, page, number);
    enum synth_image_kind kind = synth_image_kind_of(k->w, domain, page, number);
    const char *reason = host_reason(k->w, &u);
    if (reason) {
        count(k->out, "image", reason, 1);
        return;
    }
    ask(k, &u, kind == SYNTH_IMAGE_HEALS ? 2 : 1);
    if (kind == SYNTH_IMAGE_MOVED) {
        u.what = SYNTH_TARGET;
        ask(k, &u, 1);
    }
    reason = image_reason(kind);
    if (reason)
        count(k->out, "image", reason, 1);
    else
        k->out->images++;
}

/* A logo is on many pages, and is one image with one text. */
static void logo_visit(struct walk *k, uint32_t domain) {
    struct synth_url u = synth_logo_url(k->w, domain);
    if (is_asked(k, &u))
        return;
    ask(k, &u, 1);
    k->out->images++;
    k->out->pairs++;
}

static void images_visit(struct walk *k, uint32_t domain, uint32_t page) {
    uint32_t images = synth_page_images(k->w, domain, page);
    for (uint32_t i = 0; i < images; i++)
        image_visit(k, domain, page, i);
    k->out->pairs += images;
}

/* ---- pages ---------------------------------------------------------------------------------- */

/* Known from here on. A page that is known is marked, so that each is looked at once; what is not
 * asked for in the end is unmarked then. */
static void page_find(struct walk *k, uint32_t domain, uint32_t page) {
    struct synth_url u = synth_page_url(domain, page);
    if (is_asked(k, &u))
        return;
    k->out->asked[synth_url_cell(k->w, &u)] = UINT8_MAX;
    k->stack[k->depth++] = (uint64_t)domain << 32 | page;
}

static void links_follow(struct walk *k, uint32_t domain, uint32_t page) {
    uint32_t pages = synth_domain_of(k->w, domain).pages, to_domain, to_page;
    for (uint64_t i = 1; i <= SYNTH_CHILDREN && (uint64_t)page * SYNTH_CHILDREN + i < pages; i++)
        page_find(k, domain, (uint32_t)(page * SYNTH_CHILDREN + i));
    for (unsigned i = 0; i < SYNTH_LINKS_WITHIN; i++)
        page_find(k, domain, synth_link_within(k->w, domain, page, i));
    for (unsigned i = 0; i < SYNTH_LINKS_AWAY; i++) {
        synth_link_away(k->w, domain, page, i, &to_domain, &to_page);
        page_find(k, to_domain, to_page);
    }
}

/* The redirects of a page that has some, and the page at their end. */
static void hops_follow(struct walk *k, uint32_t domain, uint32_t page, bool back) {
    uint32_t hops = synth_page_hops(k->w, domain, page);
    count(k->out, "page", "redirected", 1);
    for (uint32_t i = 1; i <= hops; i++) {
        struct synth_url u = synth_hop_url(k->w, domain, page, i);
        const char *reason = host_reason(k->w, &u);
        if (reason) {
            count(k->out, "page", reason, 1);
            return;
        }
        ask(k, &u, 1);
        if (i == hops && !back) {
            k->out->pages++;
            images_visit(k, domain, page);
            return;
        }
        if (i == SYNTH_HOPS_MOST) {
            count(k->out, "page", "too_many_redirects", 1);
            return;
        }
        count(k->out, "page", "redirected", 1);
    }
}

static void page_read(struct walk *k, uint32_t domain, uint32_t page, enum synth_page_kind kind) {
    k->out->pages++;
    if (kind == SYNTH_PAGE_NOAI) {
        count(k->out, "candidate", "noai", 1 + synth_page_images(k->w, domain, page));
    } else {
        images_visit(k, domain, page);
        logo_visit(k, domain);
    }
    if (kind != SYNTH_PAGE_NOFOLLOW)
        links_follow(k, domain, page);
}

static void page_visit(struct walk *k, uint32_t domain, uint32_t page) {
    struct synth_url u = synth_page_url(domain, page);
    enum synth_page_kind kind = synth_page_kind_of(k->w, domain, page);
    bool heals = kind == SYNTH_PAGE_HEALS || kind == SYNTH_PAGE_BUSY || kind == SYNTH_PAGE_CUT;
    const char *reason = host_reason(k->w, &u);
    if (reason) {
        count(k->out, "page", reason, 1);
        return; /* its mark goes at the end */
    }
    ask(k, &u, kind == SYNTH_PAGE_FAILS ? 1 + k->retries : heals ? 2 : 1);
    switch (kind) {
    case SYNTH_PAGE_GONE:
        count(k->out, "page", "http_404", 1);
        break;
    case SYNTH_PAGE_FAILS:
        count(k->out, "page", "http_500", 1);
        break;
    case SYNTH_PAGE_TEXT:
        count(k->out, "page", "not_html", 1);
        break;
    case SYNTH_PAGE_CHAIN:
    case SYNTH_PAGE_AWAY:
        hops_follow(k, domain, page, false);
        break;
    case SYNTH_PAGE_LOOP:
        hops_follow(k, domain, page, true);
        break;
    default:
        page_read(k, domain, page, kind);
        break;
    }
}

int synth_expect_make(const struct synth_world *w, uint32_t retries, struct synth_expect *out,
                      struct wit_error *err) {
    size_t cells = synth_cell_count(w);
    struct walk k = { .w = w, .out = out, .retries = retries };
    *out = (struct synth_expect){ .asked = wit_alloc_array(cells, 1) };
    k.stack = wit_alloc_array((size_t)w->first_page[w->domains], sizeof *k.stack);
    if (!out->asked || !k.stack) {
        free(k.stack);
        synth_expect_finish(out);
        return wit_error_set(err, WIT_ENOMEM, "no memory for %zu URLs", cells);
    }
    for (uint32_t d = 0; d < w->domains; d++)
        page_find(&k, d, 0);
    while (k.depth) {
        uint64_t next = k.stack[--k.depth];
        page_visit(&k, (uint32_t)(next >> 32), (uint32_t)next);
    }
    for (size_t i = 0; i < cells; i++)
        if (out->asked[i] == UINT8_MAX)
            out->asked[i] = 0;
    free(k.stack);
    return 0;
}

void synth_expect_finish(struct synth_expect *x) {
    free(x->asked);
    *x = (struct synth_expect){ .asked = NULL };
}

void synth_expect_put(const struct synth_expect *x, struct wit_json_writer *json) {
    wit_json_key(json, "urls");
    wit_json_put_u64(json, x->urls);
    wit_json_key(json, "pages");
    wit_json_put_u64(json, x->pages);
    wit_json_key(json, "images");
    wit_json_put_u64(json, x->images);
    wit_json_key(json, "pairs");
    wit_json_put_u64(json, x->pairs);
    wit_json_key(json, "refused");
    wit_json_array_begin(json);
    for (size_t i = 0; i < x->refused_count; i++) {
        wit_json_object_begin(json);
        wit_json_key(json, "subject");
        wit_json_put_cstr(json, x->refused[i].subject);
        wit_json_key(json, "reason");
        wit_json_put_cstr(json, x->refused[i].reason);
        wit_json_key(json, "count");
        wit_json_put_u64(json, x->refused[i].count);
        wit_json_object_end(json);
    }
    wit_json_array_end(json);
}
