// Layer, root-mean-square, group and batch normalisation, forward and backward.
//
// Rows whose elements have weights of their own are normalised in one pass, from registers. Groups and channels, which are made of
// planes with one weight each, take three: what is known of pieces, what follows for each plane (`Coefficients`), and every element.

DEVICE f32 square_root(f32 x) { return sqrtf(x); }
DEVICE f64 square_root(f64 x) { return sqrt(x); }

template <int N, class T> DEVICE Vector<T, N> read_vector(const T *p) { return *(const Vector<T, N> *)p; }
template <int N, class T> DEVICE void write_vector(T *p, const Vector<T, N> &v) { *(Vector<T, N> *)p = v; }

template <class S> DEVICE S add_values(S a, S b) { return a + b; }
template <class S> DEVICE complex<S> add_values(complex<S> a, complex<S> b) { return complex<S>{a.re + b.re, a.im + b.im}; }

// The sum over a warp or a block.
template <bool Warp, class S> DEVICE S sum_of_row(S value, S *scratch) {
  const auto add = [](S a, S b) { return add_values(a, b); };
  return Warp ? warp_all(value, add) : block_all(value, add, S{}, scratch);
}

// MARK: - Rows

// A row [n] belongs to a warp or to a block, whose threads hold K vectors of N elements each: n ≤ threads · K · N.
// `mean` is null for root-mean-square normalisation, which does not centre. The result may be of another type.
template <class T, class Y, int N, int K, bool Warp>
__global__ void __launch_bounds__(Warp ? 128 : 1024)
    normalize_rows(const T *x, const T *weight, const T *bias, Y *y, compute_t<T> *mean, compute_t<T> *rstd, f64 epsilon, i64 rows, i32 n) {
  typedef compute_t<T> S;
  __shared__ S scratch[32];
  const int lane = Warp ? threadIdx.x & 31 : threadIdx.x, lanes = Warp ? 32 : blockDim.x;
  const i64 row = Warp ? (i64)blockIdx.x * (blockDim.x >> 5) + (threadIdx.x >> 5) : blockIdx.x;
  if (Warp && row >= rows) return;
  x += row * n;
  y += row * n;
  Vector<T, N> held[K];
  S sum = 0;
#pragma unroll
  for (int k = 0; k < K; k++) {
    const int i = (k * lanes + lane) * N;
    if (i < n) held[k] = read_vector<N>(x + i);
  }
  S middle = 0;
  if (mean) {
#pragma unroll
    for (int k = 0; k < K; k++)
      if ((k * lanes + lane) * N < n)
        for (int u = 0; u < N; u++) sum += load(held[k].at[u]);
    middle = sum_of_row<Warp>(sum, scratch) / (S)n;
  }
  S squares = 0;
#pragma unroll
  for (int k = 0; k < K; k++)
    if ((k * lanes + lane) * N < n)
      for (int u = 0; u < N; u++) {
        const S v = load(held[k].at[u]) - middle;
        squares += v * v;
      }
  const S scale = (S)1 / square_root(sum_of_row<Warp>(squares, scratch) / (S)n + (S)epsilon);
  if (lane == 0) {
    if (mean) mean[row] = middle;
    rstd[row] = scale;
  }
#pragma unroll
  for (int k = 0; k < K; k++) {
    const int i = (k * lanes + lane) * N;
    if (i >= n) continue;
    Vector<T, N> w, b;
    Vector<Y, N> result;
    if (weight) w = read_vector<N>(weight + i);
    if (bias) b = read_vector<N>(bias + i);
    for (int u = 0; u < N; u++) {
      S v = (load(held[k].at[u]) - middle) * scale;
      if (weight) v *= load(w.at[u]);
      if (bias) v += load(b.at[u]);
      result.at[u] = store<Y>(v);
    }
    write_vector<N>(y + i, result);
  }
}

// The same for rows that are too long for registers: they are read again.
template <class T, class Y, int N>
__global__ void __launch_bounds__(1024)
    normalize_long_rows(const T *x, const T *weight, const T *bias, Y *y, compute_t<T> *mean, compute_t<T> *rstd, f64 epsilon, i64 n) {
  typedef compute_t<T> S;
  __shared__ S scratch[32];
  const i64 row = blockIdx.x, first = (i64)threadIdx.x * N, step = (i64)blockDim.x * N;
  x += row * n;
  y += row * n;
  S middle = 0, total = 0;
  if (mean) {
    for (i64 i = first; i < n; i += step) {
      const Vector<T, N> v = read_vector<N>(x + i);
      for (int u = 0; u < N; u++) total += load(v.at[u]);
    }
    middle = sum_of_row<false>(total, scratch) / (S)n;
  }
  S squares = 0;
  for (i64 i = first; i < n; i += step) {
    const Vector<T, N> v = read_vector<N>(x + i);
    for (int u = 0; u < N; u++) squares += (load(v.at[u]) - middle) * (load(v.at[u]) - middle);
  }
  const S scale = (S)1 / square_root(sum_of_row<false>(squares, scratch) / (S)n + (S)epsilon);
  if (threadIdx.x == 0) {
    if (mean) mean[row] = middle;
    rstd[row] = scale;
  }
  for (i64 i = first; i < n; i += step) {
    const Vector<T, N> v = read_vector<N>(x + i);
    Vector<T, N> w, b;
    Vector<Y, N> result;
    if (weight) w = read_vector<N>(weight + i);
    if (bias) b = read_vector<N>(bias + i);
    for (int u = 0; u < N; u++) {
      S value = (load(v.at[u]) - middle) * scale;
      if (weight) value *= load(w.at[u]);
      if (bias) value += load(b.at[u]);
      result.at[u] = store<Y>(value);
    }
    write_vector<N>(y + i, result);
  }
}

// dx = (g - mean of g - normal · mean of g·normal) · rstd with g = dy · weight and normal = (x - mean) · rstd. A block takes every
// gridDim.x-th row (or handful of rows, if rows belong to warps), so that its threads can keep the sums of the columns that they own:
// `partials` [gridDim.x][2][n] gets Σ dy·normal and Σ dy. Dynamic shared memory, if rows belong to warps and there are partials: 2n sums.
template <class T, class Y, int N, int K, bool Warp>
__global__ void __launch_bounds__(Warp ? 128 : 512, Warp ? 4 : 1)
    normalize_rows_backward(const Y *dy, const T *x, const compute_t<T> *mean, const compute_t<T> *rstd, const T *weight, T *dx,
                            compute_t<T> *partials, i64 rows, i32 n) {
  typedef compute_t<T> S;
  __shared__ complex<S> scratch[32];
  const int lane = Warp ? threadIdx.x & 31 : threadIdx.x, lanes = Warp ? 32 : blockDim.x;
  const int together = Warp ? blockDim.x >> 5 : 1;
  S products[K][N], plains[K][N];
#pragma unroll
  for (int k = 0; k < K; k++)
    for (int u = 0; u < N; u++) products[k][u] = plains[k][u] = 0;
  const i64 start = (i64)blockIdx.x * together + (Warp ? threadIdx.x >> 5 : 0);
  for (i64 row = start; row < rows; row += (i64)gridDim.x * together) {
    const i64 base = row * n;
    const S middle = mean ? mean[row] : (S)0, scale = rstd[row];
    Vector<Y, N> d[K];
    Vector<T, N> v[K];
#pragma unroll
    for (int k = 0; k < K; k++) {
      const int i = (k * lanes + lane) * N;
      if (i >= n) continue;
      d[k] = read_vector<N>(dy + base + i);
      v[k] = read_vector<N>(x + base + i);
    }
    complex<S> sums = {0, 0};
#pragma unroll
    for (int k = 0; k < K; k++) {
      const int i = (k * lanes + lane) * N;
      if (i >= n) continue;
      Vector<T, N> w;
      if (weight) w = read_vector<N>(weight + i);
      for (int u = 0; u < N; u++) {
        const S own = load(d[k].at[u]), normal = (load(v[k].at[u]) - middle) * scale, g = weight ? own * load(w.at[u]) : own;
        sums.re += g;
        sums.im += g * normal;
        products[k][u] += own * normal;
        plains[k][u] += own;
      }
    }
    if (!dx) continue;
    sums = sum_of_row<Warp>(sums, scratch);
    const S a = mean ? sums.re / (S)n : (S)0, b = sums.im / (S)n;
#pragma unroll
    for (int k = 0; k < K; k++) {
      const int i = (k * lanes + lane) * N;
      if (i >= n) continue;
      Vector<T, N> w, result;
      if (weight) w = read_vector<N>(weight + i);
      for (int u = 0; u < N; u++) {
        const S own = load(d[k].at[u]), normal = (load(v[k].at[u]) - middle) * scale, g = weight ? own * load(w.at[u]) : own;
        result.at[u] = store<T>((g - a - normal * b) * scale);
      }
      write_vector<N>(dx + base + i, result);
    }
  }
  if (!partials) return;
  partials += (i64)blockIdx.x * 2 * n;
  if (!Warp) {
#pragma unroll
    for (int k = 0; k < K; k++) {
      const int i = (k * lanes + lane) * N;
      if (i >= n) continue;
      for (int u = 0; u < N; u++) {
        partials[i + u] = products[k][u];
        partials[n + i + u] = plains[k][u];
      }
    }
    return;
  }
  // The warps add theirs one after the other, always in the same order.
  DYNAMIC_SHARED(S, totals);
  for (int turn = 0; turn < together; turn++) {
    if ((int)(threadIdx.x >> 5) == turn) {
#pragma unroll
      for (int k = 0; k < K; k++) {
        const int i = (k * lanes + lane) * N;
        if (i >= n) continue;
        for (int u = 0; u < N; u++) {
          totals[i + u] = turn ? totals[i + u] + products[k][u] : products[k][u];
          totals[n + i + u] = turn ? totals[n + i + u] + plains[k][u] : plains[k][u];
        }
      }
    }
    __syncthreads();
  }
  for (int i = threadIdx.x; i < 2 * n; i += blockDim.x) partials[i] = totals[i];
}

// dx of rows that are too long for registers.
template <class T, class Y, int N>
__global__ void __launch_bounds__(1024)
    normalize_long_rows_backward(const Y *dy, const T *x, const compute_t<T> *mean, const compute_t<T> *rstd, const T *weight, T *dx,
                                 i64 n) {
  typedef compute_t<T> S;
  __shared__ complex<S> scratch[32];
  const i64 row = blockIdx.x, first = (i64)threadIdx.x * N, step = (i64)blockDim.x * N;
  const S middle = mean ? mean[row] : (S)0, scale = rstd[row];
  dy += row * n;
  x += row * n;
  dx += row * n;
  complex<S> sums = {0, 0};
  for (i64 i = first; i < n; i += step) {
    const Vector<Y, N> d = read_vector<N>(dy + i);
    const Vector<T, N> v = read_vector<N>(x + i);
    Vector<T, N> w;
    if (weight) w = read_vector<N>(weight + i);
    for (int u = 0; u < N; u++) {
      const S g = weight ? load(d.at[u]) * load(w.at[u]) : load(d.at[u]);
      sums.re += g;
      sums.im += g * (load(v.at[u]) - middle) * scale;
    }
  }
  sums = sum_of_row<false>(sums, scratch);
  const S a = mean ? sums.re / (S)n : (S)0, b = sums.im / (S)n;
  for (i64 i = first; i < n; i += step) {
    const Vector<Y, N> d = read_vector<N>(dy + i);
    const Vector<T, N> v = read_vector<N>(x + i);
    Vector<T, N> w, result;
    if (weight) w = read_vector<N>(weight + i);
    for (int u = 0; u < N; u++) {
      const S g = weight ? load(d.at[u]) * load(w.at[u]) : load(d.at[u]);
      result.at[u] = store<T>((g - a - (load(v.at[u]) - middle) * scale * b) * scale);
    }
    write_vector<N>(dx + i, result);
  }
}

// Σ dy·normal and Σ dy of 32 · N columns over `chunk` rows: block (x: columns, y: chunk), 8 warps. `partials` [gridDim.y][2][n].
template <class T, class Y, int N>
__global__ void __launch_bounds__(256)
    normalize_long_rows_columns(const Y *dy, const T *x, const compute_t<T> *mean, const compute_t<T> *rstd, compute_t<T> *partials,
                                i64 rows, i64 n, i64 chunk) {
  typedef compute_t<T> S;
  __shared__ S totals[2][8][32 * N];
  const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  const i64 column = ((i64)blockIdx.x * 32 + lane) * N, end = min(rows, ((i64)blockIdx.y + 1) * chunk);
  S products[N], plains[N];
  for (int u = 0; u < N; u++) products[u] = plains[u] = 0;
  for (i64 row = (i64)blockIdx.y * chunk + warp; row < end && column < n; row += 8) {
    const S middle = mean ? mean[row] : (S)0, scale = rstd[row];
    const Vector<Y, N> d = read_vector<N>(dy + row * n + column);
    const Vector<T, N> v = read_vector<N>(x + row * n + column);
    for (int u = 0; u < N; u++) {
      products[u] += load(d.at[u]) * ((load(v.at[u]) - middle) * scale);
      plains[u] += load(d.at[u]);
    }
  }
  for (int u = 0; u < N; u++) {
    totals[0][warp][lane * N + u] = products[u];
    totals[1][warp][lane * N + u] = plains[u];
  }
  __syncthreads();
  const i64 first = (i64)blockIdx.x * 32 * N;
  for (int i = threadIdx.x; i < 2 * 32 * N; i += blockDim.x) {
    const int which = i / (32 * N), c = i % (32 * N);
    if (first + c >= n) continue;
    S sum = 0;
    for (int w = 0; w < 8; w++) sum += totals[which][w][c];
    partials[((i64)blockIdx.y * 2 + which) * n + first + c] = sum;
  }
}

// Sums `partials` [pieces][2][n] into two arrays [n], either of which may be null. Blocks of 1024 threads: 32 of the 2n columns.
template <class T>
__global__ void __launch_bounds__(1024) sum_normalization_partials(const compute_t<T> *partials, T *first, T *second, i64 pieces, i64 n) {
  __shared__ f64 totals[32][33];
  const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  const i64 column = (i64)blockIdx.x * 32 + lane;
  f64 sum = 0;
  if (column < 2 * n) {
#pragma unroll 4
    for (i64 piece = warp; piece < pieces; piece += 32) sum += (f64)partials[piece * 2 * n + column];
  }
  totals[warp][lane] = sum;
  __syncthreads();
  // Warp w has the column w now, and its lanes the 32 sums.
  const i64 own = (i64)blockIdx.x * 32 + warp;
  sum = warp_all(totals[lane][warp], [](f64 a, f64 b) { return a + b; });
  if (lane || own >= 2 * n) return;
  if (own < n) {
    if (first) first[own] = store<T>((compute_t<T>)sum);
  } else if (second) {
    second[own - n] = store<T>((compute_t<T>)sum);
  }
}

// MARK: - What is known of pieces

// Number of elements, their mean, Σ(x - mean)².
template <class S> struct Moments { S count, mean, squares; };

// Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979.
template <class S> DEVICE Moments<S> join(Moments<S> a, Moments<S> b) {
  const S count = a.count + b.count, share = count > 0 ? b.count / count : (S)0, delta = b.mean - a.mean;
  return Moments<S>{count, a.mean + delta * share, a.squares + b.squares + delta * delta * a.count * share};
}

template <class S> DEVICE Moments<S> join_warp(Moments<S> m) {
#pragma unroll
  for (int mask = 16; mask; mask >>= 1)
    m = join(m, Moments<S>{shuffle_xor(m.count, mask), shuffle_xor(m.mean, mask), shuffle_xor(m.squares, mask)});
  return m;
}

// A set (a channel of a batch, a group of channels, one plane) is `planes` planes of `length` elements. It is cut into `pieces` of
// `piece` elements. The threads of a warp or block step through a piece by `step_planes` planes and `step_rest` elements.
struct PlaneSets {
  i64 sets, planes, length;
  i64 set_stride, plane_stride;
  i64 piece, pieces;
  i64 step_planes, step_rest;
};

// Where a thread is in a piece.
template <int N> struct PlaneWalk {
  i64 left, position, offset;

  DEVICE PlaneWalk(const PlaneSets &s, i64 set, i64 piece, int lane) {
    const i64 start = piece * s.piece + (i64)lane * N, end = min(s.planes * s.length, (piece + 1) * s.piece);
    left = end - start;
    position = start % s.length;
    offset = set * s.set_stride + start / s.length * s.plane_stride + position;
  }
  DEVICE void advance(const PlaneSets &s, i64 step) {
    left -= step;
    position += s.step_rest;
    offset += s.step_planes * s.plane_stride + s.step_rest;
    if (position >= s.length) {
      position -= s.length;
      offset += s.plane_stride - s.length;
    }
  }
};

static const int vectors_at_once = 4;

// `partials` [sets][pieces]. A warp or a block of 256 a piece.
template <class T, int N, bool Warp>
__global__ void __launch_bounds__(256) plane_moments(const T *x, Moments<compute_t<T>> *partials, PlaneSets s) {
  typedef compute_t<T> S;
  __shared__ Moments<S> scratch[8];
  const int lane = Warp ? threadIdx.x & 31 : threadIdx.x;
  const i64 index = Warp ? (i64)blockIdx.x * 8 + (threadIdx.x >> 5) : blockIdx.x, step = (i64)(Warp ? 32 : 256) * N;
  if (Warp && index >= s.sets * s.pieces) return;
  PlaneWalk<N> walk(s, index / s.pieces, index % s.pieces, lane);
  Moments<S> all = {0, 0, 0};
  while (walk.left > 0) {
    Vector<T, N> v[vectors_at_once];
    int n = 0;
#pragma unroll
    for (int k = 0; k < vectors_at_once; k++) {
      if (walk.left <= 0) continue;
      v[k] = read_vector<N>(x + walk.offset);
      walk.advance(s, step);
      n = k + 1;
    }
    // Mean first, then squares: as exact as two passes over memory.
    S sum = 0;
#pragma unroll
    for (int k = 0; k < vectors_at_once; k++)
      if (k < n)
        for (int u = 0; u < N; u++) sum += load(v[k].at[u]);
    Moments<S> these = {(S)(n * N), sum / (S)(n * N), 0};
#pragma unroll
    for (int k = 0; k < vectors_at_once; k++)
      if (k < n)
        for (int u = 0; u < N; u++) {
          const S d = load(v[k].at[u]) - these.mean;
          these.squares += d * d;
        }
    all = join(all, these);
  }
  all = join_warp(all);
  if (!Warp) {
    if ((threadIdx.x & 31) == 0) scratch[threadIdx.x >> 5] = all;
    __syncthreads();
    for (int w = 1; threadIdx.x == 0 && w < 8; w++) all = join(all, scratch[w]);
  }
  if (lane == 0) partials[index] = all;
}

// Σ dy and Σ dy·(x - mean) of pieces, mean[set / per_mean]. `partials` [sets][pieces].
template <class T, int N, bool Warp>
__global__ void __launch_bounds__(256)
    plane_sums(const T *dy, const T *x, const compute_t<T> *mean, i64 per_mean, complex<compute_t<T>> *partials, PlaneSets s) {
  typedef compute_t<T> S;
  __shared__ complex<S> scratch[32];
  const int lane = Warp ? threadIdx.x & 31 : threadIdx.x;
  const i64 index = Warp ? (i64)blockIdx.x * 8 + (threadIdx.x >> 5) : blockIdx.x, step = (i64)(Warp ? 32 : 256) * N;
  if (Warp && index >= s.sets * s.pieces) return;
  const i64 set = index / s.pieces;
  PlaneWalk<N> walk(s, set, index % s.pieces, lane);
  const S middle = mean[set / per_mean];
  complex<S> sums = {0, 0};
  while (walk.left > 0) {
    Vector<T, N> d[vectors_at_once], v[vectors_at_once];
    int n = 0;
#pragma unroll
    for (int k = 0; k < vectors_at_once; k++) {
      if (walk.left <= 0) continue;
      d[k] = read_vector<N>(dy + walk.offset);
      v[k] = read_vector<N>(x + walk.offset);
      walk.advance(s, step);
      n = k + 1;
    }
#pragma unroll
    for (int k = 0; k < vectors_at_once; k++)
      if (k < n)
        for (int u = 0; u < N; u++) {
          sums.re += load(d[k].at[u]);
          sums.im += load(d[k].at[u]) * (load(v[k].at[u]) - middle);
        }
  }
  sums = sum_of_row<Warp>(sums, scratch);
  if (lane == 0) partials[index] = sums;
}

// The same two for matrices [rows, n] whose sets are columns: 32 · N columns and `chunk` rows a block (y) of 256.
// `partials` [n][gridDim.y].
template <class T, int N>
__global__ void __launch_bounds__(256) column_moments(const T *x, Moments<compute_t<T>> *partials, i64 rows, i64 n, i64 chunk) {
  typedef compute_t<T> S;
  __shared__ S means[8][32 * N], squares[8][32 * N], counts[8];
  const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  const i64 column = ((i64)blockIdx.x * 32 + lane) * N, end = min(rows, ((i64)blockIdx.y + 1) * chunk);
  S mean[N], square[N], count = 0;
  for (int u = 0; u < N; u++) mean[u] = square[u] = 0;
  for (i64 row = (i64)blockIdx.y * chunk + warp; row < end; row += 8 * vectors_at_once) {
    Vector<T, N> v[vectors_at_once];
    int m = 0;
#pragma unroll
    for (int k = 0; k < vectors_at_once; k++) {
      if (row + 8 * k >= end) continue;
      if (column < n) v[k] = read_vector<N>(x + (row + 8 * k) * n + column);
      m = k + 1;
    }
    const S own = (S)m, all = count + own, share = own / all, reciprocal = (S)1 / own;
    if (column < n)
      for (int u = 0; u < N; u++) {
        S sum = 0, these = 0;
#pragma unroll
        for (int k = 0; k < vectors_at_once; k++)
          if (k < m) sum += load(v[k].at[u]);
        const S middle = sum * reciprocal;
#pragma unroll
        for (int k = 0; k < vectors_at_once; k++)
          if (k < m) these += (load(v[k].at[u]) - middle) * (load(v[k].at[u]) - middle);
        const S delta = middle - mean[u];
        square[u] += these + delta * delta * count * share;
        mean[u] += delta * share;
      }
    count = all;
  }
  for (int u = 0; u < N; u++) {
    means[warp][lane * N + u] = mean[u];
    squares[warp][lane * N + u] = square[u];
  }
  if (lane == 0) counts[warp] = count;
  __syncthreads();
  for (int c = threadIdx.x; c < 32 * N; c += blockDim.x) {
    const i64 to = (i64)blockIdx.x * 32 * N + c;
    if (to >= n) continue;
    Moments<S> all = {counts[0], means[0][c], squares[0][c]};
    for (int w = 1; w < 8; w++) all = join(all, Moments<S>{counts[w], means[w][c], squares[w][c]});
    partials[to * gridDim.y + blockIdx.y] = all;
  }
}

template <class T, int N>
__global__ void __launch_bounds__(256)
    column_sums(const T *dy, const T *x, const compute_t<T> *mean, complex<compute_t<T>> *partials, i64 rows, i64 n, i64 chunk) {
  typedef compute_t<T> S;
  __shared__ S totals[2][8][32 * N];
  const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  const i64 column = ((i64)blockIdx.x * 32 + lane) * N, end = min(rows, ((i64)blockIdx.y + 1) * chunk);
  S plains[N], products[N], middle[N];
  for (int u = 0; u < N; u++) {
    plains[u] = products[u] = 0;
    middle[u] = column < n ? mean[column + u] : (S)0;
  }
#pragma unroll 4
  for (i64 row = (i64)blockIdx.y * chunk + warp; row < end && column < n; row += 8) {
    const Vector<T, N> d = read_vector<N>(dy + row * n + column), v = read_vector<N>(x + row * n + column);
    for (int u = 0; u < N; u++) {
      plains[u] += load(d.at[u]);
      products[u] += load(d.at[u]) * (load(v.at[u]) - middle[u]);
    }
  }
  for (int u = 0; u < N; u++) {
    totals[0][warp][lane * N + u] = plains[u];
    totals[1][warp][lane * N + u] = products[u];
  }
  __syncthreads();
  for (int c = threadIdx.x; c < 32 * N; c += blockDim.x) {
    const i64 to = (i64)blockIdx.x * 32 * N + c;
    if (to >= n) continue;
    complex<S> sums = {0, 0};
    for (int w = 0; w < 8; w++) {
      sums.re += totals[0][w][c];
      sums.im += totals[1][w][c];
    }
    partials[to * gridDim.y + blockIdx.y] = sums;
  }
}

// MARK: - What follows for each plane

// Of a plane, forward: y = (x - centre) · slope + addend; backward: dx = dy · factor + (x - centre) · slope + addend.
template <class S> struct alignas(16) Coefficients { S centre, factor, slope, addend; };

template <class T> DEVICE f64 parameter_or(const T *values, i64 i, f64 otherwise) { return values ? (f64)load(values[i]) : otherwise; }

// A warp a set, which has `per_set` planes with coefficients: its moments (without `partials`, those given in `mean` and `variance`),
// its statistics, and what they mean for each plane. Plane i has channel i % channels.
template <class T>
__global__ void __launch_bounds__(128)
    normalization_coefficients(const Moments<compute_t<T>> *partials, const T *weight, const T *bias, f64 epsilon, compute_t<T> *mean,
                               compute_t<T> *variance, compute_t<T> *rstd, Coefficients<compute_t<T>> *coefficients, i64 sets, i64 pieces,
                               i64 per_set, i64 channels, i64 count) {
  typedef compute_t<T> S;
  const int lane = threadIdx.x & 31;
  const i64 set = (i64)blockIdx.x * (blockDim.x >> 5) + (threadIdx.x >> 5);
  if (set >= sets) return;
  S middle, spread;
  if (partials) {
    Moments<f64> all = {0, 0, 0};
    for (i64 i = lane; i < pieces; i += 32) {
      const Moments<S> m = partials[set * pieces + i];
      all = join(all, Moments<f64>{(f64)m.count, (f64)m.mean, (f64)m.squares});
    }
    all = join_warp(all);
    // One lane's result for all: each joined in an order of its own.
    middle = (S)__shfl_sync(full_warp, all.mean, 0);
    spread = (S)(__shfl_sync(full_warp, all.squares, 0) / (f64)count);
  } else {
    middle = mean[set];
    spread = variance[set];
  }
  const S scale = (S)((f64)1 / sqrt((f64)spread + epsilon));
  if (lane == 0) {
    if (partials) mean[set] = middle;
    if (partials && variance) variance[set] = spread;
    rstd[set] = scale;
  }
  for (i64 i = lane; i < per_set; i += 32) {
    const i64 plane = set * per_set + i, channel = plane % channels;
    coefficients[plane] =
        Coefficients<S>{middle, 0, (S)((f64)scale * parameter_or(weight, channel, 1)), (S)parameter_or(bias, channel, 0)};
  }
}

// Backward: from Σ dy and Σ dy·(x - mean) of the pieces of each plane to the coefficients, and to `sums` [images][2][channels]:
// Σ dy·normal and Σ dy of each plane, unless null. `fixed`: the statistics do not depend on x, and `partials` may be null.
template <class T>
__global__ void __launch_bounds__(128)
    normalization_backward_coefficients(const complex<compute_t<T>> *partials, const T *weight, const compute_t<T> *mean,
                                        const compute_t<T> *rstd, Coefficients<compute_t<T>> *coefficients, compute_t<T> *sums, i64 sets,
                                        i64 pieces, i64 per_set, i64 channels, i64 count, bool fixed) {
  typedef compute_t<T> S;
  const int lane = threadIdx.x & 31;
  const i64 set = (i64)blockIdx.x * (blockDim.x >> 5) + (threadIdx.x >> 5);
  if (set >= sets) return;
  const auto add = [](f64 a, f64 b) { return a + b; };
  const f64 scale = (f64)rstd[set];
  f64 a = 0, b = 0;
  // Lanes share the planes where these are whole, else the pieces of one plane after the other.
  for (i64 i = pieces == 1 ? lane : 0; partials && i < per_set; i += pieces == 1 ? 32 : 1) {
    const i64 plane = set * per_set + i, channel = plane % channels;
    f64 plain = 0, product = 0;
    if (pieces == 1) {
      plain = (f64)partials[plane].re;
      product = (f64)partials[plane].im;
    } else {
      for (i64 piece = lane; piece < pieces; piece += 32) {
        plain += (f64)partials[plane * pieces + piece].re;
        product += (f64)partials[plane * pieces + piece].im;
      }
      plain = warp_all(plain, add);
      product = warp_all(product, add);
    }
    product *= scale;
    if (sums && (pieces == 1 || lane == 0)) {
      S *to = sums + plane / channels * 2 * channels + channel;
      to[0] = (S)product;
      to[channels] = (S)plain;
    }
    if (pieces > 1 && lane) continue;
    a += plain * parameter_or(weight, channel, 1);
    b += product * parameter_or(weight, channel, 1);
  }
  a = fixed ? 0 : warp_all(a, add) / (f64)count;
  b = fixed ? 0 : warp_all(b, add) / (f64)count;
  for (i64 i = lane; i < per_set; i += 32) {
    const i64 plane = set * per_set + i, channel = plane % channels;
    coefficients[plane] = Coefficients<S>{
        mean[set], (S)(parameter_or(weight, channel, 1) * scale), (S)(-b * scale * scale), (S)(-a * scale)};
  }
}

// MARK: - Every element

template <bool Backward, class S> DEVICE S apply_coefficients(const Coefficients<S> &c, S d, S v) {
  const S forward = (v - c.centre) * c.slope + c.addend;
  return Backward ? d * c.factor + forward : forward;
}

// Planes of `length` elements with the coefficients of their number modulo `count`. A block of 256 takes `chunk` elements.
// step_planes, step_rest: 256 · N elements as planes (modulo count) and what is left.
template <class T, int N, bool Backward>
__global__ void __launch_bounds__(256)
    normalize_planes(const T *dy, const T *x, T *y, const Coefficients<compute_t<T>> *coefficients, i64 elements, i64 length, i64 count,
                     i64 chunk, i64 step_planes, i64 step_rest) {
  typedef compute_t<T> S;
  const i64 end = min(elements, ((i64)blockIdx.x + 1) * chunk);
  i64 i = (i64)blockIdx.x * chunk + (i64)threadIdx.x * N;
  i64 position = i % length, plane = i / length % count;
#pragma unroll 2
  for (; i < end; i += 256 * N) {
    const Vector<T, N> v = read_vector<N>(x + i);
    Vector<T, N> d, result;
    if (Backward) d = read_vector<N>(dy + i);
    const Coefficients<S> c = coefficients[plane];
    for (int u = 0; u < N; u++) result.at[u] = store<T>(apply_coefficients<Backward>(c, Backward ? load(d.at[u]) : (S)0, load(v.at[u])));
    write_vector<N>(y + i, result);
    position += step_rest;
    plane += step_planes;
    if (position >= length) {
      position -= length;
      plane++;
    }
    if (plane >= count) plane -= count;
  }
}

// Matrices [rows, n] with coefficients for each column: 32 · N columns and `chunk` rows a block (y) of 256.
template <class T, int N, bool Backward>
__global__ void __launch_bounds__(256)
    normalize_columns(const T *dy, const T *x, T *y, const Coefficients<compute_t<T>> *coefficients, i64 rows, i64 n, i64 chunk) {
  typedef compute_t<T> S;
  const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  const i64 column = ((i64)blockIdx.x * 32 + lane) * N, end = min(rows, ((i64)blockIdx.y + 1) * chunk);
  if (column >= n) return;
  Coefficients<S> c[N];
  for (int u = 0; u < N; u++) c[u] = coefficients[column + u];
#pragma unroll 4
  for (i64 row = (i64)blockIdx.y * chunk + warp; row < end; row += 8) {
    const Vector<T, N> v = read_vector<N>(x + row * n + column);
    Vector<T, N> d, result;
    if (Backward) d = read_vector<N>(dy + row * n + column);
    for (int u = 0; u < N; u++) result.at[u] = store<T>(apply_coefficients<Backward>(c[u], Backward ? load(d.at[u]) : (S)0, load(v.at[u])));
    write_vector<N>(y + row * n + column, result);
  }
}
