// Poolings with AVX2.
#include "bodies/isa.h"
#include "pooling_internal.h"

#if EMBER_X86_ISAS
#include <immintrin.h>
#define EMBER_BUILD_ISA EMBER_BUILD_AVX2
EMBER_BEGIN_AVX2
#include "bodies/pooling.inc"
EMBER_END
#endif
