// Pointwise kernels with AVX2, FMA and F16C.
#if defined(__x86_64__)
#include "bodies/isa.h"
#include "pointwise_internal.h"

#define EMBER_BUILD_ISA EMBER_BUILD_AVX2
EMBER_BEGIN_AVX2
#include "bodies/pointwise.inc"
EMBER_END
#endif
