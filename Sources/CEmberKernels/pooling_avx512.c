// Poolings with AVX-512.
#include "bodies/isa.h"
#include "pooling_internal.h"

#if EMBER_X86_ISAS
#include <immintrin.h>
#define EMBER_BUILD_ISA EMBER_BUILD_AVX512
EMBER_BEGIN_AVX512
#include "bodies/pooling.inc"
EMBER_END
#endif
