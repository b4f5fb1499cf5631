// Winograd's convolution with the architecture's baseline.
#include "bodies/isa.h"
#include "convolution_winograd.h"

#define EMBER_BUILD_ISA EMBER_BUILD_BASELINE
EMBER_BEGIN_BASELINE
#include "bodies/convolution_winograd.inc"
EMBER_END
