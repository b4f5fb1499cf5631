// Loops of attention: the scalar build has none.
#include "attention_internal.h"

#define EMBER_BUILD_ISA EMBER_BUILD_SCALAR
EMBER_BEGIN_SCALAR
#include "bodies/attention.inc"
EMBER_END
