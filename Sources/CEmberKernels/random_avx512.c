// Loops over random words, with AVX-512.
#include "random_internal.h"

#if EMBER_X86_ISAS
#define EMBER_BUILD_ISA EMBER_BUILD_AVX512
EMBER_BEGIN_AVX512
#include "bodies/random.inc"
EMBER_END
#endif
