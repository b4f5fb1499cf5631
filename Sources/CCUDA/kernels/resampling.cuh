// Resampling: along one dimension by a sparse matrix, and at arbitrary positions of an image or volume (Jaderberg et al.,
// arXiv:1506.02025).

DEVICE i64 divided(i64 x, i64 divisor) {
  return x < 0x100000000LL && divisor < 0x100000000LL ? (i64)((u32)x / (u32)divisor) : x / divisor;
}

// MARK: - By a matrix

// Output position o gathers the input positions indices[k] times weights[k] for starts[o] <= k < starts[o + 1].
struct Resampling {
  i64 input, output;
  const i64 *starts, *indices;
};

// y [outer, output, inner] = the matrix times x [outer, input, inner].
template <class T> __global__ void __launch_bounds__(256) resample(
    Resampling matrix, const T *weights, const T *__restrict__ x, T *y, i64 count, i64 inner) {
  for (i64 at = (i64)blockIdx.x * 256 + threadIdx.x; at < count; at += (i64)gridDim.x * 256) {
    const i64 row = divided(at, inner), i = at - row * inner, item = divided(row, matrix.output), o = row - item * matrix.output;
    const T *source = x + item * matrix.input * inner + i;
    T sum = 0;
    const i64 end = matrix.starts[o + 1];
    for (i64 k = matrix.starts[o]; k < end; k++) sum += weights[k] * source[matrix.indices[k] * inner];
    y[at] = sum;
  }
}

// The same for bytes, with weights in fixed point of `precision` binary digits and each result rounded and limited.
template <class Weight> __global__ void __launch_bounds__(256) resample_bytes(
    Resampling matrix, const Weight *weights, i32 precision, const u8 *__restrict__ x, u8 *y, i64 count, i64 inner) {
  for (i64 at = (i64)blockIdx.x * 256 + threadIdx.x; at < count; at += (i64)gridDim.x * 256) {
    const i64 row = divided(at, inner), i = at - row * inner, item = divided(row, matrix.output), o = row - item * matrix.output;
    const u8 *source = x + item * matrix.input * inner + i;
    i32 sum = 1 << (precision - 1);
    const i64 end = matrix.starts[o + 1];
    for (i64 k = matrix.starts[o]; k < end; k++) sum += (i32)weights[k] * (i32)source[matrix.indices[k] * inner];
    sum >>= precision;
    y[at] = (u8)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
  }
}

// MARK: - At positions
//
// In each dimension a position turns into up to four taps; all modes and both ranks are products of those.

enum { sample_linear = 0, sample_nearest = 1, sample_cubic = 2 };
enum { outside_zero = 0, outside_border = 1, outside_reflection = 2 };

struct GridSampling {
  i32 outside, align_corners;
  i64 batch, channels, points;
  i64 input[3];  // from the outermost dimension; images have a depth of 1
};

DEVICE f32 round_to_even(f32 x) { return rintf(x); }
DEVICE f64 round_to_even(f64 x) { return rint(x); }
DEVICE f32 round_down(f32 x) { return floorf(x); }
DEVICE f64 round_down(f64 x) { return floor(x); }
DEVICE f32 remainder_of(f32 x, f32 y) { return fmodf(x, y); }
DEVICE f64 remainder_of(f64 x, f64 y) { return fmod(x, y); }

template <int mode> struct TapCount { static const int value = mode == sample_nearest ? 1 : mode == sample_linear ? 2 : 4; };

// Taps of one dimension: where (-1: outside), their weights and the derivatives of those.
template <class T, int N> struct Taps {
  i64 at[N];
  T weight[N], slope[N];
};

// A position moved into the input by the rule for what lies outside; slope is multiplied by the derivative.
template <class T> DEVICE T moved_inside(const GridSampling &s, T x, i64 size, T *slope) {
  if (s.outside == outside_zero) return x;
  if (s.outside == outside_reflection) {
    const T low = s.align_corners ? (T)0 : (T)-0.5, span = (T)(s.align_corners ? size - 1 : size);
    if (span == 0) {
      *slope = 0;
      x = 0;
    } else {
      x -= low;
      if (x < 0) {
        x = -x;
        *slope = -*slope;
      }
      const T extra = remainder_of(x, span), flips = round_down(x / span);
      if (remainder_of(flips, (T)2) == 0) {
        x = extra + low;
      } else {
        *slope = -*slope;
        x = span - extra + low;
      }
    }
  }
  if (x <= 0) {
    *slope = 0;
    return 0;
  }
  if (!(x < (T)(size - 1))) {
    *slope = 0;
    return (T)(size - 1);
  }
  return x;
}

template <class T> DEVICE i64 tap_index(T x, i64 size) { return x >= 0 && x < (T)size ? (i64)x : -1; }

template <class T, int mode> DEVICE Taps<T, TapCount<mode>::value> taps_at(const GridSampling &s, T coordinate, i64 size) {
  Taps<T, TapCount<mode>::value> t;
  T slope = (T)(s.align_corners ? size - 1 : size) / 2;
  T x = s.align_corners ? (coordinate + 1) / 2 * (T)(size - 1) : ((coordinate + 1) * (T)size - 1) / 2;
  if constexpr (mode == sample_cubic) {
    // Keys' cubic convolution.
    const T base = round_down(x), f = x - base, a = (T)-0.75, p = f + 1, q = 1 - f, r = 2 - f;
    t.weight[0] = ((a * p - 5 * a) * p + 8 * a) * p - 4 * a;
    t.weight[1] = ((a + 2) * f - (a + 3)) * f * f + 1;
    t.weight[2] = ((a + 2) * q - (a + 3)) * q * q + 1;
    t.weight[3] = ((a * r - 5 * a) * r + 8 * a) * r - 4 * a;
    t.slope[0] = slope * ((3 * a * p - 10 * a) * p + 8 * a);
    t.slope[1] = slope * (3 * (a + 2) * f - 2 * (a + 3)) * f;
    t.slope[2] = -slope * (3 * (a + 2) * q - 2 * (a + 3)) * q;
    t.slope[3] = -slope * ((3 * a * r - 10 * a) * r + 8 * a);
#pragma unroll
    for (int k = 0; k < 4; k++) {
      T unused = 1;
      t.at[k] = tap_index(moved_inside(s, base + (T)(k - 1), size, &unused), size);
    }
  } else {
    x = moved_inside(s, x, size, &slope);
    if constexpr (mode == sample_nearest) {
      t.at[0] = tap_index(round_to_even(x), size);
      t.weight[0] = 1;
      t.slope[0] = 0;
    } else {
      const T base = round_down(x);
      t.at[0] = tap_index(base, size);
      t.at[1] = tap_index(base + 1, size);
      t.weight[0] = base + 1 - x;
      t.weight[1] = x - base;
      t.slope[0] = -slope;
      t.slope[1] = slope;
    }
  }
  return t;
}

// The products of all dimensions' taps: positions in a plane (-1: outside) and weights. With `derived` >= 0 the weight of that dimension is
// its derivative.
template <class T, int mode, int rank> struct PointTaps {
  static const int N = TapCount<mode>::value, count = rank == 3 ? N * N * N : N * N;
  Taps<T, N> dimension[rank];

  DEVICE void locate(const GridSampling &s, const T *point) {
#pragma unroll
    for (int d = 0; d < rank; d++) dimension[d] = taps_at<T, mode>(s, point[rank - 1 - d], s.input[3 - rank + d]);
  }
  DEVICE void combine(const GridSampling &s, int derived, i64 *at, T *weight) const {
#pragma unroll
    for (int k = 0; k < count; k++) {
      int rest = k;
      i64 place = 0, step = 1;
      T product = 1;
      bool inside = true;
#pragma unroll
      for (int d = rank - 1; d >= 0; d--) {
        const int tap = rest % N;
        rest /= N;
        inside = inside && dimension[d].at[tap] >= 0;
        place += dimension[d].at[tap] * step;
        step *= s.input[3 - rank + d];
        product *= d == derived ? dimension[d].slope[tap] : dimension[d].weight[tap];
      }
      at[k] = inside ? place : -1;
      weight[k] = product;
    }
  }
};

// y [batch, channels, points] from grid [batch, points, rank]: coordinates in -1 ... 1, those of the innermost dimension first.
template <class T, int mode, int rank> __global__ void __launch_bounds__(128) grid_sample(
    GridSampling s, const T *__restrict__ x, const T *grid, T *y) {
  typedef PointTaps<T, mode, rank> P;
  const i64 index = (i64)blockIdx.x * 128 + threadIdx.x;
  if (index >= s.batch * s.points) return;
  const i64 item = divided(index, s.points), p = index - item * s.points, plane = s.input[0] * s.input[1] * s.input[2];
  P taps;
  i64 at[P::count];
  T weight[P::count];
  taps.locate(s, grid + index * rank);
  taps.combine(s, -1, at, weight);
  for (i64 c = blockIdx.y; c < s.channels; c += gridDim.y) {
    const T *source = x + (item * s.channels + c) * plane;
    T sum = 0;
#pragma unroll
    for (int k = 0; k < P::count; k++)
      if (at[k] >= 0) sum += weight[k] * source[at[k]];
    y[(item * s.channels + c) * s.points + p] = sum;
  }
}

// The gradient of the grid from that of y.
template <class T, int mode, int rank> __global__ void __launch_bounds__(128) grid_sample_backward_grid(
    GridSampling s, const T *__restrict__ dy, const T *__restrict__ x, const T *grid, T *dgrid) {
  typedef PointTaps<T, mode, rank> P;
  const i64 index = (i64)blockIdx.x * 128 + threadIdx.x;
  if (index >= s.batch * s.points) return;
  const i64 item = divided(index, s.points), p = index - item * s.points, plane = s.input[0] * s.input[1] * s.input[2];
  P taps;
  i64 at[P::count];
  T weight[P::count];
  taps.locate(s, grid + index * rank);
#pragma unroll 1
  for (int d = 0; d < rank; d++) {
    T sum = 0;
    if (mode != sample_nearest) {
      taps.combine(s, d, at, weight);
      for (i64 c = 0; c < s.channels; c++) {
        const T *source = x + (item * s.channels + c) * plane;
        const T g = dy[(item * s.channels + c) * s.points + p];
#pragma unroll
        for (int k = 0; k < P::count; k++)
          if (at[k] >= 0) sum += g * weight[k] * source[at[k]];
      }
    }
    dgrid[index * rank + rank - 1 - d] = sum;
  }
}

// The gradient of x, which holds zeros, from that of y: by atomics, in no particular order.
template <class T, int mode, int rank> __global__ void __launch_bounds__(128) grid_sample_backward_input(
    GridSampling s, const T *__restrict__ dy, const T *grid, T *dx) {
  typedef PointTaps<T, mode, rank> P;
  const i64 index = (i64)blockIdx.x * 128 + threadIdx.x;
  if (index >= s.batch * s.points) return;
  const i64 item = divided(index, s.points), p = index - item * s.points, plane = s.input[0] * s.input[1] * s.input[2];
  P taps;
  i64 at[P::count];
  T weight[P::count];
  taps.locate(s, grid + index * rank);
  taps.combine(s, -1, at, weight);
  for (i64 c = blockIdx.y; c < s.channels; c += gridDim.y) {
    T *target = dx + (item * s.channels + c) * plane;
    const T g = dy[(item * s.channels + c) * s.points + p];
#pragma unroll
    for (int k = 0; k < P::count; k++)
      if (at[k] >= 0) atomicAdd(target + at[k], weight[k] * g);
  }
}
