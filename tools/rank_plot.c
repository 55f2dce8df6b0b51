/* rank_plot.c: see rank_plot.h. A decade of an axis has the same length everywhere, so that a power
 * law is a straight line. */
#include "rank_plot.h"

#include <inttypes.h>
#include <math.h>

enum {
    WIDTH = 760,
    HEIGHT = 500,
    LEFT = 84,
    RIGHT = 24,
    TOP = 48,
    BOTTOM = 64,
    LEGEND_WIDTH = 212,
    POINTS_A_DECADE = 100,
    DOCUMENT_MOST_BYTES = 256 << 10 /* two series of 20 decades, and all around them */
};

static const char *const colours[RANK_PLOT_SERIES_MOST] = { "#1f5fa8", "#c8501e" };

/* Decades that the axes show; px per decade follows. */
struct frame {
    unsigned x_decades, y_decades;
};

static unsigned decades_of(uint64_t most) {
    unsigned n = 1;
    for (double end = 10; end < (double)most; end *= 10)
        n++;
    return n;
}

static double x_of(const struct frame *f, double rank) {
    return LEFT + (WIDTH - LEFT - RIGHT) * log10(rank) / f->x_decades;
}

static double y_of(const struct frame *f, double count) {
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * log10(count) / f->y_decades;
}

/* How many counts of a descending series are above 0. */
static size_t length_of(const struct rank_plot_series *s) {
    size_t low = 0, high = s->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->counts[middle])
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct frame frame_of(const struct rank_plot *plot) {
    uint64_t ranks = 1, counts = plot->line;
    for (size_t i = 0; i < plot->series_count; i++) {
        const struct rank_plot_series *s = &plot->series[i];
        size_t n = length_of(s);
        ranks = n > ranks ? n : ranks;
        counts = n && s->counts[0] > counts ? s->counts[0] : counts;
    }
    return (struct frame){ decades_of(ranks), decades_of(counts) };
}

/* "1", "10", "1k", "100M". */
static void power_label(unsigned power, char out[16]) {
    static const char *const units[] = { "", "k", "M", "G", "T", "P", "E" };
    static const char *const digits[] = { "1", "10", "100" };
    snprintf(out, 16, "%s%s", digits[power % 3], units[power / 3 % WIT_COUNT_OF(units)]);
}

static void line_put(struct wit_buf *out, double x1, double y1, double x2, double y2,
                     const char *style) {
    wit_buf_printf(out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" %s/>\n", x1, y1, x2,
                   y2, style);
}

static void x_axis_put(struct wit_buf *out, const struct frame *f) {
    const double bottom = HEIGHT - BOTTOM;
    char label[16];
    for (unsigned p = 0; p <= f->x_decades; p++) {
        double x = x_of(f, pow(10, p));
        line_put(out, x, TOP, x, bottom, "stroke=\"#ddd\"");
        line_put(out, x, bottom, x, bottom + 6, "stroke=\"#333\"");
        power_label(p, label);
        wit_buf_printf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%s</text>\n", x,
                       bottom + 22, label);
        for (int k = 2; k < 10 && p < f->x_decades; k++) {
            x = x_of(f, k * pow(10, p));
            line_put(out, x, bottom, x, bottom + 3, "stroke=\"#333\"");
        }
    }
}

static void y_axis_put(struct wit_buf *out, const struct frame *f) {
    char label[16];
    for (unsigned p = 0; p <= f->y_decades; p++) {
        double y = y_of(f, pow(10, p));
        line_put(out, LEFT, y, WIDTH - RIGHT, y, "stroke=\"#ddd\"");
        line_put(out, LEFT - 6, y, LEFT, y, "stroke=\"#333\"");
        power_label(p, label);
        wit_buf_printf(out, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n", LEFT - 10,
                       y + 4.5, label);
        for (int k = 2; k < 10 && p < f->y_decades; k++) {
            y = y_of(f, k * pow(10, p));
            line_put(out, LEFT - 3, y, LEFT, y, "stroke=\"#333\"");
        }
    }
}

/* Ranks at even steps of the axis; the first and the last are among them. */
static void series_put(struct wit_buf *out, const struct frame *f, const struct rank_plot_series *s,
                       const char *colour) {
    const size_t n = length_of(s);
    size_t last = 0;
    wit_buf_printf(out, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"2\" points=\"",
                   colour);
    for (unsigned i = 0; last < n; i++) {
        double at = floor(pow(10, (double)i / POINTS_A_DECADE));
        size_t rank = at < (double)n ? (size_t)at : n;
        if (rank == last)
            continue;
        last = rank;
        wit_buf_printf(out, "%.1f,%.1f ", x_of(f, (double)rank),
                       y_of(f, (double)s->counts[rank - 1]));
    }
    wit_buf_append_cstr(out, "\"/>\n");
}

static void legend_put(struct wit_buf *out, const struct rank_plot *plot) {
    const double left = WIDTH - RIGHT - LEGEND_WIDTH;
    size_t rows = plot->series_count + (plot->line != 0);
    wit_buf_printf(out,
                   "<rect x=\"%.1f\" y=\"%d\" width=\"%d\" height=\"%zu\" fill=\"#fff\" "
                   "stroke=\"#bbb\"/>\n",
                   left - 8, TOP + 8, LEGEND_WIDTH, 20 * rows + 10);
    for (size_t i = 0; i < rows; i++) {
        double y = TOP + 8 + 18 + 20.0 * (double)i;
        bool is_line = i == plot->series_count;
        char style[80];
        snprintf(style, sizeof style, "stroke=\"%s\" stroke-width=\"2\"%s",
                 is_line ? "#555" : colours[i], is_line ? " stroke-dasharray=\"6 4\"" : "");
        line_put(out, left, y - 4, left + 28, y - 4, style);
        wit_buf_printf(out, "<text x=\"%.1f\" y=\"%.1f\">", left + 36, y);
        if (is_line)
            wit_buf_printf(out, "%s = %" PRIu64 "</text>\n", plot->line_label, plot->line);
        else
            wit_buf_printf(out, "%s</text>\n", plot->series[i].label);
    }
}

int rank_plot_svg(const struct rank_plot *plot, struct wit_buf *out) {
    const struct frame f = frame_of(plot);
    int st = wit_buf_reserve(out, DOCUMENT_MOST_BYTES);
    if (st < 0)
        return st;
    wit_buf_printf(out,
                   "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
                   "viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"13\" "
                   "fill=\"#222\">\n<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n",
                   WIDTH, HEIGHT, WIDTH, HEIGHT, WIDTH, HEIGHT);
    wit_buf_printf(out,
                   "<text x=\"%d\" y=\"28\" font-size=\"16\" text-anchor=\"middle\">%s</text>\n",
                   (LEFT + WIDTH - RIGHT) / 2, plot->title);
    x_axis_put(out, &f);
    y_axis_put(out, &f);
    wit_buf_printf(out,
                   "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"none\" "
                   "stroke=\"#333\"/>\n",
                   LEFT, TOP, WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM);
    if (plot->line)
        line_put(out, LEFT, y_of(&f, (double)plot->line), WIDTH - RIGHT,
                 y_of(&f, (double)plot->line), "stroke=\"#555\" stroke-dasharray=\"6 4\"");
    for (size_t i = 0; i < plot->series_count; i++)
        series_put(out, &f, &plot->series[i], colours[i]);
    legend_put(out, plot);
    wit_buf_printf(out, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>\n",
                   (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 16, plot->x_label);
    wit_buf_printf(out,
                   "<text transform=\"translate(24 %d) rotate(-90)\" "
                   "text-anchor=\"middle\">%s</text>\n</svg>\n",
                   (TOP + HEIGHT - BOTTOM) / 2, plot->y_label);
    return 0;
}
