// The public matrix products: dtypes and batches.
#include "ember_allocator.h"
#include "gemm_internal.h"

/// One product or a batch of them, as the caller described it.
typedef struct {
  const gemm_isa *isa;
  int dtype;
  int64_t m, n, k;
  const void *a, *b;
  void *c;
  int64_t a_row, a_column, b_row, b_column, c_row;
  const ember_gemm_epilogue *epilogue;
} call;

// MARK: Other types

enum { ROWS_MULTIPLICATIONS = 1 << 16 };

typedef struct {
  const call *call;
  int64_t rows;
} other_job;

static void other_rows(void *context, int64_t chunk) {
  const other_job *job = context;
  const call *c = job->call;
  const int64_t size = (int64_t)ember_dtype_size(c->dtype), row = chunk * job->rows;
  ember_gemm_epilogue epilogue;
  if (c->epilogue) {
    epilogue = *c->epilogue;
    if (epilogue.row_bias) epilogue.row_bias = (const char *)epilogue.row_bias + row * size;
  }
  c->isa->other(c->dtype, c->m - row < job->rows ? c->m - row : job->rows, c->n, c->k,
                (const char *)c->a + row * c->a_row * size, c->a_row, c->a_column, c->b, c->b_row, c->b_column,
                (char *)c->c + row * c->c_row * size, c->c_row, c->epilogue ? &epilogue : NULL);
}

static void run_other(const call *c) {
  other_job job = {c, 1 + ROWS_MULTIPLICATIONS / (c->n * (c->k + 1))};
  ember_parallel((c->m + job.rows - 1) / job.rows, other_rows, &job);
}

// MARK: 16-bit floats

// A matrix of 16-bit floats as a dense one of float32, in its own order: transposed if its columns are the contiguous ones.
typedef struct {
  const gemm_isa *isa;
  int dtype;
  const uint16_t *in;
  int64_t rows, columns, row_stride, column_stride;
  float *out;
} widen_job;

enum { WIDEN_ROWS = 16 };

static void widen_rows(void *context, int64_t chunk) {
  const widen_job *job = context;
  const int64_t end = (chunk + 1) * WIDEN_ROWS < job->rows ? (chunk + 1) * WIDEN_ROWS : job->rows;
  for (int64_t r = chunk * WIDEN_ROWS; r < end; r++) {
    const uint16_t *in = job->in + r * job->row_stride;
    float *out = job->out + r * job->columns;
    if (job->column_stride == 1) job->isa->widen(job->dtype, in, out, job->columns);
    else
      for (int64_t j = 0; j < job->columns; j++) job->isa->widen(job->dtype, in + j * job->column_stride, out + j, 1);
  }
}

static void widen(const call *c, const void *in, int64_t rows, int64_t columns, int64_t *row_stride, int64_t *column_stride,
                  float *out) {
  const bool transposed = *row_stride == 1 && *column_stride != 1;
  widen_job job = transposed ? (widen_job){c->isa, c->dtype, in, columns, rows, *column_stride, 1, out}
                             : (widen_job){c->isa, c->dtype, in, rows, columns, *row_stride, *column_stride, out};
  *row_stride = transposed ? 1 : columns;
  *column_stride = transposed ? rows : 1;
  const int64_t chunks = (job.rows + WIDEN_ROWS - 1) / WIDEN_ROWS;
  if (rows * columns < 1 << 14)
    for (int64_t i = 0; i < chunks; i++) widen_rows(&job, i);
  else ember_parallel(chunks, widen_rows, &job);
}

static float *widen_vector(const call *c, const void *in, int64_t count, float *out) {
  if (!in) return NULL;
  c->isa->widen(c->dtype, in, out, count);
  return out;
}

static gemm_product product_of(const call *c) {
  gemm_product p = {
    .kernels = c->dtype == EMBER_FLOAT64 ? c->isa->f64 : c->isa->f32,
    .element_size = c->dtype == EMBER_FLOAT64 ? 8 : 4,
    .m = c->m, .n = c->n, .k = c->k,
    .a = c->a, .a_row_stride = c->a_row, .a_column_stride = c->a_column,
    .b = c->b, .b_row_stride = c->b_row, .b_column_stride = c->b_column,
    .c = c->c, .c_row_stride = c->c_row,
    .alpha = 1,
  };
  if (c->epilogue) {
    p.alpha = c->epilogue->alpha, p.beta = c->epilogue->beta;
    p.row_bias = c->epilogue->row_bias, p.column_bias = c->epilogue->column_bias;
    p.activation = c->epilogue->activation;
  }
  return p;
}

static void run_half_columns(const call *c);

typedef struct {
  const call *call;
  int64_t columns;
} columns_job;

static void half_columns_chunk(void *context, int64_t chunk) {
  const columns_job *job = context;
  call part = *job->call;
  const int64_t first = chunk * job->columns;
  part.n = part.n - first < job->columns ? part.n - first : job->columns;
  part.b = (const uint16_t *)part.b + first * part.b_column;
  part.c = (uint16_t *)part.c + first;
  ember_gemm_epilogue epilogue;
  if (part.epilogue) {
    epilogue = *part.epilogue;
    if (epilogue.column_bias) epilogue.column_bias = (const uint16_t *)epilogue.column_bias + first;
    part.epilogue = &epilogue;
  }
  run_half_columns(&part);
}

// Converts everything, multiplies in float32, converts back.
static void run_half_columns(const call *c) {
  const size_t count = (size_t)(c->m * c->k + c->k * c->n + c->m * c->n + c->m + c->n);
  float *scratch = ember_scratch(count * sizeof(float));
  if (!scratch) return;
  float *a = scratch, *b = a + c->m * c->k, *result = b + c->k * c->n, *row_bias = result + c->m * c->n;
  gemm_product p = product_of(c);
  widen(c, c->a, c->m, c->k, &p.a_row_stride, &p.a_column_stride, a);
  widen(c, c->b, c->k, c->n, &p.b_row_stride, &p.b_column_stride, b);
  p.a = a, p.b = b, p.c = result, p.c_row_stride = c->n;
  p.row_bias = widen_vector(c, p.row_bias, c->m, row_bias);
  p.column_bias = widen_vector(c, p.column_bias, c->n, row_bias + c->m);
  if (p.beta != 0)
    for (int64_t i = 0; i < c->m; i++)
      c->isa->widen(c->dtype, (const uint16_t *)c->c + i * c->c_row, result + i * c->n, c->n);
  gemm_run(&p);
  for (int64_t i = 0; i < c->m; i++)
    c->isa->narrow(c->dtype, result + i * c->n, (uint16_t *)c->c + i * c->c_row, c->n);
  ember_deallocate(scratch, count * sizeof(float));
}

static void run_half(const call *c) {
  // A large B that few rows pass by is converted piece by piece, each going straight from the cache into its product.
  const columns_job job = {c, 64 + (1 << 16) / (c->k + 1) / 64 * 64};
  if (c->m <= 32 && c->n > 2 * job.columns)
    ember_parallel((c->n + job.columns - 1) / job.columns, half_columns_chunk, (void *)&job);
  else run_half_columns(c);
}

// MARK: Calls

static void run(const call *c) {
  if (c->m <= 0 || c->n <= 0) return;
  if (!c->isa->f32 || (c->dtype != EMBER_FLOAT32 && c->dtype != EMBER_FLOAT64 && !gemm_is_half(c->dtype))) {
    run_other(c);
  } else if (gemm_is_half(c->dtype)) {
    run_half(c);
  } else {
    const gemm_product p = product_of(c);
    gemm_run(&p);
  }
}

void ember_gemm(int dtype, int64_t m, int64_t n, int64_t k, const void *a, int64_t a_row_stride, int64_t a_column_stride,
                const void *b, int64_t b_row_stride, int64_t b_column_stride, void *c, int64_t c_row_stride,
                const ember_gemm_epilogue *epilogue) {
  const call one = {&EMBER_ISA_PICK(gemm_isa, ember_isa_current()), dtype, m, n, k, a, b, c, a_row_stride, a_column_stride,
                    b_row_stride, b_column_stride, c_row_stride, epilogue};
  run(&one);
}

typedef struct {
  call first;
  int64_t batch, items, a_batch, b_batch, c_batch;  // strides in bytes
} batch_job;

static void batch_chunk(void *context, int64_t chunk) {
  const batch_job *job = context;
  const int64_t end = (chunk + 1) * job->items < job->batch ? (chunk + 1) * job->items : job->batch;
  call item = job->first;
  for (int64_t i = chunk * job->items; i < end; i++) {
    item.a = (const char *)job->first.a + i * job->a_batch;
    item.b = (const char *)job->first.b + i * job->b_batch;
    item.c = (char *)job->first.c + i * job->c_batch;
    run(&item);
  }
}

void ember_gemm_batched(int dtype, int64_t batch, int64_t m, int64_t n, int64_t k, const void *a, int64_t a_batch_stride,
                        int64_t a_row_stride, int64_t a_column_stride, const void *b, int64_t b_batch_stride,
                        int64_t b_row_stride, int64_t b_column_stride, void *c, int64_t c_batch_stride, int64_t c_row_stride,
                        const ember_gemm_epilogue *epilogue) {
  if (batch <= 0 || m <= 0 || n <= 0) return;
  const int64_t size = (int64_t)ember_dtype_size(dtype);
  batch_job job = {
    .first = {&EMBER_ISA_PICK(gemm_isa, ember_isa_current()), dtype, m, n, k, a, b, c, a_row_stride, a_column_stride,
              b_row_stride, b_column_stride, c_row_stride, epilogue},
    .batch = batch, .items = 1,
    .a_batch = a_batch_stride * size, .b_batch = b_batch_stride * size, .c_batch = c_batch_stride * size,
  };
  // One B for all, and rows that continue from one item to the next: one tall product.
  if (b_batch_stride == 0 && (m == 1 || (a_batch_stride == m * a_row_stride && c_batch_stride == m * c_row_stride)) &&
      !(epilogue && epilogue->row_bias) && batch > 1) {
    if (m == 1) job.first.a_row = a_batch_stride, job.first.c_row = c_batch_stride;
    job.first.m = batch * m;
    run(&job.first);
    return;
  }
  const int64_t work = m * n * (k + 1);
  if (work >= 1 << 22 && batch < 16) {
    // Few large ones: each is shared out by itself.
    job.items = batch;
    batch_chunk(&job, 0);
    return;
  }
  job.items = 1 + (1 << 15) / work;
  const int64_t chunks = (batch + job.items - 1) / job.items;
  if (chunks == 1) batch_chunk(&job, 0);
  else ember_parallel(chunks, batch_chunk, &job);
}
