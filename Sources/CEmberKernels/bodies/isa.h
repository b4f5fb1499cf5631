// Included first, outside any target attribute, by the files that build a kernel body for one instruction set:
//
//   #include "bodies/isa.h"
//   #define EMBER_BUILD_ISA EMBER_BUILD_AVX2
//   EMBER_BEGIN_AVX2
//   #include "bodies/<subject>.inc"      // includes simd.h
//   EMBER_END
//
// System headers come from here because under the attribute their inline functions would be built for the wrong target.
#ifndef EMBER_BODIES_ISA_H
#define EMBER_BODIES_ISA_H

#include <complex.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

// complex.h takes this name away from loop bounds and enumerations.
#undef I

#include "ember_kernels_types.h"

// Results of at least this many bytes are stored past the cache, which they would only flush.
#define EMBER_STREAMED_BYTES (8 << 20)

// The values of ember_isa, which the preprocessor cannot see. The baseline is what every machine has: SSE2 on x86-64, NEON on arm64.
#define EMBER_BUILD_SCALAR 0
#define EMBER_BUILD_BASELINE 1
#define EMBER_BUILD_AVX2 2
#define EMBER_BUILD_AVX512 3

// The instruction sets that this target architecture builds besides scalar and baseline.
#if defined(__x86_64__)
#define EMBER_X86_ISAS 1
#endif

// dispatch.c checks for exactly these features.
// Scalar and baseline need no features: an empty region, so that EMBER_END fits all.
#define EMBER_BEGIN_SCALAR _Pragma("clang attribute push")
#define EMBER_BEGIN_BASELINE EMBER_BEGIN_SCALAR
#define EMBER_BEGIN_AVX2 \
  _Pragma("clang attribute push(__attribute__((target(\"avx2,fma,f16c,bmi,bmi2\"))), apply_to=function)")
// avx512f implies avx2, fma and f16c.
#define EMBER_BEGIN_AVX512 \
  _Pragma("clang attribute push(__attribute__((target(\"avx512f,avx512bw,avx512dq,avx512vl,avx512cd,bmi,bmi2\"))), apply_to=function)")
#define EMBER_END _Pragma("clang attribute pop")

// Declares a symbol once per instruction set, and picks from them:
//   EMBER_DECLARE_FOR_EACH_ISA(const table, my_table)  ->  extern const table my_table_scalar, …;
//   &EMBER_ISA_PICK(my_table, ember_isa_current())
#if EMBER_X86_ISAS
#define EMBER_DECLARE_FOR_EACH_ISA(type, name) extern type name##_scalar, name##_baseline, name##_avx2, name##_avx512
#define EMBER_ISA_PICK(name, isa)                                                                        \
  (*((isa) == EMBER_ISA_AVX512 ? &name##_avx512                                                         \
                               : (isa) == EMBER_ISA_AVX2 ? &name##_avx2                                 \
                                                         : (isa) == EMBER_ISA_SCALAR ? &name##_scalar : &name##_baseline))
#else
#define EMBER_DECLARE_FOR_EACH_ISA(type, name) extern type name##_scalar, name##_baseline
#define EMBER_ISA_PICK(name, isa) (*((isa) == EMBER_ISA_SCALAR ? &name##_scalar : &name##_baseline))
#endif

#endif
