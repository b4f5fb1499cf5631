// Cumulative operations along the middle axis of a dense array.
//
// A scan is one dependent chain per row, so vectors bring nothing along the axis; across `inner` the loops below run over
// adjacent elements and the compiler vectorises them.
#include "ember_scan.h"

#include <stdlib.h>

#include "elements.h"

enum {
  PARALLEL_WORK = 32768,
  LANES = 64,  // neighbours along `inner` scanned side by side
};

typedef struct {
  int operation, in_dtype, out_dtype;
  const char *in;
  char *out;
  int64_t *indices;
  int64_t n, inner, blocks, group, outer;
  bool reverse;
  void (*lanes)(const void *scan, const char *in, char *out, int64_t *indices, int64_t width);
} scan_job;

// MARK: One chain of adjacent elements, its running value in a register

#define SCAN_CHAIN(name, type, wide)                                                          \
  static void name(const scan_job *job, const type *x, type *y) {                             \
    const int64_t direction = job->reverse ? -1 : 1, start = job->reverse ? job->n - 1 : 0;   \
    x += start, y += start;                                                                   \
    if (job->operation == EMBER_SCAN_PRODUCT) {                                               \
      wide running = 1;                                                                       \
      for (int64_t i = 0; i < job->n; ++i) {                                                  \
        running *= (wide)x[i * direction];                                                    \
        y[i * direction] = (type)running;                                                     \
      }                                                                                       \
    } else {                                                                                  \
      wide running = 0;                                                                       \
      for (int64_t i = 0; i < job->n; ++i) {                                                  \
        running += (wide)x[i * direction];                                                    \
        y[i * direction] = (type)running;                                                     \
      }                                                                                       \
    }                                                                                         \
  }

// In double: a long float32 running sum would lose a bit per doubling of its length, and it is no slower.
SCAN_CHAIN(chain_f32, float, double)
SCAN_CHAIN(chain_f64, double, double)
SCAN_CHAIN(chain_i64, int64_t, uint64_t)

// MARK: Neighbouring chains

// Each function scans `width` <= LANES neighbouring chains, whose elements are `inner` apart.

static int64_t scan_position(const scan_job *job, int64_t step) { return job->reverse ? job->n - 1 - step : step; }

static void scan_floating(const void *scan, const char *in, char *out, int64_t *indices, int64_t width) {
  (void)indices;
  const scan_job *job = scan;
  // 16-bit results accumulate in float32, which is what `narrow` rounds the running value to after every step.
  const bool product = job->operation == EMBER_SCAN_PRODUCT, narrow = job->out_dtype != EMBER_FLOAT64;
  const bool direct = job->in_dtype == EMBER_FLOAT32 && job->out_dtype == EMBER_FLOAT32;
  if (job->inner == 1 && job->in_dtype == job->out_dtype) {
    if (direct) { chain_f32(job, (const float *)in, (float *)out); return; }
    if (job->in_dtype == EMBER_FLOAT64) { chain_f64(job, (const double *)in, (double *)out); return; }
  }
  double running[LANES];
  float running32[LANES];
  for (int64_t j = 0; j < width; ++j) running[j] = product, running32[j] = product;
  for (int64_t step = 0; step < job->n; ++step) {
    const int64_t at = scan_position(job, step) * job->inner;
    if (direct) {
      const float *x = (const float *)in + at;
      float *y = (float *)out + at;
      for (int64_t j = 0; j < width; ++j) {
        running[j] = product ? running[j] * (double)x[j] : running[j] + (double)x[j];
        y[j] = (float)running[j];
      }
      continue;
    }
    for (int64_t j = 0; j < width; ++j) {
      const double x = element_load_double(job->in_dtype, in, at + j);
      if (narrow && job->out_dtype != EMBER_FLOAT32) {
        running32[j] = product ? running32[j] * (float)x : running32[j] + (float)x;
        element_store_double(job->out_dtype, out, at + j, (double)running32[j]);
      } else {
        running[j] = product ? running[j] * x : running[j] + x;
        element_store_double(job->out_dtype, out, at + j, running[j]);
      }
    }
  }
}

static void scan_integer(const void *scan, const char *in, char *out, int64_t *indices, int64_t width) {
  (void)indices;
  const scan_job *job = scan;
  const bool product = job->operation == EMBER_SCAN_PRODUCT;
  const bool direct = job->in_dtype == EMBER_INT64 && job->out_dtype == EMBER_INT64;
  if (job->inner == 1 && direct) { chain_i64(job, (const int64_t *)in, (int64_t *)out); return; }
  uint64_t running[LANES];  // unsigned: sums wrap
  for (int64_t j = 0; j < width; ++j) running[j] = product;
  for (int64_t step = 0; step < job->n; ++step) {
    const int64_t at = scan_position(job, step) * job->inner;
    for (int64_t j = 0; j < width; ++j) {
      const uint64_t x = (uint64_t)(direct ? ((const int64_t *)in)[at + j] : element_load_integer(job->in_dtype, in, at + j));
      running[j] = product ? running[j] * x : running[j] + x;
      if (direct) ((int64_t *)out)[at + j] = (int64_t)running[j];
      else element_store_integer(job->out_dtype, out, at + j, (int64_t)running[j]);
    }
  }
}

static void scan_complex(const void *scan, const char *in, char *out, int64_t *indices, int64_t width) {
  (void)indices;
  const scan_job *job = scan;
  const bool product = job->operation == EMBER_SCAN_PRODUCT, complex_in = element_is_complex(job->in_dtype);
  const int from = element_component(job->in_dtype), to = element_component(job->out_dtype);
  for (int64_t j = 0; j < width; ++j) {
    double re = product, im = 0;
    for (int64_t step = 0; step < job->n; ++step) {
      const int64_t at = scan_position(job, step) * job->inner + j;
      double x, y = 0;
      if (complex_in) x = element_load_double(from, in, 2 * at), y = element_load_double(from, in, 2 * at + 1);
      else x = element_load_double(from, in, at);
      if (product) {
        const double next = re * x - im * y;
        im = re * y + im * x;
        re = next;
      } else {
        re += x, im += y;
      }
      element_store_double(to, out, 2 * at, re);
      element_store_double(to, out, 2 * at + 1, im);
    }
  }
}

// A later equal element wins; a NaN always does, and only another NaN replaces it. `value` reads an element for comparing;
// what is stored is the winner's own bits.
#define SCAN_EXTREME(name, type, value)                                                                       \
  static void name(const void *scan, const char *in, char *out, int64_t *indices, int64_t width) {            \
    const scan_job *job = scan;                                                                               \
    const bool maximum = job->operation == EMBER_SCAN_MAXIMUM;                                                \
    for (int64_t j = 0; j < width; ++j) {                                                                     \
      type best = ((const type *)in)[scan_position(job, 0) * job->inner + j];                                 \
      int64_t where = scan_position(job, 0);                                                                  \
      for (int64_t step = 0; step < job->n; ++step) {                                                         \
        const int64_t position = scan_position(job, step), at = position * job->inner + j;                    \
        const type x = ((const type *)in)[at];                                                                \
        const bool beats = maximum ? value(x) >= value(best) : value(x) <= value(best);                       \
        if (__builtin_expect(beats || value(x) != value(x), 0)) best = x, where = position;                   \
        ((type *)out)[at] = best;                                                                             \
        if (indices) indices[at] = where;                                                                     \
      }                                                                                                       \
    }                                                                                                         \
  }

#define SCAN_ITSELF(x) (x)
#define SCAN_HALF(x) element_half_to_float((x).bits)
#define SCAN_BFLOAT(x) element_bfloat_to_float((x).bits)

SCAN_EXTREME(extreme_u8, uint8_t, SCAN_ITSELF)
SCAN_EXTREME(extreme_i8, int8_t, SCAN_ITSELF)
SCAN_EXTREME(extreme_i16, int16_t, SCAN_ITSELF)
SCAN_EXTREME(extreme_u16, uint16_t, SCAN_ITSELF)
SCAN_EXTREME(extreme_i32, int32_t, SCAN_ITSELF)
SCAN_EXTREME(extreme_u32, uint32_t, SCAN_ITSELF)
SCAN_EXTREME(extreme_i64, int64_t, SCAN_ITSELF)
SCAN_EXTREME(extreme_u64, uint64_t, SCAN_ITSELF)
SCAN_EXTREME(extreme_f16, element_float16, SCAN_HALF)
SCAN_EXTREME(extreme_bf16, element_bfloat16, SCAN_BFLOAT)
SCAN_EXTREME(extreme_f32, float, SCAN_ITSELF)
SCAN_EXTREME(extreme_f64, double, SCAN_ITSELF)

static void (*const extremes[EMBER_DTYPE_COUNT])(const void *, const char *, char *, int64_t *, int64_t) = {
    [EMBER_BOOL] = extreme_u8,       [EMBER_UINT8] = extreme_u8,      [EMBER_INT8] = extreme_i8,
    [EMBER_INT16] = extreme_i16,     [EMBER_INT32] = extreme_i32,     [EMBER_INT64] = extreme_i64,
    [EMBER_FLOAT16] = extreme_f16,   [EMBER_BFLOAT16] = extreme_bf16, [EMBER_FLOAT32] = extreme_f32,
    [EMBER_FLOAT64] = extreme_f64,   [EMBER_UINT16] = extreme_u16,    [EMBER_UINT32] = extreme_u32,
    [EMBER_UINT64] = extreme_u64,
};

static void scan_log_sum_exp(const void *scan, const char *in, char *out, int64_t *indices, int64_t width) {
  (void)indices;
  const scan_job *job = scan;
  const bool wide = job->in_dtype == EMBER_FLOAT64;
  for (int64_t j = 0; j < width; ++j) {
    double running = -INFINITY;
    for (int64_t step = 0; step < job->n; ++step) {
      const int64_t at = scan_position(job, step) * job->inner + j;
      const double x = element_load_double(job->in_dtype, in, at);
      const double high = x > running || x != x ? x : running, low = x > running || x != x ? running : x;
      // Equal infinities would give inf - inf; a NaN passes through `high`.
      if (high - high != 0) running = high;
      else if (wide) running = high + log1p(exp(low - high));
      else running = high + log1p((double)expf((float)(low - high)));
      element_store_double(job->out_dtype, out, at, running);
    }
  }
}

// log(exp(low) + exp(high)) with the larger real part taken out: high + log1p(exp(low - high)). The imaginary part is not
// brought back to one turn, so that it goes on from element to element.
static void scan_log_sum_exp_complex(const void *scan, const char *in, char *out, int64_t *indices, int64_t width) {
  (void)indices;
  const scan_job *job = scan;
  const int component = element_component(job->in_dtype);
  for (int64_t j = 0; j < width; ++j) {
    double re = -INFINITY, im = 0;
    for (int64_t step = 0; step < job->n; ++step) {
      const int64_t at = scan_position(job, step) * job->inner + j;
      const double x = element_load_double(component, in, 2 * at), y = element_load_double(component, in, 2 * at + 1);
      if (x != x || y != y || re != re || im != im) {
        re = im = NAN;
      } else if (x == re && x - x != 0) {
        // Two infinities: of -inf the angle does not matter, of +inf it is that of the sum.
        if (x > 0) im = atan2(sin(y) + sin(im), cos(y) + cos(im));
      } else {
        const bool larger = x > re;
        const double high_re = larger ? x : re, high_im = larger ? y : im;
        const double scale = exp((larger ? re : x) - high_re), angle = (larger ? im : y) - high_im;
        const double a = scale * cos(angle), b = scale * sin(angle);
        re = high_re + 0.5 * log1p(a * (2 + a) + b * b);
        im = high_im + atan2(b, 1 + a);
      }
      element_store_double(component, out, 2 * at, re);
      element_store_double(component, out, 2 * at + 1, im);
    }
  }
}

static void scan_chunk(void *context, int64_t chunk) {
  const scan_job *job = context;
  const int64_t in_size = (int64_t)ember_dtype_size(job->in_dtype), out_size = (int64_t)ember_dtype_size(job->out_dtype);
  const int64_t total = job->outer * job->blocks, first = chunk * job->group;
  const int64_t last = first + job->group < total ? first + job->group : total;
  for (int64_t block = first; block < last; ++block) {
    const int64_t left = block % job->blocks * LANES;
    const int64_t base = block / job->blocks * job->n * job->inner + left;
    const int64_t width = job->inner - left < LANES ? job->inner - left : LANES;
    job->lanes(job, job->in + base * in_size, job->out + base * out_size, job->indices ? job->indices + base : NULL, width);
  }
}

bool ember_scan(int operation, int in_dtype, const void *in, int out_dtype, void *out, int64_t *indices, int64_t outer,
                int64_t n, int64_t inner, bool reverse) {
  scan_job job = {.operation = operation, .in_dtype = in_dtype, .out_dtype = out_dtype, .in = in, .out = out,
                  .indices = indices, .n = n, .inner = inner, .outer = outer, .reverse = reverse};
  const bool complex = element_is_complex(in_dtype), complex_out = element_is_complex(out_dtype);
  const bool floating = element_is_floating(in_dtype), integer = element_is_integer(in_dtype);
  if (!complex && !floating && !integer) return false;
  switch (operation) {
    case EMBER_SCAN_SUM:
    case EMBER_SCAN_PRODUCT:
      if (complex_out) job.lanes = scan_complex;
      else if (complex) return false;
      else if (element_is_floating(out_dtype)) job.lanes = scan_floating;
      else if (integer && element_is_integer(out_dtype)) job.lanes = scan_integer;
      else return false;
      break;
    case EMBER_SCAN_MAXIMUM:
    case EMBER_SCAN_MINIMUM:
      if (complex || out_dtype != in_dtype) return false;
      job.lanes = extremes[in_dtype];
      break;
    case EMBER_SCAN_LOG_SUM_EXP:
      if (!(floating || complex) || out_dtype != in_dtype) return false;
      job.lanes = complex ? scan_log_sum_exp_complex : scan_log_sum_exp;
      break;
    default: return false;
  }
  if (outer <= 0 || n <= 0 || inner <= 0) return true;
  job.blocks = (inner + LANES - 1) / LANES;
  const int64_t total = outer * job.blocks, work = outer * n * inner;
  const int64_t each = n * (inner < LANES ? inner : LANES);
  job.group = work < PARALLEL_WORK ? total : each < PARALLEL_WORK ? (PARALLEL_WORK + each - 1) / each : 1;
  const int64_t chunks = (total + job.group - 1) / job.group;
  if (chunks > 1) ember_parallel(chunks, scan_chunk, &job);
  else scan_chunk(&job, 0);
  return true;
}
