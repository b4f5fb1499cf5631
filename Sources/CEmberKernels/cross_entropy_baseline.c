// Cross entropy with 16-byte vectors, which every 64-bit machine has.
#include "bodies/isa.h"
#include "cross_entropy_internal.h"

#define EMBER_BUILD_ISA EMBER_BUILD_BASELINE
EMBER_BEGIN_BASELINE
#include "bodies/cross_entropy.inc"
EMBER_END
