// Convolutions with AVX2.
#include "bodies/isa.h"
#include "convolution_internal.h"

#if EMBER_X86_ISAS
#include <immintrin.h>
#define EMBER_BUILD_ISA EMBER_BUILD_AVX2
EMBER_BEGIN_AVX2
#include "bodies/convolution.inc"
EMBER_END
#endif
