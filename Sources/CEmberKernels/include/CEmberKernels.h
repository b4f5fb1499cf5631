// Everything that the C kernel target offers.
#ifndef CEMBERKERNELS_H
#define CEMBERKERNELS_H

#include "ember_kernels_types.h"

#include "ember_allocator.h"
#include "ember_copy.h"
#include "ember_pointwise.h"

#if __has_include("ember_gemm.h")
#include "ember_gemm.h"
#endif
#if __has_include("ember_convolution.h")
#include "ember_convolution.h"
#endif
#if __has_include("ember_pooling.h")
#include "ember_pooling.h"
#endif
#if __has_include("ember_softmax.h")
#include "ember_softmax.h"
#endif
#if __has_include("ember_normalization.h")
#include "ember_normalization.h"
#endif
#if __has_include("ember_batch_normalization.h")
#include "ember_batch_normalization.h"
#endif
#if __has_include("ember_cross_entropy.h")
#include "ember_cross_entropy.h"
#endif
#if __has_include("ember_attention.h")
#include "ember_attention.h"
#endif
#if __has_include("ember_reduce.h")
#include "ember_reduce.h"
#endif
#if __has_include("ember_scan.h")
#include "ember_scan.h"
#endif
#if __has_include("ember_index.h")
#include "ember_index.h"
#endif
#if __has_include("ember_sort.h")
#include "ember_sort.h"
#endif
#if __has_include("ember_range.h")
#include "ember_range.h"
#endif
#if __has_include("ember_sparse.h")
#include "ember_sparse.h"
#endif
#if __has_include("ember_quantized.h")
#include "ember_quantized.h"
#endif
#if __has_include("ember_random.h")
#include "ember_random.h"
#endif
#if __has_include("ember_recurrence.h")
#include "ember_recurrence.h"
#endif
#if __has_include("ember_optimizer.h")
#include "ember_optimizer.h"
#endif

#endif
