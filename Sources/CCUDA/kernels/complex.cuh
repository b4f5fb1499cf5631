// Arithmetic of complex numbers.

DEVICE f32 absolute_of(f32 x) { return fabsf(x); }
DEVICE f64 absolute_of(f64 x) { return fabs(x); }

template <class R> DEVICE complex<R> operator+(complex<R> x, complex<R> y) { return complex<R>{x.re + y.re, x.im + y.im}; }
template <class R> DEVICE complex<R> operator-(complex<R> x, complex<R> y) { return complex<R>{x.re - y.re, x.im - y.im}; }
template <class R> DEVICE complex<R> operator*(complex<R> x, complex<R> y) {
  return complex<R>{x.re * y.re - x.im * y.im, x.re * y.im + x.im * y.re};
}
// Scaled by the larger part of the divisor, so that its square neither overflows nor vanishes.
template <class R> DEVICE complex<R> operator/(complex<R> x, complex<R> y) {
  const R re = absolute_of(y.re), im = absolute_of(y.im);
  if (re == 0 && im == 0) return complex<R>{x.re / re, x.im / im};
  if (re >= im) {
    const R ratio = y.im / y.re, scale = 1 / (y.re + y.im * ratio);
    return complex<R>{(x.re + x.im * ratio) * scale, (x.im - x.re * ratio) * scale};
  }
  const R ratio = y.re / y.im, scale = 1 / (y.re * ratio + y.im);
  return complex<R>{(x.re * ratio + x.im) * scale, (x.im * ratio - x.re) * scale};
}
template <class R> DEVICE bool operator==(complex<R> x, complex<R> y) { return x.re == y.re && x.im == y.im; }
template <class R> DEVICE bool operator!=(complex<R> x, complex<R> y) { return x.re != y.re || x.im != y.im; }
template <class R> DEVICE bool is_true(complex<R> x) { return x.re != 0 || x.im != 0; }
template <class T> DEVICE bool is_true(T x) { return x != 0; }
