// Cross entropy of logits [batch, classes, spatial] with labels [batch, spatial], negative likelihood of log-probabilities; forward and
// backward. A label that is no class is reported, and its loss is NaN.

DEVICE f32 exponential(f32 x) { return __expf(x); }
DEVICE f64 exponential(f64 x) { return exp(x); }
DEVICE f32 logarithm(f32 x) { return logf(x); }
DEVICE f64 logarithm(f64 x) { return log(x); }

template <class T> DEVICE f64 class_weight(const T *weight, i64 c) { return weight ? (f64)load(weight[c]) : 1; }

// MARK: - Running log-sum-exp

// The largest number met and Σ exp(x - largest); at first, and as long as all were -∞, (-∞, 0). A NaN makes the sum NaN.
template <class S> DEVICE complex<S> join_sums(complex<S> a, complex<S> b) {
  const S largest = b.re > a.re ? b.re : a.re;
  // Of equal ones, which may both be -∞, the difference is 0.
  const S own = a.re == largest ? (S)1 : exponential(a.re - largest), other = b.re == largest ? (S)1 : exponential(b.re - largest);
  return complex<S>{largest, a.im * own + b.im * other};
}

template <class S, int M> DEVICE void add_to_sums(complex<S> &sums, const S (&v)[M]) {
  S largest = v[0];
#pragma unroll
  for (int u = 1; u < M; u++) largest = v[u] > largest || largest != largest ? v[u] : largest;
  S sum = 0;
  if (largest <= sums.re) largest = sums.re;
  const S shift = largest == -(S)INFINITY ? (S)0 : largest;
#pragma unroll
  for (int u = 0; u < M; u++) sum += exponential(v[u] - shift);
  sums.im = largest == sums.re ? sums.im + sum : sums.im * exponential(sums.re - largest) + sum;
  sums.re = largest;
}

// The loss of a position from its log-sum-exp. Of `smooth`, re: Σ w·x; im: Σ w.
template <class T>
DEVICE compute_t<T> position_loss(i64 target, f64 log_sum, f64 at_target, complex<compute_t<T>> smooth, const T *weight, i64 ignore,
                                  f64 smoothing, i64 position, i64 classes, DeviceError *errors, i32 operation) {
  typedef compute_t<T> S;
  if (target == ignore) return (S)0;
  if (target < 0 || target >= classes) {
    report(errors, 1, operation, position, target, classes);
    return (S)NAN;
  }
  f64 loss = (1 - smoothing) * class_weight(weight, target) * (log_sum - at_target);
  if (smoothing > 0) loss += smoothing / (f64)classes * (log_sum * (f64)smooth.im - (f64)smooth.re);
  return (S)loss;
}

DEVICE bool is_class(i64 target, i64 classes) { return target >= 0 && target < classes; }

// MARK: - Positions whose logits are a row (spatial = 1)

static const int logits_at_once = 4;

// A warp or a block a row. Rows begin anywhere: vectors of N elements begin at the first element that is aligned for them, given that
// x is. `losses` and `log_sums` [rows].
template <class T, int N, bool Warp>
__global__ void __launch_bounds__(Warp ? 128 : 512)
    cross_entropy_rows(const T *x, const i64 *targets, const T *weight, compute_t<T> *losses, compute_t<T> *log_sums, i64 ignore,
                       f64 smoothing, i64 rows, i64 classes, DeviceError *errors, i32 operation) {
  typedef compute_t<T> S;
  __shared__ complex<S> scratch[32];
  const int lane = Warp ? threadIdx.x & 31 : threadIdx.x, lanes = Warp ? 32 : blockDim.x;
  const i64 row = Warp ? (i64)blockIdx.x * (blockDim.x >> 5) + (threadIdx.x >> 5) : blockIdx.x;
  if (Warp && row >= rows) return;
  const i64 base = row * classes;
  const i64 head = min(classes, (N - (i64)(base & (N - 1))) & (N - 1)), tail = head + (classes - head) / N * N;
  const T *from = x + base;
  complex<S> sums = {-INFINITY, 0}, smooth = {0, 0};
  const bool smooths = smoothing > 0;
  const auto add_smooth = [&](i64 c, S v) {
    const S w = weight ? (S)load(weight[c]) : (S)1;
    smooth.re += w * v;
    smooth.im += w;
  };
  for (i64 first = head + (i64)lane * N; first < tail; first += (i64)lanes * N * logits_at_once) {
    Vector<T, N> held[logits_at_once];
#pragma unroll
    for (int k = 0; k < logits_at_once; k++) {
      const i64 i = first + (i64)k * lanes * N;
      if (i < tail) held[k] = *(const Vector<T, N> *)(from + i);
    }
#pragma unroll
    for (int k = 0; k < logits_at_once; k++) {
      const i64 i = first + (i64)k * lanes * N;
      if (i >= tail) continue;
      S v[N];
      for (int u = 0; u < N; u++) v[u] = load(held[k].at[u]);
      add_to_sums(sums, v);
      if (smooths)
        for (int u = 0; u < N; u++) add_smooth(i + u, v[u]);
    }
  }
  // What lies before and after the vectors, fewer than 2N elements.
  for (i64 i = lane; i < head + classes - tail; i += lanes) {
    const i64 c = i < head ? i : tail + i - head;
    const S v[1] = {load(from[c])};
    add_to_sums(sums, v);
    if (smooths) add_smooth(c, v[0]);
  }
  const auto join = [](complex<S> a, complex<S> b) { return join_sums(a, b); };
  const auto add = [](complex<S> a, complex<S> b) { return complex<S>{a.re + b.re, a.im + b.im}; };
  sums = Warp ? warp_all(sums, join) : block_all(sums, join, complex<S>{-INFINITY, 0}, scratch);
  if (smooths) smooth = Warp ? warp_all(smooth, add) : block_all(smooth, add, complex<S>{0, 0}, scratch);
  if (lane) return;
  const f64 log_sum = (f64)sums.re + (f64)logarithm(sums.im);
  log_sums[row] = (S)log_sum;
  const i64 target = targets[row];
  const f64 at_target = is_class(target, classes) ? (f64)load(from[target]) : 0;
  losses[row] = position_loss<T>(target, log_sum, at_target, smooth, weight, ignore, smoothing, row, classes, errors, operation);
}

// What the gradients of a position's classes have in common: dx = exp(x - log_sum) · factor - spread · weight, less `own` at the target.
template <class T> struct LossSlope {
  typedef compute_t<T> S;
  i64 target;
  bool counts;
  S factor = 0, own = 0, spread = 0, log_sum = 0;
  const T *weight;

  // `spread_weights`: the sum of all classes' weights.
  DEVICE LossSlope(S gradient, const f64 *divisor, i64 target, const T *weight, S log_sum, i64 ignore, f64 smoothing, f64 spread_weights,
                   i64 classes)
      : target(target), counts(target != ignore && is_class(target, classes)), weight(weight) {
    if (!counts) return;
    f64 g = (f64)gradient;
    if (divisor) g /= *divisor;
    const f64 part = (1 - smoothing) * class_weight(weight, target);
    factor = (S)(g * (part + smoothing / (f64)classes * spread_weights));
    own = (S)(g * part);
    spread = (S)(g * smoothing / (f64)classes);
    this->log_sum = log_sum;
  }

  // A position that does not count has none, whatever its logits are.
  DEVICE S at(i64 c, S v) const {
    S d = exponential(v - log_sum) * factor;
    if (spread != 0) d -= weight ? (S)load(weight[c]) * spread : spread;
    if (c == target) d -= own;
    return counts ? d : (S)0;
  }
};

// The gradient of position i is gradient[i · gradient_stride], divided by `divisor` unless that is null.
template <class T, int N, bool Warp>
__global__ void __launch_bounds__(Warp ? 128 : 512)
    cross_entropy_rows_backward(const compute_t<T> *gradient, i64 gradient_stride, const f64 *divisor, const T *x, const i64 *targets,
                                const T *weight, const compute_t<T> *log_sums, T *dx, i64 ignore, f64 smoothing, i64 rows, i64 classes) {
  typedef compute_t<T> S;
  __shared__ f64 scratch[32];
  const int lane = Warp ? threadIdx.x & 31 : threadIdx.x, lanes = Warp ? 32 : blockDim.x;
  const i64 row = Warp ? (i64)blockIdx.x * (blockDim.x >> 5) + (threadIdx.x >> 5) : blockIdx.x;
  if (Warp && row >= rows) return;
  f64 spread_weights = (f64)classes;
  if (smoothing > 0 && weight) {
    const auto add = [](f64 a, f64 b) { return a + b; };
    f64 sum = 0;
    for (i64 c = lane; c < classes; c += lanes) sum += (f64)load(weight[c]);
    spread_weights = Warp ? warp_all(sum, add) : block_all(sum, add, 0.0, scratch);
  }
  const LossSlope<T> slope(gradient[row * gradient_stride], divisor, targets[row], weight, log_sums[row], ignore, smoothing,
                           spread_weights, classes);
  const i64 base = row * classes;
  const i64 head = min(classes, (N - (i64)(base & (N - 1))) & (N - 1)), tail = head + (classes - head) / N * N;
  x += base;
  dx += base;
  const auto derivative = [&](i64 c, S v) { return store<T>(slope.at(c, v)); };
#pragma unroll 2
  for (i64 i = head + (i64)lane * N; i < tail; i += (i64)lanes * N) {
    Vector<T, N> v = *(const Vector<T, N> *)(x + i);
    for (int u = 0; u < N; u++) v.at[u] = derivative(i + u, load(v.at[u]));
    *(Vector<T, N> *)(dx + i) = v;
  }
  for (i64 i = lane; i < head + classes - tail; i += lanes) {
    const i64 c = i < head ? i : tail + i - head;
    dx[c] = derivative(c, load(x[c]));
  }
}

// MARK: - Positions whose logits lie `spatial` apart

// Blocks of 256: 256 / slices neighbouring positions, a multiple of 32; each slice of threads takes every slices-th class.
template <class T>
__global__ void __launch_bounds__(256)
    cross_entropy_columns(const T *x, const i64 *targets, const T *weight, compute_t<T> *losses, compute_t<T> *log_sums, i64 ignore,
                          f64 smoothing, i64 positions, i64 classes, i64 spatial, i32 slices, DeviceError *errors, i32 operation) {
  typedef compute_t<T> S;
  __shared__ complex<S> all_sums[256], all_smooth[256];
  const int width = 256 / slices, column = threadIdx.x % width, slice = threadIdx.x / width;
  const i64 position = (i64)blockIdx.x * width + column;
  complex<S> sums = {-INFINITY, 0}, smooth = {0, 0};
  const T *from = x;
  if (position < positions) {
    from = x + position / spatial * classes * spatial + position % spatial;
    i64 c = slice;
    for (; c + 3 * slices < classes; c += 4 * slices) {
      S v[4];
      for (int k = 0; k < 4; k++) v[k] = load(from[(c + k * slices) * spatial]);
      add_to_sums(sums, v);
      if (smoothing > 0)
        for (int k = 0; k < 4; k++) {
          const S w = weight ? (S)load(weight[c + k * slices]) : (S)1;
          smooth.re += w * v[k];
          smooth.im += w;
        }
    }
    for (; c < classes; c += slices) {
      const S v[1] = {load(from[c * spatial])};
      add_to_sums(sums, v);
      const S w = weight ? (S)load(weight[c]) : (S)1;
      smooth.re += w * v[0];
      smooth.im += w;
    }
  }
  all_sums[threadIdx.x] = sums;
  all_smooth[threadIdx.x] = smooth;
  __syncthreads();
  if (slice || position >= positions) return;
  for (int k = 1; k < slices; k++) {
    sums = join_sums(sums, all_sums[k * width + column]);
    smooth.re += all_smooth[k * width + column].re;
    smooth.im += all_smooth[k * width + column].im;
  }
  const f64 log_sum = (f64)sums.re + (f64)logarithm(sums.im);
  log_sums[position] = (S)log_sum;
  const i64 target = targets[position];
  const f64 at_target = is_class(target, classes) ? (f64)load(from[target * spatial]) : 0;
  losses[position] = position_loss<T>(target, log_sum, at_target, smooth, weight, ignore, smoothing, position, classes, errors, operation);
}

// A thread a position and `chunk` classes (y).
template <class T>
__global__ void __launch_bounds__(256)
    cross_entropy_columns_backward(const compute_t<T> *gradient, i64 gradient_stride, const f64 *divisor, const T *x, const i64 *targets,
                                   const T *weight, const compute_t<T> *log_sums, T *dx, i64 ignore, f64 smoothing, i64 positions,
                                   i64 classes, i64 spatial, i64 chunk) {
  typedef compute_t<T> S;
  __shared__ f64 scratch[32];
  f64 spread_weights = (f64)classes;
  if (smoothing > 0 && weight) {
    f64 sum = 0;
    for (i64 c = threadIdx.x; c < classes; c += blockDim.x) sum += (f64)load(weight[c]);
    spread_weights = block_all(sum, [](f64 a, f64 b) { return a + b; }, 0.0, scratch);
  }
  const i64 position = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (position >= positions) return;
  const LossSlope<T> slope(gradient[position * gradient_stride], divisor, targets[position], weight, log_sums[position], ignore, smoothing,
                           spread_weights, classes);
  const i64 start = position / spatial * classes * spatial + position % spatial;
  const i64 first = (i64)blockIdx.y * chunk, end = min(classes, first + chunk);
#pragma unroll 4
  for (i64 c = first; c < end; c++) {
    dx[start + c * spatial] = store<T>(slope.at(c, load(x[start + c * spatial])));
  }
}

// MARK: - Negative likelihood of log-probabilities

template <class T>
__global__ void __launch_bounds__(256)
    negative_likelihood(const T *x, const i64 *targets, const T *weight, compute_t<T> *losses, i64 ignore, i64 positions, i64 classes,
                        i64 spatial, DeviceError *errors, i32 operation) {
  typedef compute_t<T> S;
  const i64 position = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (position >= positions) return;
  const i64 target = targets[position];
  const f64 value = is_class(target, classes) ? (f64)load(x[(position / spatial * classes + target) * spatial + position % spatial]) : 0;
  losses[position] = position_loss<T>(target, 0, value, complex<S>{0, 0}, weight, ignore, 0, position, classes, errors, operation);
}

// Into a result that holds zeros.
template <class T>
__global__ void __launch_bounds__(256)
    negative_likelihood_backward(const compute_t<T> *gradient, i64 gradient_stride, const f64 *divisor, const i64 *targets, const T *weight,
                                 T *dx, i64 ignore, i64 positions, i64 classes, i64 spatial) {
  const i64 position = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (position >= positions) return;
  const i64 target = targets[position];
  if (target == ignore || !is_class(target, classes)) return;
  f64 g = (f64)gradient[position * gradient_stride];
  if (divisor) g /= *divisor;
  dx[(position / spatial * classes + target) * spatial + position % spatial] = store<T>((compute_t<T>)(-g * class_weight(weight, target)));
}

// MARK: - Totals

// The sums of losses and of the labels' weights, [gridDim.x][2], in blocks of 256.
template <class T>
__global__ void __launch_bounds__(256)
    class_loss_partials(const compute_t<T> *losses, const i64 *targets, const T *weight, i64 ignore, i64 positions, i64 classes,
                        f64 *partials) {
  __shared__ complex<f64> scratch[32];
  complex<f64> sums = {0, 0};
  for (i64 i = (i64)blockIdx.x * 256 + threadIdx.x; i < positions; i += (i64)gridDim.x * 256) {
    const i64 target = targets[i];
    sums.re += (f64)losses[i];
    if (target != ignore && is_class(target, classes)) sums.im += class_weight(weight, target);
  }
  sums = block_all(
      sums, [](complex<f64> a, complex<f64> b) { return complex<f64>{a.re + b.re, a.im + b.im}; }, complex<f64>{0, 0}, scratch);
  if (threadIdx.x == 0) {
    partials[2 * blockIdx.x] = sums.re;
    partials[2 * blockIdx.x + 1] = sums.im;
  }
}

// One block of 256: the weight, and the loss unless null, divided by the weight for a mean.
template <class T>
__global__ void __launch_bounds__(256) class_loss_totals(const f64 *partials, i64 count, bool mean, T *loss, f64 *weight) {
  __shared__ complex<f64> scratch[32];
  complex<f64> sums = {0, 0};
  for (i64 i = threadIdx.x; i < count; i += 256) {
    sums.re += partials[2 * i];
    sums.im += partials[2 * i + 1];
  }
  sums = block_all(
      sums, [](complex<f64> a, complex<f64> b) { return complex<f64>{a.re + b.re, a.im + b.im}; }, complex<f64>{0, 0}, scratch);
  if (threadIdx.x) return;
  *weight = sums.im;
  if (loss) *loss = store<T>((compute_t<T>)(mean ? sums.re / sums.im : sums.re));
}

// MARK: - Several labels to a row

// Marks the labels of a row up to the first negative one and returns how many there are, repeated ones included. A block to a row.
DEVICE i64 mark_labels(const i64 *targets, i64 classes, u8 *marks, i32 *scratch, DeviceError *errors, i32 operation) {
  i32 end = (i32)classes;
  for (i64 i = threadIdx.x; i < classes; i += blockDim.x) {
    marks[i] = 0;
    if (targets[i] < -1 || targets[i] >= classes) report(errors, 1, operation, blockIdx.x * classes + i, targets[i], classes);
    if (targets[i] < 0 && i < end) end = (i32)i;
  }
  end = block_all(end, [](i32 a, i32 b) { return b < a ? b : a; }, (i32)classes, scratch);
  __syncthreads();
  for (i64 i = threadIdx.x; i < end; i += blockDim.x)
    if (targets[i] < classes) marks[targets[i]] = 1;
  __syncthreads();
  return end;
}

// Σ max(0, 1 - x[label] + x[other]) / classes over the labels and all others. `marks`: a byte for each element.
template <class T> __global__ void __launch_bounds__(256) multilabel_margin(
    const T *x, const i64 *targets, T *losses, u8 *marks, i64 classes, DeviceError *errors, i32 operation) {
  __shared__ T scratch[32];
  __shared__ i32 ends[32];
  const i64 row = (i64)blockIdx.x * classes;
  x += row, targets += row, marks += row;
  const i64 count = mark_labels(targets, classes, marks, ends, errors, operation);
  T sum = 0;
  for (i64 i = threadIdx.x; i < classes; i += blockDim.x) {
    if (marks[i]) continue;
    for (i64 t = 0; t < count; t++) {
      if (targets[t] >= classes) continue;
      const T margin = 1 - x[targets[t]] + x[i];
      if (margin > 0) sum += margin;
    }
  }
  sum = block_all(sum, [](T a, T b) { return a + b; }, (T)0, scratch);
  if (threadIdx.x == 0) losses[blockIdx.x] = sum / (T)classes;
}

template <class T> __global__ void __launch_bounds__(256) multilabel_margin_backward(
    const T *dy, const T *x, const i64 *targets, T *dx, u8 *marks, i64 classes, DeviceError *errors, i32 operation) {
  __shared__ i32 ends[32];
  const i64 row = (i64)blockIdx.x * classes;
  x += row, targets += row, marks += row, dx += row;
  const i64 count = mark_labels(targets, classes, marks, ends, errors, operation);
  const T share = dy[blockIdx.x] / (T)classes;
  for (i64 i = threadIdx.x; i < classes; i += blockDim.x) {
    i64 pairs = 0;
    if (marks[i]) {
      for (i64 k = 0; k < classes; k++) pairs -= !marks[k] && 1 - x[i] + x[k] > 0;
      i64 times = 0;
      for (i64 t = 0; t < count; t++) times += targets[t] == i;
      pairs *= times;
    } else {
      for (i64 t = 0; t < count; t++) pairs += targets[t] < classes && 1 - x[targets[t]] + x[i] > 0;
    }
    dx[i] = (T)pairs * share;
  }
}
