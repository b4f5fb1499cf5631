// Pooling: planes in parallel, windows clipped to the plane.
#include "ember_pooling.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ember_allocator.h"
#include "ember_copy.h"

typedef struct {
  const ember_pooling *p;
  const void *x;
  void *y;
  int64_t *indices;
  const int64_t *read_indices;
  bool count_include_pad, adaptive;
  int64_t divisor, in_plane, out_plane;
} job;

/// The window of one output position: per dimension first position, end, step, and the extent that counts with padding.
typedef struct {
  int64_t first[3], end[3], step[3], padded;
} window;

static window window_at(const job *j, int64_t o) {
  const ember_pooling *p = j->p;
  window w = {.first = {0, 0, 0}, .end = {1, 1, 1}, .step = {1, 1, 1}, .padded = 1};
  int offset = 3 - p->spatial_rank;
  for (int d = p->spatial_rank - 1; d >= 0; d--) {
    int64_t i = o % p->output[d];
    o /= p->output[d];
    if (j->adaptive) {
      w.first[offset + d] = i * p->input[d] / p->output[d];
      w.end[offset + d] = ((i + 1) * p->input[d] + p->output[d] - 1) / p->output[d];
      w.padded *= w.end[offset + d] - w.first[offset + d];
      continue;
    }
    int64_t dilation = p->dilation[d] > 0 ? p->dilation[d] : 1, start = i * p->stride[d] - p->padding[d];
    int64_t end = start + (p->kernel[d] - 1) * dilation + 1;
    int64_t padded_end = end < p->input[d] + p->padding[d] ? end : p->input[d] + p->padding[d];
    w.padded *= padded_end - start;
    while (start < 0) start += dilation;
    w.first[offset + d] = start;
    w.end[offset + d] = end < p->input[d] ? end : p->input[d];
    w.step[offset + d] = dilation;
  }
  return w;
}

static void plane_strides(const ember_pooling *p, int64_t strides[3]) {
  int offset = 3 - p->spatial_rank;
  strides[0] = strides[1] = strides[2] = 0;
  int64_t step = 1;
  for (int d = p->spatial_rank - 1; d >= 0; d--) {
    strides[offset + d] = step;
    step *= p->input[d];
  }
}

#define FOR_WINDOW(w, s)                                                     \
  for (int64_t a = (w).first[0]; a < (w).end[0]; a += (w).step[0])           \
    for (int64_t b = (w).first[1]; b < (w).end[1]; b += (w).step[1])         \
      for (int64_t c = (w).first[2], at = a * (s)[0] + b * (s)[1] + c * (s)[2]; c < (w).end[2]; c += (w).step[2], at += (w).step[2] * (s)[2])

#define DEFINE_MAX(T, SUFFIX, IS_NAN)                                               \
  static void max_##SUFFIX(void *context, int64_t plane) {                         \
    const job *j = context;                                                        \
    const T *x = (const T *)j->x + plane * j->in_plane;                            \
    T *y = (T *)j->y + plane * j->out_plane;                                       \
    int64_t *indices = j->indices ? j->indices + plane * j->out_plane : NULL;      \
    int64_t s[3];                                                                  \
    plane_strides(j->p, s);                                                        \
    for (int64_t o = 0; o < j->out_plane; o++) {                                   \
      window w = window_at(j, o);                                                  \
      int64_t best = -1;                                                           \
      T value = 0;                                                                 \
      FOR_WINDOW(w, s) {                                                           \
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

#define DEFINE_FLOATS(T, SUFFIX)                                                                                \
  static void max_backward_##SUFFIX(void *context, int64_t plane) {                                            \
    const job *j = context;                                                                                    \
    const T *dy = (const T *)j->x + plane * j->out_plane;                                                      \
    T *dx = (T *)j->y + plane * j->in_plane;                                                                   \
    memset(dx, 0, (size_t)j->in_plane * sizeof(T));                                                            \
    for (int64_t o = 0; o < j->out_plane; o++) dx[j->read_indices[plane * j->out_plane + o]] += dy[o];         \
  }                                                                                                            \
  static void average_##SUFFIX(void *context, int64_t plane) {                                                 \
    const job *j = context;                                                                                    \
    const T *x = (const T *)j->x + plane * j->in_plane;                                                        \
    T *y = (T *)j->y + plane * j->out_plane;                                                                   \
    int64_t s[3];                                                                                              \
    plane_strides(j->p, s);                                                                                    \
    for (int64_t o = 0; o < j->out_plane; o++) {                                                               \
      window w = window_at(j, o);                                                                              \
      T sum = 0;                                                                                               \
      int64_t n = 0;                                                                                           \
      FOR_WINDOW(w, s) sum += x[at], n++;                                                                      \
      y[o] = n ? sum / (T)(j->divisor ? j->divisor : j->count_include_pad ? w.padded : n) : 0;                 \
    }                                                                                                          \
  }                                                                                                            \
  static void average_backward_##SUFFIX(void *context, int64_t plane) {                                        \
    const job *j = context;                                                                                    \
    const T *dy = (const T *)j->x + plane * j->out_plane;                                                      \
    T *dx = (T *)j->y + plane * j->in_plane;                                                                   \
    memset(dx, 0, (size_t)j->in_plane * sizeof(T));                                                            \
    int64_t s[3];                                                                                              \
    plane_strides(j->p, s);                                                                                    \
    for (int64_t o = 0; o < j->out_plane; o++) {                                                               \
      window w = window_at(j, o);                                                                              \
      int64_t n = 0;                                                                                           \
      FOR_WINDOW(w, s) n++;                                                                                    \
      T share = n ? dy[o] / (T)(j->divisor ? j->divisor : j->count_include_pad ? w.padded : n) : 0;            \
      FOR_WINDOW(w, s) dx[at] += share;                                                                        \
    }                                                                                                          \
  }
DEFINE_FLOATS(float, f32)
DEFINE_FLOATS(double, f64)

static job make_job(const ember_pooling *p) {
  job j = {.p = p, .in_plane = 1, .out_plane = 1};
  for (int d = 0; d < p->spatial_rank; d++) {
    j.in_plane *= p->input[d];
    j.out_plane *= p->output[d];
  }
  return j;
}

typedef void (*body)(void *context, int64_t plane);

/// Runs over the planes; 16-bit floats go through float32.
static void run(int dtype, job j, body f32, body f64, const void *in, int64_t in_count, void *out, int64_t out_count) {
  if (!out_count) return;
  if (dtype == EMBER_FLOAT16 || dtype == EMBER_BFLOAT16) {
    float *a = ember_allocate((size_t)in_count * 4 + 4), *b = ember_allocate((size_t)out_count * 4);
    if (!a || !b) abort();
    int64_t one = 1;
    if (in_count) ember_copy(EMBER_FLOAT32, a, &one, dtype, in, &one, 1, &in_count);
    run(EMBER_FLOAT32, j, f32, f64, a, in_count, b, out_count);
    ember_copy(dtype, out, &one, EMBER_FLOAT32, b, &one, 1, &out_count);
    ember_deallocate(a, (size_t)in_count * 4 + 4);
    ember_deallocate(b, (size_t)out_count * 4);
    return;
  }
  j.x = in;
  j.y = out;
  ember_parallel(j.p->planes, dtype == EMBER_FLOAT64 ? f64 : f32, &j);
}

static void run_max(int dtype, job j, const void *x, void *y) {
  int64_t in = j.p->planes * j.in_plane, out = j.p->planes * j.out_plane;
  body f32 = max_f32;
  switch (dtype) {
    case EMBER_BOOL: case EMBER_UINT8: f32 = max_u8; break;
    case EMBER_INT8: f32 = max_i8; break;
    case EMBER_INT16: f32 = max_i16; break;
    case EMBER_INT32: f32 = max_i32; break;
    case EMBER_INT64: f32 = max_i64; break;
    default: break;
  }
  run(dtype, j, f32, max_f64, x, in, y, out);
}

void ember_max_pool(int dtype, const ember_pooling *p, const void *x, void *y, int64_t *indices) {
  job j = make_job(p);
  j.indices = indices;
  run_max(dtype, j, x, y);
}

void ember_adaptive_max_pool(int dtype, const ember_pooling *p, const void *x, void *y, int64_t *indices) {
  job j = make_job(p);
  j.indices = indices;
  j.adaptive = true;
  run_max(dtype, j, x, y);
}

void ember_max_pool_backward(int dtype, const ember_pooling *p, const void *dy, const int64_t *indices, void *dx) {
  job j = make_job(p);
  j.read_indices = indices;
  run(dtype, j, max_backward_f32, max_backward_f64, dy, p->planes * j.out_plane, dx, p->planes * j.in_plane);
}

static void average(int dtype, const ember_pooling *p, const void *in, void *out, bool include, int64_t divisor, bool adaptive, bool backward) {
  job j = make_job(p);
  j.count_include_pad = include;
  j.divisor = divisor;
  j.adaptive = adaptive;
  int64_t x = p->planes * j.in_plane, y = p->planes * j.out_plane;
  if (backward) run(dtype, j, average_backward_f32, average_backward_f64, in, y, out, x);
  else run(dtype, j, average_f32, average_f64, in, x, out, y);
}

void ember_average_pool(int dtype, const ember_pooling *p, const void *x, void *y, bool include, int64_t divisor) {
  average(dtype, p, x, y, include, divisor, false, false);
}
void ember_average_pool_backward(int dtype, const ember_pooling *p, const void *dy, void *dx, bool include, int64_t divisor) {
  average(dtype, p, dy, dx, include, divisor, false, true);
}
void ember_adaptive_average_pool(int dtype, const ember_pooling *p, const void *x, void *y) {
  average(dtype, p, x, y, false, 0, true, false);
}
void ember_adaptive_average_pool_backward(int dtype, const ember_pooling *p, const void *dy, void *dx) {
  average(dtype, p, dy, dx, false, 0, true, true);
}
