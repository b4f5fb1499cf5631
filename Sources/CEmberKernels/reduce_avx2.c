// Reductions with AVX2.
#if defined(__x86_64__)
#include "elements.h"
#include "reduce_internal.h"

#define VECTOR_BYTES 32
#define REDUCE_KERNELS reduce_kernels_avx2
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c,bmi,bmi2"))), apply_to = function)
#include "bodies/reduce.inc"
#pragma clang attribute pop
#endif
