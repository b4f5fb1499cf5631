// Typed inner loops of scatter and index_add: one per dtype and mode, generated from a table of element arithmetic.
#include "elements.h"
#include "index_walk.h"

// Element arithmetic by suffix. Integers wrap; 16-bit floats compute in float32; bool adds by or, as PyTorch does.

#define INTEGER_ARITHMETIC(suffix, type)                                                                       \
  static inline type add_##suffix(type a, type b) { return (type)((uint64_t)a + (uint64_t)b); }                \
  static inline type multiply_##suffix(type a, type b) { return (type)((uint64_t)a * (uint64_t)b); }           \
  static inline type maximum_##suffix(type a, type b) { return b > a ? b : a; }                                \
  static inline type minimum_##suffix(type a, type b) { return b < a ? b : a; }                                \
  static inline type scaled_##suffix(type a, type b, double alpha) {                                           \
    return (type)((uint64_t)a + (uint64_t)b * (uint64_t)element_double_to_integer(alpha));                     \
  }

INTEGER_ARITHMETIC(u8, uint8_t)
INTEGER_ARITHMETIC(i8, int8_t)
INTEGER_ARITHMETIC(i16, int16_t)
INTEGER_ARITHMETIC(i32, int32_t)
INTEGER_ARITHMETIC(i64, int64_t)
INTEGER_ARITHMETIC(u16, uint16_t)
INTEGER_ARITHMETIC(u32, uint32_t)
INTEGER_ARITHMETIC(u64, uint64_t)

typedef struct { uint8_t value; } boolean;
static inline boolean add_truth(boolean a, boolean b) { return (boolean){a.value | b.value}; }
static inline boolean multiply_truth(boolean a, boolean b) { return (boolean){a.value & b.value}; }
static inline boolean maximum_truth(boolean a, boolean b) { return add_truth(a, b); }
static inline boolean minimum_truth(boolean a, boolean b) { return multiply_truth(a, b); }
static inline boolean scaled_truth(boolean a, boolean b, double alpha) { return (boolean){a.value | (b.value && alpha != 0)}; }

#define FLOATING_ARITHMETIC(suffix, type)                                                                      \
  static inline type add_##suffix(type a, type b) { return a + b; }                                            \
  static inline type multiply_##suffix(type a, type b) { return a * b; }                                       \
  static inline type maximum_##suffix(type a, type b) { return b > a || b != b ? b : a; }                      \
  static inline type minimum_##suffix(type a, type b) { return b < a || b != b ? b : a; }                      \
  static inline type scaled_##suffix(type a, type b, double alpha) { return a + b * (type)alpha; }

FLOATING_ARITHMETIC(f32, float)
FLOATING_ARITHMETIC(f64, double)

#define HALF_ARITHMETIC(suffix, type, from, to)                                                                \
  static inline type add_##suffix(type a, type b) { return (type){to(from(a.bits) + from(b.bits))}; }          \
  static inline type multiply_##suffix(type a, type b) { return (type){to(from(a.bits) * from(b.bits))}; }     \
  static inline type maximum_##suffix(type a, type b) { return (type){to(maximum_f32(from(a.bits), from(b.bits)))}; } \
  static inline type minimum_##suffix(type a, type b) { return (type){to(minimum_f32(from(a.bits), from(b.bits)))}; } \
  static inline type scaled_##suffix(type a, type b, double alpha) {                                           \
    return (type){to(from(a.bits) + from(b.bits) * (float)alpha)};                                             \
  }

HALF_ARITHMETIC(f16, element_float16, element_half_to_float, element_float_to_half)
HALF_ARITHMETIC(bf16, element_bfloat16, element_bfloat_to_float, element_float_to_bfloat)

#define COMPLEX_ARITHMETIC(suffix, type, real)                                                                 \
  static inline type add_##suffix(type a, type b) { return (type){a.re + b.re, a.im + b.im}; }                 \
  static inline type multiply_##suffix(type a, type b) {                                                       \
    return (type){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};                                       \
  }                                                                                                            \
  static inline type maximum_##suffix(type a, type b) { return b.re > a.re || b.re != b.re ? b : a; }          \
  static inline type minimum_##suffix(type a, type b) { return b.re < a.re || b.re != b.re ? b : a; }          \
  static inline type scaled_##suffix(type a, type b, double alpha) {                                           \
    return (type){a.re + b.re * (real)alpha, a.im + b.im * (real)alpha};                                       \
  }

COMPLEX_ARITHMETIC(c64, element_complex64, float)
COMPLEX_ARITHMETIC(c128, element_complex128, double)

typedef struct { uint64_t low, high; } sixteen_bytes;

#define COPY_ARITHMETIC(suffix, type) \
  static inline type set_##suffix(type a, type b) { return (void)a, b; }
COPY_ARITHMETIC(8, uint8_t)
COPY_ARITHMETIC(16, uint16_t)
COPY_ARITHMETIC(32, uint32_t)
COPY_ARITHMETIC(64, uint64_t)
COPY_ARITHMETIC(128, sixteen_bytes)

// MARK: Loops

#define SCATTER_LOOP(operation, suffix, type)                                                                        \
  static void scatter_##operation##_##suffix(void *self, int64_t self_step, int64_t axis_stride, int64_t axis_size,  \
                                             const int64_t *index, int64_t index_step, const void *source,           \
                                             int64_t source_step, int64_t n) {                                       \
    for (int64_t k = 0; k < n; ++k) {                                                                                \
      int64_t i = index[k * index_step];                                                                             \
      i += i < 0 ? axis_size : 0;                                                                                    \
      type *destination = (type *)self + k * self_step + i * axis_stride;                                            \
      *destination = operation##_##suffix(*destination, ((const type *)source)[k * source_step]);                    \
    }                                                                                                                \
  }

#define ADD_LOOP(suffix, type)                                                                                       \
  static void add_row_##suffix(void *self, int64_t self_step, const void *source, int64_t source_step, int64_t n,    \
                               double alpha) {                                                                       \
    type *a = self;                                                                                                  \
    const type *b = source;                                                                                          \
    if (alpha == 1 && self_step == 1 && source_step == 1) {                                                          \
      for (int64_t k = 0; k < n; ++k) a[k] = add_##suffix(a[k], b[k]);                                               \
    } else if (alpha == 1) {                                                                                         \
      for (int64_t k = 0; k < n; ++k) a[k * self_step] = add_##suffix(a[k * self_step], b[k * source_step]);         \
    } else {                                                                                                         \
      for (int64_t k = 0; k < n; ++k) a[k * self_step] = scaled_##suffix(a[k * self_step], b[k * source_step], alpha); \
    }                                                                                                                \
  }

#define FOR_EACH_DTYPE(X)                                                                                       \
  X(BOOL, truth, boolean) X(UINT8, u8, uint8_t) X(INT8, i8, int8_t) X(INT16, i16, int16_t)                       \
  X(INT32, i32, int32_t) X(INT64, i64, int64_t) X(FLOAT16, f16, element_float16)                                \
  X(BFLOAT16, bf16, element_bfloat16) X(FLOAT32, f32, float) X(FLOAT64, f64, double)                            \
  X(COMPLEX64, c64, element_complex64) X(COMPLEX128, c128, element_complex128) X(UINT16, u16, uint16_t)         \
  X(UINT32, u32, uint32_t) X(UINT64, u64, uint64_t)

#define DEFINE_LOOPS(name, suffix, type) \
  SCATTER_LOOP(add, suffix, type)        \
  SCATTER_LOOP(multiply, suffix, type)   \
  SCATTER_LOOP(maximum, suffix, type)    \
  SCATTER_LOOP(minimum, suffix, type)    \
  ADD_LOOP(suffix, type)
FOR_EACH_DTYPE(DEFINE_LOOPS)
SCATTER_LOOP(set, 8, uint8_t)
SCATTER_LOOP(set, 16, uint16_t)
SCATTER_LOOP(set, 32, uint32_t)
SCATTER_LOOP(set, 64, uint64_t)
SCATTER_LOOP(set, 128, sixteen_bytes)

#define TABLE_ENTRY(name, suffix, type)                                                                             \
  [EMBER_##name] = {scatter_add_##suffix, scatter_multiply_##suffix, scatter_maximum_##suffix, scatter_minimum_##suffix},
static const index_scatter_row scatter_loops[EMBER_DTYPE_COUNT][4] = {FOR_EACH_DTYPE(TABLE_ENTRY)};

#define ADD_ENTRY(name, suffix, type) [EMBER_##name] = add_row_##suffix,
static const index_add_row add_loops[EMBER_DTYPE_COUNT] = {FOR_EACH_DTYPE(ADD_ENTRY)};

index_scatter_row index_scatter_loop(int mode, int dtype) {
  if (mode != EMBER_SCATTER_SET) return scatter_loops[dtype][mode - EMBER_SCATTER_ADD];
  switch (ember_dtype_size(dtype)) {
    case 1: return scatter_set_8;
    case 2: return scatter_set_16;
    case 4: return scatter_set_32;
    case 8: return scatter_set_64;
    default: return scatter_set_128;
  }
}

index_add_row index_add_loop(int dtype) { return add_loops[dtype]; }

#define COPY_CASE(bytes, type)                                                                                       \
  case bytes:                                                                                                        \
    for (int64_t k = 0; k < n; ++k) ((type *)self)[k * self_step] = ((const type *)source)[k * source_step];         \
    break;

void index_copy_row(size_t size, void *self, int64_t self_step, const void *source, int64_t source_step, int64_t n) {
  if (self_step == 1 && source_step == 1 && n * (int64_t)size > 64) {
    memcpy(self, source, (size_t)n * size);
    return;
  }
  switch (size) {
    COPY_CASE(1, uint8_t)
    COPY_CASE(2, uint16_t)
    COPY_CASE(4, uint32_t)
    COPY_CASE(8, uint64_t)
    COPY_CASE(16, sixteen_bytes)
    default:  // a caller that treats several elements as one
      for (int64_t k = 0; k < n; ++k)
        memcpy((char *)self + k * self_step * (int64_t)size, (const char *)source + k * source_step * (int64_t)size, size);
  }
}
