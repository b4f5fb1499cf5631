// Eigenvalues of Hermitian matrices and singular values, with their vectors; a block to a matrix, as in factorizations.cuh.

DEVICE f64 widened(f32 x) { return x; }
DEVICE f64 widened(f64 x) { return x; }
template <class R> DEVICE c128 widened(complex<R> x) { return c128{x.re, x.im}; }
template <class R> struct Precision;
template <> struct Precision<f32> {
  static DEVICE f64 unit() { return 1.1920928955078125e-7; }
};
template <> struct Precision<f64> {
  static DEVICE f64 unit() { return 2.220446049250313e-16; }
};

// MARK: - Hermitian matrices

// A Hermitian matrix, of which the lower triangle is read, becomes tridiagonal by reflectors that stay below its subdiagonal (hetrd).
template <class T> DEVICE void make_tridiagonal(T *a, i64 n, f64 *diagonal, f64 *beside, T *v, T *w, T *taus, T *scratch,
                                                real_t<T> *real_scratch) {
  typedef real_t<T> R;
  const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, warps = blockDim.x >> 5;
  for (i64 c = warp; c < n; c += warps)
    for (i64 r = lane; r <= c; r += 32) a[r + c * n] = r == c ? from_parts<T>(real_part(a[r + c * n])) : conjugate(a[c + r * n]);
  __syncthreads();
  for (i64 i = 0; i + 1 < n; i++) {
    T *x = a + (i + 1) + i * n, *rest = a + (i + 1) + (i + 1) * n;
    const i64 count = n - i - 1;
    const T tau = make_reflector(x, count, real_scratch);
    if (threadIdx.x == 0) diagonal[i] = real_part(a[i + i * n]), beside[i] = real_part(x[0]), taus[i] = tau;
    if (real_part(tau) == 0 && imaginary_part(tau) == 0) continue;
    for (i64 r = threadIdx.x; r < count; r += blockDim.x) v[r] = r ? x[r] : from_parts<T>(1);
    __syncthreads();
    T dot = T();
    for (i64 r = threadIdx.x; r < count; r += blockDim.x) {
      T sum = T();
      for (i64 c = 0; c < count; c++) sum = sum + rest[r + c * n] * v[c];
      sum = tau * sum;
      w[r] = sum;
      dot = dot + conjugate(sum) * v[r];
    }
    const T half = times(tau * block_sum(dot, scratch), (R)-0.5);
    for (i64 r = threadIdx.x; r < count; r += blockDim.x) w[r] = w[r] + half * v[r];
    __syncthreads();
    for (i64 c = warp; c < count; c += warps) {
      const T vc = conjugate(v[c]), wc = conjugate(w[c]);
      for (i64 r = lane; r < count; r += 32) rest[r + c * n] = rest[r + c * n] - v[r] * wc - w[r] * vc;
    }
    __syncthreads();
  }
  if (threadIdx.x == 0) diagonal[n - 1] = real_part(a[n * n - 1]), beside[n - 1] = 0;
  __syncthreads();
}

// The state of the implicit QL iteration (Bowdler, Martin, Reinsch and Wilkinson, 1968), which one thread advances.
struct Iteration {
  i64 first = 0;  // eigenvalues before it are found
  i32 tries = 0;
};
enum { iteration_goes_on, iteration_done, iteration_failed };

// One sweep: rotations of the columns i and i + 1 for i = high … low, in cosines and sines.
DEVICE i32 sweep_tridiagonal(Iteration &state, i64 n, f64 *d, f64 *e, f64 *cosines, f64 *sines, i64 &low, i64 &high) {
  const f64 unit = Precision<f64>::unit();
  for (;;) {
    const i64 l = state.first;
    if (l >= n) return iteration_done;
    i64 m = l;
    while (m + 1 < n && !(fabs(e[m]) <= unit * (fabs(d[m]) + fabs(d[m + 1])))) m++;
    if (m == l) {
      state.first++;
      state.tries = 0;
      continue;
    }
    if (state.tries++ == 60) return iteration_failed;
    f64 g = (d[l + 1] - d[l]) / (2 * e[l]), r = hypot(g, 1.0);
    g = d[m] - d[l] + e[l] / (g + (g < 0 ? -r : r));
    f64 s = 1, c = 1, p = 0;
    high = m - 1;
    i64 i = m - 1;
    for (; i >= l; i--) {
      const f64 f = s * e[i], b = c * e[i];
      r = hypot(f, g);
      e[i + 1] = r;
      if (r == 0) {
        d[i + 1] -= p;
        e[m] = 0;
        break;
      }
      s = f / r;
      c = g / r;
      g = d[i + 1] - p;
      r = (d[i] - g) * s + 2 * c * b;
      p = s * r;
      d[i + 1] = g + p;
      g = c * r - b;
      cosines[i] = c;
      sines[i] = s;
    }
    low = i + 1;
    if (i < l) {
      d[l] -= p;
      e[l] = g;
      e[m] = 0;
    }
    if (low <= high) return iteration_goes_on;
  }
}

// Eigenvalues, ascending, into `values`, and vectors into a if `z`, room for as many matrices, is not null. The dynamic memory of a block:
// four f64, three T and an i32 for each row. info: how many eigenvalues were not found.
template <class T> __global__ void __launch_bounds__(256) eigh(T *a, real_t<T> *values, T *z, i32 *info, i64 n) {
  typedef real_t<T> R;
  __shared__ T scratch[32];
  __shared__ R real_scratch[32];
  __shared__ i64 bounds[2];
  __shared__ i32 verdict;
  DYNAMIC_SHARED(T, v);
  T *w = v + n, *taus = w + n;
  f64 *d = (f64 *)(taus + n + (sizeof(T) == 4 ? n & 1 : 0)), *e = d + n, *cosines = e + n, *sines = cosines + n;
  i32 *order = (i32 *)(sines + n);
  const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, warps = blockDim.x >> 5;
  a += (i64)blockIdx.x * n * n;
  values += (i64)blockIdx.x * n;
  if (z) z += (i64)blockIdx.x * n * n;
  make_tridiagonal(a, n, d, e, v, w, taus, scratch, real_scratch);
  if (z) {
    // Q leaves the first coordinate alone.
    for (i64 c = warp; c < n; c += warps)
      for (i64 r = lane; r < n; r += 32) z[r + c * n] = c == 0 || r == 0 ? from_parts<T>(r == c ? 1 : 0) : a[r + (c - 1) * n];
    __syncthreads();
    multiply_reflectors(z + 1 + n, n, n - 1, n - 1, n - 1, taus);
  }
  Iteration state;
  for (;;) {
    if (threadIdx.x == 0) verdict = sweep_tridiagonal(state, n, d, e, cosines, sines, bounds[0], bounds[1]);
    __syncthreads();
    const i32 found = verdict;
    const i64 low = bounds[0], high = bounds[1];
    if (found != iteration_goes_on) break;
    if (z)
      for (i64 r = threadIdx.x; r < n; r += blockDim.x) {
        T last = z[r + (high + 1) * n];
        for (i64 i = high; i >= low; i--) {
          const T x = z[r + i * n];
          const R c = (R)cosines[i], s = (R)sines[i];
          z[r + (i + 1) * n] = times(x, s) + times(last, c);
          last = times(x, c) - times(last, s);
        }
        z[r + low * n] = last;
      }
    __syncthreads();
  }
  if (threadIdx.x == 0) info[blockIdx.x] = verdict == iteration_failed ? (i32)(n - state.first) : 0;
  // Each eigenvalue's place, of equal ones in the order found; NaN last.
  for (i64 i = threadIdx.x; i < n; i += blockDim.x) {
    const f64 own = d[i];
    i64 place = 0;
    for (i64 k = 0; k < n; k++) {
      const bool before = own == own ? d[k] < own || (d[k] == own && k < i) : d[k] == d[k] || k < i;
      place += before;
    }
    order[place] = (i32)i;
    values[place] = (R)own;
  }
  __syncthreads();
  if (!z) return;
  for (i64 c = warp; c < n; c += warps)
    for (i64 r = lane; r < n; r += 32) a[r + c * n] = z[r + order[c] * n];
}

// MARK: - Singular values

// One-sided Jacobi rotations (Hestenes, 1958): columns of W = A·V are made orthogonal in pairs, whose lengths then are the singular values.
// A pair's warp: true if it rotated. V may be null.
template <class T> DEVICE bool orthogonalize(T *wp, T *wq, i64 m, T *vp, T *vq, i64 n, f64 tolerance, f64 vanishing) {
  typedef real_t<T> R;
  const int lane = threadIdx.x & 31;
  f64 p_square = 0, q_square = 0;
  auto dot = widened(T());
  for (i64 r = lane; r < m; r += 32) {
    const auto x = widened(wp[r]), y = widened(wq[r]);
    p_square += square_of(x);
    q_square += square_of(y);
    dot = dot + conjugate(x) * y;
  }
  const auto add = [](f64 x, f64 y) { return x + y; };
  p_square = warp_all(p_square, add);
  q_square = warp_all(q_square, add);
  dot = warp_all(dot, [](decltype(dot) x, decltype(dot) y) { return x + y; });
  const f64 size = sqrt(square_of(dot)), p_norm = sqrt(p_square), q_norm = sqrt(q_square);
  if (!(p_norm > vanishing && q_norm > vanishing && size > tolerance * p_norm * q_norm)) return false;
  const f64 zeta = (q_square - p_square) / (2 * size);
  const f64 t = (zeta < 0 ? -1 : 1) / (fabs(zeta) + sqrt(1 + zeta * zeta)), c = 1 / sqrt(1 + t * t), s = c * t;
  // The phase by which the product of the two columns becomes real.
  const auto turn = over(conjugate(dot), size);
  const T phase = from_parts<T>((R)real_part(turn), (R)imaginary_part(turn));
  const auto rotate = [&](T *x, T *y, i64 count) {
    for (i64 r = lane; r < count; r += 32) {
      const T p = x[r], q = y[r] * phase;
      x[r] = times(p, (R)c) - times(q, (R)s);
      y[r] = times(p, (R)s) + times(q, (R)c);
    }
  };
  rotate(wp, wq, m);
  if (vp) rotate(vp, vq, n);
  return true;
}

// A [m, n] = U·diag(s)·Vᴴ. `work`: of each matrix a copy of A, or of its adjoint where that is taller; with vectors (u not null) then V
// and `columns` columns for what completes them. U has `columns` columns if m >= n, else V has. The dynamic memory of a block: a T, an f64
// and an i32 for each singular value. info: 1 if the iteration did not converge.
template <class T> __global__ void __launch_bounds__(256) svd(
    const T *a, real_t<T> *s, T *u, T *vh, T *work, i64 work_stride, i32 *info, i64 m, i64 n, i64 columns) {
  typedef real_t<T> R;
  __shared__ R scratch[32];
  __shared__ i32 rotated;
  const bool wide = m < n;
  const i64 rows = wide ? n : m, count = wide ? m : n;
  DYNAMIC_SHARED(T, taus);
  f64 *lengths = (f64 *)(taus + count + (sizeof(T) == 4 ? count & 1 : 0));
  i32 *order = (i32 *)(lengths + count);
  const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, warps = blockDim.x >> 5;
  a += (i64)blockIdx.x * m * n;
  s += (i64)blockIdx.x * count;
  T *w = work + (i64)blockIdx.x * work_stride, *v = u ? w + rows * count : nullptr;
  // Scaled by a power of two, so that no square overflows or vanishes.
  R largest = 0;
  bool is_finite = true;
  for (i64 i = threadIdx.x; i < m * n; i += blockDim.x) {
    const R size = size_of(a[i]);
    if (size > largest) largest = size;
    if (!(size - size == 0)) is_finite = false;
  }
  largest = block_largest(largest, scratch);
  if (block_largest((R)(is_finite ? 0 : 1), scratch) != 0) {
    for (i64 i = threadIdx.x; i < count; i += blockDim.x) s[i] = (R)NAN;
    if (threadIdx.x == 0) info[blockIdx.x] = 1;
    return;
  }
  int exponent = 1;
  if (largest > 0) frexp((f64)largest, &exponent);
  const R scale = (R)ldexp(1.0, exponent - 1);
  for (i64 c = warp; c < count; c += warps) {
    for (i64 r = lane; r < rows; r += 32) w[r + c * rows] = over(wide ? conjugate(a[c + r * m]) : a[r + c * m], scale);
    if (v)
      for (i64 r = lane; r < count; r += 32) v[r + c * count] = from_parts<T>(r == c ? 1 : 0);
  }
  __syncthreads();
  const f64 unit = Precision<R>::unit(), tolerance = unit * sqrt((f64)rows), vanishing = unit * unit;
  // Each round pairs every column with another one (a round-robin tournament); an odd one rests.
  const i64 players = count + (count & 1);
  i32 sweeps = 0;
  for (; sweeps < 40; sweeps++) {
    if (threadIdx.x == 0) rotated = 0;
    __syncthreads();
    for (i64 round = 0; round < players - 1; round++) {
      for (i64 pair = warp; pair < players / 2; pair += warps) {
        i64 p = pair ? (round + pair) % (players - 1) : round;
        i64 q = pair ? (round - pair + players - 1) % (players - 1) : players - 1;
        if (p > q) {
          const i64 other = p;
          p = q;
          q = other;
        }
        if (q >= count) continue;
        const bool turned = orthogonalize(w + p * rows, w + q * rows, rows, v ? v + p * count : nullptr, v ? v + q * count : nullptr,
                                          count, tolerance, vanishing);
        if (turned && lane == 0) rotated = 1;
      }
      __syncthreads();
    }
    const bool any = rotated;
    __syncthreads();
    if (!any) break;
  }
  if (threadIdx.x == 0) info[blockIdx.x] = sweeps == 40 ? 1 : 0;
  for (i64 c = warp; c < count; c += warps) {
    f64 sum = 0;
    for (i64 r = lane; r < rows; r += 32) sum += square_of(widened(w[r + c * rows]));
    sum = warp_all(sum, [](f64 x, f64 y) { return x + y; });
    if (lane == 0) lengths[c] = sqrt(sum);
  }
  __syncthreads();
  i64 rank = 0;
  for (i64 i = 0; i < count; i++) rank += lengths[i] > vanishing;
  for (i64 i = threadIdx.x; i < count; i += blockDim.x) {
    const f64 own = lengths[i];
    i64 place = 0;
    for (i64 k = 0; k < count; k++) place += lengths[k] > own || (lengths[k] == own && k < i);
    order[place] = (i32)i;
    s[place] = (R)(own * (f64)scale);
  }
  __syncthreads();
  if (!u) return;
  // Columns of unit length, and what stands at right angles to them.
  T *completed = v + count * count;
  const auto unit_column = [&](i64 c, i64 r) {
    const i64 from = order[c];
    return over(w[r + from * rows], (R)lengths[from]);
  };
  if (columns > rank) {
    for (i64 c = warp; c < rank; c += warps)
      for (i64 r = lane; r < rows; r += 32) completed[r + c * rows] = unit_column(c, r);
    __syncthreads();
    make_qr(completed, rows, rank, taus, scratch);
    multiply_reflectors(completed, rows, rows, columns, rank, taus);
  }
  u += (i64)blockIdx.x * m * (wide ? count : columns);
  vh += (i64)blockIdx.x * n * (wide ? columns : count);
  for (i64 c = warp; c < columns; c += warps)
    for (i64 r = lane; r < rows; r += 32) {
      const T x = c < rank ? unit_column(c, r) : completed[r + c * rows];
      if (wide) vh[c + r * columns] = conjugate(x);
      else u[r + c * rows] = x;
    }
  for (i64 c = warp; c < count; c += warps)
    for (i64 r = lane; r < count; r += 32) {
      const T x = v[r + order[c] * count];
      if (wide) u[r + c * count] = x;
      else vh[c + r * count] = conjugate(x);
    }
}
