#include "CShrink.h"

#define SHRINK(name, type)                                                      \
  void name(const void *x, void *y, int64_t count, double threshold) {          \
    const type *in = x, limit = (type)threshold;                                \
    type *out = y;                                                              \
    for (int64_t i = 0; i < count; i++) {                                       \
      out[i] = in[i] > limit ? in[i] - limit : in[i] < -limit ? in[i] + limit : 0 * in[i]; \
    }                                                                           \
  }

// Zero times the element keeps NaN.
SHRINK(shrink_f32, float)
SHRINK(shrink_f64, double)
