// Orthogonal polynomials by their three-term recurrences, in float and in double.
#include <math.h>
#include <stdbool.h>
#include <stdint.h>

#include "special_functions.h"

// Recurrences of more steps would take seconds for one number, whose value would be lost on the way: NaN.
#define HIGHEST_DEGREE (INT64_C(1) << 28)

#define T float
#define NAME(name) name##f
#define LIBM(name) name##f
#define HERMITE_LIMIT 128
#include "bodies/orthogonal_polynomials.inc"

#define T double
#define NAME(name) name
#define LIBM(name) name
#define HERMITE_LIMIT 512
#include "bodies/orthogonal_polynomials.inc"
