/*
 * html_content.h: what a tokenizer without a tree must still know of the tree: after which start
 * tags the text is raw, and whether we are inside SVG or MathML, where it is not and CDATA exists.
 */
#ifndef HTML_CONTENT_H
#define HTML_CONTENT_H

#include "base/wit_base.h"

#include <assert.h>

/* Elements that anybody here asks about. */
#define HTML_ELEMENT_TABLE(X)                                                                      \
    X(A, "a")                                                                                      \
    X(AREA, "area")                                                                                \
    X(BASE, "base")                                                                                \
    X(FIGCAPTION, "figcaption")                                                                    \
    X(FIGURE, "figure")                                                                            \
    X(FONT, "font")                                                                                \
    X(IFRAME, "iframe")                                                                            \
    X(IMAGE, "image")                                                                              \
    X(IMG, "img")                                                                                  \
    X(LINK, "link")                                                                                \
    X(MATH, "math")                                                                                \
    X(META, "meta")                                                                                \
    X(NOEMBED, "noembed")                                                                          \
    X(NOFRAMES, "noframes")                                                                        \
    X(PICTURE, "picture")                                                                          \
    X(PLAINTEXT, "plaintext")                                                                      \
    X(SCRIPT, "script")                                                                            \
    X(SOURCE, "source")                                                                            \
    X(STYLE, "style")                                                                              \
    X(SVG, "svg")                                                                                  \
    X(TEXTAREA, "textarea")                                                                        \
    X(TITLE, "title")                                                                              \
    X(XMP, "xmp") /* integration points: HTML inside foreign content */                            \
    X(FOREIGNOBJECT, "foreignobject")                                                              \
    X(DESC, "desc")                                                                                \
    X(ANNOTATION_XML, "annotation-xml")                                                            \
    X(MI, "mi") X(MO, "mo") X(MN, "mn") X(MS, "ms") X(MTEXT, "mtext")

enum html_element {
    HTML_OTHER,
    HTML_BREAKOUT,       /* any other element whose start tag ends foreign content */
    HTML_BREAKOUT_BLOCK, /* the same, and words before and after it are not one */
    HTML_BLOCK,          /* only that */
#define HTML_ELEMENT_ENUM(id, name) HTML_##id,
    HTML_ELEMENT_TABLE(HTML_ELEMENT_ENUM)
#undef HTML_ELEMENT_ENUM
        HTML_ELEMENT_COUNT
};
static_assert(HTML_ELEMENT_COUNT <= 64, "a set of elements is one number");

/* By name, any letter case. */
enum html_element html_element_find(struct wit_str name);
/* The same for who has the name's first eight bytes in a register: `key`, the first byte lowest,
 * zeros behind a shorter name. */
enum html_element html_element_of_key(uint64_t key, struct wit_str name);

/* Outside foreign content its tags change nothing about what follows them. */
static inline bool html_element_is_inert(enum html_element e) {
    return e <= HTML_BLOCK;
}

/* Does its tag keep words apart, as "a<br>b" and "a</p>b" do, but not "a<i>b"? */
bool html_element_separates(enum html_element e);

/* How the text after a start tag is to be read. */
enum html_text_mode {
    HTML_MODE_DATA,
    HTML_MODE_RCDATA,
    HTML_MODE_RAWTEXT,
    HTML_MODE_SCRIPT,
    HTML_MODE_PLAINTEXT,
    HTML_MODE_CDATA
};

enum { HTML_FOREIGN_MAX = 64 }; /* open svg, math and integration points; deeper ones are ignored */

/* Open foreign elements and the integration points inside them; zero bytes: none. */
struct html_content {
    enum html_element open[HTML_FOREIGN_MAX];
    size_t depth;
};

/* True where CDATA sections exist: in SVG or MathML and not at an integration point. */
bool html_content_is_foreign(const struct html_content *c);
/* In foreign content a font element that is HTML's, by its attributes, is an HTML_BREAKOUT, and
 * an annotation-xml that does not hold HTML is an HTML_OTHER. */
enum html_text_mode html_content_start(struct html_content *c, enum html_element element,
                                       bool self_closing);
void html_content_end(struct html_content *c, enum html_element element);

#endif
