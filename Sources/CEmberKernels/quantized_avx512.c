// Packed weights with AVX-512.
#include "bodies/isa.h"
#include "quantized_internal.h"

#if EMBER_X86_ISAS
#define EMBER_BUILD_ISA EMBER_BUILD_AVX512
EMBER_BEGIN_AVX512
#include "bodies/quantized.inc"
EMBER_END
#endif
