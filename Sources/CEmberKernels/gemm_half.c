// Products of matrices of 16-bit floats: cutting them into blocks, packing, sharing the blocks out among the threads.
//
// Both operands are packed, which is where they are converted; sums stay in float32 until the last one. A block of C is summed over
// all of k before the next begins, so that only one block's sums exist.
#include "ember_allocator.h"
#include "gemm_internal.h"

enum {
  // As in gemm_run.c: a block of A fits the second level of cache beside the sums, a panel of B the first.
  TILE_ROW_PANELS = 12,
  TILE_COLUMN_PANELS = 8,
  BLOCK_ROWS = 2016,
  BLOCK_COLUMNS = 4096,
  // Of one packed operand, if it has more than a tile.
  BLOCK_BYTES = 16 << 20,
  PACKED_AT_ONCE = 1 << 15,
  // Steps along k that are packed by one chunk: of A, whose rows mostly lie along k, many of one panel; of B few of neighbouring panels,
  // which share the lines that a row of theirs lies in.
  PACKED_K_A = 2048,
  PACKED_K_B = 128,
};

typedef struct {
  const gemm_call *call;
  const gemm_half_kernels *kernels;
  char *a, *b;                            // packed
  int64_t panel_k;                        // k with what fills it up to k_step
  int64_t row0, rows, column0, columns;   // the block of C
  int64_t a_panels, b_panels;             // to pack
  int64_t a_parts, b_parts;               // of k
  int64_t a_items, b_items;               // (panel, part) that one chunk packs
  int64_t b_chunks;
  const float *row_bias, *column_bias;
  gemm_grid grid;
} half_job;

static int64_t minimum(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t ceiling(int64_t a, int64_t b) { return (a + b - 1) / b; }

static int64_t a_panel_bytes(const half_job *job) { return job->panel_k * job->kernels->tile_rows * job->kernels->element_size; }
static int64_t b_panel_bytes(const half_job *job) { return job->panel_k * job->kernels->tile_columns * job->kernels->element_size; }

static void pack_a_items(const half_job *job, int64_t chunk) {
  const gemm_call *c = job->call;
  const gemm_half_kernels *kernels = job->kernels;
  const int64_t end = minimum((chunk + 1) * job->a_items, job->a_panels * job->a_parts);
  for (int64_t item = chunk * job->a_items; item < end; item++) {
    const int64_t panel = item / job->a_parts, k0 = item % job->a_parts * PACKED_K_A, first = job->row0 + panel * kernels->tile_rows;
    kernels->pack_a((const uint16_t *)c->a + first * c->a_row + k0 * c->a_column, c->a_row, c->a_column,
                    minimum(kernels->tile_rows, job->row0 + job->rows - first), minimum(PACKED_K_A, c->k - k0),
                    job->a + panel * a_panel_bytes(job) + k0 * kernels->tile_rows * kernels->element_size);
  }
}

static void pack_b_items(const half_job *job, int64_t chunk) {
  const gemm_call *c = job->call;
  const gemm_half_kernels *kernels = job->kernels;
  const int64_t end = minimum((chunk + 1) * job->b_items, job->b_panels * job->b_parts);
  for (int64_t item = chunk * job->b_items; item < end; item++) {
    const int64_t panel = item % job->b_panels, k0 = item / job->b_panels * PACKED_K_B, first = job->column0 + panel * kernels->tile_columns;
    kernels->pack_b((const uint16_t *)c->b + k0 * c->b_row + first * c->b_column, c->b_column, c->b_row,
                    minimum(kernels->tile_columns, job->column0 + job->columns - first), minimum(PACKED_K_B, c->k - k0),
                    job->b + panel * b_panel_bytes(job) + k0 * kernels->tile_columns * kernels->element_size);
  }
}

static void pack_chunk(void *context, int64_t chunk) {
  const half_job *job = context;
  if (chunk < job->b_chunks) pack_b_items(job, chunk);
  else pack_a_items(job, chunk - job->b_chunks);
}

static void multiply_tile(void *context, int64_t tile) {
  const half_job *job = context;
  const gemm_call *c = job->call;
  const gemm_half_kernels *kernels = job->kernels;
  const ember_gemm_epilogue *epilogue = c->epilogue;
  const int64_t i = tile / job->grid.across * job->grid.rows, j = tile % job->grid.across * job->grid.columns;
  const int64_t rows = minimum(job->grid.rows, job->rows - i), columns = minimum(job->grid.columns, job->columns - j);
  const int64_t row = job->row0 + i, column = job->column0 + j;
  uint16_t *to = (uint16_t *)c->c + row * c->c_row + column;
  const size_t bytes = (size_t)(rows * columns) * sizeof(float);
  float *sums = ember_scratch(bytes);
  if (!sums) return;
  const bool adds = epilogue && epilogue->beta != 0;
  if (adds) {
    for (int64_t r = 0; r < rows; r++) c->isa->widen(c->dtype, to + r * c->c_row, sums + r * columns, columns);
    if (epilogue->beta != 1) c->isa->f32->scale(rows, columns, sums, columns, epilogue->beta);
  }
  const float alpha = epilogue ? (float)epilogue->alpha : 1;
  const char *a = job->a + i / kernels->tile_rows * a_panel_bytes(job), *b = job->b + j / kernels->tile_columns * b_panel_bytes(job);
  int64_t k0 = 0;
  do {
    const int64_t k = minimum(kernels->k_block, c->k - k0);
    for (int64_t q = 0; q < columns; q += kernels->tile_columns) {
      const int64_t width = minimum(kernels->tile_columns, columns - q);
      if (k0 + k >= c->k)
        for (int64_t r = 0; r < rows; r++) __builtin_prefetch(to + r * c->c_row + q, 1);
      const bool finishes = epilogue && (job->row_bias || job->column_bias || epilogue->activation != EMBER_ACTIVATION_NONE);
      if (k0 + k >= c->k && !finishes && kernels->multiply_last) {
        kernels->multiply_last(rows, width, k, a + k0 * kernels->tile_rows * kernels->element_size, a_panel_bytes(job),
                               b + q / kernels->tile_columns * b_panel_bytes(job) + k0 * kernels->tile_columns * kernels->element_size,
                               sums + q, columns, alpha, adds || k0 > 0, to + q, c->c_row);
        continue;
      }
      kernels->multiply(rows, width, k, a + k0 * kernels->tile_rows * kernels->element_size, a_panel_bytes(job),
                        b + q / kernels->tile_columns * b_panel_bytes(job) + k0 * kernels->tile_columns * kernels->element_size, sums + q,
                        columns, alpha, adds || k0 > 0);
      if (k0 + k < c->k) continue;
      // Finished, and still in the cache.
      if (finishes) {
        const gemm_finish finish = {job->row_bias ? job->row_bias + row : NULL, job->column_bias ? job->column_bias + column + q : NULL,
                                    epilogue->activation, NULL, 0};
        c->isa->f32->finish(rows, width, sums + q, columns, &finish);
      }
      kernels->store(rows, width, sums + q, columns, to + q, c->c_row);
    }
    k0 += kernels->k_block;
  } while (k0 < c->k);
  ember_deallocate(sums, bytes);
}

static const gemm_half_kernels *kernels_for(const gemm_call *c) {
#if EMBER_X86_ISAS
  if (c->dtype == EMBER_BFLOAT16 && c->isa == &gemm_isa_avx512) {
    // Asking the processor again and again would be slow; asking it twice at the same time does no harm.
    static _Atomic int has_pairs = -1;
    if (has_pairs < 0) has_pairs = gemm_has_bfloat16_pairs();
    if (has_pairs) return &gemm_bfloat16_pairs;
  }
#endif
  return c->dtype == EMBER_BFLOAT16 ? c->isa->bfloat16 : c->isa->half;
}

/// Panels of a block: all of them, if they are not too many bytes, but at least a tile's.
static int64_t panels_at_once(int64_t panels, int64_t panel_bytes, int64_t tile_panels, int64_t most) {
  int64_t count = BLOCK_BYTES / panel_bytes;
  if (count < tile_panels) count = tile_panels;
  count = minimum(count, most);
  // Blocks of nearly the same size.
  return ceiling(panels, ceiling(panels, count));
}

void gemm_run_half(const gemm_call *c) {
  half_job job = {.call = c, .kernels = kernels_for(c)};
  const gemm_half_kernels *kernels = job.kernels;
  job.panel_k = ceiling(c->k, kernels->k_step) * kernels->k_step;
  const int64_t all_rows = ceiling(c->m, kernels->tile_rows), all_columns = ceiling(c->n, kernels->tile_columns);
  // Never empty, so that no panel has 0 bytes.
  if (job.panel_k == 0) job.panel_k = kernels->k_step;
  const int64_t row_panels = panels_at_once(all_rows, a_panel_bytes(&job), TILE_ROW_PANELS, BLOCK_ROWS / kernels->tile_rows);
  const int64_t column_panels = panels_at_once(all_columns, b_panel_bytes(&job), TILE_COLUMN_PANELS, BLOCK_COLUMNS / kernels->tile_columns);
  const void *biases[2] = {c->epilogue ? c->epilogue->row_bias : NULL, c->epilogue ? c->epilogue->column_bias : NULL};
  const int64_t bias_count = (biases[0] ? c->m : 0) + (biases[1] ? c->n : 0);
  const size_t a_bytes = (size_t)(row_panels * a_panel_bytes(&job)), b_bytes = (size_t)(column_panels * b_panel_bytes(&job));
  const size_t bytes = a_bytes + b_bytes + 128 + (size_t)bias_count * sizeof(float);
  char *scratch = ember_scratch(bytes);
  if (!scratch) return;
  job.b = scratch;
  job.a = scratch + (b_bytes + 63) / 64 * 64;
  float *bias = (float *)(job.a + (a_bytes + 63) / 64 * 64);
  if (biases[0]) {
    c->isa->widen(c->dtype, biases[0], bias, c->m);
    job.row_bias = bias;
    bias += c->m;
  }
  if (biases[1]) {
    c->isa->widen(c->dtype, biases[1], bias, c->n);
    job.column_bias = bias;
  }
  job.a_parts = ceiling(c->k, PACKED_K_A), job.b_parts = ceiling(c->k, PACKED_K_B);
  for (job.column0 = 0; job.column0 < c->n; job.column0 += column_panels * kernels->tile_columns) {
    job.columns = minimum(column_panels * kernels->tile_columns, c->n - job.column0);
    for (job.row0 = 0; job.row0 < c->m; job.row0 += row_panels * kernels->tile_rows) {
      job.rows = minimum(row_panels * kernels->tile_rows, c->m - job.row0);
      job.a_panels = ceiling(job.rows, kernels->tile_rows);
      // B is packed with the first block of rows, and serves the others too.
      job.b_panels = job.row0 == 0 ? ceiling(job.columns, kernels->tile_columns) : 0;
      const int64_t elements_a = minimum(c->k, PACKED_K_A) * kernels->tile_rows, elements_b = minimum(c->k, PACKED_K_B) * kernels->tile_columns;
      const int64_t items_a = job.a_panels * job.a_parts, items_b = job.b_panels * job.b_parts;
      // Little is packed at once by the caller alone.
      const bool little = items_a * elements_a + items_b * elements_b < 2 * PACKED_AT_ONCE;
      job.a_items = little ? items_a + 1 : ceiling(PACKED_AT_ONCE, elements_a + 1);
      job.b_items = little ? items_b + 1 : ceiling(PACKED_AT_ONCE, elements_b + 1);
      job.b_chunks = ceiling(items_b, job.b_items);
      const int64_t chunks = job.b_chunks + ceiling(items_a, job.a_items);
      if (little)
        for (int64_t chunk = 0; chunk < chunks; chunk++) pack_chunk(&job, chunk);
      else ember_parallel(chunks, pack_chunk, &job);
      job.grid = gemm_make_grid(kernels->tile_columns, job.rows, job.columns, c->k, kernels->tile_rows, TILE_ROW_PANELS, TILE_COLUMN_PANELS);
      ember_parallel(job.grid.count, multiply_tile, &job);
    }
  }
  ember_deallocate(scratch, bytes);
}
