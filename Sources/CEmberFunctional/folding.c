// Sliding windows as columns. A chunk is a plane.
#include "ember_functional_folding.h"

#include "CEmberKernels.h"

#include <string.h>

typedef struct {
  const ember_folding *f;
  const void *in;
  void *out;
} job;

typedef struct { float parts[2]; } pair_f32;
typedef struct { double parts[2]; } pair_f64;

/// Calls for every kernel position and every row of blocks whose image row exists.
#define FOR_BLOCK_ROWS(f, kh, kw, oh, row)                                                                       \
  for (int64_t kh = 0; kh < (f)->kernel[0]; kh++)                                                                \
    for (int64_t kw = 0; kw < (f)->kernel[1]; kw++)                                                              \
      for (int64_t oh = 0, row = kh * (f)->dilation[0] - (f)->padding[0]; oh < (f)->blocks[0]; oh++, row += (f)->stride[0])

#define DEFINE_UNFOLD(T, SUFFIX)                                                                                 \
  static void unfold_##SUFFIX(void *context, int64_t plane) {                                                    \
    const job *j = context;                                                                                      \
    const ember_folding *f = j->f;                                                                               \
    const int64_t height = f->image[0], width = f->image[1], blocks = f->blocks[0] * f->blocks[1];               \
    const T *x = (const T *)j->in + plane * height * width;                                                      \
    T *columns = (T *)j->out + plane * f->kernel[0] * f->kernel[1] * blocks;                                     \
    FOR_BLOCK_ROWS(f, kh, kw, oh, row) {                                                                         \
      T *y = columns + (kh * f->kernel[1] + kw) * blocks + oh * f->blocks[1];                                    \
      if (row < 0 || row >= height) {                                                                            \
        memset(y, 0, (size_t)f->blocks[1] * sizeof(T));                                                          \
        continue;                                                                                                \
      }                                                                                                          \
      int64_t column = kw * f->dilation[1] - f->padding[1];                                                      \
      for (int64_t ow = 0; ow < f->blocks[1]; ow++, column += f->stride[1]) {                                    \
        if (column >= 0 && column < width) y[ow] = x[row * width + column];                                      \
        else memset(&y[ow], 0, sizeof(T));                                                                       \
      }                                                                                                          \
    }                                                                                                            \
  }
DEFINE_UNFOLD(uint8_t, 1)
DEFINE_UNFOLD(uint16_t, 2)
DEFINE_UNFOLD(uint32_t, 4)
DEFINE_UNFOLD(uint64_t, 8)
DEFINE_UNFOLD(pair_f64, 16)

#define DEFINE_FOLD(T, SUFFIX, ADD)                                                                              \
  static void fold_##SUFFIX(void *context, int64_t plane) {                                                      \
    const job *j = context;                                                                                      \
    const ember_folding *f = j->f;                                                                               \
    const int64_t height = f->image[0], width = f->image[1], blocks = f->blocks[0] * f->blocks[1];               \
    const T *columns = (const T *)j->in + plane * f->kernel[0] * f->kernel[1] * blocks;                          \
    T *y = (T *)j->out + plane * height * width;                                                                 \
    memset(y, 0, (size_t)(height * width) * sizeof(T));                                                          \
    FOR_BLOCK_ROWS(f, kh, kw, oh, row) {                                                                         \
      if (row < 0 || row >= height) continue;                                                                    \
      const T *x = columns + (kh * f->kernel[1] + kw) * blocks + oh * f->blocks[1];                              \
      int64_t column = kw * f->dilation[1] - f->padding[1];                                                      \
      for (int64_t ow = 0; ow < f->blocks[1]; ow++, column += f->stride[1])                                      \
        if (column >= 0 && column < width) ADD(y[row * width + column], x[ow]);                                  \
    }                                                                                                            \
  }
#define ADD_REAL(a, b) (a) += (b)
#define ADD_PAIR(a, b) (a).parts[0] += (b).parts[0], (a).parts[1] += (b).parts[1]
DEFINE_FOLD(float, f32, ADD_REAL)
DEFINE_FOLD(double, f64, ADD_REAL)
DEFINE_FOLD(pair_f32, c64, ADD_PAIR)
DEFINE_FOLD(pair_f64, c128, ADD_PAIR)

void ember_unfold(int64_t size, const ember_folding *folding, const void *images, void *columns) {
  job j = {folding, images, columns};
  void (*body)(void *, int64_t) = size == 1 ? unfold_1 : size == 2 ? unfold_2 : size == 4 ? unfold_4 : size == 8 ? unfold_8 : unfold_16;
  ember_parallel(folding->planes, body, &j);
}

void ember_fold(int dtype, const ember_folding *folding, const void *columns, void *images) {
  job j = {folding, columns, images};
  void (*body)(void *, int64_t) = dtype == EMBER_FLOAT32     ? fold_f32
                                  : dtype == EMBER_FLOAT64   ? fold_f64
                                  : dtype == EMBER_COMPLEX64 ? fold_c64
                                                             : fold_c128;
  ember_parallel(folding->planes, body, &j);
}
