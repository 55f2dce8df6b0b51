/*
 * wit_loader_tokenizer.h: captions become CLIP token ids.
 *
 * The byte-pair encoding of OpenAI's CLIP (49,408 ids), with the cleaning that open_clip's
 * SimpleTokenizer does before it: ftfy's repairs, HTML references, white space, lower case. The
 * vocabulary is a file, bpe_simple_vocab_16e6.txt.gz; tools/fetch-vocab gets it. docs/tokenizer.md
 * tells the steps.
 *
 *     struct wit_error err = WIT_ERROR_INIT;
 *     struct wit_loader_tokenizer *tok = NULL;
 *     struct wit_loader_tokenizer_scratch *scratch = NULL;
 *     int32_t ids[WIT_TOKENIZER_CONTEXT];
 *     size_t n;
 *     if (wit_loader_tokenizer_load("bpe_simple_vocab_16e6.txt.gz", &tok, &err) < 0 ||
 *         wit_loader_tokenizer_scratch_create(tok, &scratch, &err) < 0 ||
 *         wit_loader_tokenizer_encode(scratch, WIT_STR("a photo of a cat"), WIT_TOKENIZER_CONTEXT,
 *                                     ids, &n, &err) < 0)
 *         wit_log_error("demo", "%s", err.text);
 *     wit_loader_tokenizer_scratch_destroy(scratch);
 *     wit_loader_tokenizer_destroy(tok);
 */
#ifndef WIT_LOADER_TOKENIZER_H
#define WIT_LOADER_TOKENIZER_H

#include "base/wit_base.h"

#ifdef __cplusplus
extern "C" {
#endif

#define WIT_TOKENIZER_CONTEXT 77     /* ids per caption in every published CLIP */
#define WIT_TOKENIZER_IDS 49408      /* ids are 0 .. 49407 */
#define WIT_TOKENIZER_START_ID 49406 /* <start_of_text> */
#define WIT_TOKENIZER_END_ID 49407   /* <end_of_text>; 0 behind it is padding */

/* Longest text that is encoded. ftfy treats up to 1,000,000 characters of a line as one. */
#define WIT_TOKENIZER_TEXT_MAX_BYTES 1000000u
#define WIT_TOKENIZER_CONTEXT_MAX 65536u

/* A vocabulary. Immutable: any number of threads may share it. */
struct wit_loader_tokenizer;

/* Working memory and a bounded cache of words for one thread; grows to the longest text seen. */
struct wit_loader_tokenizer_scratch;

/**
 * Read a vocabulary: a line with "#version", then 48,894 merges "left right", one a line; more
 * lines are ignored, as CLIP does. gzip and plain text are told apart by the first bytes.
 * @param out  the caller's until wit_loader_tokenizer_destroy; untouched on failure
 * @return 0; WIT_ENOTFOUND, WIT_EIO, WIT_ELIMIT (over 16 MiB), WIT_EFORMAT (err names the line),
 *         WIT_ENOMEM
 */
int wit_loader_tokenizer_load(const char *path, struct wit_loader_tokenizer **out,
                              struct wit_error *err);

/* The same from memory, not kept; `name` starts the sentence of an error. */
int wit_loader_tokenizer_parse(struct wit_str bytes, const char *name,
                               struct wit_loader_tokenizer **out, struct wit_error *err);
void wit_loader_tokenizer_destroy(struct wit_loader_tokenizer *tok); /* NULL is allowed */

/* The tokenizer is borrowed: destroy the scratch first. 0, WIT_ENOMEM. */
int wit_loader_tokenizer_scratch_create(const struct wit_loader_tokenizer *tok,
                                        struct wit_loader_tokenizer_scratch **out,
                                        struct wit_error *err);
void wit_loader_tokenizer_scratch_destroy(struct wit_loader_tokenizer_scratch *s); /* NULL too */

/**
 * The ids of one caption, as open_clip 3.3.0's SimpleTokenizer gives them: start, the words, end,
 * then zeros. Does not allocate once the scratch has met texts of the size.
 * @param text     UTF-8, any bytes: what is invalid counts as U+FFFD
 * @param context  ids wanted, 1 .. WIT_TOKENIZER_CONTEXT_MAX; when the caption is longer, the last
 *                 one is the end id
 * @param ids      out: (context) int32
 * @param n        out, may be NULL: ids before the cut, start and end included
 * @return 0, WIT_EINVAL (context), WIT_ELIMIT (text too long), WIT_ENOMEM. One thread per scratch.
 */
int wit_loader_tokenizer_encode(struct wit_loader_tokenizer_scratch *scratch, struct wit_str text,
                                size_t context, int32_t *ids, size_t *n, struct wit_error *err);

/**
 * The text as the vocabulary sees it: cleaned and in lower case, UTF-8.
 * @param out  lives in the scratch until its next use
 * @return 0, WIT_ELIMIT, WIT_ENOMEM
 */
int wit_loader_tokenizer_clean(struct wit_loader_tokenizer_scratch *scratch, struct wit_str text,
                               struct wit_str *out, struct wit_error *err);

#ifdef __cplusplus
}
#endif
#endif
