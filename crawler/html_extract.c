/*
 * html_extract.c: a page from its bytes to what it holds. The tokenizer sees the page's own
 * encoding wherever that leaves markup alone; only the few values that are wanted are decoded.
 */
#include "html_extract.h"

#include "html_charset.h"
#include "sitemap.h"

#include <assert.h>
#include <stdlib.h>

static_assert(HTML_ATTRIBUTES_MAX == WIT_CRAWLER_PAGE_MAX_ATTRIBUTES, "the promise in the header");

enum {
    KEPT_BYTES = 1 << 20,          /* of the arena, when an extractor is trimmed */
    KEPT_BUFFER_BYTES = 128 << 10, /* of each buffer */
    /* A value decoded: three bytes for each in the worst single-byte encoding, or for a NUL. */
    VALUE_MAX_BYTES = 3 * WIT_CRAWLER_PAGE_MAX_TOKEN_BYTES,
    RUN_MAX_BYTES =
        4 * WIT_CRAWLER_PAGE_MAX_TEXT_BYTES, /* raw: references are longer than they mean */
    DECODE_PIECE_BYTES = 16384
};

/* ---- what the tokenizer is asked for -----------------------------------------------------------
 */

#define BIT(element) ((uint64_t)1 << HTML_##element)

static const uint64_t attribute_tags =
    BIT(A) | BIT(AREA) | BIT(BASE) | BIT(IMAGE) | BIT(IMG) | BIT(LINK) | BIT(META) | BIT(SOURCE);
static const uint64_t container_tags = BIT(FIGCAPTION) | BIT(FIGURE) | BIT(PICTURE);

void html_extract_want_tags(struct wit_crawler_extractor *x) {
    html_tokenizer_want(x->tokenizer, (struct html_wants){ attribute_tags | container_tags,
                                                           container_tags, false });
}

void html_extract_want_all(struct wit_crawler_extractor *x) {
    html_tokenizer_want(x->tokenizer, (struct html_wants){ UINT64_MAX, UINT64_MAX, true });
}

/* ---- values ------------------------------------------------------------------------------------
 */

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}

/* What keeps raw bytes from meaning themselves. */
struct oddities {
    bool high;    /* bytes from 0x80 on */
    bool special; /* '&', or control characters, of which NUL and CR are replaced */
};

#define EACH_BYTE(c) (0x0101010101010101u * (c))

static struct oddities oddities_of(struct wit_str s) {
    const uint64_t tops = EACH_BYTE(0x80u);
    uint64_t high = 0, special = 0;
    size_t at = 0;
    for (; at + 8 <= s.len; at += 8) { /* a byte below n borrows from its top bit in "w - n" */
        uint64_t w, amp;
        memcpy(&w, s.data + at, sizeof w);
        amp = w ^ EACH_BYTE((uint64_t)'&');
        high |= w;
        special |= ((w - EACH_BYTE(0x20u)) & ~w) | ((amp - EACH_BYTE(1u)) & ~amp);
    }
    struct oddities o = { (high & tops) != 0, (special & tops) != 0 };
    for (; at < s.len; at++) {
        uint8_t c = (uint8_t)s.data[at];
        o.high = o.high || c >= 0x80;
        o.special = o.special || c < 0x20 || c == '&';
    }
    return o;
}

/* It is certain from here on. What was decoded stays. */
static void charset_settle(struct wit_crawler_extractor *x, const struct wit_charset *c) {
    x->charset = x->value_charset = c;
    x->charset_is_guess = false;
    wit_charset_decoder_destroy(x->value_decoder);
    x->value_decoder = NULL;
}

/* The first bytes beyond ASCII that are wanted decide: other encodings' words are hardly ever valid
 * UTF-8. */
static void charset_check(struct wit_crawler_extractor *x, struct wit_str raw) {
    x->charset_is_checked = true;
    if (wit_utf8_valid(raw))
        charset_settle(x, wit_charset_utf8());
}

bool html_extract_decode(struct wit_crawler_extractor *x, struct wit_str raw,
                         enum html_text_kind kind, struct wit_str *out) {
    const struct oddities odd = oddities_of(raw);
    int st = 0;
    if (odd.high && x->charset_is_guess && !x->charset_is_checked)
        charset_check(x, raw);
    if (odd.high && !(x->value_charset == wit_charset_utf8() && wit_utf8_valid(raw))) {
        if (!x->value_decoder)
            st = wit_charset_decoder_create(x->value_charset, &x->value_decoder, NULL);
        wit_buf_reset(&x->decoded);
        if (st == 0)
            st = wit_charset_decode(x->value_decoder, raw, true, &x->decoded);
        raw = wit_buf_view(&x->decoded);
    }
    *out = raw;
    if (odd.special && st == 0) {
        wit_buf_reset(&x->value);
        st = html_decode(raw, kind, &x->value);
        *out = wit_buf_view(&x->value);
    }
    if (st == WIT_ELIMIT)
        x->truncated = true;
    else if (st < 0)
        x->status = st;
    return st == 0;
}

bool html_extract_value(struct wit_crawler_extractor *x, const struct html_token *token,
                        struct wit_str name, struct wit_str *out) {
    const struct html_attr *attr = html_token_attr(token, name);
    return attr && html_extract_decode(x, attr->value, HTML_TEXT_ATTRIBUTE, out);
}

/* Cut at the ceiling, but not inside a character. */
static struct wit_str cut_text(struct wit_crawler_extractor *x, struct wit_str s) {
    if (s.len <= WIT_CRAWLER_PAGE_MAX_TEXT_BYTES)
        return s;
    x->truncated = true;
    s.len = WIT_CRAWLER_PAGE_MAX_TEXT_BYTES;
    s.len -= wit_utf8_tail(s);
    return s;
}

struct wit_str html_extract_tidy(struct wit_crawler_extractor *x, struct wit_str s) {
    wit_buf_reset(&x->text);
    int st = wit_buf_reserve(&x->text, s.len);
    if (st < 0) {
        x->status = st;
        return wit_str_of(NULL, 0);
    }
    bool gap = false;
    for (size_t at = 0; at < s.len; at++) {
        char c = s.data[at];
        if (is_space(c)) {
            gap = true;
        } else if (c != '\0') { /* which a tree drops */
            if (gap && x->text.len)
                x->text.data[x->text.len++] = ' ';
            gap = false;
            x->text.data[x->text.len++] = c;
        }
    }
    struct wit_str tidy = cut_text(x, wit_buf_view(&x->text));
    while (tidy.len && tidy.data[tidy.len - 1] == ' ')
        tidy.len--;
    return html_extract_keep(x, tidy);
}

struct wit_str html_extract_text(struct wit_crawler_extractor *x, const struct html_token *token,
                                 struct wit_str name) {
    struct wit_str value;
    if (!html_extract_value(x, token, name, &value))
        return wit_str_of(NULL, 0);
    return html_extract_tidy(x, value);
}

bool html_extract_resolve(struct wit_crawler_extractor *x, struct wit_str href) {
    int st = wit_url_parse_from(&x->url, href, &x->base, x->value_charset, NULL);
    if (st == WIT_ENOMEM)
        x->status = st;
    else if (st == WIT_ELIMIT)
        x->truncated = true;
    if (st < 0 || !wit_url_is_http(&x->url))
        return false;
    wit_url_remove_fragment(&x->url);
    return true;
}

/* ---- elements ----------------------------------------------------------------------------------
 */

/* Is `word` among the words of a rel attribute? */
static bool has_word(struct wit_str words, struct wit_str word) {
    for (size_t at = 0; at < words.len;) {
        size_t from = at;
        while (at < words.len && !is_space(words.data[at]))
            at++;
        if (wit_str_eq_nocase(wit_str_slice(words, from, at), word))
            return true;
        at++;
    }
    return false;
}

static void on_link(struct wit_crawler_extractor *x, const struct html_token *token) {
    const struct html_attr *attr = html_token_attr(token, WIT_STR("href"));
    struct wit_str rel, href;
    bool license = false, nofollow = false;
    if (attr && html_extract_value(x, token, WIT_STR("rel"), &rel)) {
        license = has_word(rel, WIT_STR("license"));
        nofollow = has_word(rel, WIT_STR("nofollow"));
    }
    if (!attr || (token->element == HTML_LINK && !license) ||
        !html_extract_decode(x, attr->value, HTML_TEXT_ATTRIBUTE, &href) ||
        !html_extract_resolve(x, href))
        return;
    if (license)
        html_license_add(x, wit_url_href(&x->url));
    if (token->element != HTML_LINK)
        html_link_add(x, wit_url_href(&x->url), nofollow);
}

/* The first base element with an href counts, from there on. Data and script URLs do not. */
static void on_base(struct wit_crawler_extractor *x, const struct html_token *token) {
    struct wit_str href;
    if (x->base_seen || !html_extract_value(x, token, WIT_STR("href"), &href))
        return;
    x->base_seen = true;
    if (wit_url_parse_from(&x->url, href, &x->page_url, x->value_charset, NULL) < 0)
        return;
    struct wit_str scheme = wit_url_scheme(&x->url);
    if (wit_str_eq(scheme, WIT_STR("data")) || wit_str_eq(scheme, WIT_STR("javascript")))
        return;
    if (wit_url_copy(&x->base, &x->url) < 0)
        x->status = WIT_ENOMEM;
}

/* A meta element behind the prescan may still replace the default encoding. */
static void on_meta_charset(struct wit_crawler_extractor *x, const struct html_token *token) {
    const struct wit_charset *found = NULL;
    struct wit_str value, content;
    if (html_extract_value(x, token, WIT_STR("charset"), &value))
        found = wit_charset_find(value);
    else if (html_extract_value(x, token, WIT_STR("http-equiv"), &value) &&
             wit_str_eq_nocase(value, WIT_STR("content-type")) &&
             html_extract_value(x, token, WIT_STR("content"), &content))
        found = html_charset_from_content(content);
    found = html_charset_as_meta(found);
    if (!found || !wit_charset_keeps_markup(found))
        return;
    charset_settle(x, found);
}

static void signal_add(struct wit_crawler_extractor *x, struct wit_str name,
                       const struct html_token *token) {
    struct wit_str kept_name = html_extract_keep(x, name);
    struct wit_str content = html_extract_text(x, token, WIT_STR("content"));
    struct wit_crawler_signal *signal = html_array_push(x, &x->signals, sizeof *signal);
    if (signal)
        *signal = (struct wit_crawler_signal){ kept_name, content };
}

static void on_meta(struct wit_crawler_extractor *x, const struct html_token *token) {
    struct wit_str name, content, agent = wit_buf_view(&x->agent);
    if (x->charset_is_guess)
        on_meta_charset(x, token);
    /* Open Graph says property, pages say name as well. */
    struct wit_str property = html_extract_text(x, token, WIT_STR("property"));
    name = html_extract_text(x, token, WIT_STR("name"));
    html_image_on_meta(x, token, property.len ? property : name);
    bool robots =
        wit_str_eq_nocase(name, WIT_STR("robots")) || (agent.len && wit_str_eq_nocase(name, agent));
    bool reservation = wit_str_eq_nocase(name, WIT_STR("tdm-reservation"));
    if (!robots && !reservation && !wit_str_eq_nocase(name, WIT_STR("tdm-policy")))
        return;
    signal_add(x, name, token);
    if (!html_extract_value(x, token, WIT_STR("content"), &content))
        return;
    if (robots)
        x->directives |= wit_crawler_directives_parse(content, agent);
    if (reservation && wit_str_eq(wit_str_trim(content), WIT_STR("1")))
        x->directives |= WIT_CRAWLER_TDM_RESERVED;
    if (reservation && wit_str_eq(wit_str_trim(content), WIT_STR("0")))
        x->directives |= WIT_CRAWLER_TDM_OPEN;
}

static void on_start_tag(struct wit_crawler_extractor *x, const struct html_token *token) {
    html_image_on_tag(x, token);
    switch (token->element) {
    case HTML_A:
    case HTML_AREA:
    case HTML_LINK:
        on_link(x, token);
        break;
    case HTML_BASE:
        on_base(x, token);
        break;
    case HTML_META:
        on_meta(x, token);
        break;
    default:
        break;
    }
}

static void on_token(void *user, const struct html_token *token) {
    struct wit_crawler_extractor *x = user;
    if (x->status < 0)
        return;
    if (token->kind == HTML_START_TAG && token->cut && (attribute_tags >> token->element & 1))
        x->truncated = true;
    if (token->kind == HTML_TEXT)
        html_image_on_text(x, token);
    else if (token->kind == HTML_START_TAG)
        on_start_tag(x, token);
    else if (token->kind == HTML_END_TAG)
        html_image_on_end_tag(x, token);
    else
        html_image_on_border(x);
}

/* ---- encoding ----------------------------------------------------------------------------------
 */

/* 13.2.3.2: byte order mark, then the header, then the page's own word, then the default of where
 * it is from. */
static int charset_decide(struct wit_crawler_extractor *x, struct wit_str *head,
                          struct wit_error *err) {
    size_t bom_bytes = 0;
    const struct wit_charset *c = wit_charset_from_bom(*head, &bom_bytes);
    *head = wit_str_slice(*head, bom_bytes, head->len);
    if (!c)
        c = x->header_charset;
    if (!c)
        c = html_charset_prescan(*head);
    x->charset_is_guess = !c;
    x->charset = c ? c : html_charset_of_host(wit_url_host(&x->page_url));
    x->value_charset = x->charset;
    if (wit_charset_keeps_markup(x->charset))
        return 0;
    x->value_charset = wit_charset_utf8();
    return wit_charset_decoder_create(x->charset, &x->stream_decoder, err);
}

/* Bytes behind the decision about their encoding. */
static int tokenize(struct wit_crawler_extractor *x, struct wit_str bytes, bool last) {
    if (!x->stream_decoder)
        return html_tokenizer_feed(x->tokenizer, bytes);
    int st = 0;
    do {
        size_t piece = bytes.len < DECODE_PIECE_BYTES ? bytes.len : DECODE_PIECE_BYTES;
        bool end = last && piece == bytes.len;
        struct wit_buf utf8 = WIT_BUF_INIT(8 * DECODE_PIECE_BYTES);
        st = wit_charset_decode(x->stream_decoder, wit_str_slice(bytes, 0, piece), end, &utf8);
        if (st == 0)
            st = html_tokenizer_feed(x->tokenizer, wit_buf_view(&utf8));
        wit_buf_finish(&utf8);
        bytes = wit_str_slice(bytes, piece, bytes.len);
    } while (bytes.len && st == 0);
    return st;
}

/* ---- pages -------------------------------------------------------------------------------------
 */

struct wit_crawler_extractor *wit_crawler_extractor_create(void) {
    struct wit_crawler_extractor *x = calloc(1, sizeof *x);
    if (!x)
        return NULL;
    x->tokenizer = html_tokenizer_create(WIT_CRAWLER_PAGE_MAX_TOKEN_BYTES, on_token, x);
    x->arena = wit_arena_create(WIT_CRAWLER_PAGE_MAX_MEMORY);
    x->agent.max = 256;
    x->head.max = HTML_CHARSET_PRESCAN_BYTES;
    x->decoded.max = x->value.max = x->text.max = VALUE_MAX_BYTES;
    x->run.max = RUN_MAX_BYTES;
    x->caption.max = VALUE_MAX_BYTES;
    if (x->tokenizer && x->arena)
        return x;
    wit_crawler_extractor_destroy(x);
    return NULL;
}

static void decoders_drop(struct wit_crawler_extractor *x) {
    wit_charset_decoder_destroy(x->stream_decoder);
    wit_charset_decoder_destroy(x->value_decoder);
    x->stream_decoder = x->value_decoder = NULL;
}

void wit_crawler_extractor_destroy(struct wit_crawler_extractor *x) {
    if (!x)
        return;
    struct wit_buf *const buffers[] = { &x->agent, &x->head, &x->decoded, &x->value,
                                        &x->text,  &x->run,  &x->caption };
    for (size_t i = 0; i < WIT_COUNT_OF(buffers); i++)
        wit_buf_finish(buffers[i]);
    decoders_drop(x);
    html_tokenizer_destroy(x->tokenizer);
    sitemap_destroy(x->sitemap);
    wit_arena_destroy(x->arena);
    wit_url_finish(&x->page_url);
    wit_url_finish(&x->base);
    wit_url_finish(&x->url);
    free(x);
}

void html_extract_use(struct wit_crawler_extractor *x, const struct html_skim *skim) {
    html_tokenizer_use(x->tokenizer, skim);
}

/* Forget the page before; buffers keep their memory. */
static void page_reset(struct wit_crawler_extractor *x) {
    static const struct html_array no_items = { NULL, 0, 0 };
    static const struct html_set no_set = { NULL, NULL, 0, 0 };
    html_tokenizer_reset(x->tokenizer);
    html_extract_want_tags(x);
    wit_arena_reset(x->arena);
    decoders_drop(x);
    wit_buf_reset(&x->agent);
    wit_buf_reset(&x->head);
    wit_buf_reset(&x->run);
    wit_buf_reset(&x->caption);
    x->pairs = x->links = x->licenses = x->signals = x->og_images = no_items;
    x->pair_set = x->link_set = x->license_set = no_set;
    x->og_description = x->hashed = wit_str_of(NULL, 0);
    x->pair_bytes = 0;
    x->charset = x->value_charset = x->header_charset = NULL;
    x->status = 0;
    x->truncated = x->base_seen = x->charset_is_guess = x->in_picture = false;
    x->charset_is_checked = false;
    x->directives = 0;
    x->images = 0;
    x->figure_depth = x->caption_depth = x->source_count = 0;
}

static int page_fail(struct wit_crawler_extractor *x, int st, struct wit_error *err) {
    return wit_error_set(err, st, "cannot read page '%.*s': %s",
                         WIT_STR_FMT(wit_url_href(&x->page_url)), wit_status_meaning(st));
}

void wit_crawler_extractor_trim(struct wit_crawler_extractor *x) {
    struct wit_buf *const buffers[] = { &x->decoded, &x->value, &x->text, &x->run, &x->caption };
    page_reset(x);
    wit_arena_trim(x->arena, KEPT_BYTES);
    for (size_t i = 0; i < WIT_COUNT_OF(buffers); i++)
        if (buffers[i]->cap > KEPT_BUFFER_BYTES)
            wit_buf_finish(buffers[i]);
}

int wit_crawler_extractor_begin(struct wit_crawler_extractor *x,
                                const struct wit_crawler_page_source *from, struct wit_error *err) {
    page_reset(x);
    int st = wit_url_parse(&x->page_url, from->url, NULL, err);
    if (st < 0)
        return st;
    if (!wit_url_is_http(&x->page_url))
        return wit_error_set(err, WIT_EINVAL, "page '%.*s' is not http or https",
                             WIT_STR_FMT(from->url));
    st = wit_url_copy(&x->base, &x->page_url);
    if (st == 0)
        st = wit_buf_append_str(&x->agent, from->agent);
    if (st < 0)
        return wit_error_set(err, st, "cannot begin page '%.*s'", WIT_STR_FMT(from->url));
    x->header_charset = wit_charset_find(from->charset);
    x->document = from->document;
    if (x->document == WIT_CRAWLER_SITEMAP) {
        if (!x->sitemap)
            x->sitemap = sitemap_create(x);
        st = x->sitemap ? sitemap_begin(x->sitemap) : WIT_ENOMEM;
    }
    return st < 0 ? page_fail(x, st, err) : 0;
}

int wit_crawler_extractor_feed(struct wit_crawler_extractor *x, struct wit_str bytes,
                               struct wit_error *err) {
    int st = 0;
    if (x->document == WIT_CRAWLER_SITEMAP) {
        st = sitemap_feed(x->sitemap, bytes);
        return st < 0 ? page_fail(x, st, err) : 0;
    }
    if (!x->charset) {
        size_t missing = HTML_CHARSET_PRESCAN_BYTES - x->head.len;
        struct wit_str head = bytes;
        if (x->head.len || bytes.len < missing) {
            size_t taken = bytes.len < missing ? bytes.len : missing;
            st = wit_buf_append(&x->head, bytes.data, taken);
            if (st < 0)
                return page_fail(x, st, err);
            if (taken < missing)
                return 0;
            bytes = wit_str_slice(bytes, taken, bytes.len);
            head = wit_buf_view(&x->head);
            st = charset_decide(x, &head, err);
            if (st == 0)
                st = tokenize(x, head, false);
        } else {
            st = charset_decide(x, &head, err);
            bytes = head;
        }
    }
    if (st == 0)
        st = tokenize(x, bytes, false);
    if (st == 0)
        st = x->status;
    return st < 0 ? page_fail(x, st, err) : 0;
}

static int html_end(struct wit_crawler_extractor *x, struct wit_error *err) {
    struct wit_str head = wit_str_of(NULL, 0);
    int st = 0;
    if (!x->charset) { /* a page shorter than the prescan */
        head = wit_buf_view(&x->head);
        st = charset_decide(x, &head, err);
    }
    if (st == 0)
        st = tokenize(x, head, true);
    if (st == 0)
        st = html_tokenizer_end(x->tokenizer);
    if (st == 0) {
        html_image_finish(x);
        st = x->status;
    }
    return st;
}

int wit_crawler_extractor_end(struct wit_crawler_extractor *x, struct wit_crawler_page *out,
                              struct wit_error *err) {
    bool is_index = false;
    int st =
        x->document == WIT_CRAWLER_SITEMAP ? sitemap_end(x->sitemap, &is_index) : html_end(x, err);
    if (st < 0)
        return page_fail(x, st, err);
    *out = (struct wit_crawler_page){
        .pairs = html_pairs_sorted(x),
        .pair_count = x->pairs.count,
        .links = x->links.items,
        .link_count = x->links.count,
        .licenses = x->licenses.items,
        .license_count = x->licenses.count,
        .signals = x->signals.items,
        .signal_count = x->signals.count,
        .directives = x->directives,
        .base = wit_url_href(&x->base),
        .charset = wit_charset_name(x->charset),
        .images = x->images - x->og_images.count,
        .is_index = is_index,
        .truncated = x->truncated,
    };
    return 0;
}

int wit_crawler_page_extract(struct wit_crawler_extractor *x,
                             const struct wit_crawler_page_source *from, struct wit_str html,
                             struct wit_crawler_page *out, struct wit_error *err) {
    int st = wit_crawler_extractor_begin(x, from, err);
    if (st == 0)
        st = wit_crawler_extractor_feed(x, html, err);
    if (st == 0)
        st = wit_crawler_extractor_end(x, out, err);
    return st;
}
