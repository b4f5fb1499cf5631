#include "ember_cudnn.h"

#include <dlfcn.h>

#define LOAD(name, symbol, result, arguments)  \
  {                                            \
    void *address = dlsym(library, symbol);    \
    if (!address) return symbol;               \
    *(void **)&table->name = address;          \
  }

const char *ember_cuda_load_cudnn(void *library, ember_cudnn *table) {
  EMBER_CUDNN_FUNCTIONS(LOAD)
  return NULL;
}
