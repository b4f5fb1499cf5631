// Pointwise kernels for the least machine of the architecture: 128-bit vectors.
#include "bodies/isa.h"
#include "pointwise_internal.h"

#define EMBER_BUILD_ISA EMBER_BUILD_BASELINE
EMBER_BEGIN_BASELINE
#include "bodies/pointwise.inc"
EMBER_END
