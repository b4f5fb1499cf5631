// Tables with an entry for each of float16, bfloat16, float32 and float64. Private to this target.
#ifndef EMBER_FLOATING_DTYPES_H
#define EMBER_FLOATING_DTYPES_H

#include "elements.h"

/// The four dtypes follow each other.
enum { FLOATING_DTYPES = EMBER_FLOAT64 - EMBER_FLOAT16 + 1 };

static inline int floating_index(int dtype) { return dtype - EMBER_FLOAT16; }

/// The dtype of means, reciprocal deviations and losses of tensors of a dtype.
static inline int floating_statistics(int dtype) { return dtype == EMBER_FLOAT64 ? EMBER_FLOAT64 : EMBER_FLOAT32; }

#endif
