// Backward weight: for every weight the sum over images and points of output gradient times input. A product of the output gradient
// with the transposed matrix of columns, image by image, into partial sums over a fixed number of slices of the batch.
#include "convolution_internal.h"
#include "ember_allocator.h"

enum {
  WANTED_TASKS = 16,
  MINIMUM_TASK = 1 << 18,    // multiplications
  MAXIMUM_PARTS = 1 << 23,   // elements of all partial sums together
  TILE_ROW_PANELS = 36,
  TILE_COLUMN_PANELS = 8,
};

typedef struct {
  const convolution_job *job;
  const convolution_geometry *geometry;
  const convolution_plan *plan;
  const char *x, *dy;
  char *parts;      // [slices][groups][m][n]
  double *bias_parts;  // [slices][groups * out], or NULL
  // The weights of a group as a matrix: output channels by (channel, tap), or the other way round if that wastes fewer lanes.
  bool swapped;
  int64_t m, n, points, k_block;
  int64_t slices, images_per_slice;
  int64_t tile_rows, tile_columns, down, across;
} weight_job;

static int64_t minimum(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t ceiling(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Packs `count` output channels of the gradient for a block of points, as panels of `width`.
static void pack_gradient(const weight_job *w, const char *dy, int64_t first, int64_t count, int64_t point, int64_t k,
                          bool as_rows, char *out) {
  const gemm_kernels *gemm = w->job->gemm;
  const int64_t width = as_rows ? gemm->tile_rows : gemm->tile_columns, size = w->job->size;
  for (int64_t i = 0; i < count; i += width) {
    const char *from = dy + ((first + i) * w->points + point) * size;
    char *to = out + i * k * size;
    if (as_rows) gemm->pack_a(from, w->points, 1, minimum(width, count - i), k, to);
    else gemm->pack_b(from, 1, w->points, k, minimum(width, count - i), to);
  }
}

static void pack_input(const weight_job *w, const char *x, int64_t first, int64_t count, int64_t point, int64_t k,
                       bool as_rows, char *out) {
  const gemm_kernels *gemm = w->job->gemm;
  const int64_t width = as_rows ? gemm->tile_rows : gemm->tile_columns;
  for (int64_t i = 0; i < count; i += width)
    w->job->kernels->pack_points(w->plan, point / gemm->tile_columns, k, x, w->geometry->plane, first + i,
                                 minimum(width, count - i), width, out + i * k * w->job->size);
}

static void weight_task(void *context, int64_t task) {
  const weight_job *w = context;
  const convolution_job *job = w->job;
  const int64_t size = job->size;
  const int64_t column = task % w->across * w->tile_columns, row = task / w->across % w->down * w->tile_rows;
  const int64_t group = task / (w->across * w->down) % job->groups, slice = task / (w->across * w->down * job->groups);
  const int64_t rows = minimum(w->tile_rows, w->m - row), columns = minimum(w->tile_columns, w->n - column);
  const int64_t end = minimum((slice + 1) * w->images_per_slice, job->batch);
  char *to = w->parts + (((slice * job->groups + group) * w->m + row) * w->n + column) * size;
  const size_t a_bytes = (size_t)(w->tile_rows * w->k_block * size), b_bytes = (size_t)(w->tile_columns * w->k_block * size);
  char *a = ember_scratch(a_bytes + b_bytes);
  if (!a) return;
  char *b = a + a_bytes;
  // The tiles along one edge also sum up the bias gradient of their output channels.
  double *bias = w->bias_parts && (w->swapped ? row : column) == 0
                   ? w->bias_parts + (slice * job->groups + group) * job->out + (w->swapped ? column : row) : NULL;
  bool accumulate = false;
  for (int64_t image = slice * w->images_per_slice; image < end; image++) {
    const char *x = w->x + (image * job->groups + group) * job->in * w->geometry->plane * size;
    const char *dy = w->dy + (image * job->groups + group) * job->out * w->points * size;
    for (int64_t point = 0; point < w->points; point += w->k_block) {
      const int64_t k = minimum(w->k_block, w->points - point);
      if (w->swapped) {
        pack_input(w, x, row, rows, point, k, true, a);
        pack_gradient(w, dy, column, columns, point, k, false, b);
      } else {
        pack_gradient(w, dy, row, rows, point, k, true, a);
        pack_input(w, x, column, columns, point, k, false, b);
      }
      job->gemm->packed(rows, columns, k, a, b, to, w->n, (gemm_store){1, accumulate}, NULL);
      accumulate = true;
    }
    if (bias)
      job->kernels->row_sums(dy + (w->swapped ? column : row) * w->points * size, w->swapped ? columns : rows, w->points,
                             w->points, bias);
  }
  ember_deallocate(a, a_bytes + b_bytes);
}

static void depthwise_task(void *context, int64_t task) {
  const weight_job *w = context;
  const convolution_job *job = w->job;
  const int64_t size = job->size, group0 = task % w->across * w->tile_rows, slice = task / w->across;
  const int64_t group1 = minimum(group0 + w->tile_rows, job->groups);
  for (int64_t image = slice * w->images_per_slice; image < minimum((slice + 1) * w->images_per_slice, job->batch); image++)
    for (int64_t group = group0; group < group1; group++) {
      const int64_t plane = image * job->groups + group;
      const char *dy = w->dy + plane * w->points * size;
      job->kernels->depthwise_weight(w->geometry, w->x + plane * w->geometry->plane * size, dy,
                                     w->parts + (slice * job->groups + group) * w->n * size);
      if (w->bias_parts) job->kernels->row_sums(dy, 1, w->points, w->points, w->bias_parts + slice * job->groups + group);
    }
}

// MARK: Joining the slices

enum { JOIN_ELEMENTS = 1 << 13 };

typedef struct {
  const weight_job *w;
  int64_t count;
  char *out;
} join_job;

static void join_chunk(void *context, int64_t chunk) {
  const join_job *j = context;
  const int64_t first = chunk * JOIN_ELEMENTS, size = j->w->job->size;
  j->w->job->kernels->add_parts(j->w->parts + first * size, j->w->slices, j->count, minimum(JOIN_ELEMENTS, j->count - first),
                                j->out + first * size);
}

static void transpose_group(const weight_job *w, const char *from, char *to) {
  for (int64_t i = 0; i < w->m; i++)
    for (int64_t j = 0; j < w->n; j++) {
      if (w->job->size == 4) ((float *)to)[j * w->m + i] = ((const float *)from)[i * w->n + j];
      else ((double *)to)[j * w->m + i] = ((const double *)from)[i * w->n + j];
    }
}

static void join(const weight_job *w, void *dw, void *db) {
  const int64_t count = w->job->groups * w->m * w->n, size = w->job->size;
  if (w->parts != dw) {
    // Added up in place where a transposition follows.
    join_job j = {w, count, w->swapped ? w->parts : dw};
    const int64_t chunks = ceiling(count, JOIN_ELEMENTS);
    if (count * w->slices > 1 << 16) ember_parallel(chunks, join_chunk, &j);
    else
      for (int64_t i = 0; i < chunks; i++) join_chunk(&j, i);
    for (int64_t group = 0; w->swapped && group < w->job->groups; group++)
      transpose_group(w, w->parts + group * w->m * w->n * size, (char *)dw + group * w->m * w->n * size);
  }
  const int64_t channels = w->job->groups * w->job->out;
  for (int64_t c = 0; db && c < channels; c++) {
    double sum = 0;
    for (int64_t slice = 0; slice < w->slices; slice++) sum += w->bias_parts[slice * channels + c];
    if (size == 4) ((float *)db)[c] = (float)sum;
    else ((double *)db)[c] = sum;
  }
}

static void bias_alone(const convolution_job *job, const weight_job *w, void *db) {
  const int64_t channels = job->groups * job->out;
  const size_t bytes = (size_t)channels * sizeof(double);
  double *sums = ember_scratch(bytes);
  if (!sums) return;
  memset(sums, 0, bytes);
  for (int64_t image = 0; image < job->batch; image++)
    job->kernels->row_sums(w->dy + image * channels * w->points * job->size, channels, w->points, w->points, sums);
  for (int64_t c = 0; c < channels; c++) {
    if (job->size == 4) ((float *)db)[c] = (float)sums[c];
    else ((double *)db)[c] = sums[c];
  }
  ember_deallocate(sums, bytes);
}

void convolution_run_weight(const convolution_job *job, const convolution_geometry *g, const void *x, const void *dy, void *dw,
                            void *db) {
  const gemm_kernels *gemm = job->gemm;
  const int64_t lanes = gemm->tile_columns / 2, size = job->size, entries = job->in * job->taps;
  weight_job w = {.job = job, .geometry = g, .x = x, .dy = dy, .points = job->output_plane};
  const int64_t count = job->groups * job->out * entries, channels = job->groups * job->out;
  if (count == 0) {
    // Without input channels there is still a bias.
    if (db) bias_alone(job, &w, db);
    return;
  }
  if (job->batch == 0 || w.points == 0) {
    memset(dw, 0, (size_t)(count * size));
    if (db) memset(db, 0, (size_t)(channels * size));
    return;
  }
  const bool depthwise = job->in == 1 && job->out == 1;
  w.swapped = !depthwise && entries * ceiling(job->out, lanes) * 10 < job->out * ceiling(entries, lanes) * 9;
  w.m = w.swapped ? entries : job->out, w.n = w.swapped ? job->out : entries;
  // Blocks of points begin with a panel of the plan.
  w.k_block = ceiling(gemm_k_block(w.points), gemm->tile_columns) * gemm->tile_columns;

  const int64_t down = ceiling(w.m, gemm->tile_rows), across = ceiling(w.n, gemm->tile_columns);
  if (depthwise) {
    w.tile_rows = 1 + (1 << 15) / (w.points * (entries + 1));
    w.down = 1, w.across = ceiling(job->groups, w.tile_rows);
  } else {
    const int64_t row_panels = ceiling(down, ceiling(down, TILE_ROW_PANELS));
    const int64_t column_panels = ceiling(across, ceiling(across, TILE_COLUMN_PANELS));
    w.tile_rows = row_panels * gemm->tile_rows, w.tile_columns = column_panels * gemm->tile_columns;
    w.down = ceiling(down, row_panels), w.across = ceiling(across, column_panels);
  }
  const int64_t tiles = w.down * w.across * (depthwise ? 1 : job->groups), work = job->batch * w.points * count;
  w.slices = minimum(ceiling(WANTED_TASKS, tiles), 1 + work / MINIMUM_TASK / tiles);
  w.slices = minimum(minimum(w.slices, job->batch), 1 + MAXIMUM_PARTS / (count + 1));
  w.images_per_slice = ceiling(job->batch, w.slices);
  w.slices = ceiling(job->batch, w.images_per_slice);

  // Depthwise and bias sums are added to, so they start at zero; tiles of a product overwrite.
  const bool direct = w.slices == 1 && !w.swapped;
  const size_t part_bytes = direct ? 0 : (size_t)(w.slices * count * size), head = (part_bytes + 63) / 64 * 64;
  const size_t bias_bytes = db ? (size_t)(w.slices * channels) * sizeof(double) : 0;
  char *scratch = head + bias_bytes > 0 ? ember_scratch(head + bias_bytes) : NULL;
  if (head + bias_bytes > 0 && !scratch) return;
  w.parts = direct ? dw : scratch;
  w.bias_parts = db ? (double *)(void *)(scratch + head) : NULL;
  if (db) memset(w.bias_parts, 0, bias_bytes);
  if (depthwise) memset(w.parts, 0, (size_t)(w.slices * count * size));

  convolution_plan *plan = depthwise ? NULL : convolution_plan_make(g, lanes, false);
  w.plan = plan;
  if (plan || depthwise) {
    const int64_t tasks = tiles * w.slices;
    void (*body)(void *, int64_t) = depthwise ? depthwise_task : weight_task;
    if (work >= MINIMUM_TASK) ember_parallel(tasks, body, &w);
    else
      for (int64_t task = 0; task < tasks; task++) body(&w, task);
    join(&w, dw, db);
  }
  convolution_plan_free(plan);
  ember_deallocate(scratch, head + bias_bytes);
}
