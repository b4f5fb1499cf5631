// Loops over random words, one element at a time.
#include "random_internal.h"

#define EMBER_BUILD_ISA EMBER_BUILD_SCALAR
EMBER_BEGIN_SCALAR
#include "bodies/random.inc"
EMBER_END
