// Softmax, the plain reference loops.
#include "bodies/isa.h"
#include "softmax_internal.h"

#define EMBER_BUILD_ISA EMBER_BUILD_SCALAR
EMBER_BEGIN_SCALAR
#include "bodies/softmax.inc"
EMBER_END
