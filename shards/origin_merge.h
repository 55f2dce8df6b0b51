/*
 * origin_merge.h: the origins of one image out of several datasets as one: entries of the same URL
 * become one, in the order and within the ceilings of a seal. docs/formats/shard.md has the lines.
 */
#ifndef SHARDS_ORIGIN_MERGE_H
#define SHARDS_ORIGIN_MERGE_H

#include "wit_shards.h"

/* An origin tells where an image was seen; a site's logo need not list every page. */
enum { ORIGIN_SEEN_MOST = 64 };
#define ORIGIN_STOP_BYTES ((size_t)16 << 20)

/* For a caption whose places are to be forgotten, as if they had never been seen. */
#define ORIGIN_CAPTION_GONE (UINT32_MAX - 1)

struct origin_input {
    struct wit_str lines;
    /* For each caption of the input its place in the sorted union of all captions; those from
     * `caption_count` of origin_merge on are not in the sample. UINT32_MAX: it is the empty one,
     * and others have words. */
    const uint32_t *captions;
    uint32_t caption_count;
    /* The first caption of the sample is the empty one: a place without words has it. */
    bool no_words_is_first;
};

struct origin_counts {
    uint64_t urls; /* distinct ones, listed or not */
};

/**
 * Append the lines of the union. Of two fetches of one URL the earlier stands; `seen` is the union,
 * seen_total adds up what no input lists. Members of a line that are not known stay as they are.
 * @param caption_count  of the merged sample
 * @return 0; WIT_ECORRUPT (a line is none), WIT_ENOMEM, WIT_ELIMIT
 */
int origin_merge(const struct origin_input *inputs, size_t count, uint32_t caption_count,
                 struct wit_buf *out, struct origin_counts *counts, struct wit_error *err);
/* How many URLs the lines of one dataset name or leave out. WIT_ECORRUPT. */
int origin_count(struct wit_str lines, struct origin_counts *counts, struct wit_error *err);

/* Take the next line off `lines`, without its end; false: there is none. */
bool origin_line_next(struct wit_str *lines, struct wit_str *line);

#endif
