// Backward weight of 3x3 kernels with steps of 1 by Winograd's F(3x3, 2x2): for each of the sixteen points of a tile a product of the
// transformed output gradient with the transformed input, summed over tiles, with 16 multiplications where the definition takes 36.
//
// A task takes a block of output channels by input channels and a slice of the tiles. For a few tiles at a time it puts the channels of
// both side by side, transforms them into memory that the second level of cache holds, and adds their products to sums of its own. At its
// end these become the nine taps; the slices' taps are added up. Which tiles a slice gets depends on the shapes alone.
#include "convolution_winograd.h"
#include "ember_allocator.h"

enum {
  BLOCK_CHANNELS = 128,
  CHUNK_TILES = 64,
  WANTED_TASKS = 16,
  MAXIMUM_PARTS = 1 << 23,  // elements of all partial sums together
};

typedef struct {
  const convolution_job *job;
  const convolution_geometry *geometry;
  const winograd_kernels *kernels;
  const float *x, *dy;
  float *dw;
  float *parts;        // [slices][groups][out][tap][padded]
  double *bias_parts;  // [slices][groups * out], or NULL
  int64_t tap[WINOGRAD_TAPS];  // the weight tap at each place of the 3x3 window
  int64_t top, left, width, padded;
  int64_t down, across;        // tiles of an image
  int64_t rows_per_chunk, images_per_chunk, row_chunks, chunks;
  int64_t slices, chunks_per_slice;
  int64_t out_block, in_block, out_blocks, in_blocks;
} weight_job;

/// Rows of tiles of some images.
typedef struct {
  int64_t image, images, row, rows;
} chunk;

static int64_t minimum(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t maximum(int64_t a, int64_t b) { return a > b ? a : b; }
static int64_t ceiling(int64_t a, int64_t b) { return (a + b - 1) / b; }

static chunk chunk_at(const weight_job *w, int64_t index) {
  chunk c = {.image = index / w->row_chunks * w->images_per_chunk, .row = index % w->row_chunks * w->rows_per_chunk};
  c.images = minimum(w->images_per_chunk, w->geometry->images - c.image), c.rows = minimum(w->rows_per_chunk, w->down - c.row);
  return c;
}

/// The part of planes that a chunk's frame shows, and where its pixels come in the frame.
typedef struct {
  int64_t columns, pixels;     // of the frame
  int64_t first, count;        // pixels of a plane
  int64_t *places;
} window;

// A frame that begins at (top, left) of planes of height x width.
static window make_window(int64_t top, int64_t left, int64_t rows, int64_t columns, int64_t height, int64_t width, int64_t *places) {
  const int64_t from = minimum(maximum(top, 0), height), to = maximum(minimum(top + rows, height), from);
  const window v = {columns, rows * columns, from * width, (to - from) * width, places};
  for (int64_t r = from; r < to; r++)
    for (int64_t c = 0; c < width; c++) *places++ = c >= left && c < left + columns ? (r - top) * columns + c - left : -1;
  return v;
}

// Transforms some channels of a chunk, panel by panel: out[panel][point][tile][lane].
static void transform(const weight_job *w, const chunk *c, const window *v, const float *from, int64_t image_stride, int64_t plane,
                      int64_t channels, void (*panel)(const float *, int64_t, int64_t, float *, int64_t), float *frame, float *out,
                      int64_t point_stride) {
  for (int64_t first = 0; first < channels; first += w->width, out += WINOGRAD_POINTS * point_stride)
    for (int64_t image = 0; image < c->images; image++) {
      memset(frame, 0, (size_t)(v->pixels * w->width) * sizeof(float));
      w->job->kernels->pack_rows(from + (c->image + image) * image_stride + first * plane + v->first, plane,
                                 minimum(w->width, channels - first), v->count, v->places, frame);
      panel(frame, c->rows, w->across, out + image * c->rows * w->across * w->width, point_stride);
    }
}

static void add_bias(const weight_job *w, const chunk *c, int64_t group, int64_t slice, int64_t row, int64_t rows) {
  const convolution_geometry *g = w->geometry;
  const int64_t points = w->job->output_plane, channels = w->job->groups * w->job->out, channel = group * w->job->out + row;
  const int64_t first = 2 * c->row * g->grid[2], count = minimum(2 * c->rows, g->grid[1] - 2 * c->row) * g->grid[2];
  for (int64_t image = c->image; image < c->image + c->images; image++)
    w->job->kernels->row_sums(w->dy + (image * channels + channel) * points + first, rows, count, points,
                              w->bias_parts + slice * channels + channel);
}

static void weight_task(void *context, int64_t task) {
  const weight_job *w = context;
  const convolution_job *job = w->job;
  const convolution_geometry *g = w->geometry;
  const int64_t width = w->width, column = task % w->in_blocks * w->in_block, row = task / w->in_blocks % w->out_blocks * w->out_block;
  const int64_t rest = task / (w->in_blocks * w->out_blocks), group = rest % job->groups, slice = rest / job->groups;
  const int64_t rows = minimum(w->out_block, job->out - row), columns = minimum(w->in_block, job->in - column);
  const int64_t row_panels = ceiling(rows, width), column_panels = ceiling(columns, width), sums_row = column_panels * width;
  const int64_t tiles = w->images_per_chunk * w->rows_per_chunk * w->across;
  // Sixteen streams are written side by side: an odd number of vectors apart.
  const int64_t point_stride = tiles * width + w->kernels->lanes, panel_stride = WINOGRAD_POINTS * point_stride, sums_stride = rows * sums_row;
  const int64_t frame = (2 * w->rows_per_chunk + 2) * (2 * w->across + 2);
  // Places of at most a frame's rows of a whole plane.
  const int64_t places = ceiling((2 * w->rows_per_chunk + 2) * maximum(g->input[2], g->grid[2]), 8) * 8;
  const size_t table_bytes = (size_t)(2 * places) * sizeof(int64_t);
  const size_t bytes = table_bytes + (size_t)(frame * width + (row_panels + column_panels) * panel_stride + WINOGRAD_POINTS * sums_stride) * sizeof(float);
  char *scratch = ember_scratch(bytes);
  if (!scratch) return;
  int64_t *input_places = (int64_t *)(void *)scratch, *gradient_places = input_places + places;
  float *input = (float *)(void *)(scratch + table_bytes), *gradient = input + column_panels * panel_stride;
  float *sums = gradient + row_panels * panel_stride, *pixels = sums + WINOGRAD_POINTS * sums_stride;
  const int64_t first_chunk = slice * w->chunks_per_slice, end = minimum(first_chunk + w->chunks_per_slice, w->chunks);
  for (int64_t i = first_chunk; i < end; i++) {
    const chunk c = chunk_at(w, i);
    const window seen = make_window(2 * c.row + w->top, w->left, 2 * c.rows + 2, 2 * w->across + 2, g->input[1], g->input[2], input_places);
    const window given = make_window(2 * c.row, 0, 2 * c.rows, 2 * w->across, g->grid[1], g->grid[2], gradient_places);
    transform(w, &c, &seen, w->x + (group * job->in + column) * g->plane, g->image_stride, g->plane, columns, w->kernels->input_panel, pixels,
              input, point_stride);
    transform(w, &c, &given, w->dy + (group * job->out + row) * job->output_plane, job->groups * job->out * job->output_plane,
              job->output_plane, rows, w->kernels->gradient_panel, pixels, gradient, point_stride);
    for (int64_t point = 0; point < WINOGRAD_POINTS; point++)
      for (int64_t q = 0; q < column_panels; q++)
        for (int64_t p = 0; p < row_panels; p++)
          w->kernels->panel_product(minimum(width, rows - p * width), minimum(width, columns - q * width), c.images * c.rows * w->across,
                                    gradient + p * panel_stride + point * point_stride, input + q * panel_stride + point * point_stride,
                                    sums + point * sums_stride + p * width * sums_row + q * width, sums_row, i > first_chunk);
    if (w->bias_parts && column == 0) add_bias(w, &c, group, slice, row, rows);
  }
  float *to = w->parts + ((slice * job->groups + group) * job->out + row) * WINOGRAD_TAPS * w->padded + column;
  for (int64_t r = 0; r < rows; r++)
    w->kernels->taps(sums + r * sums_row, sums_stride, sums_row, to + r * WINOGRAD_TAPS * w->padded, w->padded);
  ember_deallocate(scratch, bytes);
}

// Adds up the slices for one filter and puts its taps side by side.
static void join_filter(void *context, int64_t filter) {
  const weight_job *w = context;
  const int64_t count = WINOGRAD_TAPS * w->padded;
  float *first = w->parts + filter * count;
  if (w->slices > 1) w->job->kernels->add_parts(first, w->slices, w->job->groups * w->job->out * count, count, first);
  float *to = w->dw + filter * w->job->in * WINOGRAD_TAPS;
  for (int64_t c = 0; c < w->job->in; c++)
    for (int t = 0; t < WINOGRAD_TAPS; t++) to[c * WINOGRAD_TAPS + w->tap[t]] = first[t * w->padded + c];
}

bool convolution_weight_is_winograd(const convolution_job *job, const convolution_geometry *g) {
  // A row of tiles of all channels of a block has to stay in the cache.
  return convolution_is_winograd(job, g, job->in, job->out) && ceiling(g->grid[2], 2) <= 4 * CHUNK_TILES;
}

void convolution_run_weight_winograd(const convolution_job *job, const convolution_geometry *g, const void *x, const void *dy, void *dw,
                                     void *db) {
  weight_job w = {.job = job, .geometry = g, .kernels = winograd_kernels_of(job), .x = x, .dy = dy, .dw = dw,
                  .down = ceiling(g->grid[1], 2), .across = ceiling(g->grid[2], 2)};
  const winograd_window window = winograd_window_of(g);
  w.top = window.top, w.left = window.left;
  for (int64_t t = 0; t < WINOGRAD_TAPS; t++) w.tap[window.place[t]] = t;
  w.width = 2 * w.kernels->lanes, w.padded = ceiling(job->in, w.width) * w.width;
  w.rows_per_chunk = minimum(w.down, maximum(1, CHUNK_TILES / w.across));
  w.rows_per_chunk = ceiling(w.down, ceiling(w.down, w.rows_per_chunk));
  w.row_chunks = ceiling(w.down, w.rows_per_chunk);
  w.images_per_chunk = w.row_chunks > 1 ? 1 : minimum(g->images, maximum(1, CHUNK_TILES / (w.down * w.across)));
  w.chunks = w.row_chunks * ceiling(g->images, w.images_per_chunk);
  // Blocks of nearly equal numbers of whole panels.
  const int64_t panels = BLOCK_CHANNELS / w.width, out_panels = ceiling(job->out, w.width), in_panels = w.padded / w.width;
  w.out_block = ceiling(out_panels, ceiling(out_panels, panels)) * w.width, w.out_blocks = ceiling(job->out, w.out_block);
  w.in_block = ceiling(in_panels, ceiling(in_panels, panels)) * w.width, w.in_blocks = ceiling(job->in, w.in_block);

  const int64_t blocks = w.out_blocks * w.in_blocks * job->groups, channels = job->groups * job->out, part = channels * WINOGRAD_TAPS * w.padded;
  w.slices = minimum(minimum(ceiling(WANTED_TASKS, blocks), w.chunks), 1 + MAXIMUM_PARTS / part);
  w.chunks_per_slice = ceiling(w.chunks, w.slices);
  w.slices = ceiling(w.chunks, w.chunks_per_slice);
  const size_t part_bytes = (size_t)(w.slices * part) * sizeof(float), bias_bytes = db ? (size_t)(w.slices * channels) * sizeof(double) : 0;
  char *scratch = ember_scratch(part_bytes + bias_bytes);
  if (!scratch) return;
  w.parts = (float *)(void *)scratch;
  w.bias_parts = db ? (double *)(void *)(scratch + part_bytes) : NULL;
  if (db) memset(w.bias_parts, 0, bias_bytes);
  ember_parallel(blocks * w.slices, weight_task, &w);
  ember_parallel(channels, join_filter, &w);
  for (int64_t c = 0; db && c < channels; c++) {
    double sum = 0;
    for (int64_t slice = 0; slice < w.slices; slice++) sum += w.bias_parts[slice * channels + c];
    ((float *)db)[c] = (float)sum;
  }
  ember_deallocate(scratch, part_bytes + bias_bytes);
}
