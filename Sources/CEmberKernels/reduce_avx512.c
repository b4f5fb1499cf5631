// Reductions with AVX-512.
#if defined(__x86_64__)
#include "elements.h"
#include "reduce_internal.h"

#define VECTOR_BYTES 64
#define REDUCE_KERNELS reduce_kernels_avx512
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c,bmi,bmi2"))), apply_to = function)
#include "bodies/reduce.inc"
#pragma clang attribute pop
#endif
