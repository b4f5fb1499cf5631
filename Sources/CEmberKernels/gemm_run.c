// Products of float32 and float64 matrices: cutting them into blocks, packing, sharing the blocks out among the threads.
//
// There are four ways. The packed one (Goto's) copies blocks of both matrices into panels; what it costs pays off where every
// element is used often. The half-packed one copies B alone, for products with few rows. The strided one copies nothing, for
// small products. The dots one streams a B that lies along k once, for very few rows.
#include "ember_allocator.h"
#include "gemm_internal.h"

enum {
  // A block of A of this many panels, and one panel of B, fit the second and the first level of cache.
  TILE_ROW_PANELS = 12,
  TILE_COLUMN_PANELS = 8,
  // Rows and columns packed at a time bound the scratch memory.
  BLOCK_ROWS = 2016,
  BLOCK_COLUMNS = 4096,
  // A tile below this many multiplications is not cut further, and a product below the other is not shared out.
  MINIMUM_TILE = 1 << 17,
  MINIMUM_SHARED = 1 << 19,
  WANTED_TILES = 12,
  // A panel of B is packed once more for at least so many rows.
  MINIMUM_ROWS = 16,
  // Elements packed by one chunk of a parallel loop; and steps of k, where the neighbours of an operand in memory belong to one of them.
  PACKED_AT_ONCE = 1 << 14,
  STEPS_AT_ONCE = 32,
};

static int64_t minimum(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t ceiling(int64_t a, int64_t b) { return (a + b - 1) / b; }

int64_t gemm_k_block(int64_t k) { return k <= 512 ? k + (k == 0) : ceiling(k, ceiling(k, 384)); }

static const char *at(const gemm_product *p, const void *base, int64_t element) {
  return (const char *)base + element * p->element_size;
}

static bool needs_finish(const gemm_product *p) {
  return p->row_bias || p->column_bias || p->activation != EMBER_ACTIVATION_NONE;
}

static gemm_finish finish_at(const gemm_product *p, int64_t row, int64_t column) {
  return (gemm_finish){p->row_bias ? at(p, p->row_bias, row) : NULL, p->column_bias ? at(p, p->column_bias, column) : NULL,
                       p->activation, NULL, 0};
}

// How block `k0` of k is stored. Before the first one C is scaled if beta is neither 0 nor 1.
static gemm_store begin_block(const gemm_product *p, int64_t k0, int64_t row, int64_t column, int64_t rows, int64_t columns) {
  if (k0 == 0 && p->beta != 0 && p->beta != 1)
    p->kernels->scale(rows, columns, (void *)at(p, p->c, row * p->c_row_stride + column), p->c_row_stride, p->beta);
  return (gemm_store){p->alpha, k0 > 0 || p->beta != 0};
}

gemm_grid gemm_make_grid(int64_t panel_columns, int64_t rows, int64_t columns, int64_t k, int64_t panel_rows, int64_t row_panels,
                         int64_t column_panels) {
  const int64_t down = ceiling(rows, panel_rows), across = ceiling(columns, panel_columns);
  row_panels = minimum(row_panels, down), column_panels = minimum(column_panels, across);
  const bool shared = rows * columns * k >= MINIMUM_SHARED;
  while (shared && ceiling(down, row_panels) * ceiling(across, column_panels) < WANTED_TILES) {
    if (row_panels * panel_rows * column_panels * panel_columns * (k + 8) < 2 * MINIMUM_TILE) break;
    const bool is_wide = column_panels * panel_columns >= row_panels * panel_rows;
    if (column_panels > 1 && (is_wide || row_panels == 1)) column_panels = (column_panels + 1) / 2;
    else if (row_panels > 1) row_panels = (row_panels + 1) / 2;
    else break;
  }
  // Tiles of nearly the same size.
  row_panels = ceiling(down, ceiling(down, row_panels));
  column_panels = ceiling(across, ceiling(across, column_panels));
  gemm_grid g = {row_panels * panel_rows, column_panels * panel_columns, ceiling(across, column_panels), 0};
  g.count = g.across * ceiling(down, row_panels);
  return g;
}

// MARK: Packed

/// An operand whose panels are packed: rows of A, or columns of B. Strides count elements.
typedef struct {
  const char *base;  // of the block
  int64_t stride, k_stride;
  gemm_panel_source source;
  const void *context;
  bool is_b;
  char *to;
  int64_t first, count, tile;  // rows or columns: the first one (for the source), those of the block, and of a panel
  // The packing is shared out in parts of some panels and some steps of k, `across` of them side by side.
  int64_t panels, steps, across, parts;
} packed_operand;

typedef struct {
  const gemm_product *product;
  packed_operand a, b;
  int64_t row0, rows, column0, columns;  // the block of C
  int64_t k0, k;
  bool last;
  gemm_grid grid;
} packed_job;

// A panel is packed whole where it lies along k. Where a step of k lies along the panels, a few steps are packed for many panels: a panel by
// itself would be a cache line here and there, each in another page.
static void share_out(packed_operand *o, int64_t count, int64_t k) {
  o->count = count, o->parts = 0;
  if (count == 0) return;
  const int64_t panels = ceiling(count, o->tile);
  o->steps = !o->source && o->stride == 1 ? minimum(STEPS_AT_ONCE, k) : k;
  o->panels = minimum(ceiling(PACKED_AT_ONCE, o->steps * o->tile), panels);
  o->across = ceiling(panels, o->panels);
  o->parts = o->across * ceiling(k, o->steps);
}

static void pack_operand(const packed_job *job, const packed_operand *o, int64_t part) {
  const gemm_kernels *kernels = job->product->kernels;
  const int64_t size = job->product->element_size, k0 = part / o->across * o->steps, k = minimum(o->steps, job->k - k0);
  const int64_t start = part % o->across * o->panels * o->tile, end = minimum(start + o->panels * o->tile, o->count);
  for (int64_t i = start; i < end; i += o->tile) {
    const int64_t count = minimum(o->tile, o->count - i);
    const char *from = o->base + (i * o->stride + k0 * o->k_stride) * size;
    char *to = o->to + (i * job->k + k0 * o->tile) * size;
    if (o->source) o->source(o->context, o->first + i, count, job->k0 + k0, k, to);
    else if (o->is_b) kernels->pack_b(from, o->k_stride, o->stride, k, count, to);
    else kernels->pack_a(from, o->stride, o->k_stride, count, k, to);
  }
}

static void pack_part(void *context, int64_t part) {
  const packed_job *job = context;
  if (part < job->b.parts) pack_operand(job, &job->b, part);
  else pack_operand(job, &job->a, part - job->b.parts);
}

static void multiply_tile(void *context, int64_t tile) {
  const packed_job *job = context;
  const gemm_product *p = job->product;
  const int64_t i = tile / job->grid.across * job->grid.rows, j = tile % job->grid.across * job->grid.columns;
  const int64_t rows = minimum(job->grid.rows, job->rows - i), columns = minimum(job->grid.columns, job->columns - j);
  const int64_t row = job->row0 + i, column = job->column0 + j;
  const gemm_store store = begin_block(p, job->k0, row, column, rows, columns);
  const gemm_finish finish = finish_at(p, row, column);
  p->kernels->packed(rows, columns, job->k, job->a.to + i * job->k * p->element_size, job->b.to + j * job->k * p->element_size,
                     (void *)at(p, p->c, row * p->c_row_stride + column), p->c_row_stride, store,
                     job->last && needs_finish(p) ? &finish : NULL);
}

void gemm_run_packed(const gemm_product *p) {
  const gemm_kernels *kernels = p->kernels;
  const int64_t k_block = gemm_k_block(p->k);
  const int64_t block_rows = BLOCK_ROWS / kernels->tile_rows * kernels->tile_rows;
  const int64_t a_panels = ceiling(minimum(p->m, block_rows), kernels->tile_rows);
  const int64_t b_panels = ceiling(minimum(p->n, BLOCK_COLUMNS), kernels->tile_columns);
  const size_t a_bytes = (size_t)(a_panels * kernels->tile_rows * k_block * p->element_size);
  const size_t b_bytes = (size_t)(b_panels * kernels->tile_columns * k_block * p->element_size);
  char *scratch = ember_scratch(a_bytes + b_bytes + 64);
  if (!scratch) return;
  packed_job job = {
    .product = p,
    .a = {.stride = p->a_row_stride, .k_stride = p->a_column_stride, .source = p->a_source, .context = p->a_context,
          .tile = kernels->tile_rows, .to = scratch + (b_bytes + 63) / 64 * 64},
    .b = {.stride = p->b_column_stride, .k_stride = p->b_row_stride, .source = p->b_source, .context = p->b_context,
          .tile = kernels->tile_columns, .to = scratch, .is_b = true},
  };
  for (job.column0 = 0; job.column0 < p->n; job.column0 += BLOCK_COLUMNS) {
    job.columns = minimum(BLOCK_COLUMNS, p->n - job.column0);
    for (job.k0 = 0; job.k0 < p->k; job.k0 += k_block) {
      job.k = minimum(k_block, p->k - job.k0);
      job.last = job.k0 + job.k == p->k;
      for (job.row0 = 0; job.row0 < p->m; job.row0 += block_rows) {
        job.rows = minimum(block_rows, p->m - job.row0);
        job.a.first = job.row0, job.b.first = job.column0;
        job.a.base = p->a_source ? NULL : at(p, p->a, job.row0 * p->a_row_stride + job.k0 * p->a_column_stride);
        job.b.base = p->b_source ? NULL : at(p, p->b, job.k0 * p->b_row_stride + job.column0 * p->b_column_stride);
        share_out(&job.a, job.rows, job.k);
        // B is packed with the first block of rows, and serves the others too.
        share_out(&job.b, job.row0 == 0 ? job.columns : 0, job.k);
        // Little is packed by the caller alone.
        if ((job.a.count + job.b.count) * job.k < 2 * PACKED_AT_ONCE)
          for (int64_t part = 0; part < job.a.parts + job.b.parts; part++) pack_part(&job, part);
        else ember_parallel(job.a.parts + job.b.parts, pack_part, &job);
        job.grid = gemm_make_grid(p->kernels->tile_columns, job.rows, job.columns, job.k, kernels->tile_rows, TILE_ROW_PANELS, TILE_COLUMN_PANELS);
        ember_parallel(job.grid.count, multiply_tile, &job);
      }
    }
  }
  ember_deallocate(scratch, a_bytes + b_bytes + 64);
}

// MARK: Half packed

typedef struct {
  const gemm_product *product;
  int64_t k_block;
  gemm_grid grid;
} strided_job;

static void half_packed_tile(void *context, int64_t tile) {
  const strided_job *job = context;
  const gemm_product *p = job->product;
  const gemm_kernels *kernels = p->kernels;
  const int64_t width = kernels->tile_columns, row = tile / job->grid.across * job->grid.rows;
  const int64_t column0 = tile % job->grid.across * job->grid.columns;
  const int64_t rows = minimum(job->grid.rows, p->m - row), end = minimum(column0 + job->grid.columns, p->n);
  const size_t bytes = (size_t)(width * job->k_block * p->element_size);
  char *panel = ember_scratch(bytes);
  if (!panel) return;
  for (int64_t k0 = 0; k0 < p->k; k0 += job->k_block) {
    const int64_t k = minimum(job->k_block, p->k - k0);
    for (int64_t j = column0; j < end; j += width) {
      const int64_t columns = minimum(width, end - j);
      const gemm_store store = begin_block(p, k0, row, j, rows, columns);
      char *to = (char *)at(p, p->c, row * p->c_row_stride + j);
      kernels->pack_b(at(p, p->b, k0 * p->b_row_stride + j * p->b_column_stride), p->b_row_stride, p->b_column_stride, k,
                      columns, panel);
      kernels->strided(rows, columns, k, at(p, p->a, row * p->a_row_stride + k0 * p->a_column_stride), p->a_row_stride,
                       p->a_column_stride, panel, width, to, p->c_row_stride, store);
      if (k0 + k == p->k && needs_finish(p)) {
        const gemm_finish finish = finish_at(p, row, j);
        kernels->finish(rows, columns, to, p->c_row_stride, &finish);
      }
    }
  }
  ember_deallocate(panel, bytes);
}

void gemm_run_half_packed(const gemm_product *p) {
  const gemm_kernels *kernels = p->kernels;
  // All rows in one tile, so that B is packed once. Where there are fewer panels than threads, each packs them for some of the rows.
  int64_t parts = ceiling(ember_parallel_width(), ceiling(p->n, kernels->tile_columns));
  parts = minimum(minimum(parts, p->m / MINIMUM_ROWS), p->m * p->n * p->k / MINIMUM_TILE);
  const int64_t height = parts > 1 ? ceiling(ceiling(p->m, parts), kernels->strided_rows) * kernels->strided_rows : p->m;
  strided_job job = {p, gemm_k_block(p->k), gemm_make_grid(kernels->tile_columns, p->m, p->n, p->k, height, 1, TILE_COLUMN_PANELS)};
  ember_parallel(job.grid.count, half_packed_tile, &job);
}

// MARK: Strided

static void strided_tile(void *context, int64_t tile) {
  const strided_job *job = context;
  const gemm_product *p = job->product;
  const int64_t row = tile / job->grid.across * job->grid.rows, column = tile % job->grid.across * job->grid.columns;
  const int64_t rows = minimum(job->grid.rows, p->m - row), columns = minimum(job->grid.columns, p->n - column);
  char *to = (char *)at(p, p->c, row * p->c_row_stride + column);
  for (int64_t k0 = 0; k0 == 0 || k0 < p->k; k0 += job->k_block) {
    const gemm_store store = begin_block(p, k0, row, column, rows, columns);
    p->kernels->strided(rows, columns, minimum(job->k_block, p->k - k0),
                        at(p, p->a, row * p->a_row_stride + k0 * p->a_column_stride), p->a_row_stride, p->a_column_stride,
                        at(p, p->b, k0 * p->b_row_stride + column), p->b_row_stride, to, p->c_row_stride, store);
  }
  if (needs_finish(p)) {
    const gemm_finish finish = finish_at(p, row, column);
    p->kernels->finish(rows, columns, to, p->c_row_stride, &finish);
  }
}

void gemm_run_strided(const gemm_product *p) {
  // Where B does not fit the cache and is used about once, a few of its rows are walked side by side: each of them is then a
  // stream that the hardware prefetches, where a narrow column of B would be a cache line here and there.
  const bool streams = p->m <= p->kernels->strided_rows && p->k * p->n > (1 << 16);
  strided_job job = {p, streams ? p->m == 1 ? 4 : 8 : gemm_k_block(p->k), {0}};
  if (p->m * p->n * p->k < MINIMUM_SHARED) job.grid = (gemm_grid){p->m, p->n, 1, 1};
  else job.grid = gemm_make_grid(p->kernels->tile_columns, p->m, p->n, p->k, p->kernels->strided_rows, TILE_ROW_PANELS, 16);
  if (job.grid.count == 1) strided_tile(&job, 0);
  else ember_parallel(job.grid.count, strided_tile, &job);
}

// MARK: Dots

static void dots_tile(void *context, int64_t tile) {
  const strided_job *job = context;
  const gemm_product *p = job->product;
  const int64_t column = tile * job->grid.columns, columns = minimum(job->grid.columns, p->n - column);
  char *to = (char *)at(p, p->c, column);
  const gemm_store store = begin_block(p, 0, 0, column, p->m, columns);
  p->kernels->dots(p->m, columns, p->k, p->a, p->a_row_stride, at(p, p->b, column * p->b_column_stride), p->b_column_stride,
                   to, p->c_row_stride, store);
  if (needs_finish(p)) {
    const gemm_finish finish = finish_at(p, 0, column);
    p->kernels->finish(p->m, columns, to, p->c_row_stride, &finish);
  }
}

void gemm_run_dots(const gemm_product *p) {
  strided_job job = {.product = p};
  // A multiple of 4 columns with about 64k multiplications.
  int64_t columns = ceiling(1 << 16, p->m * (p->k + 8));
  columns = (columns + 3) / 4 * 4;
  job.grid = (gemm_grid){p->m, columns, ceiling(p->n, columns), ceiling(p->n, columns)};
  ember_parallel(job.grid.count, dots_tile, &job);
}

// MARK: Choice

// With few columns, the transposed product C' = B' A' makes better use of vectors. Its rows are the columns of C, which are
// contiguous only in scratch memory.
static bool run_transposed(const gemm_product *p) {
  if (p->n >= p->kernels->tile_columns / 4 || p->m < 4 * p->n || p->m * p->k < 64) return false;
  gemm_product t = *p;
  t.m = p->n, t.n = p->m;
  t.a = p->b, t.a_row_stride = p->b_column_stride, t.a_column_stride = p->b_row_stride;
  t.b = p->a, t.b_row_stride = p->a_column_stride, t.b_column_stride = p->a_row_stride;
  t.row_bias = p->column_bias, t.column_bias = p->row_bias;
  if (p->n == 1 && p->c_row_stride == 1) {
    t.c_row_stride = p->m;
    gemm_run(&t);
    return true;
  }
  const size_t bytes = (size_t)(p->m * p->n * p->element_size);
  char *scratch = ember_scratch(bytes);
  if (!scratch) return true;
  t.c = scratch, t.c_row_stride = p->m;
  if (p->beta != 0)
    for (int64_t i = 0; i < p->m; i++)
      for (int64_t j = 0; j < p->n; j++)
        memcpy(scratch + (j * p->m + i) * p->element_size, at(p, p->c, i * p->c_row_stride + j), (size_t)p->element_size);
  gemm_run(&t);
  if (p->element_size == 4) {
    float *to = p->c;
    for (int64_t i = 0; i < p->m; i++)
      for (int64_t j = 0; j < p->n; j++) to[i * p->c_row_stride + j] = ((const float *)scratch)[j * p->m + i];
  } else {
    double *to = p->c;
    for (int64_t i = 0; i < p->m; i++)
      for (int64_t j = 0; j < p->n; j++) to[i * p->c_row_stride + j] = ((const double *)scratch)[j * p->m + i];
  }
  ember_deallocate(scratch, bytes);
  return true;
}

void gemm_run(const gemm_product *p) {
  if (p->m <= 0 || p->n <= 0) return;
  const gemm_kernels *kernels = p->kernels;
  if (p->k == 0) {
    gemm_product empty = *p;
    empty.b_column_stride = 1;
    gemm_run_strided(&empty);
    return;
  }
  if (run_transposed(p)) return;
  const bool straight = p->b_column_stride == 1 || p->n == 1;
  // Rows at a multiple of 4096 bytes all fall into the same few places of the nearest cache.
  const bool collides = p->b_row_stride * p->element_size % 4096 == 0 || p->a_row_stride * p->element_size % 4096 == 0;
  const int64_t most = collides ? 1 << 13 : p->m <= 128 ? 1 << 18 : 1 << 16;
  if (straight && (p->m <= kernels->strided_rows || (p->n * p->k <= most && p->m * p->k <= most))) gemm_run_strided(p);
  else if (p->b_row_stride == 1 && p->a_column_stride == 1 && p->m <= 4 * kernels->dot_rows && p->k >= 32) gemm_run_dots(p);
  else if (p->m <= 128) gemm_run_half_packed(p);
  else gemm_run_packed(p);
}
