// Reductions with 16-byte vectors, which every 64-bit machine has.
#include "elements.h"
#include "reduce_internal.h"

#define VECTOR_BYTES 16
#define REDUCE_KERNELS reduce_kernels_baseline
#include "bodies/reduce.inc"
