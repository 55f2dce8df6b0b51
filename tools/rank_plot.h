/* rank_plot.h: counts by rank on logarithmic axes, as an SVG. */
#ifndef WIT_RANK_PLOT_H
#define WIT_RANK_PLOT_H

#include "base/wit_base.h"

enum { RANK_PLOT_SERIES_MOST = 2 };

struct rank_plot_series {
    const char *label;
    const uint64_t *counts; /* descending; those that are 0 are left out */
    size_t n;
};

struct rank_plot {
    const char *title, *x_label, *y_label; /* plain text, without markup */
    struct rank_plot_series series[RANK_PLOT_SERIES_MOST];
    size_t series_count;
    uint64_t line; /* a level to mark; 0: none */
    const char *line_label;
};

/* Appends a whole document. 0, WIT_ENOMEM, WIT_ELIMIT. */
int rank_plot_svg(const struct rank_plot *plot, struct wit_buf *out);

#endif
