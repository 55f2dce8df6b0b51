/* removal_judge.c: one record without the URLs and captions that were removed. */
#include "origin_merge.h"
#include "removal.h"

#include <stdlib.h>

#define FRONT_MAX_BYTES (2 * WIT_SHARDS_MAX_CAPTION_BYTES)
#define ORIGIN_MAX_BYTES ((size_t)1 << 30)

/* What is known of a caption of the record at hand. */
enum { SPEAKS = 1 /* no pattern matches */, SHOWN = 2 /* a URL that stays has it */ };

struct removal {
    const struct removed_set *set;
    uint8_t *marks;                  /* by caption of the record at hand */
    uint32_t *places;                /* likewise: its place among those that stay */
    struct record_caption *captions; /* those */
    size_t cap;
    struct wit_buf front, lines, origin;
};

/* The lines of the record at hand, told in one pass. */
struct places {
    uint64_t gone;      /* URLs that were removed */
    bool no_words;      /* a URL that stays was named without words */
    bool is_incomplete; /* not every place of those that stay is listed */
};

int removal_create(const struct removed_set *set, struct removal **out, struct wit_error *err) {
    struct removal *r = calloc(1, sizeof *r);
    if (!r)
        return wit_error_set(err, WIT_ENOMEM, "no memory for removing");
    r->set = set;
    r->front = (struct wit_buf)WIT_BUF_INIT(FRONT_MAX_BYTES);
    r->lines = r->origin = (struct wit_buf)WIT_BUF_INIT(ORIGIN_MAX_BYTES);
    *out = r;
    return 0;
}

void removal_destroy(struct removal *r) {
    if (!r)
        return;
    free(r->marks);
    free(r->places);
    free(r->captions);
    wit_buf_finish(&r->front);
    wit_buf_finish(&r->lines);
    wit_buf_finish(&r->origin);
    free(r);
}

bool removal_is_by_key(const struct removal *r) {
    return r->set->url_count + r->set->domain_count + r->set->caption_count == 0;
}

static int no_memory(struct wit_error *err) {
    return wit_error_set(err, WIT_ENOMEM, "no memory for the captions of a sample");
}

static int room(struct removal *r, size_t count, struct wit_error *err) {
    if (count <= r->cap)
        return 0;
    uint8_t *marks = wit_realloc_array(r->marks, count, sizeof *marks);
    if (marks)
        r->marks = marks;
    uint32_t *places = marks ? wit_realloc_array(r->places, count, sizeof *places) : NULL;
    if (places)
        r->places = places;
    struct record_caption *captions =
        places ? wit_realloc_array(r->captions, count, sizeof *captions) : NULL;
    if (!captions)
        return no_memory(err);
    r->captions = captions;
    r->cap = count;
    return 0;
}

/* ---- places ---------------------------------------------------------------------------------- */

static int line_is_removed(const struct removal *r, const struct wit_json *line) {
    struct wit_str url;
    int st = 0;
    if (wit_json_string(wit_json_get(line, "url"), &url) >= 0)
        st = removed_set_has_url(r->set, url);
    if (st == 0 && wit_json_string(wit_json_get(line, "final_url"), &url) >= 0)
        st = removed_set_has_url(r->set, url);
    return st;
}

/* Which captions a URL that stays has. Does it keep a place, once captions that match are gone? */
static bool line_show(struct removal *r, const struct wit_json *line, uint32_t captions,
                      struct places *p) {
    const struct wit_json *seen = wit_json_get(line, "seen");
    int64_t total = 0, index;
    size_t listed = wit_json_size(seen);
    (void)wit_json_int(wit_json_get(line, "seen_total"), &total);
    bool stays = total > (int64_t)listed;
    p->is_incomplete |= stays;
    for (size_t i = 0; i < listed; i++) {
        const struct wit_json *caption = wit_json_get(wit_json_at(seen, i), "caption");
        if (wit_json_int(caption, &index) < 0) {
            p->no_words = stays = true;
        } else if (index >= 0 && index < captions && r->marks[index] & SPEAKS) {
            r->marks[index] |= SHOWN;
            stays = true;
        }
    }
    return stays;
}

/* Those that stay go to r->lines. */
static int lines_judge(struct removal *r, struct wit_str lines, uint32_t captions, struct places *p,
                       struct wit_error *err) {
    struct wit_str line;
    wit_buf_reset(&r->lines);
    while (origin_line_next(&lines, &line)) {
        struct wit_json *json = NULL;
        int st = wit_json_parse(line, "origin", &json, err);
        if (st < 0)
            return st == WIT_EFORMAT
                       ? wit_error_set(err, WIT_ECORRUPT, "an origin is not what a seal writes")
                       : st;
        const bool left_out = wit_json_get(json, "urls_left_out") != NULL;
        int removed = left_out ? 0 : line_is_removed(r, json);
        bool stays = removed == 0;
        if (left_out)
            p->is_incomplete = true;
        else if (stays)
            stays = line_show(r, json, captions, p);
        p->gone += removed > 0;
        wit_json_destroy(json);
        if (removed < 0)
            return no_memory(err);
        if (stays &&
            (wit_buf_append_str(&r->lines, line) < 0 || wit_buf_append_byte(&r->lines, '\n') < 0))
            return no_memory(err);
    }
    return 0;
}

/* ---- captions -------------------------------------------------------------------------------- */

/* How many of them match no pattern. */
static uint32_t captions_judge(struct removal *r, const struct wit_shards_sample *s) {
    struct wit_shards_caption_iter it = wit_shards_captions(s);
    struct wit_shards_caption c;
    uint32_t speak = 0;
    for (uint32_t i = 0; i < s->caption_count && wit_shards_caption_next(&it, &c); i++) {
        r->marks[i] = removed_set_has_caption(r->set, c.text) ? 0 : SPEAKS;
        speak += r->marks[i];
    }
    return speak;
}

/* Those that stay into r->captions, and where each is now; how many. */
static uint32_t captions_keep(struct removal *r, const struct wit_shards_sample *s,
                              const struct places *p, struct removal_verdict *v) {
    struct wit_shards_caption_iter it = wit_shards_captions(s);
    struct wit_shards_caption c;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < s->caption_count && wit_shards_caption_next(&it, &c); i++) {
        const bool is_shown = p->gone == 0 || r->marks[i] & SHOWN;
        r->places[i] = ORIGIN_CAPTION_GONE;
        if (r->marks[i] & SPEAKS && is_shown) {
            r->places[i] = kept;
            r->captions[kept++] =
                (struct record_caption){ .text = c.text, .source = (uint16_t)c.source };
        } else if (r->marks[i] & SPEAKS) {
            v->unsure += p->is_incomplete;
        }
    }
    if (kept == 0 && p->no_words) /* what a list named without words is a sample without others */
        r->captions[kept++] = (struct record_caption){ .source = WIT_SHARDS_LIST };
    return kept;
}

static int record_change(struct removal *r, struct wit_hash128 key,
                         const struct record_front *front, struct removal_verdict *v,
                         struct wit_error *err) {
    const struct origin_input input = {
        .lines = wit_buf_view(&r->lines),
        .captions = r->places,
        .caption_count = front->sample.caption_count,
        .no_words_is_first = r->captions[0].text.len == 0,
    };
    struct origin_counts urls;
    wit_buf_reset(&r->front);
    wit_buf_reset(&r->origin);
    int st = record_front_encode(key, &front->image, r->captions, v->captions, &r->front);
    if (st < 0)
        return wit_error_set(err, st, "no room for the captions of a sample");
    st = origin_merge(&input, 1, v->captions, &r->origin, &urls, err);
    v->front = wit_buf_view(&r->front);
    v->origin = wit_buf_view(&r->origin);
    return st;
}

int removal_judge(struct removal *r, struct wit_hash128 key, const struct record_front *front,
                  struct wit_str origin, struct removal_verdict *out, struct wit_error *err) {
    const uint32_t captions = front->sample.caption_count;
    struct removal_verdict v = { .fate = REMOVAL_STAYS, .captions = captions };
    struct places places = { .gone = 0 };
    if (removed_set_has_key(r->set, key)) {
        *out = (struct removal_verdict){ .fate = REMOVAL_GOES };
        return 0;
    }
    int st = room(r, captions + 1, err);
    if (st < 0)
        return st;
    const bool all_speak = captions_judge(r, &front->sample) == captions;
    if (!all_speak || r->set->url_count || r->set->domain_count)
        st = lines_judge(r, origin, captions, &places, err);
    if (st >= 0 && (!all_speak || places.gone)) {
        v.captions = captions_keep(r, &front->sample, &places, &v);
        v.fate = v.captions ? REMOVAL_CHANGES : REMOVAL_GOES;
    }
    if (v.fate == REMOVAL_CHANGES)
        st = record_change(r, key, front, &v, err);
    if (st >= 0)
        *out = v;
    return st < 0 ? st : 0;
}
