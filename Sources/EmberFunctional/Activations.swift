import EmberRuntime
import EmberTensor

// Pointwise activations that the core does not need itself. Where a function has a kink, its derivative there is PyTorch's.
extension Pointwise {
  static let hardTanh = Pointwise(
    "hardtanh", roles: [.value], parameters: 2, derivative: { _, p, y, g in [select((y .> p[0]) .& (y .< p[1]), g, 0)] }
  ) { x, p in EmberRuntime.minimum(EmberRuntime.maximum(x[0], p[0]), p[1]) }
  static let hardSigmoid = Pointwise(
    "hardsigmoid", roles: [.value], derivative: { x, _, _, g in [select((x[0] .> -3) .& (x[0] .< 3), g / 6, 0)] }
  ) { x, _ in EmberRuntime.minimum(EmberRuntime.maximum(x[0] + 3, 0), 6) / 6 }
  static let hardSwish = Pointwise(
    "hardswish", roles: [.value],
    derivative: { x, _, _, g in [select(x[0] .<= -3, 0, select(x[0] .< 3, g * (x[0] / 3 + 0.5), g))] }
  ) { x, _ in x[0] * EmberRuntime.minimum(EmberRuntime.maximum(x[0] + 3, 0), 6) / 6 }
  static let hardShrink = Pointwise("hardshrink", roles: [.value], parameters: 1) { x, p in
    select((x[0] .>= -p[0]) .& (x[0] .<= p[0]), 0, x[0])
  }
  static let softShrink = Pointwise(
    "softshrink", roles: [.value], parameters: 1,
    derivative: { x, p, _, g in [select((x[0] .>= -p[0]) .& (x[0] .<= p[0]), 0, g)] }
  ) { x, p in select(x[0] .> p[0], x[0] - p[0], select(x[0] .< -p[0], x[0] + p[0], 0 * x[0])) }
  static let threshold = Pointwise("threshold", roles: [.value], parameters: 2) { x, p in select(x[0] .<= p[0], p[1], x[0]) }
  /// α, scale and input scale: scale·x above 0, else scale·α·(exp(x·input scale) - 1).
  static let scaledELU = Pointwise(
    "elu", roles: [.value], parameters: 3,
    derivative: { x, p, _, g in
      [select(x[0] .> 0, g * p[1], g * p[1] * p[0] * p[2] * EmberRuntime.exp(EmberRuntime.minimum(x[0], 0) * p[2]))]
    }
  ) { x, p in select(x[0] .> 0, p[1] * x[0], p[1] * p[0] * EmberRuntime.expm1(EmberRuntime.minimum(x[0], 0) * p[2])) }
  static let mish = Pointwise(
    "mish", roles: [.value],
    derivative: { x, _, _, g in
      let t = EmberRuntime.tanh(EmberRuntime.log1p(EmberRuntime.exp(x[0])))
      return [g * (t + x[0] * EmberRuntime.sigmoid(x[0]) * (1 - t * t))]
    }
  ) { x, _ in x[0] * EmberRuntime.tanh(EmberRuntime.log1p(EmberRuntime.exp(x[0]))) }
  static let tanhShrink = Pointwise("tanhshrink", promotion: .floatingPoint) { x in x - EmberRuntime.tanh(x) }
  static let softSign = Pointwise("softsign", promotion: .floatingPoint) { x in x / (1 + abs(x)) }
  static let parametricReLU = Pointwise(
    "prelu", roles: [.value, .value],
    derivative: { x, _, _, g in [select(x[0] .> 0, g, x[1] * g), select(x[0] .> 0, 0, x[0] * g)] }
  ) { x, _ in select(x[0] .> 0, x[0], x[1] * x[0]) }
}

extension Tensor {
  /// This tensor after `function`, or an error if it is not floating point (or complex, where that is allowed).
  private func activated(_ function: Pointwise, _ parameters: ScalarParameters = .none) -> Tensor {
    guard dtype.isFloatingPoint || isPoisoned else {
      raise(EmberError(.dtype, in: function.name, "\(summary) is not floating point; convert with .to(.float32)"))
      return .poison
    }
    return function(self, parameters)
  }

  private func refuseBool(_ name: String, alsoComplex: Bool = true) -> Tensor? {
    guard dtype == .bool || (alsoComplex && dtype.isComplex) else { return nil }
    raise(EmberError(.dtype, in: name, "\(summary): is defined for integers and floating point; convert with .to(.float32)"))
    return .poison
  }

  /// Each element limited to `min` ... `max`; the derivative is 0 at the limits. Integers stay integers.
  public func hardTanh(min: Scalar = -1, max: Scalar = 1) -> Tensor {
    if let refused = refuseBool("hardtanh") { return refused }
    if min.real > max.real {
      raise(EmberError(.value, in: "hardtanh", "min \(min) is larger than max \(max)"))
      return .poison
    }
    // Limits of an integer tensor are cut to integers, so that the result's dtype stays.
    if dtype.isInteger {
      guard let low = Int64(exactly: min.real.rounded(.towardZero)), let high = Int64(exactly: max.real.rounded(.towardZero)) else {
        raise(EmberError(.value, in: "hardtanh", "\(min) ... \(max) are no limits for \(summary)"))
        return .poison
      }
      return Pointwise.hardTanh(self, ScalarParameters(.integer(low), .integer(high)))
    }
    return Pointwise.hardTanh(self, ScalarParameters(min, max))
  }

  /// min(max(x, 0), 6).
  public func relu6() -> Tensor { hardTanh(min: 0, max: 6) }

  /// min(max(x + 3, 0), 6) / 6.
  public func hardSigmoid() -> Tensor { activated(.hardSigmoid) }

  /// x · min(max(x + 3, 0), 6) / 6; Howard et al., arXiv:1905.02244.
  public func hardSwish() -> Tensor { activated(.hardSwish) }

  /// x, or 0 where |x| ≤ λ.
  public func hardShrink(_ lambda: Scalar = 0.5) -> Tensor { activated(.hardShrink, ScalarParameters(lambda)) }

  /// x moved towards 0 by λ, and 0 where |x| ≤ λ.
  public func softShrink(_ lambda: Scalar = 0.5) -> Tensor {
    guard lambda.real >= 0, lambda.real.isFinite else {
      raise(EmberError(.value, in: "softshrink", "lambda \(lambda); it must not be negative or infinite"))
      return .poison
    }
    return activated(.softShrink, ScalarParameters(lambda))
  }

  /// x where it is larger than `threshold`, else `value`.
  public func threshold(_ threshold: Scalar, _ value: Scalar) -> Tensor {
    if let refused = refuseBool("threshold") { return refused }
    if dtype.isInteger {
      guard let limit = integer(threshold), let number = integer(value) else {
        raise(EmberError(.value, in: "threshold", "\(threshold) or \(value) does not fit in \(summary)"))
        return .poison
      }
      return Pointwise.threshold(self, ScalarParameters(limit, number))
    }
    return Pointwise.threshold(self, ScalarParameters(threshold, value))
  }

  /// A number as this integer tensor's elements hold it, or nil if it does not fit.
  private func integer(_ number: Scalar) -> Scalar? {
    // Numbers that are not whole are held against the range as they are, negative integers wrap around.
    if !dtype.isSigned, number.category == .floatingPoint, number.real < 0 { return nil }
    let whole = number.real.rounded(.towardZero)
    let limit: Double = Double(sign: .plus, exponent: Swift.min(dtype.size * 8 - (dtype.isSigned ? 1 : 0), 63), significand: 1)
    guard whole >= -limit, whole < limit else { return nil }
    return .integer(Int64(whole))
  }

  /// max(0, x) + min(0, α·(exp(x / α) - 1)); Barron, arXiv:1704.07483.
  public func celu(alpha: Scalar = 1) -> Tensor {
    guard alpha.real != 0 else {
      raise(EmberError(.value, in: "celu", "alpha must not be 0"))
      return .poison
    }
    return activated(.scaledELU, ScalarParameters(alpha, 1.0, .real(1 / alpha.real)))
  }

  /// scale·x above 0, else scale·α·(exp(x) - 1), with the constants of Klambauer et al., arXiv:1706.02515.
  public func selu() -> Tensor { activated(.scaledELU, ScalarParameters(1.6732632423543772, 1.0507009873554805, 1.0)) }

  /// scale·x above 0, else scale·α·(exp(inputScale·x) - 1): ATen's general form of `elu`.
  public func elu(alpha: Scalar, scale: Scalar, inputScale: Scalar) -> Tensor {
    activated(.scaledELU, ScalarParameters(alpha, scale, inputScale))
  }

  /// x · tanh(log(1 + eˣ)); Misra, arXiv:1908.08681.
  public func mish() -> Tensor { activated(.mish) }

  /// x - tanh x.
  public func tanhShrink() -> Tensor { refuseBool("tanhshrink", alsoComplex: false) ?? Pointwise.tanhShrink(self) }

  /// x / (1 + |x|).
  public func softSign() -> Tensor {
    refuseBool("softsign", alsoComplex: false) ?? Pointwise.softSign(self)
  }

  /// x above 0, else weight·x, with one weight for all or one for each channel (dimension 1); He et al., arXiv:1502.01852.
  public func prelu(_ weight: Tensor) -> Tensor {
    guard mayRun("prelu", self), mayRun("prelu", weight) else { return .poison }
    return attempt { () throws(EmberError) in
      guard dtype.isFloatingPoint, weight.dtype == dtype else {
        throw EmberError(.dtype, in: "prelu", "input \(summary) and weight \(weight.summary) must be of one floating-point dtype")
      }
      guard weight.rank <= 1 else { throw EmberError(.shape, in: "prelu", "weight \(weight.summary); it must have at most one dimension") }
      if weight.elementCount != 1 {
        let channels = rank > 1 ? shape[1] : 1
        guard rank > 0, weight.elementCount == channels else {
          throw EmberError(
            .shape, in: "prelu", "weight \(weight.summary) for input \(summary); it must have 1 or \(channels) elements, one per channel")
        }
      }
      if weight.rank == 0 || rank <= 1 { return Pointwise.parametricReLU(self, rank == 0 ? weight.reshape([]) : weight) }
      return Pointwise.parametricReLU(self, weight.reshape([1, -1] + Array(repeating: 1, count: rank - 2)))
    }
  }

  /// a · sigmoid(b) of the two halves a and b of a dimension, whose extent must be even; Dauphin et al., arXiv:1612.08083.
  public func glu(_ dim: Int = -1) -> Tensor {
    guard mayRun("glu", self) else { return .poison }
    return attempt { () throws(EmberError) in
      guard rank > 0, dtype.isFloatingPoint else {
        throw EmberError(rank > 0 ? .dtype : .shape, in: "glu", "\(summary): it must be floating point and have at least one dimension")
      }
      let dimension = try wrapDimension(dim, rank, in: "glu")
      let half = shape[dimension] / 2
      guard shape[dimension] % 2 == 0 else { throw EmberError(.shape, in: "glu", "dimension \(dim) of \(summary) is not even") }
      return narrow(dimension, start: 0, length: half) * narrow(dimension, start: half, length: half).sigmoid()
    }
  }

  /// softmax(-x) along a dimension, in `dtype` if given.
  public func softmin(_ dim: Int, dtype: DType? = nil) -> Tensor { (-self).to(dtype ?? self.dtype).softmax(dim) }

  /// The dimension that softmax functions of `torch.nn.functional` take when none is given.
  var impliedSoftmaxDimension: Int { rank == 0 || rank == 1 || rank == 3 ? 0 : 1 }

  fileprivate func activation(_ name: String, _ body: (Tensor) -> Tensor) throws(EmberError) -> Tensor {
    guard dtype.isFloatingPoint || dtype.isComplex else {
      throw EmberError(.dtype, in: name, "\(summary) is not floating point; convert with .to(.float32)")
    }
    return body(self)
  }
}

extension Scalar {
  /// The number as a real one; of a complex number its real part.
  var real: Double {
    switch self {
    case .bool(let value): value ? 1 : 0
    case .integer(let value): Double(value)
    case .real(let value): value
    case .complex(let real, _): real
    }
  }
}

extension OperatorRegistry {
  mutating func addActivations() {
    addRectifiers()
    addShrinkages()
    addGates()
  }

  private mutating func addRectifiers() {
    add("torch.nn.functional.relu(Tensor input, bool inplace=False) -> Tensor") { (x: Tensor, _: Bool) in
      if x.dtype == .bool || x.dtype.isComplex {
        throw EmberError(.dtype, in: "relu", "\(x.summary): is defined for integers and floating point")
      }
      return x.relu()
    }
    add("torch.nn.functional.relu6(Tensor input, bool inplace=False) -> Tensor") { (x: Tensor, _: Bool) in x.relu6() }
    add("torch.nn.functional.leaky_relu(Tensor input, Scalar negative_slope=0.01, bool inplace=False) -> Tensor") {
      (x: Tensor, slope: Scalar, _: Bool) in try x.activation("leaky_relu") { $0.leakyReLU(negativeSlope: slope.real) }
    }
    add("aten::prelu(Tensor self, Tensor weight) -> Tensor") { (x: Tensor, weight: Tensor) in x.prelu(weight) }
    add("torch.nn.functional.elu(Tensor input, Scalar alpha=1.0, bool inplace=False) -> Tensor") { (x: Tensor, alpha: Scalar, _: Bool) in
      x.elu(alpha: alpha, scale: 1, inputScale: 1)
    }
    add("aten::elu(Tensor self, Scalar alpha=1, Scalar scale=1, Scalar input_scale=1) -> Tensor") {
      (x: Tensor, alpha: Scalar, scale: Scalar, inputScale: Scalar) in x.elu(alpha: alpha, scale: scale, inputScale: inputScale)
    }
    add("torch.nn.functional.celu(Tensor input, Scalar alpha=1.0, bool inplace=False) -> Tensor") { (x: Tensor, alpha: Scalar, _: Bool) in
      x.celu(alpha: alpha)
    }
    add("torch.nn.functional.selu(Tensor input, bool inplace=False) -> Tensor") { (x: Tensor, _: Bool) in x.selu() }
    add("aten::celu(Tensor self, Scalar alpha=1.0) -> Tensor") { (x: Tensor, alpha: Scalar) in x.celu(alpha: alpha) }
    add("aten::selu(Tensor self) -> Tensor") { (x: Tensor) in x.selu() }
    add("aten::leaky_relu(Tensor self, Scalar negative_slope=0.01) -> Tensor") { (x: Tensor, slope: Scalar) in
      try x.activation("leaky_relu") { $0.leakyReLU(negativeSlope: slope.real) }
    }
    add("torch.nn.functional.threshold(Tensor input, Scalar threshold, Scalar value, bool inplace=False) -> Tensor") {
      (x: Tensor, threshold: Scalar, value: Scalar, _: Bool) in x.threshold(threshold, value)
    }
    add("aten::threshold(Tensor self, Scalar threshold, Scalar value) -> Tensor") { (x: Tensor, threshold: Scalar, value: Scalar) in
      x.threshold(threshold, value)
    }
    add("torch.nn.functional.hardtanh(Tensor input, Scalar min_val=-1.0, Scalar max_val=1.0, bool inplace=False) -> Tensor") {
      (x: Tensor, min: Scalar, max: Scalar, _: Bool) in x.hardTanh(min: min, max: max)
    }
    add("aten::hardtanh(Tensor self, Scalar min_val=-1, Scalar max_val=1) -> Tensor") { (x: Tensor, min: Scalar, max: Scalar) in
      x.hardTanh(min: min, max: max)
    }
  }

  private mutating func addShrinkages() {
    add("aten::hardshrink(Tensor self, Scalar lambd=0.5) -> Tensor") { (x: Tensor, lambda: Scalar) in x.hardShrink(lambda) }
    add("aten::softshrink(Tensor self, Scalar lambd=0.5) -> Tensor") { (x: Tensor, lambda: Scalar) in x.softShrink(lambda) }
    add("torch.nn.functional.tanhshrink(Tensor input) -> Tensor") { (x: Tensor) in x.tanhShrink() }
    add("torch.nn.functional.softsign(Tensor input) -> Tensor") { (x: Tensor) in x.softSign() }
    add("torch.nn.functional.hardsigmoid(Tensor input, bool inplace=False) -> Tensor") { (x: Tensor, _: Bool) in x.hardSigmoid() }
    add("torch.nn.functional.hardswish(Tensor input, bool inplace=False) -> Tensor") { (x: Tensor, _: Bool) in x.hardSwish() }
    add("aten::hardsigmoid(Tensor self) -> Tensor") { (x: Tensor) in x.hardSigmoid() }
    add("aten::hardswish(Tensor self) -> Tensor") { (x: Tensor) in x.hardSwish() }
    add("aten::softplus(Tensor self, Scalar beta=1, Scalar threshold=20) -> Tensor") { (x: Tensor, beta: Scalar, threshold: Scalar) in
      try x.activation("softplus") { $0.softplus(beta: beta.real, threshold: threshold.real) }
    }
  }

  private mutating func addGates() {
    add("aten::gelu(Tensor self, *, str approximate=\"none\") -> Tensor") { (x: Tensor, approximate: String) in
      guard let approximation = Tensor.GELUApproximation(rawValue: approximate) else {
        throw EmberError(.value, in: "gelu", "approximate \"\(approximate)\"; it must be none or tanh")
      }
      return try x.activation("gelu") { $0.gelu(approximate: approximation) }
    }
    add("torch.nn.functional.silu(Tensor input, bool inplace=False) -> Tensor") { (x: Tensor, _: Bool) in
      try x.activation("silu") { $0.silu() }
    }
    add("aten::silu(Tensor self) -> Tensor") { (x: Tensor) in try x.activation("silu") { $0.silu() } }
    add("torch.nn.functional.mish(Tensor input, bool inplace=False) -> Tensor") { (x: Tensor, _: Bool) in x.mish() }
    add("aten::mish(Tensor self) -> Tensor") { (x: Tensor) in x.mish() }
    add("aten::log_sigmoid(Tensor self) -> Tensor") { (x: Tensor) in try x.activation("log_sigmoid") { $0.logSigmoid() } }
    add("torch.nn.functional.glu(Tensor input, int dim=-1) -> Tensor") { (x: Tensor, dim: Int) in x.glu(dim) }
    add("aten::glu(Tensor self, int dim=-1) -> Tensor") { (x: Tensor, dim: Int) in x.glu(dim) }
    add("torch.nn.functional.softmin(Tensor input, int? dim=None, int _stacklevel=3, ScalarType? dtype=None) -> Tensor") {
      (x: Tensor, dim: Int?, _: Int, dtype: DType?) in x.softmin(dim ?? x.impliedSoftmaxDimension, dtype: dtype)
    }
  }
}
