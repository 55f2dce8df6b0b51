/* image_info.c: what can be said of an image without decoding it: magic bytes, size, orientation.
 */
#include "walk.h"

enum wit_image_format wit_image_sniff(struct wit_str bytes) {
    if (wit_str_starts_with(bytes, WIT_STR("\xff\xd8\xff")))
        return WIT_IMAGE_JPEG;
    if (wit_str_starts_with(bytes, WIT_STR("\x89PNG\r\n\x1a\n")))
        return WIT_IMAGE_PNG;
    if (wit_str_starts_with(bytes, WIT_STR("GIF87a")) ||
        wit_str_starts_with(bytes, WIT_STR("GIF89a")))
        return WIT_IMAGE_GIF;
    if (bytes.len >= 12 && wit_str_starts_with(bytes, WIT_STR("RIFF")) &&
        wit_str_eq(wit_str_slice(bytes, 8, 12), WIT_STR("WEBP")))
        return WIT_IMAGE_WEBP;
    return WIT_IMAGE_UNKNOWN;
}

const char *wit_image_format_name(enum wit_image_format f) {
    switch (f) {
    case WIT_IMAGE_JPEG:
        return "jpeg";
    case WIT_IMAGE_PNG:
        return "png";
    case WIT_IMAGE_WEBP:
        return "webp";
    case WIT_IMAGE_GIF:
        return "gif";
    case WIT_IMAGE_UNKNOWN:
        break;
    }
    return "unknown";
}

int wit_image_walk(struct wit_str bytes, const struct wit_image_limits *limits,
                   struct wit_image_info *info, struct wit_error *err) {
    switch (wit_image_sniff(bytes)) {
    case WIT_IMAGE_JPEG:
        return jpeg_walk(bytes, limits, info, err);
    case WIT_IMAGE_PNG:
        return png_walk(bytes, limits, info, err);
    case WIT_IMAGE_WEBP:
        return webp_walk(bytes, limits, info, err);
    case WIT_IMAGE_GIF:
        return gif_walk(bytes, limits, info, err);
    case WIT_IMAGE_UNKNOWN:
        break;
    }
    return image_unknown(err);
}

int image_unknown(struct wit_error *err) {
    return wit_error_set(err, WIT_EUNSUPPORTED,
                         "neither JPEG, PNG, WebP nor GIF by its first bytes");
}

int check_dimensions(uint32_t width, uint32_t height, const struct wit_image_limits *limits,
                     struct wit_error *err) {
    if (!width || !height)
        return wit_error_set(err, WIT_EFORMAT, "empty image: %ux%u px", width, height);
    if ((uint64_t)width * height > limits->max_pixels)
        return wit_error_set(err, WIT_ELIMIT, "%ux%u px is over the limit of %llu pixels", width,
                             height, (unsigned long long)limits->max_pixels);
    return 0;
}

/* TIFF 6.0, section 2: byte order, 42, offset of the first directory; there a count and entries of
 * 12 bytes: tag, type, count, value. Exif 2.3 puts the orientation there: 0x0112, one SHORT. */
uint8_t exif_orientation(struct wit_str tiff) {
    enum { HEADER_BYTES = 8, ENTRY_BYTES = 12, TAG_ORIENTATION = 0x0112, TYPE_SHORT = 3 };
    const uint8_t *p = (const uint8_t *)tiff.data;
    bool big;
    if (wit_str_starts_with(tiff, WIT_STR("MM\0*")))
        big = true;
    else if (wit_str_starts_with(tiff, WIT_STR("II*\0")))
        big = false;
    else
        return 1;
    if (tiff.len < HEADER_BYTES)
        return 1;
    uint32_t at = big ? wit_load_be32(p + 4) : wit_load_le32(p + 4);
    if (at > tiff.len || tiff.len - at < 2)
        return 1;
    size_t entries = big ? wit_load_be16(p + at) : wit_load_le16(p + at);
    size_t room = (tiff.len - at - 2) / ENTRY_BYTES;
    if (entries > room)
        entries = room;
    for (size_t i = 0; i < entries; i++) {
        const uint8_t *e = p + at + 2 + i * ENTRY_BYTES;
        uint16_t tag = big ? wit_load_be16(e) : wit_load_le16(e);
        uint16_t type = big ? wit_load_be16(e + 2) : wit_load_le16(e + 2);
        uint32_t count = big ? wit_load_be32(e + 4) : wit_load_le32(e + 4);
        uint16_t value = big ? wit_load_be16(e + 8) : wit_load_le16(e + 8);
        if (tag == TAG_ORIENTATION)
            return type == TYPE_SHORT && count == 1 && value >= 1 && value <= 8 ? (uint8_t)value
                                                                                : 1;
    }
    return 1;
}

const char *wit_image_walk_reason(int status) {
    switch (status) {
    case WIT_ELIMIT:
        return "image_over_limits";
    case WIT_ENOMEM:
        return "no_memory";
    case WIT_EUNSUPPORTED:
        return "not_an_image";
    default:
        return "image_broken";
    }
}
