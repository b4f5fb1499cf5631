// What the transforms of one length share: factors, roots of unity, and for lengths with large primes Bluestein's chirp.
#ifndef FFT_PLAN_H
#define FFT_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Odd factors up to this are transformed directly, in time proportional to their square.
#define LARGEST_DIRECT_FACTOR 127
#define MAXIMUM_FACTORS 64

typedef struct fft_plan {
  int64_t n;
  bool is_double;
  int factor_count;
  int64_t factors[MAXIMUM_FACTORS];
  // Pairs of the plan's real type. Of factor f: the twiddles (f's radix - 1) * (ido - 1), and for radices without a
  // pass of their own the radix-th roots of unity.
  void *twiddles[MAXIMUM_FACTORS];
  void *roots[MAXIMUM_FACTORS];
  // Bluestein: the transform is a convolution with a chirp, of `padded`->n >= 2n - 1 elements.
  struct fft_plan *padded;
  void *chirp;           // n values exp(i pi k^2 / n)
  void *chirp_spectrum;  // the padded chirp's transform over its length
  // For real input of even length 2n: exp(-2 pi i k / 2n), k = 0 ... n.
  void *half_roots;
  // The cache's bookkeeping.
  int64_t users, last_use;
  bool for_real, is_cached;
} fft_plan;

/// The plan for complex transforms of length n, or (for_real) of the packed half of real ones of length 2n. NULL: no memory.
fft_plan *ember_fft_plan_acquire(int64_t n, bool is_double, bool for_real);
void ember_fft_plan_release(fft_plan *plan);

/// One forward transform on the calling thread. False: no memory.
bool ember_fft_complex_planned(const fft_plan *plan, const void *in, void *out, double scale);

static inline int64_t fft_work_length(const fft_plan *plan) { return plan->padded ? plan->padded->n : plan->n; }
// Complex values of work space that a transform takes: two buffers, the second one with room for the last value of a half spectrum.
static inline size_t fft_work_values(const fft_plan *plan) { return 2 * (size_t)fft_work_length(plan) + 1; }

typedef enum { FFT_COMPLEX, FFT_REAL_TO_COMPLEX, FFT_COMPLEX_TO_REAL } fft_kind;

/// One call: lines along the middle of [outer, n, inner].
typedef struct {
  const fft_plan *plan;
  fft_kind kind;
  int64_t n, inner;
  const void *in;
  void *out;
  bool inverse;
  double scale;
} fft_job;

/// Transforms `count` lines (at most the number of lanes) from `first` on. `work` holds
// fft_work_values complex values a lane, aligned to 64 bytes.
typedef void fft_lines(const fft_job *job, int64_t first, int64_t count, void *work);

// One line at a time, or FFT_LANES_ lines in the lanes of vectors.
enum { FFT_LANES_FLOAT = 8, FFT_LANES_DOUBLE = 4 };
extern fft_lines ember_fft_line_float, ember_fft_line_double;
extern fft_lines ember_fft_lanes_float_baseline, ember_fft_lanes_double_baseline;
#if defined(__x86_64__)
extern fft_lines ember_fft_lanes_float_avx2, ember_fft_lanes_double_avx2;
#endif

#endif
