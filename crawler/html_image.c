/*
 * html_image.c: image-text candidates: img with alt and title, its lazy attributes, srcset,
 * picture, figures with their captions, Open Graph images. docs/extraction.md states the rules.
 */
#include "html_extract.h"

#include <stdlib.h>

/* ---- srcset (WHATWG HTML 4.8.4.3.10) --------------------------------------------------------- */

/* How large a candidate says it is. Widths beat densities: they are about the image itself. */
struct extent {
    double width, density;
};

static bool is_larger(struct extent a, struct extent b) {
    return a.width != b.width ? a.width > b.width : a.density > b.density;
}

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}

/* A data: URL is a placeholder, and may be a megabyte of it. */
static bool is_data_url(struct wit_str raw) {
    raw = wit_str_trim(raw);
    return raw.len >= 5 && wit_str_eq_nocase(wit_str_slice(raw, 0, 5), WIT_STR("data:"));
}

/* One descriptor, "2x" or "800w" or "600h". False: the candidate is invalid. */
static bool descriptor_parse(struct wit_str text, struct extent *extent) {
    double number;
    uint64_t whole;
    if (text.len < 2)
        return false;
    char unit = text.data[text.len - 1];
    struct wit_str digits = wit_str_slice(text, 0, text.len - 1);
    switch (unit) {
    case 'w':
        if (wit_str_to_u64(digits, &whole) < 0 || whole == 0)
            return false;
        extent->width = (double)whole;
        return true;
    case 'x':
        if (wit_str_to_double(digits, &number) < 0 || !(number >= 0))
            return false;
        extent->density = number;
        return true;
    case 'h':
        return wit_str_to_u64(digits, &whole) == 0 && whole > 0;
    default:
        return false;
    }
}

/* Descriptors up to the comma that ends the candidate; commas inside parentheses do not. */
static bool descriptors_parse(struct wit_str in, size_t *at, struct extent *extent) {
    bool valid = true;
    while (*at < in.len && in.data[*at] != ',') {
        if (is_space(in.data[*at])) {
            (*at)++;
            continue;
        }
        size_t from = *at;
        unsigned depth = 0;
        while (*at < in.len && (depth || (in.data[*at] != ',' && !is_space(in.data[*at])))) {
            if (in.data[*at] == '(')
                depth = 1;
            else if (in.data[*at] == ')')
                depth = 0;
            (*at)++;
        }
        valid = descriptor_parse(wit_str_slice(in, from, *at), extent) && valid;
    }
    return valid;
}

/* The largest candidate of a srcset that is no placeholder; empty when it has none. */
static struct wit_str srcset_largest(struct wit_str in, struct extent *largest) {
    struct wit_str best = { NULL, 0 };
    for (size_t at = 0; at < in.len;) {
        if (is_space(in.data[at]) || in.data[at] == ',') {
            at++;
            continue;
        }
        size_t from = at;
        while (at < in.len && !is_space(in.data[at]))
            at++;
        struct wit_str url = wit_str_slice(in, from, at);
        struct extent extent = { 0, 1 };
        bool valid = true;
        if (url.data[url.len - 1] == ',')
            while (url.len && url.data[url.len - 1] == ',')
                url.len--;
        else
            valid = descriptors_parse(in, &at, &extent);
        if (valid && url.len && !is_data_url(url) &&
            (best.len == 0 || is_larger(extent, *largest))) {
            best = url;
            *largest = extent;
        }
    }
    return best;
}

/* ---- which address an element stands for ------------------------------------------------------
 */

/* The attribute as an address in the arena; empty when absent or not http. */
static struct wit_str attr_url(struct wit_crawler_extractor *x, const struct html_token *token,
                               struct wit_str name) {
    const struct html_attr *attr = html_token_attr(token, name);
    struct wit_str value;
    if (!attr || attr->value.len == 0 || is_data_url(attr->value) ||
        !html_extract_value(x, token, name, &value) || !html_extract_resolve(x, value))
        return wit_str_of(NULL, 0);
    return html_extract_keep(x, wit_url_href(&x->url));
}

/* The same for the largest candidate of a srcset attribute. */
static struct wit_str attr_srcset(struct wit_crawler_extractor *x, const struct html_token *token,
                                  struct wit_str name, struct extent *extent) {
    struct wit_str value;
    if (!html_token_attr(token, name) || !html_extract_value(x, token, name, &value))
        return wit_str_of(NULL, 0);
    struct wit_str best = srcset_largest(value, extent);
    if (best.len == 0 || !html_extract_resolve(x, best))
        return wit_str_of(NULL, 0);
    return html_extract_keep(x, wit_url_href(&x->url));
}

/* The largest of some plain addresses (density 1) and some srcsets. */
static struct wit_str largest_url(struct wit_crawler_extractor *x, const struct html_token *token,
                                  const struct wit_str *srcsets, const struct wit_str *plain) {
    struct wit_str best = { NULL, 0 };
    struct extent best_extent = { 0, 0 };
    for (; srcsets->len; srcsets++) {
        struct extent extent = { 0, 0 };
        struct wit_str url = attr_srcset(x, token, *srcsets, &extent);
        if (url.len && (best.len == 0 || is_larger(extent, best_extent))) {
            best = url;
            best_extent = extent;
        }
    }
    for (; plain->len; plain++) {
        if (best.len && !is_larger((struct extent){ 0, 1 }, best_extent))
            break; /* plain ones are all alike: the first one wins */
        struct wit_str url = attr_url(x, token, *plain);
        if (url.len) {
            best = url;
            best_extent = (struct extent){ 0, 1 };
        }
    }
    return best;
}

#define NAME(text)                                                                                 \
    { text, sizeof(text) - 1 }

static const struct wit_str lazy_srcsets[] = { NAME("data-srcset"),
                                               NAME("data-lazy-srcset"),
                                               { NULL, 0 } };
static const struct wit_str lazy_plain[] = {
    NAME("data-src"), NAME("data-original"), NAME("data-lazy-src"), { NULL, 0 }
};
static const struct wit_str srcsets[] = { NAME("srcset"), { NULL, 0 } };
static const struct wit_str plain[] = { NAME("src"), { NULL, 0 } };
static const struct wit_str none[] = { { NULL, 0 } };

/* A lazy attribute holds what a script would put into src, which is a placeholder until then. */
static struct wit_str img_url(struct wit_crawler_extractor *x, const struct html_token *token) {
    struct wit_str url = largest_url(x, token, lazy_srcsets, lazy_plain);
    return url.len ? url : largest_url(x, token, srcsets, plain);
}

/* ---- elements ---------------------------------------------------------------------------------
 */

static void figure_add_image(struct wit_crawler_extractor *x, struct wit_str url,
                             uint32_t ordinal) {
    size_t depth = x->figure_depth;
    if (depth == 0 || url.len == 0)
        return;
    if (depth > WIT_CRAWLER_PAGE_MAX_FIGURES)
        depth = WIT_CRAWLER_PAGE_MAX_FIGURES;
    struct html_figure *figure = &x->figures[depth - 1];
    struct html_figure_image *image =
        wit_arena_alloc(x->arena, sizeof *image, _Alignof(struct html_figure_image));
    if (!image) {
        x->truncated = true;
        return;
    }
    *image = (struct html_figure_image){ figure->images, url, ordinal };
    figure->images = image;
}

/* What an img says itself. */
struct words {
    struct wit_str alt, title, gallery_title; /* the last: data-image-title */
};

static void image_add(struct wit_crawler_extractor *x, struct wit_str url,
                      const struct words *words, uint32_t ordinal) {
    html_pair_add(x, url, words->alt, WIT_SHARDS_ALT, ordinal);
    html_pair_add(x, url, words->title, WIT_SHARDS_TITLE, ordinal);
    html_pair_add(x, url, words->gallery_title, WIT_SHARDS_TITLE, ordinal);
    figure_add_image(x, url, ordinal);
}

static void on_img(struct wit_crawler_extractor *x, const struct html_token *token) {
    uint32_t ordinal = x->images++;
    struct words words; /* one after the other: the first words may settle the encoding */
    words.alt = html_extract_text(x, token, WIT_STR("alt"));
    words.title = html_extract_text(x, token, WIT_STR("title"));
    words.gallery_title = html_extract_text(x, token, WIT_STR("data-image-title"));
    bool wanted = words.alt.len || words.title.len || words.gallery_title.len || x->figure_depth;
    for (size_t i = 0; i < x->source_count && wanted; i++)
        image_add(x, x->sources[i], &words, ordinal);
    if (wanted)
        image_add(x, img_url(x, token), &words, ordinal);
    x->source_count = 0;
}

/* A source of a type that wit does not even know by name is no candidate. */
static bool type_is_readable(struct wit_str type) {
    static const char *const types[] = { "",           "image/jpeg", "image/jpg", "image/png",
                                         "image/webp", "image/gif",  "image/apng" };
    ptrdiff_t semicolon = wit_str_find_byte(type, ';', 0);
    type = wit_str_trim(semicolon < 0 ? type : wit_str_slice(type, 0, (size_t)semicolon));
    for (size_t i = 0; i < WIT_COUNT_OF(types); i++)
        if (wit_str_eq_nocase(type, wit_str_from(types[i])))
            return true;
    return false;
}

static void on_source(struct wit_crawler_extractor *x, const struct html_token *token) {
    struct wit_str type;
    if (!x->in_picture ||
        (html_extract_value(x, token, WIT_STR("type"), &type) && !type_is_readable(type)))
        return;
    if (x->source_count == HTML_PICTURE_SOURCES_MAX) {
        x->truncated = true;
        return;
    }
    struct wit_str url = largest_url(x, token, lazy_srcsets, none);
    if (url.len == 0)
        url = largest_url(x, token, srcsets, none);
    if (url.len)
        x->sources[x->source_count++] = url;
}

/* ---- figures ----------------------------------------------------------------------------------
 */

/* Text since the last token, decoded: references and characters do not reach across one. */
static void run_flush(struct wit_crawler_extractor *x) {
    struct wit_str text;
    if (x->run.len && html_extract_decode(x, wit_buf_view(&x->run), x->run_kind, &text) &&
        wit_buf_append_str(&x->caption, text) < 0)
        x->truncated = true;
    wit_buf_reset(&x->run);
}

/* A tag inside a caption, if one is open. */
static void caption_on_tag(struct wit_crawler_extractor *x, enum html_element element) {
    run_flush(x);
    if (x->caption_depth && html_element_separates(element) &&
        wit_buf_append_byte(&x->caption, ' ') < 0)
        x->truncated = true;
}

static void caption_close(struct wit_crawler_extractor *x) {
    if (x->caption_depth == 0)
        return;
    run_flush(x);
    struct html_figure *figure = &x->figures[x->caption_depth - 1];
    if (figure->caption.len == 0)
        figure->caption = html_extract_tidy(x, wit_buf_view(&x->caption));
    wit_buf_reset(&x->caption);
    x->caption_depth = 0;
    html_extract_want_tags(x);
}

/* Images of a figure without words belong to the figure around it. */
static void figure_close(struct wit_crawler_extractor *x) {
    if (x->figure_depth == 0)
        return;
    if (x->caption_depth >= x->figure_depth)
        caption_close(x);
    size_t depth = x->figure_depth--;
    if (depth > WIT_CRAWLER_PAGE_MAX_FIGURES)
        return;
    struct html_figure *figure = &x->figures[depth - 1];
    struct html_figure_image *image = figure->images;
    if (figure->caption.len) {
        for (; image; image = image->next)
            html_pair_add(x, image->url, figure->caption, WIT_SHARDS_FIGCAPTION, image->ordinal);
    } else if (image && depth > 1) {
        while (image->next)
            image = image->next;
        image->next = x->figures[depth - 2].images;
        x->figures[depth - 2].images = figure->images;
    }
}

static void figure_open(struct wit_crawler_extractor *x) {
    if (x->figure_depth < WIT_CRAWLER_PAGE_MAX_FIGURES)
        x->figures[x->figure_depth] = (struct html_figure){ 0 };
    else
        x->truncated = true;
    x->figure_depth++;
}

void html_image_on_tag(struct wit_crawler_extractor *x, const struct html_token *token) {
    caption_on_tag(x, token->element);
    switch (token->element) {
    case HTML_IMG:
    case HTML_IMAGE: /* "Don't ask.", says the standard */
        on_img(x, token);
        break;
    case HTML_PICTURE:
        x->in_picture = true;
        x->source_count = 0;
        break;
    case HTML_SOURCE:
        on_source(x, token);
        break;
    case HTML_FIGURE:
        figure_open(x);
        break;
    case HTML_FIGCAPTION:
        if (x->caption_depth == 0 && x->figure_depth > 0 &&
            x->figure_depth <= WIT_CRAWLER_PAGE_MAX_FIGURES) {
            x->caption_depth = x->figure_depth;
            html_extract_want_all(x);
        }
        break;
    default:
        break;
    }
}

void html_image_on_end_tag(struct wit_crawler_extractor *x, const struct html_token *token) {
    caption_on_tag(x, token->element);
    switch (token->element) {
    case HTML_PICTURE:
        x->in_picture = false;
        x->source_count = 0;
        break;
    case HTML_FIGURE:
        figure_close(x);
        break;
    case HTML_FIGCAPTION:
        caption_close(x);
        break;
    default:
        break;
    }
}

void html_image_on_border(struct wit_crawler_extractor *x) {
    run_flush(x);
}

void html_image_on_text(struct wit_crawler_extractor *x, const struct html_token *token) {
    bool is_words = token->text_kind == HTML_TEXT_DATA || token->text_kind == HTML_TEXT_CDATA;
    if (x->caption_depth == 0 || !is_words)
        return;
    if (x->run_kind != token->text_kind || token->text.len == 0)
        run_flush(x);
    x->run_kind = token->text_kind;
    struct wit_str text = token->text;
    if (text.len > x->run.max - x->run.len) { /* cut at the same byte however the page was cut */
        text.len = x->run.max - x->run.len;
        x->truncated = true;
    }
    if (wit_buf_append_str(&x->run, text) < 0)
        x->status = WIT_ENOMEM;
}

/* ---- Open Graph --------------------------------------------------------------------------------
 */

static void og_image_add(struct wit_crawler_extractor *x, const struct html_token *token) {
    struct wit_str url = attr_url(x, token, WIT_STR("content"));
    struct html_og_image *image = url.len ? html_array_push(x, &x->og_images, sizeof *image) : NULL;
    if (image)
        *image = (struct html_og_image){ url, { NULL, 0 }, x->images++ };
}

void html_image_on_meta(struct wit_crawler_extractor *x, const struct html_token *token,
                        struct wit_str property) {
    size_t count = x->og_images.count;
    struct html_og_image *last =
        count ? (struct html_og_image *)x->og_images.items + (count - 1) : NULL;
    if (wit_str_eq_nocase(property, WIT_STR("og:image")) ||
        wit_str_eq_nocase(property, WIT_STR("og:image:url")))
        og_image_add(x, token);
    else if (wit_str_eq_nocase(property, WIT_STR("og:image:secure_url")) && !last)
        og_image_add(x, token); /* otherwise it is the last one's second address */
    else if (wit_str_eq_nocase(property, WIT_STR("og:image:alt")) && last && last->alt.len == 0)
        last->alt = html_extract_text(x, token, WIT_STR("content"));
    else if (wit_str_eq_nocase(property, WIT_STR("og:description")) && x->og_description.len == 0)
        x->og_description = html_extract_text(x, token, WIT_STR("content"));
}

void html_image_finish(struct wit_crawler_extractor *x) {
    while (x->figure_depth)
        figure_close(x);
    const struct html_og_image *images = x->og_images.items;
    for (size_t i = 0; i < x->og_images.count; i++) {
        html_pair_add(x, images[i].url, images[i].alt, WIT_SHARDS_OG_DESCRIPTION,
                      images[i].ordinal);
        html_pair_add(x, images[i].url, x->og_description, WIT_SHARDS_OG_DESCRIPTION,
                      images[i].ordinal);
    }
}
