// Winograd's convolution: the scalar build has none.
#include "bodies/isa.h"
#include "convolution_winograd.h"

#define EMBER_BUILD_ISA EMBER_BUILD_SCALAR
EMBER_BEGIN_SCALAR
#include "bodies/convolution_winograd.inc"
EMBER_END
