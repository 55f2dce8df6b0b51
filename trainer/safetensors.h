/*
 * safetensors.h: tensors in a file: a u64 length, a JSON header of that length, bytes. Source: the
 * format section of huggingface/safetensors' README. Everything is little-endian.
 *
 * A file is believed only as far as it was checked: the header ends inside the file, every tensor
 * is as long as its shape says, and the tensors cover the bytes behind the header without overlap
 * and without holes.
 */
#ifndef TRAINER_SAFETENSORS_H
#define TRAINER_SAFETENSORS_H

#include "base/wit_base.h"

#define SAFETENSORS_MAX_HEADER_BYTES ((size_t)100 << 20)
#define SAFETENSORS_MAX_FILE_BYTES ((size_t)64 << 30)
enum { SAFETENSORS_MAX_DIMS = 8, SAFETENSORS_NAME_MAX = 256, SAFETENSORS_MAX_TENSORS = 1 << 20 };

enum safetensors_dtype {
    SAFETENSORS_BOOL,
    SAFETENSORS_U8,
    SAFETENSORS_I8,
    SAFETENSORS_I16,
    SAFETENSORS_F16,
    SAFETENSORS_BF16,
    SAFETENSORS_I32,
    SAFETENSORS_F32,
    SAFETENSORS_I64,
    SAFETENSORS_F64
};

struct safetensors_entry {
    char name[SAFETENSORS_NAME_MAX];
    enum safetensors_dtype dtype;
    unsigned dims; /* 0: a single number */
    int64_t shape[SAFETENSORS_MAX_DIMS];
    size_t count;     /* elements */
    size_t bytes;     /* of data */
    const void *data; /* reading: in the file's buffer, unaligned; writing: the caller's */
};

/* A whole file in memory. */
struct safetensors {
    struct wit_buf bytes;
    struct safetensors_entry *entries; /* sorted by name */
    size_t count;
};

/* The buffer becomes the result's on success and stays the caller's on failure. `name` begins the
 * sentence. WIT_EFORMAT, WIT_ELIMIT, WIT_ENOMEM. */
int safetensors_parse(struct wit_buf bytes, const char *name, struct safetensors *out,
                      struct wit_error *err);
int safetensors_load(const char *path, struct safetensors *out, struct wit_error *err);
void safetensors_finish(struct safetensors *s);
/* NULL: absent. */
const struct safetensors_entry *safetensors_find(const struct safetensors *s, const char *name);
/* Copy a tensor of `count` float32 into out. WIT_ENOTFOUND, WIT_EFORMAT (another type or size). */
int safetensors_get_f32(const struct safetensors *s, const char *name, float *out, size_t count,
                        struct wit_error *err);

/* Fill an entry for writing. The name must be shorter than SAFETENSORS_NAME_MAX. */
void safetensors_entry_f32(struct safetensors_entry *e, const char *name, unsigned dims,
                           const int64_t *shape, const float *data);
/* Write the entries in this order to a new file and fsync it. Not atomic: write into a directory
 * that is renamed later. WIT_EIO, WIT_ENOSPC, WIT_ENOMEM. */
int safetensors_write(const char *path, const struct safetensors_entry *entries, size_t count,
                      struct wit_error *err);

#endif
