// Batch normalisation with AVX2.
#include "bodies/isa.h"
#include "batch_normalization_internal.h"

#if EMBER_X86_ISAS
#define EMBER_BUILD_ISA EMBER_BUILD_AVX2
EMBER_BEGIN_AVX2
#include "bodies/batch_normalization.inc"
EMBER_END
#endif
