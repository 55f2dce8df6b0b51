/* fuzz_tar.c: whatever calls itself a tar. */
#include "tar_reader.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct tar_reader *r = NULL;
    struct tar_member m;
    char chunk[777];
    uint64_t last = 0;
    if (tar_reader_open_memory(wit_str_of(data, size), "input", &r, NULL) < 0)
        return 0;
    while (tar_reader_next(r, &m, NULL) > 0) {
        if (m.offset < last || m.offset > size || m.name.len == 0 ||
            m.name.len > TAR_MEMBER_NAME_MOST || memchr(m.name.data, 0, m.name.len) ||
            (!m.is_file && m.bytes))
            abort();
        last = m.offset;
        if (m.bytes % 2 == 0) /* others are skipped */
            for (uint64_t left = m.bytes; left;) {
                size_t step = left < sizeof chunk ? (size_t)left : sizeof chunk;
                if (tar_reader_read(r, chunk, step, NULL) < 0)
                    break;
                if (memcmp(chunk, data + m.offset + (m.bytes - left), step) != 0)
                    abort();
                left -= step;
            }
    }
    tar_reader_close(r);
    return 0;
}
