/* jpeg_destination.h: where libjpeg's writers put a file: into a wit_buf. Private to this folder.
 */
#ifndef WIT_IMAGE_JPEG_DESTINATION_H
#define WIT_IMAGE_JPEG_DESTINATION_H

#include "base/wit_base.h"

#include <jpeglib.h>

struct jpeg_destination {
    struct jpeg_destination_mgr manager; /* first: libjpeg hands it back */
    struct wit_buf *out;
    int status; /* why there was no room: WIT_ELIMIT, WIT_ENOMEM; else 0 */
};
/* Append to `out` what cinfo writes; where that fails error_exit is called. */
void jpeg_destination_init(struct jpeg_destination *d, struct jpeg_compress_struct *cinfo,
                           struct wit_buf *out);

#endif
