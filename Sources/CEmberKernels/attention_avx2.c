// Loops of attention with AVX2.
#include "attention_internal.h"

#if EMBER_X86_ISAS
#define EMBER_BUILD_ISA EMBER_BUILD_AVX2
EMBER_BEGIN_AVX2
#include "bodies/attention.inc"
EMBER_END
#endif
