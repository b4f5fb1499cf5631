// The texts of the kernels, as NVRTC gets them.
#ifndef EMBER_CUDA_SOURCES_H
#define EMBER_CUDA_SOURCES_H

#include "ember_nvrtc.h"

/// The text of `kernels/NAME.cuh`, or null.
const char *ember_cuda_source(const char *name);

/// Compiles one kernel, `name` being its name expression, with the headers that kernels include. Returns an nvrtcResult; `program` is
/// to be destroyed by the caller in any case.
int ember_cuda_compile(
  const ember_nvrtc *nvrtc, void **program, const char *source, const char *name, int option_count, const char *const *options);

#endif
