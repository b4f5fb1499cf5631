// One line at a time.
#include <string.h>

#include "fft_plan.h"

#define LANES 1
#define R float
#define T float
#define NAME(x) float_##x
#define float_lines ember_fft_line_float
#include "bodies/lines.inc"
#undef R
#undef T
#undef NAME

#define R double
#define T double
#define NAME(x) double_##x
#define double_lines ember_fft_line_double
#include "bodies/lines.inc"
