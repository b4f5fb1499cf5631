// Reading and writing single elements of any dtype: 16-bit float conversion, typed dispatch. Private to this target.
#ifndef EMBER_ELEMENTS_H
#define EMBER_ELEMENTS_H

#include "ember_kernels_types.h"

#include <math.h>
#include <string.h>

typedef struct { float re, im; } element_complex64;
typedef struct { double re, im; } element_complex128;
// Distinct types for 16-bit floats, so that a typed template can tell them from integers.
typedef struct { uint16_t bits; } element_float16;
typedef struct { uint16_t bits; } element_bfloat16;

static inline uint32_t element_float_bits(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

static inline float element_float_from_bits(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

// Both half conversions are free of branches so that loops over them vectorise on every instruction set: rebiasing the
// exponent is a float multiplication, which also treats infinities and NaN rightly; subnormals go through a subtraction.
static inline float element_half_to_float(uint16_t half) {
  const uint32_t word = (uint32_t)half << 16, magnitude = word + word;
  const float normal = element_float_from_bits((magnitude >> 4) + (UINT32_C(0xE0) << 23)) * 0x1.0p-112f;
  const float subnormal = element_float_from_bits((magnitude >> 17) | (UINT32_C(126) << 23)) - 0.5f;
  const uint32_t bits = element_float_bits(magnitude < (UINT32_C(1) << 27) ? subnormal : normal);
  return element_float_from_bits((word & UINT32_C(0x80000000)) | bits);
}

static inline uint16_t element_float_to_half(float x) {
  const uint32_t word = element_float_bits(x), magnitude = word + word;
  // Scaling up and down turns what is too large into infinity; adding a power of two rounds to nearest even.
  float rounded = (element_float_from_bits(word & UINT32_C(0x7FFFFFFF)) * 0x1.0p+112f) * 0x1.0p-110f;
  uint32_t bias = magnitude & UINT32_C(0xFF000000);
  bias = bias < UINT32_C(0x71000000) ? UINT32_C(0x71000000) : bias;
  rounded = element_float_from_bits((bias >> 1) + UINT32_C(0x07800000)) + rounded;
  const uint32_t bits = element_float_bits(rounded);
  const uint32_t value = ((bits >> 13) & UINT32_C(0x7C00)) + (bits & UINT32_C(0x0FFF));
  return (uint16_t)((word >> 16 & UINT32_C(0x8000)) | (magnitude > UINT32_C(0xFF000000) ? UINT32_C(0x7E00) : value));
}

static inline float element_bfloat_to_float(uint16_t bfloat) { return element_float_from_bits((uint32_t)bfloat << 16); }

static inline uint16_t element_float_to_bfloat(float x) {
  const uint32_t word = element_float_bits(x);
  const uint32_t rounded = (word + UINT32_C(0x7FFF) + (word >> 16 & 1)) >> 16;
  return (uint16_t)((word & UINT32_C(0x7FFFFFFF)) > UINT32_C(0x7F800000) ? UINT32_C(0x7FC0) : rounded);
}

static inline bool element_is_floating(int dtype) { return dtype >= EMBER_FLOAT16 && dtype <= EMBER_FLOAT64; }
static inline bool element_is_complex(int dtype) { return dtype == EMBER_COMPLEX64 || dtype == EMBER_COMPLEX128; }
static inline bool element_is_integer(int dtype) {  // bool included
  return dtype <= EMBER_INT64 || (dtype >= EMBER_UINT16 && dtype <= EMBER_UINT64);
}

/// The dtype of a complex number's components.
static inline int element_component(int dtype) {
  return dtype == EMBER_COMPLEX64 ? EMBER_FLOAT32 : dtype == EMBER_COMPLEX128 ? EMBER_FLOAT64 : dtype;
}

/// A double as an integer, without the undefined behaviour of values that do not fit.
static inline int64_t element_double_to_integer(double x) {
  if (!(x >= -0x1.0p63)) return INT64_MIN;  // NaN too, as the hardware does
  return x < 0x1.0p63 ? (int64_t)x : INT64_MAX;
}

/// Writes a floating result as any real or complex dtype.
static inline void element_store_double(int dtype, void *out, int64_t index, double x) {
  switch (dtype) {
    case EMBER_BOOL: ((uint8_t *)out)[index] = x != 0; break;
    case EMBER_UINT8: ((uint8_t *)out)[index] = (uint8_t)element_double_to_integer(x); break;
    case EMBER_INT8: ((int8_t *)out)[index] = (int8_t)element_double_to_integer(x); break;
    case EMBER_INT16: ((int16_t *)out)[index] = (int16_t)element_double_to_integer(x); break;
    case EMBER_INT32: ((int32_t *)out)[index] = (int32_t)element_double_to_integer(x); break;
    case EMBER_INT64: ((int64_t *)out)[index] = element_double_to_integer(x); break;
    case EMBER_UINT16: ((uint16_t *)out)[index] = (uint16_t)element_double_to_integer(x); break;
    case EMBER_UINT32: ((uint32_t *)out)[index] = (uint32_t)element_double_to_integer(x); break;
    case EMBER_UINT64: ((uint64_t *)out)[index] = (uint64_t)element_double_to_integer(x); break;
    case EMBER_FLOAT16: ((uint16_t *)out)[index] = element_float_to_half((float)x); break;
    case EMBER_BFLOAT16: ((uint16_t *)out)[index] = element_float_to_bfloat((float)x); break;
    case EMBER_FLOAT32: ((float *)out)[index] = (float)x; break;
    case EMBER_FLOAT64: ((double *)out)[index] = x; break;
    case EMBER_COMPLEX64: ((element_complex64 *)out)[index] = (element_complex64){(float)x, 0}; break;
    case EMBER_COMPLEX128: ((element_complex128 *)out)[index] = (element_complex128){x, 0}; break;
    default: break;
  }
}

/// Writes an integer result as any dtype; integers wrap.
static inline void element_store_integer(int dtype, void *out, int64_t index, int64_t x) {
  switch (dtype) {
    case EMBER_BOOL: ((uint8_t *)out)[index] = x != 0; break;
    case EMBER_UINT8: case EMBER_INT8: ((uint8_t *)out)[index] = (uint8_t)x; break;
    case EMBER_INT16: case EMBER_UINT16: ((uint16_t *)out)[index] = (uint16_t)x; break;
    case EMBER_INT32: case EMBER_UINT32: ((uint32_t *)out)[index] = (uint32_t)x; break;
    case EMBER_INT64: case EMBER_UINT64: ((int64_t *)out)[index] = x; break;
    default: element_store_double(dtype, out, index, (double)x); break;
  }
}

/// Reads a real element as a double (int64 beyond 2^53 rounds).
static inline double element_load_double(int dtype, const void *in, int64_t index) {
  switch (dtype) {
    case EMBER_BOOL: return ((const uint8_t *)in)[index] != 0;
    case EMBER_UINT8: return ((const uint8_t *)in)[index];
    case EMBER_INT8: return ((const int8_t *)in)[index];
    case EMBER_INT16: return ((const int16_t *)in)[index];
    case EMBER_INT32: return ((const int32_t *)in)[index];
    case EMBER_INT64: return (double)((const int64_t *)in)[index];
    case EMBER_UINT16: return ((const uint16_t *)in)[index];
    case EMBER_UINT32: return ((const uint32_t *)in)[index];
    case EMBER_UINT64: return (double)((const uint64_t *)in)[index];
    case EMBER_FLOAT16: return element_half_to_float(((const uint16_t *)in)[index]);
    case EMBER_BFLOAT16: return element_bfloat_to_float(((const uint16_t *)in)[index]);
    case EMBER_FLOAT32: return ((const float *)in)[index];
    case EMBER_FLOAT64: return ((const double *)in)[index];
    default: return 0;
  }
}

/// Reads an element of an integer dtype (uint64 wraps).
static inline int64_t element_load_integer(int dtype, const void *in, int64_t index) {
  switch (dtype) {
    case EMBER_BOOL: return ((const uint8_t *)in)[index] != 0;
    case EMBER_UINT8: return ((const uint8_t *)in)[index];
    case EMBER_INT8: return ((const int8_t *)in)[index];
    case EMBER_INT16: return ((const int16_t *)in)[index];
    case EMBER_INT32: return ((const int32_t *)in)[index];
    case EMBER_INT64: return ((const int64_t *)in)[index];
    case EMBER_UINT16: return ((const uint16_t *)in)[index];
    case EMBER_UINT32: return ((const uint32_t *)in)[index];
    case EMBER_UINT64: return (int64_t)((const uint64_t *)in)[index];
    default: return 0;
  }
}

/// True when an element of any dtype differs from zero.
static inline bool element_is_nonzero(int dtype, const void *in, int64_t index) {
  switch (dtype) {
    case EMBER_COMPLEX64:
      return ((const float *)in)[2 * index] != 0 || ((const float *)in)[2 * index + 1] != 0;
    case EMBER_COMPLEX128:
      return ((const double *)in)[2 * index] != 0 || ((const double *)in)[2 * index + 1] != 0;
    default:
      return element_is_integer(dtype) ? element_load_integer(dtype, in, index) != 0
                                       : element_load_double(dtype, in, index) != 0;
  }
}

#endif
