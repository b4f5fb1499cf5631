/// The scalar functions that pointwise programs are made of. Raw values are those of the C kernels' `ember_opcode`.
public enum Opcode: UInt16, Sendable, CaseIterable {
  case copy = 0
  case cast
  // Unary.
  case negate, absolute, sign, square, reciprocal, sqrt, rsqrt, exp, exp2, expm1, log, log2, log10, log1p
  case sin, cos, tan, asin, acos, atan, sinh, cosh, tanh, asinh, acosh, atanh, erf, erfc, erfinv, sigmoid
  case floor, ceil, round, trunc, lgamma, digamma
  case isNaN, isInfinite, isFinite, logicalNot, bitwiseNot, conjugate, real, imaginary, angle, mantissa, exponent
  case besselJ0, besselJ1, besselY0, besselY1, modifiedBesselI0, scaledBesselI0, modifiedBesselI1, scaledBesselI1
  case modifiedBesselK0, scaledBesselK0, modifiedBesselK1, scaledBesselK1, airyAi, erfcx, ndtri
  /// x Φ(x), Φ the normal distribution.
  case gelu
  // Binary.
  case add, subtract, multiply, divide, floorDivide, remainder, fmod, power, atan2, maximum, minimum, fmax, fmin
  case copysign, hypot, nextafter, polygamma
  case equal, notEqual, less, lessEqual, greater, greaterEqual
  case logicalAnd, logicalOr, logicalXor, bitwiseAnd, bitwiseOr, bitwiseXor, shiftLeft, shiftRight, gcd, lcm, makeComplex
  case zeta, igamma, igammac
  case chebyshevT, chebyshevU, chebyshevV, chebyshevW
  case shiftedChebyshevT, shiftedChebyshevU, shiftedChebyshevV, shiftedChebyshevW
  case hermiteH, hermiteHe, laguerreL, legendreP
  /// The derivative of gelu at the first operand, times the second.
  case geluGradient
  // Ternary.
  case select, fma
}

extension Opcode {
  /// True for functions whose result is a truth value whatever their operands are.
  var yieldsBool: Bool {
    switch self {
    case .isNaN, .isInfinite, .isFinite, .logicalNot, .logicalAnd, .logicalOr, .logicalXor: true
    case .equal, .notEqual, .less, .lessEqual, .greater, .greaterEqual: true
    default: false
    }
  }

  /// Functions of real numbers only that are no elementary ones.
  var isSpecial: Bool {
    let unary = Opcode.mantissa.rawValue...Opcode.ndtri.rawValue, binary = Opcode.zeta.rawValue...Opcode.legendreP.rawValue
    return unary.contains(rawValue) || binary.contains(rawValue)
  }

  /// True for functions that map a complex operand to a real result.
  var yieldsReal: Bool {
    switch self {
    case .absolute, .real, .imaginary, .angle: true
    default: false
    }
  }
}

/// The types that programs compute in. Raw values are those of the C kernels' `ember_type`.
public enum ComputeType: UInt8, Sendable {
  case bool = 0
  case uint8, int8, int16, int32, int64, float32, float64, complex64, complex128

  /// The type that elements of a dtype are computed in.
  public init(_ dtype: DType) {
    switch dtype {
    case .bool: self = .bool
    case .uint8: self = .uint8
    case .int8: self = .int8
    case .int16: self = .int16
    case .int32, .uint16: self = .int32
    case .int64, .uint32, .uint64: self = .int64
    case .float16, .bfloat16, .float32, .float8e4m3fn, .float8e5m2, .float8e4m3fnuz, .float8e5m2fnuz: self = .float32
    case .float64: self = .float64
    case .complex32, .complex64: self = .complex64
    case .complex128: self = .complex128
    }
  }

  /// The dtype that stores this type without conversion.
  public var dtype: DType {
    switch self {
    case .bool: .bool
    case .uint8: .uint8
    case .int8: .int8
    case .int16: .int16
    case .int32: .int32
    case .int64: .int64
    case .float32: .float32
    case .float64: .float64
    case .complex64: .complex64
    case .complex128: .complex128
    }
  }

  var isComplex: Bool { self == .complex64 || self == .complex128 }
  var realPart: ComputeType { self == .complex64 ? .float32 : self == .complex128 ? .float64 : self }

  /// Where two types of one expression meet.
  static func meet(_ a: ComputeType, _ b: ComputeType) -> ComputeType {
    a == b ? a : ComputeType(TypePromotion.promote(a.dtype, b.dtype))
  }
}
