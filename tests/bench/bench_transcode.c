/*
 * bench_transcode.c: what it takes to decode progressive JPEGs, to decode them as sequential ones,
 * and to make these.
 *
 *     bench_transcode ROUNDS FOLDER     every file of the folder that is a progressive JPEG
 *
 * Prints a JSON line: images, bytes of both, CPU seconds for 1,000 images of each kind (medians of
 * the rounds, which take turns, and the least and the most). tests/bench/bench_transcode.py makes a
 * folder of web-like sizes.
 */
#include "image/wit_image_transcode.h"

#include <stdlib.h>
#include <time.h>

enum { IMAGES_MOST = 100000, ROUNDS_MOST = 99, KINDS = 3 };
static const char *const kinds[KINDS] = { "decode_progressive", "decode_sequential", "transcode" };

struct image {
    struct wit_buf progressive, sequential;
};

static double cpu_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int images_read(const char *folder, struct image *images, size_t *count,
                       struct wit_error *err) {
    const struct wit_image_limits limits = WIT_IMAGE_LIMITS_DEFAULT;
    struct wit_strings names = { NULL, 0 };
    char path[WIT_PATH_MAX];
    int st = wit_dir_list(folder, &names, err);
    for (size_t i = 0; i < names.count && st >= 0 && *count < IMAGES_MOST; i++) {
        struct image *image = &images[*count];
        struct wit_image_info info;
        image->progressive = image->sequential = (struct wit_buf)WIT_BUF_INIT((size_t)1 << 30);
        st = wit_path_join(path, folder, names.items[i]);
        if (st >= 0)
            st = wit_file_read(path, &image->progressive, err);
        if (st >= 0 && wit_image_transcode_baseline(wit_buf_view(&image->progressive), &limits,
                                                    &image->sequential, &info, NULL) > 0)
            ++*count;
        else
            wit_buf_finish(&image->progressive);
    }
    wit_strings_finish(&names);
    return st;
}

/* CPU seconds of one pass over all images. */
static double pass(int kind, const struct image *images, size_t count,
                   struct wit_image_decoder *dec) {
    const struct wit_image_limits limits = WIT_IMAGE_LIMITS_DEFAULT;
    struct wit_image_pixels pixels = WIT_IMAGE_PIXELS_INIT;
    struct wit_buf out = WIT_BUF_INIT((size_t)1 << 30);
    struct wit_image_info info;
    double start = cpu_s();
    for (size_t i = 0; i < count; i++) {
        struct wit_str bytes =
            wit_buf_view(kind == 1 ? &images[i].sequential : &images[i].progressive);
        int st = kind == 2 ? wit_image_transcode_baseline(bytes, &limits, &out, &info, NULL)
                           : wit_image_decode_rgb(dec, bytes, &limits, &pixels, NULL);
        if (st < 0)
            abort(); /* it went well before */
    }
    double took = cpu_s() - start;
    wit_image_pixels_finish(&pixels);
    wit_buf_finish(&out);
    return took;
}

static int number_order(const void *a, const void *b) {
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

int main(int argc, char **argv) {
    struct wit_error err = WIT_ERROR_INIT;
    struct image *images = wit_alloc_array(IMAGES_MOST, sizeof *images);
    struct wit_image_decoder *dec = wit_image_decoder_create();
    double took[KINDS][ROUNDS_MOST];
    size_t count = 0, bytes[2] = { 0, 0 };
    int rounds = argc == 3 ? atoi(argv[1]) : 0;
    if (rounds < 1 || rounds > ROUNDS_MOST || !images || !dec) {
        fputs("usage: bench_transcode ROUNDS FOLDER\n", stderr);
        return 2;
    }
    if (images_read(argv[2], images, &count, &err) < 0 || count == 0) {
        fprintf(stderr, "bench_transcode: %s\n", err.text[0] ? err.text : "no progressive JPEG");
        return 1;
    }
    for (size_t i = 0; i < count; i++) {
        bytes[0] += images[i].progressive.len;
        bytes[1] += images[i].sequential.len;
    }
    for (int k = 0; k < KINDS; k++)
        (void)pass(k, images, count, dec); /* warm */
    for (int r = 0; r < rounds; r++)
        for (int k = 0; k < KINDS; k++)
            took[k][r] = pass(k, images, count, dec) * 1000 / (double)count;
    printf("{\"bench\":\"image.transcode\",\"images\":%zu,\"bytes_progressive\":%zu,"
           "\"bytes_sequential\":%zu,\"rounds\":%d",
           count, bytes[0], bytes[1], rounds);
    for (int k = 0; k < KINDS; k++) {
        qsort(took[k], (size_t)rounds, sizeof took[k][0], number_order);
        printf(",\"%s\":{\"unit\":\"CPU s / 1000 images\",\"median\":%.3f,\"least\":%.3f,"
               "\"most\":%.3f}",
               kinds[k], took[k][rounds / 2], took[k][0], took[k][rounds - 1]);
    }
    puts("}");
    for (size_t i = 0; i < count; i++) {
        wit_buf_finish(&images[i].progressive);
        wit_buf_finish(&images[i].sequential);
    }
    free(images);
    wit_image_decoder_destroy(dec);
    return 0;
}
