/*
 * index_tar.h: the making of one tar's index: every sample of the tar that an import would take,
 * with the front and the origin that sealing would give it.
 */
#ifndef SHARDS_INDEX_TAR_H
#define SHARDS_INDEX_TAR_H

#include "import_sample.h"
#include "tar_index.h"

struct index_counts {
    uint64_t samples, stored, refused, facts_broken, facts_left_out, ignored;
    uint64_t merged; /* stored ones that were images of others in the tar */
};

/* One thread. */
struct tar_indexer;
int tar_indexer_create(const struct wit_shards_import_config *cfg, struct tar_indexer **out,
                       struct wit_error *err);
void tar_indexer_destroy(struct tar_indexer *x);

/**
 * Read a tar and append its index.
 * @param source  path to read it under
 * @param stored  path that the index names it by
 * @param refuse  called for each sample that is refused; may be NULL
 * @param fault   out: why the tar could not be read to its end, or status 0; what came before
 * counts
 * @return 0; WIT_ENOMEM, WIT_ELIMIT, WIT_ECANCELED
 */
typedef void (*index_refuse_fn)(void *user, const char *source, const char *key,
                                const char *reason);
int tar_indexer_run(struct tar_indexer *x, const char *source, const char *stored,
                    const struct tar_facts *facts, index_refuse_fn refuse, void *user,
                    struct index_counts *counts, struct wit_buf *out, struct wit_error *fault,
                    struct wit_error *err);

#endif
