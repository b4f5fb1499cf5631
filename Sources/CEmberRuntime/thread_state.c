#include "CEmberRuntime.h"

#include <stdio.h>

// A thread begins with the flag `isNew`: its first operation takes the slow path, which looks whether operations are to be printed.
_Thread_local ember_thread_state ember_thread_state_storage = {.flags = 1u << 31};

void ember_flush_output(void) { fflush(stdout); }
