/* tar_header.h: the block in front of a tar's member, as POSIX.1-1988 (ustar) lays it out. */
#ifndef SHARDS_TAR_HEADER_H
#define SHARDS_TAR_HEADER_H

#include <assert.h>

enum { TAR_BLOCK_BYTES = 512 };

/* 10.1.1: numbers are octal digits, ended by a NUL or a blank. */
struct tar_header {
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type;
    char link[100], magic[6], version[2], user[32], group[32], major[8], minor[8], prefix[155];
    char padding[12];
};
static_assert(sizeof(struct tar_header) == TAR_BLOCK_BYTES, "a header fills a block");

/* The sum of a header's bytes, those of the checksum taken as blanks. */
static inline unsigned tar_header_sum(const struct tar_header *h) {
    const unsigned char *bytes = (const unsigned char *)h;
    unsigned sum = 0;
    for (unsigned i = 0; i < sizeof *h; i++)
        sum += bytes[i];
    for (unsigned i = 0; i < sizeof h->checksum; i++)
        sum += ' ' - (unsigned)(unsigned char)h->checksum[i];
    return sum;
}

#endif
