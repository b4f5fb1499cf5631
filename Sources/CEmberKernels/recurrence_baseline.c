// Recurrent cells with what every processor of the architecture has.
#include "bodies/isa.h"
#include "recurrence_internal.h"

#define EMBER_BUILD_ISA EMBER_BUILD_BASELINE
EMBER_BEGIN_BASELINE
#include "bodies/recurrence.inc"
EMBER_END
