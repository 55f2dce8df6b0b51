/*
 * wit_crawler_blocklist.h: lists of images that must not be kept, by digest.
 *
 * Known-illegal images are exchanged as lists of MD5, SHA-1 or SHA-256 digests of their files. Such
 * lists are secret and so is what matches: nothing here prints a digest of a list, nor a line of a
 * file. An audit line names a match by a digest that is salted for one directory.
 *
 *     struct wit_crawler_blocklist *list = wit_crawler_blocklist_create();
 *     if (wit_crawler_blocklist_add_file(list, "hashes.txt", "partner-2026-11", &err) < 0) ...
 *     cfg.blocklist = list;                       // see wit_crawler.h
 *
 * Only files that are the same to the byte are found: an image that was saved anew has other
 * digests. Perceptual hashes are not supported.
 */
#ifndef WIT_CRAWLER_BLOCKLIST_H
#define WIT_CRAWLER_BLOCKLIST_H

#include "base/wit_base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Digests sorted in memory: 16, 20 or 32 bytes each. Files are added by one thread; then any number
 * may look. */
struct wit_crawler_blocklist;

#define WIT_CRAWLER_BLOCKLISTS_MOST 64
#define WIT_CRAWLER_BLOCKLIST_NAME_BYTES 64

struct wit_crawler_blocklist *wit_crawler_blocklist_create(void); /* NULL: out of memory */
void wit_crawler_blocklist_destroy(struct wit_crawler_blocklist *list);

/**
 * Add a file: one digest a line in hex, its kind by its length (32, 40 or 64 digits); empty lines
 * and those that begin with '#' are skipped. A list is taken whole or not at all.
 * @param name  for audit lines; at most 63 bytes; what is longer is cut
 * @return digests read (cut at INT_MAX); WIT_EFORMAT names file and line but not what stands there,
 *         or says that there is no digest; WIT_ELIMIT (more than WIT_CRAWLER_BLOCKLISTS_MOST
 * files); WIT_ENOTFOUND, WIT_EIO, WIT_ENOMEM
 */
int wit_crawler_blocklist_add_file(struct wit_crawler_blocklist *list, const char *path,
                                   const char *name, struct wit_error *err);

/* What matched. `digest` is secret. */
struct wit_crawler_blocked {
    unsigned list; /* in the order of adding */
    enum wit_digest_kind kind;
    uint8_t digest[32];
};
/* 1 and *out: the bytes are listed; 0: they are not; WIT_EUNSUPPORTED (libcrypto computes no such
 * digest here). */
int wit_crawler_blocklist_find(const struct wit_crawler_blocklist *list, struct wit_str bytes,
                               struct wit_crawler_blocked *out, struct wit_error *err);
const char *wit_crawler_blocklist_name(const struct wit_crawler_blocklist *list, unsigned index);

#ifdef __cplusplus
}
#endif
#endif
