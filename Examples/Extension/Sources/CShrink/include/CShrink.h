#ifndef CSHRINK_H
#define CSHRINK_H

#include <stdint.h>

/// y = sign(x) · max(|x| - threshold, 0), element by element.
void shrink_f32(const void *x, void *y, int64_t count, double threshold);
void shrink_f64(const void *x, void *y, int64_t count, double threshold);

#endif
