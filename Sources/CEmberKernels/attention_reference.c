// Attention by its definition, in double and one query at a time: what the blocked loops are tested against.
#include "attention_internal.h"
#include "ember_allocator.h"

typedef struct {
  const ember_attention *attention;
  const float *dy;
  float *y, *logarithms, *dq, *dk, *dv;
} reference_job;

/// The weights of one query; the logarithm of the sum of exponentials.
static double weights_of(const ember_attention *a, int64_t head, int64_t query, double *weights) {
  const float *q = a->q + a->q_offsets[head] + query * a->q_row, *mask = attention_mask_row(a, head, query);
  const int64_t count = attention_visible(a, query);
  double most = -INFINITY, sum = 0;
  for (int64_t j = 0; j < count; j++) {
    const float *k = a->k + a->k_offsets[head] + j * a->k_row;
    double score = 0;
    for (int64_t f = 0; f < a->features; f++) score += (double)q[f] * (double)k[f];
    weights[j] = score * a->scale + (mask ? (double)mask[j * a->mask_column] : 0);
    if (weights[j] > most || weights[j] != weights[j]) most = weights[j];
  }
  for (int64_t j = 0; j < count; j++) sum += weights[j] = most == -INFINITY && a->mask ? 0 : exp(weights[j] - most);
  for (int64_t j = 0; j < count; j++) weights[j] = sum == 0 && a->mask ? 0 : weights[j] / sum;
  return most + log(sum);
}

static void forward_head(void *context, int64_t head) {
  const reference_job *job = context;
  const ember_attention *a = job->attention;
  const size_t bytes = (size_t)a->keys * sizeof(double);
  double *weights = ember_scratch(bytes);
  if (!weights) return;
  for (int64_t i = 0; i < a->queries; i++) {
    job->logarithms[head * a->queries + i] = (float)weights_of(a, head, i, weights);
    for (int64_t f = 0; f < a->values; f++) {
      double sum = 0;
      for (int64_t j = 0; j < attention_visible(a, i); j++)
        sum += weights[j] * (double)a->v[a->v_offsets[head] + j * a->v_row + f];
      job->y[(head * a->queries + i) * a->values + f] = (float)sum;
    }
  }
  ember_deallocate(weights, bytes);
}

static void backward_head(void *context, int64_t head) {
  const reference_job *job = context;
  const ember_attention *a = job->attention;
  const int64_t keys = a->keys, count = 2 * keys + keys * (a->features + a->values) + a->features;
  const size_t bytes = (size_t)count * sizeof(double);
  double *weights = ember_scratch(bytes);
  if (!weights) return;
  memset(weights, 0, bytes);
  double *gradients = weights + keys, *dk = gradients + keys, *dv = dk + keys * a->features, *dq = dv + keys * a->values;
  const float *k = a->k + a->k_offsets[head], *v = a->v + a->v_offsets[head];
  for (int64_t i = 0; i < a->queries; i++) {
    const float *dy = job->dy + (head * a->queries + i) * a->values, *q = a->q + a->q_offsets[head] + i * a->q_row;
    const int64_t seen = attention_visible(a, i);
    weights_of(a, head, i, weights);
    double product = 0;
    for (int64_t j = 0; j < seen; j++) {
      gradients[j] = 0;
      for (int64_t f = 0; f < a->values; f++) {
        gradients[j] += (double)dy[f] * (double)v[j * a->v_row + f];
        dv[j * a->values + f] += weights[j] * (double)dy[f];
      }
      product += weights[j] * gradients[j];
    }
    for (int64_t f = 0; f < a->features; f++) dq[f] = 0;
    for (int64_t j = 0; j < seen; j++) {
      const double g = weights[j] * (gradients[j] - product) * a->scale;
      for (int64_t f = 0; f < a->features; f++) {
        dq[f] += g * (double)k[j * a->k_row + f];
        dk[j * a->features + f] += g * (double)q[f];
      }
    }
    for (int64_t f = 0; f < a->features; f++) job->dq[(head * a->queries + i) * a->features + f] = (float)dq[f];
  }
  for (int64_t i = 0; i < keys * a->features; i++) job->dk[head * keys * a->features + i] = (float)dk[i];
  for (int64_t i = 0; i < keys * a->values; i++) job->dv[head * keys * a->values + i] = (float)dv[i];
  ember_deallocate(weights, bytes);
}

void attention_reference_forward(const ember_attention *attention, float *y, float *logarithms) {
  reference_job job = {.attention = attention, .y = y, .logarithms = logarithms};
  ember_parallel(attention->heads, forward_head, &job);
}

void attention_reference_backward(const ember_attention *attention, const float *dy, float *dq, float *dk, float *dv) {
  reference_job job = {.attention = attention, .dy = dy, .dq = dq, .dk = dk, .dv = dv};
  ember_parallel(attention->heads, backward_head, &job);
}
