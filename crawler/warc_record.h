/* warc_record.h: for tests: a reader whose file is read in pieces of a given size. */
#ifndef CRAWLER_WARC_RECORD_H
#define CRAWLER_WARC_RECORD_H

#include "wit_crawler_warc.h"

/* As wit_crawler_warc_open_stream; `chunk` bytes at one time, at least 16. */
int warc_open_chunked(FILE *stream, const char *name, size_t chunk, struct wit_crawler_warc **out,
                      struct wit_error *err);

#endif
