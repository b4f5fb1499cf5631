// Poolings with 16-byte vectors, which every 64-bit machine has.
#include "bodies/isa.h"
#include "pooling_internal.h"

#define EMBER_BUILD_ISA EMBER_BUILD_BASELINE
EMBER_BEGIN_BASELINE
#include "bodies/pooling.inc"
EMBER_END
