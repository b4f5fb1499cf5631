// Special functions of one real number or two, for the pointwise kernels. Private to this target.
//
// All are computed in double, whatever the tensor's type: none of them is a hot loop, and one body serves every instruction set.
#ifndef EMBER_SPECIAL_FUNCTIONS_H
#define EMBER_SPECIAL_FUNCTIONS_H

// MARK: Bessel and Airy functions
double ember_bessel_j0(double x);
double ember_bessel_j1(double x);
double ember_bessel_y0(double x);
double ember_bessel_y1(double x);
/// I0(x) and exp(-|x|) I0(x); likewise for I1.
double ember_modified_bessel_i0(double x);
double ember_scaled_bessel_i0(double x);
double ember_modified_bessel_i1(double x);
double ember_scaled_bessel_i1(double x);
/// K0(x) and exp(x) K0(x); likewise for K1. Infinite at 0, NaN below.
double ember_modified_bessel_k0(double x);
double ember_scaled_bessel_k0(double x);
double ember_modified_bessel_k1(double x);
double ember_scaled_bessel_k1(double x);
double ember_airy_ai(double x);

// MARK: Error function and normal distribution
/// exp(x^2) erfc(x).
double ember_erfcx(double x);
/// The quantile function of the standard normal distribution.
double ember_ndtri(double p);

// MARK: Zeta and incomplete gamma functions
/// Hurwitz' zeta function: the sum of (q + k)^-x over k >= 0. For negative q, x must be an integer.
double ember_zeta(double x, double q);
/// The regularized lower and upper incomplete gamma functions P(a, x) and Q(a, x).
double ember_igamma(double a, double x);
double ember_igammac(double a, double x);

// MARK: Orthogonal polynomials of degree n at x, n truncated to an integer; 0 for negative n.
// In both types, because the results overflow where those of the type do.
#define EMBER_DECLARE_POLYNOMIAL(name) \
  double name(double x, double n);     \
  float name##f(float x, float n);
EMBER_DECLARE_POLYNOMIAL(ember_chebyshev_t)
EMBER_DECLARE_POLYNOMIAL(ember_chebyshev_u)
EMBER_DECLARE_POLYNOMIAL(ember_chebyshev_v)
EMBER_DECLARE_POLYNOMIAL(ember_chebyshev_w)
EMBER_DECLARE_POLYNOMIAL(ember_shifted_chebyshev_t)
EMBER_DECLARE_POLYNOMIAL(ember_shifted_chebyshev_u)
EMBER_DECLARE_POLYNOMIAL(ember_shifted_chebyshev_v)
EMBER_DECLARE_POLYNOMIAL(ember_shifted_chebyshev_w)
EMBER_DECLARE_POLYNOMIAL(ember_hermite_h)
EMBER_DECLARE_POLYNOMIAL(ember_hermite_he)
EMBER_DECLARE_POLYNOMIAL(ember_laguerre_l)
EMBER_DECLARE_POLYNOMIAL(ember_legendre_p)

#endif
