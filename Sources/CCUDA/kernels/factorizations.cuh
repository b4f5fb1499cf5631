// Factors of dense matrices as LAPACK makes them, and triangular systems: f32, f64, c64 and c128. Matrices lie densely in column-major
// order and are changed in place. A block to a matrix, so that no step waits for another block; lanes run along columns.

DEVICE f32 root(f32 x) { return sqrtf(x); }
DEVICE f64 root(f64 x) { return sqrt(x); }
template <class R> DEVICE R conjugate(R x) { return x; }
template <class R> DEVICE complex<R> conjugate(complex<R> x) { return complex<R>{x.re, -x.im}; }
template <class R> DEVICE R real_part(R x) { return x; }
template <class R> DEVICE R real_part(complex<R> x) { return x.re; }
template <class R> DEVICE R imaginary_part(R) { return 0; }
template <class R> DEVICE R imaginary_part(complex<R> x) { return x.im; }
// |re| + |im|, by which LAPACK chooses pivots.
template <class R> DEVICE R size_of(R x) { return absolute_of(x); }
template <class R> DEVICE R size_of(complex<R> x) { return absolute_of(x.re) + absolute_of(x.im); }
template <class R> DEVICE R square_of(R x) { return x * x; }
template <class R> DEVICE R square_of(complex<R> x) { return x.re * x.re + x.im * x.im; }
template <class R> DEVICE R times(R x, R by) { return x * by; }
template <class R> DEVICE complex<R> times(complex<R> x, R by) { return complex<R>{x.re * by, x.im * by}; }
template <class R> DEVICE R over(R x, R by) { return x / by; }
template <class R> DEVICE complex<R> over(complex<R> x, R by) { return complex<R>{x.re / by, x.im / by}; }
template <class T> struct FromParts {
  static DEVICE T of(T re, T) { return re; }
};
template <class R> struct FromParts<complex<R>> {
  static DEVICE complex<R> of(R re, R im) { return complex<R>{re, im}; }
};
template <class T> DEVICE T from_parts(real_t<T> re, real_t<T> im = 0) { return FromParts<T>::of(re, im); }

template <class T> DEVICE T block_sum(T value, T *scratch) {
  return block_all(value, [](T a, T b) { return a + b; }, T(), scratch);
}
// NaN is passed over.
template <class R> DEVICE R block_largest(R value, R *scratch) {
  return block_all(value, [](R a, R b) { return b > a ? b : a; }, (R)0, scratch);
}

// MARK: - Cholesky

// The lower triangle becomes L of L·Lᴴ. info: the order of the first leading minor that is not positive.
template <class T> __global__ void __launch_bounds__(256) cholesky(T *a, i32 *info, i64 n) {
  typedef real_t<T> R;
  __shared__ R scratch[32];
  DYNAMIC_SHARED(T, row);
  a += (i64)blockIdx.x * n * n;
  for (i64 j = 0; j < n; j++) {
    R sum = 0;
    for (i64 k = threadIdx.x; k < j; k += blockDim.x) {
      const T x = a[j + k * n];
      row[k] = conjugate(x);
      sum += square_of(x);
    }
    const R rest = real_part(a[j + j * n]) - block_sum(sum, scratch);
    __syncthreads();
    if (!(rest > 0)) {
      if (threadIdx.x == 0) info[blockIdx.x] = (i32)j + 1, a[j + j * n] = from_parts<T>(rest);
      return;
    }
    const R pivot = root(rest);
    for (i64 i = j + 1 + threadIdx.x; i < n; i += blockDim.x) {
      T x = a[i + j * n];
      for (i64 k = 0; k < j; k++) x = x - a[i + k * n] * row[k];
      a[i + j * n] = over(x, pivot);
    }
    if (threadIdx.x == 0) a[j + j * n] = from_parts<T>(pivot);
    __syncthreads();
  }
  if (threadIdx.x == 0) info[blockIdx.x] = 0;
}

// MARK: - LU

// A [m, n] becomes L and U of P·L·U; pivots count from 1. info: the first zero on U's diagonal, from 1.
template <class T> __global__ void __launch_bounds__(256) lu_factor(T *a, i32 *pivots, i32 *info, i64 m, i64 n) {
  typedef real_t<T> R;
  // A size and its row, which is exact as there are not many.
  typedef complex<R> Candidate;
  __shared__ Candidate scratch[32];
  const i64 count = m < n ? m : n;
  const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, warps = blockDim.x >> 5;
  a += (i64)blockIdx.x * m * n;
  pivots += (i64)blockIdx.x * count;
  i32 first_zero = 0;
  for (i64 j = 0; j < count; j++) {
    const Candidate none = {-1, (R)j};
    Candidate best = none;
    for (i64 i = j + threadIdx.x; i < m; i += blockDim.x) {
      const R size = size_of(a[i + j * m]);
      if (size > best.re) best = Candidate{size, (R)i};
    }
    // Of equal ones the first; NaN is never chosen.
    best = block_all(
        best, [](Candidate x, Candidate y) { return x.re > y.re || (x.re == y.re && x.im <= y.im) ? x : y; }, none, scratch);
    const i64 pivot = (i64)best.im;
    __syncthreads();
    if (threadIdx.x == 0) pivots[j] = (i32)pivot + 1;
    if (pivot != j)
      for (i64 c = threadIdx.x; c < n; c += blockDim.x) {
        const T x = a[j + c * m];
        a[j + c * m] = a[pivot + c * m];
        a[pivot + c * m] = x;
      }
    if (best.re == 0) {
      if (!first_zero) first_zero = (i32)j + 1;
      __syncthreads();
      continue;
    }
    __syncthreads();
    const T divisor = a[j + j * m];
    for (i64 i = j + 1 + threadIdx.x; i < m; i += blockDim.x) a[i + j * m] = a[i + j * m] / divisor;
    __syncthreads();
    for (i64 c = j + 1 + warp; c < n; c += warps) {
      const T factor = a[j + c * m];
      for (i64 i = j + 1 + lane; i < m; i += 32) a[i + c * m] = a[i + c * m] - a[i + j * m] * factor;
    }
    __syncthreads();
  }
  if (threadIdx.x == 0) info[blockIdx.x] = first_zero;
}

// The order in which pivots put n rows: row i of L·U is row order[i] of A. A block to a matrix.
static __global__ void __launch_bounds__(128) pivot_order(
    const i32 *pivots, i64 *order, i64 count, i64 n, DeviceError *errors, i32 operation) {
  pivots += (i64)blockIdx.x * count;
  order += (i64)blockIdx.x * n;
  for (i64 i = threadIdx.x; i < n; i += blockDim.x) order[i] = i;
  __syncthreads();
  if (threadIdx.x) return;
  for (i64 i = 0; i < count; i++) {
    const i64 other = (i64)pivots[i] - 1;
    if (other < 0 || other >= n) {
      report(errors, 1, operation, i, other, n);
      continue;
    }
    const i64 held = order[i];
    order[i] = order[other];
    order[other] = held;
  }
}

// MARK: - Triangular systems

// A warp solves op(A)·x = x, where op transposes or conjugates; x in shared memory. Lanes run along A's columns either way.
template <class T> DEVICE void solve_triangle(const T *a, i64 n, bool upper, bool transposed, bool conjugated, bool unit, T *x) {
  const int lane = threadIdx.x & 31;
  const bool backward = upper != transposed;
  for (i64 step = 0; step < n; step++) {
    const i64 i = backward ? n - 1 - step : step;
    const T pivot = conjugated ? conjugate(a[i + i * n]) : a[i + i * n];
    const i64 low = backward == transposed ? i + 1 : 0, high = backward == transposed ? n : i;
    if (transposed) {
      T sum = T();
      for (i64 k = low + lane; k < high; k += 32) sum = sum + (conjugated ? conjugate(a[k + i * n]) : a[k + i * n]) * x[k];
      sum = warp_all(sum, [](T p, T q) { return p + q; });
      if (lane == 0) {
        const T rest = x[i] - sum;
        x[i] = unit ? rest : rest / pivot;
      }
    } else {
      const T found = unit ? x[i] : x[i] / pivot;
      __syncwarp();
      if (lane == 0) x[i] = found;
      for (i64 r = low + lane; r < high; r += 32) x[r] = x[r] - (conjugated ? conjugate(a[r + i * n]) : a[r + i * n]) * found;
    }
    __syncwarp();
  }
}

// op(A)·X = B in B [m, n], or without `left` X·op(A) = B as op(A)ᵀ·Xᵀ = Bᵀ, which `transposed` says already. A warp to a column of X, or
// to a row; `tiles` blocks to a matrix.
template <class T> __global__ void __launch_bounds__(128) solve_triangular(
    const T *a, T *b, i64 m, i64 n, i64 tiles, i32 left, i32 upper, i32 transposed, i32 conjugated, i32 unit) {
  DYNAMIC_SHARED(T, vectors);
  const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, warps = blockDim.x >> 5;
  const i64 item = blockIdx.x / tiles, tile = blockIdx.x % tiles;
  const i64 order = left ? m : n, count = left ? n : m, step = left ? 1 : m, next = left ? m : 1;
  a += item * order * order;
  b += item * m * n;
  T *x = vectors + warp * order;
  for (i64 v = tile * warps + warp; v < count; v += tiles * warps) {
    for (i64 i = lane; i < order; i += 32) x[i] = b[v * next + i * step];
    __syncwarp();
    solve_triangle(a, order, upper, transposed, conjugated, unit, x);
    for (i64 i = lane; i < order; i += 32) b[v * next + i * step] = x[i];
    __syncwarp();
  }
}

// op(A)·X = B in B [n, columns], from A's factors. A warp to a column, `tiles` blocks to a matrix.
template <class T> __global__ void __launch_bounds__(128) lu_solve(
    const T *a, const i32 *pivots, T *b, i64 n, i64 columns, i64 tiles, i32 transposed, i32 conjugated, DeviceError *errors,
    i32 operation) {
  DYNAMIC_SHARED(T, vectors);
  const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, warps = blockDim.x >> 5;
  const i64 item = blockIdx.x / tiles, tile = blockIdx.x % tiles;
  a += item * n * n;
  pivots += item * n;
  b += item * n * columns;
  T *x = vectors + warp * n;
  const auto exchange = [&](i64 i) {
    const i64 other = (i64)pivots[i] - 1;
    if (other < 0 || other >= n) return report(errors, 1, operation, item * n + i, other + 1, n);
    const T held = x[i];
    x[i] = x[other];
    x[other] = held;
  };
  for (i64 c = tile * warps + warp; c < columns; c += tiles * warps) {
    for (i64 i = lane; i < n; i += 32) x[i] = b[c * n + i];
    __syncwarp();
    if (!transposed) {
      if (lane == 0)
        for (i64 i = 0; i < n; i++) exchange(i);
      __syncwarp();
      solve_triangle(a, n, false, false, false, true, x);
      solve_triangle(a, n, true, false, false, false, x);
    } else {
      solve_triangle(a, n, true, true, conjugated, false, x);
      solve_triangle(a, n, false, true, conjugated, true, x);
      if (lane == 0)
        for (i64 i = n - 1; i >= 0; i--) exchange(i);
      __syncwarp();
    }
    for (i64 i = lane; i < n; i += 32) b[c * n + i] = x[i];
    __syncwarp();
  }
}

// MARK: - Reflectors

// τ of I - τ·v·vᴴ, whose adjoint takes x to (β, 0, …) with real β. x becomes β and v below its first element, which is 1 (LAPACK's larfg).
template <class T> DEVICE T make_reflector(T *x, i64 count, real_t<T> *scratch) {
  typedef real_t<T> R;
  const T alpha = x[0];
  R largest = 0;
  bool is_zero = true;
  for (i64 i = 1 + threadIdx.x; i < count; i += blockDim.x) {
    const R size = size_of(x[i]);
    if (size > largest) largest = size;
    if (size != 0) is_zero = false;
  }
  largest = block_largest(largest, scratch);
  // NaN counts as not zero.
  is_zero = block_largest((R)(is_zero ? 0 : 1), scratch) == 0;
  if (is_zero && imaginary_part(alpha) == 0) {
    __syncthreads();
    return T();
  }
  const R own = size_of(alpha), scale = own > largest ? own : largest;
  R sum = 0;
  for (i64 i = threadIdx.x; i < count; i += blockDim.x) sum += square_of(over(x[i], scale));
  const R norm = scale * root(block_sum(sum, scratch)), beta = real_part(alpha) < 0 ? norm : -norm;
  const T shifted = alpha - from_parts<T>(beta);
  __syncthreads();
  for (i64 i = 1 + threadIdx.x; i < count; i += blockDim.x) x[i] = x[i] / shifted;
  if (threadIdx.x == 0) x[0] = from_parts<T>(beta);
  __syncthreads();
  return from_parts<T>((beta - real_part(alpha)) / beta, -imaginary_part(alpha) / beta);
}

// Columns x become (I - τ·v·vᴴ)·x. A warp to a column.
template <class T> DEVICE void reflect(const T *v, T tau, i64 count, T *columns, i64 stride, i64 column_count) {
  const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, warps = blockDim.x >> 5;
  for (i64 c = warp; c < column_count; c += warps) {
    T *x = columns + c * stride;
    T dot = lane == 0 ? x[0] : T();
    for (i64 r = lane ? lane : 32; r < count; r += 32) dot = dot + conjugate(v[r]) * x[r];
    dot = tau * warp_all(dot, [](T p, T q) { return p + q; });
    if (lane == 0) x[0] = x[0] - dot;
    for (i64 r = lane ? lane : 32; r < count; r += 32) x[r] = x[r] - v[r] * dot;
  }
}

// R above, reflectors below (geqrf).
template <class T> DEVICE void make_qr(T *a, i64 m, i64 n, T *taus, real_t<T> *scratch) {
  const i64 count = m < n ? m : n;
  for (i64 i = 0; i < count; i++) {
    T *v = a + i + i * m;
    const T tau = make_reflector(v, m - i, scratch);
    if (threadIdx.x == 0) taus[i] = tau;
    reflect(v, conjugate(tau), m - i, v + m, m, n - i - 1);
    __syncthreads();
  }
}

// The first n columns of the product of k reflectors in the columns of q, which lie `stride` apart (orgqr).
template <class T> DEVICE void multiply_reflectors(T *q, i64 stride, i64 m, i64 n, i64 k, const T *taus) {
  const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, warps = blockDim.x >> 5;
  for (i64 c = k + warp; c < n; c += warps)
    for (i64 r = lane; r < m; r += 32) q[r + c * stride] = from_parts<T>(r == c ? 1 : 0);
  __syncthreads();
  for (i64 i = k - 1; i >= 0; i--) {
    T *column = q + i * stride;
    const T tau = taus[i];
    reflect(column + i, tau, m - i, column + stride + i, stride, n - i - 1);
    __syncthreads();
    for (i64 r = threadIdx.x; r < m; r += blockDim.x)
      column[r] = r < i ? T() : r == i ? from_parts<T>(1) - tau : T() - tau * column[r];
    __syncthreads();
  }
}

template <class T> __global__ void __launch_bounds__(256) qr_factor(T *a, T *taus, i64 m, i64 n) {
  __shared__ real_t<T> scratch[32];
  make_qr(a + (i64)blockIdx.x * m * n, m, n, taus + (i64)blockIdx.x * (m < n ? m : n), scratch);
}

template <class T> __global__ void __launch_bounds__(256) qr_vectors(T *q, const T *taus, i64 m, i64 n, i64 k) {
  multiply_reflectors(q + (i64)blockIdx.x * m * n, m, m, n, k, taus + (i64)blockIdx.x * k);
}
