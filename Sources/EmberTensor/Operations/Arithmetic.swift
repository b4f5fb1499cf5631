import EmberRuntime

infix operator .==: ComparisonPrecedence
infix operator .!=: ComparisonPrecedence
infix operator .<: ComparisonPrecedence
infix operator .<=: ComparisonPrecedence
infix operator .>: ComparisonPrecedence
infix operator .>=: ComparisonPrecedence
infix operator **: BitwiseShiftPrecedence

extension Tensor {
  // MARK: Operators. Shapes broadcast, dtypes promote as in PyTorch. An operand that nobody else holds gives its memory to the result.

  public static func + (a: consuming Tensor, b: Tensor) -> Tensor { Pointwise.add.reusing(a, b) }
  public static func - (a: consuming Tensor, b: Tensor) -> Tensor { Pointwise.subtract.reusing(a, b) }
  public static func * (a: consuming Tensor, b: Tensor) -> Tensor { Pointwise.multiply.reusing(a, b) }
  /// True division: integers yield floating point.
  public static func / (a: consuming Tensor, b: Tensor) -> Tensor { Pointwise.divide.reusing(a, b) }
  public static func % (a: Tensor, b: Tensor) -> Tensor { Pointwise.remainder(a, b) }
  public static func ** (a: Tensor, b: Tensor) -> Tensor { Pointwise.power(a, b) }
  /// Truth values have no sign and are refused; `logicalNot()` inverts them.
  public static prefix func - (a: Tensor) -> Tensor { a.dtype == .bool ? accepting(.number, in: "neg", a) { a } : Pointwise.negate(a) }

  public static func + (a: consuming Tensor, b: Scalar) -> Tensor { Pointwise.addNumber.reusing(a, ScalarParameters(b)) }
  public static func + (a: Scalar, b: consuming Tensor) -> Tensor { Pointwise.addNumber.reusing(b, ScalarParameters(a)) }
  public static func - (a: consuming Tensor, b: Scalar) -> Tensor { Pointwise.addNumber.reusing(a, ScalarParameters(b.negated)) }
  public static func - (a: Scalar, b: consuming Tensor) -> Tensor { Pointwise.subtractFromNumber.reusing(b, ScalarParameters(a)) }
  public static func * (a: consuming Tensor, b: Scalar) -> Tensor { Pointwise.multiplyByNumber.reusing(a, ScalarParameters(b)) }
  public static func * (a: Scalar, b: consuming Tensor) -> Tensor { Pointwise.multiplyByNumber.reusing(b, ScalarParameters(a)) }
  public static func / (a: consuming Tensor, b: Scalar) -> Tensor { Pointwise.divideByNumber.reusing(a, ScalarParameters(b)) }
  public static func / (a: Scalar, b: consuming Tensor) -> Tensor { Pointwise.divideNumber.reusing(b, ScalarParameters(a)) }
  public static func ** (a: Tensor, b: Scalar) -> Tensor { a.pow(b) }
  public static func ** (a: Scalar, b: Tensor) -> Tensor { Pointwise.numberToPower(b, ScalarParameters(a)) }

  // Numbers that are variables, not literals.
  public static func + <T: TensorElement>(a: consuming Tensor, b: T) -> Tensor { a + b.scalar }
  public static func + <T: TensorElement>(a: T, b: consuming Tensor) -> Tensor { a.scalar + b }
  public static func - <T: TensorElement>(a: consuming Tensor, b: T) -> Tensor { a - b.scalar }
  public static func - <T: TensorElement>(a: T, b: consuming Tensor) -> Tensor { a.scalar - b }
  public static func * <T: TensorElement>(a: consuming Tensor, b: T) -> Tensor { a * b.scalar }
  public static func * <T: TensorElement>(a: T, b: consuming Tensor) -> Tensor { a.scalar * b }
  public static func / <T: TensorElement>(a: consuming Tensor, b: T) -> Tensor { a / b.scalar }
  public static func / <T: TensorElement>(a: T, b: consuming Tensor) -> Tensor { a.scalar / b }
  public static func ** <T: TensorElement>(a: Tensor, b: T) -> Tensor { a ** b.scalar }
  public static func ** <T: TensorElement>(a: T, b: Tensor) -> Tensor { a.scalar ** b }
  public static func .== <T: TensorElement>(a: Tensor, b: T) -> Tensor { a .== b.scalar }
  public static func .!= <T: TensorElement>(a: Tensor, b: T) -> Tensor { a .!= b.scalar }
  public static func .< <T: TensorElement>(a: Tensor, b: T) -> Tensor { a .< b.scalar }
  public static func .<= <T: TensorElement>(a: Tensor, b: T) -> Tensor { a .<= b.scalar }
  public static func .> <T: TensorElement>(a: Tensor, b: T) -> Tensor { a .> b.scalar }
  public static func .>= <T: TensorElement>(a: Tensor, b: T) -> Tensor { a .>= b.scalar }

  public static func += (a: inout Tensor, b: Tensor) { applyInPlace(.add, &a, b, .none) }
  public static func -= (a: inout Tensor, b: Tensor) { applyInPlace(.subtract, &a, b, .none) }
  public static func *= (a: inout Tensor, b: Tensor) { applyInPlace(.multiply, &a, b, .none) }
  public static func /= (a: inout Tensor, b: Tensor) {
    a.dtype.category >= .floatingPoint ? applyInPlace(.divide, &a, b, .none) : (a = a / b)
  }
  public static func += (a: inout Tensor, b: Scalar) { applyInPlace(.addNumber, &a, nil, ScalarParameters(b)) }
  public static func -= (a: inout Tensor, b: Scalar) { applyInPlace(.addNumber, &a, nil, ScalarParameters(b.negated)) }
  public static func *= (a: inout Tensor, b: Scalar) { applyInPlace(.multiplyByNumber, &a, nil, ScalarParameters(b)) }
  public static func /= (a: inout Tensor, b: Scalar) {
    a.dtype.category >= .floatingPoint ? applyInPlace(.divideByNumber, &a, nil, ScalarParameters(b)) : (a = a / b)
  }

  // MARK: Comparison, element by element

  public static func .== (a: Tensor, b: Tensor) -> Tensor { Pointwise.equal(a, b) }
  public static func .!= (a: Tensor, b: Tensor) -> Tensor { Pointwise.notEqual(a, b) }
  public static func .< (a: Tensor, b: Tensor) -> Tensor { Pointwise.less(a, b) }
  public static func .<= (a: Tensor, b: Tensor) -> Tensor { Pointwise.lessEqual(a, b) }
  public static func .> (a: Tensor, b: Tensor) -> Tensor { Pointwise.greater(a, b) }
  public static func .>= (a: Tensor, b: Tensor) -> Tensor { Pointwise.greaterEqual(a, b) }
  public static func .== (a: Tensor, b: Scalar) -> Tensor { Pointwise.equalToNumber(a, ScalarParameters(b)) }
  public static func .!= (a: Tensor, b: Scalar) -> Tensor { Pointwise.notEqualToNumber(a, ScalarParameters(b)) }
  public static func .< (a: Tensor, b: Scalar) -> Tensor { Pointwise.lessThanNumber(a, ScalarParameters(b)) }
  public static func .<= (a: Tensor, b: Scalar) -> Tensor { Pointwise.lessEqualNumber(a, ScalarParameters(b)) }
  public static func .> (a: Tensor, b: Scalar) -> Tensor { Pointwise.greaterThanNumber(a, ScalarParameters(b)) }
  public static func .>= (a: Tensor, b: Scalar) -> Tensor { Pointwise.greaterEqualNumber(a, ScalarParameters(b)) }
  /// Both true; for bool and integers bit by bit.
  public static func & (a: Tensor, b: Tensor) -> Tensor { Pointwise.bitwiseAnd(a, b) }
  public static func | (a: Tensor, b: Tensor) -> Tensor { Pointwise.bitwiseOr(a, b) }
  public static func ^ (a: Tensor, b: Tensor) -> Tensor { Pointwise.bitwiseXor(a, b) }
  public static prefix func ~ (a: Tensor) -> Tensor { Pointwise.bitwiseNot(a) }
  public static prefix func ! (a: Tensor) -> Tensor { Pointwise.logicalNot(a) }

  // MARK: Functions

  public func pow(_ exponent: Scalar) -> Tensor {
    // The common exponents are exact and much cheaper.
    if exponent == 2 || exponent == 2.0, dtype.category >= .floatingPoint { return Pointwise.square(self) }
    if exponent == 0.5, dtype.isFloatingPoint { return Pointwise.sqrt(self) }
    if case .integer(let power) = exponent, power < 0, dtype.category <= .integer {
      return refuse(.value, "pow", "integers have no powers of negative integers; convert \(summary) to floating point first")
    }
    return Pointwise.powerOfNumber(self, ScalarParameters(exponent))
  }
  public func abs() -> Tensor { dtype == .bool ? accepting(.number, in: "abs", self) { self } : Pointwise.absolute(self) }
  /// -1, 0 or 1. Complex numbers have no sign; `sgn()` gives their direction.
  public func sign() -> Tensor { dtype.isComplex ? accepting(.real, in: "sign", self) { self } : Pointwise.sign(self) }
  public func square() -> Tensor { Pointwise.square(dtype == .bool ? to(.int64) : self) }
  public consuming func sqrt() -> Tensor { Pointwise.sqrt.reusing(self) }
  public consuming func rsqrt() -> Tensor { Pointwise.rsqrt.reusing(self) }
  public consuming func reciprocal() -> Tensor { Pointwise.reciprocal.reusing(self) }
  public consuming func exp() -> Tensor { Pointwise.exp.reusing(self) }
  public consuming func exp2() -> Tensor { Pointwise.exp2.reusing(self) }
  public consuming func expm1() -> Tensor { Pointwise.expm1.reusing(self) }
  public consuming func log() -> Tensor { Pointwise.log.reusing(self) }
  public consuming func log2() -> Tensor { Pointwise.log2.reusing(self) }
  public consuming func log10() -> Tensor { Pointwise.log10.reusing(self) }
  public consuming func log1p() -> Tensor { Pointwise.log1p.reusing(self) }
  public consuming func sin() -> Tensor { Pointwise.sin.reusing(self) }
  public consuming func cos() -> Tensor { Pointwise.cos.reusing(self) }
  public consuming func tan() -> Tensor { Pointwise.tan.reusing(self) }
  public consuming func asin() -> Tensor { Pointwise.asin.reusing(self) }
  public consuming func acos() -> Tensor { Pointwise.acos.reusing(self) }
  public consuming func atan() -> Tensor { Pointwise.atan.reusing(self) }
  public consuming func sinh() -> Tensor { Pointwise.sinh.reusing(self) }
  public consuming func cosh() -> Tensor { Pointwise.cosh.reusing(self) }
  public consuming func tanh() -> Tensor { Pointwise.tanh.reusing(self) }
  public consuming func asinh() -> Tensor { Pointwise.asinh.reusing(self) }
  public consuming func acosh() -> Tensor { Pointwise.acosh.reusing(self) }
  public consuming func atanh() -> Tensor { Pointwise.atanh.reusing(self) }
  public consuming func erf() -> Tensor { Pointwise.erf.reusing(self) }
  public consuming func erfc() -> Tensor { Pointwise.erfc.reusing(self) }
  public consuming func erfinv() -> Tensor { Pointwise.erfinv.reusing(self) }
  public consuming func sigmoid() -> Tensor { Pointwise.sigmoid.reusing(self) }
  public consuming func lgamma() -> Tensor { Pointwise.lgamma.reusing(self) }
  public func floor() -> Tensor { accepting(.realNumber, in: "floor", self) { dtype.isInteger ? self : Pointwise.floor(self) } }
  public func ceil() -> Tensor { accepting(.realNumber, in: "ceil", self) { dtype.isInteger ? self : Pointwise.ceil(self) } }
  /// To the nearest integer, halves to the even one.
  public func round() -> Tensor { accepting(.realNumber, in: "round", self) { dtype.isInteger ? self : Pointwise.round(self) } }
  public func trunc() -> Tensor { accepting(.realNumber, in: "trunc", self) { dtype.isInteger ? self : Pointwise.trunc(self) } }
  public consuming func relu() -> Tensor { Pointwise.relu.reusing(self) }
  public func leakyReLU(negativeSlope: Double = 0.01) -> Tensor { Pointwise.leakyReLU(self, ScalarParameters(.real(negativeSlope))) }
  public enum GELUApproximation: String, Sendable { case none, tanh }
  public func gelu(approximate: GELUApproximation = .none) -> Tensor {
    approximate == .none ? Pointwise.gelu(self) : Pointwise.geluTanh(self)
  }
  public consuming func silu() -> Tensor { Pointwise.silu.reusing(self) }
  public func softplus(beta: Double = 1, threshold: Double = 20) -> Tensor {
    Pointwise.softplus(self, ScalarParameters(.real(beta), .real(threshold)))
  }
  public func elu(alpha: Double = 1) -> Tensor { Pointwise.elu(self, ScalarParameters(.real(alpha))) }
  public consuming func logSigmoid() -> Tensor { Pointwise.logSigmoid.reusing(self) }
  public var isNaN: Tensor { Pointwise.isNaN(self) }
  public var isInfinite: Tensor { Pointwise.isInfinite(self) }
  public var isFinite: Tensor { Pointwise.isFinite(self) }
  public var real: Tensor { dtype.isComplex ? Pointwise.realPart(self) : self }
  public var imag: Tensor { accepting(.complex, in: "imag", self) { Pointwise.imaginaryPart(self) } }
  public func conj() -> Tensor { dtype.isComplex ? Pointwise.conjugate(self) : self }
  public func angle() -> Tensor { dtype.isComplex ? Pointwise.angle(self) : Pointwise.realAngle(self) }

  /// Limits every element to `min` ... `max`.
  public func clamp(min: Scalar? = nil, max: Scalar? = nil) -> Tensor {
    switch (min, max) {
    case (let low?, let high?): return Pointwise.clamp(self, ScalarParameters(low, high))
    case (let low?, nil): return Pointwise.clampMin(self, ScalarParameters(low))
    case (nil, let high?): return Pointwise.clampMax(self, ScalarParameters(high))
    case (nil, nil):
      raise(EmberError(.value, in: "clamp", "give min, max or both"))
      return .poison
    }
  }

  /// Limits every element to `min` ... `max`, given as variables.
  public func clamp<T: TensorElement>(min: T? = nil, max: T? = nil) -> Tensor { clamp(min: min?.scalar, max: max?.scalar) }

  /// This tensor with `value`, converted to its dtype, where `mask` holds. Raises if the value is complex and the tensor is not.
  public func maskedFill(_ mask: Tensor, _ value: Scalar) -> Tensor {
    guard mask.dtype == .bool || mask.isPoisoned else {
      return refuse(.dtype, "masked_fill", "the mask must be bool, not \(mask.summary)", beside: self)
    }
    guard value.category <= dtype.category else {
      guard let converted = value.converted(to: dtype) else {
        return refuse(.dtype, "masked_fill", "\(value) does not fit into \(summary)", beside: self)
      }
      return Pointwise.maskedFill(self, mask, ScalarParameters(converted))
    }
    return Pointwise.maskedFill(self, mask, ScalarParameters(value))
  }
}

/// `a` where `condition` holds, else `b`.
public func `where`(_ condition: Tensor, _ a: Tensor, _ b: Tensor) -> Tensor { Pointwise.choose(condition, a, b) }
public func maximum(_ a: Tensor, _ b: Tensor) -> Tensor { Pointwise.maximum(a, b) }
public func minimum(_ a: Tensor, _ b: Tensor) -> Tensor { Pointwise.minimum(a, b) }
public func atan2(_ a: Tensor, _ b: Tensor) -> Tensor { Pointwise.atan2(a, b) }

extension Scalar {
  /// The number as one of a dtype's category, reals cut off towards zero; nil if it has an imaginary part or fits no integer.
  func converted(to dtype: DType) -> Scalar? {
    if case .complex = self, !dtype.isComplex { return nil }
    switch dtype.category {
    case .bool: return .bool(isTrue)
    case .integer: return integerValue.map { .integer($0) }
    case .floatingPoint: return .real(doubleValue)
    case .complex: return self
    }
  }

  var negated: Scalar {
    switch self {
    case .bool(let value): .integer(value ? -1 : 0)
    case .integer(let value): .integer(0 &- value)
    case .real(let value): .real(-value)
    case .complex(let real, let imaginary): .complex(-real, -imaginary)
    }
  }
}

// MARK: - Changing dtype and device

extension Tensor {
  /// The same numbers as another dtype; itself if it has it already.
  public func to(_ dtype: DType) -> Tensor { dtype == self.dtype ? self : apply(Cast(dtype: dtype), self) }

  /// The same value in dense row-major memory; itself if it is dense already.
  public func contiguous() -> Tensor { isContiguous ? self : apply(Contiguous(), self) }
  /// A copy in memory of its own.
  public func clone() -> Tensor { apply(Contiguous(format: keptFormat), self) }
}

package struct Cast: UnaryOperation {
  package static let name = "to"
  package let dtype: DType
  package func forward(_ x: Tensor) throws(EmberError) -> Tensor {
    let y = try Tensor.empty(shape: x.body.shape, dtype: dtype, like: x, x.keptFormat)
    if x.backend.holdsData { x.backend.copy(x.operand, to: y.operand) }
    return y
  }
  package func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> Tensor? { gradient.to(context.inputDType(0)) }
}

package struct Contiguous: UnaryOperation {
  package static let name = "clone"
  package var format = MemoryFormat.contiguous
  package func forward(_ x: Tensor) throws(EmberError) -> Tensor {
    let y = try Tensor.empty(shape: x.body.shape, dtype: x.dtype, like: x, format)
    if x.backend.holdsData { x.backend.copy(x.operand, to: y.operand) }
    return y
  }
  package func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> Tensor? { gradient }
}
