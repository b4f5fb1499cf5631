// Matrix products, the plain reference loops.
#include "bodies/isa.h"
#include "gemm_internal.h"

#define EMBER_BUILD_ISA EMBER_BUILD_SCALAR
EMBER_BEGIN_SCALAR
#include "bodies/gemm.inc"
EMBER_END
