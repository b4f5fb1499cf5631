// cuBLASLt: matrix products with epilogues.
#ifndef EMBER_CUBLASLT_H
#define EMBER_CUBLASLT_H

#include <stddef.h>

#pragma clang diagnostic ignored "-Wnullability-completeness"
#include <stdint.h>

/// An algorithm as the library's heuristics give it (cublasLtMatmulHeuristicResult_t).
typedef struct ember_cublaslt_heuristic {
  uint64_t algorithm[8];
  size_t workspace_bytes;
  int state;
  float waves;
  int reserved[4];
} ember_cublaslt_heuristic;

#define EMBER_CUBLASLT_FUNCTIONS(X)                                                                                          \
  X(create, "cublasLtCreate", (void **handle))                                                                               \
  X(destroy, "cublasLtDestroy", (void *handle))                                                                              \
  X(operation_create, "cublasLtMatmulDescCreate", (void **operation, int compute_type, int scale_type))                      \
  X(operation_destroy, "cublasLtMatmulDescDestroy", (void *operation))                                                       \
  X(operation_set, "cublasLtMatmulDescSetAttribute", (void *operation, int attribute, const void *value, size_t bytes))      \
  X(layout_create, "cublasLtMatrixLayoutCreate", (void **layout, int type, uint64_t rows, uint64_t columns, int64_t leading)) \
  X(layout_destroy, "cublasLtMatrixLayoutDestroy", (void *layout))                                                           \
  X(layout_set, "cublasLtMatrixLayoutSetAttribute", (void *layout, int attribute, const void *value, size_t bytes))          \
  X(preference_create, "cublasLtMatmulPreferenceCreate", (void **preference))                                                \
  X(preference_destroy, "cublasLtMatmulPreferenceDestroy", (void *preference))                                               \
  X(preference_set, "cublasLtMatmulPreferenceSetAttribute", (void *preference, int attribute, const void *value, size_t bytes)) \
  X(heuristic, "cublasLtMatmulAlgoGetHeuristic",                                                                             \
    (void *handle, void *operation, void *a, void *b, void *c, void *d, void *preference, int requested,                     \
     ember_cublaslt_heuristic *results, int *count))                                                                         \
  X(matmul, "cublasLtMatmul",                                                                                                \
    (void *handle, void *operation, const void *alpha, const void *a, void *a_layout, const void *b, void *b_layout,         \
     const void *beta, const void *c, void *c_layout, void *d, void *d_layout, const void *algorithm, void *workspace,       \
     size_t workspace_bytes, void *stream))

#define EMBER_CUBLASLT_FIELD(name, symbol, arguments) int (*_Nonnull name) arguments;
typedef struct ember_cublaslt {
  EMBER_CUBLASLT_FUNCTIONS(EMBER_CUBLASLT_FIELD)
} ember_cublaslt;

const char *ember_cuda_load_cublaslt(void *library, ember_cublaslt *cublaslt);

enum {
  EMBER_CUBLASLT_R_32F = 0, EMBER_CUBLASLT_R_64F = 1, EMBER_CUBLASLT_R_16F = 2, EMBER_CUBLASLT_C_32F = 4, EMBER_CUBLASLT_C_64F = 5,
  EMBER_CUBLASLT_R_16BF = 14,
  EMBER_CUBLASLT_COMPUTE_32F = 68, EMBER_CUBLASLT_COMPUTE_64F = 70, EMBER_CUBLASLT_COMPUTE_32F_TF32 = 77,
  // Attributes of an operation.
  EMBER_CUBLASLT_TRANSPOSE_A = 3, EMBER_CUBLASLT_TRANSPOSE_B = 4, EMBER_CUBLASLT_EPILOGUE = 7, EMBER_CUBLASLT_BIAS = 8,
  // Attributes of a layout.
  EMBER_CUBLASLT_BATCH_COUNT = 5, EMBER_CUBLASLT_BATCH_STRIDE = 6,
  // Attributes of a preference.
  EMBER_CUBLASLT_WORKSPACE_BYTES = 1, EMBER_CUBLASLT_ALIGNMENT_A = 5, EMBER_CUBLASLT_ALIGNMENT_B = 6, EMBER_CUBLASLT_ALIGNMENT_C = 7,
  EMBER_CUBLASLT_ALIGNMENT_D = 8,
  // Epilogues.
  EMBER_CUBLASLT_EPILOGUE_DEFAULT = 1, EMBER_CUBLASLT_EPILOGUE_RELU = 2, EMBER_CUBLASLT_EPILOGUE_BIAS = 4,
  EMBER_CUBLASLT_EPILOGUE_RELU_BIAS = 6, EMBER_CUBLASLT_EPILOGUE_GELU = 32, EMBER_CUBLASLT_EPILOGUE_GELU_BIAS = 36,
};

#endif
