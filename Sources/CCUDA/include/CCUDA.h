// What Ember uses of NVIDIA's libraries, declared by hand so that no CUDA installation is needed to build. All of them are loaded at
// run time. One line a function makes both the field of a table and its look-up by name.
#ifndef EMBER_CCUDA_H
#define EMBER_CCUDA_H

#include "ember_cuda_driver.h"
#include "ember_nvrtc.h"
#include "ember_cublaslt.h"
#include "ember_cudnn.h"
#include "ember_cuda_sources.h"

#endif
