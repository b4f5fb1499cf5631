// Pointwise kernels one element at a time: the reference.
#include "bodies/isa.h"
#include "pointwise_internal.h"

#define EMBER_BUILD_ISA EMBER_BUILD_SCALAR
EMBER_BEGIN_SCALAR
#include "bodies/pointwise.inc"
EMBER_END
