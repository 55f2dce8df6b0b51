/* seal_write.c: from a plan to a shard that dataset.json may name. */
#include "seal_write.h"
#include "shard_file.h"
#include "shard_writer.h"

#include <stdlib.h>

/* Bodies lie in the order of their arrival and are read in that of their keys. Where one had to be
 * waited for, the next ones are asked for ahead, so that the disk has several to do at a time. */
enum { BODIES_AHEAD = 32, SLOW_NS = 100 * 1000, HINTED_AFTER_SLOW = 1024 };

struct body_source {
    struct planner *planner;
    const struct plan *plan;
    uint64_t ahead;   /* records before it were asked for, or read */
    unsigned hinting; /* so many bodies more */
};

static int body_give(void *user, uint64_t index, void *out, struct wit_error *err) {
    struct body_source *b = user;
    if (b->hinting) {
        b->hinting--;
        b->ahead = b->ahead > index ? b->ahead : index + 1;
        for (; b->ahead < b->plan->count && b->ahead <= index + BODIES_AHEAD; b->ahead++)
            planner_expect(b->planner, &b->plan->records[b->ahead]);
    }
    uint64_t start = wit_clock_ns();
    int st = planner_body(b->planner, b->plan, index, out, err);
    if (wit_clock_ns() - start > SLOW_NS)
        b->hinting = HINTED_AFTER_SLOW;
    return st;
}

static int plan_write(struct planner *planner, const struct plan *plan, const char *dir,
                      const char *file, struct wit_error *err) {
    struct body_source source = { .planner = planner, .plan = plan };
    struct shard_writer_record *records = wit_alloc_array(plan->count, sizeof *records);
    if (!records)
        return wit_error_set(err, WIT_ENOMEM, "no memory to write %s", file);
    for (size_t i = 0; i < plan->count; i++) {
        const struct plan_record *r = &plan->records[i];
        records[i] = (struct shard_writer_record){
            .key = r->key,
            .front = wit_str_of(plan->fronts.data + r->front_at, r->front_bytes),
            .origin = wit_str_of(plan->origins.data + r->origin_at, r->origin_bytes),
            .body_bytes = r->body_bytes,
        };
    }
    const struct shard_writer_input input = { .records = records,
                                              .count = plan->count,
                                              .body = body_give,
                                              .user = &source,
                                              .interrupt = planner_interrupt(planner) };
    int st = shard_write_unsynced(dir, file, &input, err);
    free(records);
    return st;
}

/* Read a shard back, every byte of it, under the name it has now: what goes into dataset.json is
 * what lies on the disk. */
static int plan_measure(struct planner *planner, const struct plan *plan, const char *dir,
                        int shard_bits, const char *name, struct manifest_shard *shard,
                        struct wit_error *err) {
    int st = shard_file_measure(dir, name, shard_bits, planner_interrupt(planner), NULL, NULL,
                                shard, err);
    if (st >= 0 && (shard->samples != plan->count || shard->pairs != plan->pairs ||
                    shard->image_bytes != plan->image_bytes))
        st = wit_error_set(err, WIT_ECORRUPT, "%s/shards/%s does not hold what was written to it",
                           dir, name);
    return st;
}

int plan_shard_make(struct planner *planner, const struct plan *plan, const char *dir,
                    int shard_bits, struct manifest_shard *shard, struct wit_error *err) {
    char path[WIT_PATH_MAX], temporary[MANIFEST_FILE_MAX + sizeof SHARD_WRITER_SUFFIX];
    struct wit_error why = WIT_ERROR_INIT;
    shard->plan = plan->digest;
    manifest_file_name(shard, shard_bits, shard->file);
    int st = manifest_shard_path(path, dir, shard->file, err);
    if (st < 0)
        return st;
    if (wit_file_exists(path)) { /* left by an interrupted seal; the digest in its name is ours */
        st = plan_measure(planner, plan, dir, shard_bits, shard->file, shard, &why);
        if (st >= 0)
            return 0;
        if (st == WIT_ECANCELED || st == WIT_ENOMEM) {
            if (err)
                *err = why;
            return st;
        }
    }
    snprintf(temporary, sizeof temporary, "%s" SHARD_WRITER_SUFFIX, shard->file);
    st = plan_write(planner, plan, dir, shard->file, err);
    if (st >= 0) /* while the disk takes what was written */
        st = plan_measure(planner, plan, dir, shard_bits, temporary, shard, err);
    if (st < 0)
        shard_write_discard(dir, shard->file);
    return st < 0 ? st : shard_write_finish(dir, shard->file, err);
}
