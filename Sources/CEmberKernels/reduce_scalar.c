// Reductions, the plain reference loops.
#include "elements.h"
#include "reduce_internal.h"

#define EMBER_SCALAR
#define REDUCE_KERNELS reduce_kernels_scalar
#include "bodies/reduce.inc"
