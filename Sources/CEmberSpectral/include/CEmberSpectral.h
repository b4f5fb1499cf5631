// Fast Fourier transforms of any length, frames of signals, and window functions.
#ifndef CEMBERSPECTRAL_H
#define CEMBERSPECTRAL_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Transforms work along the middle one of three dense dimensions, [outer, n, inner]. `is_double` chooses float64 over
// float32. `inverse` chooses exp(+2 pi i jk / n) over exp(-2 pi i jk / n); every result is multiplied by `scale`.
// Input and output must not overlap. Results do not depend on the number of threads. False: no memory, nothing is written.

/// Complex to complex.
bool ember_fft_complex(bool is_double, int64_t outer, int64_t n, int64_t inner, const void *in, void *out, bool inverse, double scale);
/// Real [outer, n, inner] to the first n/2 + 1 complex values; the others are their conjugates.
bool ember_fft_real_to_complex(bool is_double, int64_t outer, int64_t n, int64_t inner, const void *in, void *out, bool inverse,
                               double scale);
/// The first n/2 + 1 values of a spectrum whose others are their conjugates to real [outer, n, inner]. The imaginary
/// parts of value 0 and, for even n, of value n/2 are not read.
bool ember_fft_complex_to_real(bool is_double, int64_t outer, int64_t n, int64_t inner, const void *in, void *out, bool inverse,
                               double scale);

/// Adds frames of a signal up where they overlap: out[b, f * hop + t] += in[b, f, t], from zero. `out` has `length`
/// elements a row; what lies beyond is left out. Elements of `parts` numbers each (2 for complex).
void ember_overlap_add(bool is_double, int64_t batch, int64_t frames, int64_t frame_length, int64_t hop, int64_t parts, const void *in,
                       void *out, int64_t length);

/// Window functions, computed in double precision for positions start, start + step, ...
typedef enum {
  EMBER_WINDOW_COSINES = 0,      // sum (-1)^k c_k cos(k x); x = position
  EMBER_WINDOW_EXPONENTIAL = 1,  // exp(-|x|)
  EMBER_WINDOW_GAUSSIAN = 2,     // exp(-x^2)
  EMBER_WINDOW_KAISER = 3,       // I0(sqrt(c_0^2 - x^2)) / I0(c_0)
  EMBER_WINDOW_SINE = 4,         // sin(x)
  EMBER_WINDOW_TRIANGLE = 5,     // 1 - |x|
} ember_window;

void ember_window_fill(bool is_double, ember_window window, int64_t count, double start, double step, const double *coefficients,
                       int coefficient_count, void *out);

#ifdef __cplusplus
}
#endif
#endif
