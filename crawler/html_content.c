/*
 * html_content.c: raw-text elements and foreign content without a tree. Source: WHATWG
 * HTML, 13.2.6.4 (which start tags switch the tokenizer), 13.2.6.5 (foreign content). Scripting is
 * off, so noscript holds ordinary markup.
 */
#include "html_content.h"

enum { NAME_MAX_BYTES = 14 }; /* annotation-xml */

#define ROW(name, element)                                                                         \
    { name, sizeof(name) - 1, element }

/* By length, then by bytes. 13.2.6.5 has the start tags that close svg and math (a font element
 * does so only with certain attributes, and almost always has one); 15.3 what is displayed as a
 * block, a row or a cell. */
static const struct {
    char name[NAME_MAX_BYTES + 1];
    uint8_t len;
    enum html_element element;
} elements[] = {
    ROW("a", HTML_A),
    ROW("b", HTML_BREAKOUT),
    ROW("i", HTML_BREAKOUT),
    ROW("p", HTML_BREAKOUT_BLOCK),
    ROW("s", HTML_BREAKOUT),
    ROW("u", HTML_BREAKOUT),
    ROW("br", HTML_BREAKOUT_BLOCK),
    ROW("dd", HTML_BREAKOUT_BLOCK),
    ROW("dl", HTML_BREAKOUT_BLOCK),
    ROW("dt", HTML_BREAKOUT_BLOCK),
    ROW("em", HTML_BREAKOUT),
    ROW("h1", HTML_BREAKOUT_BLOCK),
    ROW("h2", HTML_BREAKOUT_BLOCK),
    ROW("h3", HTML_BREAKOUT_BLOCK),
    ROW("h4", HTML_BREAKOUT_BLOCK),
    ROW("h5", HTML_BREAKOUT_BLOCK),
    ROW("h6", HTML_BREAKOUT_BLOCK),
    ROW("hr", HTML_BREAKOUT_BLOCK),
    ROW("li", HTML_BREAKOUT_BLOCK),
    ROW("mi", HTML_MI),
    ROW("mn", HTML_MN),
    ROW("mo", HTML_MO),
    ROW("ms", HTML_MS),
    ROW("ol", HTML_BREAKOUT_BLOCK),
    ROW("td", HTML_BLOCK),
    ROW("th", HTML_BLOCK),
    ROW("tr", HTML_BLOCK),
    ROW("tt", HTML_BREAKOUT),
    ROW("ul", HTML_BREAKOUT_BLOCK),
    ROW("big", HTML_BREAKOUT),
    ROW("div", HTML_BREAKOUT_BLOCK),
    ROW("img", HTML_IMG),
    ROW("nav", HTML_BLOCK),
    ROW("pre", HTML_BREAKOUT_BLOCK),
    ROW("sub", HTML_BREAKOUT),
    ROW("sup", HTML_BREAKOUT),
    ROW("svg", HTML_SVG),
    ROW("var", HTML_BREAKOUT),
    ROW("xmp", HTML_XMP),
    ROW("area", HTML_AREA),
    ROW("base", HTML_BASE),
    ROW("body", HTML_BREAKOUT_BLOCK),
    ROW("code", HTML_BREAKOUT),
    ROW("desc", HTML_DESC),
    ROW("font", HTML_BREAKOUT),
    ROW("form", HTML_BLOCK),
    ROW("head", HTML_BREAKOUT),
    ROW("link", HTML_LINK),
    ROW("main", HTML_BLOCK),
    ROW("math", HTML_MATH),
    ROW("menu", HTML_BREAKOUT_BLOCK),
    ROW("meta", HTML_META),
    ROW("nobr", HTML_BREAKOUT),
    ROW("ruby", HTML_BREAKOUT),
    ROW("span", HTML_BREAKOUT),
    ROW("aside", HTML_BLOCK),
    ROW("embed", HTML_BREAKOUT),
    ROW("image", HTML_IMAGE),
    ROW("mtext", HTML_MTEXT),
    ROW("small", HTML_BREAKOUT),
    ROW("style", HTML_STYLE),
    ROW("table", HTML_BREAKOUT_BLOCK),
    ROW("title", HTML_TITLE),
    ROW("center", HTML_BREAKOUT_BLOCK),
    ROW("figure", HTML_FIGURE),
    ROW("footer", HTML_BLOCK),
    ROW("header", HTML_BLOCK),
    ROW("hgroup", HTML_BLOCK),
    ROW("iframe", HTML_IFRAME),
    ROW("legend", HTML_BLOCK),
    ROW("option", HTML_BLOCK),
    ROW("script", HTML_SCRIPT),
    ROW("source", HTML_SOURCE),
    ROW("strike", HTML_BREAKOUT),
    ROW("strong", HTML_BREAKOUT),
    ROW("address", HTML_BLOCK),
    ROW("article", HTML_BLOCK),
    ROW("caption", HTML_BLOCK),
    ROW("details", HTML_BLOCK),
    ROW("listing", HTML_BREAKOUT_BLOCK),
    ROW("noembed", HTML_NOEMBED),
    ROW("picture", HTML_PICTURE),
    ROW("section", HTML_BLOCK),
    ROW("summary", HTML_BLOCK),
    ROW("fieldset", HTML_BLOCK),
    ROW("noframes", HTML_NOFRAMES),
    ROW("textarea", HTML_TEXTAREA),
    ROW("plaintext", HTML_PLAINTEXT),
    ROW("blockquote", HTML_BREAKOUT_BLOCK),
    ROW("figcaption", HTML_FIGCAPTION),
    ROW("foreignobject", HTML_FOREIGNOBJECT),
    ROW("annotation-xml", HTML_ANNOTATION_XML),
};
#undef ROW

enum html_element html_element_find(struct wit_str name) {
    char lower[NAME_MAX_BYTES];
    if (name.len == 0 || name.len > NAME_MAX_BYTES)
        return HTML_OTHER;
    for (size_t i = 0; i < name.len; i++)
        lower[i] =
            (char)(name.data[i] >= 'A' && name.data[i] <= 'Z' ? name.data[i] | 0x20 : name.data[i]);
    size_t low = 0, high = WIT_COUNT_OF(elements);
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = (int)elements[middle].len - (int)name.len;
        if (order == 0)
            order = memcmp(elements[middle].name, lower, name.len);
        if (order == 0)
            return elements[middle].element;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
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
