/* header_lines.c: header blocks in pieces, within ceilings. */
#include "header_lines.h"

#include "wit_crawler_warc.h"

void header_lines_init(struct header_lines *h, bool strict) {
    *h = (struct header_lines){ .strict = strict };
    /* A line can grow by the space behind its colon. */
    h->first.max = h->line.max = WIT_CRAWLER_WARC_MAX_HEADER_BYTES;
    h->lines.max = 2 * WIT_CRAWLER_WARC_MAX_HEADER_BYTES;
}

void header_lines_reset(struct header_lines *h) {
    wit_buf_reset(&h->first);
    wit_buf_reset(&h->lines);
    wit_buf_reset(&h->line);
    h->count = 0;
    h->bytes = 0;
    h->begun = false;
}

void header_lines_finish(struct header_lines *h) {
    wit_buf_finish(&h->first);
    wit_buf_finish(&h->lines);
    wit_buf_finish(&h->line);
}

static int line_fold(struct header_lines *h, struct wit_str line) {
    if (h->lines.len == 0)
        return h->strict ? WIT_EFORMAT : 0;
    h->lines.data[h->lines.len - 1] = ' '; /* in place of its newline */
    int st = wit_buf_append_str(&h->lines, wit_str_trim(line));
    return st < 0 ? st : wit_buf_append_byte(&h->lines, '\n');
}

static int line_add(struct header_lines *h, struct wit_str line) {
    ptrdiff_t colon = wit_str_find_byte(line, ':', 0);
    struct wit_str name = wit_str_trim(wit_str_slice(line, 0, colon < 0 ? 0 : (size_t)colon));
    if (name.len == 0)
        return h->strict ? WIT_EFORMAT : 0;
    struct wit_str value = wit_str_trim(wit_str_slice(line, (size_t)colon + 1, line.len));
    size_t at = h->lines.len;
    int st = wit_buf_append_str(&h->lines, name);
    for (; st >= 0 && at < h->lines.len; at++)
        if (h->lines.data[at] >= 'A' && h->lines.data[at] <= 'Z')
            h->lines.data[at] |= 0x20;
    if (st >= 0)
        st = wit_buf_append(&h->lines, ": ", 2);
    if (st >= 0)
        st = wit_buf_append_str(&h->lines, value);
    return st < 0 ? st : wit_buf_append_byte(&h->lines, '\n');
}

/* 1: it was the empty line. */
static int line_end(struct header_lines *h) {
    struct wit_str line = wit_buf_view(&h->line);
    int st;
    if (line.len && line.data[line.len - 1] == '\r')
        line.len--;
    if (!h->begun) {
        h->begun = true;
        st = wit_buf_append_str(&h->first, line);
    } else if (line.len == 0) {
        return 1;
    } else if (++h->count > WIT_CRAWLER_WARC_MAX_HEADER_LINES) {
        return WIT_ELIMIT;
    } else if (line.data[0] == ' ' || line.data[0] == '\t') {
        st = line_fold(h, line);
    } else {
        st = line_add(h, line);
    }
    wit_buf_reset(&h->line);
    return st;
}

int header_lines_feed(struct header_lines *h, struct wit_str bytes, size_t *used) {
    int st = 0;
    *used = 0;
    while (st == 0 && *used < bytes.len) {
        ptrdiff_t newline = wit_str_find_byte(bytes, '\n', *used);
        size_t end = newline < 0 ? bytes.len : (size_t)newline;
        size_t taken = end - *used + (newline >= 0);
        if (taken > WIT_CRAWLER_WARC_MAX_HEADER_BYTES - h->bytes)
            return WIT_ELIMIT;
        st = wit_buf_append_str(&h->line, wit_str_slice(bytes, *used, end));
        h->bytes += taken;
        *used += taken;
        if (st == 0 && newline >= 0)
            st = line_end(h);
    }
    return st;
}
