/* wiki_unpack.c: libbz2 over one block, with memory that is kept from block to block. */
#include "wiki_source.h"

#include <bzlib.h>
#include <stdlib.h>

enum { KEPT_MAX = 4 };

/* libbz2 asks for a state and a table of 4 bytes a byte of the block; afresh they would cost a
 * thousand page faults a block. */
struct kept_memory {
    void *data;
    size_t size;
    bool used;
};

struct wiki_unpacker {
    struct kept_memory kept[KEPT_MAX];
};

static void *keep_alloc(void *user, int items, int size) {
    struct wiki_unpacker *u = user;
    size_t bytes;
    if (items < 0 || size < 0 || wit_size_mul((size_t)items, (size_t)size, &bytes) < 0)
        return NULL;
    for (int i = 0; i < KEPT_MAX; i++) {
        struct kept_memory *k = &u->kept[i];
        if (k->used || (k->data && k->size != bytes))
            continue;
        if (!k->data)
            k->data = malloc(bytes);
        k->size = bytes;
        k->used = k->data != NULL;
        return k->data;
    }
    return malloc(bytes);
}

static void keep_free(void *user, void *data) {
    struct wiki_unpacker *u = user;
    for (int i = 0; i < KEPT_MAX; i++) {
        if (u->kept[i].data == data) {
            u->kept[i].used = false;
            return;
        }
    }
    free(data);
}

struct wiki_unpacker *wiki_unpacker_create(void) {
    return calloc(1, sizeof(struct wiki_unpacker));
}

void wiki_unpacker_destroy(struct wiki_unpacker *u) {
    if (!u)
        return;
    for (int i = 0; i < KEPT_MAX; i++)
        free(u->kept[i].data);
    free(u);
}

static int unpack(bz_stream *bz, struct wit_buf *plain) {
    for (;;) {
        int st = wit_buf_reserve(plain, 1 << 20);
        if (st < 0)
            return st;
        size_t room = plain->cap - plain->len;
        bz->next_out = plain->data + plain->len;
        bz->avail_out = room < (1u << 30) ? (unsigned)room : 1u << 30;
        unsigned before = bz->avail_out;
        int rc = BZ2_bzDecompress(bz);
        plain->len += before - bz->avail_out;
        if (rc == BZ_STREAM_END)
            return 0;
        if (rc == BZ_MEM_ERROR)
            return WIT_ENOMEM;
        if (rc != BZ_OK || (bz->avail_in == 0 && bz->avail_out > 0))
            return WIT_ECORRUPT;
    }
}

int wiki_unpacker_append(struct wiki_unpacker *u, const struct wiki_piece *piece, const char *name,
                         struct wit_buf *plain, struct wit_error *err) {
    int st = WIT_ENOMEM;
    if (!piece->packed) {
        st = wit_buf_append(plain, piece->bytes.data, piece->bytes.len);
    } else {
        bz_stream bz = { .bzalloc = keep_alloc, .bzfree = keep_free, .opaque = u };
        if (BZ2_bzDecompressInit(&bz, 0, 0) == BZ_OK) {
            bz.next_in = piece->bytes.data;
            bz.avail_in = (unsigned)piece->bytes.len;
            st = unpack(&bz, plain);
            BZ2_bzDecompressEnd(&bz);
        }
    }
    if (st == WIT_ECORRUPT)
        return wit_error_set(err, st,
                             "'%s': the file is damaged: the bzip2 block at byte %llu does "
                             "not unpack",
                             name, (unsigned long long)piece->at);
    return st < 0 ? wit_error_set(err, st, "'%s': cannot unpack the block at byte %llu: %s", name,
                                  (unsigned long long)piece->at, wit_status_meaning(st))
                  : 0;
}
