// Batch normalisation, the plain reference loops.
#include "bodies/isa.h"
#include "batch_normalization_internal.h"

#define EMBER_BUILD_ISA EMBER_BUILD_SCALAR
EMBER_BEGIN_SCALAR
#include "bodies/batch_normalization.inc"
EMBER_END
