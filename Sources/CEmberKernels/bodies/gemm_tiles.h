// How high the tiles of products and convolutions are, and lists of their heights for building one function each.
#ifndef EMBER_BODIES_GEMM_TILES_H
#define EMBER_BODIES_GEMM_TILES_H

// Rows of a tile: as many as leave registers for two vectors of B and one element of A. Strided tiles are lower, because
// each row of A then needs address arithmetic of its own; this many still keep the multipliers busy.
#define GEMM_UP_TO_4(f) f(1) f(2) f(3) f(4)
#define GEMM_UP_TO_6(f) GEMM_UP_TO_4(f) f(5) f(6)
#define GEMM_UP_TO_8(f) GEMM_UP_TO_6(f) f(7) f(8)
#define GEMM_UP_TO_14(f) GEMM_UP_TO_8(f) f(9) f(10) f(11) f(12) f(13) f(14)
#define GEMM_LIST_UP_TO_4(f, x) f(1, x) f(2, x) f(3, x) f(4, x)
#define GEMM_LIST_UP_TO_6(f, x) GEMM_LIST_UP_TO_4(f, x) f(5, x) f(6, x)
#define GEMM_LIST_UP_TO_8(f, x) GEMM_LIST_UP_TO_6(f, x) f(7, x) f(8, x)
#define GEMM_LIST_UP_TO_14(f, x) GEMM_LIST_UP_TO_8(f, x) f(9, x) f(10, x) f(11, x) f(12, x) f(13, x) f(14, x)

#if EMBER_BUILD_ISA == EMBER_BUILD_AVX512
#define GEMM_ROWS 14
#define GEMM_STRIDED_ROWS 8
#define GEMM_DOT_ROWS 4
#define GEMM_EACH_ROWS GEMM_UP_TO_14
#define GEMM_LIST_ROWS GEMM_LIST_UP_TO_14
#define GEMM_EACH_STRIDED_ROWS GEMM_UP_TO_8
#define GEMM_LIST_STRIDED_ROWS GEMM_LIST_UP_TO_8
#elif EMBER_BUILD_ISA == EMBER_BUILD_AVX2
#define GEMM_ROWS 6
#define GEMM_STRIDED_ROWS 6
#define GEMM_DOT_ROWS 2
#define GEMM_EACH_ROWS GEMM_UP_TO_6
#define GEMM_LIST_ROWS GEMM_LIST_UP_TO_6
#define GEMM_EACH_STRIDED_ROWS GEMM_UP_TO_6
#define GEMM_LIST_STRIDED_ROWS GEMM_LIST_UP_TO_6
#elif defined(__aarch64__)
#define GEMM_ROWS 8
#define GEMM_STRIDED_ROWS 8
#define GEMM_DOT_ROWS 4
#define GEMM_EACH_ROWS GEMM_UP_TO_8
#define GEMM_LIST_ROWS GEMM_LIST_UP_TO_8
#define GEMM_EACH_STRIDED_ROWS GEMM_UP_TO_8
#define GEMM_LIST_STRIDED_ROWS GEMM_LIST_UP_TO_8
#else
#define GEMM_ROWS 4
#define GEMM_STRIDED_ROWS 4
#define GEMM_DOT_ROWS 2
#define GEMM_EACH_ROWS GEMM_UP_TO_4
#define GEMM_LIST_ROWS GEMM_LIST_UP_TO_4
#define GEMM_EACH_STRIDED_ROWS GEMM_UP_TO_4
#define GEMM_LIST_STRIDED_ROWS GEMM_LIST_UP_TO_4
#endif

#endif
