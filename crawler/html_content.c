/*
 * html_content.c: raw-text elements and foreign content without a tree. Source: WHATWG
 * HTML, 13.2.6.4 (which start tags switch the tokenizer), 13.2.6.5 (foreign content). Scripting is
 * off, so noscript holds ordinary markup.
 */
#include "html_content.h"

enum { KEY_BYTES = 8, REST_BYTES = 6 };

/* A name's first eight bytes in one number, the first byte lowest, zeros behind a shorter name. */
#define KEY(a, b, c, d, e, f, g, h, ...)                                                           \
    ((uint64_t)(a) | (uint64_t)(b) << 8 | (uint64_t)(c) << 16 | (uint64_t)(d) << 24 |              \
     (uint64_t)(e) << 32 | (uint64_t)(f) << 40 | (uint64_t)(g) << 48 | (uint64_t)(h) << 56)

/* The multiplier was found by trying: it gives each name below a slot of its own. If two shared
 * one, the compiler would say that an initialiser is written twice. */
#define SLOT(key) ((key)*0xdc956b3bbdc9b6c3u >> 56)

/* Letters of a name; of a longer one its first eight and the rest of it. */
#define ROW(element, ...) LONG_ROW(element, "", __VA_ARGS__)
#define LONG_ROW(element, rest, ...)                                                               \
    [SLOT(KEY(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0,                                                    \
              0))] = { KEY(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0, 0),                                   \
                       sizeof((const char[]){ __VA_ARGS__ }) + sizeof(rest) - 1, element, rest }

/* 13.2.6.5 has the start tags that close svg and math; 15.3 what is displayed as a block, a row or
 * a cell. */
static const struct {
    uint64_t key;
    uint8_t len, element;
    char rest[REST_BYTES];
} elements[256] = {
    ROW(HTML_A, 'a'),
    ROW(HTML_BREAKOUT, 'b'),
    ROW(HTML_BREAKOUT, 'i'),
    ROW(HTML_BREAKOUT_BLOCK, 'p'),
    ROW(HTML_BREAKOUT, 's'),
    ROW(HTML_BREAKOUT, 'u'),
    ROW(HTML_BREAKOUT_BLOCK, 'b', 'r'),
    ROW(HTML_BREAKOUT_BLOCK, 'd', 'd'),
    ROW(HTML_BREAKOUT_BLOCK, 'd', 'l'),
    ROW(HTML_BREAKOUT_BLOCK, 'd', 't'),
    ROW(HTML_BREAKOUT, 'e', 'm'),
    ROW(HTML_BREAKOUT_BLOCK, 'h', '1'),
    ROW(HTML_BREAKOUT_BLOCK, 'h', '2'),
    ROW(HTML_BREAKOUT_BLOCK, 'h', '3'),
    ROW(HTML_BREAKOUT_BLOCK, 'h', '4'),
    ROW(HTML_BREAKOUT_BLOCK, 'h', '5'),
    ROW(HTML_BREAKOUT_BLOCK, 'h', '6'),
    ROW(HTML_BREAKOUT_BLOCK, 'h', 'r'),
    ROW(HTML_BREAKOUT_BLOCK, 'l', 'i'),
    ROW(HTML_MI, 'm', 'i'),
    ROW(HTML_MN, 'm', 'n'),
    ROW(HTML_MO, 'm', 'o'),
    ROW(HTML_MS, 'm', 's'),
    ROW(HTML_BREAKOUT_BLOCK, 'o', 'l'),
    ROW(HTML_BLOCK, 't', 'd'),
    ROW(HTML_BLOCK, 't', 'h'),
    ROW(HTML_BLOCK, 't', 'r'),
    ROW(HTML_BREAKOUT, 't', 't'),
    ROW(HTML_BREAKOUT_BLOCK, 'u', 'l'),
    ROW(HTML_BREAKOUT, 'b', 'i', 'g'),
    ROW(HTML_BREAKOUT_BLOCK, 'd', 'i', 'v'),
    ROW(HTML_IMG, 'i', 'm', 'g'),
    ROW(HTML_BLOCK, 'n', 'a', 'v'),
    ROW(HTML_BREAKOUT_BLOCK, 'p', 'r', 'e'),
    ROW(HTML_BREAKOUT, 's', 'u', 'b'),
    ROW(HTML_BREAKOUT, 's', 'u', 'p'),
    ROW(HTML_SVG, 's', 'v', 'g'),
    ROW(HTML_BREAKOUT, 'v', 'a', 'r'),
    ROW(HTML_XMP, 'x', 'm', 'p'),
    ROW(HTML_AREA, 'a', 'r', 'e', 'a'),
    ROW(HTML_BASE, 'b', 'a', 's', 'e'),
    ROW(HTML_BREAKOUT_BLOCK, 'b', 'o', 'd', 'y'),
    ROW(HTML_BREAKOUT, 'c', 'o', 'd', 'e'),
    ROW(HTML_DESC, 'd', 'e', 's', 'c'),
    ROW(HTML_FONT, 'f', 'o', 'n', 't'),
    ROW(HTML_BLOCK, 'f', 'o', 'r', 'm'),
    ROW(HTML_BREAKOUT, 'h', 'e', 'a', 'd'),
    ROW(HTML_LINK, 'l', 'i', 'n', 'k'),
    ROW(HTML_BLOCK, 'm', 'a', 'i', 'n'),
    ROW(HTML_MATH, 'm', 'a', 't', 'h'),
    ROW(HTML_BREAKOUT_BLOCK, 'm', 'e', 'n', 'u'),
    ROW(HTML_META, 'm', 'e', 't', 'a'),
    ROW(HTML_BREAKOUT, 'n', 'o', 'b', 'r'),
    ROW(HTML_BREAKOUT, 'r', 'u', 'b', 'y'),
    ROW(HTML_BREAKOUT, 's', 'p', 'a', 'n'),
    ROW(HTML_BLOCK, 'a', 's', 'i', 'd', 'e'),
    ROW(HTML_BREAKOUT, 'e', 'm', 'b', 'e', 'd'),
    ROW(HTML_IMAGE, 'i', 'm', 'a', 'g', 'e'),
    ROW(HTML_MTEXT, 'm', 't', 'e', 'x', 't'),
    ROW(HTML_BREAKOUT, 's', 'm', 'a', 'l', 'l'),
    ROW(HTML_STYLE, 's', 't', 'y', 'l', 'e'),
    ROW(HTML_BREAKOUT_BLOCK, 't', 'a', 'b', 'l', 'e'),
    ROW(HTML_TITLE, 't', 'i', 't', 'l', 'e'),
    ROW(HTML_BREAKOUT_BLOCK, 'c', 'e', 'n', 't', 'e', 'r'),
    ROW(HTML_FIGURE, 'f', 'i', 'g', 'u', 'r', 'e'),
    ROW(HTML_BLOCK, 'f', 'o', 'o', 't', 'e', 'r'),
    ROW(HTML_BLOCK, 'h', 'e', 'a', 'd', 'e', 'r'),
    ROW(HTML_BLOCK, 'h', 'g', 'r', 'o', 'u', 'p'),
    ROW(HTML_IFRAME, 'i', 'f', 'r', 'a', 'm', 'e'),
    ROW(HTML_BLOCK, 'l', 'e', 'g', 'e', 'n', 'd'),
    ROW(HTML_BLOCK, 'o', 'p', 't', 'i', 'o', 'n'),
    ROW(HTML_SCRIPT, 's', 'c', 'r', 'i', 'p', 't'),
    ROW(HTML_SOURCE, 's', 'o', 'u', 'r', 'c', 'e'),
    ROW(HTML_BREAKOUT, 's', 't', 'r', 'i', 'k', 'e'),
    ROW(HTML_BREAKOUT, 's', 't', 'r', 'o', 'n', 'g'),
    ROW(HTML_BLOCK, 'a', 'd', 'd', 'r', 'e', 's', 's'),
    ROW(HTML_BLOCK, 'a', 'r', 't', 'i', 'c', 'l', 'e'),
    ROW(HTML_BLOCK, 'c', 'a', 'p', 't', 'i', 'o', 'n'),
    ROW(HTML_BLOCK, 'd', 'e', 't', 'a', 'i', 'l', 's'),
    ROW(HTML_BREAKOUT_BLOCK, 'l', 'i', 's', 't', 'i', 'n', 'g'),
    ROW(HTML_NOEMBED, 'n', 'o', 'e', 'm', 'b', 'e', 'd'),
    ROW(HTML_PICTURE, 'p', 'i', 'c', 't', 'u', 'r', 'e'),
    ROW(HTML_BLOCK, 's', 'e', 'c', 't', 'i', 'o', 'n'),
    ROW(HTML_BLOCK, 's', 'u', 'm', 'm', 'a', 'r', 'y'),
    ROW(HTML_BLOCK, 'f', 'i', 'e', 'l', 'd', 's', 'e', 't'),
    ROW(HTML_NOFRAMES, 'n', 'o', 'f', 'r', 'a', 'm', 'e', 's'),
    ROW(HTML_TEXTAREA, 't', 'e', 'x', 't', 'a', 'r', 'e', 'a'),
    LONG_ROW(HTML_PLAINTEXT, "t", 'p', 'l', 'a', 'i', 'n', 't', 'e', 'x'),
    LONG_ROW(HTML_BREAKOUT_BLOCK, "te", 'b', 'l', 'o', 'c', 'k', 'q', 'u', 'o'),
    LONG_ROW(HTML_FIGCAPTION, "on", 'f', 'i', 'g', 'c', 'a', 'p', 't', 'i'),
    LONG_ROW(HTML_FOREIGNOBJECT, "bject", 'f', 'o', 'r', 'e', 'i', 'g', 'n', 'o'),
    LONG_ROW(HTML_ANNOTATION_XML, "on-xml", 'a', 'n', 'n', 'o', 't', 'a', 't', 'i'),
};
#undef ROW
#undef LONG_ROW
#undef KEY

enum html_element html_element_of_key(uint64_t key, struct wit_str name) {
    /* A to Z to lower case. Of the other bytes only such change as no name contains. */
    key |= key >> 1 & 0x2020202020202020u;
    const size_t slot = SLOT(key);
    if (elements[slot].key != key || elements[slot].len != name.len)
        return HTML_OTHER;
    if (name.len > KEY_BYTES &&
        !wit_str_eq_nocase(wit_str_slice(name, KEY_BYTES, name.len),
                           wit_str_of(elements[slot].rest, name.len - KEY_BYTES)))
        return HTML_OTHER;
    return (enum html_element)elements[slot].element;
}

enum html_element html_element_find(struct wit_str name) {
    uint64_t key = 0;
    for (size_t i = 0; i < name.len && i < KEY_BYTES; i++)
        key |= (uint64_t)(uint8_t)name.data[i] << (8 * i);
    return html_element_of_key(key, name);
}

bool html_element_separates(enum html_element e) {
    return e == HTML_BREAKOUT_BLOCK || e == HTML_BLOCK || e == HTML_FIGURE;
}

static bool is_integration_point(enum html_element e, enum html_element parent) {
    switch (e) {
    case HTML_FOREIGNOBJECT:
    case HTML_DESC:
    case HTML_TITLE:
        return parent == HTML_SVG;
    case HTML_ANNOTATION_XML:
    case HTML_MI:
    case HTML_MO:
    case HTML_MN:
    case HTML_MS:
    case HTML_MTEXT:
        return parent == HTML_MATH;
    default:
        return false;
    }
}

bool html_content_is_foreign(const struct html_content *c) {
    return c->depth > 0 &&
           (c->open[c->depth - 1] == HTML_SVG || c->open[c->depth - 1] == HTML_MATH);
}

static void push(struct html_content *c, enum html_element e) {
    if (c->depth < HTML_FOREIGN_MAX)
        c->open[c->depth++] = e;
}

static bool breaks_out(enum html_element e) {
    return e == HTML_BREAKOUT || e == HTML_BREAKOUT_BLOCK || e == HTML_IMG || e == HTML_META;
}

enum html_text_mode html_content_start(struct html_content *c, enum html_element e,
                                       bool self_closing) {
    if (html_content_is_foreign(c)) {
        if (!breaks_out(e)) {
            enum html_element parent = c->open[c->depth - 1];
            if (!self_closing &&
                (e == HTML_SVG || e == HTML_MATH || is_integration_point(e, parent)))
                push(c, e);
            return HTML_MODE_DATA;
        }
        while (html_content_is_foreign(c))
            c->depth--; /* up to an integration point, or out */
    }
    switch (e) {
    case HTML_TITLE:
    case HTML_TEXTAREA:
        return HTML_MODE_RCDATA;
    case HTML_STYLE:
    case HTML_XMP:
    case HTML_IFRAME:
    case HTML_NOEMBED:
    case HTML_NOFRAMES:
        return HTML_MODE_RAWTEXT;
    case HTML_SCRIPT:
        return HTML_MODE_SCRIPT;
    case HTML_PLAINTEXT:
        return HTML_MODE_PLAINTEXT;
    case HTML_SVG:
    case HTML_MATH:
        if (!self_closing)
            push(c, e);
        return HTML_MODE_DATA;
    default:
        return HTML_MODE_DATA;
    }
}

void html_content_end(struct html_content *c, enum html_element e) {
    if (e == HTML_OTHER)
        return;
    /* Of p and br the standard says so; another one's start tag stands before the svg, as a rule,
     * and closing it closes what is inside. */
    while ((breaks_out(e) || e == HTML_FONT) && html_content_is_foreign(c))
        c->depth--;
    for (size_t i = c->depth; i > 0; i--)
        if (c->open[i - 1] == e) {
            c->depth = i - 1;
            return;
        }
}
