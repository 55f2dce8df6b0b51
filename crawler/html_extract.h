/*
 * html_extract.h: the extractor's inside, shared by html_extract.c (pages), html_image.c (images
 * and their figures) and html_lists.c (what was found).
 */
#ifndef HTML_EXTRACT_H
#define HTML_EXTRACT_H

#include "html_skim.h"
#include "html_tokenizer.h"
#include "text/wit_text.h"
#include "wit_crawler_page.h"

/* Hashes and positions of a list's items: open addressing, memory of the page's arena. */
struct html_set {
    uint64_t *hashes; /* 0: free */
    uint32_t *items;
    size_t slots, used;
};

/* Growing arrays in the page's arena. */
struct html_array {
    void *items;
    size_t count, cap;
};

/* A pair and the place of its image among the page's images. */
struct html_found_pair {
    struct wit_crawler_pair pair;
    uint32_t ordinal, serial;
};

struct html_figure_image {
    struct html_figure_image *next;
    struct wit_str url;
    uint32_t ordinal;
};

struct html_figure {
    struct html_figure_image *images;
    struct wit_str caption; /* of the first figcaption with text; empty: none */
};

struct html_og_image {
    struct wit_str url, alt;
    uint32_t ordinal;
};

enum { HTML_PICTURE_SOURCES_MAX = 16 };

struct wit_crawler_extractor {
    struct html_tokenizer *tokenizer;
    struct wit_arena *arena; /* everything that the page's lists hold */
    int status;              /* first failure inside a callback */
    bool truncated;

    /* where we are */
    struct wit_url page_url, base, url; /* url: the one just resolved */
    bool base_seen;
    struct wit_buf agent;

    /* encoding */
    const struct wit_charset *header_charset; /* NULL: none that we know */
    const struct wit_charset *charset;        /* NULL: not decided yet */
    const struct wit_charset *value_charset;  /* of the bytes that the tokenizer sees */
    bool charset_is_guess;                    /* nobody named it: a meta element still may */
    bool charset_is_checked; /* a guess, and bytes beyond ASCII were seen that are not UTF-8 */
    struct wit_charset_decoder *stream_decoder; /* for encodings that hide markup; else NULL */
    struct wit_charset_decoder *value_decoder;  /* of value_charset; NULL until needed */
    struct wit_buf head;                        /* bytes kept until the encoding is known */
    struct wit_buf decoded, value, text;        /* scratch */

    enum wit_crawler_document document;
    struct sitemap *sitemap; /* NULL until there was one */

    /* what was found */
    struct html_array pairs, links, licenses, signals, og_images;
    struct html_set pair_set, link_set, license_set;
    size_t pair_bytes;     /* URLs and texts of all pairs */
    struct wit_str hashed; /* the text that was hashed last, and its hash */
    uint64_t text_hash;
    struct wit_str og_description;
    unsigned directives;
    uint32_t images;

    /* open elements */
    struct html_figure figures[WIT_CRAWLER_PAGE_MAX_FIGURES];
    size_t figure_depth;  /* open figures, those beyond the ceiling too */
    size_t caption_depth; /* figure_depth of the open figcaption; 0: none */
    struct wit_buf run;   /* raw text of the caption since the last tag */
    enum html_text_kind run_kind;
    struct wit_buf caption; /* its decoded text so far */
    bool in_picture;
    struct wit_str sources[HTML_PICTURE_SOURCES_MAX]; /* the best of each source element */
    size_t source_count;
};

/* ---- what the tokenizer is asked for (html_extract.c) ---- */

/* Outside a caption only tags whose attributes are read or that open and close something. */
void html_extract_want_tags(struct wit_crawler_extractor *x);
/* Inside one everything: words come in texts, and any tag may part them. */
void html_extract_want_all(struct wit_crawler_extractor *x);

/* ---- values (html_extract.c) ---- */

/* The attribute's decoded value, until the next call or the token's end; false when absent or too
 * long. */
bool html_extract_value(struct wit_crawler_extractor *x, const struct html_token *token,
                        struct wit_str name, struct wit_str *out);
/* The same as caption text: white space runs to one space, trimmed, in the page's arena. Empty:
 * none. */
struct wit_str html_extract_text(struct wit_crawler_extractor *x, const struct html_token *token,
                                 struct wit_str name);
/* Decode raw bytes of the page: themselves or in x->value. False: over a ceiling. */
bool html_extract_decode(struct wit_crawler_extractor *x, struct wit_str raw,
                         enum html_text_kind kind, struct wit_str *out);
/* White space as above, copied into the arena. */
struct wit_str html_extract_tidy(struct wit_crawler_extractor *x, struct wit_str text);
/* Resolve against the base; true if http or https. x->url then holds it, without fragment. */
bool html_extract_resolve(struct wit_crawler_extractor *x, struct wit_str href);

/* Tests choose the tokenizer's fast path; there is one extractor for all. */
void html_extract_use(struct wit_crawler_extractor *x, const struct html_skim *skim);

/* ---- images (html_image.c) ---- */

void html_image_on_tag(struct wit_crawler_extractor *x, const struct html_token *token);
void html_image_on_end_tag(struct wit_crawler_extractor *x, const struct html_token *token);
void html_image_on_text(struct wit_crawler_extractor *x, const struct html_token *token);
void html_image_on_border(struct wit_crawler_extractor *x); /* a comment: text before it is whole */
void html_image_on_meta(struct wit_crawler_extractor *x, const struct html_token *token,
                        struct wit_str property);
void html_image_finish(struct wit_crawler_extractor *x); /* the page is over */

/* ---- lists (html_lists.c); all of them copy strings into the arena and mark `truncated` ---- */

void *html_array_push(struct wit_crawler_extractor *x, struct html_array *a, size_t item_size);
struct wit_str html_extract_keep(struct wit_crawler_extractor *x, struct wit_str s);
void html_pair_add(struct wit_crawler_extractor *x, struct wit_str kept_url,
                   struct wit_str kept_text, enum wit_shards_source source, uint32_t ordinal);
/* The same with all that a pair can have; its strings are kept ones. */
void html_pair_add_whole(struct wit_crawler_extractor *x, const struct wit_crawler_pair *pair,
                         uint32_t ordinal);
void html_link_add(struct wit_crawler_extractor *x, struct wit_str url, bool nofollow);
/* As it is kept; empty: no room. */
struct wit_str html_license_add(struct wit_crawler_extractor *x, struct wit_str url);
/* Document order of the images; then a plain array for the public. NULL when there is none. */
const struct wit_crawler_pair *html_pairs_sorted(struct wit_crawler_extractor *x);

#endif
