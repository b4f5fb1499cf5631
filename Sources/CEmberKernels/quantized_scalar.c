// Packed weights, the plain reference loops.
#include "bodies/isa.h"
#include "quantized_internal.h"

#define EMBER_BUILD_ISA EMBER_BUILD_SCALAR
EMBER_BEGIN_SCALAR
#include "bodies/quantized.inc"
EMBER_END
