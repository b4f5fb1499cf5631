// Pooling: planes in parallel, windows clipped to the plane. The loops here are plain ones: the reference for those of
// bodies/pooling.inc, and what integers use.
#include "pooling_internal.h"

#include <stdlib.h>

#include "ember_allocator.h"
#include "ember_copy.h"

/// The window of one output position: its ranges, and the extent that counts with padding.
typedef struct {
  pooling_range along[3];
  int64_t padded;
} window;

static window window_at(const pooling_job *j, int64_t o) {
  window w = {.padded = 1};
  for (int d = 2; d >= 0; d--) {
    w.along[d] = pooling_range_at(j, d, o % j->output[d]);
    w.padded *= w.along[d].padded;
    o /= j->output[d];
  }
  return w;
}

#define FOR_WINDOW(w, j)                                                                       \
  for (int64_t a = (w).along[0].first; a < (w).along[0].end; a += (w).along[0].step)           \
    for (int64_t b = (w).along[1].first; b < (w).along[1].end; b += (w).along[1].step)         \
      for (int64_t c = (w).along[2].first, at = a * (j)->slice + b * (j)->row + c; c < (w).along[2].end; \
           c += (w).along[2].step, at += (w).along[2].step)

#define DEFINE_MAX(T, SUFFIX, IS_NAN)                                               \
  static void max_##SUFFIX(void *context, int64_t plane) {                         \
    const pooling_job *j = context;                                                \
    const T *x = (const T *)j->x + plane * j->in_plane;                            \
    T *y = (T *)j->y + plane * j->out_plane;                                       \
    int64_t *indices = j->indices ? j->indices + plane * j->out_plane : NULL;      \
    for (int64_t o = 0; o < j->out_plane; o++) {                                   \
      window w = window_at(j, o);                                                  \
      int64_t best = -1;                                                           \
      T value = 0;                                                                 \
      FOR_WINDOW(w, j) {                                                           \
        T v = x[at];                                                               \
        if (best < 0 || v > value || IS_NAN(v)) value = v, best = at;              \
      }                                                                            \
      y[o] = value;                                                                \
      if (indices) indices[o] = best < 0 ? 0 : best;                               \
    }                                                                              \
  }
#define NEVER(v) false
DEFINE_MAX(float, f32, isnan)
DEFINE_MAX(double, f64, isnan)
DEFINE_MAX(uint8_t, u8, NEVER)
DEFINE_MAX(int8_t, i8, NEVER)
DEFINE_MAX(int16_t, i16, NEVER)
DEFINE_MAX(int32_t, i32, NEVER)
DEFINE_MAX(int64_t, i64, NEVER)

#define DEFINE_FLOATS(T, SUFFIX)                                                                     \
  static void max_backward_##SUFFIX(void *context, int64_t plane) {                                  \
    const pooling_job *j = context;                                                                  \
    const T *dy = (const T *)j->x + plane * j->out_plane;                                            \
    T *dx = (T *)j->y + plane * j->in_plane;                                                         \
    memset(dx, 0, (size_t)j->in_plane * sizeof(T));                                                  \
    for (int64_t o = 0; o < j->out_plane; o++) dx[j->read_indices[plane * j->out_plane + o]] += dy[o]; \
  }                                                                                                  \
  static void average_##SUFFIX(void *context, int64_t plane) {                                       \
    const pooling_job *j = context;                                                                  \
    const T *x = (const T *)j->x + plane * j->in_plane;                                              \
    T *y = (T *)j->y + plane * j->out_plane;                                                         \
    for (int64_t o = 0; o < j->out_plane; o++) {                                                     \
      window w = window_at(j, o);                                                                    \
      T sum = 0;                                                                                     \
      int64_t n = 0;                                                                                 \
      FOR_WINDOW(w, j) sum += x[at], n++;                                                            \
      y[o] = n ? sum / (T)pooling_divisor(j, n, w.padded) : 0;                                       \
    }                                                                                                \
  }                                                                                                  \
  static void average_backward_##SUFFIX(void *context, int64_t plane) {                              \
    const pooling_job *j = context;                                                                  \
    const T *dy = (const T *)j->x + plane * j->out_plane;                                            \
    T *dx = (T *)j->y + plane * j->in_plane;                                                         \
    memset(dx, 0, (size_t)j->in_plane * sizeof(T));                                                  \
    for (int64_t o = 0; o < j->out_plane; o++) {                                                     \
      window w = window_at(j, o);                                                                    \
      int64_t n = 0;                                                                                 \
      FOR_WINDOW(w, j) n++;                                                                          \
      T share = n ? dy[o] / (T)pooling_divisor(j, n, w.padded) : 0;                                  \
      FOR_WINDOW(w, j) dx[at] += share;                                                              \
    }                                                                                                \
  }
DEFINE_FLOATS(float, f32)
DEFINE_FLOATS(double, f64)

/// Only the shape of an adaptive pooling is given by `p`, so the rest of it is not read.
static pooling_job make_job(const ember_pooling *p, bool adaptive) {
  pooling_job j = {.adaptive = adaptive, .planes = p->planes};
  for (int d = 0; d < 3; d++) {
    const int from = d - (3 - p->spatial_rank);
    const bool missing = from < 0, simple = missing || adaptive;
    j.input[d] = missing ? 1 : p->input[from], j.output[d] = missing ? 1 : p->output[from];
    j.kernel[d] = simple ? 1 : p->kernel[from], j.stride[d] = simple ? 1 : p->stride[from];
    j.padding[d] = simple ? 0 : p->padding[from], j.dilation[d] = simple || p->dilation[from] < 1 ? 1 : p->dilation[from];
  }
  j.row = j.input[2], j.slice = j.input[1] * j.input[2];
  j.in_plane = j.input[0] * j.slice, j.out_plane = j.output[0] * j.output[1] * j.output[2];
  return j;
}

static const pooling_kernels plain_f32 = {max_f32, max_backward_f32, average_f32, average_backward_f32};
static const pooling_kernels plain_f64 = {max_f64, max_backward_f64, average_f64, average_backward_f64};

// The scalar set has no loops of its own: the plain ones above are the reference. (EMBER_ISA_PICK would name them.)
static const pooling_isa *vector_loops(int isa) {
#if EMBER_X86_ISAS
  if (isa == EMBER_ISA_AVX512) return &pooling_isa_avx512;
  if (isa == EMBER_ISA_AVX2) return &pooling_isa_avx2;
#else
  (void)isa;
#endif
  return &pooling_isa_baseline;
}

static const pooling_kernels *kernels_for(int dtype) {
  const bool is_double = dtype == EMBER_FLOAT64;
  const int isa = ember_isa_current();
  if (isa == EMBER_ISA_SCALAR) return is_double ? &plain_f64 : &plain_f32;
  const pooling_isa *loops = vector_loops(isa);
  return is_double ? loops->f64 : loops->f32;
}

enum { ELEMENTS_PER_CHUNK = 1 << 13 };

typedef struct {
  pooling_job job;
  pooling_body body;
  int64_t planes_per_chunk;
} planes_job;

static void run_planes(void *context, int64_t chunk) {
  planes_job *p = context;
  const int64_t end = (chunk + 1) * p->planes_per_chunk < p->job.planes ? (chunk + 1) * p->planes_per_chunk : p->job.planes;
  for (int64_t plane = chunk * p->planes_per_chunk; plane < end; plane++) p->body(&p->job, plane);
}

/// Runs over the planes; 16-bit floats go through float32.
static void run(int dtype, pooling_job j, pooling_body body, const void *in, int64_t in_count, void *out, int64_t out_count) {
  if (!out_count) return;
  if (dtype == EMBER_FLOAT16 || dtype == EMBER_BFLOAT16) {
    float *a = ember_allocate((size_t)in_count * 4 + 4), *b = ember_allocate((size_t)out_count * 4);
    if (!a || !b) abort();
    int64_t one = 1;
    if (in_count) ember_copy(EMBER_FLOAT32, a, &one, dtype, in, &one, 1, &in_count);
    run(EMBER_FLOAT32, j, body, a, in_count, b, out_count);
    ember_copy(dtype, out, &one, EMBER_FLOAT32, b, &one, 1, &out_count);
    ember_deallocate(a, (size_t)in_count * 4 + 4);
    ember_deallocate(b, (size_t)out_count * 4);
    return;
  }
  j.x = in;
  j.y = out;
  planes_job p = {j, body, 1 + ELEMENTS_PER_CHUNK / (j.in_plane + j.out_plane + 1)};
  ember_parallel((j.planes + p.planes_per_chunk - 1) / p.planes_per_chunk, run_planes, &p);
}

static void run_max(int dtype, pooling_job j, const void *x, void *y) {
  pooling_body body;
  switch (dtype) {
    case EMBER_BOOL: case EMBER_UINT8: body = max_u8; break;
    case EMBER_INT8: body = max_i8; break;
    case EMBER_INT16: body = max_i16; break;
    case EMBER_INT32: body = max_i32; break;
    case EMBER_INT64: body = max_i64; break;
    default: body = kernels_for(dtype)->max; break;
  }
  run(dtype, j, body, x, j.planes * j.in_plane, y, j.planes * j.out_plane);
}

void ember_max_pool(int dtype, const ember_pooling *p, const void *x, void *y, int64_t *indices) {
  pooling_job j = make_job(p, false);
  j.indices = indices;
  run_max(dtype, j, x, y);
}

void ember_adaptive_max_pool(int dtype, const ember_pooling *p, const void *x, void *y, int64_t *indices) {
  pooling_job j = make_job(p, true);
  j.indices = indices;
  run_max(dtype, j, x, y);
}

void ember_max_pool_backward(int dtype, const ember_pooling *p, const void *dy, const int64_t *indices, void *dx) {
  pooling_job j = make_job(p, false);
  j.read_indices = indices;
  run(dtype, j, kernels_for(dtype)->max_backward, dy, j.planes * j.out_plane, dx, j.planes * j.in_plane);
}

static void average(int dtype, pooling_job j, const void *in, void *out, bool backward) {
  const int64_t x = j.planes * j.in_plane, y = j.planes * j.out_plane;
  const pooling_kernels *kernels = kernels_for(dtype);
  if (backward) run(dtype, j, kernels->average_backward, in, y, out, x);
  else run(dtype, j, kernels->average, in, x, out, y);
}

static pooling_job make_average_job(const ember_pooling *p, bool include, int64_t divisor) {
  pooling_job j = make_job(p, false);
  j.count_include_pad = include, j.divisor = divisor;
  j.dilation[0] = j.dilation[1] = j.dilation[2] = 1;
  return j;
}

void ember_average_pool(int dtype, const ember_pooling *p, const void *x, void *y, bool include, int64_t divisor) {
  average(dtype, make_average_job(p, include, divisor), x, y, false);
}

void ember_average_pool_backward(int dtype, const ember_pooling *p, const void *dy, void *dx, bool include, int64_t divisor) {
  average(dtype, make_average_job(p, include, divisor), dy, dx, true);
}

void ember_adaptive_average_pool(int dtype, const ember_pooling *p, const void *x, void *y) {
  average(dtype, make_job(p, true), x, y, false);
}

void ember_adaptive_average_pool_backward(int dtype, const ember_pooling *p, const void *dy, void *dx) {
  average(dtype, make_job(p, true), dy, dx, true);
}
