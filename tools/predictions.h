/*
 * predictions.h: what a model made of the images of an evaluation: a CSV file with a header, or
 * JSON lines; a column "file" or "key" names the image, "correct" says 1 or 0 (or true, false).
 * Other columns are not looked at.
 */
#ifndef WIT_PREDICTIONS_H
#define WIT_PREDICTIONS_H

#include "base/wit_base.h"

struct prediction {
    char *name;
    uint64_t line; /* of the file, from 1 */
    bool correct;
};

struct predictions {
    struct prediction *items;
    size_t count;
};

/* From a file, or from a stream whose name is for sentences. WIT_EFORMAT names file and line;
 * WIT_ENOTFOUND, WIT_EIO, WIT_ENOMEM. */
int predictions_load(const char *path, struct predictions *out, struct wit_error *err);
int predictions_read(FILE *stream, const char *name, struct predictions *out,
                     struct wit_error *err);
void predictions_finish(struct predictions *p);

#endif
