/*
 * loader_sample.c: one sample from its record to its place in a batch.
 *
 * A sample whose bytes do not decode is replaced by one drawn from the whole dataset for (seed,
 * position), so that every rank and every rerun replaces it alike; nothing is shifted. Everything
 * else that fails (record, hash, memory) ends the stream: it says something about the machine or
 * the dataset, not about one picture.
 */
#include "loader_private.h"

#include <stdlib.h>

enum { REPLACEMENT_TRIES = 32 };
/* Failures that are logged: the first few, then one of so many. All are counted. */
enum { LOG_FIRST = 20, LOG_EVERY = 1000 };

struct sample_worker {
    const struct sample_source *source;
    struct wit_buf record;
    struct wit_image_decoder *decoder;
    struct wit_image_pixels pixels;
    struct wit_loader_transformer *transformer;
    struct wit_loader_tokenizer_scratch *tokens; /* NULL without a vocabulary */
    uint8_t *square;                             /* (size, size, 3) on the way to f32 */
};

void sample_source_init(struct sample_source *source) {
    static const float mean[3] = WIT_LOADER_MEAN, std[3] = WIT_LOADER_STD;
    for (int c = 0; c < 3; c++)
        for (int v = 0; v < 256; v++)
            source->normalised[c][v] = ((float)v / 255.0f - mean[c]) / std[c];
}

int sample_worker_create(const struct sample_source *source,
                         const struct wit_loader_tokenizer *tokenizer, struct sample_worker **out,
                         struct wit_error *err) {
    const uint32_t size = source->cfg->image_size;
    int st = 0;
    struct sample_worker *w = calloc(1, sizeof *w);
    if (!w)
        return wit_error_set(err, WIT_ENOMEM, "no memory for a loader thread");
    w->source = source;
    w->record = (struct wit_buf)WIT_BUF_INIT(WIT_SHARDS_MAX_RECORD_BYTES);
    w->decoder = wit_image_decoder_create();
    w->transformer = wit_loader_transformer_create();
    w->square = malloc((size_t)3 * size * size);
    if (!w->decoder || !w->transformer || !w->square)
        st = wit_error_set(err, WIT_ENOMEM, "no memory for a loader thread");
    if (st == 0 && tokenizer)
        st = wit_loader_tokenizer_scratch_create(tokenizer, &w->tokens, err);
    if (st < 0)
        sample_worker_destroy(w);
    else
        *out = w;
    return st;
}

void sample_worker_destroy(struct sample_worker *w) {
    if (!w)
        return;
    wit_buf_finish(&w->record);
    wit_image_decoder_destroy(w->decoder);
    wit_image_pixels_finish(&w->pixels);
    wit_loader_transformer_destroy(w->transformer);
    wit_loader_tokenizer_scratch_destroy(w->tokens);
    free(w->square);
    free(w);
}

/* u8 (size, size, 3) to f32 (3, size, size). */
static void normalise(const struct sample_source *source, const uint8_t *square, float *out) {
    const size_t n = (size_t)source->cfg->image_size * source->cfg->image_size;
    float *red = out, *green = out + n, *blue = out + 2 * n;
    for (size_t i = 0; i < n; i++, square += 3) {
        red[i] = source->normalised[0][square[0]];
        green[i] = source->normalised[1][square[1]];
        blue[i] = source->normalised[2][square[2]];
    }
}

static int transform(struct sample_worker *w, uint64_t position, uint8_t *out,
                     struct wit_error *err) {
    const struct wit_loader_config *cfg = w->source->cfg;
    const struct wit_image_view view = wit_image_view_of(&w->pixels);
    struct wit_loader_box box = { 0, 0, view.width, view.height };
    switch (cfg->transform) {
    case WIT_LOADER_EVAL:
        return wit_loader_eval_resize(w->transformer, &view, cfg->image_size, cfg->pillow, out,
                                      err);
    case WIT_LOADER_TRAIN:
        box = wit_loader_train_box(view.width, view.height, cfg->seed, position);
        break;
    case WIT_LOADER_WHOLE:
        break;
    }
    return wit_loader_crop_resize(w->transformer, &view, box, cfg->image_size, cfg->pillow, out,
                                  err);
}

/* 1: done; 0: the bytes are bad and were counted; negative: the stream must end. */
static int load_image(struct sample_worker *w, const struct wit_shards_sample *sample,
                      uint64_t position, const struct sample_target *to,
                      struct sample_counts *counts, struct wit_error *err) {
    struct wit_error why = WIT_ERROR_INIT;
    char key[WIT_HASH128_HEX];
    uint8_t *square = to->image_u8 ? to->image_u8 : w->square;
    int st =
        wit_image_decode_rgb(w->decoder, sample->image, &w->source->cfg->limits, &w->pixels, &why);
    if (st == 0)
        st = transform(w, position, square, &why);
    switch (st) {
    case 0:
        counts->bytes += sample->image.len;
        if (to->image_f32)
            normalise(w->source, square, to->image_f32);
        return 1;
    case WIT_EFORMAT:
        counts->failed_format++;
        break;
    case WIT_ELIMIT:
        counts->failed_limit++;
        break;
    case WIT_EUNSUPPORTED:
        counts->failed_unsupported++;
        break;
    default:
        return wit_error_set(err, st, "%s", why.text);
    }
    const uint64_t number = atomic_fetch_add(w->source->failures, 1) + 1;
    if (number <= LOG_FIRST || number % LOG_EVERY == 0) {
        wit_hash128_to_hex(sample->key, key);
        wit_log_warn("loader",
                     "image does not decode, another takes its place: key=%s failures=%llu "
                     "reason='%s'",
                     key, (unsigned long long)number, why.text);
    }
    return 0;
}

static int load_text(struct sample_worker *w, const struct wit_shards_sample *sample,
                     uint64_t position, const struct sample_target *to, struct wit_error *err) {
    struct wit_random r;
    struct wit_str text = { NULL, 0 };
    size_t n = 0;
    int st = 0;
    wit_random_init(&r, w->source->cfg->seed, CAPTION_STREAM, position);
    if (sample->caption_count) {
        uint32_t i = (uint32_t)wit_random_below(&r, sample->caption_count);
        text = wit_shards_sample_caption(sample, i).text;
    }
    if (to->caption) {
        wit_buf_reset(to->caption);
        st = wit_buf_append_str(to->caption, text);
        if (st < 0)
            return wit_error_set(err, st, "no room for a caption of %zu bytes", text.len);
    }
    if (!w->tokens)
        return 0;
    const size_t context = w->source->cfg->context;
    text.len = text.len < WIT_TOKENIZER_TEXT_MAX_BYTES ? text.len : WIT_TOKENIZER_TEXT_MAX_BYTES;
    st = wit_loader_tokenizer_encode(w->tokens, text, context, to->tokens, &n, err);
    if (st == 0)
        *to->length = (int32_t)(n < context ? n : context);
    return st;
}

int sample_load(struct sample_worker *w, struct wit_loader_place place, uint64_t position,
                const struct sample_target *to, struct sample_counts *counts,
                struct wit_error *err) {
    const struct sample_source *source = w->source;
    struct wit_shards_sample sample;
    struct wit_random r;
    wit_random_init(&r, source->cfg->seed, REPLACE_STREAM, position);
    for (int try = 0; try < REPLACEMENT_TRIES; try++) {
        int st =
            wit_shards_read(source->dataset, place.shard, place.index, &w->record, &sample, err);
        if (st < 0)
            return st;
        st = load_image(w, &sample, position, to, counts, err);
        if (st < 0)
            return st;
        if (st == 1) {
            *to->key = sample.key;
            return load_text(w, &sample, position, to, err);
        }
        uint64_t n = wit_random_below(&r, wit_loader_order_samples(source->order));
        place = wit_loader_order_nth(source->order, n);
    }
    return wit_error_set(err, WIT_EFORMAT,
                         "%d images in a row did not decode: this dataset is not fit for use",
                         REPLACEMENT_TRIES);
}
