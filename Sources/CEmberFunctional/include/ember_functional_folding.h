// Sliding windows as columns, and columns added up again.
#ifndef EMBER_FUNCTIONAL_FOLDING_H
#define EMBER_FUNCTIONAL_FOLDING_H

#include <stdint.h>

/// Windows over planes of two dimensions. `blocks`: how many window positions there are in each.
typedef struct {
  int64_t planes, image[2], blocks[2], kernel[2], stride[2], padding[2], dilation[2];
} ember_folding;

/// columns [planes, kernel, blocks] from images [planes, image]; elements of any kind, `size` bytes each: 1, 2, 4, 8 or 16. Padding is 0.
void ember_unfold(int64_t size, const ember_folding *folding, const void *images, void *columns);
/// The transpose: adds each element of the columns to where it came from. `dtype`: float32, float64, complex64 or complex128.
void ember_fold(int dtype, const ember_folding *folding, const void *columns, void *images);

#endif
