// Reductions along one axis of [outer, count, inner] with a stride each, into dense [outer, inner].
//
// An operation is a template over the type it accumulates in, with a `State`: `identity()`, `add` an element, `join` two states (in any
// order), `write` the result. Three regimes share them: threads along the axis (rows), threads across it (columns), and a second stage
// where the axis was cut into pieces. What is joined with what depends on sizes alone, so results are the same on every run.

// What the end of a reduction needs beside its state.
struct Ending {
  i64 count;      // elements along the axis
  f64 parameter;  // a norm's order, a variance's correction
  i64 square_root;
};

template <class T> struct IsUnsignedLong { static const bool value = false; };
template <> struct IsUnsignedLong<u64> { static const bool value = true; };

// An element in the type that is accumulated in.
template <class A, class T> DEVICE A element_as(T x) {
  if constexpr (IsUnsignedLong<T>::value && IsFloating<A>::value) return (A)x;
  else return convert<A>(load(x));
}

DEVICE f32 magnitude_as(f32 x, f32) { return fabsf(x); }
DEVICE f64 magnitude_as(f64 x, f64) { return fabs(x); }
DEVICE i64 magnitude_as(i64 x, i64) { return x < 0 ? (i64)(0 - (u64)x) : x; }
DEVICE f32 magnitude_as(c64 x, f32) { return hypotf(x.re, x.im); }
DEVICE f64 magnitude_as(c64 x, f64) { return hypot((f64)x.re, (f64)x.im); }
DEVICE f64 magnitude_as(c128 x, f64) { return hypot(x.re, x.im); }

// |x| in the type that is accumulated in.
template <class A, class T> DEVICE A magnitude_of_element(T x) {
  if constexpr (IsComplex<T>::value) return magnitude_as(load(x), (A)0);
  else return magnitude_as(element_as<A>(x), (A)0);
}

DEVICE f32 exponential(f32 x) { return expf(x); }
DEVICE f64 exponential(f64 x) { return exp(x); }
DEVICE f32 logarithm(f32 x) { return logf(x); }
DEVICE f64 logarithm(f64 x) { return log(x); }
DEVICE f32 root(f32 x) { return sqrtf(x); }
DEVICE f64 root(f64 x) { return sqrt(x); }
DEVICE f32 power(f32 x, f32 y) { return powf(x, y); }
DEVICE f64 power(f64 x, f64 y) { return pow(x, y); }

// Sums and products: integers wrap.
template <class A> DEVICE A sum_of(A a, A b) {
  if constexpr (IsComplex<A>::value) return A{a.re + b.re, a.im + b.im};
  else if constexpr (IsFloating<A>::value) return a + b;
  else return (A)((u64)a + (u64)b);
}
template <class A> DEVICE A product_of(A a, A b) {
  if constexpr (IsComplex<A>::value) return A{a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
  else if constexpr (IsFloating<A>::value) return a * b;
  else return (A)((u64)a * (u64)b);
}
template <class A, class R> DEVICE A scaled(A a, R divisor) {
  if constexpr (IsComplex<A>::value) return A{a.re / divisor, a.im / divisor};
  else return a / divisor;
}

template <class A> DEVICE A worst_of(bool maximum) {
  if constexpr (IsFloating<A>::value) return maximum ? (A)-INFINITY : (A)INFINITY;
  else if constexpr (sizeof(A) == 4) return maximum ? (A)(-2147483647 - 1) : (A)2147483647;
  else return maximum ? (A)INT64_MIN : (A)INT64_MAX;
}

// MARK: - Operations

template <class A> struct AddsUp {
  typedef A State;
  static DEVICE State identity() { return convert<A>((real_t<A>)0); }
  static DEVICE State join(State a, State b) { return sum_of(a, b); }
  template <class Out> static DEVICE void write(State s, i64 at, Out *out, void *, const Ending &) { out[at] = store<Out>(s); }
};

template <class A> struct Sum : AddsUp<A> {
  template <class T> static DEVICE void add(A &s, T x, i64, const Ending &) { s = sum_of(s, element_as<A>(x)); }
};

template <class A> struct Mean : Sum<A> {
  template <class Out> static DEVICE void write(A s, i64 at, Out *out, void *, const Ending &ending) {
    out[at] = store<Out>(scaled(s, (real_t<A>)ending.count));
  }
};

template <class A> struct NanSum : AddsUp<A> {
  template <class T> static DEVICE void add(A &s, T x, i64, const Ending &) {
    const A value = element_as<A>(x);
    s += value == value ? value : 0;
  }
};

template <class A> struct SumOfSquares : AddsUp<A> {
  template <class T> static DEVICE void add(A &s, T x, i64, const Ending &) {
    if constexpr (IsComplex<T>::value) {
      const A re = (A)load(x).re, im = (A)load(x).im;
      s += re * re + im * im;
    } else {
      const A value = element_as<A>(x);
      s = sum_of(s, product_of(value, value));
    }
  }
};

template <class A> struct EuclideanNorm : AddsUp<A> {
  // By magnitudes: a complex number with an infinite part is infinite, whatever the other part is.
  template <class T> static DEVICE void add(A &s, T x, i64, const Ending &) {
    const A magnitude = magnitude_of_element<A>(x);
    s += magnitude * magnitude;
  }
  template <class Out> static DEVICE void write(A s, i64 at, Out *out, void *, const Ending &) { out[at] = store<Out>(root(s)); }
};

template <class A> struct SumAbsolute : AddsUp<A> {
  template <class T> static DEVICE void add(A &s, T x, i64, const Ending &) { s = sum_of(s, magnitude_of_element<A>(x)); }
};

template <class A> struct PowerNorm : AddsUp<A> {
  template <class T> static DEVICE void add(A &s, T x, i64, const Ending &ending) {
    s += power(magnitude_of_element<A>(x), (A)ending.parameter);
  }
  template <class Out> static DEVICE void write(A s, i64 at, Out *out, void *, const Ending &ending) {
    out[at] = store<Out>(power(s, (A)(1 / ending.parameter)));
  }
};

template <class A> struct CountNonzero : AddsUp<i64> {
  template <class T> static DEVICE void add(i64 &s, T x, i64, const Ending &) { s += convert<bool>(load(x)) ? 1 : 0; }
};

template <class A> struct Any : CountNonzero<A> {
  template <class Out> static DEVICE void write(i64 s, i64 at, Out *out, void *, const Ending &) { out[at] = store<Out>((i64)(s > 0)); }
};

template <class A> struct All : CountNonzero<A> {
  template <class Out> static DEVICE void write(i64 s, i64 at, Out *out, void *, const Ending &ending) {
    out[at] = store<Out>((i64)(s == ending.count));
  }
};

template <class A> struct Product {
  typedef A State;
  static DEVICE State identity() { return convert<A>((real_t<A>)1); }
  template <class T> static DEVICE void add(A &s, T x, i64, const Ending &) { s = product_of(s, element_as<A>(x)); }
  static DEVICE State join(State a, State b) { return product_of(a, b); }
  template <class Out> static DEVICE void write(State s, i64 at, Out *out, void *, const Ending &) { out[at] = store<Out>(s); }
};

// NaN stays: nothing compares as better than it.
template <class A, bool maximum> struct Extreme {
  typedef A State;
  static DEVICE State identity() { return worst_of<A>(maximum); }
  static DEVICE State join(State a, State b) { return (maximum ? b > a : b < a) || b != b ? b : a; }
  template <class T> static DEVICE void add(A &s, T x, i64, const Ending &) { s = join(s, element_as<A>(x)); }
  template <class Out> static DEVICE void write(State s, i64 at, Out *out, void *, const Ending &) { out[at] = store<Out>(s); }
};
template <class A> struct Maximum : Extreme<A, true> {};
template <class A> struct Minimum : Extreme<A, false> {};

template <class A> struct MaximumAbsolute : Extreme<A, true> {
  static DEVICE A identity() { return 0; }
  template <class T> static DEVICE void add(A &s, T x, i64, const Ending &) { s = Extreme<A, true>::join(s, magnitude_of_element<A>(x)); }
};
template <class A> struct MinimumAbsolute : Extreme<A, false> {
  template <class T> static DEVICE void add(A &s, T x, i64, const Ending &) { s = Extreme<A, false>::join(s, magnitude_of_element<A>(x)); }
};

// An extreme and its first position, -1 before the first element.
template <class A, bool maximum> struct FirstExtreme {
  struct State {
    A value;
    i64 position;
  };
  static DEVICE State identity() { return State{worst_of<A>(maximum), -1}; }
  static DEVICE bool better(A x, A best) { return (maximum ? x > best : x < best) || (x != x && best == best); }
  // Positions come in ascending order.
  template <class T> static DEVICE void add(State &s, T element, i64 position, const Ending &) {
    const A x = element_as<A>(element);
    if (s.position < 0 || better(x, s.value)) s = State{x, position};
  }
  static DEVICE State join(State a, State b) {
    if (b.position < 0) return a;
    if (a.position < 0 || better(b.value, a.value)) return b;
    return better(a.value, b.value) || a.position < b.position ? a : b;
  }
};
template <class A, bool maximum> struct ExtremePosition : FirstExtreme<A, maximum> {
  template <class Out> static DEVICE void write(typename FirstExtreme<A, maximum>::State s, i64 at, Out *out, void *, const Ending &) {
    out[at] = (Out)(s.position < 0 ? 0 : s.position);
  }
};
template <class A, bool maximum> struct ExtremeAndPosition : FirstExtreme<A, maximum> {
  template <class Out>
  static DEVICE void write(typename FirstExtreme<A, maximum>::State s, i64 at, Out *out, void *second, const Ending &) {
    out[at] = store<Out>(s.value);
    ((i64 *)second)[at] = s.position < 0 ? 0 : s.position;
  }
};
template <class A> struct ArgMax : ExtremePosition<A, true> {};
template <class A> struct ArgMin : ExtremePosition<A, false> {};
template <class A> struct MaximumWithPosition : ExtremeAndPosition<A, true> {};
template <class A> struct MinimumWithPosition : ExtremeAndPosition<A, false> {};

// log Σ exp: the largest element so far and Σ exp(x - largest), which is rescaled when a larger one comes.
template <class A> struct LogSumExp {
  struct State {
    A largest, sum;
  };
  static DEVICE State identity() { return State{(A)-INFINITY, 0}; }
  static DEVICE State join(State a, State b) {
    // Equal infinities would give NaN. exp(-inf) is 0, which is what the identity's sum has to be multiplied by.
    const A difference = a.largest == b.largest ? (A)0 : b.largest - a.largest;
    const A scale = exponential(difference > 0 ? -difference : difference);
    if (difference > 0 || b.largest != b.largest) return State{b.largest, a.sum * scale + b.sum};
    return State{a.largest, a.sum + b.sum * scale};
  }
  template <class T> static DEVICE void add(State &s, T x, i64, const Ending &) { s = join(s, State{element_as<A>(x), 1}); }
  template <class Out> static DEVICE void write(State s, i64 at, Out *out, void *, const Ending &) {
    out[at] = store<Out>(s.largest - s.largest == 0 ? s.largest + logarithm(s.sum) : s.largest);
  }
};

// Mean and Σ|x - mean|² by Welford's updates, joined as Chan, Golub and LeVeque do (1979).
template <class A> struct Variance {
  typedef real_t<A> R;
  struct State {
    A mean;
    R squares, count;
  };
  static DEVICE R dot(A a, A b) {
    if constexpr (IsComplex<A>::value) return a.re * b.re + a.im * b.im;
    else return a * b;
  }
  static DEVICE A plus(A a, A b, R factor) {
    if constexpr (IsComplex<A>::value) return A{a.re + b.re * factor, a.im + b.im * factor};
    else return a + b * factor;
  }
  static DEVICE State identity() { return State{convert<A>((R)0), 0, 0}; }
  template <class T> static DEVICE void add(State &s, T element, i64, const Ending &) {
    const A x = element_as<A>(element), difference = plus(x, s.mean, -1);
    s.count += 1;
    s.mean = plus(s.mean, difference, 1 / s.count);
    s.squares += dot(difference, plus(x, s.mean, -1));
  }
  static DEVICE State join(State a, State b) {
    if (b.count == 0) return a;
    if (a.count == 0) return b;
    const R count = a.count + b.count, share = b.count / count;
    const A difference = plus(b.mean, a.mean, -1);
    return State{plus(a.mean, difference, share), a.squares + b.squares + dot(difference, difference) * a.count * share, count};
  }
  // `second`: the means, or null.
  template <class Out> static DEVICE void write(State s, i64 at, Out *out, void *second, const Ending &ending) {
    const f64 divisor = (f64)ending.count - ending.parameter;
    R variance = s.squares / (R)(divisor > 0 ? divisor : 0);
    if (ending.count == 0) {
      variance = (R)NAN;
      s.mean = plus(s.mean, convert<A>(variance), 1);
      if constexpr (IsComplex<A>::value) s.mean.im = variance;
    }
    out[at] = store<Out>(ending.square_root ? root(variance) : variance);
    if (!second) return;
    if constexpr (IsComplex<A>::value) ((complex<Out> *)second)[at] = store<complex<Out>>(s.mean);
    else ((Out *)second)[at] = store<Out>(s.mean);
  }
};

// MARK: - Joining threads

// A state that a shuffle of 32-bit words brings from another lane.
template <class S, class F> DEVICE S shuffled(S state, F shuffle) {
  union Words {
    S state;
    u32 words[sizeof(S) / 4];
  };
  Words own, other;
  own.state = state;
#pragma unroll
  for (int i = 0; i < (int)(sizeof(S) / 4); i++) other.words[i] = shuffle(own.words[i]);
  return other.state;
}

template <class S> DEVICE S state_of_lane(S state, int mask) {
  return shuffled(state, [&](u32 word) { return __shfl_xor_sync(full_warp, word, mask); });
}

// The joint state of `L` neighbouring threads: a part of a warp, or a block of 256.
template <class Op, int L> DEVICE typename Op::State join_lanes(typename Op::State state) {
  typedef typename Op::State State;
  const int width = L < 32 ? L : 32;
#pragma unroll
  for (int mask = width / 2; mask; mask >>= 1) state = Op::join(state, state_of_lane(state, mask));
  if constexpr (L > 32) {
    __shared__ State shared[L / 32];
    if ((threadIdx.x & 31) == 0) shared[threadIdx.x >> 5] = state;
    __syncthreads();
    state = shared[threadIdx.x & (L / 32 - 1)];
#pragma unroll
    for (int mask = L / 64; mask; mask >>= 1) state = Op::join(state, state_of_lane(state, mask));
  }
  return state;
}

// MARK: - Along the axis

// Elements first, first + L·N, … of a row by one of its L threads, N neighbours at a time.
template <class Op, class T, int N, int L>
DEVICE typename Op::State reduce_run(const T *x, i64 stride, i64 first, i64 last, int lane, const Ending &ending) {
  typedef typename Op::State State;
  // Several sums of one thread: independent of each other, and each a shorter one.
  const int K = N < 4 ? N : 4, U = N >= 4 ? 4 : 8;
  State states[K];
#pragma unroll
  for (int k = 0; k < K; k++) states[k] = Op::identity();
  i64 i = first + (i64)lane * N;
  if constexpr (N == 1) {
    for (; i + (U - 1) * L < last; i += U * L) {
      T loaded[U];
#pragma unroll
      for (int u = 0; u < U; u++) loaded[u] = x[(i + u * L) * stride];
#pragma unroll
      for (int u = 0; u < U; u++) Op::add(states[0], loaded[u], i + u * L, ending);
    }
    for (; i < last; i += L) Op::add(states[0], x[i * stride], i, ending);
  } else {
    const i64 end = first + (last - first) / N * N;
    for (; i + (i64)(U - 1) * L * N < end; i += (i64)U * L * N) {
      Vector<T, N> loaded[U];
#pragma unroll
      for (int u = 0; u < U; u++) loaded[u] = *(const Vector<T, N> *)(x + i + u * L * N);
#pragma unroll
      for (int u = 0; u < U; u++)
#pragma unroll
        for (int k = 0; k < N; k++) Op::add(states[k % K], loaded[u].at[k], i + u * L * N + k, ending);
    }
    for (; i < end; i += L * N) {
      const Vector<T, N> loaded = *(const Vector<T, N> *)(x + i);
#pragma unroll
      for (int k = 0; k < N; k++) Op::add(states[k % K], loaded.at[k], i + k, ending);
    }
    for (i = end + lane; i < last; i += L) Op::add(states[0], x[i], i, ending);
  }
#pragma unroll
  for (int k = 1; k < K; k++) states[0] = Op::join(states[0], states[k]);
  return states[0];
}

// L threads to a row, of which there are outer · inner. With `partials`, [row][piece], blockIdx.y is a piece of the axis and the states
// are joined later. N > 1 needs stride 1 and aligned rows and pieces.
template <template <class> class Operation, class A, class T, class Out, int N, int L>
__global__ void __launch_bounds__(256) reduce_rows(
    const T *x, Axis axis, Out *out, void *second, Ending ending, void *partials, i64 piece) {
  typedef Operation<A> Op;
  const i64 row = (i64)blockIdx.x * (256 / L) + threadIdx.x / L;
  const int lane = threadIdx.x % L;
  const bool inside = row < axis.outer * axis.inner;
  typename Op::State state = Op::identity();
  if (inside) {
    const i64 o = axis.inner == 1 ? row : row / axis.inner, i = axis.inner == 1 ? 0 : row % axis.inner;
    const i64 first = (i64)blockIdx.y * piece, end = first + piece;
    state = reduce_run<Op, T, N, L>(
        x + o * axis.outer_stride + i * axis.inner_stride, axis.stride, first, end < axis.count ? end : axis.count, lane, ending);
  }
  state = join_lanes<Op, L>(state);
  if (!inside || lane) return;
  if (partials) ((typename Op::State *)partials)[row * gridDim.y + blockIdx.y] = state;
  else Op::write(state, row, out, second, ending);
}

// The second stage: L threads to an output.
template <template <class> class Operation, class A, class Out, int L>
__global__ void __launch_bounds__(256) reduce_pieces(const void *partials, i64 outputs, i64 pieces, Out *out, void *second, Ending ending) {
  typedef Operation<A> Op;
  typedef typename Op::State State;
  const i64 output = (i64)blockIdx.x * (256 / L) + threadIdx.x / L;
  const int lane = threadIdx.x % L;
  State state = Op::identity();
  if (output < outputs) {
    const State *own = (const State *)partials + output * pieces;
#pragma unroll 4
    for (i64 i = lane; i < pieces; i += L) state = Op::join(state, own[i]);
  }
  state = join_lanes<Op, L>(state);
  if (output < outputs && lane == 0) Op::write(state, output, out, second, ending);
}

// MARK: - Across the axis

// A block of 256 threads is 2^lane_bits neighbours along `inner`, N elements each, times 2^row_bits threads along the axis, times as many
// outer positions as are left. `partials`: as above.
template <template <class> class Operation, class A, class T, class Out, int N>
__global__ void __launch_bounds__(256) reduce_columns(
    const T *x, Axis axis, Out *out, void *second, Ending ending, void *partials, i64 piece, i32 lane_bits, i32 row_bits) {
  typedef Operation<A> Op;
  typedef typename Op::State State;
  DYNAMIC_SHARED(State, shared);
  const int U = 8;
  const int lanes = 1 << lane_bits, rows = 1 << row_bits;
  const int lane = threadIdx.x & (lanes - 1), row = threadIdx.x >> lane_bits & (rows - 1), group = threadIdx.x >> (lane_bits + row_bits);
  const i64 across = (axis.inner + lanes * N - 1) / (lanes * N);
  const i64 o = blockIdx.x / across * (256 >> (lane_bits + row_bits)) + group;
  const i64 column = (blockIdx.x % across * lanes + lane) * N;
  const bool inside = o < axis.outer && column < axis.inner;
  State states[N];
#pragma unroll
  for (int k = 0; k < N; k++) states[k] = Op::identity();
  if (inside) {
    const T *p = x + o * axis.outer_stride + column * axis.inner_stride;
    const i64 first = (i64)blockIdx.y * piece, last = first + piece < axis.count ? first + piece : axis.count;
    i64 i = first + row;
    for (; i + (U - 1) * rows < last; i += U * rows) {
      Vector<T, N> loaded[U];
#pragma unroll
      for (int u = 0; u < U; u++) loaded[u] = *(const Vector<T, N> *)(p + (i + u * rows) * axis.stride);
#pragma unroll
      for (int u = 0; u < U; u++)
#pragma unroll
        for (int k = 0; k < N; k++) Op::add(states[k], loaded[u].at[k], i + u * rows, ending);
    }
    for (; i < last; i += rows) {
      const Vector<T, N> loaded = *(const Vector<T, N> *)(p + i * axis.stride);
#pragma unroll
      for (int k = 0; k < N; k++) Op::add(states[k], loaded.at[k], i, ending);
    }
  }
  if (rows > 1) {
#pragma unroll
    for (int k = 0; k < N; k++) shared[k * 256 + threadIdx.x] = states[k];
    for (int half = rows / 2; half; half >>= 1) {
      __syncthreads();
      if (row < half)
#pragma unroll
        for (int k = 0; k < N; k++) {
          State *own = shared + k * 256 + threadIdx.x;
          *own = Op::join(*own, own[half * lanes]);
        }
    }
#pragma unroll
    for (int k = 0; k < N; k++) states[k] = shared[k * 256 + threadIdx.x];
  }
  if (!inside || row) return;
#pragma unroll
  for (int k = 0; k < N; k++) {
    const i64 output = o * axis.inner + column + k;
    if (partials) ((State *)partials)[output * gridDim.y + blockIdx.y] = states[k];
    else Op::write(states[k], output, out, second, ending);
  }
}
