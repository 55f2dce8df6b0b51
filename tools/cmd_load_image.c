/* wit load image: one picture through the loader's decoder and transforms, as an array file. */
#include "cli.h"
#include "cmd_load.h"

#include <getopt.h>
#include <stdlib.h>

static const char help[] =
    "usage: wit load image F --transform eval|train|none [--size N] [--seed S | --box X,Y,W,H]\n"
    "                        [--pillow V] --out X.npy\n"
    "\n"
    "Decodes a JPEG, PNG, WebP or GIF (of an animation the first frame), transforms it and writes\n"
    "height x width x 3 bytes of RGB as a NumPy array. Prints {\"box\": [x, y, w, h], \"width\": "
    "W,\n"
    "\"height\": H}: the region of the picture that was resized, and the size of the picture.\n"
    "\n"
    "  --transform T  eval: short side to the size, central square; train: the random crop of\n"
    "                 training for --seed; none: the picture as decoded\n"
    "  --size N       px, width and height (default 224); without meaning to none alone\n"
    "  --seed S       for train (default 0)\n"
    "  --box X,Y,W,H  crop this instead and resize it to the size, whatever the transform\n"
    "  --pillow V     whose resize: 12.1, 12.3 or 13.0 (default)\n"
    "  --out F        the array; needed\n"
    "\n"
    "exit: 0 done | 1 failed or refused | 2 bad usage\n";

enum { FILE_MAX_BYTES = 256 << 20 };

enum transform { EVAL, TRAIN, NONE, UNSET };

struct options {
    const char *file, *out;
    enum transform transform;
    uint64_t size, seed;
    bool has_box, has_seed;
    struct wit_loader_box box;
    enum wit_image_pillow pillow;
};

/* NumPy's format 1.0: magic, length of the header, a Python literal padded so that data begins at a
 * multiple of 64. */
static int npy_encode(struct wit_str rgb, uint32_t width, uint32_t height, struct wit_buf *out) {
    enum { ALIGN = 64, PREFIX = 10 };
    char header[128];
    int n =
        snprintf(header, sizeof header,
                 "{'descr': '|u1', 'fortran_order': False, 'shape': (%u, %u, 3), }", height, width);
    const size_t padded = (PREFIX + (size_t)n + 1 + ALIGN - 1) / ALIGN * ALIGN - PREFIX;
    uint8_t prefix[PREFIX] = { 0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0 };
    wit_store_le16(prefix + 8, (uint16_t)padded);
    int st = wit_buf_append(out, prefix, PREFIX);
    if (st == 0)
        st = wit_buf_append(out, header, (size_t)n);
    for (size_t i = (size_t)n + 1; st == 0 && i < padded; i++)
        st = wit_buf_append_byte(out, ' ');
    if (st == 0)
        st = wit_buf_append_byte(out, '\n');
    return st == 0 ? wit_buf_append_str(out, rgb) : st;
}

struct picture {
    uint8_t *rgb; /* the result */
    size_t bytes;
    uint32_t width, height;
    struct wit_loader_box box;
};

static int transform(const struct options *o, const struct wit_image_view *src, struct picture *p,
                     struct wit_error *err) {
    struct wit_loader_transformer *t = wit_loader_transformer_create();
    const bool resize = o->transform != NONE || o->has_box;
    p->box = (struct wit_loader_box){ 0, 0, src->width, src->height };
    if (o->has_box)
        p->box = o->box;
    else if (o->transform == TRAIN)
        p->box = wit_loader_train_box(src->width, src->height, o->seed, 0);
    p->width = resize ? (uint32_t)o->size : src->width;
    p->height = resize ? (uint32_t)o->size : src->height;
    p->bytes = (size_t)3 * p->width * p->height;
    p->rgb = malloc(p->bytes);
    int st = 0;
    if (!t || !p->rgb)
        st = wit_error_set(err, WIT_ENOMEM, "no memory for %ux%u px", p->width, p->height);
    else if (!resize)
        memcpy(p->rgb, src->data, p->bytes);
    else if (o->transform == EVAL && !o->has_box)
        st = wit_loader_eval_resize(t, src, (uint32_t)o->size, o->pillow, p->rgb, err);
    else
        st = wit_loader_crop_resize(t, src, p->box, (uint32_t)o->size, o->pillow, p->rgb, err);
    wit_loader_transformer_destroy(t);
    return st;
}

static int print_result(const struct picture *p, const struct wit_image_pixels *px,
                        struct wit_error *err) {
    struct wit_buf text = WIT_BUF_INIT(4096);
    struct wit_json_writer w;
    wit_json_writer_init(&w, &text);
    wit_json_object_begin(&w);
    wit_json_key(&w, "box");
    wit_json_array_begin(&w);
    wit_json_put_u64(&w, p->box.x);
    wit_json_put_u64(&w, p->box.y);
    wit_json_put_u64(&w, p->box.width);
    wit_json_put_u64(&w, p->box.height);
    wit_json_array_end(&w);
    wit_json_key(&w, "width");
    wit_json_put_u64(&w, px->width);
    wit_json_key(&w, "height");
    wit_json_put_u64(&w, px->height);
    wit_json_object_end(&w);
    int st = wit_json_writer_finish(&w);
    if (st == 0)
        st = wit_buf_append_byte(&text, '\n');
    if (st < 0)
        wit_error_set(err, st, "no memory for the output");
    else if (cli_write_stdout("load image", wit_buf_view(&text)) != CLI_DONE)
        st = wit_error_set(err, WIT_EIO, "standard output is closed");
    wit_buf_finish(&text);
    return st;
}

static int run(const struct options *o, struct wit_error *err) {
    const struct wit_image_limits limits = WIT_IMAGE_LIMITS_DEFAULT;
    struct wit_buf file = WIT_BUF_INIT(FILE_MAX_BYTES), array = WIT_BUF_INIT(SIZE_MAX);
    struct wit_image_pixels px = WIT_IMAGE_PIXELS_INIT;
    struct wit_image_decoder *dec = wit_image_decoder_create();
    struct picture picture = { NULL, 0, 0, 0, { 0, 0, 0, 0 } };
    struct wit_image_info info;
    int st = dec ? wit_file_read(o->file, &file, err)
                 : wit_error_set(err, WIT_ENOMEM, "no memory for a decoder");
    if (st < 0)
        goto out;
    /* As the crawler does before it stores anything: complete and within limits, then pixels. */
    st = wit_image_walk(wit_buf_view(&file), &limits, &info, err);
    if (st == 0)
        st = wit_image_decode_rgb(dec, wit_buf_view(&file), &limits, &px, err);
    if (st == 0) {
        const struct wit_image_view view = wit_image_view_of(&px);
        st = transform(o, &view, &picture, err);
    }
    if (st < 0) {
        if (err->text[0])
            wit_error_wrap(err, "%s", o->file);
        goto out;
    }
    st = npy_encode(wit_str_of(picture.rgb, picture.bytes), picture.width, picture.height, &array);
    if (st < 0)
        wit_error_set(err, st, "no memory for the array");
    else
        st = wit_file_write_atomic(o->out, wit_buf_view(&array), err);
    if (st == 0)
        st = print_result(&picture, &px, err);
out:
    free(picture.rgb);
    wit_buf_finish(&array);
    wit_buf_finish(&file);
    wit_image_pixels_finish(&px);
    wit_image_decoder_destroy(dec);
    return st;
}

static int parse_box(const char *text, struct wit_loader_box *out) {
    uint32_t *const parts[4] = { &out->x, &out->y, &out->width, &out->height };
    struct wit_str rest = wit_str_from(text);
    for (size_t i = 0; i < 4; i++) {
        ptrdiff_t comma = wit_str_find_byte(rest, ',', 0);
        uint64_t v;
        if ((comma < 0) != (i == 3))
            return WIT_EFORMAT;
        struct wit_str part = comma < 0 ? rest : wit_str_slice(rest, 0, (size_t)comma);
        if (wit_str_to_u64(part, &v) < 0 || v > UINT32_MAX)
            return WIT_EFORMAT;
        *parts[i] = (uint32_t)v;
        if (comma >= 0)
            rest = wit_str_slice(rest, (size_t)comma + 1, rest.len);
    }
    return 0;
}

static int parse_transform(const char *text, enum transform *out) {
    static const char *const words[] = { "eval", "train", "none" };
    for (int i = EVAL; i <= NONE; i++)
        if (strcmp(text, words[i]) == 0) {
            *out = (enum transform)i;
            return CLI_DONE;
        }
    return cli_usage_error("load", "--transform must be eval, train or none, not '%s'", text);
}

static int parse_option(struct options *o, int c, const char *arg) {
    switch (c) {
    case 't':
        return parse_transform(arg, &o->transform);
    case 'n':
        return cli_parse_u64("load", "--size", arg, 1, WIT_LOADER_MAX_IMAGE_PX, &o->size);
    case 's':
        o->has_seed = true;
        return cli_parse_u64("load", "--seed", arg, 0, UINT64_MAX, &o->seed);
    case 'p':
        return load_parse_pillow(arg, &o->pillow);
    case 'o':
        o->out = arg;
        return CLI_DONE;
    case 'b':
        o->has_box = true;
        if (parse_box(arg, &o->box) < 0)
            return cli_usage_error("load", "--box must be X,Y,W,H in whole pixels, not '%s'", arg);
        return CLI_DONE;
    default:
        return cli_usage_error("load", "unknown or incomplete option");
    }
}

int cmd_load_image(int argc, char **argv) {
    static const struct option long_options[] = {
        { "transform", required_argument, NULL, 't' },
        { "size", required_argument, NULL, 'n' },
        { "seed", required_argument, NULL, 's' },
        { "box", required_argument, NULL, 'b' },
        { "pillow", required_argument, NULL, 'p' },
        { "out", required_argument, NULL, 'o' },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    struct options o = { .transform = UNSET, .size = 224, .pillow = WIT_IMAGE_PILLOW_13_0 };
    struct wit_error err = WIT_ERROR_INIT;
    opterr = 0;
    for (int c; (c = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
        if (c == 'h') {
            fputs(help, stdout);
            return CLI_DONE;
        }
        int rc = parse_option(&o, c, optarg);
        if (rc != CLI_DONE)
            return rc;
    }
    if (optind + 1 != argc || !o.out || o.transform == UNSET)
        return cli_usage_error("load", "one image file, --transform and --out are wanted");
    if (o.has_box && o.has_seed)
        return cli_usage_error("load", "--box says what to crop, --seed draws it: give one");
    o.file = argv[optind];
    return run(&o, &err) < 0 ? cli_fail("load", &err) : CLI_DONE;
}
