/* crawl_images.c: from text to what is done with images. */
#include "crawl_images.h"

const struct option crawl_images_longs[CRAWL_IMAGES_OPTIONS] = {
    { "resize", required_argument, NULL, CRAWL_IMAGES_RESIZE },
    { "resize-mode", required_argument, NULL, CRAWL_IMAGES_MODE },
    { "resize-only-if-bigger", no_argument, NULL, CRAWL_IMAGES_BIGGER },
    { "encode", required_argument, NULL, CRAWL_IMAGES_ENCODE },
    { "encode-quality", required_argument, NULL, CRAWL_IMAGES_QUALITY },
    { "skip-reencode", no_argument, NULL, CRAWL_IMAGES_SKIP },
    { "min-image-size", required_argument, NULL, CRAWL_IMAGES_LEAST },
    { "max-image-area", required_argument, NULL, CRAWL_IMAGES_AREA },
    { "max-aspect-ratio", required_argument, NULL, CRAWL_IMAGES_ASPECT },
    { "verify", required_argument, NULL, CRAWL_IMAGES_VERIFY },
    { "image-threads", required_argument, NULL, CRAWL_IMAGES_THREADS },
    { "block-hashes", required_argument, NULL, CRAWL_IMAGES_BLOCK },
};

const char crawl_images_help[] =
    "What is done with images\n"
    "  --resize PX         store images of this size; see --resize-mode\n"
    "  --resize-mode M     keep_ratio_largest (default), keep_ratio, border, center_crop; no:\n"
    "                      encode anew only\n"
    "  --resize-only-if-bigger  smaller images keep their size\n"
    "  --encode F          jpg (default), png, webp\n"
    "  --encode-quality N  jpg 1 to 100 (default 95), png 0 to 9 (6), webp 1 to 100 (95);\n"
    "                      webp 101: lossless\n"
    "  --skip-reencode     keep bytes that have format and size already\n"
    "  --min-image-size PX, --max-image-area PX, --max-aspect-ratio X\n"
    "                      refuse images by their size as fetched\n"
    "  --verify V          structure (default), or decode: refuse what does not decode\n"
    "  --image-threads N   for resizing, decoding, hashes (default: one for each core)\n"
    "  --block-hashes F    never keep images with these MD5, SHA-1, SHA-256 or PDQ; repeatable\n"
    "\n";

static int number(const char *option, const char *value, uint64_t least, uint64_t most,
                  uint64_t *out, struct wit_error *err) {
    uint64_t n;
    if (wit_str_to_u64(wit_str_from(value), &n) < 0 || n < least || n > most)
        return wit_error_set(err, WIT_EINVAL, "--%s '%s' is not a number from %llu to %llu", option,
                             value, (unsigned long long)least, (unsigned long long)most);
    *out = n;
    return 0;
}

static int format_parse(const char *value, enum wit_image_format *out, struct wit_error *err) {
    static const struct {
        const char *name;
        enum wit_image_format format;
    } formats[] = { { "jpg", WIT_IMAGE_JPEG },
                    { "jpeg", WIT_IMAGE_JPEG },
                    { "png", WIT_IMAGE_PNG },
                    { "webp", WIT_IMAGE_WEBP } };
    for (size_t i = 0; i < WIT_COUNT_OF(formats); i++)
        if (strcmp(formats[i].name, value) == 0) {
            *out = formats[i].format;
            return 0;
        }
    return wit_error_set(err, WIT_EINVAL, "--encode '%s' is not jpg, png or webp", value);
}

static int aspect_parse(const char *value, double *out, struct wit_error *err) {
    double x;
    if (wit_str_to_double(wit_str_from(value), &x) < 0 || !(x >= 1))
        return wit_error_set(err, WIT_EINVAL, "--max-aspect-ratio '%s' is not a number from 1 on",
                             value);
    *out = x;
    return 0;
}

static int verify_parse(const char *value, bool *decode, struct wit_error *err) {
    if (strcmp(value, "structure") != 0 && strcmp(value, "decode") != 0)
        return wit_error_set(err, WIT_EINVAL, "--verify '%s' is not structure or decode", value);
    *decode = strcmp(value, "decode") == 0;
    return 0;
}

/* Its file's name, without folders, is what audit lines call the list. */
static int block(struct crawl_images *images, const char *path, struct wit_error *err) {
    const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    if (!images->blocklist)
        images->blocklist = wit_crawler_blocklist_create();
    if (!images->blocklist)
        return wit_error_set(err, WIT_ENOMEM, "no memory for a list of blocked hashes");
    int st = wit_crawler_blocklist_add_file(images->blocklist, path, name, err);
    return st < 0 ? st : 0;
}

int crawl_images_option(struct crawl_images *images, struct wit_crawler_config *cfg, int option,
                        const char *value, struct wit_error *err) {
    struct wit_image_reencode_config *re = &cfg->images;
    uint64_t n = 0;
    int st;
    switch ((enum crawl_images_option)option) {
    case CRAWL_IMAGES_RESIZE:
        images->has_size = true;
        st = number("resize", value, 1, WIT_IMAGE_RESIZE_MOST_PX, &n, err);
        re->size_px = (uint32_t)n;
        return st;
    case CRAWL_IMAGES_MODE:
        images->has_mode = true;
        if (wit_image_resize_mode_parse(wit_str_from(value), &re->mode) < 0)
            return wit_error_set(err, WIT_EINVAL,
                                 "--resize-mode '%s' is not no, keep_ratio, keep_ratio_largest, "
                                 "border or center_crop",
                                 value);
        return 0;
    case CRAWL_IMAGES_BIGGER:
        re->only_if_bigger = true;
        return 0;
    case CRAWL_IMAGES_ENCODE:
        images->has_format = true;
        return format_parse(value, &re->format, err);
    case CRAWL_IMAGES_QUALITY:
        images->has_quality = true;
        st = number("encode-quality", value, 0, 101, &n, err);
        re->quality = (int)n;
        return st;
    case CRAWL_IMAGES_SKIP:
        re->skip_reencode = true;
        return 0;
    case CRAWL_IMAGES_LEAST:
        st = number("min-image-size", value, 0, UINT32_MAX, &n, err);
        re->min_size_px = (uint32_t)n;
        return st;
    case CRAWL_IMAGES_AREA:
        return number("max-image-area", value, 1, UINT64_MAX, &re->max_area_px, err);
    case CRAWL_IMAGES_ASPECT:
        return aspect_parse(value, &re->max_aspect, err);
    case CRAWL_IMAGES_VERIFY:
        return verify_parse(value, &cfg->verify_decode, err);
    case CRAWL_IMAGES_THREADS:
        st = number("image-threads", value, 1, 256, &n, err);
        cfg->image_threads = (unsigned)n;
        return st;
    case CRAWL_IMAGES_BLOCK:
        return block(images, value, err);
    case CRAWL_IMAGES_END:
        break;
    }
    return wit_error_set(err, WIT_EINTERNAL, "no option of images has the number %d", option);
}

static int default_quality(enum wit_image_format format) {
    return format == WIT_IMAGE_PNG ? 6 : 95; /* zlib's own level; what img2dataset takes */
}

int crawl_images_complete(struct crawl_images *images, struct wit_crawler_config *cfg,
                          struct wit_error *err) {
    struct wit_image_reencode_config *re = &cfg->images;
    if (images->has_size && !images->has_mode)
        re->mode = WIT_IMAGE_KEEP_RATIO_LARGEST;
    if (images->has_size != (re->mode != WIT_IMAGE_KEEP_SIZE))
        return wit_error_set(err, WIT_EINVAL,
                             images->has_size ? "--resize has no use with --resize-mode no"
                                              : "--resize-mode needs --resize");
    cfg->reencode = images->has_size || images->has_mode || images->has_format;
    if (!cfg->reencode && (images->has_quality || re->skip_reencode || re->only_if_bigger))
        return wit_error_set(
            err, WIT_EINVAL,
            "--encode-quality, --skip-reencode and --resize-only-if-bigger have no "
            "use without --resize or --encode");
    if (!images->has_quality)
        re->quality = default_quality(re->format);
    cfg->blocklist = images->blocklist;
    return wit_image_reencode_config_check(re, err);
}

void crawl_images_finish(struct crawl_images *images) {
    wit_crawler_blocklist_destroy(images->blocklist);
    images->blocklist = NULL;
}
