// Loops over random words, with 16-byte vectors.
#include "random_internal.h"

#define EMBER_BUILD_ISA EMBER_BUILD_BASELINE
EMBER_BEGIN_BASELINE
#include "bodies/random.inc"
EMBER_END
