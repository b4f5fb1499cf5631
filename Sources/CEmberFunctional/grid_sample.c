// Sampling at arbitrary positions (Jaderberg et al., arXiv:1506.02025). In each dimension a position turns into up to four taps; all modes
// and both ranks are products of those.
#include "ember_functional_resampling.h"

#include "CEmberKernels.h"

#include <math.h>
#include <string.h>

enum { POINTS_PER_CHUNK = 256, CHANNELS_PER_CHUNK = 4 };

typedef struct {
  const ember_grid_sampling *s;
  const void *x, *grid, *dy;
  void *out;
  int64_t plane, point_chunks, channel_chunks;
} job;

#define DEFINE_SAMPLING(T, SUFFIX, FLOOR, FMOD, NEARBYINT)                                                       \
  /* Taps of one dimension: how many, where (-1: outside), their weights and the derivatives of those. */        \
  typedef struct {                                                                                               \
    int count;                                                                                                   \
    int64_t at[4];                                                                                               \
    T weight[4], slope[4];                                                                                       \
  } taps_##SUFFIX;                                                                                               \
  static T clip_##SUFFIX(T x, int64_t size, T *slope) {                                                          \
    if (x <= 0) return *slope = 0, (T)0;                                                                         \
    if (!(x < (T)(size - 1))) return *slope = 0, (T)(size - 1);                                                  \
    return x;                                                                                                    \
  }                                                                                                              \
  static T reflect_##SUFFIX(T x, int64_t size, bool align, T *slope) {                                           \
    const T low = align ? 0 : (T)-0.5, span = (T)(align ? size - 1 : size);                                      \
    if (span == 0) return *slope = 0, (T)0;                                                                      \
    x -= low;                                                                                                    \
    if (x < 0) x = -x, *slope = -*slope;                                                                         \
    const T extra = FMOD(x, span), flips = FLOOR(x / span);                                                      \
    if (FMOD(flips, 2) == 0) return extra + low;                                                                 \
    *slope = -*slope;                                                                                            \
    return span - extra + low;                                                                                   \
  }                                                                                                              \
  /* A position moved into the input by the rule for what lies outside; slope is multiplied by the derivative. */ \
  static T inside_##SUFFIX(const ember_grid_sampling *s, T x, int64_t size, T *slope) {                          \
    if (s->outside == EMBER_OUTSIDE_REFLECTION) x = reflect_##SUFFIX(x, size, s->align_corners, slope);          \
    return s->outside == EMBER_OUTSIDE_ZERO ? x : clip_##SUFFIX(x, size, slope);                                 \
  }                                                                                                              \
  static int64_t index_##SUFFIX(T x, int64_t size) { return x >= 0 && x < (T)size ? (int64_t)x : -1; }           \
  static taps_##SUFFIX taps_at_##SUFFIX(const ember_grid_sampling *s, T coordinate, int64_t size) {              \
    taps_##SUFFIX t = {.count = 1};                                                                              \
    T slope = (T)(s->align_corners ? size - 1 : size) / 2;                                                       \
    T x = s->align_corners ? (coordinate + 1) / 2 * (T)(size - 1) : ((coordinate + 1) * (T)size - 1) / 2;        \
    if (s->mode == EMBER_SAMPLE_CUBIC) {                                                                         \
      const T base = FLOOR(x), f = x - base, a = (T)-0.75;                                                       \
      const T p = f + 1, q = 1 - f, r = 2 - f;                                                                   \
      t.count = 4;                                                                                               \
      t.weight[0] = ((a * p - 5 * a) * p + 8 * a) * p - 4 * a;                                                   \
      t.weight[1] = ((a + 2) * f - (a + 3)) * f * f + 1;                                                         \
      t.weight[2] = ((a + 2) * q - (a + 3)) * q * q + 1;                                                         \
      t.weight[3] = ((a * r - 5 * a) * r + 8 * a) * r - 4 * a;                                                   \
      t.slope[0] = slope * ((3 * a * p - 10 * a) * p + 8 * a);                                                   \
      t.slope[1] = slope * (3 * (a + 2) * f - 2 * (a + 3)) * f;                                                  \
      t.slope[2] = -slope * (3 * (a + 2) * q - 2 * (a + 3)) * q;                                                 \
      t.slope[3] = -slope * ((3 * a * r - 10 * a) * r + 8 * a);                                                  \
      for (int k = 0; k < 4; k++) {                                                                              \
        T unused = 1;                                                                                            \
        t.at[k] = index_##SUFFIX(inside_##SUFFIX(s, base + (T)(k - 1), size, &unused), size);                    \
      }                                                                                                          \
      return t;                                                                                                  \
    }                                                                                                            \
    x = inside_##SUFFIX(s, x, size, &slope);                                                                     \
    if (s->mode == EMBER_SAMPLE_NEAREST) {                                                                       \
      t.at[0] = index_##SUFFIX(NEARBYINT(x), size);                                                              \
      t.weight[0] = 1;                                                                                           \
      return t;                                                                                                  \
    }                                                                                                            \
    const T base = FLOOR(x);                                                                                     \
    t.count = 2;                                                                                                 \
    t.at[0] = index_##SUFFIX(base, size);                                                                        \
    t.at[1] = index_##SUFFIX(base + 1, size);                                                                    \
    t.weight[0] = base + 1 - x;                                                                                  \
    t.weight[1] = x - base;                                                                                      \
    t.slope[0] = -slope;                                                                                         \
    t.slope[1] = slope;                                                                                          \
    return t;                                                                                                    \
  }                                                                                                              \
  /* The taps of a point: all products that lie inside. With `e` >= 0 the weight of dimension e is its derivative. */ \
  static int combine_##SUFFIX(const ember_grid_sampling *s, const taps_##SUFFIX *d, int e, int64_t *at, T *weight) { \
    int count = 0;                                                                                               \
    for (int i = 0; i < d[0].count; i++)                                                                         \
      for (int j = 0; j < d[1].count; j++)                                                                       \
        for (int k = 0; k < d[2].count; k++) {                                                                   \
          if (d[0].at[i] < 0 || d[1].at[j] < 0 || d[2].at[k] < 0) continue;                                      \
          at[count] = (d[0].at[i] * s->input[1] + d[1].at[j]) * s->input[2] + d[2].at[k];                        \
          weight[count++] = (e == 0 ? d[0].slope[i] : d[0].weight[i]) * (e == 1 ? d[1].slope[j] : d[1].weight[j]) * \
                            (e == 2 ? d[2].slope[k] : d[2].weight[k]);                                           \
        }                                                                                                        \
    return count;                                                                                                \
  }                                                                                                              \
  /* Dimensions are three, the first with one tap for images; the grid has the innermost first. */               \
  static void taps_of_point_##SUFFIX(const ember_grid_sampling *s, const T *point, taps_##SUFFIX *d) {           \
    d[0] = (taps_##SUFFIX){.count = 1, .weight = {1}};                                                           \
    for (int e = 3 - s->rank; e < 3; e++) d[e] = taps_at_##SUFFIX(s, point[2 - e], s->input[e]);                 \
  }                                                                                                              \
  static void sample_##SUFFIX(void *context, int64_t chunk) {                                                    \
    const job *j = context;                                                                                      \
    const ember_grid_sampling *s = j->s;                                                                         \
    const int64_t item = chunk / j->point_chunks, first = chunk % j->point_chunks * POINTS_PER_CHUNK;            \
    const T *x = (const T *)j->x + item * s->channels * j->plane, *grid = (const T *)j->grid + item * s->points * s->rank; \
    T *y = (T *)j->out + item * s->channels * s->points, weight[64];                                             \
    int64_t at[64];                                                                                              \
    taps_##SUFFIX d[3];                                                                                          \
    for (int64_t p = first; p < first + POINTS_PER_CHUNK && p < s->points; p++) {                                \
      taps_of_point_##SUFFIX(s, grid + p * s->rank, d);                                                          \
      const int count = combine_##SUFFIX(s, d, -1, at, weight);                                                  \
      for (int64_t c = 0; c < s->channels; c++) {                                                                \
        const T *plane = x + c * j->plane;                                                                       \
        T sum = 0;                                                                                               \
        if (count == 4) {                                                                                        \
          sum = weight[0] * plane[at[0]] + weight[1] * plane[at[1]] + weight[2] * plane[at[2]] + weight[3] * plane[at[3]]; \
        } else {                                                                                                 \
          for (int k = 0; k < count; k++) sum += weight[k] * plane[at[k]];                                       \
        }                                                                                                        \
        y[c * s->points + p] = sum;                                                                              \
      }                                                                                                          \
    }                                                                                                            \
  }                                                                                                              \
  static void backward_grid_##SUFFIX(void *context, int64_t chunk) {                                             \
    const job *j = context;                                                                                      \
    const ember_grid_sampling *s = j->s;                                                                         \
    const int64_t item = chunk / j->point_chunks, first = chunk % j->point_chunks * POINTS_PER_CHUNK;            \
    const T *x = (const T *)j->x + item * s->channels * j->plane, *grid = (const T *)j->grid + item * s->points * s->rank; \
    const T *dy = (const T *)j->dy + item * s->channels * s->points;                                             \
    T *dgrid = (T *)j->out + item * s->points * s->rank, weight[64];                                             \
    int64_t at[64];                                                                                              \
    taps_##SUFFIX d[3];                                                                                          \
    for (int64_t p = first; p < first + POINTS_PER_CHUNK && p < s->points; p++) {                                \
      taps_of_point_##SUFFIX(s, grid + p * s->rank, d);                                                          \
      for (int e = 3 - s->rank; e < 3; e++) {                                                                    \
        const int count = s->mode == EMBER_SAMPLE_NEAREST ? 0 : combine_##SUFFIX(s, d, e, at, weight);           \
        T sum = 0;                                                                                               \
        for (int64_t c = 0; c < s->channels; c++)                                                                \
          for (int k = 0; k < count; k++) sum += dy[c * s->points + p] * weight[k] * x[c * j->plane + at[k]];    \
        dgrid[p * s->rank + 2 - e] = sum;                                                                        \
      }                                                                                                          \
    }                                                                                                            \
  }                                                                                                              \
  static void backward_input_##SUFFIX(void *context, int64_t chunk) {                                            \
    const job *j = context;                                                                                      \
    const ember_grid_sampling *s = j->s;                                                                         \
    const int64_t item = chunk / j->channel_chunks, from = chunk % j->channel_chunks * CHANNELS_PER_CHUNK;       \
    const int64_t to = from + CHANNELS_PER_CHUNK < s->channels ? from + CHANNELS_PER_CHUNK : s->channels;        \
    const T *grid = (const T *)j->grid + item * s->points * s->rank, *dy = (const T *)j->dy + item * s->channels * s->points; \
    T *dx = (T *)j->out + item * s->channels * j->plane, weight[64];                                             \
    memset(dx + from * j->plane, 0, (size_t)((to - from) * j->plane) * sizeof(T));                               \
    int64_t at[64];                                                                                              \
    taps_##SUFFIX d[3];                                                                                          \
    for (int64_t p = 0; p < s->points; p++) {                                                                    \
      taps_of_point_##SUFFIX(s, grid + p * s->rank, d);                                                          \
      const int count = combine_##SUFFIX(s, d, -1, at, weight);                                                  \
      for (int64_t c = from; c < to; c++)                                                                        \
        for (int k = 0; k < count; k++) dx[c * j->plane + at[k]] += weight[k] * dy[c * s->points + p];           \
    }                                                                                                            \
  }
DEFINE_SAMPLING(float, f32, floorf, fmodf, nearbyintf)
DEFINE_SAMPLING(double, f64, floor, fmod, nearbyint)

static job make_job(const ember_grid_sampling *s) {
  return (job){.s = s, .plane = s->input[0] * s->input[1] * s->input[2],
               .point_chunks = (s->points + POINTS_PER_CHUNK - 1) / POINTS_PER_CHUNK,
               .channel_chunks = (s->channels + CHANNELS_PER_CHUNK - 1) / CHANNELS_PER_CHUNK};
}

void ember_grid_sample(int dtype, const ember_grid_sampling *s, const void *x, const void *grid, void *y) {
  job j = make_job(s);
  j.x = x, j.grid = grid, j.out = y;
  ember_parallel(s->batch * j.point_chunks, dtype == EMBER_FLOAT64 ? sample_f64 : sample_f32, &j);
}

void ember_grid_sample_backward_input(int dtype, const ember_grid_sampling *s, const void *dy, const void *grid, void *dx) {
  job j = make_job(s);
  j.dy = dy, j.grid = grid, j.out = dx;
  ember_parallel(s->batch * j.channel_chunks, dtype == EMBER_FLOAT64 ? backward_input_f64 : backward_input_f32, &j);
}

void ember_grid_sample_backward_grid(int dtype, const ember_grid_sampling *s, const void *dy, const void *x, const void *grid,
                                     void *dgrid) {
  job j = make_job(s);
  j.dy = dy, j.x = x, j.grid = grid, j.out = dgrid;
  ember_parallel(s->batch * j.point_chunks, dtype == EMBER_FLOAT64 ? backward_grid_f64 : backward_grid_f32, &j);
}
