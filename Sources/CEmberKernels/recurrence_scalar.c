// Recurrent cells, the plain reference loops.
#include "bodies/isa.h"
#include "recurrence_internal.h"

#define EMBER_BUILD_ISA EMBER_BUILD_SCALAR
EMBER_BEGIN_SCALAR
#include "bodies/recurrence.inc"
EMBER_END
