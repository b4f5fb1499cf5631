// Cumulative operations over the middle dimension of dense [outer, count, inner], in either direction. Follows reduce.cuh.
//
// An operation has a `State` that `join`s in order, `from` an element at a position of the axis, and a `value`. Steps count in the
// direction of the scan.

template <class A> struct CumulativeSum {
  typedef A State;
  static DEVICE State identity() { return convert<A>((real_t<A>)0); }
  template <class T> static DEVICE State from(T x, i64) { return element_as<A>(x); }
  static DEVICE State join(State a, State b) { return sum_of(a, b); }
  static DEVICE A value(State s) { return s; }
  static DEVICE i64 position(State) { return 0; }
};

template <class A> struct CumulativeProduct : CumulativeSum<A> {
  static DEVICE A identity() { return convert<A>((real_t<A>)1); }
  static DEVICE A join(A a, A b) { return product_of(a, b); }
};

// A later equal element wins; a NaN always does, and only another NaN replaces it. Position -1: nothing yet.
template <class A, bool maximum> struct CumulativeExtreme {
  struct State {
    A value;
    i64 position;
  };
  static DEVICE State identity() { return State{(A)0, -1}; }
  template <class T> static DEVICE State from(T x, i64 position) { return State{element_as<A>(x), position}; }
  static DEVICE State join(State a, State b) {
    if (b.position < 0) return a;
    return a.position < 0 || b.value != b.value || (maximum ? b.value >= a.value : b.value <= a.value) ? b : a;
  }
  static DEVICE A value(State s) { return s.value; }
  static DEVICE i64 position(State s) { return s.position; }
};
template <class A> struct CumulativeMaximum : CumulativeExtreme<A, true> {};
template <class A> struct CumulativeMinimum : CumulativeExtreme<A, false> {};

template <class A> struct CumulativeLogSumExp {
  typedef typename LogSumExp<A>::State State;
  static DEVICE State identity() { return LogSumExp<A>::identity(); }
  template <class T> static DEVICE State from(T x, i64) { return State{element_as<A>(x), 1}; }
  static DEVICE State join(State a, State b) { return LogSumExp<A>::join(a, b); }
  static DEVICE A value(State s) { return s.largest - s.largest == 0 ? s.largest + logarithm(s.sum) : s.largest; }
  static DEVICE i64 position(State) { return 0; }
};

// The state `distance` lanes before; a warp's first lanes get their own.
template <class S> DEVICE S state_before(S state, int distance) {
  return shuffled(state, [&](u32 word) { return __shfl_up_sync(full_warp, word, distance); });
}

template <class S> DEVICE S state_of_last(S state) {
  return shuffled(state, [](u32 word) { return __shfl_sync(full_warp, word, 31); });
}

// What comes before a thread, of `threads` = 32 or 256 neighbours; `all`: their joint state.
template <class Op, int threads>
DEVICE typename Op::State scan_threads(typename Op::State state, typename Op::State &all) {
  typedef typename Op::State State;
  const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
#pragma unroll
  for (int distance = 1; distance < 32; distance <<= 1) {
    const State before = state_before(state, distance);
    if (lane >= distance) state = Op::join(before, state);
  }
  all = state_of_last(state);
  State before = state_before(state, 1);
  if (lane == 0) before = Op::identity();
  if constexpr (threads > 32) {
    __shared__ State shared[threads / 32];
    __syncthreads();
    if (lane == 31) shared[warp] = state;
    __syncthreads();
    State earlier = Op::identity();
    all = Op::identity();
#pragma unroll
    for (int w = 0; w < threads / 32; w++) {
      if (w == warp) earlier = all;
      all = Op::join(all, shared[w]);
    }
    before = Op::join(earlier, before);
  }
  return before;
}

// A warp (threads = 32, eight rows a block) or a block (256) to a row, four neighbours to a thread at a time; they move by one access if
// N = 4, which needs inner = 1, a multiple of four elements and alignment. With `totals`, [row][piece], blockIdx.y is a piece of the axis:
// `totals_only` writes them, and then each piece begins with what lies before it. At most 256 pieces.
template <template <class> class Operation, class A, class T, class Out, int N, int threads, bool totals_only>
__global__ void __launch_bounds__(256) scan_rows(
    const T *x, Out *y, i64 *indices, i64 rows, i64 count, i64 inner, i32 reverse, void *totals, i64 piece) {
  typedef Operation<A> Op;
  typedef typename Op::State State;
  const int thread = threads == 32 ? threadIdx.x % 32 : threadIdx.x;
  const i64 row = threads == 32 ? (i64)blockIdx.x * 8 + threadIdx.x / 32 : blockIdx.x;
  if (row >= rows) return;  // a whole warp; blocks of 256 never
  const i64 base = inner == 1 ? row * count : row / inner * count * inner + row % inner;
  x += base, y += base;
  if (indices) indices += base;
  State carry = Op::identity();
  State *own = (State *)totals + row * gridDim.y;
  if constexpr (!totals_only && threads == 256)
    if (totals) scan_threads<Op, threads>(thread < (int)blockIdx.y ? own[thread] : Op::identity(), carry);
  const i64 start = (i64)blockIdx.y * piece, end = start + piece < count ? start + piece : count;
  for (i64 tile = start; tile < end; tile += threads * 4) {
    const i64 step = tile + thread * 4;
    State states[4];
    if (N == 4 && step < end) {
      const i64 first = reverse ? count - 4 - step : step;
      const Vector<T, 4> loaded = *(const Vector<T, 4> *)(x + first);
#pragma unroll
      for (int k = 0; k < 4; k++) states[k] = reverse ? Op::from(loaded.at[3 - k], first + 3 - k) : Op::from(loaded.at[k], first + k);
    } else {
#pragma unroll
      for (int k = 0; k < 4; k++) {
        const i64 position = reverse ? count - 1 - step - k : step + k;
        states[k] = N == 1 && step + k < end ? Op::from(x[position * inner], position) : Op::identity();
      }
    }
#pragma unroll
    for (int k = 1; k < 4; k++) states[k] = Op::join(states[k - 1], states[k]);
    State all;
    const State before = Op::join(carry, scan_threads<Op, threads>(states[3], all));
    carry = Op::join(carry, all);
    if constexpr (!totals_only) {
#pragma unroll
      for (int k = 0; k < 4; k++) states[k] = Op::join(before, states[k]);
      if (N == 4) {
        if (step >= end) continue;
        const i64 first = reverse ? count - 4 - step : step;
        Vector<Out, 4> stored;
#pragma unroll
        for (int k = 0; k < 4; k++) stored.at[k] = store<Out>(Op::value(states[reverse ? 3 - k : k]));
        *(Vector<Out, 4> *)(y + first) = stored;
        if (indices)
#pragma unroll
          for (int k = 0; k < 4; k++) indices[first + k] = Op::position(states[reverse ? 3 - k : k]);
      } else {
#pragma unroll
        for (int k = 0; k < 4; k++) {
          if (step + k >= end) continue;
          const i64 position = (reverse ? count - 1 - step - k : step + k) * inner;
          y[position] = store<Out>(Op::value(states[k]));
          if (indices) indices[position] = Op::position(states[k]);
        }
      }
    }
  }
  if (totals_only && thread == 0) own[blockIdx.y] = carry;
}

// A thread to a column: neighbours along `inner` run side by side.
template <template <class> class Operation, class A, class T, class Out>
__global__ void __launch_bounds__(256) scan_columns(
    const T *x, Out *y, i64 *indices, i64 rows, i64 count, i64 inner, i32 reverse) {
  typedef Operation<A> Op;
  const i64 row = (i64)blockIdx.x * 256 + threadIdx.x;
  if (row >= rows) return;
  const i64 base = row / inner * count * inner + row % inner;
  typename Op::State state = Op::identity();
#pragma unroll 4
  for (i64 step = 0; step < count; step++) {
    const i64 position = reverse ? count - 1 - step : step, at = base + position * inner;
    state = Op::join(state, Op::from(x[at], position));
    y[at] = store<Out>(Op::value(state));
    if (indices) indices[at] = Op::position(state);
  }
}

// log(exp(low) + exp(high)) of complex numbers with the larger real part taken out: high + log1p(exp(low - high)). The imaginary part is
// not brought back to one turn, so that it goes on from element to element; which is why elements are taken one after the other.
template <class T> __global__ void __launch_bounds__(128) scan_complex_log_sum_exp(
    const T *x, T *y, i64 rows, i64 count, i64 inner, i32 reverse) {
  const i64 row = (i64)blockIdx.x * 128 + threadIdx.x;
  if (row >= rows) return;
  const i64 base = row / inner * count * inner + row % inner;
  f64 re = -INFINITY, im = 0;
  for (i64 step = 0; step < count; step++) {
    const i64 at = base + (reverse ? count - 1 - step : step) * inner;
    const c128 element = convert<c128>(x[at]);
    if (element.re != element.re || element.im != element.im || re != re || im != im) {
      re = im = NAN;
    } else if (element.re == re && re - re != 0) {
      // Two infinities: of -inf the angle does not matter, of +inf it is that of the sum.
      if (re > 0) im = atan2(sin(element.im) + sin(im), cos(element.im) + cos(im));
    } else {
      const bool is_larger = element.re > re;
      const f64 high_re = is_larger ? element.re : re, high_im = is_larger ? element.im : im;
      const f64 scale = exp((is_larger ? re : element.re) - high_re), angle = (is_larger ? im : element.im) - high_im;
      const f64 a = scale * cos(angle), b = scale * sin(angle);
      re = high_re + 0.5 * log1p(a * (2 + a) + b * b);
      im = high_im + atan2(b, 1 + a);
    }
    y[at] = convert<T>(c128{re, im});
  }
}
