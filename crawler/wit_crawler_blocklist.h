/*
 * wit_crawler_blocklist.h: lists of images that must not be kept, by digest or perceptual hash.
 *
 * Known-illegal images are exchanged as lists of MD5, SHA-1 or SHA-256 digests of their files, or
 * of PDQ hashes of their pixels. Such lists are secret and so is what matches: nothing here prints
 * a hash of a list, nor a line of a file. An audit line names a match by a digest that is salted
 * for one directory.
 *
 *     struct wit_crawler_blocklist *list = wit_crawler_blocklist_create();
 *     if (wit_crawler_blocklist_add_file(list, "hashes.txt", "partner-2026-11", &err) < 0) ...
 *     cfg.blocklist = list;                       // see wit_crawler.h
 *
 * Digests find files that are the same to the byte; PDQ finds what was saved anew, resized or made
 * a little lighter, not what was turned, mirrored or cut.
 */
#ifndef WIT_CRAWLER_BLOCKLIST_H
#define WIT_CRAWLER_BLOCKLIST_H

#include "base/wit_base.h"
#include "image/wit_image_phash.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Digests sorted in memory, 16, 20 or 32 bytes each; PDQ hashes as they came, 33 bytes each. Files
 * are added by one thread; then any number may look. */
struct wit_crawler_blocklist;

#define WIT_CRAWLER_BLOCKLISTS_MOST 64
#define WIT_CRAWLER_BLOCKLIST_NAME_BYTES 64

struct wit_crawler_blocklist *wit_crawler_blocklist_create(void); /* NULL: out of memory */
void wit_crawler_blocklist_destroy(struct wit_crawler_blocklist *list);

/**
 * Add a file: one digest a line in hex, its kind by its length (32, 40 or 64 digits), or
 * "pdq:<64 hex digits>" with ",<distance>" behind it where another one than 31 is meant (0 to
 * WIT_CRAWLER_BLOCKLIST_DISTANCE_MOST bits); empty lines and those that begin with '#' are skipped.
 * A list is taken whole or not at all.
 * @param name  for audit lines; at most 63 bytes; what is longer is cut
 * @return hashes read (cut at INT_MAX); WIT_EFORMAT names file and line but not what stands there,
 *         or says that there is no hash; WIT_ELIMIT (more than WIT_CRAWLER_BLOCKLISTS_MOST
 * files); WIT_ENOTFOUND, WIT_EIO, WIT_ENOMEM
 */
int wit_crawler_blocklist_add_file(struct wit_crawler_blocklist *list, const char *path,
                                   const char *name, struct wit_error *err);

#define WIT_CRAWLER_BLOCKLIST_DISTANCE_MOST 63

/* What matched: the hash on the list, which is secret. */
struct wit_crawler_blocked {
    unsigned list;    /* in the order of adding */
    const char *kind; /* "md5", "sha1", "sha256" or "pdq" */
    uint8_t hash[32];
    size_t hash_bytes;
};
/* By digest. 1 and *out: the bytes are listed; 0: they are not; WIT_EUNSUPPORTED (libcrypto
 * computes no such digest here). */
int wit_crawler_blocklist_find(const struct wit_crawler_blocklist *list, struct wit_str bytes,
                               struct wit_crawler_blocked *out, struct wit_error *err);
/* Are there perceptual hashes on any list, so that images must be decoded? */
bool wit_crawler_blocklist_has_perceptual(const struct wit_crawler_blocklist *list);
/* By PDQ hash: the first one that is near enough. 1 and *out, or 0; an image of a quality below
 * WIT_IMAGE_PHASH_QUALITY matches nothing. */
int wit_crawler_blocklist_find_perceptual(const struct wit_crawler_blocklist *list,
                                          const struct wit_image_phashes *hashes,
                                          struct wit_crawler_blocked *out);
const char *wit_crawler_blocklist_name(const struct wit_crawler_blocklist *list, unsigned index);

#ifdef __cplusplus
}
#endif
#endif
