// Attention in blocks of queries and keys (Dao, Fu, Ermon, Rudra and Ré, arXiv:2205.14135): the scores of a block stay in the second level
// of cache, and every row keeps its maximum and its sum of exponentials as keys pass by.
//
// Forward, a task is a head and a range of its queries; backward, a head and a range of its keys, whose gradients are then its own.
// Ranges depend on the shapes alone.
#include "attention_internal.h"
#include "ember_allocator.h"

enum {
  QUERIES = 64,          // of a block
  KEYS = 256,
  STRIDE = KEYS + 16,    // of a row of scores: rows do not meet in the same few places of the cache
  QUERY_RANGE = 512,
  KEY_RANGE = 512,
  ENOUGH_HEADS = 4,      // for tasks of whole heads in a backward pass
  MAXIMUM_KEY_RANGES = 8,
  ADDED_AT_ONCE = 1 << 14,
};

typedef struct {
  const ember_attention *attention;
  const attention_kernels *kernels;
  const gemm_kernels *gemm;
  float *y, *logarithms;               // results of the forward pass
  const float *dy, *result, *given;    // what the backward pass reads: gradient, y, logarithms
  float *dq, *dk, *dv, *parts;
  int64_t ranges, range;               // of queries or keys, a head
} attention_job;

static int64_t minimum(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t ceiling(int64_t a, int64_t b) { return (a + b - 1) / b; }

// MARK: Products

static int64_t panels_elements(const attention_job *job, int64_t depth) {
  return ceiling(KEYS, job->gemm->tile_columns) * job->gemm->tile_columns * depth;
}

// Rows of keys or values as the columns of a packed matrix.
static void pack_transposed(const attention_job *job, const float *rows, int64_t row_stride, int64_t count, int64_t depth, float *panels) {
  const int64_t width = job->gemm->tile_columns;
  for (int64_t j = 0; j < count; j += width)
    job->gemm->pack_b(rows + j * row_stride, 1, row_stride, depth, minimum(width, count - j), panels + j * depth);
}

// out[rows, columns] = alpha · a[rows, depth] · panels.
static void multiply_panels(const attention_job *job, const float *a, int64_t a_row, int64_t rows, int64_t columns, int64_t depth,
                            const float *panels, double alpha, float *out) {
  const int64_t width = job->gemm->tile_columns;
  const gemm_store store = {alpha, false};
  for (int64_t j = 0; j < columns; j += width)
    job->gemm->strided(rows, minimum(width, columns - j), depth, a, a_row, 1, panels + j * depth, width, out + j, STRIDE, store);
}

static void copy_rows(const float *from, int64_t row_stride, int64_t rows, int64_t width, float *to) {
  for (int64_t i = 0; i < rows; i++) memcpy(to + i * width, from + i * row_stride, (size_t)width * sizeof(float));
}

// MARK: Forward

static void forward_task(void *context, int64_t task) {
  const attention_job *job = context;
  const ember_attention *a = job->attention;
  const int64_t head = task / job->ranges, query0 = task % job->ranges * job->range, query1 = minimum(query0 + job->range, a->queries);
  const int64_t panels = panels_elements(job, a->features);
  const size_t bytes = (size_t)(QUERIES * STRIDE + panels + KEYS * a->values + 2 * job->range) * sizeof(float);
  float *scores = ember_scratch(bytes);
  if (!scores) return;
  float *keys = scores + QUERIES * STRIDE, *values = keys + panels, *maxima = values + KEYS * a->values, *sums = maxima + job->range;
  float *y = job->y + (head * a->queries + query0) * a->values;
  memset(y, 0, (size_t)((query1 - query0) * a->values) * sizeof(float));
  for (int64_t i = 0; i < query1 - query0; i++) maxima[i] = -INFINITY, sums[i] = 0;
  const int64_t visible = attention_visible(a, query1 - 1);
  for (int64_t key = 0; key < visible; key += KEYS) {
    const int64_t count = minimum(KEYS, visible - key);
    pack_transposed(job, a->k + a->k_offsets[head] + key * a->k_row, a->k_row, count, a->features, keys);
    copy_rows(a->v + a->v_offsets[head] + key * a->v_row, a->v_row, count, a->values, values);
    for (int64_t query = query0; query < query1; query += QUERIES) {
      const int64_t rows = minimum(QUERIES, query1 - query), columns = minimum(count, attention_visible(a, query + rows - 1) - key);
      if (columns <= 0) continue;
      multiply_panels(job, a->q + a->q_offsets[head] + query * a->q_row, a->q_row, rows, columns, a->features, keys, a->scale, scores);
      const attention_block block = {a, head, query, rows, key, columns, scores, STRIDE};
      float *result = y + (query - query0) * a->values;
      job->kernels->weights(&block, maxima + query - query0, sums + query - query0, result);
      const gemm_store store = {1, true};
      job->gemm->strided(rows, a->values, columns, scores, STRIDE, 1, values, a->values, result, a->values, store);
    }
  }
  job->kernels->finish(a, query1 - query0, maxima, sums, y, job->logarithms + head * a->queries + query0);
  ember_deallocate(scores, bytes);
}

static attention_job make_job(const ember_attention *attention) {
  const int isa = ember_isa_current();
  return (attention_job){
    .attention = attention, .kernels = &EMBER_ISA_PICK(attention_kernels, isa), .gemm = EMBER_ISA_PICK(gemm_isa, isa).f32};
}

void ember_attention_forward(const ember_attention *a, float *y, float *logarithms) {
  attention_job job = make_job(a);
  if (!job.gemm) {
    attention_reference_forward(a, y, logarithms);
    return;
  }
  if (a->queries <= 0) return;
  job.y = y, job.logarithms = logarithms;
  job.ranges = ceiling(a->queries, QUERY_RANGE);
  job.range = ceiling(ceiling(a->queries, job.ranges), QUERIES) * QUERIES;
  job.ranges = ceiling(a->queries, job.range);
  ember_parallel(a->heads * job.ranges, forward_task, &job);
}

// MARK: Backward

static void backward_task(void *context, int64_t task) {
  const attention_job *job = context;
  const ember_attention *a = job->attention;
  const int64_t head = task / job->ranges, range = task % job->ranges, first = range * job->range, end = minimum(first + job->range, a->keys);
  const int64_t features = a->features, values = a->values, queries = a->queries;
  const int64_t key_panels = panels_elements(job, features), value_panels = panels_elements(job, values);
  const size_t bytes = (size_t)(2 * QUERIES * STRIDE + key_panels + value_panels + KEYS * features + QUERIES * features + queries) * sizeof(float);
  float *scores = ember_scratch(bytes);
  if (!scores) return;
  float *gradients = scores + QUERIES * STRIDE, *packed_keys = gradients + QUERIES * STRIDE, *packed_values = packed_keys + key_panels;
  float *keys = packed_values + value_panels, *block_queries = keys + KEYS * features, *products = block_queries + QUERIES * features;
  const float *dy = job->dy + head * queries * values, *logarithms = job->given + head * queries;
  float *dq = (job->ranges > 1 ? job->parts + range * a->heads * queries * features : job->dq) + head * queries * features;
  memset(dq, 0, (size_t)(queries * features) * sizeof(float));
  memset(job->dk + (head * a->keys + first) * features, 0, (size_t)((end - first) * features) * sizeof(float));
  memset(job->dv + (head * a->keys + first) * values, 0, (size_t)((end - first) * values) * sizeof(float));
  job->kernels->row_products(dy, job->result + head * queries * values, queries, values, products);
  for (int64_t key = first; key < end; key += KEYS) {
    const int64_t count = minimum(KEYS, end - key);
    const float *k = a->k + a->k_offsets[head] + key * a->k_row;
    pack_transposed(job, k, a->k_row, count, features, packed_keys);
    pack_transposed(job, a->v + a->v_offsets[head] + key * a->v_row, a->v_row, count, values, packed_values);
    copy_rows(k, a->k_row, count, features, keys);
    float *dk = job->dk + (head * a->keys + key) * features, *dv = job->dv + (head * a->keys + key) * values;
    for (int64_t query = 0; query < queries; query += QUERIES) {
      const int64_t rows = minimum(QUERIES, queries - query), columns = minimum(count, attention_visible(a, query + rows - 1) - key);
      if (columns <= 0) continue;
      copy_rows(a->q + a->q_offsets[head] + query * a->q_row, a->q_row, rows, features, block_queries);
      multiply_panels(job, block_queries, features, rows, columns, features, packed_keys, a->scale, scores);
      multiply_panels(job, dy + query * values, values, rows, columns, values, packed_values, 1, gradients);
      const attention_block block = {a, head, query, rows, key, columns, scores, STRIDE};
      job->kernels->gradients(&block, logarithms + query, products + query, gradients);
      const gemm_store plain = {1, true}, scaled = {a->scale, true};
      job->gemm->strided(columns, values, rows, scores, 1, STRIDE, dy + query * values, values, dv, values, plain);
      job->gemm->strided(columns, features, rows, gradients, 1, STRIDE, block_queries, features, dk, features, scaled);
      job->gemm->strided(rows, features, columns, gradients, STRIDE, 1, keys, features, dq + query * features, features, scaled);
    }
  }
  ember_deallocate(scores, bytes);
}

static void add_chunk(void *context, int64_t chunk) {
  const attention_job *job = context;
  const ember_attention *a = job->attention;
  const int64_t count = a->heads * a->queries * a->features;
  job->kernels->add_parts(job->parts, count, chunk * ADDED_AT_ONCE, minimum((chunk + 1) * ADDED_AT_ONCE, count), job->ranges, job->dq);
}

void ember_attention_backward(const ember_attention *a, const float *dy, const float *y, const float *logarithms, float *dq, float *dk,
                              float *dv) {
  attention_job job = make_job(a);
  if (!job.gemm) {
    attention_reference_backward(a, dy, dq, dk, dv);
    return;
  }
  const int64_t count = a->heads * a->queries * a->features;
  if (a->keys <= 0) {
    memset(dq, 0, (size_t)count * sizeof(float));
    return;
  }
  job.dy = dy, job.result = y, job.given = logarithms, job.dq = dq, job.dk = dk, job.dv = dv;
  job.ranges = a->heads >= ENOUGH_HEADS ? 1 : minimum(MAXIMUM_KEY_RANGES, ceiling(a->keys, KEY_RANGE));
  job.range = ceiling(ceiling(a->keys, job.ranges), KEYS) * KEYS;
  job.ranges = ceiling(a->keys, job.range);
  const size_t bytes = job.ranges > 1 ? (size_t)(job.ranges * count) * sizeof(float) : 0;
  if (bytes > 0 && !(job.parts = ember_scratch(bytes))) return;
  ember_parallel(a->heads * job.ranges, backward_task, &job);
  if (job.ranges == 1) return;
  ember_parallel(ceiling(count, ADDED_AT_ONCE), add_chunk, &job);
  ember_deallocate(job.parts, bytes);
}
