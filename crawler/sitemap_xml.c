/*
 * sitemap_xml.c: see sitemap_xml.h. Sources: sitemaps.org 0.9, Google's image extension, RSS 2.0,
 * Atom (RFC 4287).
 *
 * expat keeps every name that it has seen and every element that is open, so both have ceilings
 * here; it scans an unfinished token again with each piece, so a token has one too. Fifty
 * megabytes can be millions of elements, which are work: so there is one for these. References to
 * entities other than XML's five cannot be defined (no DTD) and say nothing.
 */
#include "sitemap_xml.h"

#include <expat.h>
#include <stdlib.h>

enum {
    DEPTH_MOST = 128, /* feeds hold markup, which is deeper than any sitemap */
    NAMES_MOST = 1024,
    NAME_SLOTS = 2 * NAMES_MOST,
    ELEMENTS_MOST = 2000000, /* 40 for each of 50,000 URLs */
    TOKEN_MOST_BYTES = 1 << 16,
    TEXT_MOST_BYTES = 4 * WIT_CRAWLER_PAGE_MAX_TEXT_BYTES /* raw: with white space that goes */
};

/* What an element is, by its name and what it stands in. */
enum element {
    DOCUMENT,
    OTHER,
    URLSET,
    URL,
    LOC,
    IMAGE,
    IMAGE_LOC,
    IMAGE_CAPTION,
    IMAGE_TITLE,
    IMAGE_LICENSE,
    INDEX,
    SITEMAP,
    SITEMAP_LOC,
    RSS,
    CHANNEL,
    ITEM,
    ITEM_LINK,
    FEED,
    ENTRY,
    ENTRY_LINK
};

static const struct {
    enum element parent;
    const char *name;
    enum element element;
} known[] = {
    { DOCUMENT, "urlset", URLSET },
    { URLSET, "url", URL },
    { URL, "loc", LOC },
    { URL, "image", IMAGE },
    { IMAGE, "loc", IMAGE_LOC },
    { IMAGE, "caption", IMAGE_CAPTION },
    { IMAGE, "title", IMAGE_TITLE },
    { IMAGE, "license", IMAGE_LICENSE },
    { DOCUMENT, "sitemapindex", INDEX },
    { INDEX, "sitemap", SITEMAP },
    { SITEMAP, "loc", SITEMAP_LOC },
    { DOCUMENT, "rss", RSS },
    { RSS, "channel", CHANNEL },
    { CHANNEL, "item", ITEM },
    { ITEM, "link", ITEM_LINK },
    { DOCUMENT, "feed", FEED },
    { FEED, "entry", ENTRY },
    { ENTRY, "link", ENTRY_LINK },
};

/* An image of the url element that is open. Strings are in the arena. */
struct image {
    struct image *next;
    struct wit_str url, caption, title, license;
};

struct sitemap_xml {
    struct wit_crawler_extractor *x;
    XML_Parser parser;
    enum element open[DEPTH_MOST];
    size_t depth;
    enum element root;   /* DOCUMENT: none yet */
    struct wit_buf text; /* of the innermost element */
    struct wit_str page; /* the loc of the url; its images may come before it */
    struct image *images, **images_end;
    struct image *image;        /* the open one */
    uint64_t names[NAME_SLOTS]; /* hashes of element and attribute names; 0: free */
    size_t name_count, url_count, element_count;
    size_t silent_bytes; /* since expat told us anything */
    bool over;
};

static void stop(struct sitemap_xml *m) {
    m->x->truncated = true;
    m->over = true;
    XML_StopParser(m->parser, XML_FALSE);
}

/* ---- what was found ------------------------------------------------------------------------- */

/* True: x->url holds it. */
static bool link_add(struct sitemap_xml *m, struct wit_str href) {
    struct wit_crawler_extractor *x = m->x;
    if (!sitemap_url_count(&m->url_count)) {
        stop(m);
        return false;
    }
    if (!html_extract_resolve(x, wit_str_trim(href)))
        return false;
    html_link_add(x, wit_url_href(&x->url), false);
    return true;
}

static void image_begin(struct sitemap_xml *m) {
    m->image = wit_arena_alloc(m->x->arena, sizeof *m->image, _Alignof(struct image));
    if (!m->image) {
        stop(m);
        return;
    }
    *m->image = (struct image){ .next = NULL };
    *m->images_end = m->image;
    m->images_end = &m->image->next;
}

static void images_forget(struct sitemap_xml *m) {
    m->page = wit_str_of(NULL, 0);
    m->image = m->images = NULL;
    m->images_end = &m->images;
}

/* The images of a url are known, and whose they are. */
static void images_add(struct sitemap_xml *m) {
    struct wit_crawler_extractor *x = m->x;
    for (const struct image *i = m->images; i; i = i->next) {
        if (i->url.len == 0)
            continue;
        uint32_t ordinal = x->images++;
        struct wit_crawler_pair pair = { .url = i->url,
                                         .text = i->caption,
                                         .source = WIT_SHARDS_SITEMAP,
                                         .page = m->page,
                                         .license = i->license };
        html_pair_add_whole(x, &pair, ordinal);
        pair.text = i->title;
        html_pair_add_whole(x, &pair, ordinal);
    }
    images_forget(m);
}

/* The text of an element that wants it. */
static void text_take(struct sitemap_xml *m, enum element element) {
    struct wit_crawler_extractor *x = m->x;
    struct wit_str text = wit_buf_view(&m->text);
    switch (element) {
    case LOC:
        if (link_add(m, text))
            m->page = html_extract_keep(x, wit_url_href(&x->url));
        break;
    case SITEMAP_LOC:
    case ITEM_LINK:
        link_add(m, text);
        break;
    case IMAGE_LOC:
        if (html_extract_resolve(x, wit_str_trim(text)))
            m->image->url = html_extract_keep(x, wit_url_href(&x->url));
        break;
    case IMAGE_CAPTION:
        m->image->caption = html_extract_tidy(x, text);
        break;
    case IMAGE_TITLE:
        m->image->title = html_extract_tidy(x, text);
        break;
    case IMAGE_LICENSE:
        if (html_extract_resolve(x, wit_str_trim(text)))
            m->image->license = html_license_add(x, wit_url_href(&x->url));
        break;
    default:
        break;
    }
}

static bool has_text(enum element element) {
    return element == LOC || element == SITEMAP_LOC || element == ITEM_LINK ||
           element == IMAGE_LOC || element == IMAGE_CAPTION || element == IMAGE_TITLE ||
           element == IMAGE_LICENSE;
}

/* ---- expat's callbacks ---------------------------------------------------------------------- */

static struct wit_str local_name(const char *name) {
    const char *colon = strrchr(name, ':');
    return wit_str_from(colon ? colon + 1 : name);
}

static enum element element_find(enum element parent, struct wit_str name) {
    for (size_t i = 0; i < WIT_COUNT_OF(known) && parent != OTHER; i++)
        if (known[i].parent == parent && wit_str_eq(name, wit_str_from(known[i].name)))
            return known[i].element;
    return OTHER;
}

/* False: so many different ones that expat should not keep more of them. */
static bool name_note(struct sitemap_xml *m, const char *name) {
    uint64_t hash = wit_hash64_of(name, strlen(name), 0);
    size_t at = (size_t)(hash += hash == 0) % NAME_SLOTS;
    while (m->names[at] && m->names[at] != hash)
        at = (at + 1) % NAME_SLOTS;
    m->name_count += m->names[at] == 0;
    m->names[at] = hash;
    return m->name_count <= NAMES_MOST;
}

static struct wit_str attr_value(const XML_Char **attrs, const char *name) {
    for (; *attrs; attrs += 2)
        if (strcmp(attrs[0], name) == 0)
            return wit_str_from(attrs[1]);
    return wit_str_of(NULL, 0);
}

/* An entry's page: other relations lead to something else (RFC 4287, 4.2.7.2: no rel means
 * alternate). */
static void entry_link_add(struct sitemap_xml *m, const XML_Char **attrs) {
    struct wit_str rel = attr_value(attrs, "rel"), href = attr_value(attrs, "href");
    if (href.len && (rel.len == 0 || wit_str_eq_nocase(rel, WIT_STR("alternate"))))
        link_add(m, href);
}

static void on_start(void *user, const XML_Char *name, const XML_Char **attrs) {
    struct sitemap_xml *m = user;
    bool known_enough = name_note(m, name);
    m->silent_bytes = 0;
    for (const XML_Char **a = attrs; *a && known_enough; a += 2)
        known_enough = name_note(m, *a);
    if (m->over)
        return;
    if (!known_enough || m->depth == DEPTH_MOST || ++m->element_count > ELEMENTS_MOST) {
        stop(m);
        return;
    }
    enum element parent = m->depth ? m->open[m->depth - 1] : DOCUMENT;
    enum element element = element_find(parent, local_name(name));
    m->open[m->depth++] = element;
    wit_buf_reset(&m->text);
    if (parent == DOCUMENT) {
        m->root = element;
        if (element == OTHER)
            stop(m);
    } else if (element == IMAGE) {
        image_begin(m);
    } else if (element == ENTRY_LINK) {
        entry_link_add(m, attrs);
    }
}

static void on_end(void *user, const XML_Char *name) {
    struct sitemap_xml *m = user;
    m->silent_bytes = 0;
    if (m->over)
        return;
    enum element element = m->open[--m->depth];
    if (has_text(element) && m->text.len)
        text_take(m, element);
    else if (element == URL)
        images_add(m);
    wit_buf_reset(&m->text);
}

static void on_text(void *user, const XML_Char *text, int len) {
    struct sitemap_xml *m = user;
    m->silent_bytes = 0;
    if (m->over || m->depth == 0 || !has_text(m->open[m->depth - 1]))
        return;
    size_t room = m->text.max - m->text.len, want = (size_t)len;
    if (want > room) {
        m->x->truncated = true;
        want = room;
    }
    if (wit_buf_append(&m->text, text, want) < 0)
        m->x->status = WIT_ENOMEM;
}

/* Comments, declarations, references that say nothing. */
static void on_rest(void *user, const XML_Char *text, int len) {
    struct sitemap_xml *m = user;
    m->silent_bytes = 0;
}

/* A document type that would define anything: nothing in a sitemap does. */
static void on_doctype(void *user, const XML_Char *name, const XML_Char *system,
                       const XML_Char *public_id, int has_internal_subset) {
    struct sitemap_xml *m = user;
    m->silent_bytes = 0;
    if (has_internal_subset)
        stop(m);
}

static void on_entity(void *user, const XML_Char *name, int is_parameter, const XML_Char *value,
                      int value_len, const XML_Char *base, const XML_Char *system,
                      const XML_Char *public_id, const XML_Char *notation) {
    stop(user);
}

/* ---- a document ----------------------------------------------------------------------------- */

struct sitemap_xml *sitemap_xml_create(struct wit_crawler_extractor *x) {
    struct sitemap_xml *m = calloc(1, sizeof *m);
    if (!m)
        return NULL;
    m->x = x;
    m->text = (struct wit_buf)WIT_BUF_INIT(TEXT_MOST_BYTES);
    images_forget(m);
    m->parser = XML_ParserCreate("UTF-8");
    if (!m->parser) {
        sitemap_xml_destroy(m);
        return NULL;
    }
    XML_SetUserData(m->parser, m);
    XML_SetElementHandler(m->parser, on_start, on_end);
    XML_SetCharacterDataHandler(m->parser, on_text);
    XML_SetDefaultHandler(m->parser, on_rest);
    XML_SetStartDoctypeDeclHandler(m->parser, on_doctype);
    XML_SetEntityDeclHandler(m->parser, on_entity);
    return m;
}

void sitemap_xml_destroy(struct sitemap_xml *m) {
    if (!m)
        return;
    if (m->parser)
        XML_ParserFree(m->parser);
    wit_buf_finish(&m->text);
    free(m);
}

int sitemap_xml_feed(struct sitemap_xml *m, struct wit_str utf8, bool last) {
    struct wit_crawler_extractor *x = m->x;
    if (m->over)
        return 1;
    m->silent_bytes += utf8.len;
    if (XML_Parse(m->parser, utf8.data, (int)utf8.len, last) != XML_STATUS_OK && !m->over) {
        x->truncated = true;
        m->over = true;
        if (XML_GetErrorCode(m->parser) == XML_ERROR_NO_MEMORY)
            return WIT_ENOMEM;
    }
    if (m->silent_bytes > TOKEN_MOST_BYTES && !m->over)
        stop(m);
    return x->status < 0 ? x->status : m->over;
}

enum sitemap_xml_kind sitemap_xml_end(struct sitemap_xml *m) {
    images_add(m);
    switch (m->root) {
    case URLSET:
    case RSS:
    case FEED:
        return SITEMAP_XML_PAGES;
    case INDEX:
        return SITEMAP_XML_INDEX;
    default:
        return SITEMAP_XML_NONE;
    }
}
