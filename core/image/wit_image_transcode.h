/*
 * wit_image_transcode.h: JPEG files written anew without loss, so that they decode faster.
 *
 * A progressive JPEG sends its coefficients in many passes, and its decoder needs three to five
 * times what a baseline file takes. The same coefficients in one pass are the same picture.
 *
 *     struct wit_buf out = WIT_BUF_INIT(64 << 20);
 *     struct wit_image_info info;
 *     if (wit_image_transcode_baseline(bytes, &limits, &out, &info, &err) > 0)
 *         keep(wit_buf_view(&out), &info);
 */
#ifndef WIT_IMAGE_TRANSCODE_H
#define WIT_IMAGE_TRANSCODE_H

#include "wit_image.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * A progressive JPEG as a sequential one: the same coefficients, quantisation tables, sampling and
 * sizes, Huffman tables made for it, every application segment and comment. Decoding both gives the
 * same pixels at every scale. Only files whose coefficients are all there to the last bit are
 * taken: of others decoders smooth the edges of blocks, which they would not of a sequential file.
 * The output follows from the input (and from the libjpeg-turbo that wrote it) alone. Source: ITU-T
 * T.81; libjpeg-turbo's jpeg_read_coefficients and jpeg_write_coefficients.
 * @param out   replaced by the file; its ceiling is the caller's
 * @param info  out: of the file in out
 * @return 1; 0: not a progressive JPEG, out is empty; WIT_EFORMAT (broken, or not all there),
 *         WIT_ELIMIT, WIT_ENOMEM, WIT_EUNSUPPORTED; out is empty then. Any thread.
 */
int wit_image_transcode_baseline(struct wit_str bytes, const struct wit_image_limits *limits,
                                 struct wit_buf *out, struct wit_image_info *info,
                                 struct wit_error *err);

#ifdef __cplusplus
}
#endif
#endif
