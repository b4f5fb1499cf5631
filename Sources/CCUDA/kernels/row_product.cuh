// Products of few rows with a matrix whose rows lie in memory as they are multiplied: y = residual + activation(normalized(x) wᵀ + bias).
// Every weight is read once, so what counts is that all of them are asked for at once: a warp has whole rows of the matrix in flight.

struct RowProductArguments {
  i64 rows, columns, depth;
  i64 x_row, weight_row;
  i32 norm;  // 0: none, 1: layer normalisation of x, 2: by the root mean square
  f32 epsilon;
  i32 activation;
};

DEVICE f32 add_numbers(f32 a, f32 b) { return a + b; }

// Blocks of 128 threads. R rows of x at a time (blockIdx.y), O columns of y for a group of W warps, which share the depth; each lane holds
// U vectors of every row. Rows of x and of the matrix begin at multiples of 16 bytes, and the depth is one of whole vectors. What PyTorch
// stores in between is rounded to T here as well.
template <class T, int R, int O, int W, int U>
__global__ void __launch_bounds__(128, R * O > 1 ? 1 : U > 3 ? 5 : 6) row_product(
    const T *x, const T *weight, const T *bias, const T *norm_weight, const T *norm_bias, const T *residual, T *y, RowProductArguments a) {
  const int N = 16 / (int)sizeof(T);
  __shared__ f32 shared[4][O * R];
  let_next_begin();
  const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, part = warp % W, leader = warp - part;
  const i64 column = ((i64)blockIdx.x * (4 / W) + warp / W) * O, row = (i64)blockIdx.y * R, vectors = a.depth / N, step = 32 * W;
  const i64 rows = a.rows - row < R ? a.rows - row : R, columns = a.columns - column < O ? a.columns - column : O;
  x += row * a.x_row;
  weight += column * a.weight_row;
  // Lane o R + r of the group's first warp stores the element of its column and row.
  const int own_column = lane / R, own_row = lane % R;
  const bool stores = part == 0 && lane < O * R && own_column < columns && own_row < rows;
  const i64 target = (row + own_row) * a.columns + column + own_column;

  Words held[U][O], factors[U], shifts[U], values[R][U];
  const auto fetch = [&](Words &into, const T *from, i64 vector, bool is_wanted) {
    into = is_wanted && vector < vectors ? *(const Words *)(from + vector * N) : Words{{0, 0, 0, 0}};
  };
  const auto fetch_parameters = [&](i64 first) {
#pragma unroll
    for (int u = 0; u < U; u++) {
#pragma unroll
      for (int o = 0; o < O; o++) fetch(held[u][o], weight + o * a.weight_row, first + u * step, o < columns);
      if (norm_weight) fetch(factors[u], norm_weight, first + u * step, true);
      if (norm_bias) fetch(shifts[u], norm_bias, first + u * step, true);
    }
  };
  const auto fetch_values = [&](i64 first) {
#pragma unroll
    for (int r = 0; r < R; r++)
#pragma unroll
      for (int u = 0; u < U; u++) fetch(values[r][u], x + r * a.x_row, first + u * step, r < rows);
  };
  const i64 begin = part * 32 + lane;
  // Parameters do not depend on the launch in front of this one: they are on their way before its results are waited for.
  fetch_parameters(begin);
  const f32 shift = bias && stores ? load(bias[column + own_column]) : 0;
  wait_for_previous();
  fetch_values(begin);
  const f32 old = residual && stores ? load(residual[target]) : 0;

  // All threads of the group get the sum over its lanes, for each row.
  const auto sum_of_group = [&](f32 (&sums)[R]) {
#pragma unroll
    for (int r = 0; r < R; r++) sums[r] = warp_all(sums[r], add_numbers);
    if (W == 1) return;
    __syncthreads();
    if (lane == 0)
#pragma unroll
      for (int r = 0; r < R; r++) shared[warp][r] = sums[r];
    __syncthreads();
#pragma unroll
    for (int r = 0; r < R; r++) {
      sums[r] = 0;
#pragma unroll
      for (int w = 0; w < W; w++) sums[r] += shared[leader + w][r];
    }
  };
  // Calls `body` with each vector of each row that this lane has, whether held or not.
  const auto each_vector = [&](auto body) {
#pragma unroll
    for (int r = 0; r < R; r++) {
#pragma unroll
      for (int u = 0; u < U; u++)
        if (begin + u * step < vectors) body(r, values[r][u]);
      if (r < rows)
        for (i64 v = begin + U * step; v < vectors; v += step) body(r, *(const Words *)(x + r * a.x_row + v * N));
    }
  };
  f32 middle[R], scale[R];
#pragma unroll
  for (int r = 0; r < R; r++) middle[r] = scale[r] = 0;
  if (a.norm == 1) {
    each_vector([&](int r, const Words &v) {
#pragma unroll
      for (int n = 0; n < N; n++) middle[r] += element<T>(v, n);
    });
    sum_of_group(middle);
#pragma unroll
    for (int r = 0; r < R; r++) middle[r] /= (f32)a.depth;
  }
  if (a.norm) {
    each_vector([&](int r, const Words &v) {
#pragma unroll
      for (int n = 0; n < N; n++) {
        const f32 distance = element<T>(v, n) - middle[r];
        scale[r] += distance * distance;
      }
    });
    sum_of_group(scale);
#pragma unroll
    for (int r = 0; r < R; r++) scale[r] = 1 / sqrtf(scale[r] / (f32)a.depth + a.epsilon);
  }

  f32 sums[O][R];
#pragma unroll
  for (int o = 0; o < O; o++)
#pragma unroll
    for (int r = 0; r < R; r++) sums[o][r] = 0;
  for (i64 at = begin; at - lane < vectors; at += U * step) {
    if (at > begin) {
      fetch_parameters(at);
      fetch_values(at);
    }
#pragma unroll
    for (int u = 0; u < U; u++) {
      if (at - lane + u * step >= vectors) continue;
#pragma unroll
      for (int r = 0; r < R; r++)
#pragma unroll
        for (int n = 0; n < N; n++) {
          f32 value = element<T>(values[r][u], n);
          if (a.norm) {
            value = (value - middle[r]) * scale[r];
            if (norm_weight) value *= element<T>(factors[u], n);
            if (norm_bias) value += element<T>(shifts[u], n);
            value = load(store<T>(value));
          }
#pragma unroll
          for (int o = 0; o < O; o++) sums[o][r] += value * element<T>(held[u][o], n);
        }
    }
  }
  f32 sum = 0;
#pragma unroll
  for (int o = 0; o < O; o++)
#pragma unroll
    for (int r = 0; r < R; r++) {
      const f32 whole = warp_all(sums[o][r], add_numbers);
      if (lane == o * R + r) sum = whole;
    }
  if (W > 1) {
    __syncthreads();
    if (lane < O * R) shared[warp][lane] = sum;
    __syncthreads();
    if (stores) {
      sum = 0;
#pragma unroll
      for (int w = 0; w < W; w++) sum += shared[leader + w][lane];
    }
  }
  if (!stores) return;
  sum += shift;
  if (a.activation) sum = activated(load(store<T>(sum)), a.activation);
  if (residual) sum = old + load(store<T>(sum));
  y[target] = store<T>(sum);
}
