// Pointwise kernels with AVX-512.
#if defined(__x86_64__)
#include "bodies/isa.h"
#include "pointwise_internal.h"

#define EMBER_BUILD_ISA EMBER_BUILD_AVX512
EMBER_BEGIN_AVX512
#include "bodies/pointwise.inc"
EMBER_END
#endif
