// Types that every kernel family shares: stored element types, computing types, scalars, chunked parallel loops.
#ifndef EMBER_KERNELS_TYPES_H
#define EMBER_KERNELS_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Element types as stored in memory. The raw values are those of Swift's `DType`.
typedef enum {
  EMBER_BOOL = 0,
  EMBER_UINT8 = 1,
  EMBER_INT8 = 2,
  EMBER_INT16 = 3,
  EMBER_INT32 = 4,
  EMBER_INT64 = 5,
  EMBER_FLOAT16 = 6,
  EMBER_BFLOAT16 = 7,
  EMBER_FLOAT32 = 8,
  EMBER_FLOAT64 = 9,
  EMBER_COMPLEX64 = 10,
  EMBER_COMPLEX128 = 11,
  // Storage only: converted to a computing type when read.
  EMBER_UINT16 = 12,
  EMBER_UINT32 = 13,
  EMBER_UINT64 = 14,
  EMBER_FLOAT8_E4M3FN = 15,
  EMBER_FLOAT8_E5M2 = 16,
  EMBER_FLOAT8_E4M3FNUZ = 17,
  EMBER_FLOAT8_E5M2FNUZ = 18,
  EMBER_COMPLEX32 = 19,
  EMBER_DTYPE_COUNT = 20,
} ember_dtype;

/// Types that arithmetic runs in. 16-bit floats compute in float32.
typedef enum {
  EMBER_TYPE_BOOL = 0,
  EMBER_TYPE_UINT8 = 1,
  EMBER_TYPE_INT8 = 2,
  EMBER_TYPE_INT16 = 3,
  EMBER_TYPE_INT32 = 4,
  EMBER_TYPE_INT64 = 5,
  EMBER_TYPE_FLOAT32 = 6,
  EMBER_TYPE_FLOAT64 = 7,
  EMBER_TYPE_COMPLEX64 = 8,
  EMBER_TYPE_COMPLEX128 = 9,
  EMBER_TYPE_COUNT = 10,
} ember_type;

/// Bytes of one stored element.
static inline size_t ember_dtype_size(int dtype) {
  static const uint8_t sizes[EMBER_DTYPE_COUNT] = {1, 1, 1, 2, 4, 8, 2, 2, 4, 8, 8, 16, 2, 4, 8, 1, 1, 1, 1, 4};
  return sizes[dtype];
}

/// Bytes of one value of a computing type.
static inline size_t ember_type_size(int type) {
  static const uint8_t sizes[EMBER_TYPE_COUNT] = {1, 1, 1, 2, 4, 8, 4, 8, 8, 16};
  return sizes[type];
}

/// Instruction sets that kernels exist for. `EMBER_ISA_SCALAR` is the plain reference path: one element at a time,
/// libm functions, no blocking; tests hold the others against it.
typedef enum {
  EMBER_ISA_SCALAR = 0,
  EMBER_ISA_BASELINE = 1,
  EMBER_ISA_AVX2 = 2,
  EMBER_ISA_AVX512 = 3,
  EMBER_ISA_COUNT = 4,
} ember_isa;

/// The instruction set in use: the best one of this machine, `EMBER_ISA=scalar|baseline|avx2|avx512` in the environment,
/// or what `ember_isa_set` chose for the calling thread.
int ember_isa_current(void);
/// The best instruction set that this machine offers.
int ember_isa_best(void);
/// Forces an instruction set for work started from the calling thread (-1 returns to the default).
/// False if the machine does not have it.
bool ember_isa_set(int isa);

/// Calls `body(context, chunk)` for every chunk in 0..<chunks, on the pool's threads and the calling one.
/// Chunks are claimed dynamically; the caller never waits for a thread that has claimed no chunk. A call from inside a
/// body, or while another caller holds the pool, runs inline. How work is cut into chunks must not depend on the number of threads.
void ember_parallel(int64_t chunks, void (*body)(void *context, int64_t chunk), void *context);
/// Number of threads that work on a parallel loop, the caller included.
int ember_thread_count(void);
/// How many threads a parallel loop begun here can have: 1 inside of another one. For sharing work out; results must not depend on it.
int ember_parallel_width(void);
void ember_set_thread_count(int count);

#ifdef __cplusplus
}
#endif
#endif
