/* synth_world.c: see synth_world.h. Every choice is a draw: a hash of the seed, a salt that says
 * what is chosen, and the numbers of what it is chosen for. */
#include "synth_world.h"

#include <stdlib.h>

enum salt {
    SALT_PAGES = 1,
    SALT_LIFE,
    SALT_ROBOTS,
    SALT_LATENCY,
    SALT_IMAGE_HOST,
    SALT_ADDRESS,
    SALT_SECOND_ADDRESS,
    SALT_NEIGHBOUR,
    SALT_PRIVATE,
    SALT_PAGE_KIND,
    SALT_HOPS,
    SALT_IMAGES,
    SALT_IMAGE_KIND,
    SALT_LINK,
    SALT_LINK_PAGE
};

static uint64_t draw(const struct synth_world *w, enum salt salt, uint64_t a, uint64_t b,
                     uint64_t c) {
    uint64_t x = wit_mix64(w->seed + (uint64_t)salt * UINT64_C(0x9E3779B97F4A7C15));
    x = wit_mix64(x ^ a);
    return wit_mix64(wit_mix64(x + b) ^ c);
}

/* ---- domains -------------------------------------------------------------------------------- */

static uint32_t pages_drawn(const struct synth_world *w, uint32_t domain) {
    uint64_t x = draw(w, SALT_PAGES, domain, 0, 0);
    uint32_t pages = w->mean_pages / 2 + (uint32_t)(x % (w->mean_pages + 1));
    if (x >> 32 & 63)
        return pages ? pages : 1;
    return 4 * pages + 1; /* one in 64 is large */
}

int synth_world_init(struct synth_world *w, struct wit_error *err) {
    if (w->domains == 0 || w->domains > 1 << 24 || w->mean_pages == 0 || w->mean_pages > 10000 ||
        w->domains_per_address == 0 || w->dead_permille > 1000)
        return wit_error_set(err, WIT_EINVAL, "%u domains of %u pages make no world", w->domains,
                             w->mean_pages);
    w->first_page = wit_alloc_array((size_t)w->domains + 1, sizeof *w->first_page);
    if (!w->first_page)
        return wit_error_set(err, WIT_ENOMEM, "no memory for %u domains", w->domains);
    for (uint32_t d = 0; d < w->domains; d++)
        w->first_page[d + 1] = w->first_page[d] + pages_drawn(w, d);
    return 0;
}

void synth_world_finish(struct synth_world *w) {
    free(w->first_page);
    w->first_page = NULL;
}

static enum synth_life life_of(const struct synth_world *w, uint32_t domain) {
    uint64_t x = draw(w, SALT_LIFE, domain, 0, 0);
    return x % 1000 >= w->dead_permille ? SYNTH_ALIVE
                                        : (enum synth_life)(SYNTH_NXDOMAIN + (x >> 32) % 4);
}

static bool domain_is_faulty(uint32_t domain) {
    return domain % SYNTH_FAULTY_ONE_IN == 0;
}

static enum synth_robots robots_of(const struct synth_world *w, uint32_t domain) {
    static const struct {
        uint32_t below;
        enum synth_robots robots;
    } table[] = {
        { 600, SYNTH_ROBOTS_ALL },   { 750, SYNTH_ROBOTS_MISSING }, { 900, SYNTH_ROBOTS_SUBTREE },
        { 950, SYNTH_ROBOTS_DELAY }, { 960, SYNTH_ROBOTS_NOTHING }, { 970, SYNTH_ROBOTS_FAILS },
        { 980, SYNTH_ROBOTS_BUSY },  { 1000, SYNTH_ROBOTS_MOVED },
    };
    uint64_t x = draw(w, SALT_ROBOTS, domain, 0, 0);
    bool faulty = domain_is_faulty(domain);
    size_t i = 0;
    if (faulty && x >> 32 & 1)
        return x >> 33 & 1 ? SYNTH_ROBOTS_FAILS : SYNTH_ROBOTS_BUSY;
    while (x % 1000 >= table[i].below)
        i++;
    enum synth_robots robots = table[i].robots;
    bool other = robots == SYNTH_ROBOTS_FAILS || robots == SYNTH_ROBOTS_BUSY;
    return (faulty && robots == SYNTH_ROBOTS_DELAY) || other ? SYNTH_ROBOTS_ALL : robots;
}

struct synth_domain synth_domain_of(const struct synth_world *w, uint32_t domain) {
    uint64_t x = draw(w, SALT_LATENCY, domain, 0, 0);
    bool slow = w->slow_ms && x % 50 == 0;
    return (struct synth_domain){
        .life = life_of(w, domain),
        .robots = robots_of(w, domain),
        .pages = (uint32_t)(w->first_page[domain + 1] - w->first_page[domain]),
        .latency_ms = slow ? w->slow_ms / 4 + (uint32_t)((x >> 32) % (w->slow_ms + 1)) * 3 / 4 : 0,
        .image_host = draw(w, SALT_IMAGE_HOST, domain, 0, 0) % 5 == 0,
    };
}

uint32_t synth_address_count(const struct synth_world *w) {
    return (w->domains + w->domains_per_address - 1) / w->domains_per_address;
}

unsigned synth_addresses(const struct synth_world *w, uint32_t domain, uint32_t out[2]) {
    const uint32_t base = UINT32_C(127) << 24 | 1 << 16, count = synth_address_count(w);
    out[0] = base + (uint32_t)(draw(w, SALT_ADDRESS, domain, 0, 0) % count);
    out[1] = base + (uint32_t)(draw(w, SALT_ADDRESS, domain, 1, 0) % count);
    return draw(w, SALT_SECOND_ADDRESS, domain, 0, 0) % 10 == 0 && out[1] != out[0] ? 2 : 1;
}

/* Decimal without leading zeros, moved behind. */
static bool number_take(struct wit_str *s, uint32_t *out) {
    uint64_t n = 0;
    size_t len = 0;
    while (len < s->len && len < 10 && s->data[len] >= '0' && s->data[len] <= '9')
        n = n * 10 + (uint64_t)(s->data[len++] - '0');
    if (len == 0 || (len > 1 && s->data[0] == '0') || n > UINT32_MAX)
        return false;
    *out = (uint32_t)n;
    *s = wit_str_slice(*s, len, s->len);
    return true;
}

static bool text_take(struct wit_str *s, struct wit_str text) {
    if (!wit_str_starts_with(*s, text))
        return false;
    *s = wit_str_slice(*s, text.len, s->len);
    return true;
}

bool synth_name_parse(const struct synth_world *w, struct wit_str name, uint32_t *domain,
                      bool *image_host) {
    uint32_t d;
    bool image = text_take(&name, WIT_STR("i."));
    if (!text_take(&name, WIT_STR("d")) || !number_take(&name, &d) || d >= w->domains ||
        !text_take(&name, WIT_STR(".test")) || (name.len && name.data[0] != ':'))
        return false;
    *domain = d;
    *image_host = image;
    return true;
}

/* A domain that is not this one, if there is another. */
static uint32_t neighbour_of(const struct synth_world *w, uint32_t domain, uint32_t page,
                             uint32_t number) {
    uint64_t step = 1 + draw(w, SALT_NEIGHBOUR, domain, page, number) % w->domains;
    uint32_t other = (uint32_t)((domain + step) % w->domains);
    return other != domain ? other : (domain + 1) % w->domains;
}

/* ---- URLs ----------------------------------------------------------------------------------- */

static bool page_is_private(const struct synth_world *w, uint32_t domain, uint32_t page) {
    return page && draw(w, SALT_PRIVATE, domain, page, 0) % 10 == 0;
}

/* Behind "http://host:port". */
static size_t path_write(const struct synth_world *w, const struct synth_url *u, char *out,
                         size_t size) {
    unsigned owner = u->owner, page = u->page, number = u->number;
    bool home = u->owner == u->host;
    switch (u->what) {
    case SYNTH_ROBOTS_TXT:
        return (size_t)snprintf(out, size, "/robots.txt");
    case SYNTH_ROBOTS_TARGET:
        return (size_t)snprintf(out, size, "/moved/robots.txt");
    case SYNTH_PAGE:
        return page == 0
                   ? (size_t)snprintf(out, size, "/")
                   : (size_t)snprintf(out, size, "/%s/%u",
                                      page_is_private(w, owner, page) ? "private" : "p", page);
    case SYNTH_HOP:
        return home ? (size_t)snprintf(out, size, "/r/%u.%u", page, number)
                    : (size_t)snprintf(out, size, "/x/%u.%u.%u", owner, page, number);
    case SYNTH_IMAGE:
        return home ? (size_t)snprintf(out, size, "/i/%u.%u", page, number)
                    : (size_t)snprintf(out, size, "/y/%u.%u.%u", owner, page, number);
    case SYNTH_TARGET:
        return (size_t)snprintf(out, size, "/m/%u.%u", page, number);
    case SYNTH_LOGO:
        return (size_t)snprintf(out, size, "/logo.png");
    default:
        return (size_t)snprintf(out, size, "/astray/%u", page);
    }
}

size_t synth_url_write(const struct synth_world *w, const struct synth_url *u, char *out) {
    bool refused = synth_domain_of(w, u->host).life == SYNTH_REFUSED;
    size_t n =
        (size_t)snprintf(out, SYNTH_URL_MAX, "http://%sd%u.test:%u", u->image_host ? "i." : "",
                         u->host, refused ? w->refused_port : w->port);
    return n + path_write(w, u, out + n, SYNTH_URL_MAX - n);
}

/* Numbers parted by dots up to the end. */
static bool numbers_read(struct wit_str s, uint32_t *out, unsigned count) {
    for (unsigned i = 0; i < count; i++)
        if ((i && !text_take(&s, WIT_STR("."))) || !number_take(&s, &out[i]))
            return false;
    return s.len == 0;
}

/* What the path seems to be; the numbers in it may be of nothing. */
static struct synth_url url_guess(uint32_t host, bool image_host, struct wit_str path) {
    struct synth_url u = { .host = host, .image_host = image_host, .owner = host };
    uint32_t n[3];
    if (wit_str_starts_with(path, WIT_STR("/.well-known/")) ||
        wit_str_starts_with(path, WIT_STR("/sitemap"))) {
        u.what = SYNTH_WELL_KNOWN;
    } else if (wit_str_eq(path, WIT_STR("/robots.txt"))) {
        u.what = SYNTH_ROBOTS_TXT;
    } else if (wit_str_eq(path, WIT_STR("/moved/robots.txt"))) {
        u.what = SYNTH_ROBOTS_TARGET;
    } else if (wit_str_eq(path, WIT_STR("/logo.png"))) {
        u.what = SYNTH_LOGO;
    } else if (wit_str_eq(path, WIT_STR("/"))) {
        u.what = SYNTH_PAGE;
    } else if ((text_take(&path, WIT_STR("/p/")) || text_take(&path, WIT_STR("/private/"))) &&
               numbers_read(path, n, 1)) {
        u.what = SYNTH_PAGE;
        u.page = n[0];
    } else if (text_take(&path, WIT_STR("/r/")) && numbers_read(path, n, 2)) {
        u.what = SYNTH_HOP;
        u.page = n[0], u.number = n[1];
    } else if (text_take(&path, WIT_STR("/i/")) && numbers_read(path, n, 2)) {
        u.what = SYNTH_IMAGE;
        u.page = n[0], u.number = n[1];
    } else if (text_take(&path, WIT_STR("/m/")) && numbers_read(path, n, 2)) {
        u.what = SYNTH_TARGET;
        u.page = n[0], u.number = n[1];
    } else if (text_take(&path, WIT_STR("/x/")) && numbers_read(path, n, 3)) {
        u.what = SYNTH_HOP;
        u.owner = n[0], u.page = n[1], u.number = n[2];
    } else if (text_take(&path, WIT_STR("/y/")) && numbers_read(path, n, 3)) {
        u.what = SYNTH_IMAGE;
        u.owner = n[0], u.page = n[1], u.number = n[2];
    }
    return u;
}

/* Is there such a thing in this world, at this host? */
static bool url_exists(const struct synth_world *w, const struct synth_url *u) {
    if (u->what == SYNTH_ROBOTS_TXT)
        return true;
    if (u->what == SYNTH_ROBOTS_TARGET)
        return !u->image_host && synth_domain_of(w, u->host).robots == SYNTH_ROBOTS_MOVED;
    if (u->what == SYNTH_LOGO)
        return u->image_host == synth_domain_of(w, u->host).image_host;
    if (u->owner >= w->domains || u->page >= synth_domain_of(w, u->owner).pages)
        return false;
    struct synth_url real = { .host = u->host, .image_host = !u->image_host };
    switch (u->what) {
    case SYNTH_PAGE:
        real = synth_page_url(u->owner, u->page);
        break;
    case SYNTH_HOP:
        if (u->number >= 1 && u->number <= synth_page_hops(w, u->owner, u->page) &&
            u->number <= SYNTH_HOPS_MOST)
            real = synth_hop_url(w, u->owner, u->page, u->number);
        break;
    case SYNTH_IMAGE:
    case SYNTH_TARGET:
        if (u->number < synth_page_images(w, u->owner, u->page) &&
            (u->what == SYNTH_IMAGE ||
             synth_image_kind_of(w, u->owner, u->page, u->number) == SYNTH_IMAGE_MOVED))
            real = synth_image_url(w, u->owner, u->page, u->number);
        break;
    default:
        break;
    }
    return real.host == u->host && real.image_host == u->image_host;
}

struct synth_url synth_url_parse(const struct synth_world *w, uint32_t host, bool image_host,
                                 struct wit_str path) {
    char again[SYNTH_URL_MAX];
    struct synth_url u = url_guess(host, image_host, path);
    if (u.what == SYNTH_WELL_KNOWN)
        return u;
    if (!url_exists(w, &u) ||
        !wit_str_eq(path, wit_str_of(again, path_write(w, &u, again, sizeof again))))
        u.what = SYNTH_NOTHING;
    return u;
}

bool synth_url_is_private(const struct synth_world *w, const struct synth_url *u) {
    return u->what == SYNTH_PAGE && page_is_private(w, u->owner, u->page);
}

bool synth_url_is_denied(const struct synth_world *w, const struct synth_url *u) {
    enum synth_robots robots = synth_domain_of(w, u->host).robots;
    if (u->image_host || u->what == SYNTH_ROBOTS_TXT || u->what == SYNTH_ROBOTS_TARGET)
        return false;
    return robots == SYNTH_ROBOTS_NOTHING ||
           ((robots == SYNTH_ROBOTS_SUBTREE || robots == SYNTH_ROBOTS_MOVED) &&
            synth_url_is_private(w, u));
}

size_t synth_url_cell(const struct synth_world *w, const struct synth_url *u) {
    size_t page = (size_t)(w->first_page[u->owner] + u->page) * SYNTH_CELLS;
    switch (u->what) {
    case SYNTH_PAGE:
        return page + SYNTH_CELL_PAGE;
    case SYNTH_HOP:
        return page + SYNTH_CELL_HOP + u->number - 1;
    case SYNTH_IMAGE:
        return page + SYNTH_CELL_IMAGE + u->number;
    case SYNTH_TARGET:
        return page + SYNTH_CELL_TARGET + u->number;
    case SYNTH_LOGO:
        return (size_t)w->first_page[w->domains] * SYNTH_CELLS + u->host;
    default:
        return SIZE_MAX;
    }
}

size_t synth_cell_count(const struct synth_world *w) {
    return (size_t)w->first_page[w->domains] * SYNTH_CELLS + w->domains;
}

struct synth_url synth_page_url(uint32_t domain, uint32_t page) {
    return (struct synth_url){ .host = domain, .what = SYNTH_PAGE, .owner = domain, .page = page };
}

struct synth_url synth_logo_url(const struct synth_world *w, uint32_t domain) {
    return (struct synth_url){ .host = domain,
                               .image_host = synth_domain_of(w, domain).image_host,
                               .what = SYNTH_LOGO,
                               .owner = domain };
}

/* ---- pages and images ----------------------------------------------------------------------- */

enum synth_page_kind synth_page_kind_of(const struct synth_world *w, uint32_t domain,
                                        uint32_t page) {
    static const struct {
        uint32_t below; /* of 1,000 */
        enum synth_page_kind kind;
    } table[] = {
        { 10, SYNTH_PAGE_GONE }, { 15, SYNTH_PAGE_FAILS },    { 25, SYNTH_PAGE_HEALS },
        { 28, SYNTH_PAGE_BUSY }, { 33, SYNTH_PAGE_CUT },      { 43, SYNTH_PAGE_CHAIN },
        { 47, SYNTH_PAGE_AWAY }, { 50, SYNTH_PAGE_LOOP },     { 55, SYNTH_PAGE_TEXT },
        { 60, SYNTH_PAGE_NOAI }, { 63, SYNTH_PAGE_NOFOLLOW },
    };
    uint64_t x = draw(w, SALT_PAGE_KIND, domain, page, 0) % 1000;
    size_t i = 0;
    while (i < WIT_COUNT_OF(table) && x >= table[i].below)
        i++;
    if (page == 0 || i == WIT_COUNT_OF(table))
        return SYNTH_PAGE_PLAIN;
    bool fault = table[i].kind >= SYNTH_PAGE_FAILS && table[i].kind <= SYNTH_PAGE_CUT;
    return fault && !domain_is_faulty(domain) ? SYNTH_PAGE_PLAIN : table[i].kind;
}

uint32_t synth_page_hops(const struct synth_world *w, uint32_t domain, uint32_t page) {
    switch (synth_page_kind_of(w, domain, page)) {
    case SYNTH_PAGE_CHAIN:
        return 1 + (uint32_t)(draw(w, SALT_HOPS, domain, page, 0) % 7);
    case SYNTH_PAGE_AWAY:
    case SYNTH_PAGE_LOOP:
        return 1;
    default:
        return 0;
    }
}

struct synth_url synth_hop_url(const struct synth_world *w, uint32_t domain, uint32_t page,
                               uint32_t number) {
    bool away = synth_page_kind_of(w, domain, page) == SYNTH_PAGE_AWAY;
    return (struct synth_url){ .host = away ? neighbour_of(w, domain, page, 0) : domain,
                               .what = SYNTH_HOP,
                               .owner = domain,
                               .page = page,
                               .number = number };
}

uint32_t synth_page_images(const struct synth_world *w, uint32_t domain, uint32_t page) {
    return (uint32_t)(draw(w, SALT_IMAGES, domain, page, 0) % (SYNTH_IMAGES_MOST + 1));
}

enum synth_image_kind synth_image_kind_of(const struct synth_world *w, uint32_t domain,
                                          uint32_t page, uint32_t number) {
    static const struct {
        uint32_t below; /* of 1,000 */
        enum synth_image_kind kind;
    } table[] = {
        { 10, SYNTH_IMAGE_GONE },  { 15, SYNTH_IMAGE_BROKEN }, { 20, SYNTH_IMAGE_SVG },
        { 25, SYNTH_IMAGE_HEALS }, { 30, SYNTH_IMAGE_NOAI },   { 35, SYNTH_IMAGE_MOVED },
        { 40, SYNTH_IMAGE_TEXT },  { 50, SYNTH_IMAGE_AWAY },   { 300, SYNTH_IMAGE_PNG },
    };
    uint64_t x = draw(w, SALT_IMAGE_KIND, domain, page, number) % 1000;
    for (size_t i = 0; i < WIT_COUNT_OF(table); i++)
        if (x < table[i].below)
            return table[i].kind == SYNTH_IMAGE_HEALS && !domain_is_faulty(domain)
                       ? SYNTH_IMAGE_JPEG
                       : table[i].kind;
    return SYNTH_IMAGE_JPEG;
}

struct synth_url synth_image_url(const struct synth_world *w, uint32_t domain, uint32_t page,
                                 uint32_t number) {
    bool away = synth_image_kind_of(w, domain, page, number) == SYNTH_IMAGE_AWAY;
    return (struct synth_url){
        .host = away ? neighbour_of(w, domain, page, 1 + number) : domain,
        .image_host = !away && synth_domain_of(w, domain).image_host,
        .what = SYNTH_IMAGE,
        .owner = domain,
        .page = page,
        .number = number,
    };
}

uint32_t synth_link_within(const struct synth_world *w, uint32_t domain, uint32_t page,
                           unsigned i) {
    uint32_t pages = (uint32_t)(w->first_page[domain + 1] - w->first_page[domain]);
    return (uint32_t)(draw(w, SALT_LINK_PAGE, domain, page, i) % pages);
}

void synth_link_away(const struct synth_world *w, uint32_t domain, uint32_t page, unsigned i,
                     uint32_t *to_domain, uint32_t *to_page) {
    uint64_t x = draw(w, SALT_LINK, domain, page, i);
    uint32_t d = (uint32_t)(x % w->domains);
    uint32_t pages = (uint32_t)(w->first_page[d + 1] - w->first_page[d]);
    *to_domain = d;
    *to_page = i == 0 ? 0 : (uint32_t)((x >> 32) % pages);
}
