// What attention.c (blocks, products) and the loops over rows per instruction set share.
#ifndef EMBER_ATTENTION_INTERNAL_H
#define EMBER_ATTENTION_INTERNAL_H

#include "ember_attention.h"
#include "gemm_internal.h"

/// A block of scores: `rows` queries from `query` on by `columns` keys from `key` on, row i at scores[i * stride].
typedef struct {
  const ember_attention *attention;
  int64_t head, query, rows, key, columns;
  float *scores;
  int64_t stride;
} attention_block;

typedef struct {
  /// Scores become weights relative to the rows' maxima so far. `maxima` and `sums` are brought up to date, and the rows of `y`
  /// scaled accordingly. Keys that a query does not see get the weight 0.
  void (*weights)(const attention_block *block, float *maxima, float *sums, float *y);
  /// y = y / sum, and logarithms = maximum + log sum.
  void (*finish)(const ember_attention *attention, int64_t rows, const float *maxima, const float *sums, float *y, float *logarithms);
  /// Scores become weights p, and the gradients of the weights those of the scores: p (g - products of the row).
  void (*gradients)(const attention_block *block, const float *logarithms, const float *products, float *gradient);
  /// products[i] = Σ a[i][j] b[i][j] over rows of `width`.
  void (*row_products)(const float *a, const float *b, int64_t rows, int64_t width, float *products);
  /// out = the sum of `parts` arrays of `count` elements, one after the other.
  void (*add_parts)(const float *parts, int64_t count, int64_t from, int64_t to, int64_t number, float *out);
} attention_kernels;

/// The scalar build has none: it computes by the definition.
EMBER_DECLARE_FOR_EACH_ISA(const attention_kernels, attention_kernels);

void attention_reference_forward(const ember_attention *attention, float *y, float *logarithms);
void attention_reference_backward(const ember_attention *attention, const float *dy, float *dq, float *dk, float *dv);

static inline const float *attention_mask_row(const ember_attention *a, int64_t head, int64_t query) {
  return a->mask ? a->mask + a->mask_offsets[head] + query * a->mask_row : NULL;
}
/// How many of the keys a query sees, by position.
static inline int64_t attention_visible(const ember_attention *a, int64_t query) {
  return a->causal && query + 1 < a->keys ? query + 1 : a->keys;
}

#endif
