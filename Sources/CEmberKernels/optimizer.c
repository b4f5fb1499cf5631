// Optimiser steps: one pass over each tensor, in fixed chunks.
#include "ember_optimizer.h"

#include <math.h>
#include <stdlib.h>

#include "ember_allocator.h"
#include "ember_copy.h"

enum { CHUNK = 16384 };

typedef struct {
  int64_t count;
  void *p, *m, *v, *x;
  const void *g;
  const ember_sgd_options *sgd;
  const ember_adam_options *adam;
} step;

#define DEFINE_STEPS(T, SUFFIX, SQRT, MAXIMUM)                                                                          \
  static void sgd_##SUFFIX(void *context, int64_t chunk) {                                                             \
    const step *s = context;                                                                                           \
    const ember_sgd_options *o = s->sgd;                                                                               \
    int64_t end = (chunk + 1) * CHUNK < s->count ? (chunk + 1) * CHUNK : s->count;                                     \
    T *p = s->p, *m = s->m;                                                                                            \
    const T *g = s->g;                                                                                                 \
    T rate = (T)o->learning_rate, momentum = (T)o->momentum, keep = (T)(1 - o->dampening), decay = (T)o->weight_decay; \
    T sign = o->maximize ? -1 : 1;                                                                                     \
    for (int64_t i = chunk * CHUNK; i < end; i++) {                                                                    \
      T d = sign * g[i] + decay * p[i];                                                                                \
      if (m) {                                                                                                         \
        m[i] = o->first_step ? d : momentum * m[i] + keep * d;                                                         \
        d = o->nesterov ? d + momentum * m[i] : m[i];                                                                  \
      }                                                                                                                \
      p[i] -= rate * d;                                                                                                \
    }                                                                                                                  \
  }                                                                                                                    \
  static void adam_##SUFFIX(void *context, int64_t chunk) {                                                            \
    const step *s = context;                                                                                           \
    const ember_adam_options *o = s->adam;                                                                             \
    int64_t end = (chunk + 1) * CHUNK < s->count ? (chunk + 1) * CHUNK : s->count;                                     \
    T *p = s->p, *m = s->m, *v = s->v, *x = s->x;                                                                      \
    const T *g = s->g;                                                                                                 \
    T b1 = (T)(1 - o->beta1), b2 = (T)o->beta2, c2 = (T)(1 - o->beta2), eps = (T)o->epsilon;                           \
    T rate = (T)(o->learning_rate / o->bias_correction1), root = (T)sqrt(o->bias_correction2);                         \
    T shrink = (T)(o->decoupled ? 1 - o->learning_rate * o->weight_decay : 1), sign = o->maximize ? -1 : 1;            \
    T decay = (T)(o->decoupled ? 0 : o->weight_decay);                                                                 \
    for (int64_t i = chunk * CHUNK; i < end; i++) {                                                                    \
      T value = p[i] * shrink, d = sign * g[i] + decay * value;                                                        \
      m[i] = m[i] + (d - m[i]) * b1;                                                                                   \
      v[i] = v[i] * b2 + c2 * d * d;                                                                                   \
      T square = v[i];                                                                                                 \
      if (x) square = x[i] = MAXIMUM(x[i], square);                                                                    \
      p[i] = value - rate * m[i] / (SQRT(square) / root + eps);                                                        \
    }                                                                                                                  \
  }

DEFINE_STEPS(float, f32, sqrtf, fmaxf)
DEFINE_STEPS(double, f64, sqrt, fmax)

static int64_t chunks(int64_t count) { return (count + CHUNK - 1) / CHUNK; }

/// 16-bit tensors are converted, stepped and converted back.
static float *load(int dtype, const void *data, int64_t count) {
  if (!data) return NULL;
  float *copy = ember_allocate((size_t)count * 4 + 4);
  if (!copy) abort();
  int64_t one = 1;
  if (count) ember_copy(EMBER_FLOAT32, copy, &one, dtype, data, &one, 1, &count);
  return copy;
}

static void unload(int dtype, void *data, float *copy, int64_t count, bool write) {
  if (!copy) return;
  int64_t one = 1;
  if (write && count) ember_copy(dtype, data, &one, EMBER_FLOAT32, copy, &one, 1, &count);
  ember_deallocate(copy, (size_t)count * 4 + 4);
}

static void run(int dtype, step s, bool adam) {
  if (dtype == EMBER_FLOAT64) {
    ember_parallel(chunks(s.count), adam ? adam_f64 : sgd_f64, &s);
  } else if (dtype == EMBER_FLOAT32) {
    ember_parallel(chunks(s.count), adam ? adam_f32 : sgd_f32, &s);
  } else {
    step f = s;
    f.p = load(dtype, s.p, s.count);
    f.m = load(dtype, s.m, s.count);
    f.v = load(dtype, s.v, s.count);
    f.x = load(dtype, s.x, s.count);
    float *g = load(dtype, s.g, s.count);
    f.g = g;
    ember_parallel(chunks(s.count), adam ? adam_f32 : sgd_f32, &f);
    unload(dtype, s.p, f.p, s.count, true);
    unload(dtype, s.m, f.m, s.count, true);
    unload(dtype, s.v, f.v, s.count, true);
    unload(dtype, s.x, f.x, s.count, true);
    unload(dtype, NULL, g, s.count, false);
  }
}

void ember_sgd_step(int dtype, int64_t tensors, const int64_t *counts, void *const *parameters, const void *const *gradients,
                    void *const *momentum_buffers, const ember_sgd_options *options) {
  for (int64_t t = 0; t < tensors; t++) {
    step s = {.count = counts[t], .p = parameters[t], .g = gradients[t], .m = momentum_buffers ? momentum_buffers[t] : NULL, .sgd = options};
    run(dtype, s, false);
  }
}

void ember_adam_step(int dtype, int64_t tensors, const int64_t *counts, void *const *parameters, const void *const *gradients,
                     void *const *averages, void *const *squares, void *const *largest_squares, const ember_adam_options *options) {
  for (int64_t t = 0; t < tensors; t++) {
    step s = {.count = counts[t], .p = parameters[t], .g = gradients[t], .m = averages[t], .v = squares[t],
              .x = largest_squares ? largest_squares[t] : NULL, .adam = options};
    run(dtype, s, true);
  }
}

void ember_scale_list(int dtype, int64_t tensors, const int64_t *counts, void *const *values, double factor) {
  for (int64_t t = 0; t < tensors; t++) {
    if (dtype == EMBER_FLOAT64) {
      for (int64_t i = 0; i < counts[t]; i++) ((double *)values[t])[i] *= factor;
    } else if (dtype == EMBER_FLOAT32) {
      for (int64_t i = 0; i < counts[t]; i++) ((float *)values[t])[i] *= (float)factor;
    } else {
      float *copy = load(dtype, values[t], counts[t]);
      for (int64_t i = 0; i < counts[t]; i++) copy[i] *= (float)factor;
      unload(dtype, values[t], copy, counts[t], true);
    }
  }
}

double ember_sum_of_squares_list(int dtype, int64_t tensors, const int64_t *counts, const void *const *values, double *squares) {
  double total = 0;
  for (int64_t t = 0; t < tensors; t++) {
    double sum = 0;
    if (dtype == EMBER_FLOAT64) {
      for (int64_t i = 0; i < counts[t]; i++) sum += ((const double *)values[t])[i] * ((const double *)values[t])[i];
    } else {
      float *copy = dtype == EMBER_FLOAT32 ? NULL : load(dtype, values[t], counts[t]);
      const float *v = copy ? copy : values[t];
      for (int64_t i = 0; i < counts[t]; i++) sum += (double)v[i] * v[i];
      unload(dtype, NULL, copy, counts[t], false);
    }
    if (squares) squares[t] = sum;
    total += sum;
  }
  return total;
}
