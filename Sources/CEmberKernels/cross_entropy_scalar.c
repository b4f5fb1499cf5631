// Cross entropy, the plain reference loops.
#include "bodies/isa.h"
#include "cross_entropy_internal.h"

#define EMBER_BUILD_ISA EMBER_BUILD_SCALAR
EMBER_BEGIN_SCALAR
#include "bodies/cross_entropy.inc"
EMBER_END
