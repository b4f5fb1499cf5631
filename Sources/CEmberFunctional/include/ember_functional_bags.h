// Sums, means and maxima of bags of rows of a table.
#ifndef EMBER_FUNCTIONAL_BAGS_H
#define EMBER_FUNCTIONAL_BAGS_H

#include <stdint.h>

typedef enum { EMBER_BAG_SUM = 0, EMBER_BAG_MEAN = 1, EMBER_BAG_MAXIMUM = 2 } ember_bag_mode;

/// y[b] gathers the rows table[indices[i]] for offsets[b] <= i < offsets[b + 1], without those of index `padding`, each times weights[i]
/// if given. Empty bags yield 0. `dtype` is a floating type; 16-bit ones accumulate in float32. For maxima, winners [bags, features] gets
/// the rows' numbers (-1 in empty bags). Indices and offsets must have been checked.
void ember_embedding_bag(int dtype, const void *table, const int64_t *indices, const int64_t *offsets, const void *weights, int64_t padding,
                         int mode, void *y, int64_t *winners, int64_t bags, int64_t features);

#endif
