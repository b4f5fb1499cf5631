#include "CEmberRuntime.h"

_Thread_local ember_thread_state ember_thread_state_storage;
