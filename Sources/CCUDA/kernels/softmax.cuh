// Softmax, its logarithm and their derivatives over the middle dimension of dense [outer, count, inner]. Follows reduce.cuh.
//
// Memory is what limits all of these: rows that fit are read once and kept in registers.

DEVICE f32 larger(f32 a, f32 b) { return fmaxf(a, b); }
DEVICE f64 larger(f64 a, f64 b) { return fmax(a, b); }

// The maximum drops NaN, which then makes the sum NaN. Without a finite maximum the whole row is NaN.
template <class A> DEVICE A finite_sum(A largest, A sum) { return largest - largest == 0 ? sum : (A)NAN; }

// Joined over the `threads` of a row: those of a warp (32) or of the whole block (0).
template <class A, int threads, class F> DEVICE A row_all(A value, F combine, A neutral) {
  if constexpr (threads == 32) {
    return warp_all(value, combine);
  } else {
    __shared__ A shared[32];
    const A result = block_all(value, combine, neutral, shared);
    __syncthreads();
    return result;
  }
}

template <class A> struct Larger { DEVICE A operator()(A a, A b) const { return larger(a, b); } };
template <class A> struct Plus { DEVICE A operator()(A a, A b) const { return a + b; } };

// A row's vectors of one thread: `first` is its first element, the next one lies threads · N further. What lies outside is `outside`.
template <class T, class A, int N, int V> DEVICE void load_row(const T *x, i64 first, i64 step, i64 count, A outside, A *values) {
#pragma unroll
  for (int v = 0; v < V; v++) {
    const i64 i = first + v * step;
    if (i < count) {
      const Vector<T, N> loaded = *(const Vector<T, N> *)(x + i);
#pragma unroll
      for (int k = 0; k < N; k++) values[v * N + k] = load(loaded.at[k]);
    } else {
#pragma unroll
      for (int k = 0; k < N; k++) values[v * N + k] = outside;
    }
  }
}

template <class T, class A, int N, int V> DEVICE void store_row(T *y, i64 first, i64 step, i64 count, const A *values) {
#pragma unroll
  for (int v = 0; v < V; v++) {
    const i64 i = first + v * step;
    if (i >= count) continue;
    Vector<T, N> stored;
#pragma unroll
    for (int k = 0; k < N; k++) stored.at[k] = store<T>(values[v * N + k]);
    *(Vector<T, N> *)(y + i) = stored;
  }
}

// MARK: - Rows in registers: a warp a row (threads = 32, several rows a block) or a block a row (threads = 0)

template <class T, bool logarithmic, int N, int V, int threads>
__global__ void __launch_bounds__(threads ? 128 : 1024) softmax_rows(const T *x, T *y, i64 rows, i64 count) {
  typedef compute_t<T> A;
  const int width = threads ? threads : (int)blockDim.x;
  const i64 row = threads ? (i64)blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32 : blockIdx.x;
  const bool inside = row < rows;
  const i64 first = (i64)(threads ? threadIdx.x % 32 : threadIdx.x) * N, step = (i64)width * N;
  A values[N * V];
  load_row<T, A, N, V>(x + row * count, first, step, inside ? count : 0, (A)-INFINITY, values);
  A largest = values[0];
#pragma unroll
  for (int i = 1; i < N * V; i++) largest = larger(largest, values[i]);
  largest = row_all<A, threads>(largest, Larger<A>(), (A)-INFINITY);
  // What lies outside is -inf and adds nothing to the sum, if the largest element is finite.
  A sum = 0;
#pragma unroll
  for (int i = 0; i < N * V; i++) {
    const A e = exponential(values[i] - largest);
    if (logarithmic) values[i] -= largest;
    else values[i] = e;
    sum += e;
  }
  sum = finite_sum(largest, row_all<A, threads>(sum, Plus<A>(), 0));
  const A last = logarithmic ? logarithm(sum) : 1 / sum;
#pragma unroll
  for (int i = 0; i < N * V; i++) values[i] = logarithmic ? values[i] - last : values[i] * last;
  store_row<T, A, N, V>(y + row * count, first, step, inside ? count : 0, values);
}

template <class T, bool logarithmic, int N, int V, int threads>
__global__ void __launch_bounds__(threads ? 128 : 1024) softmax_rows_backward(const T *gradient, const T *y, T *dx, i64 rows, i64 count) {
  typedef compute_t<T> A;
  const int width = threads ? threads : (int)blockDim.x;
  const i64 row = threads ? (i64)blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32 : blockIdx.x;
  const i64 extent = row < rows ? count : 0;
  const i64 first = (i64)(threads ? threadIdx.x % 32 : threadIdx.x) * N, step = (i64)width * N;
  A gradients[N * V], outputs[N * V];
  load_row<T, A, N, V>(gradient + row * count, first, step, extent, (A)0, gradients);
  load_row<T, A, N, V>(y + row * count, first, step, extent, (A)0, outputs);
  A sum = 0;
#pragma unroll
  for (int i = 0; i < N * V; i++) sum += logarithmic ? gradients[i] : gradients[i] * outputs[i];
  sum = row_all<A, threads>(sum, Plus<A>(), 0);
#pragma unroll
  for (int i = 0; i < N * V; i++)
    gradients[i] = logarithmic ? gradients[i] - exponential(outputs[i]) * sum : (gradients[i] - sum) * outputs[i];
  store_row<T, A, N, V>(dx + row * count, first, step, extent, gradients);
}

// MARK: - Longer rows, read twice, and columns

// A block of 256 threads is 2^lane_bits neighbours along `inner` times 2^row_bits threads along the axis, times as many outer positions as
// are left; with lane_bits = 0 and row_bits = 8 a block is a row.
struct ColumnThread {
  int lanes, rows, lane, row;
  i64 first;  // element offset of the column, -1 outside
};

DEVICE ColumnThread column_thread(i64 outer, i64 count, i64 inner, i32 lane_bits, i32 row_bits) {
  ColumnThread t;
  t.lanes = 1 << lane_bits, t.rows = 1 << row_bits;
  t.lane = threadIdx.x & (t.lanes - 1), t.row = threadIdx.x >> lane_bits & (t.rows - 1);
  const i64 across = (inner + t.lanes - 1) / t.lanes;
  const i64 o = blockIdx.x / across * (256 >> (lane_bits + row_bits)) + (threadIdx.x >> (lane_bits + row_bits));
  const i64 column = blockIdx.x % across * t.lanes + t.lane;
  t.first = o < outer && column < inner ? o * count * inner + column : -1;
  return t;
}

// Joins the threads along the axis; all of them get the result.
template <class S, class F> DEVICE S join_column(S state, const ColumnThread &t, F join, S *shared) {
  if (t.rows == 1) return state;
  S *own = shared + threadIdx.x;
  *own = state;
  for (int half = t.rows / 2; half; half >>= 1) {
    __syncthreads();
    if (t.row < half) *own = join(*own, own[half * t.lanes]);
  }
  __syncthreads();
  return own[-t.row * t.lanes];
}

template <class T, bool logarithmic>
__global__ void __launch_bounds__(256) softmax_columns(const T *x, T *y, i64 outer, i64 count, i64 inner, i32 lane_bits, i32 row_bits) {
  typedef compute_t<T> A;
  typedef typename LogSumExp<A>::State State;
  __shared__ State shared[256];
  const ColumnThread t = column_thread(outer, count, inner, lane_bits, row_bits);
  const i64 extent = t.first < 0 ? 0 : count;
  x += t.first, y += t.first;
  State state = LogSumExp<A>::identity();
  const int U = 4;
  i64 i = t.row;
  for (; i + (U - 1) * t.rows < extent; i += U * t.rows) {
    A loaded[U];
#pragma unroll
    for (int u = 0; u < U; u++) loaded[u] = load(x[(i + u * t.rows) * inner]);
    A largest = state.largest;
#pragma unroll
    for (int u = 0; u < U; u++) largest = larger(largest, loaded[u]);
    // Four elements at once rescale the sum once.
    A sum = state.largest == largest ? state.sum : state.sum * exponential(state.largest - largest);
#pragma unroll
    for (int u = 0; u < U; u++) sum += loaded[u] == largest ? 1 : exponential(loaded[u] - largest);
    state = State{largest, sum};
  }
  for (; i < extent; i += t.rows) {
    const A value = load(x[i * inner]), largest = larger(state.largest, value);
    const A sum = state.largest == largest ? state.sum : state.sum * exponential(state.largest - largest);
    state = State{largest, sum + (value == largest ? 1 : exponential(value - largest))};
  }
  state = join_column(state, t, [](State a, State b) { return LogSumExp<A>::join(a, b); }, shared);
  const A sum = finite_sum(state.largest, state.sum), last = logarithmic ? logarithm(sum) : 1 / sum;
#pragma unroll 4
  for (i = t.row; i < extent; i += t.rows) {
    const A value = load(x[i * inner]) - state.largest;
    y[i * inner] = store<T>(logarithmic ? value - last : exponential(value) * last);
  }
}

template <class T, bool logarithmic>
__global__ void __launch_bounds__(256) softmax_columns_backward(
    const T *gradient, const T *y, T *dx, i64 outer, i64 count, i64 inner, i32 lane_bits, i32 row_bits) {
  typedef compute_t<T> A;
  __shared__ A shared[256];
  const ColumnThread t = column_thread(outer, count, inner, lane_bits, row_bits);
  const i64 extent = t.first < 0 ? 0 : count;
  gradient += t.first, y += t.first, dx += t.first;
  A sum = 0;
#pragma unroll 4
  for (i64 i = t.row; i < extent; i += t.rows) {
    const A g = load(gradient[i * inner]);
    sum += logarithmic ? g : g * load(y[i * inner]);
  }
  sum = join_column(sum, t, [](A a, A b) { return a + b; }, shared);
#pragma unroll 4
  for (i64 i = t.row; i < extent; i += t.rows) {
    const A g = load(gradient[i * inner]), output = load(y[i * inner]);
    dx[i * inner] = store<T>(logarithmic ? g - exponential(output) * sum : (g - sum) * output);
  }
}
