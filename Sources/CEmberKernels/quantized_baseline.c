// Packed weights with 16-byte vectors, which every 64-bit machine has.
#include "bodies/isa.h"
#include "quantized_internal.h"

#define EMBER_BUILD_ISA EMBER_BUILD_BASELINE
EMBER_BEGIN_BASELINE
#include "bodies/quantized.inc"
EMBER_END
