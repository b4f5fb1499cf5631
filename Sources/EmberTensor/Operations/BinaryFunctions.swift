import EmberRuntime

/// Pointwise functions of two tensors beyond arithmetic and comparison.
extension Pointwise {
  public static let shiftLeft = Pointwise("bitwise_left_shift", promotion: .integral) { a, b in .binary(.shiftLeft, a, b) }
  public static let shiftRight = Pointwise("bitwise_right_shift", promotion: .integral) { a, b in .binary(.shiftRight, a, b) }
  public static let gcd = Pointwise("gcd", promotion: .integral) { a, b in .binary(.gcd, a, b) }
  public static let lcm = Pointwise("lcm", promotion: .integral) { a, b in .binary(.lcm, a, b) }
  public static let nextAfter = Pointwise("nextafter") { a, b in .binary(.nextafter, a, b) }
  /// 0 below zero, 1 above, the second operand at zero.
  public static let heaviside = Pointwise("heaviside", roles: [.value, .value], derivative: { _, _, _, _ in [nil, nil] }) { x, _ in
    select(x[0] .== 0, x[1], select(x[0] .> 0, 1, 0))
  }
  /// a · 2ᵇ
  public static let ldexp = Pointwise("ldexp", promotion: .floatingPoint) { a, b in a * .unary(.exp2, b) }
  /// Absolute value and angle to a complex number.
  public static let polar = Pointwise("polar") { a, b in .binary(.makeComplex, a * .unary(.cos, b), a * .unary(.sin, b)) }
  /// x · log y, and 0 where x is 0 (unless y is NaN).
  public static let xlogy = Pointwise(
    "xlogy", roles: [.value, .value], promotion: .floatingPoint,
    derivative: { x, _, _, g in [select((x[0] .== 0) .& (x[1] .<= 0), 0, g * .unary(.log, x[1])), g * x[0] / x[1]] }
  ) { x, _ in logTerm(x[0], x[1]) }
  /// x · log(1 + y), and 0 where x is 0 (unless y is NaN).
  public static let xlog1py = Pointwise(
    "xlog1py", roles: [.value, .value], promotion: .floatingPoint,
    derivative: { x, _, _, g in [select((x[0] .== 0) .& (x[1] .<= -1), 0, g * .unary(.log1p, x[1])), g * x[0] / (x[1] + 1)] }
  ) { x, _ in log1pTerm(x[0], x[1]) }
  private static func logTerm(_ x: Expression, _ y: Expression) -> Expression {
    select(.unary(.isNaN, y), y, select(x .== 0, 0, x * .unary(.log, y)))
  }
  private static func log1pTerm(_ x: Expression, _ y: Expression) -> Expression {
    select(.unary(.isNaN, y), y, select(x .== 0, 0, x * .unary(.log1p, y)))
  }
  /// log(eᵃ + eᵇ) from the larger one, so that nothing overflows; equal infinities stay what they are.
  public static let logAddExp = Pointwise(
    "logaddexp", roles: [.value, .value],
    derivative: { x, _, _, g in [g * .unary(.sigmoid, x[0] - x[1]), g * .unary(.sigmoid, x[1] - x[0])] }
  ) { x, _ in
    let larger = EmberRuntime.maximum(x[0], x[1])
    return select((x[0] .== x[1]) .& .unary(.isInfinite, x[0]), x[0], larger + .unary(.log1p, .unary(.exp, -abs(x[0] - x[1]))))
  }
  /// log₂(2ᵃ + 2ᵇ)
  public static let logAddExp2 = Pointwise(
    "logaddexp2", roles: [.value, .value],
    derivative: { x, _, _, g in
      let distance = (x[0] - x[1]) * 0.693147180559945309417
      return [g * .unary(.sigmoid, distance), g * .unary(.sigmoid, -distance)]
    }
  ) { x, _ in
    let larger = EmberRuntime.maximum(x[0], x[1])
    let tail = .unary(.log1p, .unary(.exp2, -abs(x[0] - x[1]))) * 1.44269504088896340736
    return select((x[0] .== x[1]) .& .unary(.isInfinite, x[0]), x[0], larger + tail)
  }
  /// log(eᵃ + eᵇ) of complex numbers: from the one with the larger real part.
  public static let complexLogAddExp = Pointwise(
    "logaddexp", roles: [.value, .value],
    derivative: { x, _, _, g in
      [g * .unary(.conjugate, .unary(.sigmoid, x[0] - x[1])), g * .unary(.conjugate, .unary(.sigmoid, x[1] - x[0]))]
    }
  ) { x, _ in
    let isFirst = .unary(.real, x[0]) .>= .unary(.real, x[1])
    let larger = select(isFirst, x[0], x[1]), smaller = select(isFirst, x[1], x[0])
    return larger + .unary(.log1p, .unary(.exp, smaller - larger))
  }
  /// |a - b| ≤ atol + |rtol · b|, or equal; NaN equals NaN if the last parameter is not 0.
  static let isClose = Pointwise("isclose", roles: [.value, .value], parameters: 3) { x, p in
    // Of complex operands the parameters are complex too: their real parts count.
    let difference = abs(x[0] - x[1]), allowed: Expression = .unary(.real, p[1]) + .unary(.real, p[0]) * abs(x[1])
    let isNear: Expression = .unary(.isFinite, difference) .& (difference .<= allowed)
    let areNaN: Expression = (p[2] .!= 0) .& .unary(.isNaN, x[0]) .& .unary(.isNaN, x[1])
    return (x[0] .== x[1]) .| areNaN .| isNear
  }
}

// MARK: - Arithmetic with its options

/// How a division is rounded.
public enum RoundingMode: String, Sendable {
  /// Towards zero, as C's integer division.
  case trunc
  /// Towards negative infinity, as Python's `//`.
  case floor
}

extension Tensor {
  /// self + alpha · other
  public func adding(_ other: Tensor, alpha: Scalar = 1) -> Tensor {
    checkingScale(alpha, beside: other, in: "add") {
      alpha.isOne ? self + other : Pointwise.addScaled(self, other, ScalarParameters(alpha))
    }
  }

  /// self - alpha · other. Not for truth values: write `logicalXor`.
  public func subtracting(_ other: Tensor, alpha: Scalar = 1) -> Tensor {
    if dtype == .bool || other.dtype == .bool {
      return refuse(
        .dtype, "sub", "bool tensors have no difference (\(summary) and \(other.summary)); use logicalXor, or logicalNot for 1 - x")
    }
    return checkingScale(alpha, beside: other, in: "sub") {
      alpha.isOne ? self - other : Pointwise.addScaled(self, other, ScalarParameters(alpha.negated))
    }
  }

  /// Whether `alpha` may scale the second operand: it must not widen the result.
  private func checkingScale(_ alpha: Scalar, beside other: Tensor, in operation: String, _ body: () -> Tensor) -> Tensor {
    let category = Swift.max(dtype.category, other.dtype.category)
    if alpha.category > category, !(category == .bool && alpha.isOne) {
      return refuse(.value, operation, "alpha = \(alpha) would widen the result of \(summary) and \(other.summary)")
    }
    if alpha.category == .bool, category != .bool { return refuse(.value, operation, "alpha may be a truth value for bool tensors only") }
    return body()
  }

  /// self / other, rounded if a mode is given. Only the unrounded division turns integers into floating point.
  public func divided(by other: Tensor, rounding: RoundingMode? = nil) -> Tensor {
    switch rounding {
    case nil: self / other
    case .trunc:
      accepting(.real, in: "div", self, other) {
        refusingZero(other, in: "div") {
          let meeting = TypePromotion.promote(dtype, other.dtype)
          if meeting == .float16 || meeting == .bfloat16 { return apply(TruncateDivide16(), self, other) }
          return Pointwise.truncateDivide(self, other)
        }
      }
    case .floor: accepting(.real, in: "div", self, other) { floorDivide(other) }
    }
  }

  /// Python's `//`. Integers must not be divided by 0.
  public func floorDivide(_ other: Tensor) -> Tensor { refusingZero(other, in: "floor_divide") { Pointwise.floorDivide(self, other) } }

  /// Integers have no quotient by 0. The look at the divisor costs little beside integer divisions.
  private func refusingZero(_ divisor: Tensor, in operation: String, _ body: () -> Tensor) -> Tensor {
    if dtype.category <= .integer, divisor.dtype.category <= .integer, !isPoisoned, !divisor.isPoisoned, divisor.backend.holdsData,
      (divisor .== 0).holdsSomewhere()
    {
      return refuse(.value, operation, "an integer of \(divisor.summary), the divisor, is 0")
    }
    return body()
  }

  /// self to the power of `exponent`, computed in float64 (complex128).
  public func floatPower(_ exponent: Tensor) -> Tensor {
    let target: DType = dtype.isComplex || exponent.dtype.isComplex ? .complex128 : .float64
    return Pointwise.power(to(target), exponent.to(target))
  }

  /// The remainder with the sign of the dividend, as C's `fmod`. Integers must not be divided by 0.
  public func fmod(_ other: Tensor) -> Tensor { refusingZero(other, in: "fmod") { Pointwise.fmod(self, other) } }
  /// The remainder with the sign of the divisor, as Python's `%`. Integers must not be divided by 0.
  public func remainder(_ other: Tensor) -> Tensor { refusingZero(other, in: "remainder") { self % other } }
  public func pow(_ exponent: Tensor) -> Tensor { self ** exponent }
  /// self · 2^exponent
  public func ldexp(_ exponent: Tensor) -> Tensor { Pointwise.ldexp(self, exponent) }

  public func bitwiseLeftShift(_ count: Tensor) -> Tensor { Pointwise.shiftLeft(self, count) }
  /// Shifts copies of the sign bit in.
  public func bitwiseRightShift(_ count: Tensor) -> Tensor { Pointwise.shiftRight(self, count) }
  public func bitwiseAnd(_ other: Tensor) -> Tensor { Pointwise.bitwiseAnd(self, other) }
  public func bitwiseOr(_ other: Tensor) -> Tensor { Pointwise.bitwiseOr(self, other) }
  public func bitwiseXor(_ other: Tensor) -> Tensor { Pointwise.bitwiseXor(self, other) }
  public func logicalAnd(_ other: Tensor) -> Tensor { Pointwise.logicalAnd(self, other) }
  public func logicalOr(_ other: Tensor) -> Tensor { Pointwise.logicalOr(self, other) }
  public func logicalXor(_ other: Tensor) -> Tensor { Pointwise.logicalXor(self, other) }
  public func gcd(_ other: Tensor) -> Tensor { Pointwise.gcd(self, other) }
  public func lcm(_ other: Tensor) -> Tensor { Pointwise.lcm(self, other) }

  /// The magnitude of self with the sign of `other`.
  public func copysign(_ other: Tensor) -> Tensor { accepting(.real, in: "copysign", self, other) { Pointwise.copysign(self, other) } }

  /// The length of the hypotenuse, √(self² + other²), without overflow on the way.
  public func hypot(_ other: Tensor) -> Tensor { accepting(.floatingPoint, in: "hypot", self, other) { Pointwise.hypot(self, other) } }

  /// 0 where self is negative, 1 where positive, `values` where 0.
  public func heaviside(_ values: Tensor) -> Tensor {
    accepting(.real, in: "heaviside", self, values) {
      requiringOneDType(in: "heaviside", self, values) { Pointwise.heaviside(self, values) }
    }
  }

  /// log(eˢᵉˡᶠ + eᵒᵗʰᵉʳ)
  public func logAddExp(_ other: Tensor) -> Tensor {
    accepting([.floatingPoint, .complex], in: "logaddexp", self, other) {
      dtype.isComplex || other.dtype.isComplex ? Pointwise.complexLogAddExp(self, other) : Pointwise.logAddExp(self, other)
    }
  }

  /// log₂(2ˢᵉˡᶠ + 2ᵒᵗʰᵉʳ)
  public func logAddExp2(_ other: Tensor) -> Tensor {
    accepting(.floatingPoint, in: "logaddexp2", self, other) { Pointwise.logAddExp2(self, other) }
  }

  /// The next number of the dtype from self towards `other`.
  public func nextAfter(_ other: Tensor) -> Tensor {
    accepting(.floatingPoint, in: "nextafter", self, other) {
      guard dtype.size == 2, dtype == other.dtype else { return Pointwise.nextAfter(self, other) }
      return apply(NextAfter16(), self, other)
    }
  }

  /// Whether each element lies within atol + |rtol · other| of the other's.
  public func isClose(_ other: Tensor, rtol: Double = 1e-5, atol: Double = 1e-8, equalNaN: Bool = false) -> Tensor {
    guard rtol >= 0, atol >= 0 else { return refuse(.value, "isclose", "rtol = \(rtol), atol = \(atol); they must not be negative") }
    return requiringOneDType(in: "isclose", self, other) {
      // Integers are compared in float64, which holds tolerances and all but the largest of them.
      let a = dtype.category <= .integer ? to(.float64) : self, b = dtype.category <= .integer ? other.to(.float64) : other
      let close = Pointwise.isClose(a, b, ScalarParameters(.real(rtol), .real(atol), .real(equalNaN ? 1 : 0)))
      return dtype.category <= .integer ? close.logicalOr(self .== other) : close
    }
  }
}

/// The next number of a 16-bit dtype. Such floats compute in float32, whose neighbours are nearer; so their bits are counted
/// up or down as integers.
private struct NextAfter16: BinaryOperation {
  static let name = "nextafter"
  let saved = SavedTensors.inputs

  func forward(_ x: Tensor, _ other: Tensor) throws(EmberError) -> Tensor {
    let dense = try x.dense()
    let bits = dense.reinterpreted(as: .int16, dense.body.shape, dense.body.strides, offset: dense.body.offset)
    func number(_ value: Int64) -> Tensor { Tensor(.integer(value), dtype: .int16, on: x.device) }
    // From 0 to the smallest number of the other's sign, whose bits are 1 or 0x8001.
    let fromZero = `where`(other.signBit, number(-32767), number(1))
    let step = `where`((x .< other).logicalXor(x .< 0), number(1), number(-1))
    let moved = `where`(x .== 0, fromZero, bits + step)
    let result = moved.reinterpreted(as: x.dtype, moved.body.shape, moved.body.strides, offset: moved.body.offset)
    // Equal operands give the second one; NaN on either side gives their sum.
    return `where`(x.isNaN.logicalOr(other.isNaN), x + other, `where`(x .== other, other, result))
  }

  func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> (Tensor?, Tensor?) {
    let (x, other) = (context.input(0), context.input(1))
    return (gradient.maskedFill(x .== other, 0).sum(to: context.inputShape(0)), nil)
  }
}

/// 16-bit floats are divided, and the quotient is rounded, before its fraction is cut off, as in PyTorch.
private struct TruncateDivide16: BinaryOperation {
  static let name = "div"
  func forward(_ x: Tensor, _ other: Tensor) throws(EmberError) -> Tensor { (x / other).trunc() }
  func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> (Tensor?, Tensor?) {
    func zeros(_ i: Int) -> Tensor { Tensor.zeros(Array(context.inputShape(i)), dtype: context.inputDType(i), on: gradient.device) }
    return (zeros(0), zeros(1))
  }
}

/// A complex tensor from its parts, which must be of one dtype: float16, float32 or float64.
public func complex(_ real: Tensor, _ imaginary: Tensor) -> Tensor {
  complexPair("complex", real, imaginary) { Pointwise.makeComplex(real, imaginary) }
}

/// A complex tensor from absolute values and angles of one dtype: float16, float32 or float64.
public func polar(_ absolute: Tensor, _ angle: Tensor) -> Tensor {
  complexPair("polar", absolute, angle) { Pointwise.polar(absolute, angle) }
}

private func complexPair(_ operation: String, _ a: Tensor, _ b: Tensor, _ body: () -> Tensor) -> Tensor {
  if a.dtype == .bfloat16 {
    return refuse(.dtype, operation, "there are no complex numbers of bfloat16; convert \(a.summary) to float32 first")
  }
  return accepting(.floatingPoint, in: operation, a, b) {
    requiringOneDType(in: operation, a, b, body: body)
  }
}

/// x · log y, and 0 where x is 0.
public func xlogy(_ x: Tensor, _ y: Tensor) -> Tensor { accepting(.real, in: "xlogy", x, y) { Pointwise.xlogy(x, y) } }
public func fmax(_ a: Tensor, _ b: Tensor) -> Tensor { Pointwise.fmax(a, b) }
public func fmin(_ a: Tensor, _ b: Tensor) -> Tensor { Pointwise.fmin(a, b) }

extension Scalar {
  /// The number in a narrower category: without its imaginary part, without its fraction.
  func narrowed(to category: DType.Category) -> Scalar {
    switch category {
    case .bool: .bool(isTrue)
    case .integer: .integer(integerValue ?? 0)
    case .floatingPoint: .real(doubleValue)
    case .complex: self
    }
  }

  /// 1 of any category.
  var isOne: Bool { doubleValue == 1 && imaginaryPart == 0 }
}
