// Winograd's convolution with AVX2.
#include "bodies/isa.h"
#include "convolution_winograd.h"

#if EMBER_X86_ISAS
#define EMBER_BUILD_ISA EMBER_BUILD_AVX2
EMBER_BEGIN_AVX2
#include "bodies/convolution_winograd.inc"
EMBER_END
#endif
