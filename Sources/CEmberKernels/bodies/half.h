// 16-bit floats to float32 and back, one element or one vector at a time. Round to nearest even; NaN stays NaN.
// Included by simd.h.
#ifndef EMBER_BODIES_HALF_H
#define EMBER_BODIES_HALF_H

EMBER_INLINE float ember_bits_to_float(uint32_t bits) { return __builtin_bit_cast(float, bits); }
EMBER_INLINE uint32_t ember_float_to_bits(float x) { return __builtin_bit_cast(uint32_t, x); }

EMBER_INLINE float ember_bfloat16_to_float(uint16_t h) { return ember_bits_to_float((uint32_t)h << 16); }
EMBER_INLINE uint16_t ember_float_to_bfloat16(float x) {
  uint32_t bits = ember_float_to_bits(x);
  uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  return (uint16_t)((bits & 0x7fffffff) > 0x7f800000 ? ((bits >> 16) | 0x40) : rounded);
}

// Both ways work by letting float arithmetic do the rounding or the normalising of subnormals.
EMBER_INLINE float ember_half_to_float(uint16_t h) {
  uint32_t sign = ((uint32_t)h << 16) & 0x80000000;
  uint32_t twice = (uint32_t)h << 17;
  float normal = ember_bits_to_float((twice >> 4) + (0xe0u << 23)) * 0x1p-112f;
  float subnormal = ember_bits_to_float((twice >> 17) | (126u << 23)) - 0.5f;
  return ember_bits_to_float(sign | ember_float_to_bits(twice < (1u << 27) ? subnormal : normal));
}
EMBER_INLINE uint16_t ember_float_to_half(float x) {
  uint32_t bits = ember_float_to_bits(x);
  uint32_t sign = (bits & 0x80000000) >> 16;
  uint32_t twice = bits << 1;
  uint32_t bias = twice & 0xff000000;
  if (bias < 0x71000000) bias = 0x71000000;
  float scaled = ember_bits_to_float(bits & 0x7fffffff) * 0x1p+112f;
  scaled = scaled * 0x1p-110f;
  float rounded = ember_bits_to_float((bias >> 1) + 0x07800000) + scaled;
  uint32_t result = ember_float_to_bits(rounded);
  result = ((result >> 13) & 0x7c00) + (result & 0xfff);
  return (uint16_t)(sign | (twice > 0xff000000 ? 0x7e00 : result));
}

EMBER_INLINE vfloat vfloat_load_bfloat16(const uint16_t *p) {
  vuint wide = __builtin_convertvector(*(const vushort_memory *)p, vuint);
  return __builtin_bit_cast(vfloat, wide << 16);
}
EMBER_INLINE void vfloat_store_bfloat16(uint16_t *p, vfloat v) {
  vuint bits = __builtin_bit_cast(vuint, v);
  vuint rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  vuint result = (v != v) ? ((bits >> 16) | 0x40) : rounded;
  *(vushort_memory *)p = __builtin_convertvector(result, vushort);
}

#if EMBER_HAS_HALF
typedef _Float16 vhalf_memory __attribute__((ext_vector_type(EMBER_LANES), aligned(2)));
typedef EMBER_VECTOR(_Float16, EMBER_LANES) vhalf;
EMBER_INLINE vfloat vfloat_load_half(const uint16_t *p) {
  return __builtin_convertvector((vhalf)*(const vhalf_memory *)p, vfloat);
}
EMBER_INLINE void vfloat_store_half(uint16_t *p, vfloat v) { *(vhalf_memory *)p = __builtin_convertvector(v, vhalf); }
#else
EMBER_INLINE vfloat vfloat_load_half(const uint16_t *p) {
  float lanes[EMBER_LANES];
  for (int i = 0; i < EMBER_LANES; i++) lanes[i] = ember_half_to_float(p[i]);
  return vfloat_load(lanes);
}
EMBER_INLINE void vfloat_store_half(uint16_t *p, vfloat v) {
  float lanes[EMBER_LANES];
  vfloat_store(lanes, v);
  for (int i = 0; i < EMBER_LANES; i++) p[i] = ember_float_to_half(lanes[i]);
}
#endif

#endif
