// Optimizer steps, the plain reference loops.
#include "bodies/isa.h"
#include "optimizer_internal.h"

#define EMBER_BUILD_ISA EMBER_BUILD_SCALAR
EMBER_BEGIN_SCALAR
#include "bodies/optimizer.inc"
EMBER_END
