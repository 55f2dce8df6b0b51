/* fuzz_wiki_dump.c: any bytes as a dump give pieces, pages and their texts, or a sentence that
 * names the file. */
#include "wiki_source.h"
#include "wiki_text.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void pages_walk(struct wit_str xml) {
    struct wit_buf text = WIT_BUF_INIT((size_t)1 << 28);
    struct wiki_names names = { 0 };
    struct wiki_page page;
    size_t at = 0;
    (void)wiki_names_read(&names, xml);
    while (wiki_page_next(xml, &at, &page)) {
        wit_buf_reset(&text);
        if (wiki_xml_decode(page.text, &text) >= 0 && text.len > page.text.len)
            abort();
    }
    wiki_names_finish(&names);
    wit_buf_finish(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct wit_error err = WIT_ERROR_INIT;
    struct wiki_piece piece = { .bytes = WIT_BUF_INIT(WIKI_PACKED_MAX_BYTES + 1024) };
    struct wit_buf plain = WIT_BUF_INIT(WIKI_PIECE_MAX_BYTES);
    struct wiki_unpacker *u = wiki_unpacker_create();
    struct wiki_source *s = NULL;
    char path[64];
    int st, fd = memfd_create("dump", MFD_CLOEXEC);
    if (!u || fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    st = wiki_source_open(path, &s, &err);
    while (st >= 0 && (st = wiki_source_next(s, &piece, &err)) > 0)
        st = wiki_unpacker_append(u, &piece, path, &plain, &err);
    if (st < 0 && !strstr(err.text, path))
        abort();
    pages_walk(wit_buf_view(&plain));
    wiki_source_close(s);
    wiki_unpacker_destroy(u);
    wit_buf_finish(&piece.bytes);
    wit_buf_finish(&plain);
    close(fd);
    return 0;
}
