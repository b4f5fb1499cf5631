// Forward convolution, and backward input, which is one too: a product of the weights with a matrix of columns that is packed
// panel by panel and never stored as a whole.
#include "convolution_internal.h"
#include "ember_allocator.h"

enum {
  TASK_MULTIPLICATIONS = 1 << 20,
  WANTED_TASKS = 16,
  MINIMUM_SHARED = 1 << 18,
  // Weights up to this many bytes stay in the second-level cache while columns pass by one panel at a time.
  RESIDENT_WEIGHTS = 1 << 18,
  PANELS_AT_ONCE = 8,
};

typedef struct {
  const convolution_job *job;
  const convolution_geometry *geometry;
  const convolution_plan *plan;
  int64_t channels, rows, k, k_block;
  const char *x, *weights, *bias;
  char *y, *packed;
  int64_t padded_rows, points, output_plane;
  int activation;
  bool flat, dense;
  int64_t panels_at_once, panels_per_task, images_per_task, column_tasks;
} run_job;

static int64_t minimum(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t ceiling(int64_t a, int64_t b) { return (a + b - 1) / b; }

// MARK: Output that is not a matrix

// Copies `rows` x `count` results, for the grid's points from `column` on, to where they belong.
static void scatter(const run_job *r, const char *from, int64_t row_stride, int64_t column, int64_t count, int64_t image,
                    int64_t group) {
  const convolution_geometry *g = r->geometry;
  const int64_t size = r->job->size;
  for (int64_t done = 0; done < count;) {
    const int64_t at = column + done, point = at % r->points;
    const int64_t t2 = point % g->grid[2], t1 = point / g->grid[2] % g->grid[1], t0 = point / g->grid[2] / g->grid[1];
    // A dense output goes on from row to row of the grid.
    const int64_t length = minimum(r->dense ? r->points - point : g->grid[2] - t2, count - done);
    const int64_t o0 = t0 * g->output_step[0] + g->output_start[0], o1 = t1 * g->output_step[1] + g->output_start[1];
    const int64_t o2 = t2 * g->output_step[2] + g->output_start[2], step = g->output_step[2];
    const int64_t channel = ((r->flat ? at / r->points : image) * r->job->groups + group) * r->rows;
    char *to = r->y + (channel * r->output_plane + (o0 * g->output[1] + o1) * g->output[2] + o2) * size;
    for (int64_t row = 0; row < r->rows; row++, to += r->output_plane * size) {
      const char *source = from + (row * row_stride + done) * size;
      if (step == 1) memcpy(to, source, (size_t)(length * size));
      else if (size == 4)
        for (int64_t i = 0; i < length; i++) ((float *)to)[i * step] = ((const float *)source)[i];
      else
        for (int64_t i = 0; i < length; i++) ((double *)to)[i * step] = ((const double *)source)[i];
    }
    done += length;
  }
}

// MARK: Tasks

static const char *input_of(const run_job *r, int64_t image, int64_t group) {
  return r->x + (image * r->geometry->image_stride + group * r->channels * r->geometry->plane) * r->job->size;
}

// The columns of some panels, of one image (or of all in one sequence).
static void multiply(const run_job *r, int64_t image, int64_t group, int64_t panel, int64_t panels, char *columns,
                     char *results) {
  const int64_t size = r->job->size, width = r->job->gemm->tile_columns, first = panel * width;
  const int64_t count = minimum(panels * width, r->plan->columns - first);
  const char *x = input_of(r, image, group);
  const bool direct = r->dense && !r->flat;
  char *to = direct ? r->y + ((image * r->job->groups + group) * r->rows * r->output_plane + first) * size : results;
  const int64_t row_stride = direct ? r->output_plane : panels * width;
  const gemm_finish finish = {r->bias ? r->bias + group * r->rows * size : NULL, NULL, r->activation};
  for (int64_t k0 = 0; k0 == 0 || k0 < r->k; k0 += r->k_block) {
    const int64_t k = minimum(r->k_block, r->k - k0);
    for (int64_t p = 0; p < panels; p++)
      r->job->kernels->pack_columns(r->plan, panel + p, x, r->geometry->plane, k0, k, columns + p * width * k * size);
    r->job->gemm->packed(r->rows, count, k, r->packed + (group * r->k + k0) * r->padded_rows * size, columns, to, row_stride,
                         (gemm_store){1, k0 > 0},
                         k0 + k >= r->k && (r->bias || r->activation) ? &finish : NULL);
  }
  if (!direct) scatter(r, results, row_stride, first, count, image, group);
}

static void run_task(void *context, int64_t task) {
  const run_job *r = context;
  const int64_t size = r->job->size, width = r->job->gemm->tile_columns;
  const int64_t first = task % r->column_tasks * r->panels_per_task, group = task / r->column_tasks % r->job->groups;
  const int64_t image0 = task / r->column_tasks / r->job->groups * r->images_per_task;
  const int64_t images = r->flat ? 1 : minimum(r->images_per_task, r->geometry->images - image0);
  const int64_t end = minimum(first + r->panels_per_task, r->plan->panels);
  const size_t elements = (size_t)(r->panels_at_once * width);
  const size_t bytes = elements * (size_t)(r->k_block + (r->dense && !r->flat ? 0 : r->rows)) * (size_t)size;
  char *columns = ember_scratch(bytes);
  if (!columns) return;
  char *results = columns + elements * (size_t)r->k_block * (size_t)size;
  for (int64_t image = image0; image < image0 + images; image++)
    for (int64_t panel = first; panel < end; panel += r->panels_at_once)
      multiply(r, image, group, panel, minimum(r->panels_at_once, end - panel), columns, results);
  ember_deallocate(columns, bytes);
}

// One input channel per output channel: no product to speak of, so every result is summed up directly.
static void depthwise_task(void *context, int64_t task) {
  const run_job *r = context;
  const int64_t size = r->job->size, end = minimum((task + 1) * r->images_per_task, r->geometry->images * r->job->groups);
  const size_t bytes = (size_t)(r->points * size);
  char *results = r->dense ? NULL : ember_scratch(bytes);
  if (!r->dense && !results) return;
  for (int64_t plane = task * r->images_per_task; plane < end; plane++) {
    const int64_t image = plane / r->job->groups, group = plane % r->job->groups;
    char *to = r->dense ? r->y + plane * r->output_plane * size : results;
    r->job->kernels->depthwise(r->geometry, input_of(r, image, group), r->weights + group * r->k * size, to);
    const gemm_finish finish = {r->bias ? r->bias + group * size : NULL, NULL, r->activation};
    if (r->bias || r->activation) r->job->gemm->finish(1, r->points, to, r->points, &finish);
    if (!r->dense) scatter(r, results, r->points, 0, r->points, image, group);
  }
  ember_deallocate(results, bytes);
}

static void pack_weights(void *context, int64_t chunk) {
  const run_job *r = context;
  const int64_t size = r->job->size, height = r->job->gemm->tile_rows, panels = r->padded_rows / height;
  const int64_t group = chunk / panels, row = chunk % panels * height;
  for (int64_t k0 = 0; k0 < r->k; k0 += r->k_block) {
    const int64_t k = minimum(r->k_block, r->k - k0);
    r->job->gemm->pack_a(r->weights + ((group * r->rows + row) * r->k + k0) * size, r->k, 1, minimum(height, r->rows - row), k,
                         r->packed + ((group * r->k + k0) * r->padded_rows + row * k) * size);
  }
}

// MARK: The whole

static void share_out(run_job *r) {
  const int64_t panel_work = r->rows * (r->k + 1) * r->job->gemm->tile_columns;
  const int64_t images = r->flat ? 1 : r->geometry->images, panels = r->plan->panels;
  r->panels_at_once = r->k <= r->k_block && r->rows * r->k * r->job->size <= RESIDENT_WEIGHTS ? 1 : minimum(PANELS_AT_ONCE, panels);
  // Tasks of about the same work, of several images if one is little.
  r->panels_per_task = minimum(panels, ceiling(ceiling(TASK_MULTIPLICATIONS, panel_work), r->panels_at_once) * r->panels_at_once);
  r->panels_per_task = ceiling(panels, ceiling(panels, r->panels_per_task));
  if (r->flat && r->panels_per_task > 1 && ceiling(panels, r->panels_per_task) * r->job->groups < WANTED_TASKS)
    r->panels_per_task = minimum(r->panels_per_task, 1 + panels * r->job->groups / WANTED_TASKS);
  r->panels_at_once = minimum(r->panels_at_once, r->panels_per_task);
  r->column_tasks = ceiling(panels, r->panels_per_task);
  r->images_per_task = 1;
  if (r->column_tasks == 1) {
    r->images_per_task = 1 + TASK_MULTIPLICATIONS / (panel_work * panels);
    r->images_per_task = minimum(r->images_per_task, 1 + images * r->job->groups / WANTED_TASKS);
  }
}

void convolution_run(const convolution_job *job, const convolution_geometry *g, int64_t channels, int64_t rows, const void *x,
                     const void *weights, const void *bias, void *y, int activation) {
  run_job r = {
    .job = job, .geometry = g, .channels = channels, .rows = rows,
    .x = x, .weights = weights, .bias = bias, .y = y, .activation = activation,
    .points = g->grid[0] * g->grid[1] * g->grid[2],
    .output_plane = g->output[0] * g->output[1] * g->output[2],
  };
  if (r.points <= 0 || g->images <= 0 || rows <= 0) return;
  const int64_t taps = g->taps[0] * g->taps[1] * g->taps[2], lanes = job->gemm->tile_columns / 2;
  r.k = channels * taps;
  r.k_block = gemm_k_block(r.k);
  r.dense = true;
  for (int d = 0; d < 3; d++)
    if (g->grid[d] != g->output[d] || g->output_step[d] != 1 || g->output_start[d] != 0) r.dense = false;
  const bool depthwise = rows == 1 && channels == 1;
  // Small images leave many lanes of their last vector empty. Panels then run on from image to image, and their results are
  // copied to where they belong.
  r.flat = !depthwise && g->images > 1 && ceiling(r.points, lanes) * lanes * 10 > r.points * 11 && r.k >= 32;
  const bool shared = g->images * job->groups * r.points * rows * (r.k + 1) >= MINIMUM_SHARED;
  if (depthwise) {
    r.images_per_task = 1 + (1 << 15) / (r.points * (r.k + 1));
    const int64_t tasks = ceiling(g->images * job->groups, r.images_per_task);
    if (shared) ember_parallel(tasks, depthwise_task, &r);
    else
      for (int64_t task = 0; task < tasks; task++) depthwise_task(&r, task);
  } else {
    convolution_plan *plan = convolution_plan_make(g, lanes, r.flat);
    r.plan = plan;
    r.padded_rows = ceiling(rows, job->gemm->tile_rows) * job->gemm->tile_rows;
    const size_t bytes = (size_t)(job->groups * r.padded_rows * r.k * job->size);
    r.packed = ember_scratch(bytes);
    if (plan && r.packed) {
      const int64_t chunks = job->groups * (r.padded_rows / job->gemm->tile_rows);
      if (rows * r.k * job->groups >= 1 << 16) ember_parallel(chunks, pack_weights, &r);
      else
        for (int64_t chunk = 0; chunk < chunks; chunk++) pack_weights(&r, chunk);
      share_out(&r);
      const int64_t tasks = r.column_tasks * job->groups * (r.flat ? 1 : ceiling(g->images, r.images_per_task));
      if (shared) ember_parallel(tasks, run_task, &r);
      else
        for (int64_t task = 0; task < tasks; task++) run_task(&r, task);
    }
    ember_deallocate(r.packed, bytes);
    convolution_plan_free(plan);
  }
}
