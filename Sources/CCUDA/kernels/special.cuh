// Special functions: the CPU's own sources, compiled for the device. They compute in double whatever the tensor's type.

#ifdef EMBER_HOST
// The sources declare this function of the C library without its exception specification, which C++ minds.
double host_lgamma_r(double x, int *sign) { return lgamma_r(x, sign); }
#define lgamma_r host_lgamma_r
#endif
#include "special_functions.c"
#include "special_gamma.c"
#include "orthogonal_polynomials.c"

REAL_FUNCTION(op_besselJ0, (f32)ember_bessel_j0(x), ember_bessel_j0(x))
REAL_FUNCTION(op_besselJ1, (f32)ember_bessel_j1(x), ember_bessel_j1(x))
REAL_FUNCTION(op_besselY0, (f32)ember_bessel_y0(x), ember_bessel_y0(x))
REAL_FUNCTION(op_besselY1, (f32)ember_bessel_y1(x), ember_bessel_y1(x))
REAL_FUNCTION(op_modifiedBesselI0, (f32)ember_modified_bessel_i0(x), ember_modified_bessel_i0(x))
REAL_FUNCTION(op_scaledBesselI0, (f32)ember_scaled_bessel_i0(x), ember_scaled_bessel_i0(x))
REAL_FUNCTION(op_modifiedBesselI1, (f32)ember_modified_bessel_i1(x), ember_modified_bessel_i1(x))
REAL_FUNCTION(op_scaledBesselI1, (f32)ember_scaled_bessel_i1(x), ember_scaled_bessel_i1(x))
REAL_FUNCTION(op_modifiedBesselK0, (f32)ember_modified_bessel_k0(x), ember_modified_bessel_k0(x))
REAL_FUNCTION(op_scaledBesselK0, (f32)ember_scaled_bessel_k0(x), ember_scaled_bessel_k0(x))
REAL_FUNCTION(op_modifiedBesselK1, (f32)ember_modified_bessel_k1(x), ember_modified_bessel_k1(x))
REAL_FUNCTION(op_scaledBesselK1, (f32)ember_scaled_bessel_k1(x), ember_scaled_bessel_k1(x))
REAL_FUNCTION(op_airyAi, (f32)ember_airy_ai(x), ember_airy_ai(x))
REAL_FUNCTION(op_erfcx, (f32)ember_erfcx(x), ember_erfcx(x))
REAL_FUNCTION(op_ndtri, (f32)ember_ndtri(x), ember_ndtri(x))
REAL_FUNCTION_2(op_zeta, (f32)ember_zeta(x, y), ember_zeta(x, y))
REAL_FUNCTION_2(op_igamma, (f32)ember_igamma(x, y), ember_igamma(x, y))
REAL_FUNCTION_2(op_igammac, (f32)ember_igammac(x, y), ember_igammac(x, y))
REAL_FUNCTION_2(op_chebyshevT, ember_chebyshev_tf(x, y), ember_chebyshev_t(x, y))
REAL_FUNCTION_2(op_chebyshevU, ember_chebyshev_uf(x, y), ember_chebyshev_u(x, y))
REAL_FUNCTION_2(op_chebyshevV, ember_chebyshev_vf(x, y), ember_chebyshev_v(x, y))
REAL_FUNCTION_2(op_chebyshevW, ember_chebyshev_wf(x, y), ember_chebyshev_w(x, y))
REAL_FUNCTION_2(op_shiftedChebyshevT, ember_shifted_chebyshev_tf(x, y), ember_shifted_chebyshev_t(x, y))
REAL_FUNCTION_2(op_shiftedChebyshevU, ember_shifted_chebyshev_uf(x, y), ember_shifted_chebyshev_u(x, y))
REAL_FUNCTION_2(op_shiftedChebyshevV, ember_shifted_chebyshev_vf(x, y), ember_shifted_chebyshev_v(x, y))
REAL_FUNCTION_2(op_shiftedChebyshevW, ember_shifted_chebyshev_wf(x, y), ember_shifted_chebyshev_w(x, y))
REAL_FUNCTION_2(op_hermiteH, ember_hermite_hf(x, y), ember_hermite_h(x, y))
REAL_FUNCTION_2(op_hermiteHe, ember_hermite_hef(x, y), ember_hermite_he(x, y))
REAL_FUNCTION_2(op_laguerreL, ember_laguerre_lf(x, y), ember_laguerre_l(x, y))
REAL_FUNCTION_2(op_legendreP, ember_legendre_pf(x, y), ember_legendre_p(x, y))
