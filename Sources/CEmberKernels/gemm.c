// The public matrix products: dtypes and batches.
#include "ember_allocator.h"
#include "gemm_internal.h"

// MARK: Other types

enum { ROWS_MULTIPLICATIONS = 1 << 16 };

typedef struct {
  const gemm_call *call;
  int64_t rows;
} other_job;

static void other_rows(void *context, int64_t chunk) {
  const other_job *job = context;
  const gemm_call *c = job->call;
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

static void run_other(const gemm_call *c) {
  other_job job = {c, 1 + ROWS_MULTIPLICATIONS / (c->n * (c->k + 1))};
  ember_parallel((c->m + job.rows - 1) / job.rows, other_rows, &job);
}

// MARK: float32 and float64

static gemm_product product_of(const gemm_call *c) {
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

// MARK: Calls

static void run(const gemm_call *c) {
  if (c->m <= 0 || c->n <= 0) return;
  if (!c->isa->f32 || (c->dtype != EMBER_FLOAT32 && c->dtype != EMBER_FLOAT64 && !gemm_is_half(c->dtype))) {
    run_other(c);
  } else if (gemm_is_half(c->dtype)) {
    gemm_run_half(c);
  } else {
    const gemm_product p = product_of(c);
    gemm_run(&p);
  }
}

void ember_gemm(int dtype, int64_t m, int64_t n, int64_t k, const void *a, int64_t a_row_stride, int64_t a_column_stride,
                const void *b, int64_t b_row_stride, int64_t b_column_stride, void *c, int64_t c_row_stride,
                const ember_gemm_epilogue *epilogue) {
  const gemm_call one = {&EMBER_ISA_PICK(gemm_isa, ember_isa_current()), dtype, m, n, k, a, b, c, a_row_stride, a_column_stride,
                    b_row_stride, b_column_stride, c_row_stride, epilogue};
  run(&one);
}

typedef struct {
  gemm_call first;
  int64_t batch, items, a_batch, b_batch, c_batch;  // strides in bytes
} batch_job;

static void batch_chunk(void *context, int64_t chunk) {
  const batch_job *job = context;
  const int64_t end = (chunk + 1) * job->items < job->batch ? (chunk + 1) * job->items : job->batch;
  gemm_call item = job->first;
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
