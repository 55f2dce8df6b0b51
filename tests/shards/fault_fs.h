/*
 * fault_fs.h: a disk that fails on demand, for test programs.
 *
 * Linked into one, its definitions of the calls by which files change (open that creates or cuts,
 * write, pwrite, writev, pwritev, ftruncate, fsync, fdatasync, rename, link, unlink, mkdir) stand
 * before libc's, also for calls out of liblmdb. Between fault_fs_begin and fault_fs_end each such
 * call on something in one folder is counted and may be made to fail. With a history
 * (disk_history.h) what was done is noted there. Nothing is really synced, so it takes no time.
 */
#ifndef TESTS_FAULT_FS_H
#define TESTS_FAULT_FS_H

#include "disk_history.h"

enum fault_kind {
    FAULT_NONE,
    FAULT_ONCE,  /* call `at`, from 0, fails and does nothing */
    FAULT_FROM,  /* so do all after it: a disk stays full */
    FAULT_SHORT, /* a write does its first half, everything after it fails */
    FAULT_LATE   /* the call does its work and says that it failed */
};
struct fault {
    enum fault_kind kind;
    int errnum;
    long at;
};

/* Folder `root`, absolute, in which nothing is open. history may be NULL; if not, `root` is as it
 * says. */
void fault_fs_begin(const char *root, struct disk *history, struct fault fault);
long fault_fs_end(void); /* how many calls there were */

#endif
