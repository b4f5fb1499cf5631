// Largest values and means of windows, forward and backward. Backward passes gather: an element of the input looks for the windows that
// it lies in, and adds them in their order.

// x / extent = (umulhi(x, multiplier) + x) >> shift for x < 2^31.
struct Divisor { u32 extent, multiplier, shift; };

DEVICE u32 quotient(u32 x, const Divisor &by) { return (u32)(((u64)__umulhi(x, by.multiplier) + x) >> by.shift); }

// Extents brought to three dimensions: missing ones lead, with extents of 1. Planes of fewer than 2^31 elements. Channels may lie last: then a
// plane's elements are `channels.extent` apart, which is 1 otherwise.
struct Pooling {
  i64 input[3], output[3], kernel[3], stride[3], padding[3], dilation[3];
  Divisor by_input[3], by_output[3], channels;
  i64 in_plane, out_plane;
  i64 divisor;  // of means; 0: the number of elements, with the padding's if `counts_padding`
  i32 adaptive, counts_padding;
};

// What a window covers along one dimension: first, first + step, … below end. `padded`: how many positions count with the padding.
struct PoolingRange {
  i64 first, end, step, padded;
  DEVICE i64 count() const { return end <= first ? 0 : step == 1 ? end - first : (end - first + step - 1) / step; }
};

// ⌊a·b / c⌋ and the same rounded up, fast for extents below 2^16.
DEVICE i64 scaled(i64 a, i64 b, i64 c, bool up) {
  if (a < 65536 && b < 65536 && c < 65536 && a + b + c < 131072) {
    const u32 product = (u32)a * (u32)b;
    return up ? product / (u32)c + (product % (u32)c != 0) : product / (u32)c;
  }
  return up ? (a * b + c - 1) / c : a * b / c;
}

DEVICE PoolingRange window_range(const Pooling &p, int d, i64 o) {
  if (p.adaptive) {
    if (p.output[d] == 1) return PoolingRange{0, p.input[d], 1, p.input[d]};
    const i64 first = scaled(o, p.input[d], p.output[d], false), end = scaled(o + 1, p.input[d], p.output[d], true);
    return PoolingRange{first, end, 1, end - first};
  }
  const i64 step = p.dilation[d], begin = o * p.stride[d] - p.padding[d], end = begin + (p.kernel[d] - 1) * step + 1;
  const i64 first = begin >= 0 ? begin : step == 1 ? 0 : begin + (-begin + step - 1) / step * step;
  return PoolingRange{first, min(end, p.input[d]), step, min(end, p.input[d] + p.padding[d]) - begin};
}

// The windows first ..< end that may cover a position along one dimension.
DEVICE void windows_of(const Pooling &p, int d, i64 i, i64 &first, i64 &end) {
  if (p.output[d] == 1) {
    first = 0;
    end = 1;
    return;
  }
  if (p.adaptive) {
    first = scaled(i, p.output[d], p.input[d], false);
    end = min(p.output[d], scaled(i + 1, p.output[d], p.input[d], true));
    return;
  }
  const i64 reach = i + p.padding[d] - (p.kernel[d] - 1) * p.dilation[d];
  first = reach <= 0 ? 0 : (i64)((u32)(reach + p.stride[d] - 1) / (u32)p.stride[d]);
  end = min(p.output[d], (i64)((u32)(i + p.padding[d]) / (u32)p.stride[d]) + 1);
}

struct PlanePosition {
  i64 image, channel;
  i64 at[3];

  // Where a plane of `size` elements begins.
  DEVICE i64 start(const Pooling &p, i64 size) const { return image * size * p.channels.extent + channel; }
};

DEVICE PlanePosition plane_position(const Pooling &p, u32 index, const Divisor (&by)[3]) {
  PlanePosition position;
  const u32 place = quotient(index, p.channels);
  position.channel = index - place * p.channels.extent;
  index = place;
  for (int d = 2; d >= 0; d--) {
    const u32 next = quotient(index, by[d]);
    position.at[d] = index - next * by[d].extent;
    index = next;
  }
  position.image = index;
  return position;
}

// MARK: - Largest values

DEVICE bool is_not_a_number(f32 x) { return x != x; }
DEVICE bool is_not_a_number(f64 x) { return x != x; }
template <class S> DEVICE bool is_not_a_number(S) { return false; }

// A thread a window of N neighbouring channels, or of one plane. The first of equal values wins; a NaN wins over everything, the last of
// several. `indices` (may be null): positions in the flattened plane. `count` results.
template <class T, int N>
__global__ void __launch_bounds__(256) max_pool(const T *x, T *y, i64 *indices, const Pooling p, i64 count) {
  typedef compute_t<T> S;
  const i64 index = ((i64)blockIdx.x * blockDim.x + threadIdx.x) * N;
  if (index >= count) return;
  const PlanePosition o = plane_position(p, (u32)index, p.by_output);
  const PoolingRange a = window_range(p, 0, o.at[0]), b = window_range(p, 1, o.at[1]), c = window_range(p, 2, o.at[2]);
  const T *plane = x + o.start(p, p.in_plane);
  Vector<T, N> best;
  S value[N];
  i64 position[N];
#pragma unroll
  for (int u = 0; u < N; u++) {
    best.at[u] = store<T>((S)0);
    value[u] = 0;
    position[u] = -1;
  }
  for (i64 i = a.first; i < a.end; i += a.step)
    for (i64 k = b.first; k < b.end; k += b.step) {
      const i64 row = (i * p.input[1] + k) * p.input[2];
      for (i64 l = c.first; l < c.end; l += c.step) {
        const Vector<T, N> elements = *(const Vector<T, N> *)(plane + (row + l) * p.channels.extent);
#pragma unroll
        for (int u = 0; u < N; u++) {
          const S v = load(elements.at[u]);
          if (position[u] < 0 || v > value[u] || is_not_a_number(v)) {
            value[u] = v;
            best.at[u] = elements.at[u];
            position[u] = row + l;
          }
        }
      }
    }
  *(Vector<T, N> *)(y + index) = best;
  if (indices)
#pragma unroll
    for (int u = 0; u < N; u++) indices[index + u] = position[u] < 0 ? 0 : position[u];
}

// A thread N neighbouring channels of a place of the input, or one of its elements; every index lies in its window. `count` elements.
template <class T, int N>
__global__ void __launch_bounds__(256) max_pool_backward(const T *dy, const i64 *indices, T *dx, const Pooling p, i64 count) {
  const i64 index = ((i64)blockIdx.x * blockDim.x + threadIdx.x) * N;
  if (index >= count) return;
  const PlanePosition i = plane_position(p, (u32)index, p.by_input);
  const i64 own = (i.at[0] * p.input[1] + i.at[1]) * p.input[2] + i.at[2], start = i.start(p, p.out_plane);
  i64 first[3], end[3];
  for (int d = 0; d < 3; d++) windows_of(p, d, i.at[d], first[d], end[d]);
  compute_t<T> sum[N];
#pragma unroll
  for (int u = 0; u < N; u++) sum[u] = 0;
  for (i64 a = first[0]; a < end[0]; a++)
    for (i64 b = first[1]; b < end[1]; b++) {
      const i64 row = (a * p.output[1] + b) * p.output[2];
      for (i64 c = first[2]; c < end[2]; c++) {
        const i64 window = start + (row + c) * p.channels.extent;
        const Vector<T, N> gradients = *(const Vector<T, N> *)(dy + window);
        // Two positions an access, which is as much as there can be.
        const int P = N < 2 ? 1 : 2;
#pragma unroll
        for (int u = 0; u < N; u += P) {
          const Vector<i64, P> from = *(const Vector<i64, P> *)(indices + window + u);
#pragma unroll
          for (int k = 0; k < P; k++)
            if (from.at[k] == own) sum[u + k] += load(gradients.at[u + k]);
        }
      }
    }
  Vector<T, N> result;
#pragma unroll
  for (int u = 0; u < N; u++) result.at[u] = store<T>(sum[u]);
  *(Vector<T, N> *)(dx + index) = result;
}

// The same for indices anywhere in the plane: a block of 256 a plane, whose threads own every 256th element each and go through all
// windows. `sums`: room for the input; dx itself unless 16-bit floats are summed in float32.
template <class T>
__global__ void __launch_bounds__(256)
    max_pool_backward_anywhere(const T *dy, const i64 *indices, compute_t<T> *sums, T *dx, i64 in_plane, i64 out_plane) {
  __shared__ i64 positions[256];
  __shared__ compute_t<T> values[256];
  dy += blockIdx.x * out_plane;
  indices += blockIdx.x * out_plane;
  sums += blockIdx.x * in_plane;
  dx += blockIdx.x * in_plane;
  for (i64 i = threadIdx.x; i < in_plane; i += 256) sums[i] = 0;
  for (i64 first = 0; first < out_plane; first += 256) {
    __syncthreads();
    if (first + threadIdx.x < out_plane) {
      positions[threadIdx.x] = indices[first + threadIdx.x];
      values[threadIdx.x] = load(dy[first + threadIdx.x]);
    }
    __syncthreads();
    const int n = (int)min((i64)256, out_plane - first);
    for (int o = 0; o < n; o++)
      if ((u32)positions[o] % 256 == threadIdx.x) sums[positions[o]] += values[o];
  }
  if ((void *)sums == (void *)dx) return;
  for (i64 i = threadIdx.x; i < in_plane; i += 256) dx[i] = store<T>(sums[i]);
}

// MARK: - Means

DEVICE i64 window_divisor(const Pooling &p, i64 count, i64 padded) { return p.divisor ? p.divisor : p.counts_padding ? padded : count; }

template <class T> __global__ void __launch_bounds__(256) average_pool(const T *x, T *y, const Pooling p, i64 count) {
  typedef compute_t<T> S;
  const i64 index = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (index >= count) return;
  const PlanePosition o = plane_position(p, (u32)index, p.by_output);
  const PoolingRange a = window_range(p, 0, o.at[0]), b = window_range(p, 1, o.at[1]), c = window_range(p, 2, o.at[2]);
  const T *plane = x + o.start(p, p.in_plane);
  const i64 apart = p.channels.extent;
  S sum = 0;
  for (i64 i = a.first; i < a.end; i++)
    for (i64 k = b.first; k < b.end; k++) {
      const i64 row = (i * p.input[1] + k) * p.input[2];
      for (i64 l = c.first; l < c.end; l++) sum += load(plane[(row + l) * apart]);
    }
  const i64 n = a.count() * b.count() * c.count();
  y[index] = store<T>(n ? sum / (S)window_divisor(p, n, a.padded * b.padded * c.padded) : (S)0);
}

// A warp a window, for large ones; blocks of 8 windows.
template <class T> __global__ void __launch_bounds__(256) average_pool_wide(const T *x, T *y, const Pooling p, i64 count) {
  typedef compute_t<T> S;
  const i64 index = (i64)blockIdx.x * 8 + (threadIdx.x >> 5);
  if (index >= count) return;
  const PlanePosition o = plane_position(p, (u32)index, p.by_output);
  const PoolingRange a = window_range(p, 0, o.at[0]), b = window_range(p, 1, o.at[1]), c = window_range(p, 2, o.at[2]);
  const T *plane = x + o.start(p, p.in_plane);
  const i64 apart = p.channels.extent;
  const u32 rows = (u32)b.count(), columns = (u32)c.count();
  const i64 n = a.count() * rows * columns;
  S sum = 0;
  for (u32 e = threadIdx.x & 31; e < n; e += 32) {
    const u32 row = e / columns, slice = row / rows;
    sum += load(plane[(((a.first + slice) * p.input[1] + b.first + (row - slice * rows)) * p.input[2] + c.first + (e - row * columns)) * apart]);
  }
  sum = warp_all(sum, [](S a, S b) { return a + b; });
  if ((threadIdx.x & 31) == 0) y[index] = store<T>(n ? sum / (S)window_divisor(p, n, a.padded * b.padded * c.padded) : (S)0);
}

template <class T> __global__ void __launch_bounds__(256) average_pool_backward(const T *dy, T *dx, const Pooling p, i64 count) {
  typedef compute_t<T> S;
  const i64 index = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (index >= count) return;
  const PlanePosition i = plane_position(p, (u32)index, p.by_input);
  i64 first[3], end[3];
  for (int d = 0; d < 3; d++) windows_of(p, d, i.at[d], first[d], end[d]);
  S sum = 0;
  for (i64 o = first[0]; o < end[0]; o++) {
    const PoolingRange a = window_range(p, 0, o);
    if (i.at[0] < a.first || i.at[0] >= a.end) continue;
    for (i64 q = first[1]; q < end[1]; q++) {
      const PoolingRange b = window_range(p, 1, q);
      if (i.at[1] < b.first || i.at[1] >= b.end) continue;
      const i64 row = (o * p.output[1] + q) * p.output[2];
      for (i64 r = first[2]; r < end[2]; r++) {
        const PoolingRange c = window_range(p, 2, r);
        if (i.at[2] < c.first || i.at[2] >= c.end) continue;
        sum += load(dy[i.start(p, p.out_plane) + (row + r) * p.channels.extent]) /
               (S)window_divisor(p, a.count() * b.count() * c.count(), a.padded * b.padded * c.padded);
      }
    }
  }
  dx[index] = store<T>(sum);
}

// MARK: - Windows at pseudo-random distances

// Laid out as `FractionalWindows` of EmberCUDA.
struct FractionalPooling {
  i64 rank, planes, input[3], output[3], kernel[3];
};

// A number as T stores it: window positions follow from it, so it must round as PyTorch's does.
template <class T> DEVICE f64 rounded_to(f64 x) { return (f64)load(store<T>(x)); }

template <class T> DEVICE i64 fractional_start(f64 sample, i64 i, i64 input, i64 output, i64 kernel) {
  if (i == output - 1) return input - kernel;
  const f64 step = rounded_to<T>(rounded_to<T>((f64)(input - kernel)) / rounded_to<T>((f64)(output - 1)));
  return (i64)rounded_to<T>(rounded_to<T>((f64)i + sample) * step) - (i64)rounded_to<T>(sample * step);
}

// samples [planes, rank], the innermost dimension first for images; count: of all outputs.
template <class T> __global__ void __launch_bounds__(256) fractional_max_pool(
    const T *x, const T *samples, T *y, i64 *indices, FractionalPooling p, i64 count) {
  const i64 index = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (index >= count) return;
  const i64 windows = p.output[0] * p.output[1] * p.output[2], plane = index / windows, w = index - plane * windows;
  const i64 at[3] = {w / (p.output[1] * p.output[2]), w / p.output[2] % p.output[1], w % p.output[2]};
  x += plane * p.input[0] * p.input[1] * p.input[2];
  i64 start[3];
  for (int d = 0; d < 3; d++) {
    const int own = p.rank == 3 ? d : 2 - d;
    const f64 sample = own < p.rank ? (f64)load(samples[plane * p.rank + own]) : 0;
    start[d] = fractional_start<T>(sample, at[d], p.input[d], p.output[d], p.kernel[d]);
  }
  i64 where = (start[0] * p.input[1] + start[1]) * p.input[2] + start[2];
  auto most = load(x[where]);
  for (i64 d = start[0]; d < start[0] + p.kernel[0]; d++)
    for (i64 h = start[1]; h < start[1] + p.kernel[1]; h++)
      for (i64 c = start[2]; c < start[2] + p.kernel[2]; c++) {
        const i64 i = (d * p.input[1] + h) * p.input[2] + c;
        const auto value = load(x[i]);
        if (value > most || value != value) most = value, where = i;
      }
  y[index] = x[where];
  indices[index] = where;
}
