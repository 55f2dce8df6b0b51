/*
 * disk_history.h: what happened to the files of a folder, in order, and what a power cut at any
 * moment would have left of it. For tests; fault_fs.h fills it.
 *
 * What counts as safe is only what POSIX promises: bytes of a file after fsync or fdatasync of that
 * file (or a write by O_DSYNC), names after fsync of their folder. A sync that failed saves
 * nothing, and what it should have saved no later one saves: the kernel has dropped it.
 */
#ifndef TESTS_DISK_HISTORY_H
#define TESTS_DISK_HISTORY_H

#include "base/wit_base.h"

struct disk; /* one thread at a time */

/* The history of an empty folder, or NULL. */
struct disk *disk_create(void);
void disk_destroy(struct disk *d);

size_t disk_length(const struct disk *d); /* number of events */
/* Forget all events but the first `length`, as if the process had been killed there. */
void disk_rewind(struct disk *d, size_t length);
/* Something was promised to somebody: remembered at this place of the history. */
void disk_promise(struct disk *d, unsigned kind, int64_t value);
/* The greatest promise of that kind among the first `length` events; -1: none. */
int64_t disk_promised(const struct disk *d, size_t length, unsigned kind);

/* ---- events, from fault_fs.c; nodes are files and folders, 0 is the folder itself -------------
 */

enum { DISK_ROOT = 0, DISK_NONE = -1 };
/* The node of a path within the folder, as things stand; *parent and *name: where it would be. */
int disk_find(const struct disk *d, const char *path, int *parent, const char **name);
int disk_add(struct disk *d, int parent, const char *name, bool folder); /* the new node */
void disk_write(struct disk *d, int node, uint64_t at, const void *bytes, size_t len, bool safe);
void disk_cut(struct disk *d, int node, uint64_t length);
void disk_sync(struct disk *d, int node, bool failed);
void disk_unlink(struct disk *d, int parent, const char *name);
void disk_link(struct disk *d, int parent, const char *name, int node);
void disk_rename(struct disk *d, int from, const char *name, int to, const char *new_name);

/* ---- what is left ------------------------------------------------------------------------------
 */

enum disk_loss {
    LOSS_NOTHING, /* a killed process: what was done is there */
    LOSS_ALL,     /* nothing is there that was not safe */
    LOSS_DATA,    /* names are there, bytes are not: files are empty or short */
    LOSS_ZEROS,   /* names and lengths are there, bytes are zeros */
    LOSS_NAMES,   /* bytes are there, names are not */
    LOSS_TORN,    /* everything, but of the last write only the first half */
    LOSS_RANDOM,  /* of every name and every sector of 512 bytes a coin decides */
    DISK_LOSSES
};
const char *disk_loss_name(enum disk_loss loss);

/* The state after `length` events: files and folders into `into`, an empty folder. Its hash. Ends
 * the program where that folder can't be written. */
struct wit_hash128 disk_make(const struct disk *d, size_t length, enum disk_loss loss,
                             uint64_t seed, const char *into);
/* The hash alone. */
struct wit_hash128 disk_hash(const struct disk *d, size_t length, enum disk_loss loss,
                             uint64_t seed);
/* The hash that disk_make gives of a folder as it stands: the history is complete if it is that of
 * LOSS_NOTHING. */
struct wit_hash128 disk_hash_folder(const char *dir);

#endif
