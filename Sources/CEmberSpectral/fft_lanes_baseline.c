// Several lines in the lanes of vectors.
#include <string.h>

#include "fft_plan.h"


typedef float float_vector __attribute__((vector_size(4 * FFT_LANES_FLOAT)));
typedef double double_vector __attribute__((vector_size(8 * FFT_LANES_DOUBLE)));

#define R float
#define T float_vector
#define LANES FFT_LANES_FLOAT
#define NAME(x) float_##x
#define float_lines ember_fft_lanes_float_baseline
#include "bodies/lines.inc"
#undef R
#undef T
#undef LANES
#undef NAME

#define R double
#define T double_vector
#define LANES FFT_LANES_DOUBLE
#define NAME(x) double_##x
#define double_lines ember_fft_lanes_double_baseline
#include "bodies/lines.inc"

