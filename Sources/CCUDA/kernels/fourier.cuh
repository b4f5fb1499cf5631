// Discrete Fourier transforms of any length: Stockham's form (Govindaraju et al., "High performance discrete Fourier transforms on graphics
// processors", 2008), one pass over memory for each factor of the length, a thread for each result. Lines are [outer, n, inner].

// e^(±2πi k / n)
DEVICE c64 root_of_unity(i64 k, i64 n, bool inverse, c64) {
  f32 s, c;
  sincospif((f32)(2.0 * (f64)k / (f64)n), &s, &c);
  return c64{c, inverse ? s : -s};
}
DEVICE c128 root_of_unity(i64 k, i64 n, bool inverse, c128) {
  f64 s, c;
  sincospi(2.0 * (f64)k / (f64)n, &s, &c);
  return c128{c, inverse ? s : -s};
}

// One pass: `before` is the product of the factors so far.
template <class Z> __global__ void __launch_bounds__(256) fourier_pass(
    const Z *x, Z *y, i64 n, i64 inner, i64 count, i64 before, i64 radix, bool inverse, f64 scale) {
  const i64 index = (i64)blockIdx.x * 256 + threadIdx.x;
  if (index >= count) return;
  const i64 line_inner = index % inner, rest = index / inner, place = rest % n, outer = rest / n;
  // place = (j / before) before radix + u before + j % before
  const i64 period = before * radix, low = place % before, u = place / before % radix, j = place / period * before + low;
  const Z *from = x + (outer * n + j) * inner + line_inner;
  const i64 step = n / radix * inner, turn = low + u * before;
  Z sum = {0, 0};
  i64 phase = 0;
  for (i64 r = 0; r < radix; r++) {
    const Z v = from[r * step], w = root_of_unity(phase, period, inverse, Z());
    sum.re += v.re * w.re - v.im * w.im;
    sum.im += v.re * w.im + v.im * w.re;
    phase += turn;
    if (phase >= period) phase -= period;
  }
  y[index] = Z{(real_t<Z>)(sum.re * scale), (real_t<Z>)(sum.im * scale)};
}

// A real signal as a complex one.
template <class Z> __global__ void __launch_bounds__(256) fourier_from_real(const real_t<Z> *x, Z *y, i64 count) {
  const i64 index = (i64)blockIdx.x * 256 + threadIdx.x;
  if (index < count) y[index] = Z{x[index], 0};
}

// The first `extent` of n values of every line, times a number.
template <class Z> __global__ void __launch_bounds__(256) fourier_first_half(const Z *x, Z *y, i64 n, i64 extent, i64 inner, i64 count, f64 scale) {
  const i64 index = (i64)blockIdx.x * 256 + threadIdx.x;
  if (index >= count) return;
  const i64 line_inner = index % inner, rest = index / inner, place = rest % extent, outer = rest / extent;
  const Z v = x[(outer * n + place) * inner + line_inner];
  y[index] = Z{(real_t<Z>)(v.re * scale), (real_t<Z>)(v.im * scale)};
}

// The whole spectrum of a real signal from its first n/2 + 1 values; imaginary parts that no real signal has count nothing.
template <class Z> __global__ void __launch_bounds__(256) fourier_whole_spectrum(const Z *x, Z *y, i64 n, i64 inner, i64 count) {
  const i64 index = (i64)blockIdx.x * 256 + threadIdx.x;
  if (index >= count) return;
  const i64 line_inner = index % inner, rest = index / inner, place = rest % n, outer = rest / n, extent = n / 2 + 1;
  const bool mirrored = place >= extent;
  Z v = x[(outer * extent + (mirrored ? n - place : place)) * inner + line_inner];
  if (place == 0 || 2 * place == n) v.im = 0;
  if (mirrored) v.im = -v.im;
  y[index] = v;
}

template <class Z> __global__ void __launch_bounds__(256) fourier_real_part(const Z *x, real_t<Z> *y, i64 count, f64 scale) {
  const i64 index = (i64)blockIdx.x * 256 + threadIdx.x;
  if (index < count) y[index] = (real_t<Z>)(x[index].re * scale);
}
