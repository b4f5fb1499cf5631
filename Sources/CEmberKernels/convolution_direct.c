// Forward convolution and backward input without a matrix of columns: tiles of a few points of one row of the grid by two vectors of
// output channels, which read the input where it lies. For many enough output channels and rows of points long enough.
//
// The sum over taps and channels runs in the order (tap 0, tap 1, channel, tap 2): the taps of a row of points that see nothing but
// padding above and below are then one range at either end, and are left out. Left and right the input is padded with zeros.
#include "convolution_internal.h"
#include "ember_allocator.h"

enum {
  MINIMUM_WIDTH = 4,
  MINIMUM_DEPTH = 32,
  // Weights of this many steps of the sum stay in the nearest cache where few points share them, or else in the next one.
  SHORT_BLOCK = 192,
  LONG_BLOCK = 1536,
  FEW_POINTS = 10,
  POINTS_PER_TASK = 128,
  ROW_TASKS = 64,
  WANTED_TASKS = 24,
  MAXIMUM_TILE_ROWS = 16,
};

static int64_t minimum(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t maximum(int64_t a, int64_t b) { return a > b ? a : b; }
static int64_t ceiling(int64_t a, int64_t b) { return (a + b - 1) / b; }

// MARK: The padded input

typedef struct {
  const convolution_job *job;
  const convolution_input *input;
  const int64_t *extents;
  const char *x;
  char *out;
} pad_job;

static void pad_plane(void *context, int64_t plane) {
  const pad_job *p = context;
  const convolution_input *in = p->input;
  const int64_t size = p->job->size, row = p->extents[2] * size;
  char *to = p->out + plane * in->plane * size;
  const char *from = p->x + plane * p->extents[0] * p->extents[1] * row;
  for (int64_t i = 0; i < in->extents[0]; i++, to += in->extents[1] * in->extents[2] * size) {
    const int64_t i0 = i - in->before[0];
    if (i0 < 0 || i0 >= p->extents[0]) {
      memset(to, 0, (size_t)(in->extents[1] * in->extents[2] * size));
      continue;
    }
    const int64_t above = in->before[1] * in->extents[2] * size;
    const int64_t below = (in->extents[1] - in->before[1] - p->extents[1]) * in->extents[2] * size;
    memset(to, 0, (size_t)above);
    p->job->kernels->pad_rows(from + i0 * p->extents[1] * row, p->extents[1], p->extents[2], in->before[2],
                              in->extents[2] - in->before[2] - p->extents[2], to + above);
    memset(to + in->extents[1] * in->extents[2] * size - below, 0, (size_t)below);
  }
}

bool convolution_input_make(const convolution_job *job, const convolution_geometry *g, int64_t channels, const void *x,
                            int first_dimension, convolution_input *result) {
  convolution_input in = {.data = x, .plane = g->plane};
  bool padded = g->plane * job->size % 1024 == 0;  // planes would meet in the same few places of the nearest cache
  for (int d = 0; d < 3; d++) {
    int64_t low = 0, high = g->input[d] - 1;
    for (int64_t t = 0; d >= first_dimension && t < g->taps[d]; t++) {
      low = minimum(low, g->offsets[d][t]);
      high = maximum(high, (g->grid[d] - 1) * g->step[d] + g->offsets[d][t]);
    }
    in.before[d] = -low;
    in.extents[d] = high + 1 - low;
    if (in.extents[d] != g->input[d]) padded = true;
  }
  if (padded) {
    const int64_t line = 64 / job->size;
    in.plane = ceiling(in.extents[0] * in.extents[1] * in.extents[2], line) * line;
    // An odd number of cache lines: planes are spread over all places of the cache.
    if (in.plane / line % 2 == 0) in.plane += line;
    const int64_t planes = g->images * job->groups * channels;
    in.bytes = (size_t)(planes * in.plane * job->size);
    char *data = ember_scratch(in.bytes);
    if (!data) return false;
    pad_job p = {job, &in, g->input, x, data};
    if (planes * in.plane < 1 << 14)
      for (int64_t plane = 0; plane < planes; plane++) pad_plane(&p, plane);
    else ember_parallel(planes, pad_plane, &p);
    in.data = data;
  }
  in.image = job->groups * channels * in.plane;
  *result = in;
  return true;
}

void convolution_input_free(convolution_input *in) {
  if (in->bytes) ember_deallocate((void *)(uintptr_t)in->data, in->bytes);
}

void convolution_fill_places(const convolution_geometry *g, int64_t channels, int64_t taps, const int64_t *used, int64_t *places) {
  const int64_t last = g->taps[2];
  for (int64_t c = 0; c < channels; c++)
    for (int64_t t = 0; t < taps; t++) {
      const int64_t tap = used ? used[t] : t;
      places[c * taps + t] = tap < 0 ? -1 : (tap / last * channels + c) * last + tap % last;
    }
}

void convolution_fill_offsets(const convolution_geometry *g, const convolution_input *in, int64_t channels, int64_t *offsets) {
  for (int64_t a = 0; a < g->taps[0]; a++)
    for (int64_t b = 0; b < g->taps[1]; b++)
      for (int64_t channel = 0; channel < channels; channel++)
        for (int64_t c = 0; c < g->taps[2]; c++)
          *offsets++ = channel * in->plane +
                       ((g->offsets[0][a] + in->before[0]) * in->extents[1] + g->offsets[1][b] + in->before[1]) * in->extents[2] +
                       g->offsets[2][c] + in->before[2];
}

// MARK: Tasks

typedef struct {
  const convolution_job *job;
  const convolution_geometry *geometry;
  convolution_input input;
  const convolution_weights *weights;
  const ember_convolution_terms *terms;
  char *y, *packed;
  int64_t *places, *offsets;
  int64_t channels, rows, k, k_block, width;
  int64_t panels, points_per_tile, lines, lines_per_task, panels_per_task, line_tasks, panel_tasks;
} direct_job;

static void pack_panel(void *context, int64_t chunk) {
  const direct_job *d = context;
  const convolution_weights *w = d->weights;
  const int64_t size = d->job->size, group = chunk / d->panels, row = chunk % d->panels * d->width;
  const char *from = (const char *)w->w + (group * w->group_stride + row * w->row_stride) * size;
  char *to = d->packed + chunk * d->k * d->width * size;
  const int64_t rows = minimum(d->width, d->rows - row);
  if (w->channel_stride == w->taps) {
    d->job->kernels->pack_rows(from, w->row_stride, rows, d->channels * w->taps, d->places, to);
    return;
  }
  for (int64_t c = 0; c < d->channels; c++)
    d->job->kernels->pack_rows(from + c * w->channel_stride * size, w->row_stride, rows, w->taps, d->places + c * w->taps, to);
}

// The taps along dimension `dim` that see the input from point t: a range, because their offsets rise or fall.
static void taps_inside(const convolution_geometry *g, int dim, int64_t t, int64_t *first, int64_t *end) {
  *first = *end = 0;
  for (int64_t tap = 0; tap < g->taps[dim]; tap++) {
    const int64_t i = t * g->step[dim] + g->offsets[dim][tap];
    if (i < 0 || i >= g->input[dim]) continue;
    if (*end == 0) *first = tap;
    *end = tap + 1;
  }
}

// The sums of one row of points over one block of k.
static void multiply_line(const direct_job *d, int64_t line, int64_t group, int64_t panel, int64_t k0, int64_t k1, char *sums) {
  const convolution_geometry *g = d->geometry;
  const int64_t size = d->job->size, t1 = line % g->grid[1], t0 = line / g->grid[1] % g->grid[0], image = line / g->grid[1] / g->grid[0];
  int64_t steps[MAXIMUM_TILE_ROWS];
  for (int64_t i = 0; i < d->points_per_tile; i++) steps[i] = i * g->step[2];
  int64_t first0, end0, first1, end1;
  taps_inside(g, 0, t0, &first0, &end0);
  taps_inside(g, 1, t1, &first1, &end1);
  const char *x = (const char *)d->input.data +
                  (image * d->input.image + group * d->channels * d->input.plane +
                   (t0 * g->step[0] * d->input.extents[1] + t1 * g->step[1]) * d->input.extents[2]) * size;
  const char *weights = d->packed + (group * d->panels + panel) * d->k * d->width * size;
  const int64_t columns = minimum(d->width, d->rows - panel * d->width), per_tap = d->channels * g->taps[2];
  for (int64_t point = 0; point < g->grid[2]; point += d->points_per_tile) {
    const int64_t points = minimum(d->points_per_tile, g->grid[2] - point);
    char *to = sums + point * d->width * size;
    bool accumulate = k0 > 0;
    for (int64_t a = first0; a < end0 || !accumulate; a++) {
      int64_t first = maximum(k0, (a * g->taps[1] + first1) * per_tap), end = minimum(k1, (a * g->taps[1] + end1) * per_tap);
      if (a >= end0 || first >= end) {
        // Nothing to add; but there must be sums.
        if (accumulate) continue;
        first = end = 0;
      }
      d->job->kernels->direct_tile(points, columns, end - first, x + point * g->step[2] * size, steps, d->offsets + first,
                                   weights + first * d->width * size, to, accumulate);
      accumulate = true;
    }
  }
}

static void store_line(const direct_job *d, int64_t line, int64_t group, int64_t panel, const char *sums) {
  const convolution_geometry *g = d->geometry;
  const int64_t size = d->job->size, t1 = line % g->grid[1], t0 = line / g->grid[1] % g->grid[0], image = line / g->grid[1] / g->grid[0];
  const int64_t plane = g->output[0] * g->output[1] * g->output[2], row = panel * d->width;
  const int64_t o0 = t0 * g->output_step[0] + g->output_start[0], o1 = t1 * g->output_step[1] + g->output_start[1];
  char *to = d->y + (((image * d->job->groups + group) * d->rows + row) * plane + (o0 * g->output[1] + o1) * g->output[2] +
                     g->output_start[2]) * size;
  const int64_t columns = minimum(d->width, d->rows - row);
  d->job->kernels->store_tile(sums, g->grid[2], columns, d->terms->bias ? (const char *)d->terms->bias + (group * d->rows + row) * size : NULL,
                              to, plane, g->output_step[2]);
  if (d->terms->activation == EMBER_ACTIVATION_NONE && !d->terms->addend) return;
  const gemm_finish finish = {NULL, NULL, d->terms->activation, d->terms->addend ? (const char *)d->terms->addend + (to - d->y) : NULL, plane};
  d->job->gemm->finish(columns, g->grid[2], to, plane, &finish);
}

static void direct_task(void *context, int64_t task) {
  const direct_job *d = context;
  const int64_t panel0 = task % d->panel_tasks * d->panels_per_task, group = task / d->panel_tasks / d->line_tasks;
  const int64_t line0 = task / d->panel_tasks % d->line_tasks * d->lines_per_task;
  const int64_t panel1 = minimum(panel0 + d->panels_per_task, d->panels), line1 = minimum(line0 + d->lines_per_task, d->lines);
  const bool whole = d->k_block >= d->k;
  const int64_t line_bytes = d->geometry->grid[2] * d->width * d->job->size;
  const size_t bytes = (size_t)((whole ? 1 : line1 - line0) * line_bytes);
  char *sums = ember_scratch(bytes);
  if (!sums) return;
  for (int64_t panel = panel0; panel < panel1; panel++)
    for (int64_t k0 = 0; k0 < d->k; k0 += d->k_block) {
      const int64_t k1 = minimum(k0 + d->k_block, d->k);
      for (int64_t line = line0; line < line1; line++) {
        char *to = whole ? sums : sums + (line - line0) * line_bytes;
        multiply_line(d, line, group, panel, k0, k1, to);
        if (k1 == d->k) store_line(d, line, group, panel, to);
      }
    }
  ember_deallocate(sums, bytes);
}

// MARK: The whole

bool convolution_is_direct(const convolution_job *job, const convolution_geometry *g, int64_t channels, int64_t rows) {
  const int64_t taps = g->taps[0] * g->taps[1] * g->taps[2];
  if (g->images <= 0 || g->grid[0] <= 0 || g->grid[1] <= 0 || g->grid[2] < MINIMUM_WIDTH) return false;
  if (taps == 1 && g->step[2] == 1 && g->input[2] == g->grid[2]) return false;  // a plain product
  return rows >= job->gemm->tile_columns / 2 && channels * taps >= MINIMUM_DEPTH;
}

void convolution_run_direct(const convolution_job *job, const convolution_geometry *g, int64_t channels, int64_t rows, const void *x,
                            const convolution_weights *weights, const ember_convolution_terms *terms, void *y) {
  const int64_t taps = g->taps[0] * g->taps[1] * g->taps[2];
  direct_job d = {
    .job = job, .geometry = g, .weights = weights, .terms = terms, .y = y,
    .channels = channels, .rows = rows, .k = channels * taps, .width = job->gemm->tile_columns,
    .lines = g->images * g->grid[0] * g->grid[1],
  };
  d.panels = ceiling(rows, d.width);
  d.points_per_tile = ceiling(g->grid[2], ceiling(g->grid[2], job->kernels->direct_rows));
  d.k_block = d.points_per_tile < FEW_POINTS && d.k > 2 * SHORT_BLOCK ? SHORT_BLOCK : LONG_BLOCK;
  d.k_block = ceiling(d.k, ceiling(d.k, d.k_block));
  d.lines_per_task = maximum(ceiling(POINTS_PER_TASK, g->grid[2]), ceiling(d.lines, ROW_TASKS));
  d.line_tasks = ceiling(d.lines, d.lines_per_task);
  d.panels_per_task = ceiling(d.panels, minimum(d.panels, ceiling(WANTED_TASKS, d.line_tasks * job->groups)));
  d.panel_tasks = ceiling(d.panels, d.panels_per_task);

  const size_t table_bytes = (size_t)(d.k + channels * weights->taps) * sizeof(int64_t);
  d.offsets = ember_scratch(table_bytes);
  const size_t packed_bytes = (size_t)(job->groups * d.panels * d.k * d.width * job->size);
  d.packed = ember_scratch(packed_bytes);
  if (d.offsets && d.packed && convolution_input_make(job, g, channels, x, 2, &d.input)) {
    d.places = d.offsets + d.k;
    convolution_fill_offsets(g, &d.input, channels, d.offsets);
    convolution_fill_places(g, channels, weights->taps, weights->used, d.places);
    ember_parallel(job->groups * d.panels, pack_panel, &d);
    ember_parallel(job->groups * d.line_tasks * d.panel_tasks, direct_task, &d);
    convolution_input_free(&d.input);
  }
  ember_deallocate(d.packed, packed_bytes);
  ember_deallocate(d.offsets, table_bytes);
}
