/*
 * origin.h: the lines that say where a sample came from, one for each URL. docs/formats/shard.md,
 * "Value of origin".
 */
#ifndef SHARDS_ORIGIN_H
#define SHARDS_ORIGIN_H

#include "wit_shards.h"

/* An origin tells where an image was seen; a site's logo need not list every page. */
enum { ORIGIN_SEEN_MOST = 64 };

/* One line: begin, each place in the order of its words, end. */
struct origin_writer {
    struct wit_json_writer json;
    uint64_t listed, total;
};
/* url, final_url, times, headers and rights; sizes where the image is not stored as fetched. */
void origin_begin(struct origin_writer *w, const struct wit_shards_fetched *f, struct wit_buf *out);
/* A place. caption: its index in the sample, -1: named without words, which it has from elsewhere;
 * -2: words that the sample has no room for, which are counted alone. */
void origin_seen(struct origin_writer *w, int64_t caption, struct wit_str page,
                 struct wit_str extra, struct wit_str rights);
int origin_end(struct origin_writer *w); /* ELIMIT, ENOMEM */

#endif
