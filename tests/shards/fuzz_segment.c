/* fuzz_segment.c: a log, and the heads of its frames. */
#include "collect.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void heads(struct wit_str head) {
    struct wit_shards_candidate cand;
    struct collect_image image;
    if (collect_candidate_decode(head, &cand, NULL) == 0) {
        uint8_t fixed[COLLECT_CANDIDATE_HEAD_MOST];
        size_t texts = cand.url.len + cand.text.len + cand.page.len + cand.extra.len +
                       cand.digest.len + cand.rights.len;
        int n = collect_candidate_encode(&cand, fixed); /* what is read can be written */
        if (texts > head.len || cand.rights.len > WIT_SHARDS_MAX_RIGHTS_BYTES ||
            (n < 0 && texts <= WIT_SHARDS_MAX_FIELD_BYTES))
            abort();
    }
    if (collect_image_decode(head, &image, NULL) == 0 && image.fetched.url.len > head.len)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char path[64];
    struct segment_reader reader;
    struct segment_frame frame;
    heads(wit_str_of(data, size));
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd < 0 || wit_fd_write_all(fd, data, size, "memfd", NULL) < 0)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    for (int kind = SEGMENT_CANDIDATES; kind <= SEGMENT_IMAGES; kind++) {
        if (segment_reader_open(&reader, path, (enum segment_kind)kind, size, NULL) < 0)
            continue;
        while (segment_reader_next(&reader, &frame, NULL) > 0) {
            uint8_t *body = malloc(frame.body_bytes ? (size_t)frame.body_bytes : 1);
            if (!body)
                abort();
            heads(frame.head);
            (void)segment_reader_body(&reader, &frame, body, NULL);
            free(body);
        }
        segment_reader_close(&reader);
    }
    close(fd);
    return 0;
}
