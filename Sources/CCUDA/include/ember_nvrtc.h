// NVRTC, the compiler of CUDA C++ at run time.
#ifndef EMBER_NVRTC_H
#define EMBER_NVRTC_H

#include <stddef.h>

#pragma clang diagnostic ignored "-Wnullability-completeness"

#define EMBER_NVRTC_FUNCTIONS(X)                                                                                             \
  X(version, "nvrtcVersion", int, (int *major, int *minor))                                                                  \
  X(error_string, "nvrtcGetErrorString", const char *, (int result))                                                         \
  X(create, "nvrtcCreateProgram", int,                                                                                       \
    (void **program, const char *source, const char *name, int headers, const char *const *texts, const char *const *names)) \
  X(destroy, "nvrtcDestroyProgram", int, (void **program))                                                                   \
  X(compile, "nvrtcCompileProgram", int, (void *program, int count, const char *const *options))                             \
  X(add_name, "nvrtcAddNameExpression", int, (void *program, const char *expression))                                        \
  X(lowered_name, "nvrtcGetLoweredName", int, (void *program, const char *expression, const char **name))                    \
  X(log_size, "nvrtcGetProgramLogSize", int, (void *program, size_t *bytes))                                                 \
  X(log, "nvrtcGetProgramLog", int, (void *program, char *text))                                                             \
  X(image_size, "nvrtcGetCUBINSize", int, (void *program, size_t *bytes))                                                    \
  X(image, "nvrtcGetCUBIN", int, (void *program, char *image))

#define EMBER_NVRTC_FIELD(name, symbol, result, arguments) result (*_Nonnull name) arguments;
/// NVRTC's functions. Integers they return are nvrtcResults, 0 for success.
typedef struct ember_nvrtc {
  EMBER_NVRTC_FUNCTIONS(EMBER_NVRTC_FIELD)
} ember_nvrtc;

const char *ember_cuda_load_nvrtc(void *library, ember_nvrtc *nvrtc);

#endif
