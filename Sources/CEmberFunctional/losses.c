// Connectionist temporal classification (Graves et al., ICML 2006) and the multi-label margin loss.
#include "ember_functional_losses.h"

#include "CEmberKernels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  const ember_ctc *ctc;
  const void *log_probs, *dy, *losses, *alpha;
  void *out, *alpha_out;
  bool zero_infinity;
} ctc_job;

/// The label at position s of the targets with blanks between, before and after them.
static inline int64_t label_at(const ember_ctc *c, int64_t item, int64_t s) {
  return s % 2 == 0 ? c->blank : c->targets[c->target_offsets[item] + s / 2];
}

#define DEFINE_CTC(T, SUFFIX, EXP, LOG)                                                                          \
  static T log_sum_##SUFFIX(T a, T b, T c) {                                                                     \
    T most = a > b ? a : b;                                                                                      \
    if (c > most) most = c;                                                                                      \
    if (most == -INFINITY) most = 0;                                                                             \
    return LOG(EXP(a - most) + EXP(b - most) + EXP(c - most)) + most;                                            \
  }                                                                                                              \
  static void ctc_forward_##SUFFIX(void *context, int64_t item) {                                                \
    const ctc_job *j = context;                                                                                  \
    const ember_ctc *c = j->ctc;                                                                                 \
    const int64_t width = 2 * c->longest + 1, states = 2 * c->target_lengths[item] + 1, time = c->input_lengths[item]; \
    const int64_t step = c->batch * c->classes;                                                                  \
    const T *x = (const T *)j->log_probs + item * c->classes;                                                    \
    T *alpha = (T *)j->alpha_out + item * c->time * width, *loss = (T *)j->out + item;                           \
    for (int64_t i = 0; i < c->time * width; i++) alpha[i] = -INFINITY;                                          \
    if (time == 0) {                                                                                             \
      *loss = states == 1 ? 0 : INFINITY;                                                                        \
      return;                                                                                                    \
    }                                                                                                            \
    alpha[0] = x[c->blank];                                                                                      \
    if (states > 1) alpha[1] = x[label_at(c, item, 1)];                                                          \
    for (int64_t t = 1; t < time; t++) {                                                                         \
      const T *before = alpha + (t - 1) * width;                                                                 \
      for (int64_t s = 0; s < states; s++) {                                                                     \
        int64_t label = label_at(c, item, s);                                                                    \
        T one = s > 0 ? before[s - 1] : -INFINITY;                                                               \
        T two = s > 1 && label_at(c, item, s - 2) != label ? before[s - 2] : -INFINITY;                          \
        alpha[t * width + s] = log_sum_##SUFFIX(before[s], one, two) + x[t * step + label];                      \
      }                                                                                                          \
    }                                                                                                            \
    const T *last = alpha + (time - 1) * width;                                                                  \
    *loss = -log_sum_##SUFFIX(last[states - 1], states > 1 ? last[states - 2] : -INFINITY, -INFINITY);           \
  }                                                                                                              \
  static void ctc_backward_##SUFFIX(void *context, int64_t item) {                                               \
    const ctc_job *j = context;                                                                                  \
    const ember_ctc *c = j->ctc;                                                                                 \
    const int64_t width = 2 * c->longest + 1, states = 2 * c->target_lengths[item] + 1, time = c->input_lengths[item]; \
    const int64_t step = c->batch * c->classes;                                                                  \
    const T *x = (const T *)j->log_probs + item * c->classes, *alpha = (const T *)j->alpha + item * c->time * width; \
    T *dx = (T *)j->out + item * c->classes;                                                                     \
    const T loss = ((const T *)j->losses)[item], dy = ((const T *)j->dy)[item];                                  \
    const bool is_skipped = j->zero_infinity && isinf(loss);                                                     \
    for (int64_t t = 0; t < c->time; t++)                                                                        \
      for (int64_t k = 0; k < c->classes; k++) dx[t * step + k] = t < time && !is_skipped ? -INFINITY : 0;       \
    if (is_skipped || time == 0) return;                                                                         \
    /* beta of the next and of the present step, exchanged as time runs back. */                                 \
    size_t bytes = (size_t)(2 * states) * sizeof(T);                                                             \
    T *scratch = ember_allocate(bytes);                                                                          \
    if (!scratch) abort();                                                                                       \
    T *next = scratch, *beta = scratch + states;                                                                 \
    for (int64_t t = time - 1; t >= 0; t--) {                                                                    \
      for (int64_t s = states - 1; s >= 0; s--) {                                                                \
        int64_t label = label_at(c, item, s);                                                                    \
        T p = x[t * step + label];                                                                               \
        if (t == time - 1) {                                                                                     \
          beta[s] = s >= states - 2 ? p : -INFINITY;                                                             \
        } else {                                                                                                 \
          T one = s < states - 1 ? next[s + 1] : -INFINITY;                                                      \
          T two = s < states - 2 && label_at(c, item, s + 2) != label ? next[s + 2] : -INFINITY;                 \
          beta[s] = log_sum_##SUFFIX(next[s], one, two) + p;                                                     \
        }                                                                                                        \
        T *sum = dx + t * step + label;                                                                          \
        *sum = log_sum_##SUFFIX(*sum, alpha[t * width + s] + beta[s], -INFINITY);                                \
      }                                                                                                          \
      T *exchanged = next;                                                                                       \
      next = beta;                                                                                               \
      beta = exchanged;                                                                                          \
      for (int64_t k = 0; k < c->classes; k++) {                                                                 \
        T p = x[t * step + k];                                                                                   \
        dx[t * step + k] = (EXP(p) - EXP(dx[t * step + k] + loss - p)) * dy;                                     \
      }                                                                                                          \
    }                                                                                                            \
    ember_deallocate(scratch, bytes);                                                                            \
  }
DEFINE_CTC(float, f32, expf, logf)
DEFINE_CTC(double, f64, exp, log)

void ember_ctc_loss(int dtype, const ember_ctc *ctc, const void *log_probs, void *losses, void *alpha) {
  ctc_job j = {.ctc = ctc, .log_probs = log_probs, .out = losses, .alpha_out = alpha};
  ember_parallel(ctc->batch, dtype == EMBER_FLOAT64 ? ctc_forward_f64 : ctc_forward_f32, &j);
}

void ember_ctc_loss_backward(int dtype, const ember_ctc *ctc, const void *dy, const void *log_probs, const void *losses, const void *alpha,
                             void *dx, bool zero_infinity) {
  ctc_job j = {.ctc = ctc, .log_probs = log_probs, .dy = dy, .losses = losses, .alpha = alpha, .out = dx, .zero_infinity = zero_infinity};
  ember_parallel(ctc->batch, dtype == EMBER_FLOAT64 ? ctc_backward_f64 : ctc_backward_f32, &j);
}

typedef struct {
  const void *x, *dy;
  const int64_t *targets;
  void *out;
  int64_t classes;
} margin_job;

/// Marks the targets of a row and returns how many there are.
static int64_t mark_targets(const int64_t *targets, int64_t classes, uint8_t *is_target) {
  memset(is_target, 0, (size_t)classes);
  int64_t count = 0;
  while (count < classes && targets[count] >= 0) is_target[targets[count++]] = 1;
  return count;
}

#define DEFINE_MARGIN(T, SUFFIX)                                                                                 \
  static void margin_##SUFFIX(void *context, int64_t row) {                                                      \
    const margin_job *j = context;                                                                               \
    const int64_t n = j->classes, *targets = j->targets + row * n;                                               \
    const T *x = (const T *)j->x + row * n;                                                                      \
    uint8_t *is_target = ember_allocate((size_t)n);                                                              \
    if (!is_target) abort();                                                                                     \
    int64_t count = mark_targets(targets, n, is_target);                                                         \
    T sum = 0;                                                                                                   \
    for (int64_t t = 0; t < count; t++) {                                                                        \
      T best = 1 - x[targets[t]];                                                                                \
      for (int64_t i = 0; i < n; i++) {                                                                          \
        T z = best + x[i];                                                                                       \
        if (!is_target[i] && z > 0) sum += z;                                                                    \
      }                                                                                                          \
    }                                                                                                            \
    ((T *)j->out)[row] = sum / (T)n;                                                                             \
    ember_deallocate(is_target, (size_t)n);                                                                      \
  }                                                                                                              \
  static void margin_backward_##SUFFIX(void *context, int64_t row) {                                             \
    const margin_job *j = context;                                                                               \
    const int64_t n = j->classes, *targets = j->targets + row * n;                                               \
    const T *x = (const T *)j->x + row * n, share = ((const T *)j->dy)[row] / (T)n;                              \
    T *dx = (T *)j->out + row * n;                                                                               \
    memset(dx, 0, (size_t)n * sizeof(T));                                                                        \
    uint8_t *is_target = ember_allocate((size_t)n);                                                              \
    if (!is_target) abort();                                                                                     \
    int64_t count = mark_targets(targets, n, is_target);                                                         \
    for (int64_t t = 0; t < count; t++)                                                                          \
      for (int64_t i = 0; i < n; i++)                                                                            \
        if (!is_target[i] && 1 - x[targets[t]] + x[i] > 0) dx[i] += share, dx[targets[t]] -= share;              \
    ember_deallocate(is_target, (size_t)n);                                                                      \
  }
DEFINE_MARGIN(float, f32)
DEFINE_MARGIN(double, f64)

bool ember_multilabel_margin(int dtype, const void *x, const int64_t *targets, void *y, int64_t rows, int64_t classes) {
  for (int64_t i = 0; i < rows * classes; i++)
    if (targets[i] < -1 || targets[i] >= classes) return false;
  margin_job j = {.x = x, .targets = targets, .out = y, .classes = classes};
  ember_parallel(rows, dtype == EMBER_FLOAT64 ? margin_f64 : margin_f32, &j);
  return true;
}

void ember_multilabel_margin_backward(int dtype, const void *dy, const void *x, const int64_t *targets, void *dx, int64_t rows,
                                     int64_t classes) {
  margin_job j = {.x = x, .dy = dy, .targets = targets, .out = dx, .classes = classes};
  ember_parallel(rows, dtype == EMBER_FLOAT64 ? margin_backward_f64 : margin_backward_f32, &j);
}
