#include <dlfcn.h>

#include "CCUDA.h"

#define LOAD(name, symbol)                                   \
  {                                                          \
    void *address = dlsym(library, symbol);                  \
    if (!address) return symbol;                             \
    *(void **)&table->name = address;                        \
  }
#define LOAD_PLAIN(name, symbol, arguments) LOAD(name, symbol)
#define LOAD_TYPED(name, symbol, result, arguments) LOAD(name, symbol)

const char *ember_cuda_load_driver(void *library, ember_cuda_driver *table) {
  EMBER_CUDA_DRIVER_FUNCTIONS(LOAD_PLAIN)
  return NULL;
}

const char *ember_cuda_load_nvrtc(void *library, ember_nvrtc *table) {
  EMBER_NVRTC_FUNCTIONS(LOAD_TYPED)
  return NULL;
}

const char *ember_cuda_load_cublaslt(void *library, ember_cublaslt *table) {
  EMBER_CUBLASLT_FUNCTIONS(LOAD_PLAIN)
  return NULL;
}

// What belongs to a thread: Swift has no cheap thread-local variable.
static _Thread_local void *current_context;
static _Thread_local void *current_stream;

int ember_cuda_use_context(const ember_cuda_driver *driver, void *context) {
  if (current_context == context) return 0;
  const int result = driver->set_context(context);
  if (result == 0) current_context = context;
  return result;
}

void *ember_cuda_thread_stream(void) { return current_stream; }
void ember_cuda_set_thread_stream(void *stream) { current_stream = stream; }

int ember_cuda_launch(
  const ember_cuda_driver *driver, void *context, void *function, const unsigned grid[3], unsigned threads, unsigned shared_bytes,
  void *stream, void *arguments, size_t argument_bytes, bool overlaps) {
  if (current_context != context) {
    const int result = ember_cuda_use_context(driver, context);
    if (result) return result;
  }
  // CU_LAUNCH_PARAM_BUFFER_POINTER, CU_LAUNCH_PARAM_BUFFER_SIZE, CU_LAUNCH_PARAM_END
  void *extra[] = {(void *)1, arguments, (void *)2, &argument_bytes, (void *)0};
  if (overlaps) {
    ember_cuda_launch_attribute attribute = {.kind = EMBER_CUDA_LAUNCH_OVERLAPS, .flag = 1};
    const ember_cuda_launch_configuration configuration = {
      .grid = {grid[0], grid[1], grid[2]},
      .block = {threads, 1, 1},
      .shared_bytes = shared_bytes,
      .stream = stream,
      .attributes = &attribute,
      .attribute_count = 1,
    };
    return driver->launch_configured(&configuration, function, NULL, extra);
  }
  return driver->launch_kernel(function, grid[0], grid[1], grid[2], threads, 1, 1, shared_bytes, stream, NULL, extra);
}

int ember_cuda_read_word(const void *word) { return *(const volatile int *)word; }
