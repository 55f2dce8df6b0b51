/*
 * bench_wiki_dump.c: a multistream dump of any size from a small one, for bench_wiki.py.
 *
 *     bench_wiki_dump SAMPLE.xml PLAIN_MB > dump.xml.bz2
 *
 * Pages of the sample are repeated with words changed so that vocabularies grow about as they do in
 * real text: of words of four letters and more one in ten is exchanged for one of the last 4,096, so
 * that a fifth of all bigrams are new, and one in a hundred gets a letter that it did not have.
 * Streams hold 100 pages each, as Wikimedia's do. The same arguments give the same bytes.
 */
#include "base/wit_base.h"

#include <bzlib.h>
#include <stdlib.h>

enum { RECENT = 4096, WORD_MAX = 32, PAGES_A_STREAM = 100 };

struct maker {
    struct wit_random random;
    char recent[RECENT][WORD_MAX];
    uint8_t lengths[RECENT];
    uint64_t words;
    struct wit_buf plain, packed;
    uint64_t written; /* plain bytes */
};

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static int word_put(struct maker *m, const char *word, size_t len) {
    uint32_t draw = wit_random_u32(&m->random);
    size_t slot = m->words++ % RECENT;
    char changed[WORD_MAX];
    memcpy(m->recent[slot], word, len);
    m->lengths[slot] = (uint8_t)len;
    if (draw % 100 < 10) {
        size_t other = (draw >> 8) % RECENT;
        if (m->lengths[other])
            return wit_buf_append(&m->plain, m->recent[other], m->lengths[other]);
    } else if (draw % 100 == 10) {
        memcpy(changed, word, len);
        changed[1 + (draw >> 8) % (len - 1)] = (char)('a' + (draw >> 16) % 26);
        return wit_buf_append(&m->plain, changed, len);
    }
    return wit_buf_append(&m->plain, word, len);
}

/* Words of links, templates and tags are left alone where they follow a mark. */
static int page_put(struct maker *m, struct wit_str page) {
    ptrdiff_t from = wit_str_find(page, WIT_STR("<text"), 0);
    size_t i = from < 0 ? page.len : (size_t)from;
    int st = wit_buf_append(&m->plain, page.data, i);
    while (st >= 0 && i < page.len) {
        size_t end = i;
        while (end < page.len && is_letter(page.data[end]))
            end++;
        size_t len = end - i;
        bool prose = i > 0 && page.data[i - 1] == ' ';
        if (len >= 4 && len < WORD_MAX && prose)
            st = word_put(m, page.data + i, len);
        else
            st = wit_buf_append(&m->plain, page.data + i, len ? len : 1);
        i += len ? len : 1;
    }
    return st;
}

static int stream_put(struct maker *m) {
    unsigned n = (unsigned)(m->plain.len + m->plain.len / 50 + 1000);
    if (wit_buf_reserve(&m->packed, n) < 0 ||
        BZ2_bzBuffToBuffCompress(m->packed.data, &n, m->plain.data, (unsigned)m->plain.len, 9, 0,
                                 0) != BZ_OK ||
        fwrite(m->packed.data, 1, n, stdout) != n)
        return -1;
    m->written += m->plain.len;
    wit_buf_reset(&m->plain);
    return 0;
}

static int dump_make(struct maker *m, struct wit_str sample, uint64_t bytes) {
    ptrdiff_t first = wit_str_find(sample, WIT_STR("  <page>"), 0);
    size_t at = first < 0 ? 0 : (size_t)first;
    uint64_t pages = 0;
    int st = first < 0 ? -1 : wit_buf_append(&m->plain, sample.data, at);
    while (st >= 0 && m->written + m->plain.len < bytes) {
        ptrdiff_t end = wit_str_find(sample, WIT_STR("</page>\n"), at);
        if (end < 0) {
            at = (size_t)first;
            continue;
        }
        st = page_put(m, wit_str_slice(sample, at, (size_t)end + 8));
        at = (size_t)end + 8;
        if (st >= 0 && ++pages % PAGES_A_STREAM == 0)
            st = stream_put(m);
    }
    if (st >= 0)
        st = wit_buf_append_cstr(&m->plain, "</mediawiki>\n");
    return st < 0 ? st : stream_put(m);
}

int main(int argc, char **argv) {
    struct wit_buf sample = WIT_BUF_INIT(1 << 30);
    struct wit_error err = WIT_ERROR_INIT;
    struct maker *m = calloc(1, sizeof *m);
    if (argc != 3 || !m || wit_file_read(argv[1], &sample, &err) < 0) {
        fprintf(stderr, "usage: bench_wiki_dump SAMPLE.xml PLAIN_MB; %s\n", err.text);
        return 2;
    }
    m->plain = (struct wit_buf)WIT_BUF_INIT((size_t)1 << 30);
    m->packed = (struct wit_buf)WIT_BUF_INIT((size_t)1 << 30);
    wit_random_init(&m->random, 1, 0, 0);
    int st = dump_make(m, wit_buf_view(&sample), strtoull(argv[2], NULL, 10) * 1000000);
    if (st < 0)
        fprintf(stderr, "bench_wiki_dump: no pages, no memory, or no room to write\n");
    wit_buf_finish(&sample);
    wit_buf_finish(&m->plain);
    wit_buf_finish(&m->packed);
    free(m);
    return st < 0 || fflush(stdout) != 0;
}
