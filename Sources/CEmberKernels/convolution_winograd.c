// Forward convolution and backward input of 3x3 kernels with steps of 1 by Winograd's F(2x2, 3x3): sixteen products of matrices, one for
// each point of a tile of the input, with 16 multiplications where the definition takes 36.
//
// A task takes some tiles (of whole images, or some rows of one), transforms them for all channels into memory that the second level of
// cache holds, and for one panel of filters after the other multiplies and transforms back.
#include "convolution_winograd.h"
#include "ember_allocator.h"

enum {
  MINIMUM_CHANNELS = 16,
  MINIMUM_TILES = 64,        // fewer do not pay for transforming the filters, or their gradients' sums
  INPUT_BYTES = 1 << 19,     // of the transformed input of a task
  MAXIMUM_COLUMNS = 128,
  WANTED_TASKS = 8,
};

typedef struct {
  const convolution_job *job;
  const convolution_geometry *geometry;
  const winograd_kernels *kernels;
  const ember_convolution_terms *terms;
  const float *x, *filters;
  float *y;
  int64_t channels, rows;
  int64_t top, left;
  int64_t panels, panel_rows;  // of filters
  int64_t down, across;        // tiles of an image
  int64_t images_per_task, rows_per_task, image_tasks, row_tasks, panel_tasks, panels_per_task;
  int64_t columns, padded;     // of a task at most; and with what vectors write beyond
} winograd_job;

static int64_t minimum(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t maximum(int64_t a, int64_t b) { return a > b ? a : b; }
static int64_t ceiling(int64_t a, int64_t b) { return (a + b - 1) / b; }

const winograd_kernels *winograd_kernels_of(const convolution_job *job) {
  if (job->size != 4) return NULL;
  // By the loops of products that the job has, so that everything in it is of one instruction set.
#if EMBER_X86_ISAS
  if (job->gemm_isa == &gemm_isa_avx512) return &winograd_kernels_avx512;
  if (job->gemm_isa == &gemm_isa_avx2) return &winograd_kernels_avx2;
#endif
  return job->gemm_isa == &gemm_isa_baseline ? &winograd_kernels_baseline : NULL;
}

// Whether three taps look at neighbours, with steps of 1.
static bool is_window(const convolution_geometry *g, int dim) {
  if (g->taps[dim] != 3 || g->step[dim] != 1 || g->output_step[dim] != 1 || g->output_start[dim] != 0) return false;
  const int64_t *offset = g->offsets[dim], first = minimum(offset[0], offset[2]);
  return offset[1] == first + 1 && maximum(offset[0], offset[2]) == first + 2;
}

winograd_window winograd_window_of(const convolution_geometry *g) {
  winograd_window window = {.top = minimum(g->offsets[1][0], g->offsets[1][2]), .left = minimum(g->offsets[2][0], g->offsets[2][2])};
  for (int t = 0; t < WINOGRAD_TAPS; t++) window.place[t] = (g->offsets[1][t / 3] - window.top) * 3 + g->offsets[2][t % 3] - window.left;
  return window;
}

bool convolution_is_winograd(const convolution_job *job, const convolution_geometry *g, int64_t channels, int64_t rows) {
  if (!winograd_kernels_of(job) || channels < MINIMUM_CHANNELS || rows < MINIMUM_CHANNELS) return false;
  if (g->taps[0] != 1 || g->grid[0] != 1 || g->input[0] != 1 || g->offsets[0][0] != 0) return false;
  if (!is_window(g, 1) || !is_window(g, 2)) return false;
  return g->grid[1] >= 2 && g->grid[2] >= 2 && g->images * ceiling(g->grid[1], 2) * ceiling(g->grid[2], 2) >= MINIMUM_TILES;
}

// MARK: Filters

typedef struct {
  const winograd_kernels *kernels;
  const convolution_weights *weights;
  int64_t channels, rows, panels, panel_rows;
  int64_t tap[WINOGRAD_TAPS];  // the weight tap at each place of the 3x3 window
  float *filters;              // [group][panel][point][channel][row of the panel]
} filter_job;

// The filters of one panel.
static void filter_task(void *context, int64_t task) {
  const filter_job *f = context;
  const convolution_weights *from = f->weights;
  const int64_t group = task / f->panels, panel = task % f->panels, first = panel * f->panel_rows;
  const int64_t count = minimum(f->panel_rows, f->rows - first), width = f->kernels->tile_rows;
  float *to = f->filters + task * WINOGRAD_POINTS * f->channels * width;
  for (int64_t c = 0; c < f->channels; c++) {
    float taps[WINOGRAD_TAPS * WINOGRAD_FILTERS];
    const float *source = (const float *)from->w + group * from->group_stride + first * from->row_stride + c * from->channel_stride;
    for (int64_t r = 0; r < count; r++)
      for (int t = 0; t < WINOGRAD_TAPS; t++) taps[t * WINOGRAD_FILTERS + r] = source[r * from->row_stride + f->tap[t]];
    for (int t = 0; t < WINOGRAD_TAPS; t++)
      for (int64_t r = count; r < WINOGRAD_FILTERS; r++) taps[t * WINOGRAD_FILTERS + r] = 0;
    f->kernels->filters(taps, to + c * width, f->channels * width);
  }
}

int64_t convolution_winograd_packed_bytes(const convolution_job *job, int64_t channels, int64_t rows) {
  const int64_t height = winograd_kernels_of(job)->tile_rows;
  return job->groups * ceiling(rows, height) * WINOGRAD_POINTS * channels * height * (int64_t)sizeof(float);
}

void convolution_winograd_pack(const convolution_job *job, const convolution_geometry *g, int64_t channels, int64_t rows,
                               const convolution_weights *weights, void *packed) {
  filter_job f = {.kernels = winograd_kernels_of(job), .weights = weights, .channels = channels, .rows = rows, .filters = packed};
  f.panels = ceiling(rows, f.kernels->tile_rows), f.panel_rows = ceiling(rows, f.panels);
  const winograd_window window = winograd_window_of(g);
  for (int64_t t = 0; t < weights->taps; t++) {
    const int64_t used = weights->used ? weights->used[t] : t;
    if (used >= 0) f.tap[window.place[used]] = t;
  }
  ember_parallel(job->groups * f.panels, filter_task, &f);
}

// MARK: Tiles

// Copies the results of one filter for some tile rows of an image to where they belong.
static void store_rows(const winograd_job *w, const float *results, int64_t lower, int64_t first_row, int64_t tile_rows, float *plane) {
  const int64_t height = w->geometry->grid[1], width = w->geometry->grid[2];
  for (int64_t i = 0; i < tile_rows; i++)
    for (int64_t half = 0; half < 2; half++) {
      const int64_t row = 2 * (first_row + i) + half;
      if (row < height) memcpy(plane + row * width, results + half * lower + 2 * i * w->across, (size_t)width * sizeof(float));
    }
}

static void winograd_task(void *context, int64_t task) {
  const winograd_job *w = context;
  const winograd_kernels *kernels = w->kernels;
  const convolution_geometry *g = w->geometry;
  const int64_t panel0 = task % w->panel_tasks * w->panels_per_task, panel1 = minimum(panel0 + w->panels_per_task, w->panels);
  const int64_t rest = task / w->panel_tasks, group = rest / (w->image_tasks * w->row_tasks);
  const int64_t image0 = rest / w->row_tasks % w->image_tasks * w->images_per_task, row0 = rest % w->row_tasks * w->rows_per_task;
  const int64_t images = minimum(w->images_per_task, g->images - image0), tile_rows = minimum(w->rows_per_task, w->down - row0);
  const int64_t tiles = tile_rows * w->across, columns = images * tiles, width = 2 * kernels->lanes;
  const int64_t used = ceiling(columns, width) * width, padded = w->padded;
  // Sixteen streams are written side by side: an odd number of vectors apart.
  const int64_t input_stride = (w->channels * padded / kernels->lanes | 1) * kernels->lanes + 2 * kernels->lanes, product_stride = w->panel_rows * padded, lower = 2 * padded;
  const int64_t input_count = WINOGRAD_POINTS * input_stride + 2 * kernels->lanes, product_count = WINOGRAD_POINTS * product_stride;
  const size_t bytes = (size_t)(input_count + product_count + 4 * padded + winograd_scratch(w->rows_per_task, w->across, kernels->lanes)) * sizeof(float);
  float *input = ember_scratch(bytes);
  if (!input) return;
  float *products = input + input_count, *results = products + product_count, *scratch = results + 4 * padded;
  for (int64_t image = 0; image < images; image++)
    for (int64_t c = 0; c < w->channels; c++) {
      const winograd_input from = {w->x + (image0 + image) * g->image_stride + (group * w->channels + c) * g->plane, g->input[1], g->input[2],
                                   2 * row0 + w->top, w->left, tile_rows, w->across};
      kernels->input(&from, scratch, input + c * padded + image * tiles, input_stride);
    }
  const float *bias = w->terms->bias;
  const int64_t plane = g->output[1] * g->output[2], filter_stride = w->channels * kernels->tile_rows;
  for (int64_t panel = panel0; panel < panel1; panel++) {
    const int64_t first = panel * w->panel_rows, count = minimum(w->panel_rows, w->rows - first);
    const float *filters = w->filters + (group * w->panels + panel) * WINOGRAD_POINTS * filter_stride;
    kernels->multiply(count, used, w->channels, filters, filter_stride, input, input_stride, padded, products, product_stride, padded);
    for (int64_t r = 0; r < count; r++) {
      const int64_t row = group * w->rows + first + r;
      kernels->output(products + r * padded, product_stride, columns, bias ? bias[row] : 0, results, lower);
      if (w->terms->activation != EMBER_ACTIVATION_NONE) {
        const gemm_finish finish = {.activation = w->terms->activation};
        w->job->gemm->finish(2, 2 * columns, results, lower, &finish);
      }
      for (int64_t image = 0; image < images; image++)
        store_rows(w, results + 2 * image * tiles, lower, row0, tile_rows,
                   w->y + ((image0 + image) * w->job->groups * w->rows + row) * plane);
    }
  }
  ember_deallocate(input, bytes);
}

void convolution_run_winograd(const convolution_job *job, const convolution_geometry *g, int64_t channels, int64_t rows, const void *x,
                              const convolution_weights *weights, const ember_convolution_terms *terms, void *y) {
  winograd_job w = {
    .job = job, .geometry = g, .kernels = winograd_kernels_of(job), .terms = terms, .x = x, .y = y, .channels = channels,
    .rows = rows, .down = ceiling(g->grid[1], 2), .across = ceiling(g->grid[2], 2),
  };
  const winograd_window window = winograd_window_of(g);
  w.top = window.top, w.left = window.left;
  w.panels = ceiling(rows, w.kernels->tile_rows);
  w.panel_rows = ceiling(rows, w.panels);
  // As many tiles at once as their transforms have room for, in whole rows.
  const int64_t lanes = w.kernels->lanes;
  const int64_t room = minimum(maximum(INPUT_BYTES / (WINOGRAD_POINTS * 4 * channels), 2 * lanes), MAXIMUM_COLUMNS);
  w.rows_per_task = minimum(w.down, maximum(1, room / w.across));
  w.rows_per_task = ceiling(w.down, ceiling(w.down, w.rows_per_task));
  w.row_tasks = ceiling(w.down, w.rows_per_task);
  w.images_per_task = w.row_tasks > 1 ? 1 : minimum(g->images, maximum(1, room / (w.down * w.across)));
  w.images_per_task = ceiling(g->images, ceiling(g->images, w.images_per_task));
  w.image_tasks = ceiling(g->images, w.images_per_task);
  w.columns = w.images_per_task * w.rows_per_task * w.across;
  // An odd number of vectors: rows do not meet in the same few places of the cache.
  w.padded = ceiling(w.columns, 2 * lanes) * 2 * lanes + lanes;
  const int64_t tasks = w.image_tasks * w.row_tasks * job->groups;
  w.panels_per_task = ceiling(w.panels, minimum(w.panels, ceiling(WANTED_TASKS, tasks)));
  w.panel_tasks = ceiling(w.panels, w.panels_per_task);

  const size_t bytes = terms->packed ? 0 : (size_t)convolution_winograd_packed_bytes(job, channels, rows);
  float *own = terms->packed ? NULL : ember_scratch(bytes);
  if (own) convolution_winograd_pack(job, g, channels, rows, weights, own);
  w.filters = own ? own : terms->packed;
  if (w.filters) ember_parallel(tasks * w.panel_tasks, winograd_task, &w);
  ember_deallocate(own, bytes);
}
