// Convolutions with AVX-512.
#include "bodies/isa.h"
#include "convolution_internal.h"

#if EMBER_X86_ISAS
#include <immintrin.h>
#define EMBER_BUILD_ISA EMBER_BUILD_AVX512
EMBER_BEGIN_AVX512
#include "bodies/convolution.inc"
EMBER_END
#endif
