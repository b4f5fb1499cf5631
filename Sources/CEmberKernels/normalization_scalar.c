// Layer, group and root-mean-square normalisation, the plain reference loops.
#include "bodies/isa.h"
#include "normalization_internal.h"

#define EMBER_BUILD_ISA EMBER_BUILD_SCALAR
EMBER_BEGIN_SCALAR
#include "bodies/normalization.inc"
EMBER_END
