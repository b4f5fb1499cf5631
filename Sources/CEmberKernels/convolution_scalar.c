// Convolutions, the plain reference loops.
#include "bodies/isa.h"
#include "convolution_internal.h"
#include "ember_allocator.h"


#define EMBER_BUILD_ISA EMBER_BUILD_SCALAR
EMBER_BEGIN_SCALAR
#include "bodies/convolution.inc"
EMBER_END
