// Softmax, normalisations and classification losses, one body for every element type.
#include "ember_normalization.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct {
  const void *in, *gradient;
  void *out;
  bool log;
  int64_t n, inner;
} softmax_job;

/// `rstd` of batch statistics holds the variance. `y` is the gradient of x in backward passes.
typedef struct {
  const void *x, *dy, *weight, *bias;
  void *y, *mean, *rstd, *dweight, *dbias;
  double epsilon;
  int64_t batch, channels, spatial, groups;
  bool rms, relu, training;
} norm_job;

typedef struct {
  const void *in, *weight, *gradient;
  const int64_t *targets;
  void *losses, *log_sum_exp, *out;
  int64_t classes, spatial, ignore, gradient_stride;
  double smoothing, scale;
  bool is_nll;
} loss_job;

static inline float bfloat_to_float(uint16_t bits) {
  union { uint32_t u; float f; } v = {.u = (uint32_t)bits << 16};
  return v.f;
}
static inline uint16_t float_to_bfloat(float value) {
  union { float f; uint32_t u; } v = {.f = value};
  if (value != value) return 0x7FC0;
  return (uint16_t)((v.u + 0x7FFF + ((v.u >> 16) & 1)) >> 16);
}
#define SAME(v) (v)

#define T float
#define S float
#define LOAD SAME
#define STORE SAME
#define NAME(f) f##_f32
#define EXP expf
#define LOG logf
#define SQRT sqrtf
#include "bodies/normalization.inc"

#define T double
#define S double
#define LOAD SAME
#define STORE SAME
#define NAME(f) f##_f64
#define EXP exp
#define LOG log
#define SQRT sqrt
#include "bodies/normalization.inc"

#define T _Float16
#define S float
#define LOAD (float)
#define STORE (_Float16)
#define NAME(f) f##_f16
#define EXP expf
#define LOG logf
#define SQRT sqrtf
#include "bodies/normalization.inc"

#define T uint16_t
#define S float
#define LOAD bfloat_to_float
#define STORE float_to_bfloat
#define NAME(f) f##_bf16
#define EXP expf
#define LOG logf
#define SQRT sqrtf
#include "bodies/normalization.inc"

typedef void (*body)(void *context, int64_t chunk);
#define PICK(dtype, f) ((dtype) == EMBER_FLOAT64 ? f##_f64 : (dtype) == EMBER_FLOAT16 ? f##_f16 : (dtype) == EMBER_BFLOAT16 ? f##_bf16 : f##_f32)

/// Many small rows are claimed together.
typedef struct {
  body f;
  void *context;
  int64_t rows, per_chunk;
} grouped;

static void run_group(void *context, int64_t chunk) {
  const grouped *g = context;
  int64_t end = (chunk + 1) * g->per_chunk < g->rows ? (chunk + 1) * g->per_chunk : g->rows;
  for (int64_t row = chunk * g->per_chunk; row < end; row++) g->f(g->context, row);
}

static void run(body f, void *context, int64_t rows, int64_t work) {
  if (rows <= 0) return;
  grouped g = {f, context, rows, 16384 / (work > 0 ? work : 1) + 1};
  ember_parallel((rows + g.per_chunk - 1) / g.per_chunk, run_group, &g);
}

void ember_softmax(int dtype, bool log, const void *in, void *out, int64_t outer, int64_t n, int64_t inner) {
  softmax_job j = {.in = in, .out = out, .log = log, .n = n, .inner = inner};
  run(PICK(dtype, softmax_row), &j, outer * inner, n);
}

void ember_softmax_backward(int dtype, bool log, const void *gradient, const void *output, void *result, int64_t outer, int64_t n, int64_t inner) {
  softmax_job j = {.in = output, .gradient = gradient, .out = result, .log = log, .n = n, .inner = inner};
  run(PICK(dtype, softmax_backward_row), &j, outer * inner, n);
}

static void normalize(int dtype, norm_job j) { run(PICK(dtype, group), &j, j.batch * j.groups, j.channels / (j.groups ? j.groups : 1) * j.spatial); }

static void normalize_backward(int dtype, norm_job j) {
  if (j.y) run(PICK(dtype, group_backward), &j, j.batch * j.groups, j.channels / (j.groups ? j.groups : 1) * j.spatial);
  if (j.dweight || j.dbias) run(PICK(dtype, channel_backward), &j, j.channels, j.batch * j.spatial);
}

void ember_layer_norm(int dtype, const void *x, const void *weight, const void *bias, double epsilon, void *y, void *mean, void *rstd, int64_t rows, int64_t n) {
  normalize(dtype, (norm_job){.x = x, .weight = weight, .bias = bias, .y = y, .mean = mean, .rstd = rstd, .epsilon = epsilon, .batch = rows, .channels = n, .spatial = 1, .groups = 1});
}

void ember_layer_norm_backward(int dtype, const void *dy, const void *x, const void *mean, const void *rstd, const void *weight, void *dx, void *dweight, void *dbias, int64_t rows, int64_t n) {
  normalize_backward(dtype, (norm_job){.x = x, .dy = dy, .weight = weight, .y = dx, .mean = (void *)(uintptr_t)mean, .rstd = (void *)(uintptr_t)rstd, .dweight = dweight, .dbias = dbias, .batch = rows, .channels = n, .spatial = 1, .groups = 1});
}

void ember_rms_norm(int dtype, const void *x, const void *weight, double epsilon, void *y, void *rstd, int64_t rows, int64_t n) {
  normalize(dtype, (norm_job){.x = x, .weight = weight, .y = y, .rstd = rstd, .epsilon = epsilon, .batch = rows, .channels = n, .spatial = 1, .groups = 1, .rms = true});
}

void ember_rms_norm_backward(int dtype, const void *dy, const void *x, const void *rstd, const void *weight, void *dx, void *dweight, int64_t rows, int64_t n) {
  normalize_backward(dtype, (norm_job){.x = x, .dy = dy, .weight = weight, .y = dx, .rstd = (void *)(uintptr_t)rstd, .dweight = dweight, .batch = rows, .channels = n, .spatial = 1, .groups = 1, .rms = true});
}

void ember_group_norm(int dtype, const void *x, const void *weight, const void *bias, double epsilon, void *y, void *mean, void *rstd, int64_t batch, int64_t channels, int64_t spatial, int64_t groups) {
  normalize(dtype, (norm_job){.x = x, .weight = weight, .bias = bias, .y = y, .mean = mean, .rstd = rstd, .epsilon = epsilon, .batch = batch, .channels = channels, .spatial = spatial, .groups = groups});
}

void ember_group_norm_backward(int dtype, const void *dy, const void *x, const void *mean, const void *rstd, const void *weight, void *dx, void *dweight, void *dbias, int64_t batch, int64_t channels, int64_t spatial, int64_t groups) {
  normalize_backward(dtype, (norm_job){.x = x, .dy = dy, .weight = weight, .y = dx, .mean = (void *)(uintptr_t)mean, .rstd = (void *)(uintptr_t)rstd, .dweight = dweight, .dbias = dbias, .batch = batch, .channels = channels, .spatial = spatial, .groups = groups});
}

void ember_batch_norm_statistics(int dtype, const void *x, void *mean, void *variance, int64_t batch, int64_t channels, int64_t spatial) {
  norm_job j = {.x = x, .mean = mean, .rstd = variance, .batch = batch, .channels = channels, .spatial = spatial};
  run(PICK(dtype, batch_statistics), &j, channels, batch * spatial);
}

void ember_batch_norm_apply(int dtype, const void *x, const void *mean, const void *rstd, const void *weight, const void *bias, void *y, int64_t batch, int64_t channels, int64_t spatial, bool relu) {
  norm_job j = {.x = x, .mean = (void *)(uintptr_t)mean, .rstd = (void *)(uintptr_t)rstd, .weight = weight, .bias = bias, .y = y, .channels = channels, .spatial = spatial, .relu = relu};
  run(PICK(dtype, batch_apply), &j, batch * channels, spatial);
}

void ember_batch_norm_backward(int dtype, const void *dy, const void *x, const void *mean, const void *rstd, const void *weight, void *dx, void *dweight, void *dbias, int64_t batch, int64_t channels, int64_t spatial, bool training) {
  norm_job j = {.x = x, .dy = dy, .mean = (void *)(uintptr_t)mean, .rstd = (void *)(uintptr_t)rstd, .weight = weight, .y = dx, .dweight = dweight, .dbias = dbias, .batch = batch, .channels = channels, .spatial = spatial, .training = training};
  run(PICK(dtype, batch_backward), &j, channels, batch * spatial);
}

static double weight_at(int dtype, const void *weight, int64_t i) {
  if (!weight) return 1;
  switch (dtype) {
    case EMBER_FLOAT64: return ((const double *)weight)[i];
    case EMBER_FLOAT16: return (double)((const _Float16 *)weight)[i];
    case EMBER_BFLOAT16: return bfloat_to_float(((const uint16_t *)weight)[i]);
    default: return ((const float *)weight)[i];
  }
}

static int64_t check_targets(int dtype, const loss_job *j, int64_t count, double *total) {
  int64_t bad = -1;
  double sum = 0;
  for (int64_t i = 0; i < count; i++) {
    int64_t t = j->targets[i];
    if (t == j->ignore) continue;
    if (t < 0 || t >= j->classes) {
      if (bad < 0) bad = i;
    } else {
      sum += weight_at(dtype, j->weight, t);
    }
  }
  if (total) *total = sum;
  return bad;
}

int64_t ember_cross_entropy_forward(int dtype, const void *logits, const int64_t *targets, const void *weight, int64_t ignore_index, double label_smoothing, void *losses, void *log_sum_exp, double *total_weight, int64_t batch, int64_t classes, int64_t spatial) {
  loss_job j = {.in = logits, .targets = targets, .weight = weight, .ignore = ignore_index, .smoothing = label_smoothing, .losses = losses, .log_sum_exp = log_sum_exp, .classes = classes, .spatial = spatial};
  run(PICK(dtype, entropy), &j, batch * spatial, classes);
  return check_targets(dtype, &j, batch * spatial, total_weight);
}

void ember_cross_entropy_backward(int dtype, const void *gradient, int64_t gradient_stride, double scale, const void *logits, const int64_t *targets, const void *weight, int64_t ignore_index, double label_smoothing, const void *log_sum_exp, void *logits_gradient, int64_t batch, int64_t classes, int64_t spatial) {
  loss_job j = {.in = logits, .gradient = gradient, .gradient_stride = gradient_stride, .scale = scale, .targets = targets, .weight = weight, .ignore = ignore_index, .smoothing = label_smoothing, .log_sum_exp = (void *)(uintptr_t)log_sum_exp, .out = logits_gradient, .classes = classes, .spatial = spatial};
  run(PICK(dtype, entropy_backward), &j, batch * spatial, classes);
}

int64_t ember_nll_loss_forward(int dtype, const void *log_probabilities, const int64_t *targets, const void *weight, int64_t ignore_index, void *losses, double *total_weight, int64_t batch, int64_t classes, int64_t spatial) {
  loss_job j = {.in = log_probabilities, .targets = targets, .weight = weight, .ignore = ignore_index, .losses = losses, .classes = classes, .spatial = spatial, .is_nll = true};
  run(PICK(dtype, entropy), &j, batch * spatial, 1);
  return check_targets(dtype, &j, batch * spatial, total_weight);
}

void ember_nll_loss_backward(int dtype, const void *gradient, int64_t gradient_stride, double scale, const int64_t *targets, const void *weight, int64_t ignore_index, void *input_gradient, int64_t batch, int64_t classes, int64_t spatial) {
  loss_job j = {.gradient = gradient, .gradient_stride = gradient_stride, .scale = scale, .targets = targets, .weight = weight, .ignore = ignore_index, .out = input_gradient, .classes = classes, .spatial = spatial, .is_nll = true};
  run(PICK(dtype, entropy_backward), &j, batch * spatial, classes);
}
