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
  FLAT_COLUMNS = 1 << 20,  // elements of the columns that are packed ahead, where small images follow one another
  FLAT_TASKS = 32,
};

typedef struct {
  const convolution_job *job;
  const convolution_geometry *geometry;
  const convolution_plan *plan;
  int64_t channels, rows, k, k_block;
  const ember_convolution_terms *terms;
  const char *x, *packed;
  char *y;
  int64_t padded_rows, points, output_plane;
  bool flat, dense;
  int64_t panels_at_once, panels_per_task, images_per_task, column_tasks;
  // Flat alone: the panels whose columns are packed, all of k, and the rows of a task.
  char *columns;
  int64_t first_panel, packed_panels, rows_per_task, row_tasks;
} run_job;

static int64_t minimum(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t ceiling(int64_t a, int64_t b) { return (a + b - 1) / b; }

// What follows the sums of some rows; the results begin at `to`.
static gemm_finish finish_of(const run_job *r, int64_t first_row, const char *to) {
  const ember_convolution_terms *t = r->terms;
  return (gemm_finish){t->bias ? (const char *)t->bias + first_row * r->job->size : NULL, NULL, t->activation,
                       t->addend ? (const char *)t->addend + (to - r->y) : NULL, r->output_plane};
}

static bool finishes(const run_job *r) { return r->terms->bias || r->terms->addend || r->terms->activation != EMBER_ACTIVATION_NONE; }

// MARK: Output that is not a matrix

// Copies `rows` x `count` results, from the given row and for the grid's points from `column` on, to where they belong.
static void scatter(const run_job *r, const char *from, int64_t row_stride, int64_t first_row, int64_t rows, int64_t column, int64_t count,
                    int64_t image, int64_t group) {
  const convolution_geometry *g = r->geometry;
  const int64_t size = r->job->size;
  for (int64_t done = 0; done < count;) {
    const int64_t at = column + done, point = at % r->points;
    const int64_t t2 = point % g->grid[2], t1 = point / g->grid[2] % g->grid[1], t0 = point / g->grid[2] / g->grid[1];
    // A dense output goes on from row to row of the grid.
    const int64_t length = minimum(r->dense ? r->points - point : g->grid[2] - t2, count - done);
    const int64_t o0 = t0 * g->output_step[0] + g->output_start[0], o1 = t1 * g->output_step[1] + g->output_start[1];
    const int64_t o2 = t2 * g->output_step[2] + g->output_start[2], step = g->output_step[2];
    const int64_t channel = ((r->flat ? at / r->points : image) * r->job->groups + group) * r->rows + first_row;
    char *to = r->y + (channel * r->output_plane + (o0 * g->output[1] + o1) * g->output[2] + o2) * size;
    for (int64_t row = 0; row < rows; row++, to += r->output_plane * size) {
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

// The columns of some panels of one image.
static void multiply(const run_job *r, int64_t image, int64_t group, int64_t panel, int64_t panels, char *columns,
                     char *results) {
  const int64_t size = r->job->size, width = r->job->gemm->tile_columns, first = panel * width;
  const int64_t count = minimum(panels * width, r->plan->columns - first);
  const char *x = input_of(r, image, group);
  const bool direct = r->dense;
  char *to = direct ? r->y + ((image * r->job->groups + group) * r->rows * r->output_plane + first) * size : results;
  const int64_t row_stride = direct ? r->output_plane : panels * width;
  const gemm_finish finish = finish_of(r, group * r->rows, to);
  for (int64_t k0 = 0; k0 == 0 || k0 < r->k; k0 += r->k_block) {
    const int64_t k = minimum(r->k_block, r->k - k0);
    for (int64_t p = 0; p < panels; p++)
      r->job->kernels->pack_columns(r->plan, panel + p, x, r->geometry->plane, k0, k, columns + p * width * k * size);
    r->job->gemm->packed(r->rows, count, k, r->packed + (group * r->k + k0) * r->padded_rows * size, columns, to, row_stride,
                         (gemm_store){1, k0 > 0},
                         k0 + k >= r->k && finishes(r) ? &finish : NULL);
  }
  if (!direct) scatter(r, results, row_stride, 0, r->rows, first, count, image, group);
}

static void run_task(void *context, int64_t task) {
  const run_job *r = context;
  const int64_t size = r->job->size, width = r->job->gemm->tile_columns;
  const int64_t first = task % r->column_tasks * r->panels_per_task, group = task / r->column_tasks % r->job->groups;
  const int64_t image0 = task / r->column_tasks / r->job->groups * r->images_per_task;
  const int64_t images = minimum(r->images_per_task, r->geometry->images - image0);
  const int64_t end = minimum(first + r->panels_per_task, r->plan->panels);
  const size_t elements = (size_t)(r->panels_at_once * width);
  const size_t bytes = elements * (size_t)(r->k_block + (r->dense ? 0 : r->rows)) * (size_t)size;
  char *columns = ember_scratch(bytes);
  if (!columns) return;
  char *results = columns + elements * (size_t)r->k_block * (size_t)size;
  for (int64_t image = image0; image < image0 + images; image++)
    for (int64_t panel = first; panel < end; panel += r->panels_at_once)
      multiply(r, image, group, panel, minimum(r->panels_at_once, end - panel), columns, results);
  ember_deallocate(columns, bytes);
}

// MARK: Small images in one sequence

static void flat_columns_task(void *context, int64_t task) {
  const run_job *r = context;
  const int64_t size = r->job->size, width = r->job->gemm->tile_columns, group = task / r->packed_panels, panel = task % r->packed_panels;
  char *columns = r->columns + group * r->packed_panels * width * r->k * size;
  for (int64_t k0 = 0; k0 < r->k; k0 += r->k_block) {
    const int64_t k = minimum(r->k_block, r->k - k0);
    r->job->kernels->pack_columns(r->plan, r->first_panel + panel, input_of(r, 0, group), r->geometry->plane, k0, k,
                                  columns + (k0 * r->packed_panels + panel * k) * width * size);
  }
}

// Some rows of some panels: what an output channel gets lies side by side.
static void flat_task(void *context, int64_t task) {
  const run_job *r = context;
  const int64_t size = r->job->size, width = r->job->gemm->tile_columns;
  const int64_t row = task % r->row_tasks * r->rows_per_task, rows = minimum(r->rows_per_task, r->rows - row);
  const int64_t panel = task / r->row_tasks % r->column_tasks * r->panels_per_task, group = task / r->row_tasks / r->column_tasks;
  const int64_t panels = minimum(r->panels_per_task, r->packed_panels - panel), row_stride = panels * width;
  const int64_t first = (r->first_panel + panel) * width, count = minimum(row_stride, r->plan->columns - first);
  const size_t bytes = (size_t)(rows * row_stride * size);
  char *results = ember_scratch(bytes);
  if (!results) return;
  const gemm_finish finish = finish_of(r, group * r->rows + row, results);
  for (int64_t k0 = 0; k0 < r->k; k0 += r->k_block) {
    const int64_t k = minimum(r->k_block, r->k - k0);
    r->job->gemm->packed(rows, count, k, r->packed + ((group * r->k + k0) * r->padded_rows + row * k) * size,
                         r->columns + (group * r->packed_panels * r->k + k0 * r->packed_panels + panel * k) * width * size, results,
                         row_stride, (gemm_store){1, k0 > 0}, k0 + k >= r->k && finishes(r) ? &finish : NULL);
  }
  scatter(r, results, row_stride, row, rows, first, count, 0, group);
  ember_deallocate(results, bytes);
}

static void run_flat(run_job *r, bool shared) {
  const int64_t width = r->job->gemm->tile_columns, height = r->job->gemm->tile_rows, groups = r->job->groups, panels = r->plan->panels;
  const int64_t chunks = ceiling(panels, 1 + FLAT_COLUMNS / (groups * r->k * width)), panels_per_chunk = ceiling(panels, chunks);
  const size_t bytes = (size_t)(groups * panels_per_chunk * width * r->k * r->job->size);
  r->columns = ember_scratch(bytes);
  if (!r->columns) return;
  for (r->first_panel = 0; r->first_panel < panels; r->first_panel += panels_per_chunk) {
    r->packed_panels = minimum(panels_per_chunk, panels - r->first_panel);
    r->column_tasks = ceiling(r->packed_panels, 2 * PANELS_AT_ONCE);
    r->panels_per_task = ceiling(r->packed_panels, r->column_tasks);
    r->row_tasks = minimum(ceiling(r->rows, height), ceiling(FLAT_TASKS, r->column_tasks * groups));
    r->rows_per_task = ceiling(ceiling(r->rows, height), r->row_tasks) * height;
    r->row_tasks = ceiling(r->rows, r->rows_per_task);
    const int64_t columns = groups * r->packed_panels, tasks = r->row_tasks * r->column_tasks * groups;
    if (shared) {
      ember_parallel(columns, flat_columns_task, r);
      ember_parallel(tasks, flat_task, r);
    } else {
      for (int64_t task = 0; task < columns; task++) flat_columns_task(r, task);
      for (int64_t task = 0; task < tasks; task++) flat_task(r, task);
    }
  }
  ember_deallocate(r->columns, bytes);
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
    r->job->kernels->depthwise(r->geometry, input_of(r, image, group), (const char *)r->terms->w + group * r->k * size, to);
    const gemm_finish finish = finish_of(r, group, to);
    if (finishes(r)) r->job->gemm->finish(1, r->points, to, r->points, &finish);
    if (!r->dense) scatter(r, results, r->points, 0, 1, 0, r->points, image, group);
  }
  ember_deallocate(results, bytes);
}

// MARK: Packed weights

typedef struct {
  const convolution_job *job;
  int64_t rows, k, panels;
  const char *weights;
  char *packed;
} pack_job;

static pack_job make_pack_job(const convolution_job *job, int64_t channels, int64_t rows) {
  return (pack_job){.job = job, .rows = rows, .k = channels * job->taps, .panels = ceiling(rows, job->gemm->tile_rows)};
}

static void pack_panel(void *context, int64_t chunk) {
  const pack_job *p = context;
  const int64_t size = p->job->size, height = p->job->gemm->tile_rows, padded = p->panels * height, k_block = gemm_k_block(p->k);
  const int64_t group = chunk / p->panels, row = chunk % p->panels * height;
  for (int64_t k0 = 0; k0 < p->k; k0 += k_block) {
    const int64_t k = minimum(k_block, p->k - k0);
    p->job->gemm->pack_a(p->weights + ((group * p->rows + row) * p->k + k0) * size, p->k, 1, minimum(height, p->rows - row), k,
                         p->packed + ((group * p->k + k0) * padded + row * k) * size);
  }
}

static void pack(pack_job *p) {
  const int64_t chunks = p->job->groups * p->panels;
  if (p->rows * p->k * p->job->groups >= 1 << 16) ember_parallel(chunks, pack_panel, p);
  else
    for (int64_t chunk = 0; chunk < chunks; chunk++) pack_panel(p, chunk);
}

int64_t convolution_run_packed_bytes(const convolution_job *job, int64_t channels, int64_t rows) {
  const pack_job p = make_pack_job(job, channels, rows);
  return job->groups * p.panels * job->gemm->tile_rows * p.k * job->size;
}

void convolution_run_pack(const convolution_job *job, int64_t channels, int64_t rows, const void *weights, void *packed) {
  pack_job p = make_pack_job(job, channels, rows);
  p.weights = weights, p.packed = packed;
  pack(&p);
}

// MARK: The whole

static void share_out(run_job *r) {
  const int64_t panel_work = r->rows * (r->k + 1) * r->job->gemm->tile_columns;
  const int64_t images = r->geometry->images, panels = r->plan->panels;
  r->panels_at_once = r->k <= r->k_block && r->rows * r->k * r->job->size <= RESIDENT_WEIGHTS ? 1 : minimum(PANELS_AT_ONCE, panels);
  // Tasks of about the same work, of several images if one is little.
  r->panels_per_task = minimum(panels, ceiling(ceiling(TASK_MULTIPLICATIONS, panel_work), r->panels_at_once) * r->panels_at_once);
  r->panels_per_task = ceiling(panels, ceiling(panels, r->panels_per_task));
  r->panels_at_once = minimum(r->panels_at_once, r->panels_per_task);
  r->column_tasks = ceiling(panels, r->panels_per_task);
  r->images_per_task = 1;
  if (r->column_tasks == 1) {
    r->images_per_task = 1 + TASK_MULTIPLICATIONS / (panel_work * panels);
    r->images_per_task = minimum(r->images_per_task, 1 + images * r->job->groups / WANTED_TASKS);
  }
}

static void run_images(run_job *r, bool shared) {
  share_out(r);
  const int64_t tasks = r->column_tasks * r->job->groups * ceiling(r->geometry->images, r->images_per_task);
  if (shared) ember_parallel(tasks, run_task, r);
  else
    for (int64_t task = 0; task < tasks; task++) run_task(r, task);
}

static run_job make_job(const convolution_job *job, const convolution_geometry *g, int64_t channels, int64_t rows) {
  run_job r = {
    .job = job, .geometry = g, .channels = channels, .rows = rows, .points = g->grid[0] * g->grid[1] * g->grid[2],
    .output_plane = g->output[0] * g->output[1] * g->output[2], .k = channels * g->taps[0] * g->taps[1] * g->taps[2], .dense = true,
  };
  r.k_block = gemm_k_block(r.k);
  r.padded_rows = ceiling(rows, job->gemm->tile_rows) * job->gemm->tile_rows;
  for (int d = 0; d < 3; d++)
    if (g->grid[d] != g->output[d] || g->output_step[d] != 1 || g->output_start[d] != 0) r.dense = false;
  // Small images leave many lanes of their last vector empty. Panels then run on from image to image, and their results are
  // copied to where they belong.
  const int64_t lanes = job->gemm->tile_columns / 2;
  r.flat = (rows > 1 || channels > 1) && g->images > 1 && ceiling(r.points, lanes) * lanes * 10 > r.points * 11 && r.k >= 32;
  return r;
}

bool convolution_run_adds(const convolution_job *job, const convolution_geometry *g, int64_t channels, int64_t rows) {
  const run_job r = make_job(job, g, channels, rows);
  return r.dense && !r.flat;
}

void convolution_run(const convolution_job *job, const convolution_geometry *g, int64_t channels, int64_t rows, const void *x,
                     const ember_convolution_terms *terms, void *y) {
  run_job r = make_job(job, g, channels, rows);
  r.terms = terms, r.x = x, r.y = y;
  if (r.points <= 0 || g->images <= 0 || rows <= 0) return;
  const bool shared = g->images * job->groups * r.points * rows * (r.k + 1) >= MINIMUM_SHARED;
  if (rows == 1 && channels == 1) {
    r.images_per_task = 1 + (1 << 15) / (r.points * (r.k + 1));
    const int64_t tasks = ceiling(g->images * job->groups, r.images_per_task);
    if (shared) ember_parallel(tasks, depthwise_task, &r);
    else
      for (int64_t task = 0; task < tasks; task++) depthwise_task(&r, task);
    return;
  }
  convolution_plan *plan = convolution_plan_make(g, job->gemm->tile_columns / 2, r.flat);
  const size_t bytes = terms->packed ? 0 : (size_t)(job->groups * r.padded_rows * r.k * job->size);
  char *own = terms->packed ? NULL : ember_scratch(bytes);
  if (own) {
    // The taps of a phase of backward input are fewer than the kernel's.
    pack_job p = {job, rows, r.k, r.padded_rows / job->gemm->tile_rows, terms->w, own};
    pack(&p);
  }
  r.plan = plan, r.packed = own ? own : terms->packed;
  if (plan && (r.packed || r.k == 0)) {
    if (r.flat) run_flat(&r, shared);
    else run_images(&r, shared);
  }
  ember_deallocate(own, bytes);
  convolution_plan_free(plan);
}
