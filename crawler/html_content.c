/*
 * html_content.c: raw-text elements and foreign content without a tree. Source: WHATWG
 * HTML, 13.2.6.4 (which start tags switch the tokenizer), 13.2.6.5 (foreign content). Scripting is
 * off, so noscript holds ordinary markup.
 */
#include "html_content.h"

enum { NAME_MAX_BYTES = 14 }; /* annotation-xml */

static const struct {
    const char *name;
    enum html_element element;
} elements[] = {
#define HTML_ELEMENT_ROW(id, name) { name, HTML_##id },
    HTML_ELEMENT_TABLE(HTML_ELEMENT_ROW)
#undef HTML_ELEMENT_ROW
    /* 13.2.6.5: start tags that close svg and math; img and meta stand above. A font element does
     * so only with certain attributes, and almost always has one. */
    { "b", HTML_BREAKOUT },
    { "big", HTML_BREAKOUT },
    { "blockquote", HTML_BREAKOUT_BLOCK },
    { "body", HTML_BREAKOUT_BLOCK },
    { "br", HTML_BREAKOUT_BLOCK },
    { "center", HTML_BREAKOUT_BLOCK },
    { "code", HTML_BREAKOUT },
    { "dd", HTML_BREAKOUT_BLOCK },
    { "div", HTML_BREAKOUT_BLOCK },
    { "dl", HTML_BREAKOUT_BLOCK },
    { "dt", HTML_BREAKOUT_BLOCK },
    { "em", HTML_BREAKOUT },
    { "embed", HTML_BREAKOUT },
    { "font", HTML_BREAKOUT },
    { "h1", HTML_BREAKOUT_BLOCK },
    { "h2", HTML_BREAKOUT_BLOCK },
    { "h3", HTML_BREAKOUT_BLOCK },
    { "h4", HTML_BREAKOUT_BLOCK },
    { "h5", HTML_BREAKOUT_BLOCK },
    { "h6", HTML_BREAKOUT_BLOCK },
    { "head", HTML_BREAKOUT },
    { "hr", HTML_BREAKOUT_BLOCK },
    { "i", HTML_BREAKOUT },
    { "li", HTML_BREAKOUT_BLOCK },
    { "listing", HTML_BREAKOUT_BLOCK },
    { "menu", HTML_BREAKOUT_BLOCK },
    { "nobr", HTML_BREAKOUT },
    { "ol", HTML_BREAKOUT_BLOCK },
    { "p", HTML_BREAKOUT_BLOCK },
    { "pre", HTML_BREAKOUT_BLOCK },
    { "ruby", HTML_BREAKOUT },
    { "s", HTML_BREAKOUT },
    { "small", HTML_BREAKOUT },
    { "span", HTML_BREAKOUT },
    { "strike", HTML_BREAKOUT },
    { "strong", HTML_BREAKOUT },
    { "sub", HTML_BREAKOUT },
    { "sup", HTML_BREAKOUT },
    { "table", HTML_BREAKOUT_BLOCK },
    { "tt", HTML_BREAKOUT },
    { "u", HTML_BREAKOUT },
    { "ul", HTML_BREAKOUT_BLOCK },
    { "var", HTML_BREAKOUT },
    /* 15.3: what else is displayed as a block, a row or a cell */
    { "address", HTML_BLOCK },
    { "article", HTML_BLOCK },
    { "aside", HTML_BLOCK },
    { "caption", HTML_BLOCK },
    { "details", HTML_BLOCK },
    { "fieldset", HTML_BLOCK },
    { "footer", HTML_BLOCK },
    { "form", HTML_BLOCK },
    { "header", HTML_BLOCK },
    { "hgroup", HTML_BLOCK },
    { "legend", HTML_BLOCK },
    { "main", HTML_BLOCK },
    { "nav", HTML_BLOCK },
    { "option", HTML_BLOCK },
    { "section", HTML_BLOCK },
    { "summary", HTML_BLOCK },
    { "td", HTML_BLOCK },
    { "th", HTML_BLOCK },
    { "tr", HTML_BLOCK },
};

/* elements[] by first letter and length is short enough to walk. */
enum html_element html_element_find(struct wit_str name) {
    if (name.len == 0 || name.len > NAME_MAX_BYTES)
        return HTML_OTHER;
    char first = (char)(name.data[0] | 0x20);
    for (size_t i = 0; i < WIT_COUNT_OF(elements); i++)
        if (elements[i].name[0] == first && strlen(elements[i].name) == name.len &&
            wit_str_eq_nocase(name, wit_str_of(elements[i].name, name.len)))
            return elements[i].element;
    return HTML_OTHER;
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
    case HTML_ANNOTATION_XML: /* only with an encoding of HTML, which it has where it matters */
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
    while (breaks_out(e) && html_content_is_foreign(c))
        c->depth--;
    for (size_t i = c->depth; i > 0; i--)
        if (c->open[i - 1] == e) {
            c->depth = i - 1;
            return;
        }
}
