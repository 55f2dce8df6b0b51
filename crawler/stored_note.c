/* stored_note.c: see stored_note.h. */
#include "stored_note.h"

enum { NOTE_MAX_BYTES = 16 << 10, WAY_BYTES = 160 };

static int note_path(const char *dir, char path[WIT_PATH_MAX], struct wit_error *err) {
    char folder[WIT_PATH_MAX];
    if (wit_path_join(folder, dir, "crawl") < 0 || wit_path_join(path, folder, "stored") < 0)
        return wit_error_set(err, WIT_ELIMIT, "path is too long: %s", dir);
    return 0;
}

/* Numbers that decide the bytes, in words; threads and what is refused don't. */
static struct wit_str way_of(const struct wit_crawler_config *cfg, char out[WAY_BYTES]) {
    const struct wit_image_reencode_config *re = &cfg->images;
    char size[64] = "in their size";
    int n;
    if (re->mode != WIT_IMAGE_KEEP_SIZE)
        snprintf(size, sizeof size, "%s%u px (%s)", re->only_if_bigger ? "at most " : "",
                 (unsigned)re->size_px, wit_image_resize_mode_name(re->mode));
    if (cfg->reencode)
        n = snprintf(out, WAY_BYTES, "%s, %s of quality %d%s", size,
                     wit_image_format_name(re->format), re->quality,
                     re->skip_reencode ? ", or as fetched where they are so" : "");
    else
        n = snprintf(out, WAY_BYTES, "as fetched");
    return wit_str_of(out, (size_t)n);
}

/* What is noted, into text; nothing where no note is. */
static int note_read(const char *dir, char path[WIT_PATH_MAX], struct wit_buf *text,
                     struct wit_error *err) {
    int st = note_path(dir, path, err);
    return st < 0 || !wit_file_exists(path) ? st : wit_file_read(path, text, err);
}

int stored_note_add(const struct wit_crawler_config *cfg, struct wit_error *err) {
    struct wit_buf text = WIT_BUF_INIT(NOTE_MAX_BYTES);
    struct wit_str line, way;
    char path[WIT_PATH_MAX], words[WAY_BYTES];
    bool known = false;
    int st = note_read(cfg->dir, path, &text, err);
    way = way_of(cfg, words);
    for (size_t at = 0; st >= 0 && wit_str_line_next(wit_buf_view(&text), &at, &line);)
        known |= wit_str_eq(line, way);
    if (st >= 0 && !known) {
        st = wit_buf_printf(&text, "%.*s\n", WIT_STR_FMT(way));
        st = st < 0 ? wit_error_set(err, st, "%s has no room for another way", path)
                    : wit_file_write_atomic(path, wit_buf_view(&text), err);
    }
    wit_buf_finish(&text);
    return st < 0 ? st : 0;
}

int wit_crawler_stored(const struct wit_crawler_config *cfg, struct wit_buf *ours,
                       struct wit_buf *others, struct wit_error *err) {
    struct wit_buf text = WIT_BUF_INIT(NOTE_MAX_BYTES);
    struct wit_str line, way;
    char path[WIT_PATH_MAX], words[WAY_BYTES];
    int st = note_read(cfg->dir, path, &text, err), count = 0;
    way = way_of(cfg, words);
    if (st >= 0)
        st = wit_buf_append_str(ours, way);
    for (size_t at = 0; st >= 0 && wit_str_line_next(wit_buf_view(&text), &at, &line);) {
        if (wit_str_eq(line, way))
            continue;
        st = wit_buf_printf(others, "%s%.*s", count ? "; " : "", WIT_STR_FMT(line));
        count++;
    }
    wit_buf_finish(&text);
    return st < 0 ? st : count;
}
