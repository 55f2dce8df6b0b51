/*
 * peer_libxml2.c: bench_html's peer: libxml2's HTML parser with a SAX handler that keeps src, alt
 * and title of every img; no tree is built. Compiled by bench_html.py, never by meson: wit does not
 * use libxml2. Takes and prints what bench_html does.
 */
#include <libxml/HTMLparser.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct found {
    char *text; /* what was collected of one page */
    size_t len, cap;
    unsigned long long images;
};

static double seconds(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

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

/* A whole file, or the end of the program. */
static char *load(const char *path, size_t *len) {
    FILE *f = fopen(path, "rb");
    if (!f || fseek(f, 0, SEEK_END) != 0) {
        fprintf(stderr, "peer_libxml2: cannot open %s\n", path);
        exit(1);
    }
    *len = (size_t)ftell(f);
    rewind(f);
    char *data = malloc(*len + 1);
    if (!data || fread(data, 1, *len, f) != *len)
        abort();
    data[*len] = '\0';
    fclose(f);
    return data;
}

int main(int argc, char **argv) {
    int repeats = argc > 2 ? atoi(argv[2]) : 1;
    if (argc < 2 || repeats < 1) {
        fputs("usage: peer_libxml2 LIST [REPEATS]\n", stderr);
        return 2;
    }
    size_t list_len, count = 0, cap = 0;
    char *list = load(argv[1], &list_len);
    char **pages = NULL;
    size_t *lens = NULL;
    unsigned long long bytes = 0;
    for (char *name = strtok(list, "\n"); name; name = strtok(NULL, "\n"), count++) {
        if (count == cap) {
            cap = cap ? 2 * cap : 256;
            pages = realloc(pages, cap * sizeof *pages);
            lens = realloc(lens, cap * sizeof *lens);
            if (!pages || !lens)
                abort();
        }
        pages[count] = load(name, &lens[count]);
        bytes += lens[count];
    }
    struct found found = { 0 };
    htmlParserCtxtPtr parser = htmlNewParserCtxt();
    if (!parser)
        abort();
    memset(parser->sax, 0, sizeof *parser->sax);
    parser->sax->startElement = on_element;
    parser->userData = &found;
    double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID), wall = seconds(CLOCK_MONOTONIC);
    for (int r = 0; r < repeats; r++)
        for (size_t i = 0; i < count; i++) {
            found.len = 0;
            htmlCtxtReadMemory(parser, pages[i], (int)lens[i], "http://manual.example/en/x.html",
                               NULL, HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING | HTML_PARSE_NONET);
        }
    cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    wall = seconds(CLOCK_MONOTONIC) - wall;
    printf("{\"bytes\": %llu, \"pages\": %llu, \"images\": %llu, \"cpu_s\": %.6f, "
           "\"wall_s\": %.6f}\n",
           bytes * (unsigned)repeats, (unsigned long long)count * (unsigned)repeats, found.images,
           cpu, wall);
    htmlFreeParserCtxt(parser);
    for (size_t i = 0; i < count; i++)
        free(pages[i]);
    free(pages);
    free(lens);
    free(list);
    free(found.text);
    return 0;
}
