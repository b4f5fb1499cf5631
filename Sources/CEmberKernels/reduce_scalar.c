// Reductions, the plain reference loops.
#include "bodies/isa.h"
#include "elements.h"
#include "reduce_internal.h"

#define EMBER_BUILD_ISA EMBER_BUILD_SCALAR
EMBER_BEGIN_SCALAR
#include "bodies/reduce.inc"
EMBER_END
