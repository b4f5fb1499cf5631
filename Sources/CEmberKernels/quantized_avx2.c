// Packed weights with AVX2.
#include "bodies/isa.h"
#include "quantized_internal.h"

#if EMBER_X86_ISAS
#define EMBER_BUILD_ISA EMBER_BUILD_AVX2
EMBER_BEGIN_AVX2
#include "bodies/quantized.inc"
EMBER_END
#endif
