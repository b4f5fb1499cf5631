// Attention that never stores the scores (Dao, "FlashAttention-2", arXiv:2307.08691): forward with the logarithm of each query's sum of
// exponentials, and a deterministic backward pass of two kernels, one by keys and one by queries.

// [batch, heads, rows, features] with strides; features lie side by side, 16-byte aligned.
struct AttentionMatrix { i64 batch, head, row; };

struct AttentionArguments {
  i32 heads, queries, keys, features;
  f32 scale;
  i32 causal;
  AttentionMatrix q, k, v, y;
};

static const f32 log2_e = 1.4426950408889634f;

DEVICE f32 power_of_two(f32 x) {
#ifdef EMBER_HOST
  return exp2f(x);
#else
  f32 y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
#endif
}

static const int attention_threads = 128;
// Tiles of 16 rows that a warp has of its block's own side: what is loaded from shared memory serves all of them.
template <int D> struct AttentionTiles { static const int count = D > 64 ? 1 : 2; };
static const int attention_columns = 64;  // of the other side, at a time

template <int M, int N> DEVICE void clear(f32 (&x)[M][N][4]) {
#pragma unroll
  for (int m = 0; m < M; m++)
#pragma unroll
    for (int i = 0; i < N; i++)
#pragma unroll
      for (int k = 0; k < 4; k++) x[m][i][k] = 0;
}

// scores[16 M × 8 N] = rows of `own` times rows of `other`, transposed.
template <class T, int D, int M, int N> DEVICE void scores_of(f32 (&scores)[M][N][4], T *own, int own_row, T *other, int other_row) {
  clear(scores);
#pragma unroll
  for (int k = 0; k < D; k += 16) {
    u32 a[M][4];
#pragma unroll
    for (int m = 0; m < M; m++) left_fragment<T, D>(a[m], own, own_row + 16 * m, k);
#pragma unroll
    for (int n = 0; n < N; n += 2) {
      u32 b[4];
      right_fragment<T, D>(b, other, other_row + 8 * n, k);
#pragma unroll
      for (int m = 0; m < M; m++) {
        multiply_tiles<T>(scores[m][n], a[m], b[0], b[1]);
        multiply_tiles<T>(scores[m][n + 1], a[m], b[2], b[3]);
      }
    }
  }
}

// sums[16 M × D] += weights[16 M × 8 N], rounded to T, times rows of `other`.
template <class T, int D, int M, int N>
DEVICE void accumulate(f32 (&sums)[M][D / 8][4], const f32 (&weights)[M][N][4], T *other, int other_row) {
#pragma unroll
  for (int k = 0; k < N; k += 2) {
    u32 a[M][4];
#pragma unroll
    for (int m = 0; m < M; m++) {
      a[m][0] = pack<T>(weights[m][k][0], weights[m][k][1]);
      a[m][1] = pack<T>(weights[m][k][2], weights[m][k][3]);
      a[m][2] = pack<T>(weights[m][k + 1][0], weights[m][k + 1][1]);
      a[m][3] = pack<T>(weights[m][k + 1][2], weights[m][k + 1][3]);
    }
#pragma unroll
    for (int d = 0; d < D / 8; d += 2) {
      u32 b[4];
      right_fragment_by_rows<T, D>(b, other, other_row + 8 * k, 8 * d);
#pragma unroll
      for (int m = 0; m < M; m++) {
        multiply_tiles<T>(sums[m][d], a[m], b[0], b[1]);
        multiply_tiles<T>(sums[m][d + 1], a[m], b[2], b[3]);
      }
    }
  }
}

template <class T, int D>
DEVICE void store_rows(T *matrix, i64 row_stride, int first, int count, int features, const f32 (&sums)[D / 8][4], f32 low, f32 high) {
  const int lane = threadIdx.x & 31, row = first + lane / 4;
#pragma unroll
  for (int d = 0; d < D / 8; d++) {
    const int column = 8 * d + 2 * (lane % 4);
    if (column >= features) continue;
    if (row < count) *(u32 *)(matrix + (i64)row * row_stride + column) = pack<T>(sums[d][0] * low, sums[d][1] * low);
    if (row + 8 < count) *(u32 *)(matrix + (i64)(row + 8) * row_stride + column) = pack<T>(sums[d][2] * high, sums[d][3] * high);
  }
}

template <class T, int D>
__global__ void __launch_bounds__(128) attention_forward(const T *q, const T *k, const T *v, T *y, f32 *logarithms, AttentionArguments a) {
  DYNAMIC_SHARED(T, memory);
  const int M = AttentionTiles<D>::count, attention_rows = 64 * M;
  T *own = memory, *keys = own + attention_rows * D, *values = keys + 2 * attention_columns * D;
  const int lane = threadIdx.x & 31, warp_row = (threadIdx.x >> 5) * 16 * M;
  const int batch = blockIdx.y / a.heads, head = blockIdx.y % a.heads;
  // The longest rows first, so that the last blocks are short ones.
  const int first = ((int)gridDim.x - 1 - (int)blockIdx.x) * attention_rows;
  q += batch * a.q.batch + head * a.q.head;
  k += batch * a.k.batch + head * a.k.head;
  v += batch * a.v.batch + head * a.v.head;
  const int visible = a.causal ? min(a.keys, first + attention_rows) : a.keys;
  const int steps = (visible + attention_columns - 1) / attention_columns;
  copy_tile<T, D, attention_rows, 128>(own, q, a.q.row, first, a.queries, a.features);
  if (steps > 0) {
    copy_tile<T, D, attention_columns, 128>(keys, k, a.k.row, 0, a.keys, a.features);
    copy_tile<T, D, attention_columns, 128>(values, v, a.v.row, 0, a.keys, a.features);
  }
  commit_copies();
  f32 sums[M][D / 8][4];
  clear(sums);
  f32 largest[M][2], total[M][2];
#pragma unroll
  for (int m = 0; m < M; m++) largest[m][0] = largest[m][1] = -INFINITY, total[m][0] = total[m][1] = 0;
  const f32 factor = a.scale * log2_e;
  for (int step = 0; step < steps; step++) {
    const int stage = step & 1;
    T *stage_keys = keys + stage * attention_columns * D, *stage_values = values + stage * attention_columns * D;
    if (step + 1 < steps) {
      const int other = stage ^ 1;
      copy_tile<T, D, attention_columns, 128>(
          keys + other * attention_columns * D, k, a.k.row, (step + 1) * attention_columns, a.keys, a.features);
      copy_tile<T, D, attention_columns, 128>(
          values + other * attention_columns * D, v, a.v.row, (step + 1) * attention_columns, a.keys, a.features);
      commit_copies();
      wait_copies<1>();
    } else {
      wait_copies<0>();
    }
    __syncthreads();
    f32 scores[M][8][4];
    scores_of<T, D>(scores, own, warp_row, stage_keys, 0);
    const int column = step * attention_columns;
    if (column + attention_columns > a.keys || (a.causal && column + attention_columns > first + warp_row + 1)) {
#pragma unroll
      for (int m = 0; m < M; m++)
#pragma unroll
        for (int n = 0; n < 8; n++)
#pragma unroll
          for (int i = 0; i < 4; i++) {
            const int key = column + 8 * n + 2 * (lane % 4) + (i & 1), query = first + warp_row + 16 * m + lane / 4 + 8 * (i >> 1);
            if (key >= a.keys || (a.causal && key > query)) scores[m][n][i] = -INFINITY;
          }
    }
#pragma unroll
    for (int m = 0; m < M; m++)
#pragma unroll
      for (int half = 0; half < 2; half++) {
        f32 most = largest[m][half];
#pragma unroll
        for (int n = 0; n < 8; n++) most = fmaxf(most, fmaxf(scores[m][n][2 * half], scores[m][n][2 * half + 1]));
        most = fmaxf(most, shuffle_xor(most, 1));
        most = fmaxf(most, shuffle_xor(most, 2));
        // A row that sees nothing yet keeps zeros.
        const f32 shift = most == -INFINITY ? 0 : most * factor;
        const f32 shrink = power_of_two(largest[m][half] * factor - shift);
        largest[m][half] = most;
        f32 sum = 0;
#pragma unroll
        for (int n = 0; n < 8; n++)
#pragma unroll
          for (int i = 2 * half; i < 2 * half + 2; i++) {
            scores[m][n][i] = power_of_two(fmaf(scores[m][n][i], factor, -shift));
            sum += scores[m][n][i];
          }
        total[m][half] = total[m][half] * shrink + sum;
#pragma unroll
        for (int d = 0; d < D / 8; d++) {
          sums[m][d][2 * half] *= shrink;
          sums[m][d][2 * half + 1] *= shrink;
        }
      }
    accumulate<T, D>(sums, scores, stage_values, 0);
    __syncthreads();
  }
  wait_copies<0>();
#pragma unroll
  for (int m = 0; m < M; m++) {
#pragma unroll
    for (int half = 0; half < 2; half++) {
      total[m][half] += shuffle_xor(total[m][half], 1);
      total[m][half] += shuffle_xor(total[m][half], 2);
      const int query = first + warp_row + 16 * m + lane / 4 + 8 * half;
      if (lane % 4 == 0 && query < a.queries)
        logarithms[(i64)blockIdx.y * a.queries + query] = largest[m][half] * a.scale + logf(total[m][half]);
    }
    store_rows<T, D>(
        y + batch * a.y.batch + head * a.y.head, a.y.row, first + warp_row + 16 * m, a.queries, a.features, sums[m], 1 / total[m][0],
        1 / total[m][1]);
  }
}

// delta of each query: the result times its gradient, summed. A warp a row.
template <class T> __global__ void __launch_bounds__(256) attention_delta(
    const T *y, const T *dy, f32 *delta, AttentionMatrix y_strides, AttentionMatrix dy_strides, i32 heads, i32 queries, i32 features, i64 rows) {
  const i64 row = (i64)blockIdx.x * 8 + (threadIdx.x >> 5);
  if (row >= rows) return;
  const i64 matrix = row / queries, query = row % queries, batch = matrix / heads, head = matrix % heads;
  y += batch * y_strides.batch + head * y_strides.head + query * y_strides.row;
  dy += batch * dy_strides.batch + head * dy_strides.head + query * dy_strides.row;
  f32 sum = 0;
  for (int i = 2 * (threadIdx.x & 31); i < features; i += 64) {
    const u32 a = *(const u32 *)(y + i), b = *(const u32 *)(dy + i);
    sum += unpack<T>(a, 0) * unpack<T>(b, 0) + unpack<T>(a, 1) * unpack<T>(b, 1);
  }
  sum = warp_all(sum, [](f32 a, f32 b) { return a + b; });
  if ((threadIdx.x & 31) == 0) delta[row] = sum;
}

struct AttentionGradients { AttentionMatrix dy, dq, dk, dv; };

// Gradients of a block of keys and values: the transposed scores of blocks of queries, computed again.
template <class T, int D>
__global__ void __launch_bounds__(128) attention_backward_keys(
    const T *q, const T *k, const T *v, const T *dy, const f32 *logarithms, const f32 *delta, T *dk, T *dv, AttentionArguments a,
    AttentionGradients g) {
  const int M = AttentionTiles<D>::count, attention_rows = 64 * M, block = D > 64 ? 32 : 64;
  // Queries of a block that are taken at a time: what the registers hold.
  const int N = M > 1 ? 2 : 4;
  DYNAMIC_SHARED(T, memory);
  T *own_keys = memory, *own_values = own_keys + attention_rows * D, *queries = own_values + attention_rows * D,
    *gradients = queries + 2 * block * D;
  f32 *row_logarithms = (f32 *)(gradients + 2 * block * D), *row_deltas = row_logarithms + 2 * block;
  const int lane = threadIdx.x & 31, warp_row = (threadIdx.x >> 5) * 16 * M;
  const int batch = blockIdx.y / a.heads, head = blockIdx.y % a.heads;
  const int first = blockIdx.x * attention_rows;
  q += batch * a.q.batch + head * a.q.head;
  dy += batch * g.dy.batch + head * g.dy.head;
  logarithms += (i64)blockIdx.y * a.queries;
  delta += (i64)blockIdx.y * a.queries;
  copy_tile<T, D, attention_rows, 128>(own_keys, k + batch * a.k.batch + head * a.k.head, a.k.row, first, a.keys, a.features);
  copy_tile<T, D, attention_rows, 128>(own_values, v + batch * a.v.batch + head * a.v.head, a.v.row, first, a.keys, a.features);
  const int begin = a.causal ? first / block : 0, end = (a.queries + block - 1) / block;
  f32 key_sums[M][D / 8][4], value_sums[M][D / 8][4];
  clear(key_sums);
  clear(value_sums);
  const f32 factor = a.scale * log2_e;
  auto fetch = [&](int step) {
    const int stage = step & 1;
    copy_tile<T, D, block, 128>(queries + stage * block * D, q, a.q.row, step * block, a.queries, a.features);
    copy_tile<T, D, block, 128>(gradients + stage * block * D, dy, g.dy.row, step * block, a.queries, a.features);
    if ((int)threadIdx.x < block) {
      const int query = step * block + threadIdx.x;
      row_logarithms[stage * block + threadIdx.x] = query < a.queries ? logarithms[query] * log2_e : INFINITY;
      row_deltas[stage * block + threadIdx.x] = query < a.queries ? delta[query] : 0;
    }
    commit_copies();
  };
  if (begin < end) fetch(begin);
  for (int step = begin; step < end; step++) {
    const int stage = step & 1;
    if (step + 1 < end) {
      fetch(step + 1);
      wait_copies<1>();
    } else {
      wait_copies<0>();
    }
    __syncthreads();
    T *stage_queries = queries + stage * block * D, *stage_gradients = gradients + stage * block * D;
#pragma unroll
    for (int part = 0; part < block; part += 8 * N) {
      // Queries that come before all of the warp's keys see none of them.
      if (a.causal && step * block + part + 8 * N <= first + warp_row) continue;
      f32 scores[M][N][4], changes[M][N][4];
      scores_of<T, D>(scores, own_keys, warp_row, stage_queries, part);
      scores_of<T, D>(changes, own_values, warp_row, stage_gradients, part);
#pragma unroll
      for (int m = 0; m < M; m++)
#pragma unroll
        for (int n = 0; n < N; n++)
#pragma unroll
          for (int i = 0; i < 4; i++) {
            const int place = part + 8 * n + 2 * (lane % 4) + (i & 1);
            const int query = step * block + place, key = first + warp_row + 16 * m + lane / 4 + 8 * (i >> 1);
            const bool hidden = query >= a.queries || key >= a.keys || (a.causal && key > query);
            const f32 p = hidden ? 0 : power_of_two(fmaf(scores[m][n][i], factor, -row_logarithms[stage * block + place]));
            scores[m][n][i] = p;
            changes[m][n][i] = p * (changes[m][n][i] - row_deltas[stage * block + place]);
          }
      accumulate<T, D>(value_sums, scores, stage_gradients, part);
      accumulate<T, D>(key_sums, changes, stage_queries, part);
    }
    __syncthreads();
  }
  wait_copies<0>();
#pragma unroll
  for (int m = 0; m < M; m++) {
    const int row = first + warp_row + 16 * m;
    store_rows<T, D>(dk + batch * g.dk.batch + head * g.dk.head, g.dk.row, row, a.keys, a.features, key_sums[m], a.scale, a.scale);
    store_rows<T, D>(dv + batch * g.dv.batch + head * g.dv.head, g.dv.row, row, a.keys, a.features, value_sums[m], 1, 1);
  }
}

// Gradients of a block of queries.
template <class T, int D>
__global__ void __launch_bounds__(128) attention_backward_queries(
    const T *q, const T *k, const T *v, const T *dy, const f32 *logarithms, const f32 *delta, T *dq, AttentionArguments a,
    AttentionGradients g) {
  DYNAMIC_SHARED(T, memory);
  const int M = AttentionTiles<D>::count, attention_rows = 64 * M, N = 4;
  T *own = memory, *own_gradients = own + attention_rows * D, *keys = own_gradients + attention_rows * D,
    *values = keys + 2 * attention_columns * D;
  const int lane = threadIdx.x & 31, warp_row = (threadIdx.x >> 5) * 16 * M;
  const int batch = blockIdx.y / a.heads, head = blockIdx.y % a.heads;
  const int first = ((int)gridDim.x - 1 - (int)blockIdx.x) * attention_rows;
  k += batch * a.k.batch + head * a.k.head;
  v += batch * a.v.batch + head * a.v.head;
  copy_tile<T, D, attention_rows, 128>(own, q + batch * a.q.batch + head * a.q.head, a.q.row, first, a.queries, a.features);
  copy_tile<T, D, attention_rows, 128>(own_gradients, dy + batch * g.dy.batch + head * g.dy.head, g.dy.row, first, a.queries, a.features);
  const int visible = a.causal ? min(a.keys, first + attention_rows) : a.keys;
  const int steps = (visible + attention_columns - 1) / attention_columns;
  auto fetch = [&](int step) {
    const int stage = step & 1;
    copy_tile<T, D, attention_columns, 128>(
        keys + stage * attention_columns * D, k, a.k.row, step * attention_columns, a.keys, a.features);
    copy_tile<T, D, attention_columns, 128>(
        values + stage * attention_columns * D, v, a.v.row, step * attention_columns, a.keys, a.features);
    commit_copies();
  };
  if (steps > 0) fetch(0);
  f32 sums[M][D / 8][4];
  clear(sums);
  const f32 factor = a.scale * log2_e;
  f32 row_logarithm[M][2], row_delta[M][2];
#pragma unroll
  for (int m = 0; m < M; m++)
#pragma unroll
    for (int half = 0; half < 2; half++) {
      const int query = first + warp_row + 16 * m + lane / 4 + 8 * half;
      row_logarithm[m][half] = query < a.queries ? logarithms[(i64)blockIdx.y * a.queries + query] * log2_e : INFINITY;
      row_delta[m][half] = query < a.queries ? delta[(i64)blockIdx.y * a.queries + query] : 0;
    }
  for (int step = 0; step < steps; step++) {
    const int stage = step & 1;
    if (step + 1 < steps) {
      fetch(step + 1);
      wait_copies<1>();
    } else {
      wait_copies<0>();
    }
    __syncthreads();
    T *stage_keys = keys + stage * attention_columns * D, *stage_values = values + stage * attention_columns * D;
#pragma unroll
    for (int part = 0; part < attention_columns; part += 8 * N) {
      // Keys that come after all of the warp's queries are seen by none of them.
      if (a.causal && step * attention_columns + part > first + warp_row + 16 * M - 1) continue;
      f32 scores[M][N][4], changes[M][N][4];
      scores_of<T, D>(scores, own, warp_row, stage_keys, part);
      scores_of<T, D>(changes, own_gradients, warp_row, stage_values, part);
#pragma unroll
      for (int m = 0; m < M; m++)
#pragma unroll
        for (int n = 0; n < N; n++)
#pragma unroll
          for (int i = 0; i < 4; i++) {
            const int key = step * attention_columns + part + 8 * n + 2 * (lane % 4) + (i & 1);
            const int query = first + warp_row + 16 * m + lane / 4 + 8 * (i >> 1);
            const bool hidden = key >= a.keys || (a.causal && key > query);
            const f32 p = hidden ? 0 : power_of_two(fmaf(scores[m][n][i], factor, -row_logarithm[m][i >> 1]));
            changes[m][n][i] = p * (changes[m][n][i] - row_delta[m][i >> 1]);
          }
      accumulate<T, D>(sums, changes, stage_keys, part);
    }
    __syncthreads();
  }
  wait_copies<0>();
#pragma unroll
  for (int m = 0; m < M; m++)
    store_rows<T, D>(
        dq + batch * g.dq.batch + head * g.dq.head, g.dq.row, first + warp_row + 16 * m, a.queries, a.features, sums[m], a.scale, a.scale);
}
