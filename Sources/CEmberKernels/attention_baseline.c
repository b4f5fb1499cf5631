// Loops of attention with 16-byte vectors, which every 64-bit machine has.
#include "attention_internal.h"

#define EMBER_BUILD_ISA EMBER_BUILD_BASELINE
EMBER_BEGIN_BASELINE
#include "bodies/attention.inc"
EMBER_END
