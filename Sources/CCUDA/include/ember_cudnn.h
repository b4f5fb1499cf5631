// cuDNN 9, its graph API.
#ifndef EMBER_CUDNN_H
#define EMBER_CUDNN_H

#include <stddef.h>
#include <stdint.h>

// Statuses are 0 for success. Handles and descriptors are untyped here.
#define EMBER_CUDNN_FUNCTIONS(X)                                                                                             \
  X(version, "cudnnGetVersion", size_t, (void))                                                                              \
  X(error_string, "cudnnGetErrorString", const char *, (int status))                                                         \
  X(last_error, "cudnnGetLastErrorString", void, (char *text, size_t bytes))                                                 \
  X(create, "cudnnCreate", int, (void **handle))                                                                             \
  X(destroy, "cudnnDestroy", int, (void *handle))                                                                            \
  X(set_stream, "cudnnSetStream", int, (void *handle, void *stream))                                                         \
  X(descriptor_create, "cudnnBackendCreateDescriptor", int, (int kind, void **descriptor))                                   \
  X(descriptor_destroy, "cudnnBackendDestroyDescriptor", int, (void *descriptor))                                            \
  X(descriptor_finalize, "cudnnBackendFinalize", int, (void *descriptor))                                                    \
  X(descriptor_set, "cudnnBackendSetAttribute", int,                                                                         \
    (void *descriptor, int attribute, int type, int64_t count, const void *values))                                          \
  X(descriptor_get, "cudnnBackendGetAttribute", int,                                                                         \
    (void *descriptor, int attribute, int type, int64_t requested, int64_t *count, void *values))                            \
  X(execute, "cudnnBackendExecute", int, (void *handle, void *plan, void *variant_pack))

#define EMBER_CUDNN_FIELD(name, symbol, result, arguments) result(*name) arguments;
typedef struct ember_cudnn {
  EMBER_CUDNN_FUNCTIONS(EMBER_CUDNN_FIELD)
} ember_cudnn;

/// Fills the table from an open library. Null on success, otherwise the name of the first function that is missing.
const char *ember_cuda_load_cudnn(void *library, ember_cudnn *cudnn);

enum {
  // Types of elements.
  EMBER_CUDNN_FLOAT = 0, EMBER_CUDNN_DOUBLE = 1, EMBER_CUDNN_HALF = 2, EMBER_CUDNN_INT32 = 4, EMBER_CUDNN_BFLOAT16 = 9,
  EMBER_CUDNN_BOOLEAN = 11,

  // Types of attributes.
  EMBER_CUDNN_TYPE_HANDLE = 0, EMBER_CUDNN_TYPE_DATA_TYPE = 1, EMBER_CUDNN_TYPE_BOOLEAN = 2, EMBER_CUDNN_TYPE_INT64 = 3,
  EMBER_CUDNN_TYPE_FLOAT = 4, EMBER_CUDNN_TYPE_DOUBLE = 5, EMBER_CUDNN_TYPE_POINTER = 6, EMBER_CUDNN_TYPE_CONVOLUTION_MODE = 7,
  EMBER_CUDNN_TYPE_HEURISTIC_MODE = 8, EMBER_CUDNN_TYPE_NUMERICAL_NOTE = 11, EMBER_CUDNN_TYPE_POINTWISE_MODE = 14,
  EMBER_CUDNN_TYPE_DESCRIPTOR = 15, EMBER_CUDNN_TYPE_REDUCTION_OPERATOR = 18,

  // Kinds of descriptors.
  EMBER_CUDNN_POINTWISE = 0, EMBER_CUDNN_CONVOLUTION = 1, EMBER_CUDNN_ENGINE = 2, EMBER_CUDNN_ENGINE_CONFIGURATION = 3,
  EMBER_CUDNN_HEURISTIC = 4,
  EMBER_CUDNN_PLAN = 5, EMBER_CUDNN_CONVOLUTION_FORWARD = 10, EMBER_CUDNN_CONVOLUTION_BACKWARD_FILTER = 11,
  EMBER_CUDNN_CONVOLUTION_BACKWARD_DATA = 12, EMBER_CUDNN_OPERATION_POINTWISE = 13, EMBER_CUDNN_GRAPH = 15,
  EMBER_CUDNN_VARIANT_PACK = 16, EMBER_CUDNN_TENSOR = 17, EMBER_CUDNN_PRODUCT = 18, EMBER_CUDNN_OPERATION_PRODUCT = 19,
  EMBER_CUDNN_REDUCTION = 21, EMBER_CUDNN_OPERATION_REDUCTION = 22, EMBER_CUDNN_OPERATION_RESHAPE = 31,

  // Attributes of a convolution.
  EMBER_CUDNN_CONVOLUTION_COMPUTE_TYPE = 100, EMBER_CUDNN_CONVOLUTION_MODE = 101, EMBER_CUDNN_CONVOLUTION_DILATIONS = 102,
  EMBER_CUDNN_CONVOLUTION_STRIDES = 103, EMBER_CUDNN_CONVOLUTION_POST_PADDINGS = 104, EMBER_CUDNN_CONVOLUTION_PRE_PADDINGS = 105,
  EMBER_CUDNN_CONVOLUTION_SPATIAL_RANK = 106,
  EMBER_CUDNN_CROSS_CORRELATION = 1,  // a convolution mode

  // Attributes of heuristics, and their modes.
  EMBER_CUDNN_HEURISTIC_MODE = 200, EMBER_CUDNN_HEURISTIC_GRAPH = 201, EMBER_CUDNN_HEURISTIC_RESULTS = 202,
  EMBER_CUDNN_MODE_FALLBACK = 2, EMBER_CUDNN_MODE_A = 3,

  // Attributes of an engine and its configuration.
  EMBER_CUDNN_CONFIGURATION_ENGINE = 300, EMBER_CUDNN_ENGINE_NUMERICAL_NOTES = 1303,

  // Attributes of a plan.
  EMBER_CUDNN_PLAN_HANDLE = 400, EMBER_CUDNN_PLAN_CONFIGURATION = 401, EMBER_CUDNN_PLAN_WORKSPACE_BYTES = 402,

  // Attributes of the convolutions as operations.
  EMBER_CUDNN_FORWARD_ALPHA = 700, EMBER_CUDNN_FORWARD_BETA = 701, EMBER_CUDNN_FORWARD_CONVOLUTION = 702, EMBER_CUDNN_FORWARD_W = 703,
  EMBER_CUDNN_FORWARD_X = 704, EMBER_CUDNN_FORWARD_Y = 705,
  EMBER_CUDNN_DATA_ALPHA = 706, EMBER_CUDNN_DATA_BETA = 707, EMBER_CUDNN_DATA_CONVOLUTION = 708, EMBER_CUDNN_DATA_W = 709,
  EMBER_CUDNN_DATA_DX = 710, EMBER_CUDNN_DATA_DY = 711,
  EMBER_CUDNN_FILTER_ALPHA = 712, EMBER_CUDNN_FILTER_BETA = 713, EMBER_CUDNN_FILTER_CONVOLUTION = 714, EMBER_CUDNN_FILTER_DW = 715,
  EMBER_CUDNN_FILTER_X = 716, EMBER_CUDNN_FILTER_DY = 717,

  // Attributes of pointwise operations, and their modes. X and B are operands, T chooses between them.
  EMBER_CUDNN_POINTWISE_MODE = 0, EMBER_CUDNN_POINTWISE_COMPUTE_TYPE = 1, EMBER_CUDNN_POINTWISE_AXIS = 9,
  EMBER_CUDNN_POINTWISE_DESCRIPTOR = 750, EMBER_CUDNN_POINTWISE_X = 751, EMBER_CUDNN_POINTWISE_B = 752, EMBER_CUDNN_POINTWISE_Y = 753,
  EMBER_CUDNN_POINTWISE_ALPHA_1 = 754, EMBER_CUDNN_POINTWISE_ALPHA_2 = 755, EMBER_CUDNN_POINTWISE_T = 758,
  EMBER_CUDNN_ADD = 0, EMBER_CUDNN_MULTIPLY = 1, EMBER_CUDNN_DIVIDE = 6, EMBER_CUDNN_SUBTRACT = 9, EMBER_CUDNN_EXP = 13,
  EMBER_CUDNN_LOG = 15, EMBER_CUDNN_IDENTITY = 21, EMBER_CUDNN_GREATER_OR_EQUAL = 303, EMBER_CUDNN_INDEX = 501, EMBER_CUDNN_SELECT = 601,

  // Attributes of products of matrices.
  EMBER_CUDNN_PRODUCT_COMPUTE_TYPE = 1500, EMBER_CUDNN_PRODUCT_A = 1520, EMBER_CUDNN_PRODUCT_B = 1521, EMBER_CUDNN_PRODUCT_C = 1522,
  EMBER_CUDNN_PRODUCT_DESCRIPTOR = 1523,

  // Attributes of reductions, and their operators.
  EMBER_CUDNN_REDUCTION_OPERATOR = 1600, EMBER_CUDNN_REDUCTION_COMPUTE_TYPE = 1601, EMBER_CUDNN_REDUCTION_X = 1610,
  EMBER_CUDNN_REDUCTION_Y = 1611, EMBER_CUDNN_REDUCTION_DESCRIPTOR = 1612,
  EMBER_CUDNN_SUM = 0, EMBER_CUDNN_MAXIMUM = 3,

  // Attributes of reshapes.
  EMBER_CUDNN_RESHAPE_X = 2200, EMBER_CUDNN_RESHAPE_Y = 2201,

  // Attributes of a graph.
  EMBER_CUDNN_GRAPH_HANDLE = 800, EMBER_CUDNN_GRAPH_OPERATIONS = 801,

  // Attributes of a tensor.
  EMBER_CUDNN_TENSOR_ALIGNMENT = 900, EMBER_CUDNN_TENSOR_DATA_TYPE = 901, EMBER_CUDNN_TENSOR_EXTENTS = 902,
  EMBER_CUDNN_TENSOR_STRIDES = 903, EMBER_CUDNN_TENSOR_IDENTIFIER = 906, EMBER_CUDNN_TENSOR_IS_VIRTUAL = 907,
  EMBER_CUDNN_TENSOR_IS_BY_VALUE = 908,

  // Attributes of a variant pack: what a plan is executed with.
  EMBER_CUDNN_PACK_IDENTIFIERS = 1000, EMBER_CUDNN_PACK_POINTERS = 1001, EMBER_CUDNN_PACK_WORKSPACE = 1003,

  // Numerical notes of an engine, and how many there may be.
  EMBER_CUDNN_NOTE_TENSOR_CORE = 0, EMBER_CUDNN_NOTE_DOWN_CONVERTS = 1, EMBER_CUDNN_NOTE_NONDETERMINISTIC = 4,
  EMBER_CUDNN_NOTES = 32,
};

#endif
