/* jpeg_destination.c: room behind what is in the buffer; its len counts only what is written. */
#include "jpeg_destination.h"

#include <jerror.h>

enum { CHUNK_BYTES = 32 << 10 };

static void more_room(j_compress_ptr cinfo) {
    struct jpeg_destination *d = (struct jpeg_destination *)cinfo->dest;
    int st = wit_buf_reserve(d->out, CHUNK_BYTES);
    if (st < 0) {
        d->status = st;
        ERREXIT(cinfo, JERR_CANT_SUSPEND);
    }
    d->manager.next_output_byte = (JOCTET *)d->out->data + d->out->len;
    d->manager.free_in_buffer = CHUNK_BYTES;
}

static boolean on_full(j_compress_ptr cinfo) {
    struct jpeg_destination *d = (struct jpeg_destination *)cinfo->dest;
    d->out->len += CHUNK_BYTES;
    more_room(cinfo);
    return TRUE;
}

static void on_end(j_compress_ptr cinfo) {
    struct jpeg_destination *d = (struct jpeg_destination *)cinfo->dest;
    d->out->len += CHUNK_BYTES - d->manager.free_in_buffer;
}

void jpeg_destination_init(struct jpeg_destination *d, struct jpeg_compress_struct *cinfo,
                           struct wit_buf *out) {
    *d = (struct jpeg_destination){ .manager = { .init_destination = more_room,
                                                 .empty_output_buffer = on_full,
                                                 .term_destination = on_end },
                                    .out = out };
    cinfo->dest = &d->manager;
}
