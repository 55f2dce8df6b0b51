/* reencode_plan.c: which images are refused for their size, and what size the others get. */
#include "wit_image_reencode.h"

#include <math.h>

static const char *const mode_names[] = {
    [WIT_IMAGE_KEEP_SIZE] = "no",
    [WIT_IMAGE_KEEP_RATIO] = "keep_ratio",
    [WIT_IMAGE_KEEP_RATIO_LARGEST] = "keep_ratio_largest",
    [WIT_IMAGE_BORDER] = "border",
    [WIT_IMAGE_CENTER_CROP] = "center_crop",
};

int wit_image_resize_mode_parse(struct wit_str name, enum wit_image_resize_mode *out) {
    for (size_t i = 0; i < WIT_COUNT_OF(mode_names); i++)
        if (wit_str_eq(name, wit_str_from(mode_names[i]))) {
            *out = (enum wit_image_resize_mode)i;
            return 0;
        }
    return WIT_EINVAL;
}

const char *wit_image_resize_mode_name(enum wit_image_resize_mode mode) {
    return (size_t)mode < WIT_COUNT_OF(mode_names) ? mode_names[mode] : "unknown";
}

struct wit_image_reencode_config wit_image_reencode_config_default(void) {
    return (struct wit_image_reencode_config){
        .mode = WIT_IMAGE_KEEP_SIZE,
        .size_px = 256,
        .format = WIT_IMAGE_JPEG,
        .quality = 95,
    };
}

int wit_image_reencode_config_check(const struct wit_image_reencode_config *cfg,
                                    struct wit_error *err) {
    int least = 1, most = 100;
    if (cfg->format == WIT_IMAGE_PNG)
        least = 0, most = 9;
    else if (cfg->format == WIT_IMAGE_WEBP)
        most = 101;
    else if (cfg->format != WIT_IMAGE_JPEG)
        return wit_error_set(err, WIT_EINVAL, "images are encoded as jpeg, png or webp, not %s",
                             wit_image_format_name(cfg->format));
    if (cfg->quality < least || cfg->quality > most)
        return wit_error_set(err, WIT_EINVAL, "the quality of a %s is %d to %d, not %d",
                             wit_image_format_name(cfg->format), least, most, cfg->quality);
    if (cfg->mode != WIT_IMAGE_KEEP_SIZE &&
        (cfg->size_px < 1 || cfg->size_px > WIT_IMAGE_RESIZE_MOST_PX))
        return wit_error_set(err, WIT_EINVAL, "images are resized to 1 to %u px, not %u",
                             WIT_IMAGE_RESIZE_MOST_PX, cfg->size_px);
    if (cfg->max_aspect != 0 && !(cfg->max_aspect >= 1))
        return wit_error_set(err, WIT_EINVAL, "the largest aspect ratio is at least 1, not %g",
                             cfg->max_aspect);
    return 0;
}

const char *wit_image_reencode_refuse(const struct wit_image_reencode_config *cfg,
                                      const struct wit_image_info *info) {
    const uint32_t smaller = info->width < info->height ? info->width : info->height;
    const uint32_t larger = info->width < info->height ? info->height : info->width;
    if (smaller < cfg->min_size_px)
        return "image_too_small";
    if (cfg->max_area_px && (uint64_t)info->width * info->height > cfg->max_area_px)
        return "image_too_large";
    if (cfg->max_aspect != 0 && (double)larger / smaller > cfg->max_aspect)
        return "image_aspect";
    return NULL;
}

/* Halves go to the even neighbour, as Python rounds; the product is a double there too. */
static double scaled(uint32_t side, double scale) {
    const double px = nearbyint(side * scale);
    return px < 1 ? 1 : px;
}

int wit_image_resize_plan(const struct wit_image_reencode_config *cfg, uint32_t width,
                          uint32_t height, struct wit_image_resize_plan *out,
                          struct wit_error *err) {
    struct wit_image_resize_plan plan = {
        .scaled_width = width, .scaled_height = height, .out_width = width, .out_height = height
    };
    const bool by_smaller = cfg->mode == WIT_IMAGE_KEEP_RATIO || cfg->mode == WIT_IMAGE_CENTER_CROP;
    const uint32_t side = (width < height) == by_smaller ? width : height;
    const uint32_t size = cfg->size_px;
    if (cfg->mode == WIT_IMAGE_KEEP_SIZE || (cfg->only_if_bigger && side <= size)) {
        *out = plan;
        return 0;
    }
    const double scale = (double)size / side;
    const double w = scaled(width, scale), h = scaled(height, scale);
    if (w * h > WIT_IMAGE_MAX_PIXELS)
        return wit_error_set(err, WIT_ELIMIT, "%ux%u px would become %.0fx%.0f px", width, height,
                             w, h);
    plan.scaled_width = plan.out_width = (uint32_t)w;
    plan.scaled_height = plan.out_height = (uint32_t)h;
    plan.larger = side < size;
    if (cfg->mode == WIT_IMAGE_CENTER_CROP) {
        plan.crop_x = (plan.scaled_width - size) / 2;
        plan.crop_y = (plan.scaled_height - size) / 2;
    } else if (cfg->mode == WIT_IMAGE_BORDER) {
        plan.pad_x = (size - plan.scaled_width) / 2;
        plan.pad_y = (size - plan.scaled_height) / 2;
    }
    if (cfg->mode == WIT_IMAGE_CENTER_CROP || cfg->mode == WIT_IMAGE_BORDER)
        plan.out_width = plan.out_height = size;
    plan.changed = plan.out_width != width || plan.out_height != height;
    *out = plan;
    return 0;
}
