// The CUDA driver (libcuda).
#ifndef EMBER_CUDA_DRIVER_H
#define EMBER_CUDA_DRIVER_H

#include <stdbool.h>
#include <stddef.h>

#pragma clang diagnostic ignored "-Wnullability-completeness"
#include <stdint.h>

// Handles are untyped here; EmberCUDA gives them types.
#define EMBER_CUDA_DRIVER_FUNCTIONS(X)                                                                                       \
  X(initialize, "cuInit", (unsigned flags))                                                                                  \
  X(driver_version, "cuDriverGetVersion", (int *version))                                                                    \
  X(error_name, "cuGetErrorName", (int error, const char **name))                                                            \
  X(error_string, "cuGetErrorString", (int error, const char **text))                                                        \
  X(device_get, "cuDeviceGet", (int *device, int ordinal))                                                                   \
  X(device_count, "cuDeviceGetCount", (int *count))                                                                          \
  X(device_name, "cuDeviceGetName", (char *name, int length, int device))                                                    \
  X(device_attribute, "cuDeviceGetAttribute", (int *value, int attribute, int device))                                       \
  X(device_memory, "cuDeviceTotalMem_v2", (size_t *bytes, int device))                                                       \
  X(retain_context, "cuDevicePrimaryCtxRetain", (void **context, int device))                                                \
  X(set_context, "cuCtxSetCurrent", (void *context))                                                                         \
  X(memory_info, "cuMemGetInfo_v2", (size_t *available, size_t *total))                                                      \
  X(allocate, "cuMemAlloc_v2", (void **pointer, size_t bytes))                                                               \
  X(deallocate, "cuMemFree_v2", (void *pointer))                                                                             \
  X(allocate_host, "cuMemHostAlloc", (void **pointer, size_t bytes, unsigned flags))                                         \
  X(deallocate_host, "cuMemFreeHost", (void *pointer))                                                                       \
  X(copy_to_device, "cuMemcpyHtoDAsync_v2", (void *to, const void *from, size_t bytes, void *stream))                        \
  X(copy_to_host, "cuMemcpyDtoHAsync_v2", (void *to, const void *from, size_t bytes, void *stream))                          \
  X(copy_on_device, "cuMemcpyDtoDAsync_v2", (void *to, const void *from, size_t bytes, void *stream))                        \
  X(fill_bytes, "cuMemsetD8Async", (void *to, unsigned char value, size_t bytes, void *stream))                              \
  X(create_stream, "cuStreamCreateWithPriority", (void **stream, unsigned flags, int priority))                              \
  X(destroy_stream, "cuStreamDestroy_v2", (void *stream))                                                                    \
  X(synchronize_stream, "cuStreamSynchronize", (void *stream))                                                               \
  X(stream_wait, "cuStreamWaitEvent", (void *stream, void *event, unsigned flags))                                           \
  X(begin_capture, "cuStreamBeginCapture_v2", (void *stream, int mode))                                                      \
  X(end_capture, "cuStreamEndCapture", (void *stream, void **graph))                                                         \
  X(instantiate_graph, "cuGraphInstantiateWithFlags", (void **executable, void *graph, unsigned long long flags))            \
  X(launch_graph, "cuGraphLaunch", (void *executable, void *stream))                                                         \
  X(destroy_executable, "cuGraphExecDestroy", (void *executable))                                                            \
  X(destroy_graph, "cuGraphDestroy", (void *graph))                                                                          \
  X(create_event, "cuEventCreate", (void **event, unsigned flags))                                                           \
  X(destroy_event, "cuEventDestroy_v2", (void *event))                                                                       \
  X(record_event, "cuEventRecord", (void *event, void *stream))                                                              \
  X(query_event, "cuEventQuery", (void *event))                                                                              \
  X(synchronize_event, "cuEventSynchronize", (void *event))                                                                  \
  X(elapsed_time, "cuEventElapsedTime", (float *milliseconds, void *start, void *end))                                       \
  X(load_module, "cuModuleLoadData", (void **module, const void *image))                                                     \
  X(module_function, "cuModuleGetFunction", (void **function, void *module, const char *name))                               \
  X(function_set_attribute, "cuFuncSetAttribute", (void *function, int attribute, int value))                                \
  X(launch_kernel, "cuLaunchKernel",                                                                                         \
    (void *function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, unsigned block_y,                  \
     unsigned block_z, unsigned shared_bytes, void *stream, void **parameters, void **extra))                                \
  X(launch_configured, "cuLaunchKernelEx",                                                                                   \
    (const ember_cuda_launch_configuration *configuration, void *function, void **parameters, void **extra))

// CUlaunchAttribute and CUlaunchConfig.
typedef struct ember_cuda_launch_attribute {
  int kind;
  int padding;
  union {
    char bytes[64];
    int flag;
  };
} ember_cuda_launch_attribute;
typedef struct ember_cuda_launch_configuration {
  unsigned grid[3], block[3], shared_bytes;
  void *stream;
  ember_cuda_launch_attribute *attributes;
  unsigned attribute_count;
} ember_cuda_launch_configuration;

#define EMBER_CUDA_FIELD(name, symbol, arguments) int (*_Nonnull name) arguments;
/// The driver's functions. All return a CUresult, 0 for success.
typedef struct ember_cuda_driver {
  EMBER_CUDA_DRIVER_FUNCTIONS(EMBER_CUDA_FIELD)
} ember_cuda_driver;

/// Fills the table from an open library. Null on success, otherwise the name of the first function that is missing.
const char *ember_cuda_load_driver(void *library, ember_cuda_driver *driver);

/// Launches with arguments packed in one buffer. Makes `context` the calling thread's first if it is not. With `overlaps` the kernel may
/// begin before the one in front of it has ended, and waits for it itself.
int ember_cuda_launch(
  const ember_cuda_driver *driver, void *context, void *function, const unsigned grid[3], unsigned threads, unsigned shared_bytes,
  void *stream, void *arguments, size_t argument_bytes, bool overlaps);

/// Makes a context the calling thread's current one; does nothing if it is already.
int ember_cuda_use_context(const ember_cuda_driver *driver, void *context);

/// The calling thread's choice of a stream; null: the backend's own.
void *ember_cuda_thread_stream(void);
void ember_cuda_set_thread_stream(void *stream);

/// A volatile read of a word that a device writes.
int ember_cuda_read_word(const void *word);

enum {
  EMBER_CUDA_MULTIPROCESSORS = 16,
  EMBER_CUDA_COMPUTE_MAJOR = 75,
  EMBER_CUDA_COMPUTE_MINOR = 76,
  EMBER_CUDA_SHARED_BYTES_OPT_IN = 97,
  EMBER_CUDA_L2_BYTES = 38,
  EMBER_CUDA_MAX_DYNAMIC_SHARED_BYTES = 8,
  EMBER_CUDA_LAUNCH_OVERLAPS = 6,
};

#endif
