// Reductions of segments of rows.

enum { segment_sum = 0, segment_mean = 1, segment_maximum = 2, segment_minimum = 3, segment_product = 4 };

template <int mode, class T> DEVICE T segment_combined(T a, T b) {
  if (mode == segment_maximum) return b != b || b > a ? b : a;
  if (mode == segment_minimum) return b != b || b < a ? b : a;
  return mode == segment_product ? a * b : a + b;
}
template <int mode, class T> DEVICE T segment_neutral() {
  return mode == segment_maximum ? -(T)INFINITY : mode == segment_minimum ? (T)INFINITY : mode == segment_product ? (T)1 : (T)0;
}

// y[s, k] = the reduction of `initial` and x[r, k] for starts[s] <= r < ends[s]; x [rows, inner], y [segments, inner]. Means divide by the
// number of rows; where there are none, what `initial` gives stays. `lanes` neighbouring threads, 1 or 32, share a result.
template <class T, int mode> __global__ void __launch_bounds__(256) segment_reduce(
    const T *__restrict__ x, const i64 *starts, const i64 *ends, T initial, T *y, i64 segments, i64 inner, i32 lanes) {
  const i64 result = ((i64)blockIdx.x * 256 + threadIdx.x) / lanes, count = segments * inner;
  const int lane = lanes == 1 ? 0 : threadIdx.x & 31;
  const bool exists = result < count;
  const i64 s = exists ? result / inner : 0, k = result - s * inner;
  const i64 from = exists ? starts[s] : 0, to = exists ? ends[s] : 0;
  T sum = lane == 0 ? initial : segment_neutral<mode, T>();
#pragma unroll 4
  for (i64 row = from + lane; row < to; row += lanes) sum = segment_combined<mode>(sum, x[row * inner + k]);
  if (lanes > 1) sum = warp_all(sum, [](T a, T b) { return segment_combined<mode>(a, b); });
  if (mode == segment_mean && to > from) sum /= (T)(to - from);
  if (exists && lane == 0) y[result] = sum;
}
