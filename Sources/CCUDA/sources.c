// Carries the kernels' texts inside the binary, so that a static executable is a single file.
#include "ember_cuda_sources.h"

#include <stddef.h>
#include <string.h>

#pragma clang diagnostic ignored "-Wc23-extensions"

// One line a file.
#define KERNELS(X) \
  X(prelude) \
  X(complex) \
  X(numeric) \
  X(special) \
  X(copy) \
  X(matrix) \
  X(attention) \
  X(alignments) \
  X(bags) \
  X(class_loss) \
  X(convolution) \
  X(decoding) \
  X(distances) \
  X(distinct) \
  X(factorizations) \
  X(folding) \
  X(fourier) \
  X(histograms) \
  X(indexing) \
  X(masks) \
  X(normalization) \
  X(optimizer) \
  X(pooling) \
  X(random) \
  X(ranges) \
  X(ranks) \
  X(recurrence) \
  X(reduce) \
  X(resampling) \
  X(row_product) \
  X(scan) \
  X(segments) \
  X(softmax) \
  X(sort) \
  X(spectra) \
  X(tensor_cores)

static const char prelude[] = {
#embed "kernels/prelude.cuh" suffix(, 0)
};
static const char complex[] = {
#embed "kernels/complex.cuh" suffix(, 0)
};
static const char numeric[] = {
#embed "kernels/numeric.cuh" suffix(, 0)
};
static const char special[] = {
#embed "kernels/special.cuh" suffix(, 0)
};
static const char copy[] = {
#embed "kernels/copy.cuh" suffix(, 0)
};
static const char matrix[] = {
#embed "kernels/matrix.cuh" suffix(, 0)
};
static const char attention[] = {
#embed "kernels/attention.cuh" suffix(, 0)
};
static const char alignments[] = {
#embed "kernels/alignments.cuh" suffix(, 0)
};
static const char bags[] = {
#embed "kernels/bags.cuh" suffix(, 0)
};
static const char class_loss[] = {
#embed "kernels/class_loss.cuh" suffix(, 0)
};
static const char convolution[] = {
#embed "kernels/convolution.cuh" suffix(, 0)
};
static const char decoding[] = {
#embed "kernels/decoding.cuh" suffix(, 0)
};
static const char distances[] = {
#embed "kernels/distances.cuh" suffix(, 0)
};
static const char distinct[] = {
#embed "kernels/distinct.cuh" suffix(, 0)
};
static const char factorizations[] = {
#embed "kernels/factorizations.cuh" suffix(, 0)
};
static const char folding[] = {
#embed "kernels/folding.cuh" suffix(, 0)
};
static const char fourier[] = {
#embed "kernels/fourier.cuh" suffix(, 0)
};
static const char histograms[] = {
#embed "kernels/histograms.cuh" suffix(, 0)
};
static const char indexing[] = {
#embed "kernels/indexing.cuh" suffix(, 0)
};
static const char masks[] = {
#embed "kernels/masks.cuh" suffix(, 0)
};
static const char normalization[] = {
#embed "kernels/normalization.cuh" suffix(, 0)
};
static const char optimizer[] = {
#embed "kernels/optimizer.cuh" suffix(, 0)
};
static const char pooling[] = {
#embed "kernels/pooling.cuh" suffix(, 0)
};
static const char random[] = {
#embed "kernels/random.cuh" suffix(, 0)
};
static const char ranges[] = {
#embed "kernels/ranges.cuh" suffix(, 0)
};
static const char ranks[] = {
#embed "kernels/ranks.cuh" suffix(, 0)
};
static const char recurrence[] = {
#embed "kernels/recurrence.cuh" suffix(, 0)
};
static const char reduce[] = {
#embed "kernels/reduce.cuh" suffix(, 0)
};
static const char resampling[] = {
#embed "kernels/resampling.cuh" suffix(, 0)
};
static const char row_product[] = {
#embed "kernels/row_product.cuh" suffix(, 0)
};
static const char scan[] = {
#embed "kernels/scan.cuh" suffix(, 0)
};
static const char segments[] = {
#embed "kernels/segments.cuh" suffix(, 0)
};
static const char softmax[] = {
#embed "kernels/softmax.cuh" suffix(, 0)
};
static const char sort[] = {
#embed "kernels/sort.cuh" suffix(, 0)
};
static const char spectra[] = {
#embed "kernels/spectra.cuh" suffix(, 0)
};
static const char tensor_cores[] = {
#embed "kernels/tensor_cores.cuh" suffix(, 0)
};

// What kernels include: the CPU's own special functions, plain C that computes in double.
static const char special_h[] = {
#embed "../CEmberKernels/bodies/special.h" suffix(, 0)
};
static const char special_functions_h[] = {
#embed "../CEmberKernels/special_functions.h" suffix(, 0)
};
static const char special_function_tables_h[] = {
#embed "../CEmberKernels/special_function_tables.h" suffix(, 0)
};
static const char special_functions_c[] = {
#embed "../CEmberKernels/special_functions.c" suffix(, 0)
};
static const char special_gamma_c[] = {
#embed "../CEmberKernels/special_gamma.c" suffix(, 0)
};
static const char orthogonal_polynomials_c[] = {
#embed "../CEmberKernels/orthogonal_polynomials.c" suffix(, 0)
};
static const char orthogonal_polynomials_inc[] = {
#embed "../CEmberKernels/bodies/orthogonal_polynomials.inc" suffix(, 0)
};
static const char float_h[] = "#define DBL_EPSILON 2.2204460492503131e-16\n"
                              "#define DBL_MIN 2.2250738585072014e-308\n"
                              "#define DBL_MAX 1.7976931348623157e308\n";

static const struct {
  const char *name, *text;
} sources[] = {
#define ENTRY(name) {#name, name},
  KERNELS(ENTRY)
};

const char *const ember_cuda_header_names[] = {
  "special.h", "special_functions.h", "special_function_tables.h", "special_functions.c", "special_gamma.c", "orthogonal_polynomials.c",
  "bodies/orthogonal_polynomials.inc", "float.h", "math.h", "stddef.h", "stdint.h", "stdbool.h",
};
const char *const ember_cuda_header_texts[] = {
  special_h, special_functions_h, special_function_tables_h, special_functions_c, special_gamma_c, orthogonal_polynomials_c,
  orthogonal_polynomials_inc, float_h, "", "", "", "",
};
const int ember_cuda_header_count = sizeof ember_cuda_header_names / sizeof *ember_cuda_header_names;

const char *ember_cuda_source(const char *name) {
  for (size_t i = 0; i < sizeof sources / sizeof *sources; i++)
    if (!strcmp(sources[i].name, name)) return sources[i].text;
  return NULL;
}

int ember_cuda_compile(
  const ember_nvrtc *nvrtc, void **program, const char *source, const char *name, int option_count, const char *const *options) {
  int result = nvrtc->create(program, source, "kernel.cu", ember_cuda_header_count, ember_cuda_header_texts, ember_cuda_header_names);
  if (result == 0) result = nvrtc->add_name(*program, name);
  if (result == 0) result = nvrtc->compile(*program, option_count, options);
  return result;
}
