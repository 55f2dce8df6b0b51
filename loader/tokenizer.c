/*
 * tokenizer.c: the vocabulary file, the word pattern, and captions to ids.
 *
 * Sources: Radford et al. 2021 (CLIP) and the files published with it; open_clip 3.3.0's
 * SimpleTokenizer for the names of the special tokens.
 */
#include "tokenizer.h"

#include "text/wit_text.h"

#include <stdlib.h>
#include <zlib.h>

enum {
    FILE_MAX_BYTES = 16 << 20, /* packed or not; CLIP's file is 1.3 MiB packed, 3.1 MiB plain */
    SYMBOL_MAX_BYTES = 255,    /* CLIP's longest has 32 */
    SYMBOL_SLOTS = 1 << 17,
};

/* ---- the file ---------------------------------------------------------------------------------
 */

static int gunzip(struct wit_str in, const char *name, struct wit_buf *out, struct wit_error *err) {
    z_stream z;
    memset(&z, 0, sizeof(z));
    if (inflateInit2(&z, 15 + 16) != Z_OK)
        return wit_error_set(err, WIT_ENOMEM, "%s: no memory to unpack it", name);
    z.next_in = (unsigned char *)(uintptr_t)in.data; /* zlib's field is not const; it only reads */
    z.avail_in = (unsigned)in.len;
    int st = 0, code = Z_OK;
    while (st == 0 && code == Z_OK) {
        unsigned char block[1 << 14];
        z.next_out = block;
        z.avail_out = sizeof(block);
        code = inflate(&z, Z_NO_FLUSH);
        st = wit_buf_append(out, block, sizeof(block) - z.avail_out);
    }
    if (st < 0)
        wit_error_set(err, st, "%s: more than %d bytes when unpacked, or no memory", name,
                      FILE_MAX_BYTES);
    else if (code != Z_STREAM_END)
        st = wit_error_set(err, WIT_EFORMAT, "%s: damaged or cut gzip data: %s", name,
                           z.msg ? z.msg : "unexpected end");
    inflateEnd(&z);
    return st;
}

/* The printable letter that stands for each byte in the file: itself where it is printable in
 * Latin-1, else U+0100 upwards in order. byte_id is the place in that list. */
static void make_byte_letters(uint16_t byte_id[256], uint16_t letters[256]) {
    uint16_t printable = 0, other = 0;
    for (unsigned b = 0; b < 256; b++)
        printable += (b > 0x20 && b < 0x7F) || (b > 0xA0 && b != 0xAD);
    uint16_t next = 0;
    for (unsigned b = 0; b < 256; b++) {
        bool plain = (b > 0x20 && b < 0x7F) || (b > 0xA0 && b != 0xAD);
        letters[b] = plain ? (uint16_t)b : (uint16_t)(256 + other);
        byte_id[b] = plain ? next++ : (uint16_t)(printable + other++);
    }
}

/* Symbols by their bytes, while a file is read. */
struct symbol {
    uint8_t len;
    bool ends_word;
    uint8_t bytes[SYMBOL_MAX_BYTES];
};

struct reader {
    struct wit_loader_tokenizer *tok;
    const char *name;
    struct wit_error *err;
    size_t line;
    int16_t byte_of[512]; /* of a letter; -1: none */
    struct symbol *symbols;
    uint16_t *slots; /* id + 1, 0: empty */
    size_t count;
};

static size_t symbol_slot(const struct symbol *s) {
    return wit_hash64_of(s->bytes, s->len, s->ends_word) % SYMBOL_SLOTS;
}

static bool symbol_eq(const struct symbol *a, const struct symbol *b) {
    return a->len == b->len && a->ends_word == b->ends_word &&
           memcmp(a->bytes, b->bytes, a->len) == 0;
}

/* The id, or -1. */
static int symbol_find(const struct reader *r, const struct symbol *s) {
    for (size_t at = symbol_slot(s);; at = (at + 1) % SYMBOL_SLOTS) {
        if (r->slots[at] == 0)
            return -1;
        if (symbol_eq(&r->symbols[r->slots[at] - 1], s))
            return r->slots[at] - 1;
    }
}

static void symbol_add(struct reader *r, const struct symbol *s) {
    size_t at = symbol_slot(s);
    while (r->slots[at] != 0)
        at = (at + 1) % SYMBOL_SLOTS;
    r->symbols[r->count] = *s;
    r->slots[at] = (uint16_t)++r->count;
}

static int refuse(const struct reader *r, const char *what, struct wit_str part) {
    return wit_error_set(r->err, WIT_EFORMAT, "%s:%zu: %s: '%.*s'", r->name, r->line, what,
                         (int)(part.len < 80 ? part.len : 80), part.len ? part.data : "");
}

static int symbol_parse(const struct reader *r, struct wit_str part, struct symbol *out) {
    struct wit_str letters = part;
    out->len = 0;
    out->ends_word = wit_str_ends_with(part, WIT_STR("</w>"));
    if (out->ends_word)
        letters.len -= 4;
    for (size_t at = 0; at < letters.len;) {
        uint32_t c = wit_utf8_next(letters, &at);
        if (c >= WIT_COUNT_OF(r->byte_of) || r->byte_of[c] < 0)
            return refuse(r, "not a letter of this vocabulary", part);
        if (out->len == SYMBOL_MAX_BYTES)
            return refuse(r, "a symbol of more than 255 bytes", part);
        out->bytes[out->len++] = (uint8_t)r->byte_of[c];
    }
    return 0;
}

static void merge_add(struct wit_loader_tokenizer *tok, uint32_t pair, uint32_t rank) {
    size_t at = tokenizer_merge_slot(pair) % TOKENIZER_MERGE_SLOTS;
    while (tok->merges[at].pair != UINT32_MAX)
        at = (at + 1) % TOKENIZER_MERGE_SLOTS;
    tok->merges[at] = (struct tokenizer_merge){ pair, rank };
}

static int merge_parse(struct reader *r, struct wit_str line, uint32_t rank) {
    ptrdiff_t space = wit_str_find_byte(line, ' ', 0);
    if (space < 0 || wit_str_find_byte(line, ' ', (size_t)space + 1) >= 0)
        return refuse(r, "a merge is two symbols with a space between them, not", line);
    struct wit_str parts[2] = { wit_str_slice(line, 0, (size_t)space),
                                wit_str_slice(line, (size_t)space + 1, line.len) };
    struct symbol sides[2], whole;
    int ids[2];
    for (int i = 0; i < 2; i++) {
        int st = symbol_parse(r, parts[i], &sides[i]);
        if (st < 0)
            return st;
        ids[i] = symbol_find(r, &sides[i]);
        if (ids[i] < 0)
            return refuse(r, "no line before made this symbol", parts[i]);
    }
    if (sides[0].ends_word)
        return refuse(r, "the left side of a merge ends a word", line);
    if (sides[0].len + sides[1].len > SYMBOL_MAX_BYTES)
        return refuse(r, "a symbol of more than 255 bytes", line);
    whole = sides[0];
    memcpy(whole.bytes + whole.len, sides[1].bytes, sides[1].len);
    whole.len = (uint8_t)(whole.len + sides[1].len);
    whole.ends_word = sides[1].ends_word;
    if (symbol_find(r, &whole) >= 0)
        return refuse(r, "a line before made this symbol", line);
    symbol_add(r, &whole);
    merge_add(r->tok, (uint32_t)ids[0] << 16 | (uint32_t)ids[1], rank);
    return 0;
}

static bool next_line(struct wit_str text, size_t *at, struct wit_str *line) {
    if (*at >= text.len)
        return false;
    ptrdiff_t end = wit_str_find_byte(text, '\n', *at);
    size_t stop = end < 0 ? text.len : (size_t)end;
    *line = wit_str_slice(text, *at, stop);
    if (line->len && line->data[line->len - 1] == '\r')
        line->len--;
    *at = stop + 1;
    return true;
}

static int vocabulary_parse(struct reader *r, struct wit_str text) {
    uint16_t letters[256];
    make_byte_letters(r->tok->byte_id, letters);
    memset(r->byte_of, 0xFF, sizeof(r->byte_of));
    for (int b = 0; b < 256; b++)
        r->byte_of[letters[b]] = (int16_t)b;
    for (int ends_word = 0; ends_word < 2; ends_word++) {
        struct symbol s = { 1, ends_word, { 0 } };
        for (unsigned id = 0; id < 256; id++) {
            for (unsigned b = 0; b < 256; b++)
                if (r->tok->byte_id[b] == id)
                    s.bytes[0] = (uint8_t)b;
            symbol_add(r, &s);
        }
    }
    size_t at = 0;
    struct wit_str line;
    r->line = 1;
    if (!next_line(text, &at, &line) || wit_str_find(line, WIT_STR("#version"), 0) < 0)
        return wit_error_set(r->err, WIT_EFORMAT,
                             "%s:1: no '#version' in the first line: not a CLIP vocabulary",
                             r->name);
    for (uint32_t rank = 0; rank < TOKENIZER_MERGES; rank++) {
        r->line++;
        if (!next_line(text, &at, &line))
            return wit_error_set(r->err, WIT_EFORMAT, "%s: ends after %u of %d merges", r->name,
                                 rank, TOKENIZER_MERGES);
        int st = merge_parse(r, line, rank);
        if (st < 0)
            return st;
    }
    return 0;
}

int wit_loader_tokenizer_parse(struct wit_str bytes, const char *name,
                               struct wit_loader_tokenizer **out, struct wit_error *err) {
    struct wit_buf plain = WIT_BUF_INIT(FILE_MAX_BYTES);
    struct reader r = { .name = name, .err = err };
    int st = 0;
    if (bytes.len > FILE_MAX_BYTES) {
        st = wit_error_set(err, WIT_ELIMIT, "%s: larger than %d bytes", name, FILE_MAX_BYTES);
        goto out;
    }
    if (bytes.len >= 2 && memcmp(bytes.data, "\x1F\x8B", 2) == 0) {
        st = gunzip(bytes, name, &plain, err);
        if (st < 0)
            goto out;
        bytes = wit_buf_view(&plain);
    }
    r.tok = wit_alloc_array(1, sizeof(*r.tok));
    r.symbols = wit_alloc_array(TOKENIZER_FIRST_MERGE_ID + TOKENIZER_MERGES, sizeof(*r.symbols));
    r.slots = wit_alloc_array(SYMBOL_SLOTS, sizeof(*r.slots));
    if (!r.tok || !r.symbols || !r.slots) {
        st = wit_error_set(err, WIT_ENOMEM, "%s: no memory for the vocabulary", name);
        goto out;
    }
    for (size_t i = 0; i < TOKENIZER_MERGE_SLOTS; i++)
        r.tok->merges[i].pair = UINT32_MAX;
    st = vocabulary_parse(&r, bytes);
    if (st == 0)
        st = tokenizer_unicode_init(&r.tok->unicode, err);
    if (st == 0) {
        *out = r.tok;
        r.tok = NULL;
    }
out:
    wit_loader_tokenizer_destroy(r.tok);
    free(r.symbols);
    free(r.slots);
    wit_buf_finish(&plain);
    return st;
}

int wit_loader_tokenizer_load(const char *path, struct wit_loader_tokenizer **out,
                              struct wit_error *err) {
    struct wit_buf file = WIT_BUF_INIT(FILE_MAX_BYTES);
    int st = wit_file_read(path, &file, err);
    if (st == 0)
        st = wit_loader_tokenizer_parse(wit_buf_view(&file), path, out, err);
    wit_buf_finish(&file);
    return st;
}

void wit_loader_tokenizer_destroy(struct wit_loader_tokenizer *tok) {
    if (!tok)
        return;
    tokenizer_unicode_finish(&tok->unicode);
    free(tok);
}

int wit_loader_tokenizer_scratch_create(const struct wit_loader_tokenizer *tok,
                                        struct wit_loader_tokenizer_scratch **out,
                                        struct wit_error *err) {
    struct wit_loader_tokenizer_scratch *s = wit_alloc_array(1, sizeof(*s));
    if (!s)
        return wit_error_set(err, WIT_ENOMEM, "no memory for a tokenizer's scratch");
    s->tok = tok;
    *out = s;
    return 0;
}

void wit_loader_tokenizer_scratch_destroy(struct wit_loader_tokenizer_scratch *s) {
    if (!s)
        return;
    tokenizer_chars_finish(&s->text);
    tokenizer_chars_finish(&s->next);
    tokenizer_chars_finish(&s->before);
    tokenizer_chars_finish(&s->whole);
    tokenizer_chars_finish(&s->fixed);
    for (size_t i = 0; i < TOKENIZER_REPAIR_DEPTH; i++) {
        tokenizer_chars_finish(&s->levels[i].text);
        tokenizer_chars_finish(&s->levels[i].fixed);
    }
    free(s->kinds);
    free(s->bytes);
    free(s->changed);
    free(s->utf16);
    free(s->composed);
    free(s->clean);
    free(s->symbols);
    free(s->links);
    free(s->heap);
    free(s);
}

/* ---- ids of one caption ------------------------------------------------------------------------
 */

struct ids {
    int32_t *out;
    size_t context, n;
};

static void ids_put(struct ids *ids, int32_t id) {
    if (ids->n < ids->context)
        ids->out[ids->n] = id;
    ids->n++;
}

/* The cached word as two integers: TOKENIZER_PAD bytes may be read behind it. */
static void word_key(const uint8_t *word, size_t len, uint64_t key[2]) {
    memcpy(key, word, 16);
    if (len <= 8) {
        key[0] &= UINT64_MAX >> (64 - 8 * len);
        key[1] = 0;
    } else if (len < 16) {
        key[1] &= UINT64_MAX >> (128 - 8 * len);
    }
}

static void ids_put_all(struct ids *ids, const uint16_t *from, size_t n) {
    for (size_t i = 0; i < n; i++)
        ids_put(ids, from[i]);
}

static int put_long_word(struct wit_loader_tokenizer_scratch *s, const uint8_t *word, size_t len,
                         struct ids *ids) {
    uint64_t key[5], hash = len;
    memcpy(key, word, sizeof key);
    memset((uint8_t *)key + len, 0, sizeof key - len);
    for (size_t i = 0; i < WIT_COUNT_OF(key); i++)
        hash = (hash ^ key[i]) * UINT64_C(0x9E3779B97F4A7C15) ^ (hash >> 29);
    struct tokenizer_cached_long *slot = &s->long_cache[(hash >> 40) % TOKENIZER_CACHE_LONG_SLOTS];
    if (slot->len == len && memcmp(slot->word, key, sizeof key) == 0) {
        ids_put_all(ids, slot->ids, slot->count);
        return 0;
    }
    int n = tokenizer_bpe(s, word, len);
    if (n < 0)
        return n;
    ids_put_all(ids, s->symbols, (size_t)n);
    if (n <= TOKENIZER_CACHE_LONG_IDS) {
        memcpy(slot->word, key, sizeof key);
        slot->len = (uint8_t)len;
        slot->count = (uint8_t)n;
        memcpy(slot->ids, s->symbols, (size_t)n * sizeof slot->ids[0]);
    }
    return 0;
}

static int put_word(struct wit_loader_tokenizer_scratch *s, const uint8_t *word, size_t len,
                    struct ids *ids) {
    struct tokenizer_cached *slot = NULL;
    if (len > TOKENIZER_CACHE_WORD && len <= TOKENIZER_CACHE_LONG_WORD)
        return put_long_word(s, word, len, ids);
    uint64_t key[2];
    if (len <= TOKENIZER_CACHE_WORD) {
        word_key(word, len, key);
        slot = &s->cache[wit_mix64(key[0] ^ wit_mix64(key[1] + len)) % TOKENIZER_CACHE_SLOTS];
        if (slot->len == len && slot->word[0] == key[0] && slot->word[1] == key[1]) {
            ids_put_all(ids, slot->ids, slot->count);
            return 0;
        }
    }
    int n = tokenizer_bpe(s, word, len);
    if (n < 0)
        return n;
    ids_put_all(ids, s->symbols, (size_t)n);
    if (slot && n <= TOKENIZER_CACHE_IDS) {
        *slot = (struct tokenizer_cached){ { key[0], key[1] }, (uint8_t)len, (uint8_t)n, { 0 } };
        memcpy(slot->ids, s->symbols, (size_t)n * sizeof(slot->ids[0]));
    }
    return 0;
}

/* ---- the word pattern --------------------------------------------------------------------------
 */

/* Bytes at p of `wanted`, compared without case; the text is in lower case, and of all characters
 * only U+017F, the long s, folds to an ASCII letter of the words below. 0: something else. */
static size_t match_fold(const uint8_t *p, size_t len, const char *wanted) {
    size_t at = 0;
    for (; *wanted; wanted++) {
        if (at < len && p[at] == (uint8_t)*wanted)
            at++;
        else if (*wanted == 's' && at + 1 < len && p[at] == 0xC5 && p[at + 1] == 0xBF)
            at += 2;
        else
            return 0;
    }
    return at;
}

/* An apostrophe with what follows it in "it's" or "we'll". */
static size_t match_contraction(const uint8_t *p, size_t len) {
    static const char *const endings[] = { "'s", "'t", "'re", "'ve", "'m", "'ll", "'d" };
    for (size_t i = 0; i < WIT_COUNT_OF(endings); i++) {
        size_t n = match_fold(p, len, endings[i]);
        if (n)
            return n;
    }
    return 0;
}

static enum tokenizer_class class_at(const struct tokenizer_unicode *u, const uint8_t *p,
                                     size_t len, size_t *bytes) {
    if (p[0] < 0x80) {
        *bytes = 1;
        return (enum tokenizer_class)(tokenizer_flags(u, p[0]) & TOKENIZER_CLASS);
    }
    *bytes = 0;
    uint32_t c = wit_utf8_next(wit_str_of(p, len), bytes);
    return (enum tokenizer_class)(tokenizer_flags(u, c) & TOKENIZER_CLASS);
}

/* One number character, or a run of letters, or a run of what is neither nor space. 0: no word. */
static size_t match_run(const struct tokenizer_unicode *u, const uint8_t *p, size_t len) {
    size_t bytes, at;
    const uint8_t *ascii = u->blocks[u->block_of[0]];
    enum tokenizer_class kind = class_at(u, p, len, &bytes);
    if (kind == TOKENIZER_SPACE || kind == TOKENIZER_SKIPPED)
        return 0;
    if (kind == TOKENIZER_NUMBER)
        return bytes;
    for (at = bytes; at < len; at += bytes) {
        while (at < len && p[at] < 0x80 && (ascii[p[at]] & TOKENIZER_CLASS) == kind)
            at++;
        if (at == len || p[at] < 0x80 || class_at(u, p + at, len - at, &bytes) != kind)
            break;
    }
    return at;
}

static int put_words(struct wit_loader_tokenizer_scratch *s, const uint8_t *text, size_t len,
                     struct ids *ids) {
    static const char start[] = "<start_of_text>", end[] = "<end_of_text>";
    const struct tokenizer_unicode *u = &s->tok->unicode;
    for (size_t at = 0; at < len;) {
        const uint8_t *p = text + at;
        size_t left = len - at, n = 0;
        if (*p == '<') {
            n = match_fold(p, left, start);
            if (n == 0)
                n = match_fold(p, left, end);
            if (n == sizeof(start) - 1 || n == sizeof(end) - 1) {
                bool is_start = n == sizeof(start) - 1;
                ids_put(ids, is_start ? WIT_TOKENIZER_START_ID : WIT_TOKENIZER_END_ID);
                at += n;
                continue;
            }
        } else if (*p == '\'') {
            n = match_contraction(p, left);
        }
        if (n == 0)
            n = match_run(u, p, left);
        if (n == 0) {
            size_t bytes;
            class_at(u, p, left, &bytes);
            at += bytes;
            continue;
        }
        int st = put_word(s, p, n, ids);
        if (st < 0)
            return st;
        at += n;
    }
    return 0;
}

int wit_loader_tokenizer_clean(struct wit_loader_tokenizer_scratch *scratch, struct wit_str text,
                               struct wit_str *out, struct wit_error *err) {
    int st = tokenizer_clean(scratch, text);
    if (st == WIT_ELIMIT)
        return wit_error_set(err, st, "a text of %zu bytes is longer than %u", text.len,
                             WIT_TOKENIZER_TEXT_MAX_BYTES);
    if (st < 0)
        return wit_error_set(err, st, "cannot clean a text of %zu bytes: %s", text.len,
                             wit_status_meaning(st));
    *out = wit_str_of(scratch->clean, scratch->clean_len);
    return 0;
}

int wit_loader_tokenizer_encode(struct wit_loader_tokenizer_scratch *scratch, struct wit_str text,
                                size_t context, int32_t *ids, size_t *n, struct wit_error *err) {
    struct ids to = { ids, context, 0 };
    struct wit_str clean;
    if (context == 0 || context > WIT_TOKENIZER_CONTEXT_MAX)
        return wit_error_set(err, WIT_EINVAL, "a context is 1 to %u ids, not %zu",
                             WIT_TOKENIZER_CONTEXT_MAX, context);
    int st = wit_loader_tokenizer_clean(scratch, text, &clean, err);
    if (st < 0)
        return st;
    ids_put(&to, WIT_TOKENIZER_START_ID);
    st = put_words(scratch, (const uint8_t *)clean.data, clean.len, &to);
    if (st < 0)
        return wit_error_set(err, st, "no memory for a word of a text of %zu bytes", text.len);
    ids_put(&to, WIT_TOKENIZER_END_ID);
    if (to.n > context)
        ids[context - 1] = WIT_TOKENIZER_END_ID;
    for (size_t i = to.n; i < context; i++)
        ids[i] = 0;
    if (n)
        *n = to.n;
    return 0;
}
