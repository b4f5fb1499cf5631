// Backward weight without a matrix of columns: tiles of a few (tap, channel) pairs by two vectors of output channels, summed over
// points. The output gradient is transposed once for a block of points; the input is read where it lies.
//
// Points are ordered (row, image, column) within a block, so that the rows in which a tap sees nothing but padding are left out at
// either end. Which images and rows a slice of the partial sums gets depends on the shapes alone.
#include "convolution_internal.h"
#include "ember_allocator.h"

enum {
  MINIMUM_WIDTH = 4,
  WANTED_TASKS = 16,
  MINIMUM_TASK = 1 << 18,   // multiplications
  MAXIMUM_PARTS = 1 << 23,  // elements of all partial sums together
  BLOCK_POINTS = 1024,
  ENOUGH_POINTS = 384,
};

typedef struct {
  const convolution_job *job;
  const convolution_geometry *geometry;
  convolution_input input;
  const char *dy;
  char *parts;         // [slices][groups][panels][k][width]
  double *bias_parts;  // [slices][groups * out], or NULL
  char *dw;
  int64_t *places, *offsets;
  int64_t k, width, panels, points;
  int64_t lines, lines_per_block, images_per_block, line_blocks, blocks;
  int64_t slices, blocks_per_slice;
} weight_job;

/// Some lines (rows of points) of some images.
typedef struct {
  int64_t image, images, line, lines, points;
  int64_t *offsets, *places;  // of its points: in the input, and where an image's points come in the block's order
  char *gradient;             // [points][width]
} block;

static int64_t minimum(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t maximum(int64_t a, int64_t b) { return a > b ? a : b; }
static int64_t ceiling(int64_t a, int64_t b) { return (a + b - 1) / b; }

static void fill_block(const weight_job *w, int64_t index, int64_t group, int64_t panel, block *b) {
  const convolution_geometry *g = w->geometry;
  const int64_t columns = g->grid[2], size = w->job->size;
  b->image = index / w->line_blocks * w->images_per_block, b->images = minimum(w->images_per_block, g->images - b->image);
  b->line = index % w->line_blocks * w->lines_per_block, b->lines = minimum(w->lines_per_block, w->lines - b->line);
  b->points = b->images * b->lines * columns;
  int64_t *offset = b->offsets;
  for (int64_t line = b->line; line < b->line + b->lines; line++) {
    const int64_t row = line / g->grid[1] * g->step[0] * w->input.extents[1] + line % g->grid[1] * g->step[1];
    for (int64_t image = 0; image < b->images; image++)
      for (int64_t c = 0; c < columns; c++) *offset++ = image * w->input.image + row * w->input.extents[2] + c * g->step[2];
  }
  const int64_t rows = minimum(w->width, w->job->out - panel * w->width);
  for (int64_t image = 0; image < b->images; image++) {
    for (int64_t i = 0; b->images > 1 && i < b->lines * columns; i++)
      b->places[i] = (i / columns * b->images + image) * columns + i % columns;
    const int64_t channel = ((b->image + image) * w->job->groups + group) * w->job->out + panel * w->width;
    w->job->kernels->pack_rows(w->dy + (channel * w->points + b->line * columns) * size, w->points, rows, b->lines * columns,
                               b->images > 1 ? b->places : NULL, b->gradient);
  }
}

// The lines of a block that see the input through row `tap` of the kernel.
static void lines_inside(const weight_job *w, const block *b, int64_t tap, int64_t *first, int64_t *end) {
  const convolution_geometry *g = w->geometry;
  *first = b->line, *end = b->line + b->lines;
  while (*first < *end && *first * g->step[1] + g->offsets[1][tap] < 0) ++*first;
  while (*first < *end && (*end - 1) * g->step[1] + g->offsets[1][tap] >= g->input[1]) --*end;
  *first -= b->line, *end -= b->line;
}

static void add_block(const weight_job *w, const block *b, int64_t group, int64_t panel, char *sums) {
  const convolution_geometry *g = w->geometry;
  const int64_t size = w->job->size, per_tap = w->k / (g->taps[0] * g->taps[1]), height = w->job->kernels->direct_rows;
  const int64_t columns = minimum(w->width, w->job->out - panel * w->width);
  const char *x = (const char *)w->input.data + (b->image * w->input.image + group * w->job->in * w->input.plane) * size;
  // Rows of the kernel by themselves where that makes whole tiles; else everything in one.
  const bool clipped = g->grid[0] == 1 && g->taps[0] == 1 && per_tap >= 2 * height;
  const int64_t span = clipped ? per_tap : w->k, tile = ceiling(span, ceiling(span, height));
  for (int64_t start = 0; start < w->k; start += span) {
    int64_t first = 0, end = b->lines;
    if (clipped) lines_inside(w, b, start / span, &first, &end);
    first *= b->images * g->grid[2], end *= b->images * g->grid[2];
    if (first >= end) continue;
    for (int64_t row = start; row < start + span; row += tile)
      w->job->kernels->direct_tile(minimum(tile, start + span - row), columns, end - first, x, w->offsets + row, b->offsets + first,
                                   b->gradient + first * w->width * size, sums + row * w->width * size, true);
  }
}

static void weight_task(void *context, int64_t task) {
  const weight_job *w = context;
  const int64_t size = w->job->size, panel = task % w->panels, group = task / w->panels % w->job->groups;
  const int64_t slice = task / w->panels / w->job->groups, most = w->images_per_block * w->lines_per_block * w->geometry->grid[2];
  char *sums = w->parts + task * w->k * w->width * size;
  memset(sums, 0, (size_t)(w->k * w->width * size));
  const size_t gradient_bytes = (size_t)(most * w->width * size), bytes = gradient_bytes + (size_t)most * 2 * sizeof(int64_t);
  block b = {.gradient = ember_scratch(bytes)};
  if (!b.gradient) return;
  b.offsets = (int64_t *)(void *)(b.gradient + gradient_bytes);
  b.places = b.offsets + most;
  for (int64_t i = slice * w->blocks_per_slice; i < minimum((slice + 1) * w->blocks_per_slice, w->blocks); i++) {
    fill_block(w, i, group, panel, &b);
    add_block(w, &b, group, panel, sums);
    if (w->bias_parts)
      w->job->kernels->column_sums(b.gradient, b.points, minimum(w->width, w->job->out - panel * w->width),
                                   w->bias_parts + (slice * w->job->groups + group) * w->job->out + panel * w->width);
  }
  ember_deallocate(b.gradient, bytes);
}

static void join_panel(void *context, int64_t chunk) {
  const weight_job *w = context;
  const int64_t size = w->job->size, group = chunk / w->panels, panel = chunk % w->panels, elements = w->k * w->width;
  char *first = w->parts + chunk * elements * size;
  w->job->kernels->add_parts(first, w->slices, w->job->groups * w->panels * elements, elements, first);
  const int64_t row = group * w->job->out + panel * w->width;
  w->job->kernels->unpack_rows(first, w->places, w->k, minimum(w->width, w->job->out - panel * w->width),
                               w->dw + row * w->k * size, w->k);
}

bool convolution_weight_is_direct(const convolution_job *job, const convolution_geometry *g) {
  if (job->batch <= 0 || job->output_plane <= 0 || job->in <= 0 || g->grid[2] < MINIMUM_WIDTH) return false;
  return job->out >= job->gemm->tile_columns / 2 && job->taps > 1;
}

void convolution_run_weight_direct(const convolution_job *job, const convolution_geometry *g, const void *x, const void *dy, void *dw,
                                   void *db) {
  weight_job w = {.job = job, .geometry = g, .dy = dy, .dw = dw, .k = job->in * job->taps, .width = job->gemm->tile_columns,
                  .points = job->output_plane, .lines = g->grid[0] * g->grid[1]};
  const int64_t size = job->size, channels = job->groups * job->out;
  w.panels = ceiling(job->out, w.width);
  w.lines_per_block = minimum(w.lines, maximum(1, BLOCK_POINTS / g->grid[2]));
  w.lines_per_block = ceiling(w.lines, ceiling(w.lines, w.lines_per_block));
  w.line_blocks = ceiling(w.lines, w.lines_per_block);
  w.images_per_block = w.line_blocks > 1 ? 1 : minimum(g->images, maximum(1, ENOUGH_POINTS / w.points));
  w.blocks = w.line_blocks * ceiling(g->images, w.images_per_block);

  const int64_t tiles = job->groups * w.panels, part = w.k * w.width, work = job->batch * w.points * channels * w.k;
  w.slices = minimum(ceiling(WANTED_TASKS, tiles), 1 + work / MINIMUM_TASK / tiles);
  w.slices = minimum(minimum(w.slices, w.blocks), 1 + MAXIMUM_PARTS / (tiles * part));
  w.blocks_per_slice = ceiling(w.blocks, w.slices);
  w.slices = ceiling(w.blocks, w.blocks_per_slice);

  const size_t table_bytes = (size_t)w.k * 2 * sizeof(int64_t), part_bytes = (size_t)(w.slices * tiles * part * size);
  const size_t bias_bytes = db ? (size_t)(w.slices * channels) * sizeof(double) : 0;
  char *scratch = ember_scratch(part_bytes + bias_bytes + table_bytes);
  if (!scratch) return;
  w.parts = scratch;
  w.offsets = (int64_t *)(void *)(scratch + part_bytes);
  w.places = w.offsets + w.k;
  w.bias_parts = db ? (double *)(void *)(scratch + part_bytes + table_bytes) : NULL;
  if (db) memset(w.bias_parts, 0, bias_bytes);
  if (convolution_input_make(job, g, job->in, x, 0, &w.input)) {
    convolution_fill_offsets(g, &w.input, job->in, w.offsets);
    convolution_fill_places(g, job->in, job->taps, NULL, w.places);
    ember_parallel(tiles * w.slices, weight_task, &w);
    ember_parallel(tiles, join_panel, &w);
    for (int64_t c = 0; db && c < channels; c++) {
      double sum = 0;
      for (int64_t slice = 0; slice < w.slices; slice++) sum += w.bias_parts[slice * channels + c];
      if (size == 4) ((float *)db)[c] = (float)sum;
      else ((double *)db)[c] = sum;
    }
    convolution_input_free(&w.input);
  }
  ember_deallocate(scratch, part_bytes + bias_bytes + table_bytes);
}
