/* list_open.c: a list from its settings on: which files, where to go on, which list it is. */
#include "list_state.h"

#include <stdlib.h>

enum { CHUNK_BYTES = 64 * 1024 };

/* ---- beginning and ending ------------------------------------------------------------------- */

static int settings_check(const struct wit_crawler_list *l, struct wit_error *err) {
    const struct wit_crawler_list_config *cfg = &l->cfg;
    bool columns = cfg->url_column || cfg->caption_count || cfg->keep_count || cfg->hash_column;
    for (size_t i = 0; i < l->files.count; i++)
        if (l->files.items[i].format == WIT_CRAWLER_LIST_TXT && columns)
            return wit_error_set(err, WIT_EINVAL, "%s is a txt list, which has no columns",
                                 l->files.items[i].path);
    if (cfg->hash_column && (cfg->hash_kind < WIT_DIGEST_MD5 || cfg->hash_kind > WIT_DIGEST_SHA512))
        return wit_error_set(err, WIT_EINVAL, "the hashes of column '%s' need a kind",
                             cfg->hash_column);
    return 0;
}

int wit_crawler_list_open(const struct wit_crawler_list_config *cfg, struct wit_crawler_list **out,
                          struct wit_error *err) {
    struct wit_crawler_list *l = calloc(1, sizeof *l);
    if (!l)
        return wit_error_set(err, WIT_ENOMEM, "no memory for a list");
    l->cfg = *cfg;
    if (l->cfg.row_bytes_most == 0)
        l->cfg.row_bytes_most = WIT_CRAWLER_LIST_ROW_BYTES;
    if (l->cfg.chunk_bytes == 0)
        l->cfg.chunk_bytes = CHUNK_BYTES;
    l->source = (struct list_source)LIST_SOURCE_INIT;
    l->scratch = (struct wit_buf)WIT_BUF_INIT(3 * l->cfg.row_bytes_most + 1); /* U+FFFD for each */
    l->line = l->next_line = 1;
    list_row_maker_init(&l->maker, &l->cfg, &l->columns);
    int st = list_columns_make(&l->cfg, &l->columns, err);
    if (st >= 0)
        st = list_files_find(&l->cfg, &l->files, err);
    if (st >= 0)
        st = settings_check(l, err);
    l->unreadable = l->files.unreadable;
    if (st >= 0) {
        l->fields = wit_alloc_array(WIT_CRAWLER_LIST_FIELDS, sizeof *l->fields);
        if (!l->fields)
            st = wit_error_set(err, WIT_ENOMEM, "no memory for a list");
    }
    if (st < 0)
        wit_crawler_list_close(l);
    else
        *out = l;
    return st < 0 ? st : 0;
}

void wit_crawler_list_close(struct wit_crawler_list *l) {
    if (!l)
        return;
    wit_json_destroy(l->object);
    list_source_finish(&l->source);
    wit_table_reader_close(l->table);
    list_files_finish(&l->files);
    list_row_maker_finish(&l->maker);
    wit_buf_finish(&l->scratch);
    free(l->fields);
    free(l);
}

/* ---- going on ------------------------------------------------------------------------------- */

struct wit_crawler_list_place list_place(const struct wit_crawler_list *l) {
    if (!l->open) /* before the first row of the file, or where it was sought */
        return (struct wit_crawler_list_place){ .file = l->file,
                                                .offset = l->sought.offset,
                                                .line = l->sought.offset ? l->sought.line : 1 };
    return (struct wit_crawler_list_place){ .file = l->file,
                                            .offset = l->table ? l->table_rows
                                                               : l->source.offset + l->taken,
                                            .line = l->next_line };
}

struct wit_crawler_list_position list_position(const struct wit_crawler_list *l,
                                               struct wit_crawler_list_place place, uint64_t rows) {
    struct wit_crawler_list_position at = { .next = l->goes_back ? l->next : place, .rows = rows };
    if (l->goes_back)
        at.left[at.left_count++] = place;
    for (size_t i = 0; i < l->left_count; i++)
        at.left[at.left_count++] = l->left[i];
    return at;
}

struct wit_crawler_list_position wit_crawler_list_tell(const struct wit_crawler_list *l) {
    return list_position(l, list_place(l), l->rows);
}

static void place_take(struct wit_crawler_list *l, struct wit_crawler_list_place place) {
    l->file = (size_t)place.file;
    l->sought = place;
}

/* The next file that was left before, or where the list goes on behind those. */
static void left_take(struct wit_crawler_list *l) {
    l->goes_back = l->again > 0;
    if (!l->goes_back) {
        place_take(l, l->next);
        return;
    }
    place_take(l, l->left[0]);
    l->again--;
    l->left_count--;
    memmove(&l->left[0], &l->left[1], l->left_count * sizeof l->left[0]);
}

void list_file_done(struct wit_crawler_list *l) {
    if (l->goes_back)
        left_take(l);
    else
        place_take(l, (struct wit_crawler_list_place){ .file = l->file + 1 });
}

void list_file_left(struct wit_crawler_list *l, struct wit_crawler_list_place place) {
    char why[128];
    if (l->left_count < WIT_CRAWLER_LIST_LEFT) {
        l->left[l->left_count++] = place;
        list_file_done(l);
        return;
    }
    snprintf(why, sizeof why, "%u files could not be read to their end: reading stops here",
             WIT_CRAWLER_LIST_LEFT + 1);
    list_complain(l, 0, why);
    place_take(l, place);
    l->stopped = true;
}

int wit_crawler_list_seek(struct wit_crawler_list *l, const struct wit_crawler_list_position *to,
                          struct wit_error *err) {
    if (l->rows || l->open || l->file)
        return wit_error_set(err, WIT_EINVAL, "a list is sought before its first row only");
    if (to->left_count > WIT_CRAWLER_LIST_LEFT)
        return wit_error_set(err, WIT_EINVAL, "a position names %zu files that were left, over %u",
                             to->left_count, WIT_CRAWLER_LIST_LEFT);
    l->left_count = 0;
    for (size_t i = 0; i < to->left_count; i++)
        if (to->left[i].file < l->files.count) /* as a position of other files may not have it */
            l->left[l->left_count++] = to->left[i];
    l->rows = to->rows;
    l->next = to->next;
    l->again = l->left_count;
    left_take(l);
    return 0;
}

/* ---- which list it is ----------------------------------------------------------------------- */

static void hash_text(struct wit_hasher *h, const char *text) {
    wit_hasher_update(h, text ? text : "", text ? strlen(text) + 1 : 0);
    wit_hasher_update(h, "\n", 1);
}

static void hash_number(struct wit_hasher *h, uint64_t n) {
    uint8_t bytes[8];
    wit_store_le64(bytes, n);
    wit_hasher_update(h, bytes, sizeof bytes);
}

int wit_crawler_list_identity(const struct wit_crawler_list *l, struct wit_hash128 *out,
                              struct wit_error *err) {
    const struct wit_crawler_list_config *cfg = &l->cfg;
    struct wit_hasher *h = wit_hasher_create();
    if (!h)
        return wit_error_set(err, WIT_ENOMEM, "no memory for the identity of a list");
    hash_number(h, l->files.count);
    for (size_t i = 0; i < l->files.count; i++) {
        hash_text(h, l->files.items[i].path);
        hash_number(h, l->files.items[i].bytes);
        hash_number(h, l->files.items[i].changed_ns);
        hash_number(h, l->files.items[i].format);
    }
    hash_number(h, l->columns.caption_count);
    hash_number(h, l->columns.count);
    for (size_t slot = 0; slot < l->columns.count; slot++)
        hash_text(h, l->columns.names[slot]);
    hash_number(h, cfg->hash_column ? cfg->hash_kind : 0);
    hash_number(h, cfg->language_count);
    for (size_t i = 0; i < cfg->language_count; i++)
        hash_text(h, cfg->languages[i]);
    hash_number(h, cfg->need_caption);
    hash_number(h, cfg->row_bytes_most);
    *out = wit_hasher_digest(h);
    wit_hasher_destroy(h);
    return 0;
}

size_t wit_crawler_list_files(const struct wit_crawler_list *l) {
    return l->files.count;
}

uint64_t wit_crawler_list_unreadable(const struct wit_crawler_list *l) {
    return l->unreadable;
}
