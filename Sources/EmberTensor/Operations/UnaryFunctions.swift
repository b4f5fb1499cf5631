import EmberRuntime

/// Pointwise functions of one tensor beyond the elementary ones.
extension Pointwise {
  public static let digamma = Pointwise("digamma", promotion: .floatingPoint) { x in .unary(.digamma, x) }
  /// π for negative numbers, else 0: piecewise constant, where complex numbers' angle is not.
  public static let realAngle = Pointwise(
    "angle", roles: [.value], promotion: .floatingPoint, derivative: { _, _, _, g in [select(g .== g, 0, 0)] }
  ) { x, _ in .unary(.angle, x[0]) }
  /// z / |z|, and 0 at 0, for complex numbers.
  public static let complexSign = Pointwise(
    "sgn", roles: [.value],
    derivative: { x, _, y, g in
      let radial: Expression = .unary(.real, g * .unary(.conjugate, y))
      return [select(x[0] .== 0, 0, (g - radial * y) / abs(x[0]))]
    }
  ) { x, _ in EmberRuntime.sign(x[0]) }
  public static let fraction = Pointwise("frac", roles: [.value], derivative: { _, _, _, g in [g] }) { x, _ in x[0] - .unary(.trunc, x[0]) }
  public static let mantissa = Pointwise("frexp") { x in .unary(.mantissa, x) }
  public static let exponent = Pointwise("frexp") { x in .unary(.exponent, x) }
  /// True for negative numbers, -0 and NaN with its sign bit set.
  public static let signBit = Pointwise("signbit") { x in .binary(.copysign, 1, x) .< 0 }
  /// sin(πx) / (πx), and 1 at 0.
  public static let sinc = Pointwise(
    "sinc", roles: [.value], promotion: .floatingPoint,
    derivative: { x, _, y, g in
      let angle = x[0] * 3.14159265358979323846
      return [select(x[0] .== 0, 0, g * .unary(.conjugate, (.unary(.cos, angle) - y) / x[0]))]
    }
  ) { x, _ in
    let angle = x[0] * 3.14159265358979323846
    return select(x[0] .== 0, 1, .unary(.sin, angle) / angle)
  }
  public static let degreesToRadians = Pointwise("deg2rad", promotion: .floatingPoint) { x in x * 0.017453292519943295769 }
  public static let radiansToDegrees = Pointwise("rad2deg", promotion: .floatingPoint) { x in x * 57.295779513082320877 }
  public static let isPositiveInfinity = Pointwise("isposinf") { x in x .== .infinity }
  public static let isNegativeInfinity = Pointwise("isneginf") { x in x .== .negativeInfinity }
  /// Replaces NaN and the infinities by the three parameters.
  public static let nanToNum = Pointwise("nan_to_num", roles: [.value], parameters: 3) { x, p in
    select(.unary(.isNaN, x[0]), p[0], select(x[0] .== .infinity, p[1], select(x[0] .== .negativeInfinity, p[2], x[0])))
  }
  /// log(x / (1 - x)); the gradient is NaN outside of [0, 1].
  public static let logit = Pointwise(
    "logit", roles: [.value], promotion: .floatingPoint,
    derivative: { x, _, _, g in [select((x[0] .>= 0) .& (x[0] .<= 1), g / (x[0] * (1 - x[0])), .nan)] }
  ) { x, _ in .unary(.log, x[0] / (1 - x[0])) }
  /// The same of x limited to [ε, 1 - ε].
  public static let clampedLogit = Pointwise(
    "logit", roles: [.value], parameters: 1, promotion: .floatingPoint,
    derivative: { x, p, _, g in [select((x[0] .>= p[0]) .& (x[0] .<= 1 - p[0]), g / (x[0] * (1 - x[0])), 0)] }
  ) { x, p in
    // From ε = 1/2 on the limits cross, and the lower one counts.
    let limited = select(x[0] .< p[0], p[0], EmberRuntime.minimum(x[0], 1 - p[0]))
    return .unary(.log, limited / (1 - limited))
  }
  /// round(x · p) / p
  public static let roundToDecimals = Pointwise("round", roles: [.value], parameters: 1) { x, p in .unary(.round, x[0] * p[0]) / p[0] }
  /// round(x / p) · p
  public static let roundToPowers = Pointwise("round", roles: [.value], parameters: 1) { x, p in .unary(.round, x[0] / p[0]) * p[0] }
  /// ψ⁽ⁿ⁾(x), the n-th derivative of digamma; the parameter is n.
  static let polygamma = Pointwise("polygamma", roles: [.value], parameters: 1, promotion: .floatingPoint) { x, p in
    .binary(.polygamma, p[0], x[0])
  }
}

extension Tensor {
  /// The derivative of `lgamma`.
  public func digamma() -> Tensor { Pointwise.digamma(self) }

  /// The n-th derivative of the digamma function. DLMF 25.11.12.
  public func polygamma(_ n: Int) -> Tensor {
    guard n >= 0 else { return refuse(.value, "polygamma", "an order of \(n); it must not be negative") }
    if n == 0 { return digamma() }
    return accepting(.real, in: "polygamma", self) { Pointwise.polygamma(self, ScalarParameters(.real(Double(n)))) }
  }

  /// The logarithm of the multivariate gamma function of dimension `p`: a sum of `lgamma` at x, x - 1/2, …
  public func mvlgamma(_ p: Int) -> Tensor {
    guard p >= 1 else { return refuse(.value, "mvlgamma", "a dimension of \(p); it must be 1 or more") }
    return accepting(.real, in: "mvlgamma", self) {
      let x = dtype.isFloatingPoint ? self : to(.float32)
      let offsets = (Tensor.arange(p, on: device) * -0.5).to(x.dtype)
      return (x.unsqueeze(-1) + offsets).lgamma().sum(-1) + Double(p) * Double(p - 1) / 4 * 1.14472988584940017414
    }
  }

  /// z / |z| for complex numbers, the sign for others; 0 at 0.
  public func sgn() -> Tensor { dtype.isComplex ? Pointwise.complexSign(self) : sign() }

  /// x without its integer part; of the sign of x.
  public func frac() -> Tensor { accepting(.floatingPoint, in: "frac", self) { Pointwise.fraction(self) } }

  /// x = mantissa · 2^exponent with 1/2 ≤ |mantissa| < 1; the exponent is int32. Zero, infinities and NaN have exponent 0.
  public func frexp() -> (mantissa: Tensor, exponent: Tensor) {
    func part(_ function: Pointwise) -> Tensor { accepting(.floatingPoint, in: "frexp", self) { function(self) } }
    return (part(.mantissa), noGrad { part(.exponent).to(.int32) })
  }

  /// To `decimals` digits behind the point; before it if negative. Halves go to the even neighbour.
  public func round(decimals: Int) -> Tensor {
    if decimals == 0 { return round() }
    return accepting(.floatingPoint, in: "round", self) {
      var power = 1.0
      for _ in 0..<Swift.min(decimals.magnitude, 400) { power *= 10 }
      let function = decimals > 0 ? Pointwise.roundToDecimals : .roundToPowers
      return function(self, ScalarParameters(.real(power)))
    }
  }

  /// log(x / (1 - x)), with x first limited to [ε, 1 - ε] if ε is given.
  public func logit(eps: Double? = nil) -> Tensor {
    accepting(.real, in: "logit", self) {
      guard let eps, eps >= 0 else { return Pointwise.logit(self) }
      return Pointwise.clampedLogit(self, ScalarParameters(.real(eps)))
    }
  }

  /// This tensor with finite numbers for NaN (0 if not given) and the infinities (the dtype's largest and smallest numbers).
  public func nanToNum(nan: Double? = nil, posinf: Double? = nil, neginf: Double? = nil) -> Tensor {
    if dtype.isComplex { return viewAsReal().nanToNum(nan: nan, posinf: posinf, neginf: neginf).viewAsComplex() }
    guard dtype.isFloatingPoint else { return self }
    let largest = dtype.largestFiniteNumber
    return Pointwise.nanToNum(self, ScalarParameters(.real(nan ?? 0), .real(posinf ?? largest), .real(neginf ?? -largest)))
  }

  public func deg2rad() -> Tensor { accepting(.real, in: "deg2rad", self) { Pointwise.degreesToRadians(self) } }
  public func rad2deg() -> Tensor { accepting(.real, in: "rad2deg", self) { Pointwise.radiansToDegrees(self) } }
  public func sinc() -> Tensor { Pointwise.sinc(self) }
  public func bitwiseNot() -> Tensor { Pointwise.bitwiseNot(self) }
  public func logicalNot() -> Tensor { Pointwise.logicalNot(self) }
  /// Itself; truth values have no sign and are refused.
  public func positive() -> Tensor { accepting(.number, in: "positive", self) { self } }

  /// Whether the sign bit is set.
  public var signBit: Tensor {
    switch dtype.category {
    case .bool: Tensor.full(like: self, false, dtype: .bool)
    case .integer: self .< 0
    default: Pointwise.signBit(self)
    }
  }

  public var isPositiveInfinity: Tensor {
    accepting(.real, in: "isposinf", self) {
      dtype.isFloatingPoint ? Pointwise.isPositiveInfinity(self) : Tensor.full(like: self, false, dtype: .bool)
    }
  }

  public var isNegativeInfinity: Tensor {
    accepting(.real, in: "isneginf", self) {
      dtype.isFloatingPoint ? Pointwise.isNegativeInfinity(self) : Tensor.full(like: self, false, dtype: .bool)
    }
  }

  /// Whether the imaginary part is 0.
  public var isReal: Tensor { dtype.isComplex ? imag .== 0 : Tensor.full(like: self, true, dtype: .bool) }

  /// The only element as a number of the tensor's own category.
  public func scalar() -> Scalar {
    switch dtype.category {
    case .bool: .bool(item(as: Bool.self))
    case .integer: .integer(item(as: Int64.self))
    case .floatingPoint: .real(item(as: Double.self))
    case .complex: item(as: Complex<Double>.self).scalar
    }
  }
}

extension DType {
  /// The largest finite number of a floating dtype.
  var largestFiniteNumber: Double {
    switch self {
    case .float16: 65504
    case .bfloat16: 0x1.FEp127
    case .float64: .greatestFiniteMagnitude
    case .float8e4m3fn: 448
    case .float8e4m3fnuz: 240
    case .float8e5m2, .float8e5m2fnuz: 57344
    default: Double(Float.greatestFiniteMagnitude)
    }
  }
}

// MARK: - Complex numbers as pairs

/// [...] complex as [..., 2] real, in the same memory.
struct ViewAsReal: UnaryOperation {
  static let name = "view_as_real"
  func forward(_ x: Tensor) throws(EmberError) -> Tensor {
    guard x.dtype.isComplex else { throw EmberError(.dtype, in: Self.name, "works on complex tensors, not on \(x.summary)") }
    guard x.rank < maximumRank else { throw EmberError(.shape, in: Self.name, "\(x.summary) has no room for one more dimension") }
    var strides = Strides()
    for d in 0..<x.rank { strides.append(x.strides[d] * 2) }
    strides.append(1)
    return x.reinterpreted(as: x.dtype.realType, Shape(Array(x.shape) + [2]), strides, offset: x.body.offset * 2)
  }
  func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> Tensor? { gradient.contiguous().viewAsComplex() }
}

/// [..., 2] real as [...] complex, in the same memory.
struct ViewAsComplex: UnaryOperation {
  static let name = "view_as_complex"
  func forward(_ x: Tensor) throws(EmberError) -> Tensor {
    guard [.float16, .float32, .float64].contains(x.dtype) else {
      throw EmberError(.dtype, in: Self.name, "works on float16, float32 and float64, not on \(x.summary)")
    }
    guard x.rank > 0, x.shape[x.rank - 1] == 2 else {
      throw EmberError(.shape, in: Self.name, "the last dimension of \(x.summary) must be of 2")
    }
    var strides = Strides()
    for d in 0..<x.rank - 1 {
      guard x.strides[d] % 2 == 0 || x.elementCount == 0 else {
        throw EmberError(
          .shape, in: Self.name,
          "dimension \(d) of \(x.summary) has a stride of \(x.strides[d]), which is not even; call contiguous() first")
      }
      strides.append(x.strides[d] / 2)
    }
    guard x.strides[x.rank - 1] == 1 || x.elementCount == 0, x.body.offset % 2 == 0 else {
      throw EmberError(.shape, in: Self.name, "the pairs of \(x.summary) do not lie together; call contiguous() first")
    }
    return x.reinterpreted(as: x.dtype.complexType, Shape(Array(x.shape.dropLast())), strides, offset: x.body.offset / 2)
  }
  func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> Tensor? { gradient.contiguous().viewAsReal() }
}

extension Tensor {
  /// A complex tensor as a real one with one more dimension, of real and imaginary part. A view.
  public func viewAsReal() -> Tensor { apply(ViewAsReal(), self) }
  /// A real tensor whose last dimension is 2 as a complex one. A view.
  public func viewAsComplex() -> Tensor { apply(ViewAsComplex(), self) }

  /// The same memory read as another dtype; the caller vouches for the layout.
  func reinterpreted(as dtype: DType, _ shape: Shape, _ strides: Strides, offset: Int) -> Tensor {
    Tensor(TensorBody(viewing: body, offset: offset, dtype: dtype, shape: shape, strides: strides))
  }
}

// MARK: - Registration

extension OperatorRegistry {
  mutating func addUnaryFunctions() {
    addUnary([
      "acos": .acos, "acosh": .acosh, "asin": .asin, "asinh": .asinh, "atan": .atan, "atanh": .atanh,
      "bitwise_not": .bitwiseNot, "cos": .cos, "cosh": .cosh, "digamma": .digamma, "erf": .erf, "erfc": .erfc, "erfinv": .erfinv,
      "exp": .exp, "exp2": .exp2, "expm1": .expm1, "isfinite": .isFinite, "isinf": .isInfinite, "isnan": .isNaN, "lgamma": .lgamma,
      "log": .log, "log10": .log10, "log1p": .log1p, "log2": .log2, "logical_not": .logicalNot, "reciprocal": .reciprocal, "rsqrt": .rsqrt,
      "sigmoid": .sigmoid, "sin": .sin, "sinc": .sinc, "sinh": .sinh, "sqrt": .sqrt, "tan": .tan, "tanh": .tanh,
    ])
    add("aten::abs(Tensor self) -> Tensor") { (x: Tensor) in x.abs() }
    add("aten::angle(Tensor self) -> Tensor") { (x: Tensor) in x.angle() }
    add("aten::neg(Tensor self) -> Tensor") { (x: Tensor) in -x }
    add("aten::sign(Tensor self) -> Tensor") { (x: Tensor) in x.sign() }
    add("aten::sgn(Tensor self) -> Tensor") { (x: Tensor) in x.sgn() }
    add("aten::square(Tensor self) -> Tensor") { (x: Tensor) in x.square() }
    add("aten::positive(Tensor self) -> Tensor") { (x: Tensor) in x.positive() }
    add("aten::floor(Tensor self) -> Tensor") { (x: Tensor) in x.floor() }
    add("aten::ceil(Tensor self) -> Tensor") { (x: Tensor) in x.ceil() }
    add("aten::trunc(Tensor self) -> Tensor") { (x: Tensor) in x.trunc() }
    add("aten::round(Tensor self) -> Tensor") { (x: Tensor) in x.round() }
    add("aten::round.decimals(Tensor self, *, int decimals) -> Tensor") { (x: Tensor, decimals: Int) in x.round(decimals: decimals) }
    add("aten::frac(Tensor self) -> Tensor") { (x: Tensor) in x.frac() }
    add("aten::frexp.Tensor(Tensor self) -> (Tensor mantissa, Tensor exponent)") { (x: Tensor) in
      let (mantissa, exponent) = x.frexp()
      return (mantissa, exponent)
    }
    add("aten::deg2rad(Tensor self) -> Tensor") { (x: Tensor) in x.deg2rad() }
    add("aten::rad2deg(Tensor self) -> Tensor") { (x: Tensor) in x.rad2deg() }
    add("aten::logit(Tensor self, float? eps=None) -> Tensor") { (x: Tensor, eps: Double?) in x.logit(eps: eps) }
    add("aten::nan_to_num(Tensor self, float? nan=None, float? posinf=None, float? neginf=None) -> Tensor") {
      (x: Tensor, nan: Double?, positive: Double?, negative: Double?) in x.nanToNum(nan: nan, posinf: positive, neginf: negative)
    }
    add("aten::polygamma(int n, Tensor self) -> Tensor") { (n: Int, x: Tensor) in x.polygamma(n) }
    add("aten::mvlgamma(Tensor self, int p) -> Tensor") { (x: Tensor, p: Int) in x.mvlgamma(p) }
    add("aten::signbit(Tensor self) -> Tensor") { (x: Tensor) in x.signBit }
    add("aten::isposinf(Tensor self) -> Tensor") { (x: Tensor) in x.isPositiveInfinity }
    add("aten::isneginf(Tensor self) -> Tensor") { (x: Tensor) in x.isNegativeInfinity }
    add("aten::isreal(Tensor self) -> Tensor") { (x: Tensor) in x.isReal }
    add("aten::real(Tensor self) -> Tensor") { (x: Tensor) in x.real }
    add("aten::imag(Tensor self) -> Tensor") { (x: Tensor) in x.imag }
    add("aten::conj(Tensor self) -> Tensor") { (x: Tensor) in x.conj() }
    add("aten::conj_physical(Tensor self) -> Tensor") { (x: Tensor) in x.conj() }
    // Conjugation and negation are never put off here.
    add("aten::resolve_conj(Tensor self) -> Tensor") { (x: Tensor) in x }
    add("aten::resolve_neg(Tensor self) -> Tensor") { (x: Tensor) in x }
    add("aten::view_as_real(Tensor self) -> Tensor") { (x: Tensor) in x.viewAsReal() }
    add("aten::view_as_complex(Tensor self) -> Tensor") { (x: Tensor) in x.viewAsComplex() }
    add("aten::item(Tensor self) -> Scalar") { (x: Tensor) in x.scalar() }
  }
}
