/*
 * peer_libxml2.c: bench_html's peer: libxml2's HTML parser with a SAX handler that keeps src, alt
 * and title of every img; no tree is built. Compiled by bench_html.py, never by meson: wit does not
 * use libxml2. Takes and prints what bench_html does.
 */
#include "bench_pages.h"

#include <libxml/HTMLparser.h>

struct found {
    char *text; /* what was collected of one page */
    size_t len, cap;
    unsigned long long images;
};

static void keep(struct found *f, const xmlChar *value) {
    size_t len = value ? strlen((const char *)value) + 1 : 0;
    if (f->len + len > f->cap) {
        f->cap = 2 * (f->len + len);
        f->text = realloc(f->text, f->cap);
        if (!f->text)
            abort();
    }
    if (len)
        memcpy(f->text + f->len, value, len);
    f->len += len;
}

static void on_element(void *user, const xmlChar *name, const xmlChar **attrs) {
    struct found *f = user;
    if (strcmp((const char *)name, "img") != 0)
        return;
    f->images++;
    for (; attrs && *attrs; attrs += 2) {
        const char *key = (const char *)attrs[0];
        if (strcmp(key, "src") == 0 || strcmp(key, "alt") == 0 || strcmp(key, "title") == 0)
            keep(f, attrs[1]);
    }
}

int main(int argc, char **argv) {
    struct found found = { 0 };
    struct bench_pages pages;
    bench_open(&pages, argc, argv);
    htmlParserCtxtPtr parser = htmlNewParserCtxt();
    if (!parser)
        abort();
    memset(parser->sax, 0, sizeof *parser->sax);
    parser->sax->startElement = on_element;
    parser->userData = &found;
    while (bench_next(&pages)) {
        bench_start(&pages);
        for (size_t i = 0; i < pages.count; i++) {
            size_t len;
            const char *html = bench_page(&pages, i, &len);
            found.len = 0;
            htmlCtxtReadMemory(parser, html, (int)len, "http://manual.example/en/x.html", NULL,
                               HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING | HTML_PARSE_NONET);
        }
        bench_stop(&pages);
    }
    printf("{\"bytes\": %llu, \"pages\": %llu, \"images\": %llu, \"cpu_s\": %.6f, "
           "\"wall_s\": %.6f}\n",
           pages.bytes, pages.pages, found.images, pages.cpu_s, pages.wall_s);
    htmlFreeParserCtxt(parser);
    bench_close(&pages);
    free(found.text);
    return 0;
}
