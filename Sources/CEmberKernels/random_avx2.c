// Loops over random words, with AVX2.
#include "random_internal.h"

#if EMBER_X86_ISAS
#define EMBER_BUILD_ISA EMBER_BUILD_AVX2
EMBER_BEGIN_AVX2
#include "bodies/random.inc"
EMBER_END
#endif
