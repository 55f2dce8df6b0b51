/* fuzz_robots.c: any bytes are a robots.txt, which answers the same however its lines end, its case
 * of agents and its escapes of unreserved characters. The first line is an agent, the second a
 * path, the rest the file. */
#include "wit_crawler_page.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SIZE_MOST = 64 * 1024 };

static void must(bool holds) {
    if (!holds)
        abort();
}

static struct wit_str next_line(struct wit_str *rest) {
    ptrdiff_t end = wit_str_find_byte(*rest, '\n', 0);
    size_t len = end < 0 ? rest->len : (size_t)end;
    struct wit_str line = wit_str_slice(*rest, 0, len);
    *rest = wit_str_slice(*rest, end < 0 ? len : len + 1, rest->len);
    return line;
}

static struct wit_crawler_robots *parse(struct wit_str text) {
    struct wit_crawler_robots *r = NULL;
    must(wit_crawler_robots_parse(text.data, text.len, &r, NULL) == 0 && r);
    return r;
}

/* Every letter and digit of the path as "%XX", the agent in capitals. */
static void check_spelling(const struct wit_crawler_robots *r, struct wit_str agent,
                           struct wit_str path, bool allowed) {
    struct wit_buf escaped = WIT_BUF_INIT(4 * SIZE_MOST), loud = WIT_BUF_INIT(SIZE_MOST);
    for (size_t i = 0; i < path.len; i++) {
        char c = path.data[i];
        bool inside_escape =
            (i > 0 && path.data[i - 1] == '%') || (i > 1 && path.data[i - 2] == '%');
        bool unreserved =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        must(wit_buf_printf(&escaped, unreserved && !inside_escape ? "%%%02x" : "%c",
                            (unsigned)(uint8_t)c) == 0);
    }
    for (size_t i = 0; i < agent.len; i++) {
        char c = agent.data[i];
        must(wit_buf_append_byte(&loud, c >= 'a' && c <= 'z' ? (char)(c - 32) : c) == 0);
    }
    must(wit_crawler_robots_allows(r, wit_buf_view(&loud), wit_buf_view(&escaped)) == allowed);
    wit_buf_finish(&escaped);
    wit_buf_finish(&loud);
}

/* In UTF-16 the octet of a newline is half of one. */
static bool is_utf16(struct wit_str s) {
    return s.len >= 2 && (!s.data[0] != !s.data[1] || wit_str_starts_with(s, WIT_STR("\xff\xfe")) ||
                          wit_str_starts_with(s, WIT_STR("\xfe\xff")));
}

static void check_line_ends(struct wit_str text, struct wit_str agent, struct wit_str path,
                            bool allowed) {
    if (is_utf16(text))
        return;
    struct wit_buf other = WIT_BUF_INIT(2 * SIZE_MOST);
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '\n')
            must(wit_buf_append_byte(&other, '\r') == 0);
        must(wit_buf_append_byte(&other, text.data[i]) == 0);
    }
    struct wit_crawler_robots *r = parse(wit_buf_view(&other));
    must(wit_crawler_robots_allows(r, agent, path) == allowed);
    wit_crawler_robots_destroy(r);
    wit_buf_finish(&other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size > SIZE_MOST)
        return 0;
    struct wit_str text = wit_str_of(data, size);
    struct wit_str agent = next_line(&text), path = next_line(&text);
    struct wit_crawler_robots *r = parse(text);
    bool allowed = wit_crawler_robots_allows(r, agent, path);
    check_spelling(r, agent, path, allowed);
    check_line_ends(text, agent, path, allowed);
    must(wit_crawler_robots_allows(r, agent, WIT_STR("/robots.txt")));
    must(wit_crawler_robots_crawl_delay_ms(r, agent) >= -1);
    for (size_t i = 0; i < wit_crawler_robots_sitemap_count(r) && i < 100; i++) {
        struct wit_str sitemap = wit_crawler_robots_sitemap(r, i);
        must(sitemap.len <= size && wit_str_find_byte(sitemap, '\n', 0) < 0);
    }
    struct wit_buf raw = WIT_BUF_INIT(SIZE_MOST);
    unsigned usage = wit_crawler_robots_usage(r, agent, path, &raw);
    must(usage == wit_crawler_robots_usage(r, agent, path, NULL));
    must(!(usage & ~(unsigned)(WIT_CRAWLER_USAGE_RESERVED | WIT_CRAWLER_SIGNAL_RESERVED)));
    wit_buf_finish(&raw);
    wit_crawler_robots_destroy(r);
    return 0;
}
