// Winograd's convolution with AVX-512.
#include "bodies/isa.h"
#include "convolution_winograd.h"

#if EMBER_X86_ISAS
#define EMBER_BUILD_ISA EMBER_BUILD_AVX512
EMBER_BEGIN_AVX512
#include "bodies/convolution_winograd.inc"
EMBER_END
#endif
