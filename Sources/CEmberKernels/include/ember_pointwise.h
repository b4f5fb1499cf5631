// Typed pointwise programs, interpreted a tile at a time: one pass over memory for a chain of elementwise operations.
#ifndef EMBER_POINTWISE_H
#define EMBER_POINTWISE_H

#include "ember_kernels_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Operations. `type` of an instruction is the type of its operands (the source type for CAST).
typedef enum {
  EMBER_OP_COPY = 0,
  EMBER_OP_CAST,
  // Unary.
  EMBER_OP_NEGATE,
  EMBER_OP_ABSOLUTE,  // complex → real
  EMBER_OP_SIGN,      // complex: z / |z|; NaN → 0 as in PyTorch
  EMBER_OP_SQUARE,
  EMBER_OP_RECIPROCAL,
  EMBER_OP_SQRT,
  EMBER_OP_RSQRT,
  EMBER_OP_EXP,
  EMBER_OP_EXP2,
  EMBER_OP_EXPM1,
  EMBER_OP_LOG,
  EMBER_OP_LOG2,
  EMBER_OP_LOG10,
  EMBER_OP_LOG1P,
  EMBER_OP_SIN,
  EMBER_OP_COS,
  EMBER_OP_TAN,
  EMBER_OP_ASIN,
  EMBER_OP_ACOS,
  EMBER_OP_ATAN,
  EMBER_OP_SINH,
  EMBER_OP_COSH,
  EMBER_OP_TANH,
  EMBER_OP_ASINH,
  EMBER_OP_ACOSH,
  EMBER_OP_ATANH,
  EMBER_OP_ERF,
  EMBER_OP_ERFC,
  EMBER_OP_ERFINV,
  EMBER_OP_SIGMOID,
  EMBER_OP_FLOOR,
  EMBER_OP_CEIL,
  EMBER_OP_ROUND,  // half to even
  EMBER_OP_TRUNC,
  EMBER_OP_LGAMMA,
  EMBER_OP_DIGAMMA,
  EMBER_OP_IS_NAN,        // → BOOL
  EMBER_OP_IS_INFINITE,   // → BOOL
  EMBER_OP_IS_FINITE,     // → BOOL
  EMBER_OP_LOGICAL_NOT,   // → BOOL
  EMBER_OP_BITWISE_NOT,   // BOOL: logical not
  EMBER_OP_CONJUGATE,
  EMBER_OP_REAL,       // complex → real
  EMBER_OP_IMAGINARY,  // complex → real
  EMBER_OP_ANGLE,      // complex → real; real: pi where negative, else 0, NaN kept
  EMBER_OP_MANTISSA,   // frexp: x = mantissa 2^exponent, 1/2 <= |mantissa| < 1
  EMBER_OP_EXPONENT,
  // Special functions, see special_functions.h.
  EMBER_OP_BESSEL_J0,
  EMBER_OP_BESSEL_J1,
  EMBER_OP_BESSEL_Y0,
  EMBER_OP_BESSEL_Y1,
  EMBER_OP_MODIFIED_BESSEL_I0,
  EMBER_OP_SCALED_BESSEL_I0,
  EMBER_OP_MODIFIED_BESSEL_I1,
  EMBER_OP_SCALED_BESSEL_I1,
  EMBER_OP_MODIFIED_BESSEL_K0,
  EMBER_OP_SCALED_BESSEL_K0,
  EMBER_OP_MODIFIED_BESSEL_K1,
  EMBER_OP_SCALED_BESSEL_K1,
  EMBER_OP_AIRY_AI,
  EMBER_OP_ERFCX,
  EMBER_OP_NDTRI,
  EMBER_OP_GELU,  // x Φ(x)
  // Binary.
  EMBER_OP_ADD,       // BOOL: or
  EMBER_OP_SUBTRACT,  // BOOL: exclusive or
  EMBER_OP_MULTIPLY,  // BOOL: and
  EMBER_OP_DIVIDE,    // integers truncate; by zero: 0
  EMBER_OP_FLOOR_DIVIDE,
  EMBER_OP_REMAINDER,  // sign of the divisor
  EMBER_OP_FMOD,       // sign of the dividend
  EMBER_OP_POWER,
  EMBER_OP_ATAN2,
  EMBER_OP_MAXIMUM,  // NaN if either is
  EMBER_OP_MINIMUM,
  EMBER_OP_FMAX,  // the other one if one is NaN
  EMBER_OP_FMIN,
  EMBER_OP_COPYSIGN,
  EMBER_OP_HYPOT,
  EMBER_OP_NEXTAFTER,
  EMBER_OP_POLYGAMMA,  // the first operand's derivative of digamma at the second
  EMBER_OP_EQUAL,  // comparisons → BOOL
  EMBER_OP_NOT_EQUAL,
  EMBER_OP_LESS,
  EMBER_OP_LESS_EQUAL,
  EMBER_OP_GREATER,
  EMBER_OP_GREATER_EQUAL,
  EMBER_OP_LOGICAL_AND,  // → BOOL, of any type: nonzero is true
  EMBER_OP_LOGICAL_OR,
  EMBER_OP_LOGICAL_XOR,
  EMBER_OP_BITWISE_AND,
  EMBER_OP_BITWISE_OR,
  EMBER_OP_BITWISE_XOR,
  EMBER_OP_SHIFT_LEFT,   // a shift of the width or more, or negative: 0
  EMBER_OP_SHIFT_RIGHT,  // the same: 0, or -1 for a negative operand
  EMBER_OP_GCD,
  EMBER_OP_LCM,
  EMBER_OP_MAKE_COMPLEX,  // real a, imaginary b → complex
  EMBER_OP_ZETA,
  EMBER_OP_IGAMMA,
  EMBER_OP_IGAMMAC,
  EMBER_OP_CHEBYSHEV_T,
  EMBER_OP_CHEBYSHEV_U,
  EMBER_OP_CHEBYSHEV_V,
  EMBER_OP_CHEBYSHEV_W,
  EMBER_OP_SHIFTED_CHEBYSHEV_T,
  EMBER_OP_SHIFTED_CHEBYSHEV_U,
  EMBER_OP_SHIFTED_CHEBYSHEV_V,
  EMBER_OP_SHIFTED_CHEBYSHEV_W,
  EMBER_OP_HERMITE_H,
  EMBER_OP_HERMITE_HE,
  EMBER_OP_LAGUERRE_L,
  EMBER_OP_LEGENDRE_P,
  EMBER_OP_GELU_GRADIENT,  // of the first operand, times the second
  // Ternary.
  EMBER_OP_SELECT,  // a (BOOL) ? b : c; `type` is that of b and c
  EMBER_OP_FMA,     // a * b + c, rounded once where the machine can
  EMBER_OP_COUNT,
} ember_opcode;

/// One operation. Slots: the inputs (0..<input_count, as their computing types), then the constants, then the registers.
typedef struct {
  uint16_t opcode;
  /// ember_type of the operands.
  uint8_t type;
  /// ember_type of the result.
  uint8_t result_type;
  uint16_t result, a, b, c;
} ember_instruction;

/// One value of a computing type.
typedef union {
  double f64;
  float f32;
  int64_t i64;
  int32_t i32;
  int16_t i16;
  int8_t i8;
  uint8_t u8;
  uint8_t b;
  double c128[2];
  float c64[2];
} ember_scalar;

/// A program. Nothing in it is kept after a call. Registers may be reused; an instruction's operands must have been
/// written before it, and each output's slot still holds its value at the end.
typedef struct {
  int32_t input_count, constant_count, register_count, instruction_count, output_count;
  /// Per input: ember_dtype in memory.
  const uint8_t *input_dtype;
  /// Per input: ember_type that it is loaded as.
  const uint8_t *input_type;
  /// Per constant: ember_type.
  const uint8_t *constant_type;
  const ember_scalar *constants;
  const ember_instruction *instructions;
  /// Per output: ember_dtype in memory, ember_type of its slot, the slot (an input's or a constant's is allowed).
  const uint8_t *output_dtype;
  const uint8_t *output_type;
  const uint16_t *output_slot;
} ember_program;

/// Whether an operation exists for operands of a type. For CAST: the source type; every target type exists.
bool ember_pointwise_supports(int opcode, int type);

/// Runs a program over `count` elements of contiguous operands. `pointers`: inputs, then outputs. `uniform`, per input:
/// 1 means one element for all (NULL: none is). An output may be exactly an input of the same dtype; otherwise outputs
/// overlap nothing. An unsupported instruction leaves its result arbitrary.
void ember_pointwise_flat(const ember_program *program, void *const *pointers, const uint8_t *uniform, int64_t count);

/// The same over strided operands: `strides`, per operand (inputs, then outputs), `rank` strides in elements, which may be 0
/// (inputs) or negative. An output may be exactly an input of the same dtype and strides.
void ember_pointwise_strided(const ember_program *program, void *const *pointers, int rank, const int64_t *shape,
                             const int64_t *const *strides);

#ifdef __cplusplus
}
#endif
#endif
